"""From the words of a query to entries of the catalogue."""

from typing import Any, Dict, List, NamedTuple, Tuple

from .index import ALIAS, BARE, NAME, LinkIndex
from .keys import spell_query
from .readings import Part, find_readings
from .score import probabilities

# Of how many readings entries are listed, and how many entries of a name.
_MOST_READINGS = 12
_MOST_OF_KEY = 20
# As aliases count a little less, so many times the entries that are wanted are looked at.
_ENOUGH = 2
# That a name is meant by its alias, or without what stands behind it in brackets, is a
# little less likely than that one is which is written so.
_BY_KIND = {NAME: 1.0, ALIAS: 0.99, BARE: 0.95}
# So many queries are remembered: people ask for the same songs.
_MOST_REMEMBERED = 20_000
# From this score on a link is one to act on. Chosen on the pairs that benchmarks/linking.py
# measures: of names that are not in a catalogue of 36,000, one in 27 gets it there.
DEFAULT_THRESHOLD = 0.85


class Link(NamedTuple):
    """An entry that a query may mean.

    id, type, name, artist (str): The entry's, as the table has them.
    score (float): The probability that the query means it, or one that it cannot be told
        from by its words.
    start, end (int): The characters of the query that say so.
    """

    id: str
    type: str
    name: str
    artist: str
    score: float
    start: int
    end: int

    def to_dict(self) -> Dict[str, Any]:
        """Write it as `span._.music_query_links` has it. RETURNS (Dict[str, Any]): By name."""
        # A third of the time that _asdict takes, for every link of every query.
        id, type, name, artist, score, start, end = self
        return {
            "id": id,
            "type": type,
            "name": name,
            "artist": artist,
            "score": score,
            "start": start,
            "end": end,
        }


class Linker:
    """Links queries to the entries of an index. May be used by many threads at a time."""

    def __init__(self, index: LinkIndex) -> None:
        """Make a linker.

        index (LinkIndex): The catalogue.
        """
        self.index = index
        self._remembered: Dict[Tuple[str, int], Tuple[Link, ...]] = {}

    def link(self, text: str, most: int) -> Tuple[Link, ...]:
        """Find the entries that a query may mean.

        text (str): The words of the query.
        most (int): How many are wanted at most.
        RETURNS (Tuple[Link, ...]): The entries, the likeliest first.
        """
        remembered = self._remembered
        links = remembered.get((text, most))
        if links is None:
            links = tuple(self._link(text, most))
            if len(remembered) >= _MOST_REMEMBERED:
                remembered.clear()
            remembered[text, most] = links
        return links

    def _link(self, text: str, most: int) -> List[Link]:
        index = self.index
        keys, starts, ends = spell_query(text)
        readings = find_readings(index, keys)[:_MOST_READINGS]
        shares = probabilities([r.cost for r in readings], len(keys[0]), index.n_keys)
        # Of each entry the likeliest reading: its score, and the part that says so.
        scores: Dict[int, float] = {}
        parts: Dict[int, Tuple[int, Part]] = {}
        for (_, of_reading), share in zip(readings, shares):
            if len(scores) >= _ENOUGH * most:
                break  # those that follow are less likely
            for rank, part in enumerate(of_reading):
                for entry, kind in self._entries_of(part):
                    if entry not in scores:
                        scores[entry] = share * _BY_KIND[kind]
                        parts[entry] = rank, part
        if len(scores) > most:
            least = sorted(scores.values(), reverse=True)[most - 1]
            kept = [entry for entry, score in scores.items() if score >= least]
        else:
            kept = list(scores)
        kept.sort(key=lambda entry: self._rank(entry, scores, parts, text))
        links = []
        for entry in kept[:most]:
            part = parts[entry][1]
            start, end = starts[part.start], ends[part.end - 1]
            id, type_name, name, artist = index.describe(entry)
            links.append(Link(id, type_name, name, artist, scores[entry], start, end))
        return links

    def _rank(
        self,
        entry: int,
        scores: Dict[int, float],
        parts: Dict[int, Tuple[int, Part]],
        text: str,
    ) -> Tuple[float, int, bool, float, int]:
        """What entries are sorted by: the score, the order of a reading's parts, being
        written as it was said, and the popularity."""
        index = self.index
        is_other = index.name_of(entry) != text
        popularity = index.popularity_of(entry)
        return -scores[entry], parts[entry][0], is_other, -popularity, entry

    def _entries_of(self, part: Part) -> List[Tuple[int, int]]:
        """The entries that a part may mean, the likeliest first."""
        index = self.index
        entries = index.entries_of(part.key)
        if len(entries) == 1 and part.artist < 0:
            return entries
        if part.artist >= 0:
            entries = [
                pair for pair in entries if part.artist in index.artist_keys_of(pair[0])
            ]
        return sorted(entries, key=_kind)[:_MOST_OF_KEY]


def _kind(pair: Tuple[int, int]) -> int:
    return pair[1]
