"""A catalogue of names with a type (artist, title, ...), and where they occur in texts.

Of the libraries that were tried for finding them, pyahocorasick and marisa-trie take many
times as long for a message, and ahocorasick_rs cannot be saved; none of them takes one more
name without being built anew.
"""

from itertools import compress, islice
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence

import numpy as np

from ..errors import Errors, excerpt, is_utf8, require_name
from ..locks import fork_safe_lock
from ..types import Ints1d
from .characters import CharInventory, code_points
from .name_index import MAX_TYPES, NameIndex, NameLines
from .name_matches import Matches

# The longest that are found: what finds names in a text needs time for each length.
MAX_NAME = 200
# 的, between an artist and what is by him.
_OF = ord("的")
# Names that are added at a time: with more, what is needed meanwhile takes more memory
# than the names.
_AT_A_TIME = 200_000
# One thread at a time adds names, to whatever catalogue.
_ADDING = fork_safe_lock()


class Catalogue:
    """Names by type. May be added to while other threads look names up."""

    def __init__(
        self,
        types: Sequence[str],
        *,
        fullwidth: bool = True,
        lowercase: bool = True,
        simplified: bool = False,
        symbols: bool = False,
    ) -> None:
        """Make a catalogue without names.

        types (Sequence[str]): The types that names may have.
        fullwidth (bool): Treat full-width forms as their ASCII counterparts.
        lowercase (bool): Treat upper case as lower case.
        simplified (bool): Treat traditional characters as simplified ones.
        symbols (bool): Treat all emoji and other symbols as one.
        RAISES (ValueError): If there are more than MAX_TYPES.
        """
        if len(types) > MAX_TYPES:
            raise ValueError(Errors.MQ061.format(n=len(types), most=MAX_TYPES))
        self.types = tuple(types)
        self._normalizer = CharInventory(
            fullwidth=fullwidth,
            lowercase=lowercase,
            simplified=simplified,
            symbols=symbols,
        )
        # A name a line, as a million strings would take more memory than all else.
        self._lines: Dict[str, List[str]] = {type_name: [] for type_name in types}
        self._index = NameIndex.empty()

    def __len__(self) -> int:
        """The number of different names."""
        return len(self._index)

    def __contains__(self, name: str) -> bool:
        """Whether something is a name of the catalogue, of any type, as messages are
        normalised."""
        return self._normalizer.normal_codes(name).tolist() in self._index

    def explains(self, query: str) -> bool:
        """Tell whether the words of a query are names: one, or two with 的 between them.

        query (str): The words, such as 周杰伦的晴天.
        RETURNS (bool): Whether they are.
        """
        codes, index = self._normalizer.normal_codes(query).tolist(), self._index
        halves = (
            (codes[:i], codes[i + 1 :]) for i, code in enumerate(codes) if code == _OF
        )
        return codes in index or any(a in index and b in index for a, b in halves)

    @property
    def index(self) -> NameIndex:
        """What finds the names. RETURNS (NameIndex): Another one whenever one is added."""
        return self._index

    def add(self, names: Mapping[str, Iterable[str]]) -> None:
        """Add names.

        names (Mapping[str, Iterable[str]]): Names by type, one of `types`. Blank ones
            are left out; one of two lines is two.
        """
        type_ids = {type_name: self.types.index(type_name) for type_name in names}
        with _ADDING:
            some: Dict[str, List[str]] = {}
            n_names = 0
            for type_name in type_ids:
                rest = iter(names[type_name])
                while of_type := list(islice(rest, _AT_A_TIME - n_names)):
                    some[type_name] = of_type
                    n_names += len(of_type)
                    if n_names == _AT_A_TIME:
                        self._add_some(some)
                        some, n_names = {}, 0
            self._add_some(some)

    def _add_some(self, names: Mapping[str, List[str]]) -> None:
        # All at once, as a million calls would take seconds, and each makes tables anew.
        if not names:
            return
        of_types = [self._normalized(of_type) for of_type in names.values()]
        n_names = [len(lines.lengths) for lines in of_types]
        texts, *columns = zip(*of_types)
        of_types.clear()  # what is needed once takes memory no longer
        lines = NameLines("", *(np.concatenate(columns.pop(0)) for _ in range(3)))
        type_ids = [self.types.index(type_name) for type_name in names]
        index, is_new = self._index.joined(lines, np.repeat(type_ids, n_names))
        of_each = np.split(is_new, np.cumsum(n_names)[:-1])
        for type_name, text, of_type in zip(names, texts, of_each):
            if not of_type.all():
                text = "\n".join(compress(text.split("\n"), of_type.tolist()))
            if text:
                self._lines[type_name].append(text)
        self._index = index

    def _normalized(self, names: List[str]) -> NameLines:
        """Different names, as messages are normalised."""
        text = "\n".join(names)
        normal = self._normalizer.normalize(text)
        if normal == text and (lines := _tidy_lines(text)) is not None:
            return lines  # what has been saved
        different = dict.fromkeys(filter(None, map(str.strip, normal.split("\n"))))
        return NameLines.of("\n".join(different))

    def __getstate__(self) -> Dict[str, Any]:
        with _ADDING:  # the names and what finds them must be of one moment
            lines = {type_name: list(of_type) for type_name, of_type in self._lines.items()}
            return {**self.__dict__, "_lines": lines}

    def names(self) -> Dict[str, List[str]]:
        """List all names.

        RETURNS (Dict[str, List[str]]): The names, normalised, by type.
        """
        return {
            type_name: [name for lines in list(of_type) for name in lines.split("\n")]
            for type_name, of_type in self._lines.items()
        }

    def find_all(self, texts: Sequence[str], sizes: Ints1d) -> Matches:
        """Find the names in many texts at once. In the middle of a word of Latin letters
        or digits no name begins or ends.

        texts (Sequence[str]): The texts.
        sizes (Ints1d): The length of each.
        RETURNS (Matches): The names in all of them; they may overlap.
        """
        return self._index.find(self._normalizer.normal_codes("".join(texts)), sizes)


def _tidy_lines(text: str) -> Optional[NameLines]:
    """Names, a line each, if they are different and have no blanks at their edges."""
    lines = NameLines.of(text)
    if not lines.lengths.all():
        return None
    ends = np.cumsum(lines.lengths + 1) - 1
    codes = code_points(text)
    edges = codes[np.concatenate((ends - lines.lengths, ends - 1))]
    is_tidy = (
        not _IS_BLANK[np.minimum(edges, len(_IS_BLANK) - 1)].any()
        and np.diff(np.sort(lines.hashes)).all()
    )
    return lines if is_tidy else None


# The last one stands for all further characters.
_IS_BLANK = np.array([chr(code).isspace() for code in range(0x3001)] + [False])


def require_names(name: str, names: Any) -> None:
    """Refuse what is no dictionary of lists of strings, or could not be saved or found.

    name (str): Who was given it, for the error.
    names (Any): What should be names by type.
    RAISES (ValueError): If it is something else.
    """
    is_sound = isinstance(names, Mapping) and all(
        isinstance(of_type, (list, tuple, set, frozenset))
        and (set(map(type, of_type)) <= {str} or all(isinstance(i, str) for i in of_type))
        for of_type in names.values()
    )
    if not is_sound:
        raise ValueError(Errors.MQ016.format(name=name, value=excerpt(repr(names))))
    for type_name, of_type in names.items():
        require_name(name, "a type of names", type_name)
        if not is_utf8("\n".join(of_type)):
            wrong = next(item for item in of_type if not is_utf8(item))
            require_name(name, f"a name of the type '{type_name}'", wrong)
        if max(map(len, of_type), default=0) <= MAX_NAME:
            continue
        for item in of_type:
            # One of several lines is several.
            if (n := max(map(len, item.split("\n")))) > MAX_NAME:
                raise ValueError(
                    Errors.MQ265.format(
                        name=name, length=n, most=MAX_NAME, value=excerpt(item)
                    )
                )
