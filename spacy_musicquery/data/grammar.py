"""The phrases that messages are generated of, and the names that fill them.

A folder holds the phrases as text files, one a line, comments behind "# ". Their kind is
the file's name up to its first dot, so that `chat.mine.txt` adds to `chat.txt`:

carriers: requests. {work} stands for a title, {source} for what has many songs, and
    {query} for either; {title} and the like for names of that type of the catalogue. Each
    is a query, unless a "!" says that it is none: 别放{query!}了，放{query}. The commonest
    come first, in carriers.txt.
queries: what stands in the places of a request, a row of place, weight and pattern, with
    tabs between; of a pattern with two |, the query is what lies between them.
requests_without_query: requests to hear music that name none.
controls: what is said to a player that plays: 下一首, 声音小一点; and what is refused.
mentions: messages with names of the catalogue that ask for nothing.
other_requests, chat: messages that have nothing to do with music.
openers, tails: what may stand before and behind any message, and is no part of it.
closers: what may stand behind a request.
words: what is no music, a file for each place: words.city.txt says what {city} is.

All may have places, and nothing but the places of a carrier is a query: so a name that is
known everywhere says no more about silence than another. {latin_title} stands for a title
without Chinese characters, {latin_artist} for an artist, {clause} for a few words that
people say, which are a title where a phrase leaves no doubt: {query} stands for no pattern
that has it. Of <one|another|> one is drawn, or nothing; a line with many of these is drawn
oftener, and one with a tab and a number behind it as often as so many lines.

docs/labels.md says what of a request is its query, and what the intents are.
"""

import re
from collections import defaultdict
from itertools import accumulate, chain
from pathlib import Path
from typing import DefaultDict, Dict, List, Mapping, Sequence, Tuple

from ..errors import Errors
from .raw_text import read_lines

KINDS = ("requests_without_query", "controls", "mentions", "other_requests", "chat")
EDGES = ("openers", "closers", "tails")
# The place of what is said in messages without a query.
CLAUSE = "clause"
PLACE = re.compile(r"\{([a-z]\w*!?)\}")
CHOICE = re.compile(r"<([^<>]*)>")
_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9 .'&-]+")
# A line with many alternatives is drawn oftener than one without, but no more than this.
_MOST_WAYS = 25.0
HANZI = re.compile(r"[\u4e00-\u9fff]{2,}")
# Kinds of music as a catalogue lists them, 流行歌曲, but of which a request says 流行.
_KINDS_OF_MUSIC = ("genre", "mood", "scene", "language")
_REPEATS_PHRASE = re.compile(r"的歌?$|(?<=..)(?<!热门|流行|背景)(歌曲|音乐)$")


class Grammar:
    """Phrases and names, and what can be made of them."""

    def __init__(self, folder: Path, names: Mapping[str, Sequence[str]]) -> None:
        """Read phrases.

        folder (Path): The phrases, see above.
        names (Mapping[str, Sequence[str]]): The catalogue, by type.
        RAISES (ValueError): If phrases are missing, or name what the catalogue has not.
        """
        self.lines, self.words = _read_phrases(folder)
        self.line_weights: Dict[str, List[float]] = {}
        for of_kind in (self.lines, self.words):
            for kind, rows in of_kind.items():
                if kind != "queries":
                    weighted = list(map(_weighted, rows))
                    of_kind[kind] = [line for line, _ in weighted]
                    weights = accumulate(weight for _, weight in weighted)
                    self.line_weights[kind] = list(weights)
        self.names = {
            type_name: [name for name in of_type if not _REPEATS_PHRASE.search(name)]
            if type_name in _KINDS_OF_MUSIC
            else list(of_type)
            for type_name, of_type in names.items()
        }
        for type_name in ("title", "artist"):
            latin = list(filter(_LATIN.fullmatch, self.names.get(type_name, ())))
            if latin:
                self.names[f"latin_{type_name}"] = latin
        self.known = {name for of_type in self.names.values() for name in of_type}
        self.patterns: Dict[str, List[str]] = {}
        self.weights: Dict[str, List[float]] = {}
        self._read_queries(folder)
        self._check(folder)

    def _read_queries(self, folder: Path) -> None:
        by_place: DefaultDict[str, List[Tuple[str, float]]] = defaultdict(list)
        for row in self.lines["queries"]:
            cells = row.split("\t")
            if (
                len(cells) != 3
                or not _is_weight(cells[1])
                or _without_choices(cells[2]).count("|") not in (0, 2)
            ):
                problem = f"{row!r} is no place, weight and pattern with tabs between"
                raise ValueError(Errors.MQ057.format(path=folder, problem=problem))
            place, weight, pattern = cells
            by_place[place].append((pattern, float(weight)))
        by_place["query"] = [
            row
            for rows in list(by_place.values())
            for row in rows
            if CLAUSE not in PLACE.findall(row[0])
        ]
        for place, rows in by_place.items():
            self.patterns[place] = [pattern for pattern, _ in rows]
            self.weights[place] = list(accumulate(weight for _, weight in rows))

    def _check(self, folder: Path) -> None:
        queries = (*self.patterns, *self.names)
        silent = (*self.words, *queries)
        carriers = (*silent, *(f"{place}!" for place in queries))
        lists = {
            **self.lines,
            **{f"words.{name}": rows for name, rows in self.words.items()},
        }
        for kind, lines in lists.items():
            places = carriers if kind == "carriers" else silent
            must_hold = kind in ("carriers", "mentions")
            for line in lines:
                if set("<>") & set(_without_choices(line)):
                    problem = f"{kind}: {line!r} has a < or a > that is part of no choice"
                    raise ValueError(Errors.MQ057.format(path=folder, problem=problem))
            for line in lines if kind != "queries" else ():
                named = PLACE.findall(line)
                if (must_hold and not named) or not set(named) <= set(places):
                    problem = f"{kind}: {line!r} must hold some of " + ", ".join(
                        f"{{{place}}}" for place in places
                    )
                    raise ValueError(Errors.MQ057.format(path=folder, problem=problem))
        for pattern in dict.fromkeys(chain(*self.patterns.values())):
            for type_name in PLACE.findall(pattern):
                known = type_name == CLAUSE or type_name in self.words
                if not known and not self.names.get(type_name):
                    problem = f"queries: the catalogue has no {type_name!r}"
                    raise ValueError(Errors.MQ057.format(path=folder, problem=problem))


def _without_choices(line: str) -> str:
    """What is left of a line without its alternatives, those within others first."""
    while CHOICE.search(line):
        line = CHOICE.sub("", line)
    return line


def _read_phrases(folder: Path) -> Tuple[Dict[str, List[str]], Dict[str, List[str]]]:
    """The lines of each kind, and the words by their place."""
    lines: Dict[str, List[str]] = {
        kind: [] for kind in ("carriers", "queries", *EDGES, *KINDS)
    }
    words: DefaultDict[str, List[str]] = defaultdict(list)
    # What has the kind's own name comes first.
    for path in sorted(folder.glob("*.txt"), key=lambda path: (path.name.count("."), path)):
        kind, *others = path.name.split(".")
        if kind in lines or (kind == "words" and len(others) > 1):
            of_kind = lines[kind] if kind in lines else words[others[0]]
            of_kind += [row for row in read_lines(path) if not row.startswith("# ")]
    for kind, of_kind in lines.items():
        if not of_kind:
            problem = f"there is no phrase in {kind}.txt"
            raise ValueError(Errors.MQ057.format(path=folder, problem=problem))
    return lines, {name: of_name for name, of_name in words.items() if of_name}


def _weighted(row: str) -> Tuple[str, float]:
    """A line, and how often it is drawn: as it says, or the root of how many lines it
    stands for."""
    line, tab, weight = row.rpartition("\t")
    if tab and _is_weight(weight):
        return line, float(weight)
    ways = 1.0
    for choice in CHOICE.findall(row):
        ways *= choice.count("|") + 1
    return row, min(ways**0.5, _MOST_WAYS)


def _is_weight(cell: str) -> bool:
    try:
        return float(cell) > 0.0
    except ValueError:
        return False
