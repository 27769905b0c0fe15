"""The index of a catalogue: its entries, the keys they are found by, and their search.

Longer than other modules, as what is built and what is read are one list of arrays.
"""

import io
import re
from itertools import chain
from pathlib import Path
from typing import (
    Any,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import numpy as np

from ..errors import Errors, excerpt, is_name, is_utf8
from ..saving.atomic import complete_file
from .buckets import make_buckets
from .entries import ALIAS, ARTIST, BARE, NAME, WORK, Entry
from .entry_table import EntryTable, Strings
from .index_file import (
    BEGINNING,
    Buffer,
    digest_of,
    map_file,
    read_index,
    unreadable,
    write_index,
)
from .keys import fold_text, spell_name
from .postings import make_postings
from .search import NameSearch
from .sound_arrays import MOST_TYPES, require_sound_arrays, require_sound_facts
from .sounds import N_CODES, SoundTable, make_sound_table
from .wording import wording_costs

_ROLES = {
    **dict.fromkeys(("artist", "singer", "band", "group", "composer"), ARTIST),
    **dict.fromkeys(("title", "song", "track", "album", "work", "screen", "film"), WORK),
}

# What it costs to leave out a character: most; particles and the like, which nobody hears;
# and Latin letters, of which a word has more than one of Chinese has characters.
_GAP = 0.9
_PARTICLE_GAP = 0.4
_LETTER_GAP = 0.4
_PARTICLES = "的了啊呢吧着得地就都也之一个么吗是在呀哦与和"

# What joins several artists in one name.
_JOINED = re.compile(r"\s*(?:[/、&,，;；＆]|\bfeat\b\.?|\bft\b\.?)\s*", re.IGNORECASE)
_MOST_INITIALS = 8
# The arrays that names are searched with, beside those that come in twos.
_SEARCHED = (
    "units",
    "starts",
    "postings",
    "readings",
    "folded",
    "initials",
    "distances",
    "gaps",
    "wording",
)


def pack_strings(strings: Sequence[str]) -> Tuple[np.ndarray, np.ndarray]:
    """Write strings in a row. RETURNS (Tuple[np.ndarray, np.ndarray]): See `Strings`."""
    encoded = [string.encode() for string in strings]
    offsets = np.zeros(len(encoded) + 1, dtype="uint32")
    np.cumsum(np.fromiter(map(len, encoded), "int64", len(encoded)), out=offsets[1:])
    return np.frombuffer(b"".join(encoded), dtype="uint8"), offsets


def pack_lists(
    owners: np.ndarray, values: np.ndarray, n_lists: int
) -> Tuple[np.ndarray, np.ndarray]:
    """Make lists of pairs.

    owners (np.ndarray): The list of each number.
    values (np.ndarray): The numbers.
    n_lists (int): How many lists there are.
    RETURNS (Tuple[np.ndarray, np.ndarray]): All numbers in a row, in each list in the order
        given; and where each list begins, and where the last ends.
    """
    order = np.argsort(owners, kind="stable")
    offsets = np.zeros(n_lists + 1, dtype="uint32")
    np.cumsum(np.bincount(owners, minlength=n_lists), out=offsets[1:])
    return values[order].astype("int32"), offsets


class LinkIndex:
    """A catalogue that queries can be linked to. Does not change, so that many threads may
    use it, and another one can take its place at any moment.

    types (List[str]): The types of its entries.
    search (NameSearch): Finds keys.
    table (EntryTable): What they stand for.
    """

    def __init__(self, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Make an index of what `build` made or a file holds.

        facts (Mapping[str, Any]): What is no array.
        arrays (Mapping[str, np.ndarray]): The arrays, which are not copied.
        """
        self._facts = dict(facts)
        self._arrays = dict(arrays)
        self.types: List[str] = list(facts["types"])
        self.syllables: List[str] = list(facts["syllables"])
        self.syllable_ids = {spelling: i for i, spelling in enumerate(self.syllables)}
        self._aliases = Strings(arrays["aliases"], arrays["aliases.offsets"])
        self.table = EntryTable(arrays, self.types)
        self.search = NameSearch(**search_arrays(arrays))

    def __len__(self) -> int:
        """The number of entries."""
        return len(self._arrays["ids.offsets"]) - 1

    @property
    def n_keys(self) -> int:
        """The number of different keys."""
        return len(self._arrays["starts"]) - 1

    @property
    def arrays(self) -> Mapping[str, np.ndarray]:
        """What it is made of. RETURNS (Mapping[str, np.ndarray]): Its arrays by name."""
        return self._arrays

    @property
    def facts(self) -> Mapping[str, Any]:
        """What it is made of that is no array. RETURNS (Mapping[str, Any]): By name."""
        return self._facts

    @property
    def n_bytes(self) -> int:
        """How much memory its arrays take, in bytes."""
        return sum(array.nbytes for array in self._arrays.values())

    def __deepcopy__(self, memo: Dict[int, Any]) -> "LinkIndex":
        """What does not change need not be there twice: pipelines that are copied share it."""
        return self

    def __reduce__(self) -> Tuple:
        return LinkIndex.from_bytes, (self.to_bytes(),)

    def entries(self) -> Iterator[Entry]:
        """List what the index was made from. YIELDS (Entry): The entries, in order."""
        popularities = self._arrays["popularities"]
        for place in range(len(self)):
            id, type_name, name, artist = self.table.describe(place)
            known = float(popularities[place])
            yield Entry(
                id,
                type_name,
                name,
                tuple(filter(None, self._aliases.get(place).split("\t"))),
                tuple(filter(None, artist.split(ARTIST_SEPARATOR))),
                None if np.isnan(known) else known,
            )

    @classmethod
    def build(cls, entries: Iterable[Entry]) -> "LinkIndex":
        """Make an index.

        entries (Iterable[Entry]): The entries; the ids of a type must differ.
        RETURNS (LinkIndex): The index.
        RAISES (ImportError): pypinyin is not installed.
        RAISES (ValueError): There are too many types, or one that is no name, or a text that
            UTF-8 cannot hold.
        """
        return cls(*_IndexBuilder(list(entries)).build())

    def updated(self, entries: Iterable[Entry], removed: Iterable[str] = ()) -> "LinkIndex":
        """Make an index with some entries changed.

        entries (Iterable[Entry]): New ones, and others that take the place of those with
            the same type and id.
        removed (Iterable[str]): The ids of those to leave out.
        RETURNS (LinkIndex): The new index.
        """
        without = set(removed)
        of_id = {(e.type, e.id): e for e in self.entries() if e.id not in without}
        of_id.update(((entry.type, entry.id), entry) for entry in entries)
        return LinkIndex.build(of_id.values())

    def to_bytes(self) -> bytes:
        """Save to a bytestring. RETURNS (bytes): What `from_bytes` reads."""
        file = io.BytesIO()
        write_index(file, self._facts, self._arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(
        cls, data: bytes, source: object = "of bytes", digest: Optional[str] = None
    ) -> "LinkIndex":
        """Load from a bytestring.

        data (bytes): What `to_bytes` returned.
        source (object): Where it comes from, for the error.
        digest (Optional[str]): The checksum that it must have; None for any.
        RETURNS (LinkIndex): The index.
        RAISES (SavedModelError): If it is damaged, or another one.
        """
        return cls._read(data, source, digest)

    def to_disk(self, path: Union[str, Path]) -> None:
        """Save to a file. Whoever has mapped one that was there keeps it; a save that fails
        leaves it.

        path (Union[str, Path]): The file; its folder is made if need be.
        RAISES (ValueError): If it could not be read again.
        """
        with complete_file(Path(path)) as unfinished, unfinished.open("wb") as file:
            write_index(file, self._facts, self._arrays)

    @classmethod
    def from_disk(cls, path: Union[str, Path], digest: Optional[str] = None) -> "LinkIndex":
        """Load from a file, which is mapped into memory.

        path (Union[str, Path]): The file.
        digest (Optional[str]): The checksum that it must have; None for any.
        RETURNS (LinkIndex): The index.
        RAISES (SavedModelError): If it is missing or damaged, or another one.
        """
        return cls._read(map_file(Path(path)), path, digest)

    @classmethod
    def _read(cls, data: Buffer, source: object, digest: Optional[str]) -> "LinkIndex":
        facts, arrays = read_index(data, source)
        if digest is not None and digest_of(data[:BEGINNING]) != digest:
            raise unreadable(source, "it was not saved together with the file 'cfg'")
        try:
            require_sound_facts(facts)
            require_sound_arrays(
                arrays, n_types=len(facts["types"]), n_syllables=len(facts["syllables"])
            )
            index = cls(facts, arrays)
        except Exception as error:  # whatever a file that is sealed but no index holds
            problem = f"it is damaged ({type(error).__name__}: {error})"
            raise unreadable(source, problem) from error
        return index


def search_arrays(arrays: Mapping[str, np.ndarray]) -> Dict[str, Any]:
    """Choose the arrays that names are searched with.

    arrays (Mapping[str, np.ndarray]): Those of an index.
    RETURNS (Dict[str, Any]): What `NameSearch` is made of.
    """
    return {
        "offsets": arrays["postings.offsets"],
        "exact": (arrays["exact"], arrays["exact.offsets"]),
        "spoken": (arrays["spoken"], arrays["spoken.offsets"]),
        **{name: arrays[name] for name in _SEARCHED},
    }


# Between the artists of a title.
ARTIST_SEPARATOR = " / "


class _IndexBuilder:
    """Makes the arrays of an index."""

    def __init__(self, entries: List[Entry]) -> None:
        self._entries = entries
        self._sounds: SoundTable = make_sound_table()
        # The place of every key.
        self._places: Dict[str, int] = {}

    def build(self) -> Tuple[Dict[str, Any], Dict[str, np.ndarray]]:
        entries, sounds = self._entries, self._sounds
        types = _types_of(entries)
        _require_utf8(entries)
        type_ids = {name: i for i, name in enumerate(types)}
        owners, of_entry, kinds = self._add_names()
        artist_owners, artist_keys = self._add_artists()
        units, starts = self._join_keys()
        known = np.array(
            [np.nan if e.popularity is None else e.popularity for e in entries],
            dtype="float64",
        )
        ranks = _rank(known)
        order = np.argsort(-ranks[of_entry].astype("int64"), kind="stable")
        n_keys = len(starts) - 1
        of_key = pack_lists(owners[order], of_entry[order], n_keys)
        kinds_of_key = pack_lists(owners[order], kinds[order], n_keys)
        of_artists = pack_lists(artist_owners, artist_keys, len(entries))
        entry_types = np.array([type_ids[entry.type] for entry in entries], dtype="uint16")
        roles_of_type = np.array(
            [_ROLES.get(name.lower(), 0) for name in types], dtype="uint8"
        )
        roles_of_entry = roles_of_type[entry_types]
        roles_of_entry[[i for i, entry in enumerate(entries) if entry.artists]] |= WORK
        roles = np.zeros(n_keys, dtype="uint8")
        np.bitwise_or.at(roles, owners, roles_of_entry[of_entry])
        roles[artist_keys] |= ARTIST
        postings = make_postings(units, starts, sounds)
        exact, exact_offsets = make_buckets(units, starts, np.arange(n_keys))
        spoken, spoken_offsets = self._spoken(units, starts)
        arrays = {
            "units": units,
            "starts": starts,
            "postings": postings.keys,
            "postings.offsets": postings.offsets,
            "readings": sounds.readings,
            "folded": sounds.folded,
            "initials": sounds.initials,
            "distances": sounds.distances,
            "gaps": _gap_costs(),
            "wording": wording_costs(units, starts, self._places),
            "exact": exact,
            "exact.offsets": exact_offsets,
            "spoken": spoken,
            "spoken.offsets": spoken_offsets,
            "of_key": of_key[0],
            "of_key.offsets": of_key[1],
            "of_key.kinds": kinds_of_key[0].astype("uint8"),
            "roles": roles,
            "artist_keys": of_artists[0],
            "artist_keys.offsets": of_artists[1],
            "types": entry_types,
            "popularity": ranks,
            "popularities": known,
        }
        for name, strings in (
            ("ids", [entry.id for entry in entries]),
            ("names", [entry.name for entry in entries]),
            ("artists", [ARTIST_SEPARATOR.join(entry.artists) for entry in entries]),
            ("aliases", ["\t".join(entry.aliases) for entry in entries]),
        ):
            arrays[name], arrays[f"{name}.offsets"] = pack_strings(strings)
        return {"types": types, "syllables": list(sounds.syllables)}, arrays

    def _add_names(self) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Make the keys of all names. RETURNS (Tuple): Of each the key, entry and kind."""
        places = self._places
        found: Dict[Tuple[int, int], int] = {}
        # All at once, as a million calls would take seconds.
        lines = fold_text("\n".join(_on_one_line(e.name) for e in self._entries)).split(
            "\n"
        )
        for i, (line, entry) in enumerate(zip(lines, self._entries)):
            for key, is_bare in spell_name(line):
                place = places.setdefault(key, len(places))
                found.setdefault((place, i), BARE if is_bare else NAME)
            for alias in entry.aliases:
                for key, is_bare in spell_name(fold_text(_on_one_line(alias))):
                    place = places.setdefault(key, len(places))
                    found.setdefault((place, i), BARE if is_bare else ALIAS)
        pairs = np.fromiter(chain.from_iterable(found), "int64", 2 * len(found)).reshape(
            -1, 2
        )
        kinds = np.fromiter(found.values(), "int64", len(found))
        return pairs[:, 0], pairs[:, 1], kinds

    def _add_artists(self) -> Tuple[np.ndarray, np.ndarray]:
        """Make the keys of the artists of titles, with those of their aliases, and of each
        of several. RETURNS (Tuple): Entries, and keys."""
        aliases: Dict[str, Tuple[str, ...]] = {
            entry.name: entry.aliases
            for entry in self._entries
            if entry.aliases and _ROLES.get(entry.type.lower()) == ARTIST
        }
        of_artist: Dict[str, Tuple[int, ...]] = {}
        owners: List[int] = []
        keys: List[int] = []
        for i, entry in enumerate(self._entries):
            for artist in entry.artists:
                places = of_artist.get(artist)
                if places is None:
                    names = [artist, *filter(None, _JOINED.split(artist))]
                    names.extend(
                        alias for name in names[:] for alias in aliases.get(name, ())
                    )
                    places = tuple(dict.fromkeys(self._places_of_all(names)))
                    of_artist[artist] = places
                owners.extend([i] * len(places))
                keys.extend(places)
        return np.array(owners, dtype="int64"), np.array(keys, dtype="int64")

    def _places_of_all(self, names: Iterable[str]) -> Iterator[int]:
        for name in names:
            for key, _ in spell_name(fold_text(_on_one_line(name))):
                yield self._places.setdefault(key, len(self._places))

    def _join_keys(self) -> Tuple[np.ndarray, np.ndarray]:
        joined = "".join(self._places).encode("utf-16-le", "surrogatepass")
        starts = np.zeros(len(self._places) + 1, dtype="uint32")
        lengths = np.fromiter(map(len, self._places), "int64", len(self._places))
        np.cumsum(lengths, out=starts[1:])
        return np.frombuffer(joined, dtype="<u2"), starts

    def _spoken(
        self, units: np.ndarray, starts: np.ndarray
    ) -> Tuple[np.ndarray, np.ndarray]:
        """The keys of Chinese characters alone, by their initials."""
        initials = self._sounds.initials[units]
        is_spoken = (self._sounds.readings[units, 0] != 0).astype("int64")
        sums = np.concatenate([[0], np.cumsum(is_spoken)])
        lengths = np.diff(starts.astype("int64"))
        n_spoken = sums[starts[1:]] - sums[starts[:-1]]
        fits = (n_spoken == lengths) & (lengths > 1) & (lengths <= _MOST_INITIALS)
        return make_buckets(initials, starts, fits.nonzero()[0])


def _types_of(entries: Iterable[Entry]) -> List[str]:
    types = {entry.type for entry in entries}
    wrong = [name for name in types if not is_name(name)]
    if wrong or len(types) > MOST_TYPES:
        shown = excerpt(ascii(wrong[0] if wrong else min(types)))
        raise ValueError(Errors.MQ411.format(n=len(types), most=MOST_TYPES, value=shown))
    return sorted(types)


def _require_utf8(entries: Iterable[Entry]) -> None:
    for entry in entries:
        for what, text in (
            ("the id", entry.id),
            ("the name", entry.name),
            *(("the alias", alias) for alias in entry.aliases),
            *(("the artist", artist) for artist in entry.artists),
        ):
            if not is_utf8(text):
                value, entry_id = excerpt(ascii(text)), excerpt(ascii(entry.id))
                message = Errors.MQ412.format(what=what, value=value, id=entry_id)
                raise ValueError(message)


def _on_one_line(name: str) -> str:
    return " ".join(name.split())


def _rank(known: np.ndarray) -> np.ndarray:
    """Ranks of popularities, from 1 to 255; 0 where there is none."""
    ranks = np.zeros(len(known), dtype="uint8")
    is_known = ~np.isnan(known)
    values, which = np.unique(known[is_known], return_inverse=True)
    if len(values):
        ranks[is_known] = 1 + which * 254 // max(1, len(values) - 1)
    return ranks


def _gap_costs() -> np.ndarray:
    gaps = np.full(N_CODES, _GAP)
    gaps[[ord(char) for char in _PARTICLES]] = _PARTICLE_GAP
    gaps[ord("a") : ord("z") + 1] = _LETTER_GAP
    return gaps
