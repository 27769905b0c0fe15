"""A catalogue of names with a type (artist, title, ...), and where they occur in texts.

In a single text, names are found by looking up every stretch that begins like a name in
a dictionary; in many texts, by a `NameIndex`. Of the libraries that were tried,
pyahocorasick is far larger and slower to load with a million names, ahocorasick_rs
cannot be saved, and marisa-trie is slower.
"""

import re
import threading
from functools import lru_cache
from itertools import islice, zip_longest
from operator import itemgetter
from typing import Any, Dict, Iterable, List, Mapping, Sequence, Tuple

import numpy as np

from .encoding import CharInventory
from .errors import Errors, excerpt
from .name_index import Matches, NameIndex
from .types import Ints1d, Ints2d

# How many of the names that a character is part of are seen; the longest come first.
N_COLUMNS = 4
# Classes of names by length: 1, 2, 3, 4, and 5 or more characters.
N_LENGTHS = 5
# Where in a name a character stands: first, inside, last. That of one is the first.
N_PLACES = 3
_FIRST, _INSIDE, _LAST = range(N_PLACES)

_LENGTH = itemgetter(1)
_WORD = re.compile("[a-z0-9]{2}", re.IGNORECASE)

# Names that are added at a time: with more, what is needed meanwhile takes more memory
# than the names.
_AT_A_TIME = 100_000
# One thread at a time adds names, to whatever catalogue.
_ADDING = threading.Lock()


# A name that occurs in a text: its first character, how many it has, its type.
Match = Tuple[int, int, int]


class Catalogue:
    """Names by type. May be added to while other threads look names up."""

    def __init__(
        self, types: Sequence[str], *, fullwidth: bool = True, lowercase: bool = True
    ) -> None:
        """types (Sequence[str]): The types that names may have.
        fullwidth (bool): Treat full-width forms as their ASCII counterparts.
        lowercase (bool): Treat upper case as lower case.
        """
        self.types = tuple(types)
        self._normalizer = CharInventory(fullwidth=fullwidth, lowercase=lowercase)
        self._types_of_name: Dict[str, Tuple[int, ...]] = {}
        # The lengths of the names that begin with two characters (or are one).
        self._lengths: Dict[str, Tuple[int, ...]] = {}
        self._index = NameIndex.empty()

    def __len__(self) -> int:
        """The number of different names."""
        return len(self._types_of_name)

    def add(self, names: Mapping[str, Iterable[str]]) -> None:
        """Add names.

        names (Mapping[str, Iterable[str]]): Names by type, one of `types`. Blank ones
            are left out.
        """
        with _ADDING:
            for type_name, of_type in names.items():
                type_id = self.types.index(type_name)
                rest = iter(of_type)
                while some := list(islice(rest, _AT_A_TIME)):
                    new = self._new_of_type(self._normalized(some), type_id)
                    if new:
                        self._note_lengths(new)
                        self._index = self._index.joined(new, [type_id] * len(new))

    def _normalized(self, names: List[str]) -> Iterable[str]:
        """All at once, as a million calls would take seconds; and without a copy of
        names that are normal already, as saved ones are."""
        joined = "\n".join(names)
        normal = self._normalizer.normalize(joined)
        return map(str.strip, names if normal == joined else normal.split("\n"))

    def _new_of_type(self, names: Iterable[str], type_id: int) -> List[str]:
        """Note the type of some names; returns those that did not have it yet."""
        known = self._types_of_name
        different = dict.fromkeys(filter(None, names))
        others = [name for name in different if name in known]
        new = [name for name in different if name not in known]
        known.update(dict.fromkeys(new, _shared((type_id,))))
        for name in others:
            if type_id not in known[name]:
                known[name] = _shared(sorted((*known[name], type_id)))
                new.append(name)
        return new

    def _note_lengths(self, names: Iterable[str]) -> None:
        of_beginning = self._lengths
        for name in names:
            beginning, length = name[:2], len(name)
            lengths = of_beginning.get(beginning)
            if lengths is None:
                of_beginning[beginning] = _shared((length,))
            elif length not in lengths:
                of_beginning[beginning] = _shared(sorted((*lengths, length)))

    def names(self) -> Dict[str, List[str]]:
        """RETURNS (Dict[str, List[str]]): The names, normalised, by type."""
        names: Dict[str, List[str]] = {type_name: [] for type_name in self.types}
        for name, type_ids in list(self._types_of_name.items()):
            for type_id in type_ids:
                names[self.types[type_id]].append(name)
        return names

    def find_all(self, texts: Sequence[str], sizes: Ints1d) -> Matches:
        """Find the names in many texts at once; see `find`.

        texts (Sequence[str]): The texts.
        sizes (Ints1d): The length of each.
        RETURNS (Matches): The names in all of them.
        """
        return self._index.find(self._normalizer.normalize("".join(texts)), sizes)

    def find(self, text: str) -> List[Match]:
        """Find the names in a text. In the middle of a word of Latin letters or digits
        no name begins or ends.

        text (str): The text.
        RETURNS (List[Match]): The names, by start and length; they may overlap.
        """
        text = self._normalizer.normalize(text)
        size = len(text)
        lengths_of, types_of = self._lengths.get, self._types_of_name.get
        found: List[Tuple[int, int, Tuple[int, ...]]] = []
        for start, char in enumerate(text):
            types = types_of(char)
            if types:
                found.append((start, 1, types))
            for length in lengths_of(text[start : start + 2], ()):
                if start + length > size:
                    break
                types = types_of(text[start : start + length])
                if types and length > 1:
                    found.append((start, length, types))
        if _WORD.search(text):
            found = [
                (start, length, types)
                for start, length, types in found
                if not (_in_word(text, start) or _in_word(text, start + length))
            ]
        return [(start, length, t) for start, length, types in found for t in types]


def require_names(name: str, names: Any) -> None:
    """Refuse what is no dictionary of lists of strings.

    name (str): Who was given it, for the error.
    names (Any): What should be names by type.
    RAISES (ValueError): If it is something else.
    """
    is_sound = isinstance(names, Mapping) and all(
        isinstance(of_type, (list, tuple, set, frozenset))
        and all(isinstance(item, str) for item in of_type)
        for of_type in names.values()
    )
    if not is_sound:
        raise ValueError(Errors.MQ016.format(name=name, value=excerpt(repr(names))))


def n_features(n_types: int) -> int:
    """n_types (int): The number of types.
    RETURNS (int): How many things a character can be within a name.
    """
    return n_types * N_LENGTHS * N_PLACES


def encode_matches(matches: Matches, n_chars: int, offset: int = 0) -> Ints2d:
    """What each character of a batch of texts is within names.

    matches (Matches): The names found in them.
    n_chars (int): How many characters all texts have.
    offset (int): Added to every feature.
    RETURNS (Ints2d): Numbers of features, from 1 + offset, the longest names' first; 0 where
        there is none (characters, n): as many columns as the character with most names
        needs, and no more than N_COLUMNS.
    """
    starts, sizes, types = matches
    if not len(starts):
        return np.zeros((n_chars, 0), dtype="int32")
    # The longest names first; then each character finds its own in this order.
    order = np.lexsort((types, starts, -sizes))
    starts, sizes, types = starts[order], sizes[order], types[order]
    ends = np.cumsum(sizes)
    place = np.arange(ends[-1]) - np.repeat(ends - sizes, sizes)
    chars = np.repeat(starts, sizes) + place
    position = np.full(len(place), _INSIDE)
    position[ends - 1] = _LAST
    position[ends - sizes] = _FIRST
    of_name = (types * N_LENGTHS + np.minimum(sizes, N_LENGTHS) - 1) * N_PLACES + 1 + offset
    feature = np.repeat(of_name, sizes) + position
    order = np.argsort(chars, kind="stable")
    chars, feature = chars[order], feature[order]
    is_new = np.append(True, chars[1:] != chars[:-1])
    first = np.flatnonzero(is_new)
    column = np.arange(len(chars)) - first[np.cumsum(is_new) - 1]
    kept = column < N_COLUMNS
    features = np.zeros((n_chars, column[kept].max() + 1), dtype="int32")
    features[chars[kept], column[kept]] = feature[kept]
    return features


def join_matches(matches: Sequence[Sequence[Match]], lengths: Ints1d) -> Matches:
    """matches (Sequence[Sequence[Match]]): The names found in each text.
    lengths (Ints1d): The length of each text.
    RETURNS (Matches): The names in all of them.
    """
    text_starts = (np.cumsum(lengths) - lengths).tolist()
    rows = [
        (text_start + start, length, type_id)
        for text_start, of_text in zip(text_starts, matches)
        for start, length, type_id in of_text
    ]
    return Matches(*np.array(rows, dtype="int64").reshape(-1, 3).T)


def encode_matches_of_one(
    matches: Sequence[Match], size: int, offset: int = 0
) -> List[Tuple[int, ...]]:
    """`encode_matches` for one short text, which plain Python makes faster.

    matches (Sequence[Match]): The names found in it, by start.
    size (int): Its length.
    offset (int): Added to every feature.
    RETURNS (List[Tuple[int, ...]]): The columns: as many as the character with most names
        needs, and no more than N_COLUMNS.
    """
    rows: List[List[int]] = [[] for _ in range(size)]
    # As equal ones keep their order: by length, start and type, as they are in a batch.
    for start, length, type_id in sorted(matches, key=_LENGTH, reverse=True):
        for i, feature in enumerate(_features(type_id, length, offset), start):
            rows[i].append(feature)
    return list(zip_longest(*rows, fillvalue=0))[:N_COLUMNS]


@lru_cache(maxsize=1024)
def _features(type_id: int, length: int, offset: int) -> Tuple[int, ...]:
    """What the characters of a name are."""
    first = (type_id * N_LENGTHS + min(length, N_LENGTHS) - 1) * N_PLACES + 1 + offset
    inside = [first + _INSIDE] * (length - 2)
    return (first + _FIRST, *inside, first + _LAST)[:length]


def perturb(
    matches: Sequence[Sequence[Match]],
    lengths: Ints1d,
    n_types: int,
    *,
    catalogue_dropout: float,
    name_dropout: float,
    distractors: float,
) -> List[List[Match]]:
    """Make a catalogue less complete and less right than it is, for training: a tagger
    must neither need a name to be listed nor believe every name that is. Draws from
    numpy's generator.

    matches (Sequence[Sequence[Match]]): The names found in each text.
    lengths (Ints1d): The length of each text.
    n_types (int): The number of types.
    catalogue_dropout (float): Share of the texts whose names are all forgotten, as if
        there were no catalogue.
    name_dropout (float): Share of the names to forget in the others.
    distractors (float): How many names to make up, a text, on average: stretches of any
        type that lie anywhere.
    RETURNS (List[List[Match]]): What is left and what is new.
    """
    is_seen = np.random.random_sample(len(matches)) >= catalogue_dropout
    n_made_up = np.random.poisson(distractors, len(matches)) * is_seen
    changed = [
        [m for m in of_text if seen and np.random.random_sample() >= name_dropout]
        for of_text, seen in zip(matches, is_seen.tolist())
    ]
    for of_text, size, n_new in zip(changed, lengths.tolist(), n_made_up.tolist()):
        for _ in range(n_new):
            length = 1 + np.random.randint(min(size, 6)) if size else 0
            if length:
                start = np.random.randint(size - length + 1)
                of_text.append((start, length, np.random.randint(n_types)))
    return changed


_SHARED: Dict[Tuple[int, ...], Tuple[int, ...]] = {}


def _shared(numbers: Iterable[int]) -> Tuple[int, ...]:
    """The same tuple for equal numbers: a million names have few different ones."""
    key = tuple(numbers)
    return _SHARED.setdefault(key, key)


def _in_word(text: str, place: int) -> bool:
    """Whether both sides of a place belong to one word of Latin letters or digits."""
    sides = text[place - 1 : place + 1] if place else ""
    return len(sides) == 2 and sides.isascii() and sides.isalnum()
