"""Writes annotated messages: phrases that requests are said with, filled with the names
of a catalogue, and ordinary messages between them. `grammar` says how phrases are written.
"""

import random
import re
from itertools import accumulate
from typing import (
    Dict,
    Iterator,
    List,
    Optional,
    Sequence,
    Tuple,
)

from ..tokens.intents import CONTROL, LISTEN, OTHER
from .generator_settings import GeneratorSettings
from .grammar import CHOICE, CLAUSE, HANZI, KINDS, PLACE, Grammar
from .homophones import mishear
from .message_edits import Message, behind, inserted
from .records import DEFAULT_LABEL, Record, Span

Shares = Tuple[Tuple[float, float], ...]

_INTENTS = {
    "requests": LISTEN,
    "requests_without_query": LISTEN,
    "controls": CONTROL,
    "mentions": OTHER,
    "other_requests": OTHER,
    "chat": OTHER,
}
# What may follow a name in a phrase, and would be taken for a part of one that ends so.
_AFTER_NAME = re.compile(r"的?(歌|曲|音乐|专辑)|的$")
_LIKE_AFTER_NAME = ("歌", "曲", "音乐", "歌曲", "专辑")
_N_COMMON = 60
# A title is oftener all that a request says than an artist is.
_BARE = ("{work}", "{work}", "{query}")
_ENDINGS = (
    "。", "。", "。", "。", "！", "？", "!", "?", "~", "，", ".", "...", "。。。", "…", "……", "！！", "！！！",
    "？？", "～", "~~", "；", "、", "..", "!!", ",", "。。",
)  # fmt: skip
_PUNCTUATION = "。！？!?~，.…～；、,"
_BETWEEN_CLAUSES = re.compile(r"[。！？!?~，.,；;…\s]+")
_LONGEST_CLAUSE = 14
_LONGEST_CLAUSE_TITLE = 8
# What would make a few words no title behind a phrase: measures (放一下), other things to
# hear, and what requests end with.
_NO_TITLE = re.compile(
    "^[一两几这那某点些个首段会下的了吧吗呢啊们着过到在给完听放播唱歌]|[歌曲听播放]|音乐|新闻|故事|小说|相声"
    "|评书|戏|电影|电视|剧|视频|动画|节目|广播|电台|天气|路况|第.|.集|讲|课|诗|书|小品|直播|频道|铃声|声音|[哈呵嘿嘻]{2}"
    "|[吧吗呢呗哦嘛啊呀哈的]$"
)
_QUOTES = (
    "《》", "《》", "《》", "“”", "“”", '""', "''", "‘’", "「」", "『』", "【】", "()", "（）", "〈〉",
)  # fmt: skip
# How many of the places outside the queries get a blank, and of those inside.
_SHARES_OF_BLANKS: Shares = ((0.0, 0.0), (0.4, 0.0), (0.4, 0.1), (0.5, 0.5), (0.9, 0.9))
_SHARES_OF_ZERO_WIDTH: Shares = ((0.0, 0.0), (0.1, 0.1), (0.3, 0.0))
# What is not seen and comes along when a text is copied.
_ZERO_WIDTH = "\u200b\u200b\u200c\u200d\u2060\ufeff"


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
        silent = [record.text for record in self.real if not record.spans]
        self.clauses = _titles_in(
            silent or [PLACE.sub(" ", c) for c in grammar.lines["chat"]]
        )
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
            if not record.spans:
                text = record.text
                if self._happens(self.settings.clauses):
                    text = self._clause(text)
                # Or a full stop would say that a message was written in earnest.
                message = text.rstrip(_PUNCTUATION) or record.text, []
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

    def _clause(self, text: str) -> str:
        """A clause of a text; all of it if that would be a name."""
        clauses = [c for c in _BETWEEN_CLAUSES.split(text) if 1 < len(c) <= _LONGEST_CLAUSE]
        if clauses:
            clause = self.random.choice(clauses)
            if clause.strip(_PUNCTUATION) not in self.grammar.known:
                return clause
        return text

    def _fragment(self, text: str) -> str:
        """A few characters of a text; all of it if that would be a name."""
        stretches = HANZI.findall(text)
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
        while CHOICE.search(line):
            line = CHOICE.sub(lambda m: self.random.choice(m[1].split("|")), line)
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
        pieces = PLACE.split(self._chosen(carrier))  # text and place in turn
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
        pieces = PLACE.split(self._chosen(pattern))
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
        if type_name == CLAUSE:
            return self._clause_title()
        # What is no more than a name no one has heard of is none.
        may_be_invented = not is_bare and type_name in ("title", "artist")
        if may_be_invented and self._happens(self.settings.invented):
            return self._invented(type_name)
        for _ in range(20):
            name = self.random.choice(self.grammar.names[type_name])
            if type_name.startswith("latin_"):
                break
            # Who writes Chinese asks less often for names in other scripts.
            is_rare = not HANZI.search(name) and self._happens(0.6)
            is_longer = _AFTER_NAME.match(after) and name.endswith(_LIKE_AFTER_NAME)
            if not (is_rare or is_longer):
                break
        return name

    def _invented(self, type_name: str) -> str:
        """A name that looks like others of its type, or a title that does not."""
        if type_name == "title" and self._happens(0.5):
            line = self.random.choice(self.grammar.lines["chat"])
            stretches = HANZI.findall(PLACE.sub(" ", line))
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

    def _clause_title(self) -> str:
        """A few words that someone has said, or a part of them."""
        if not self.clauses:
            return self._invented("title")
        clause = self.random.choice(self.clauses)
        if self._happens(0.3):
            start = self.random.randint(0, len(clause) - 1)
            part = clause[start : start + self.random.randint(1, 4)]
            if not _NO_TITLE.search(part):
                return part
        return clause

    def _decorated(self, message: Message) -> Message:
        """With fillers, punctuation, and other messages before and after it."""
        text, spans = message
        if self._happens(self.settings.opened):
            text, spans = behind(self._line("openers"), (text, spans))
        if text[-1] not in _PUNCTUATION and self._happens(self.settings.punctuated):
            text += self.random.choice(_ENDINGS)
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
                text, spans = behind(before, (text, spans))
        return text, spans

    def _quoted(self, text: str, spans: List[Span]) -> Message:
        """With quotation marks around a query."""
        start, end, _ = self.random.choice(spans)
        left, right = tuple(self.random.choice(_QUOTES))
        if text[start - 1 : start] in tuple("《“"):
            return text, spans
        return inserted(text, spans, {start: left, end: right})

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
        return inserted(text, spans, wanted)

    def _silence(self) -> str:
        return self._line(self.random.choice(("chat", "chat", "other_requests")))

    def _with_pause(self, text: str) -> str:
        return text if text[-1] in _PUNCTUATION else text + self.random.choice("，，。 ")


def _titles_in(texts: Sequence[str]) -> List[str]:
    """The short clauses of texts that would do as titles."""
    stretches = (stretch for text in texts for stretch in HANZI.findall(text))
    return [
        stretch
        for stretch in stretches
        if len(stretch) <= _LONGEST_CLAUSE_TITLE and not _NO_TITLE.search(stretch)
    ]
