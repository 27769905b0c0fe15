"""Writes annotated messages: phrases that requests are said with, filled with the names
of a catalogue, and ordinary messages between them.

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
without Chinese characters, {latin_artist} for an artist. Of <one|another|> one is drawn, or
nothing; a line with many of these is drawn oftener, and one with a tab and a number behind
it as often as so many lines.

docs/labels.md says what of a request is its query, and what the intents are.
"""

import random
import re
from collections import defaultdict
from itertools import accumulate
from pathlib import Path
from typing import (
    DefaultDict,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

import srsly

from ..errors import Errors, bad_setting
from ..tokens.intents import CONTROL, LISTEN, OTHER
from .homophones import mishear
from .raw_text import read_lines, read_negatives
from .records import DEFAULT_LABEL, Record, Span, describe_problems, read_records

Message = Tuple[str, List[Span]]
Shares = Tuple[Tuple[float, float], ...]

KINDS = ("requests_without_query", "controls", "mentions", "other_requests", "chat")
EDGES = ("openers", "closers", "tails")
_INTENTS = {
    "requests": LISTEN,
    "requests_without_query": LISTEN,
    "controls": CONTROL,
    "mentions": OTHER,
    "other_requests": OTHER,
    "chat": OTHER,
}
_PLACE = re.compile(r"\{([a-z]\w*!?)\}")
_CHOICE = re.compile(r"<([^<>]*)>")
_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9 .'&-]+")
# A line with many alternatives is drawn oftener than one without, but no more than this.
_MOST_WAYS = 25.0
_HANZI = re.compile(r"[\u4e00-\u9fff]{2,}")
# Names of these types are drawn anew in what people have written.
_TYPES_TO_DRAW = ("album", "screen", "title", "artist")
_LONGEST_NAME = 10
# How often an annotated message counts beside one without a query, of which there are many.
_TIMES_ANNOTATED = 15
_ASKS_FOR_MUSIC = re.compile(
    "(播放|[放来唱播点听换]|推荐|分享|求)(一下|[一几两三那])?[首支曲点些个段][^，。！？,.!? ]{0,10}"
    "([歌曲]|音乐)|播放[^，。,!！？ ]*(歌|音乐|专辑)|(我想|我要|想要|好想)听"
)
# Whether a message is to a player that plays is not annotated.
_MAY_CONTROL = re.compile("[歌曲首]|音乐|播放|暂停|声音|音量|循环|收藏")
# What may follow a name in a phrase, and would be taken for a part of one that ends so.
_AFTER_NAME = re.compile(r"的?(歌|曲|音乐|专辑)|的$")
_LIKE_AFTER_NAME = ("歌", "曲", "音乐", "歌曲", "专辑")
# Kinds of music as a catalogue lists them, 流行歌曲, but of which a request says 流行.
_KINDS_OF_MUSIC = ("genre", "mood", "scene", "language")
_REPEATS_PHRASE = re.compile(r"的歌?$|(?<=..)(?<!热门|流行|背景)(歌曲|音乐)$")
_N_COMMON = 60
# A title is oftener all that a request says than an artist is.
_BARE = ("{work}", "{work}", "{query}")
_ENDINGS = (
    "。", "。", "。", "。", "！", "？", "!", "?", "~", "，", ".", "...", "。。。", "…", "……", "！！", "！！！",
    "？？", "～", "~~", "；", "、", "..", "!!", ",", "。。",
)  # fmt: skip
# A name with a full stop behind it is an answer, see mentions.answers.txt.
_ENDINGS_OF_BARE = tuple(ending for ending in _ENDINGS if ending != "。")
_PUNCTUATION = "。！？!?~，.…～；、,"
_QUOTES = (
    "《》", "《》", "《》", "“”", "“”", '""', "''", "‘’", "「」", "『』", "【】", "()", "（）", "〈〉",
)  # fmt: skip
# How many of the places outside the queries get a blank, and of those inside.
_SHARES_OF_BLANKS: Shares = ((0.0, 0.0), (0.4, 0.0), (0.4, 0.1), (0.9, 0.9))
_SHARES_OF_ZERO_WIDTH: Shares = ((0.0, 0.0), (0.1, 0.1), (0.3, 0.0))
# What is not seen and comes along when a text is copied.
_ZERO_WIDTH = "\u200b\u200b\u200c\u200d\u2060\ufeff"


class GeneratorSettings(NamedTuple):
    """How much of what is generated. All but `size` and `seed` are shares, 0 to 1.

    size (int): How many messages.
    seed (int): Seeds the draws.
    requests_without_query, controls, mentions, other_requests, chat (float): Share of the
        messages of this kind; the others are requests with a query.
    real (float): Share of the messages that people have written, if there are any: all
        else is less by that.
    common (float): Share of the requests that are said with one of the first phrases.
    bare (float): Share of the requests that are a query and no more; such a name is one
        of the catalogue.
    fragments (float): Share of the messages of chat that are no more than a few characters
        of it, which are no name of the catalogue.
    invented (float): Share of titles and artists that are made up, so that no catalogue
        has them.
    opened (float): Share of the messages that get an opener.
    closed (float): Share of the requests that get a closer.
    punctuated (float): Share of the messages that get a punctuation mark at the end.
    trailed (float): Share of the messages that get a tail: emoji, laughter, a link.
    quoted (float): Share of the requests with quotation marks around a query.
    spaced (float): Share of the messages with blanks, or what is not seen, in them.
    surrounded (float): Share of the messages that stand among ordinary chat.
    misheard (float): Share of the messages with wrong characters of the same sound.
    """

    size: int = 60_000
    seed: int = 0
    requests_without_query: float = 0.05
    controls: float = 0.0
    mentions: float = 0.15
    other_requests: float = 0.2
    chat: float = 0.15
    real: float = 0.0
    common: float = 0.4
    bare: float = 0.08
    fragments: float = 0.0
    invented: float = 0.15
    opened: float = 0.06
    closed: float = 0.1
    punctuated: float = 0.3
    trailed: float = 0.1
    quoted: float = 0.05
    spaced: float = 0.05
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
                or _CHOICE.sub("", cells[2]).count("|") not in (0, 2)
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
            for line in lines if kind != "queries" else ():
                named = _PLACE.findall(line)
                if (must_hold and not named) or not set(named) <= set(places):
                    problem = f"{kind}: {line!r} must hold some of " + ", ".join(
                        f"{{{place}}}" for place in places
                    )
                    raise ValueError(Errors.MQ057.format(path=folder, problem=problem))
        for pattern in self.patterns["query"]:
            for type_name in _PLACE.findall(pattern):
                if not self.names.get(type_name) and type_name not in self.words:
                    problem = f"queries: the catalogue has no {type_name!r}"
                    raise ValueError(Errors.MQ057.format(path=folder, problem=problem))


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
    for choice in _CHOICE.findall(row):
        ways *= choice.count("|") + 1
    return row, min(ways**0.5, _MOST_WAYS)


def _is_weight(cell: str) -> bool:
    try:
        return float(cell) > 0.0
    except ValueError:
        return False


def generate(
    grammar: Grammar, settings: GeneratorSettings, real: Sequence[Record] = ()
) -> Iterator[Record]:
    """Generate messages. The same phrases, names and settings give the same messages.

    grammar (Grammar): The phrases and names.
    settings (GeneratorSettings): How much of what.
    real (Sequence[Record]): Annotated messages that people have written, of which
        `settings.real` says the share.
    YIELDS (Record): `settings.size` annotated messages.
    """
    writer = _Writer(grammar, settings, real)
    queries: Dict[str, List[Span]] = {}
    for row in range(1, settings.size + 1):
        text, spans, intent = writer.message()
        # What is a title alone may be said in chat: the first to say it decides.
        while queries.setdefault(text, spans) != spans:
            text, spans, intent = writer.message()
        yield Record(row, text, tuple(spans), intent)


def read_real(folder: Path, grammar: Grammar, seed: int = 0) -> List[Record]:
    """Read messages that people have written: `.txt` files, a message a line, none of which
    holds a query, and `.jsonl` files of annotated messages, in which `listen` says whether
    one asks to hear music. Names of the catalogue in those without a query are drawn anew,
    as famous ones would be learnt to be silence; and those are left out that do ask for
    music, by what they say.

    folder (Path): The folder.
    grammar (Grammar): Has the names.
    seed (int): Seeds the draws.
    RETURNS (List[Record]): The messages, annotated ones several times, since there are few;
        none if there is no such folder.
    RAISES (ValueError): If a file cannot be read, or an annotation is wrong.
    """
    messages: List[Record] = []
    if any(folder.glob("*.txt")):
        generator = random.Random(seed)
        types_of = {
            name: type_name
            for type_name in _TYPES_TO_DRAW
            for name in grammar.names.get(type_name, ())
        }
        for record in read_negatives(folder):
            if not _ASKS_FOR_MUSIC.search(record.text):
                text = _with_other_names(record.text, types_of, grammar, generator)
                messages.append(record._replace(text=text, intent=OTHER))
    for path in sorted(folder.glob("*.jsonl")):
        records, problems = read_records(path)
        if problems:
            raise ValueError(describe_problems(problems, "Correct the rows."))
        listens = [row.get("listen") for row in srsly.read_jsonl(path)]
        for record in records:
            intent = record.intent
            if listens[record.row - 1]:
                intent = LISTEN
            elif not record.spans and not _MAY_CONTROL.search(record.text):
                intent = OTHER
            messages += [record._replace(intent=intent)] * _TIMES_ANNOTATED
    return messages


def _with_other_names(
    text: str, types_of: Mapping[str, str], grammar: Grammar, generator: random.Random
) -> str:
    """A text whose names, as far as they can be told from other words, are others."""
    pieces: List[str] = []
    start = 0
    while start < len(text):
        is_quoted = text[start - 1 : start] == "《"
        for length in range(min(_LONGEST_NAME, len(text) - start), 1, -1):
            name = text[start : start + length]
            type_name = types_of.get(name)
            is_whole = is_quoted and text[start + length : start + length + 1] == "》"
            shortest = 3 if type_name == "artist" else 4
            if type_name and (is_whole or (length >= shortest and _HANZI.fullmatch(name))):
                pieces.append(generator.choice(grammar.names[type_name]))
                start += length
                break
        else:
            pieces.append(text[start])
            start += 1
    return "".join(pieces)


class _Writer:
    """Draws messages."""

    def __init__(
        self, grammar: Grammar, settings: GeneratorSettings, real: Sequence[Record]
    ) -> None:
        self.grammar = grammar
        self.settings = settings
        self.real = list(real)
        self.random = random.Random(settings.seed)
        # Those that have been drawn already come again when all have been.
        self.random.shuffle(self.real)
        self.n_real = 0
        shares = [getattr(settings, kind) for kind in KINDS]
        self.kinds = ("requests", *KINDS)
        self.shares = list(accumulate([1.0 - sum(shares), *shares]))

    def message(self) -> Tuple[str, List[Span], Optional[str]]:
        intent: Optional[str]
        if self.real and self._happens(self.settings.real):
            record = self.real[self.n_real % len(self.real)]
            self.n_real += 1
            message, intent = (record.text, list(record.spans)), record.intent
            if self._happens(0.4):  # as they are
                return (*message, intent)
            # Or a full stop would say that a message was written in earnest.
            if not record.spans:
                message = record.text.rstrip(_PUNCTUATION) or record.text, []
        else:
            kind = self.random.choices(self.kinds, cum_weights=self.shares)[0]
            intent = _INTENTS[kind]
            if kind == "requests":
                message = self._request()
                if self._happens(self.settings.closed):
                    text, spans = message
                    message = text + self._line("closers"), spans
            else:
                text = self._line(kind)
                if kind == "chat" and self._happens(self.settings.fragments):
                    text = self._fragment(text)
                message = text, []
        message = self._decorated(message)
        if self._happens(self.settings.misheard):
            # Speech recognition that mishears one word often mishears others.
            text, spans = message
            message = (
                mishear(text, self.random.choice((0.05, 0.1, 0.2)), self.random),
                spans,
            )
        return (*message, intent)

    def _happens(self, share: float) -> bool:
        return self.random.random() < share

    def _line(self, kind: str) -> str:
        """A line of a kind, or of words, with all that is drawn in it."""
        lines = self.grammar.lines.get(kind) or self.grammar.words[kind]
        weights = self.grammar.line_weights[kind]
        return self._fill(self.random.choices(lines, cum_weights=weights)[0])

    def _fragment(self, text: str) -> str:
        """A few characters of a text; all of it if that would be a name."""
        stretches = _HANZI.findall(text)
        if stretches:
            stretch = self.random.choice(stretches)
            size = min(len(stretch), self.random.randint(2, 5))
            start = self.random.randint(0, len(stretch) - size)
            fragment = stretch[start : start + size]
            if fragment not in self.grammar.known:
                return fragment
        return text

    def _chosen(self, line: str) -> str:
        """A line with its alternatives drawn, those within others first."""
        while _CHOICE.search(line):
            line = _CHOICE.sub(lambda m: self.random.choice(m[1].split("|")), line)
        return line

    def _request(self) -> Message:
        carriers = self.grammar.lines["carriers"]
        is_bare = self._happens(self.settings.bare)
        if is_bare:
            carrier = self.random.choice(_BARE)
        elif self._happens(self.settings.common):
            carrier = self.random.choice(carriers[:_N_COMMON])
        else:
            weights = self.grammar.line_weights["carriers"]
            carrier = self.random.choices(carriers, cum_weights=weights)[0]
        pieces = _PLACE.split(self._chosen(carrier))  # text and place in turn
        text = pieces[0]
        spans: List[Span] = []
        for place, after in zip(pieces[1::2], pieces[2::2]):
            if place in self.grammar.words:
                text += self._line(place) + after
                continue
            if text and self._happens(0.04):
                text += self.random.choice("，, ：")
            before, query, behind = self._query(place.rstrip("!"), after, is_bare)
            if place[-1] != "!":
                start = len(text) + len(before)
                spans.append((start, start + len(query), DEFAULT_LABEL))
            text += before + query + behind
            if after and self._happens(0.02):
                text += "，"
            text += after
        if spans and self._happens(self.settings.quoted):
            text, spans = self._quoted(text, spans)
        return text, spans

    def _query(self, place: str, after: str, is_bare: bool = False) -> Tuple[str, str, str]:
        """What fits in a place: the words before the query, the query, and those
        behind it."""
        if place not in self.grammar.patterns:
            return "", self._name(place, after), ""
        pattern = self.random.choices(
            self.grammar.patterns[place], cum_weights=self.grammar.weights[place]
        )[0]
        pattern = self._chosen(pattern)
        before, query, behind = pattern.split("|") if "|" in pattern else ("", pattern, "")
        filled = self._fill(query, after if not behind else "", is_bare)
        return before, filled, behind

    def _fill(self, pattern: str, after: str = "", is_bare: bool = False) -> str:
        """Put names, and other words, in the places of a pattern."""
        pieces = _PLACE.split(self._chosen(pattern))
        for i in range(1, len(pieces), 2):
            following = pieces[i + 1] or (after if i + 2 == len(pieces) else "")
            place = pieces[i]
            if place in self.grammar.words:
                pieces[i] = self._line(place)
            elif place in self.grammar.patterns:
                pieces[i] = "".join(self._query(place, following))
            else:
                pieces[i] = self._name(place, following, is_bare)
        return "".join(pieces)

    def _name(self, type_name: str, after: str, is_bare: bool = False) -> str:
        # What is no more than a name no one has heard of is none.
        may_be_invented = not is_bare and type_name in ("title", "artist")
        if may_be_invented and self._happens(self.settings.invented):
            return self._invented(type_name)
        for _ in range(20):
            name = self.random.choice(self.grammar.names[type_name])
            if type_name.startswith("latin_"):
                break
            # Who writes Chinese asks less often for names in other scripts.
            is_rare = not _HANZI.search(name) and self._happens(0.6)
            is_longer = _AFTER_NAME.match(after) and name.endswith(_LIKE_AFTER_NAME)
            if not (is_rare or is_longer):
                break
        return name

    def _invented(self, type_name: str) -> str:
        """A name that looks like others of its type, or a title that does not."""
        if type_name == "title" and self._happens(0.5):
            line = self.random.choice(self.grammar.lines["chat"])
            stretches = _HANZI.findall(_PLACE.sub(" ", line))
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
            text, spans = _behind(self._line("openers"), (text, spans))
        if text[-1] not in _PUNCTUATION and self._happens(self.settings.punctuated):
            text += self.random.choice(endings)
        if self._happens(self.settings.trailed):
            text += self._line("tails")
        if self._happens(self.settings.spaced):
            text, spans = self._spaced(text, spans)
        if self._happens(self.settings.surrounded):
            where = self.random.choice(("before", "after", "both"))
            if where != "before":
                text = self._with_pause(text) + self._silence()
            if where != "after":
                before = self._with_pause(self._silence())
                text, spans = _behind(before, (text, spans))
        return text, spans

    def _quoted(self, text: str, spans: List[Span]) -> Message:
        """With quotation marks around a query."""
        start, end, _ = self.random.choice(spans)
        left, right = tuple(self.random.choice(_QUOTES))
        if text[start - 1 : start] in tuple("《“"):
            return text, spans
        return _inserted(text, spans, {start: left, end: right})

    def _spaced(self, text: str, spans: List[Span]) -> Message:
        """With blanks between words, around the queries or everywhere, or with characters
        that are not seen."""
        edges = {edge for start, end, _ in spans for edge in (start, end)}
        inside = {i for start, end, _ in spans for i in range(start + 1, end)}
        blanks, shares = " ", _SHARES_OF_BLANKS
        if self._happens(0.25):
            blanks, shares = _ZERO_WIDTH, _SHARES_OF_ZERO_WIDTH
        share, share_inside = self.random.choice(shares)
        wanted = {
            i: self.random.choice(blanks)
            for i in range(len(text) + 1)
            if (i in edges and self._happens(0.8))
            or self._happens(share_inside if i in inside else share)
        }
        return _inserted(text, spans, wanted)

    def _silence(self) -> str:
        return self._line(self.random.choice(("chat", "chat", "other_requests")))

    def _with_pause(self, text: str) -> str:
        return text if text[-1] in _PUNCTUATION else text + self.random.choice("，，。 ")


def _behind(before: str, message: Message) -> Message:
    text, spans = message
    by = len(before)
    return before + text, [(start + by, end + by, label) for start, end, label in spans]


def _inserted(text: str, spans: Sequence[Span], new: Mapping[int, str]) -> Message:
    """Put something in a text, by its place there; what stands at an edge of a span is
    outside."""
    pieces: List[str] = []
    # Where a character begins now, and where the one before it has ended.
    begins, ends = [], [0]
    length = 0
    for i, char in enumerate([*text, ""]):
        piece = new.get(i, "")
        begins.append(length + len(piece))
        length += len(piece) + len(char)
        ends.append(length)
        pieces += [piece, char]
    moved = [(begins[start], ends[end], label) for start, end, label in spans]
    return "".join(pieces), moved
