"""The entries of an index: what keys stand for, and the links of readings.

Cython compiles this module like `search`, with the types that entry_table.pxd declares.
"""

from typing import Dict, List, Mapping, Sequence, Set, Tuple

import numpy as np

from .entries import ARTIST, NO_POPULARITY, WORK

# That a name is meant by its alias, or without what stands behind it in brackets, is a
# little less likely than that one is which is written so.
_BY_KIND = (1.0, 0.99, 0.95)

# How many entries of a key are looked at for whose they are, and how many are listed.
_MOST_ENTRIES = 300
_MOST_OF_KEY = 20
# As aliases count a little less, so many times the entries that are wanted are looked at.
_ENOUGH = 2

# The place of a key, the characters of the query's key where it starts and ends, and the key
# of the artist whose entries alone are meant; -1 for all.
Part = Tuple[int, int, int, int]
# What it costs, and what it means, the most particular first.
Reading = Tuple[float, Tuple[Part, ...]]
# Id, type, name and artist, the score, and the characters of the query from and to.
Row = Tuple[str, str, str, str, float, int, int]


class Strings:
    """Many strings as bytes in a row, which take a fifth of the memory."""

    def __init__(self, data: np.ndarray, offsets: np.ndarray) -> None:
        """Read strings.

        data (np.ndarray): All of them in UTF-8, as uint8.
        offsets (np.ndarray): Where each begins, and where the last ends.
        """
        # memoryviews: Python reads a few numbers from them faster than from arrays.
        self._bytes = data.data
        self._places = offsets.data

    def get(self, place: int) -> str:
        """Read one. RETURNS (str): The string at a place."""
        begin, end = self._places[place], self._places[place + 1]
        if begin == end:
            return ""
        return str(self._bytes[begin:end], "utf8")


class EntryTable:
    """The entries of an index. Does not change: many threads may use it."""

    def __init__(self, arrays: Mapping[str, np.ndarray], types: List[str]) -> None:
        """Make a table over arrays, which it does not copy.

        arrays (Mapping[str, np.ndarray]): Those of an index.
        types (List[str]): The names of the types.
        """
        self._type_names = types
        self._of_key = arrays["of_key"].data
        self._kinds = arrays["of_key.kinds"].data
        self._of_key_offsets = arrays["of_key.offsets"].data
        self._artist_keys = arrays["artist_keys"].data
        self._artist_offsets = arrays["artist_keys.offsets"].data
        self._roles = arrays["roles"].data
        self._types = arrays["types"].data
        self._popularity = arrays["popularity"].data
        self._ids = Strings(arrays["ids"], arrays["ids.offsets"])
        self._names = Strings(arrays["names"], arrays["names.offsets"])
        self._artists = Strings(arrays["artists"], arrays["artists.offsets"])

    def is_artist(self, key: int) -> bool:
        """Tell whether a key is that of an artist.

        key (int): The place of a key; -1 for none.
        RETURNS (bool): Whether one has it, or a title or an album is by such a one.
        """
        return key >= 0 and (self._roles[key] & ARTIST) != 0

    def is_work(self, key: int) -> bool:
        """Tell whether a key is that of a title, an album or the like.

        key (int): The place of a key.
        RETURNS (bool): Whether one has it.
        """
        return (self._roles[key] & WORK) != 0

    def artists_of(self, key: int) -> List[int]:
        """List whose the titles with a key are.

        key (int): The place of a key.
        RETURNS (List[int]): The keys of artists, each once.
        """
        found: Dict[int, None] = {}
        begin = self._of_key_offsets[key]
        end = min(self._of_key_offsets[key + 1], begin + _MOST_ENTRIES)
        for at in range(begin, end):
            entry = self._of_key[at]
            for i in range(self._artist_offsets[entry], self._artist_offsets[entry + 1]):
                found[self._artist_keys[i]] = None
        return list(found)

    def is_by(self, entry: int, artist: int) -> bool:
        """Tell whether an entry is an artist's.

        entry (int): An entry.
        artist (int): The key of an artist.
        RETURNS (bool): Whether it is one of the entry's.
        """
        for i in range(self._artist_offsets[entry], self._artist_offsets[entry + 1]):
            if self._artist_keys[i] == artist:
                return True
        return False

    def popularity_of(self, entry: int) -> float:
        """Tell how popular an entry is among all that have a popularity.

        entry (int): The entry.
        RETURNS (float): From 0, the least, to 1; a half if it is not known.
        """
        rank = self._popularity[entry]
        return 0.5 if rank == NO_POPULARITY else (rank - 1) / 254

    def popularity_of_key(self, key: int) -> float:
        """Tell how popular the most popular entry of a key is.

        key (int): The place of a key.
        RETURNS (float): As of an entry; 0 if none has the key.
        """
        begin = self._of_key_offsets[key]
        if begin == self._of_key_offsets[key + 1]:
            return 0.0
        return self.popularity_of(self._of_key[begin])

    def describe(self, entry: int) -> Tuple[str, str, str, str]:
        """Describe an entry. RETURNS (Tuple[str, ...]): Its id, type, name and artist."""
        type_name = self._type_names[self._types[entry]]
        artist = self._artists.get(entry)
        return self._ids.get(entry), type_name, self._names.get(entry), artist

    def link(
        self,
        text: str,
        readings: List[Reading],
        shares: List[float],
        starts: Sequence[int],
        ends: Sequence[int],
        most: int,
    ) -> List[Row]:
        """List the entries that a query may mean.

        text (str): The query.
        readings (List[Reading]): What it may mean, the likeliest first.
        shares (List[float]): How likely each is.
        starts, ends (Sequence[int]): Where each character of its key starts and ends in it.
        most (int): How many entries are wanted at most.
        RETURNS (List[Row]): The entries, the likeliest first: by their scores, the order of
            a reading's parts, being written as it was said, and the popularity.
        """
        seen: Set[int] = set()
        rows = []
        for i in range(len(readings)):
            if len(seen) >= _ENOUGH * most:
                break  # those that follow are less likely
            share = shares[i]
            parts = readings[i][1]
            for rank in range(len(parts)):
                part = parts[rank]
                for entry, kind in self._entries_of(part[0], part[3]):
                    # Of each entry the likeliest reading: its score, and what says so.
                    if entry not in seen:
                        seen.add(entry)
                        rows.append((-share * _BY_KIND[kind], rank, entry, part))
        n_kept = len(rows)
        if n_kept > most:
            rows.sort()
            least = rows[most - 1][0]
            n_kept = most
            while n_kept < len(rows) and rows[n_kept][0] == least:
                n_kept += 1
        ranked = []
        for score, rank, entry, part in rows[:n_kept]:
            name = self._names.get(entry)
            popularity = self.popularity_of(entry)
            ranked.append((score, rank, name != text, -popularity, entry, name, part))
        ranked.sort()
        links = []
        for score, _, _, _, entry, name, part in ranked[:most]:
            id, type_name = self._ids.get(entry), self._type_names[self._types[entry]]
            artist = self._artists.get(entry)
            start, end = starts[part[1]], ends[part[2] - 1]
            links.append((id, type_name, name, artist, -score, start, end))
        return links

    def _entries_of(self, key: int, artist: int) -> List[Tuple[int, int]]:
        """The entries of a key, of one artist if that is not -1, and how each has the key,
        the likeliest first."""
        begin, end = self._of_key_offsets[key], self._of_key_offsets[key + 1]
        found = []
        for kind in range(len(_BY_KIND)):
            for at in range(begin, end):
                if self._kinds[at] == kind:
                    entry = self._of_key[at]
                    if artist < 0 or self.is_by(entry, artist):
                        found.append((entry, kind))
                        if len(found) == _MOST_OF_KEY:
                            return found
        return found
