"""Writes annotated messages: phrases that requests are said with, filled with the names
of a catalogue, and ordinary messages between them.

A folder holds the phrases as text files, one a line, comments behind "# ". Their kind is
the file's name up to its first dot, so that `chat.mine.txt` adds to `chat.txt`:

carriers: requests. {work} stands for a title, {source} for what has many songs, and
    {query} for either. The commonest come first.
queries: what stands in these places, a row of place, weight and pattern, with tabs
    between. {title} and the like are names of that type of the catalogue; of a pattern
    with two |, the query is what lies between them.
mentions: messages with names of the catalogue, in braces as well, that ask for nothing.
requests_without_query, other_requests, chat: messages that hold no query.
openers, closers: what may stand before any message, and behind a request.
"""

import random
import re
from collections import defaultdict
from itertools import accumulate
from pathlib import Path
from typing import DefaultDict, Dict, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

from ..errors import Errors, bad_setting
from .homophones import mishear
from .raw_text import read_lines
from .records import DEFAULT_LABEL, Record, Span

Message = Tuple[str, List[Span]]

KINDS = ("requests_without_query", "mentions", "other_requests", "chat")
EDGES = ("openers", "closers")
_PLACE = re.compile(r"\{(\w+)\}")
_HANZI = re.compile(r"[\u4e00-\u9fff]{2,}")
# What may follow a name in a phrase, and would be taken for a part of one that ends so.
_AFTER_NAME = re.compile(r"的?(歌|曲|音乐|专辑)|的$")
_LIKE_AFTER_NAME = ("歌", "曲", "音乐", "歌曲", "专辑")
# Kinds of music as a catalogue lists them, 流行歌曲, but of which a request says 流行.
_KINDS_OF_MUSIC = ("genre", "mood", "scene", "language")
_REPEATS_PHRASE = re.compile(r"的歌?$|(?<=..)(?<!热门|流行|背景)(歌曲|音乐)$")
_N_COMMON = 60
# A title is oftener all that a request says than an artist is.
_BARE = ("{work}", "{work}", "{query}")
_ENDINGS = "。。。。！？!~，"
# A name with a full stop behind it is an answer, see mentions.answers.txt.
_ENDINGS_OF_BARE = "！!~，"


class GeneratorSettings(NamedTuple):
    """How much of what is generated. All but `size` and `seed` are shares, 0 to 1.

    size (int): How many messages.
    seed (int): Seeds the draws.
    requests_without_query, mentions, other_requests, chat (float): Share of the messages
        of this kind; the others are requests with a query.
    common (float): Share of the requests that are said with one of the first phrases.
    bare (float): Share of the requests that are a query and no more.
    invented (float): Share of titles and artists that are made up, so that no catalogue
        has them.
    opened (float): Share of the messages that get an opener.
    closed (float): Share of the requests that get a closer.
    punctuated (float): Share of the messages that get a punctuation mark at the end.
    surrounded (float): Share of the messages that stand among ordinary chat.
    misheard (float): Share of the messages with wrong characters of the same sound.
    """

    size: int = 60_000
    seed: int = 0
    requests_without_query: float = 0.05
    mentions: float = 0.15
    other_requests: float = 0.2
    chat: float = 0.15
    common: float = 0.4
    bare: float = 0.08
    invented: float = 0.15
    opened: float = 0.06
    closed: float = 0.1
    punctuated: float = 0.3
    surrounded: float = 0.08
    misheard: float = 0.12


def checked_settings(values: Mapping[str, object]) -> GeneratorSettings:
    """Check settings.

    values (Mapping[str, object]): Settings by name, for instance from a JSON file;
        what is not named has its default.
    RETURNS (GeneratorSettings): The settings.
    RAISES (ValueError): If a setting is unknown or outside its range.
    """
    unknown = sorted(set(values) - set(GeneratorSettings._fields))
    if unknown:
        expected = "one of " + ", ".join(GeneratorSettings._fields)
        raise bad_setting("generate", "settings", ", ".join(unknown), expected)
    settings = GeneratorSettings(**values)  # type: ignore[arg-type]
    for name, value in settings._asdict().items():
        if name in ("size", "seed"):
            if type(value) is not int or value < 0:
                raise bad_setting("generate", name, value, "a whole number of at least 0")
        elif type(value) not in (int, float) or not 0.0 <= value <= 1.0:
            raise bad_setting("generate", name, value, "a number from 0 to 1")
    of_kinds = sum(getattr(settings, kind) for kind in KINDS)
    if of_kinds > 1.0:
        expected = "shares that make no more than 1 together"
        raise bad_setting("generate", ", ".join(KINDS), of_kinds, expected)
    return settings


class Grammar:
    """Phrases and names, and what can be made of them."""

    def __init__(self, folder: Path, names: Mapping[str, Sequence[str]]) -> None:
        """Read phrases.

        folder (Path): The phrases, see above.
        names (Mapping[str, Sequence[str]]): The catalogue, by type.
        RAISES (ValueError): If phrases are missing, or name what the catalogue has not.
        """
        self.lines = _read_phrases(folder)
        self.names = {
            type_name: [name for name in of_type if not _REPEATS_PHRASE.search(name)]
            if type_name in _KINDS_OF_MUSIC
            else list(of_type)
            for type_name, of_type in names.items()
        }
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
                or cells[2].count("|") not in (0, 2)
            ):
                problem = f"{row!r} is no place, weight and pattern with tabs between"
                raise ValueError(Errors.MQ057.format(path=folder, problem=problem))
            place, weight, pattern = cells
            by_place[place].append((pattern, float(weight)))
        by_place["query"] = [row for rows in list(by_place.values()) for row in rows]
        for place, rows in by_place.items():
            self.patterns[place] = [pattern for pattern, _ in rows]
            self.weights[place] = list(accumulate(weight for _, weight in rows))

    def _check(self, folder: Path) -> None:
        for kind, places in (("carriers", self.patterns), ("mentions", self.names)):
            for line in self.lines[kind]:
                named = _PLACE.findall(line)
                if not named or not set(named) <= set(places):
                    problem = f"{kind}: {line!r} must hold some of " + ", ".join(
                        f"{{{place}}}" for place in places
                    )
                    raise ValueError(Errors.MQ057.format(path=folder, problem=problem))
        for pattern in self.patterns["query"]:
            for type_name in _PLACE.findall(pattern):
                if not self.names.get(type_name):
                    problem = f"queries: the catalogue has no {type_name!r}"
                    raise ValueError(Errors.MQ057.format(path=folder, problem=problem))


def _read_phrases(folder: Path) -> Dict[str, List[str]]:
    lines: Dict[str, List[str]] = {
        kind: [] for kind in ("carriers", "queries", *EDGES, *KINDS)
    }
    for path in sorted(folder.glob("*.txt")):
        kind = path.name.split(".")[0]
        if kind in lines:
            lines[kind] += [row for row in read_lines(path) if not row.startswith("# ")]
    for kind, of_kind in lines.items():
        if not of_kind:
            problem = f"there is no phrase in {kind}.txt"
            raise ValueError(Errors.MQ057.format(path=folder, problem=problem))
    return lines


def _is_weight(cell: str) -> bool:
    try:
        return float(cell) > 0.0
    except ValueError:
        return False


def generate(grammar: Grammar, settings: GeneratorSettings) -> Iterator[Record]:
    """Generate messages. The same phrases, names and settings give the same messages.

    grammar (Grammar): The phrases and names.
    settings (GeneratorSettings): How much of what.
    YIELDS (Record): `settings.size` annotated messages.
    """
    writer = _Writer(grammar, settings)
    queries: Dict[str, List[Span]] = {}
    for row in range(1, settings.size + 1):
        text, spans = writer.message()
        # What is a title alone may be said in chat: the first to say it decides.
        while queries.setdefault(text, spans) != spans:
            text, spans = writer.message()
        yield Record(row, text, tuple(spans))


class _Writer:
    """Draws messages."""

    def __init__(self, grammar: Grammar, settings: GeneratorSettings) -> None:
        self.grammar = grammar
        self.settings = settings
        self.random = random.Random(settings.seed)
        shares = [getattr(settings, kind) for kind in KINDS]
        self.kinds = ("requests", *KINDS)
        self.shares = list(accumulate([1.0 - sum(shares), *shares]))

    def message(self) -> Message:
        kind = self.random.choices(self.kinds, cum_weights=self.shares)[0]
        if kind == "requests":
            message = self._request()
            if self._happens(self.settings.closed):
                text, spans = message
                message = text + self.random.choice(self.grammar.lines["closers"]), spans
        else:
            line = self.random.choice(self.grammar.lines[kind])
            message = self._fill(line) if kind == "mentions" else line, []
        message = self._decorated(message)
        if self._happens(self.settings.misheard):
            # Speech recognition that mishears one word often mishears others.
            text, spans = message
            message = (
                mishear(text, self.random.choice((0.05, 0.1, 0.2)), self.random),
                spans,
            )
        return message

    def _happens(self, share: float) -> bool:
        return self.random.random() < share

    def _request(self) -> Message:
        carriers = self.grammar.lines["carriers"]
        if self._happens(self.settings.bare):
            carrier = self.random.choice(_BARE)
        elif self._happens(self.settings.common):
            carrier = self.random.choice(carriers[:_N_COMMON])
        else:
            carrier = self.random.choice(carriers)
        pieces = _PLACE.split(carrier)  # text and place in turn
        text = pieces[0]
        spans: List[Span] = []
        for place, after in zip(pieces[1::2], pieces[2::2]):
            if text and self._happens(0.04):
                text += self.random.choice("，, ：")
            before, query, behind = self._query(place, after)
            start = len(text) + len(before)
            spans.append((start, start + len(query), DEFAULT_LABEL))
            text += before + query + behind
            if after and self._happens(0.02):
                text += "，"
            text += after
        return text, spans

    def _query(self, place: str, after: str) -> Tuple[str, str, str]:
        """What fits in a place: the words before the query, the query, and those
        behind it."""
        pattern = self.random.choices(
            self.grammar.patterns[place], cum_weights=self.grammar.weights[place]
        )[0]
        before, query, behind = pattern.split("|") if "|" in pattern else ("", pattern, "")
        return before, self._fill(query, after if not behind else ""), behind

    def _fill(self, pattern: str, after: str = "") -> str:
        """Put names in the places of a pattern."""
        pieces = _PLACE.split(pattern)
        for i in range(1, len(pieces), 2):
            following = pieces[i + 1] or (after if i + 2 == len(pieces) else "")
            pieces[i] = self._name(pieces[i], following)
        return "".join(pieces)

    def _name(self, type_name: str, after: str) -> str:
        if type_name in ("title", "artist") and self._happens(self.settings.invented):
            return self._invented(type_name)
        for _ in range(20):
            name = self.random.choice(self.grammar.names[type_name])
            # Who writes Chinese asks less often for names in other scripts.
            is_rare = not _HANZI.search(name) and self._happens(0.6)
            is_longer = _AFTER_NAME.match(after) and name.endswith(_LIKE_AFTER_NAME)
            if not (is_rare or is_longer):
                break
        return name

    def _invented(self, type_name: str) -> str:
        """A name that looks like others of its type, or a title that does not."""
        if type_name == "title" and self._happens(0.5):
            stretches = _HANZI.findall(self.random.choice(self.grammar.lines["chat"]))
            if stretches:
                stretch = self.random.choice(stretches)
                size = self.random.randint(2, min(8, len(stretch)))
                start = self.random.randint(0, len(stretch) - size)
                return stretch[start : start + size]
        one, other = (
            self.random.choice(self.grammar.names[type_name]).split(" ")[0]
            for _ in range(2)
        )
        cut = 1 if type_name == "artist" else (len(one) + 1) // 2
        return one[:cut] + other[min(cut, len(other) - 1) :]

    def _decorated(self, message: Message) -> Message:
        """With fillers, punctuation, and other messages before and after it."""
        text, spans = message
        endings = (
            _ENDINGS_OF_BARE if spans[:1] == [(0, len(text), DEFAULT_LABEL)] else _ENDINGS
        )
        if self._happens(self.settings.opened):
            opener = self.random.choice(self.grammar.lines["openers"])
            text, spans = _behind(opener, (text, spans))
        if text[-1] not in _ENDINGS and self._happens(self.settings.punctuated):
            text += self.random.choice(endings)
        if self._happens(self.settings.surrounded):
            where = self.random.choice(("before", "after", "both"))
            if where != "before":
                text = self._with_pause(text) + self._silence()
            if where != "after":
                before = self._with_pause(self._silence())
                text, spans = _behind(before, (text, spans))
        return text, spans

    def _silence(self) -> str:
        kind = self.random.choice(("chat", "chat", "other_requests"))
        return self.random.choice(self.grammar.lines[kind])

    def _with_pause(self, text: str) -> str:
        return text if text[-1] in _ENDINGS else text + self.random.choice("，，。 ")


def _behind(before: str, message: Message) -> Message:
    text, spans = message
    by = len(before)
    return before + text, [(start + by, end + by, label) for start, end, label in spans]
