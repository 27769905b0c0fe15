"""From the words of a query to entries of the catalogue."""

from typing import Any, Dict, NamedTuple, Tuple

from .entry_table import Row
from .index import LinkIndex
from .keys import spell_query
from .readings import find_readings
from .score import probabilities

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


def to_dict(row: Row) -> Dict[str, Any]:
    """Write a link as `span._.music_query_links` has it.

    row (Row): What a `Link` is made of.
    RETURNS (Dict[str, Any]): The same by name.
    """
    id, type, name, artist, score, start, end = row
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
        self._remembered: Dict[Tuple[str, int], Tuple[Row, ...]] = {}

    def link(self, text: str, most: int) -> Tuple[Link, ...]:
        """Find the entries that a query may mean.

        text (str): The words of the query.
        most (int): How many are wanted at most.
        RETURNS (Tuple[Link, ...]): The entries, the likeliest first.
        """
        return tuple(map(Link._make, self.rows(text, most)))

    def rows(self, text: str, most: int) -> Tuple[Row, ...]:
        """Find the same as `link`, in less time.

        text (str): The words of the query.
        most (int): How many are wanted at most.
        RETURNS (Tuple[Row, ...]): What links are made of, the likeliest first.
        """
        remembered = self._remembered
        rows = remembered.get((text, most))
        if rows is None:
            index = self.index
            keys, starts, ends = spell_query(text)
            readings = find_readings(index.search, index.table, index.syllable_ids, keys)
            costs = [reading[0] for reading in readings]
            shares = probabilities(costs, len(keys[0]), index.n_keys)
            rows = tuple(index.table.link(text, readings, shares, starts, ends, most))
            if len(remembered) >= _MOST_REMEMBERED:
                remembered.clear()
            remembered[text, most] = rows
        return rows
