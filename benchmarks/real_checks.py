"""Behavioural tests of what finds music queries, as CheckList names them (Ribeiro et al.
2020, https://aclanthology.org/2020.acl-main.442/).

- Minimum functionality: famous names in plain carriers.
- Invariance: requests with 30 endings and openings, with polite words before them, and in
  traditional characters. Whatever is done to a message, it is done between its queries and
  inside each of them apart, so that where they are is known exactly.
- Direction: what is refused is not asked for.

Everything is made in a fixed order, by no chance but that of a seed.
"""

import random
from itertools import pairwise
from typing import Callable, Collection, Dict, List, NamedTuple, Optional, Sequence, Tuple

from real_famous import ARTISTS, PAIRS, TITLES
from real_scores import Message

Change = Callable[[Message], Optional[Message]]

# Behind a carrier or a name, all of these are still the same request.
FAMOUS_ENDINGS = ("", "。", "！", "吧")

# For artists, titles, and both together.
_ANY_CARRIERS = (
    "播放{}", "放{}", "听{}", "播{}", "点播{}", "想听{}", "我想听{}", "我要听{}", "我想听听{}",
    "我想听一下{}", "来一首{}", "来首{}", "再来一首{}", "放一首{}", "放首{}", "再放一首{}",
    "播放一首{}", "播一首{}", "点一首{}", "点播一首{}", "我要点一首{}", "我想听一首{}",
    "我要听一首{}", "请播放{}", "请放{}", "请来一首{}", "帮我放{}", "帮我播放{}", "帮我放一首{}",
    "帮我来一首{}", "给我放{}", "给我播放{}", "给我来一首{}", "麻烦放一首{}", "换一首{}", "换成{}",
)  # fmt: skip
_TITLE_CARRIERS = (
    "播放歌曲{}", "放歌曲{}", "来一首歌曲{}", "我想听歌曲{}", "播放{}这首歌", "我想听{}这首歌",
    "放一下{}这首歌", "帮我放{}这首歌", "帮我找一下{}这首歌", "单曲循环{}", "唱一首{}", "给我唱一首{}",
)  # fmt: skip
_ARTIST_CARRIERS = (
    "播放{}的歌", "放{}的歌", "听{}的歌", "我想听{}的歌", "我要听{}的歌", "来一首{}的歌", "来点{}的歌",
    "放一首{}的歌", "放点{}的歌", "帮我放{}的歌", "播放{}的歌曲", "来几首{}的歌",
)  # fmt: skip

_REFUSALS = (
    "别放{}", "别放{}了", "不要播放{}", "别再放{}了", "不想听{}", "我不想听{}了", "停止播放{}",
)  # fmt: skip
_ARTIST_REFUSALS = ("别放{}的歌", "不想听{}的歌", "停止播放{}的歌")
# What is refused, and what is asked for instead.
_INSTEAD = (
    "别放{}，放{}", "别放{}了放{}", "不要{}，我要听{}", "不想听{}了，换成{}", "不听{}，来一首{}",
)  # fmt: skip

_POLITE = ("请", "帮我", "麻烦", "请帮我", "麻烦你")
# Requests that begin with one of these may have such words before them.
_VERBS = ("播", "放", "来", "点", "唱", "搜", "换", "找")


class Case(NamedTuple):
    """A message that a behavioural test asks about.

    message (Message): The message, with the queries that shall be found.
    form (str): What kind of name it has: "artist", "title", "artist's title" (with 的), ...
    carrier (str): What stands around the name.
    ending (str): What stands behind it all.
    """

    message: Message
    form: str
    carrier: str
    ending: str


class Ending(NamedTuple):
    """A way to change a request that changes nothing of what it asks for.

    name (str): In English, for pictures.
    shown (str): What it looks like.
    change (Change): Does it; gives None where it makes no sense.
    """

    name: str
    shown: str
    change: Change


def fill(carrier: str, *names: str) -> Message:
    """Put names into a carrier.

    carrier (str): A text with a `{}` for each.
    *names (str): The names.
    RETURNS (Message): The message, each name a query.
    """
    text, *others = carrier.split("{}")
    spans = []
    for name, piece in zip(names, others):
        spans.append((len(text), len(text) + len(name)))
        text += name + piece
    return Message(text, tuple(spans))


def famous() -> List[Case]:
    """RETURNS (List[Case]): Famous artists, titles, and both with and without 的 between
    them, in 60 plain carriers, with four endings.
    """
    forms = (
        ("artist", ARTISTS, _ANY_CARRIERS + _ARTIST_CARRIERS),
        ("title", TITLES, _ANY_CARRIERS + _TITLE_CARRIERS),
        (
            "artist's title",
            [f"{a}的{t}" for a, t in PAIRS],
            _ANY_CARRIERS + _TITLE_CARRIERS,
        ),
        ("artist + title", [f"{a}{t}" for a, t in PAIRS], _ANY_CARRIERS + _TITLE_CARRIERS),
    )
    return [
        Case(fill(carrier + ending, name), form, carrier, ending)
        for form, names, carriers in forms
        for carrier in carriers
        for name in names
        for ending in FAMOUS_ENDINGS
    ]


def refusals() -> List[Case]:
    """RETURNS (List[Case]): Requests not to hear a famous name: form "refused", nothing
    shall be found; form "instead", only the name that is asked for instead.
    """
    names = [*ARTISTS, *TITLES]
    cases = [
        Case(Message(carrier.format(name)), "refused", carrier, "")
        for carriers, of_kind in ((_REFUSALS, names), (_ARTIST_REFUSALS, ARTISTS))
        for carrier in carriers
        for name in of_kind
    ]
    wanted = names[:]
    random.Random(0).shuffle(wanted)
    for carrier in _INSTEAD:
        for refused, name in zip(names, wanted):
            if refused != name:
                message = fill(carrier, refused, name)
                message = message._replace(spans=message.spans[1:])
                cases.append(Case(message, "instead", carrier, ""))
    return cases


def polite(requests: Sequence[Message]) -> List[Case]:
    """requests (Sequence[Message]): Requests that a system gets right.
    RETURNS (List[Case]): Those that begin with a verb, with polite words before it.
    """
    return [
        Case(put_before(words)(message), "polite", f"{words}{{}}", "")
        for words in _POLITE
        for message in requests
        if message.text.startswith(_VERBS)
    ]


def endings(titles: Collection[str]) -> List[Ending]:
    """titles (Collection[str]): Names that may stand in 《》.
    RETURNS (List[Ending]): 30 endings and openings, and what may stand around a name or
        between words.
    """
    behind = (
        ("full stop", "。"),
        ("exclamation", "！"),
        ("question mark", "?"),
        ("dot", "."),
        ("dots", "..."),
        ("ellipsis", "……"),
        ("tilde", "~"),
        ("wide tilde", "～"),
        ("comma", "，"),
        ("emoji smile", "😊"),
        ("emoji heart", "❤️"),
        ("emoji notes", "🎵🎵"),
        ("emoji skin tone", "🙏🏻"),
        ("sticker", "[微笑]"),
        ("hhh", "hhh"),
        ("hahaha", "哈哈哈"),
        ("233", "233"),
        ("kaomoji", "(^_^)"),
        ("kaomoji, long", "(づ｡◕‿‿◕｡)づ"),
        ("link", " https://y.qq.com/n/ryqq/songDetail/0039MnYb0qxYhV"),
        ("line break", "\n"),
        ("zero-width behind", "\u200b"),
    )
    before = (
        ("@bot", "@小助手 "),
        ("wake word", "小爱同学，"),
        ("wake word, twice", "小度小度"),
    )
    return [
        *(Ending(name, f"X{_visible(text)}", put_behind(text)) for name, text in behind),
        *(Ending(name, f"{text}X", put_before(text)) for name, text in before),
        Ending("quotes", "播放“晴天”", put_around("“", "”")),
        Ending("ASCII quotes", '播放"晴天"', put_around('"', '"')),
        Ending("title marks", "播放《晴天》", put_around("《", "》", titles)),
        Ending("blanks between words", "播放 周杰伦 的 晴天", _separate_words),
        Ending(
            "zero-width around", "播放\\u200b晴天\\u200b", put_around("\u200b", "\u200b")
        ),
    ]


def put_behind(text: str) -> Change:
    """text (str): What to put behind messages. RETURNS (Change): Does so."""
    return lambda message: message._replace(text=message.text + text)


def put_before(text: str) -> Callable[[Message], Message]:
    """text (str): What to put before messages. RETURNS (Callable): Does so."""

    def change(message: Message) -> Message:
        n = len(text)
        spans = tuple((start + n, end + n) for start, end in message.spans)
        return Message(text + message.text, spans)

    return change


def put_around(left: str, right: str, names: Optional[Collection[str]] = None) -> Change:
    """Put marks around the query of messages that have one, a single name.

    left (str): The mark before it.
    right (str): The mark behind it.
    names (Optional[Collection[str]]): The only names that it makes sense with.
    RETURNS (Change): Does so.
    """

    def change(message: Message) -> Optional[Message]:
        if len(message.spans) != 1:
            return None
        [(start, end)] = message.spans
        query, behind = message.text[start:end], message.text[end:]
        # 周杰伦的晴天 is no name, and what has such marks needs no more.
        if "的" in query or not query.isalnum() or behind.startswith(("》", "”", '"')):
            return None
        if names is not None and query not in names:
            return None
        text = message.text[:start] + left + query + right + behind
        return Message(text, ((start + len(left), end + len(left)),))

    return change


def rebuild(message: Message, change: Callable[[str], str], between: str = "") -> Message:
    """Change the text of a message piece by piece, so that its queries stay known.

    message (Message): The message.
    change (Callable[[str], str]): Changes a query, or what is between two.
    between (str): What to put between these pieces.
    RETURNS (Message): The changed message.
    """
    borders = [0, *(i for span in sorted(message.spans) for i in span), len(message.text)]
    pieces: List[str] = []
    spans: List[Tuple[int, int]] = []
    length = 0
    for i, (start, end) in enumerate(pairwise(borders)):
        if start == end:
            continue
        if pieces:
            pieces.append(between)
            length += len(between)
        pieces.append(change(message.text[start:end]))
        # Every other piece is a query.
        if i % 2:
            spans.append((length, length + len(pieces[-1])))
        length += len(pieces[-1])
    return Message("".join(pieces), tuple(spans))


def _separate_words(message: Message) -> Message:
    # Not needed for anything else, and slow to load.
    import jieba

    return rebuild(message, lambda piece: " ".join(jieba.cut(piece)), " ")


def sample_requests(
    messages: Sequence[Message], right: Sequence[bool], n: int
) -> List[Message]:
    """Choose requests that endings can be put to.

    messages (Sequence[Message]): All messages.
    right (Sequence[bool]): Whether a system finds exactly their queries.
    n (int): How many to choose at most.
    RETURNS (List[Message]): Requests that are right, and that begin and end with a Chinese
        character, so that an ending is the only one and no part of a word. The order of
        all is shuffled first, so that those of two systems are much the same.
    """
    chosen = [
        message
        for message, is_right in zip(messages, right)
        if is_right
        and message.spans
        and _is_chinese(message.text[0])
        and _is_chinese(message.text[-1])
    ]
    keys = {message: random.Random(message.text).random() for message in chosen}
    return sorted(keys, key=lambda message: (keys[message], message))[:n]


def by(cases: Sequence[Case], field: str) -> Dict[str, List[int]]:
    """cases (Sequence[Case]): The cases. field (str): One of their fields.
    RETURNS (Dict[str, List[int]]): The places of the cases with each value of it.
    """
    places: Dict[str, List[int]] = {}
    for i, case in enumerate(cases):
        places.setdefault(getattr(case, field), []).append(i)
    return places


def _is_chinese(char: str) -> bool:
    return "一" <= char <= "鿿"


def _visible(text: str) -> str:
    return text.replace("\n", "\\n").replace("\u200b", "\\u200b")
