"""Augmenters: variants of training messages. spaCy applies them when a corpus is read.

Each yields the message as it is and, `level` times on average, a variant of it. spaCy
reads a corpus once for all epochs (unless max_epochs is -1), so that a variant must
not take the place of its message. A message that is only partly annotated, or that an
augmenter can do nothing with, has no variants. Intents stay what they were.
"""

import random
from collections import defaultdict
from pathlib import Path
from typing import (
    Callable,
    DefaultDict,
    Dict,
    Iterator,
    List,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
)

from spacy.language import Language
from spacy.training import Example

from ..errors import bad_setting, require_number
from ..saving.pretrained import BOX_PATH
from ..saving.sealed_files import read_names
from ..tokens.gold import REPLAYED
from .docs import doc_to_record, record_to_doc
from .homophones import homophones, mishear
from .raw_text import read_negatives
from .records import DEFAULT_LABEL, Record, Span

Augmenter = Callable[[Language, Example], Iterator[Example]]
Message = Tuple[str, Sequence[Span]]

# What requests for music are said with.
CARRIERS = (
    "我想听{}", "播放{}", "来一首{}", "放一下{}", "给我放{}吧", "有没有{}", "帮我找一下{}",
    "{}有吗", "{}来一首", "可以放{}吗", "换成{}", "我要听{}这首歌", "听听{}", "搜一下{}",
)  # fmt: skip
PUNCTUATION = "，。！？、～…,.!?~"
PARTICLES = "吧啊呀呢嘛哦啦哈"
_TYPES_OF_QUERIES = ("artist", "title", "album")
FILLERS = ("嗯", "那个", "请", "喂", "诶", "麻烦", "就", "然后")


def make_swap_queries(level: float = 1.0, seed: int = 0) -> Augmenter:
    """Replace every query of a message by another one of the same label, drawn from
    the messages that came before it: new names in known phrases.

    level (float): Variants a message, on average.
    seed (int): Seeds the draws.
    RETURNS (Callable): The augmenter.
    """
    known: DefaultDict[str, List[str]] = defaultdict(list)

    def swap(message: Message, generator: random.Random) -> Optional[Message]:
        text, spans = message
        if not spans:
            return None
        choices = [generator.choice(known[label]) for *_, label in spans]
        return replace_spans(text, spans, choices)

    def see(message: Message) -> None:
        text, spans = message
        for start, end, label in spans:
            known[label].append(text[start:end])

    return _augmenter(swap, level, seed, see)


def make_swap_names(level: float = 1.0, seed: int = 0) -> Augmenter:
    """Replace every query of a message by a name of the catalogue in the box: names that
    are known in phrases that are new. A label that is a type of names gets one of that
    type; the box's own label an artist, a title or an album; others stay as they are. Every
    second name is invented of two, as not only what is listed may be asked for. A
    message without a query is repeated instead, so that there is as much silence as before.

    level (float): Variants a message, on average.
    seed (int): Seeds the draws.
    RETURNS (Callable): The augmenter.
    """
    of_types: Dict[str, List[str]] = {}

    def swap(message: Message, generator: random.Random) -> Optional[Message]:
        if not of_types:  # not before it is needed: it takes a while to read
            of_types.update(_names_in_the_box())
        text, spans = message
        choices = [
            _known_or_invented(of_types[label.casefold()], generator)
            if label.casefold() in of_types
            else text[start:end]
            for start, end, label in spans
        ]
        return replace_spans(text, spans, choices)

    return _augmenter(swap, level, seed, is_known=True)


def _known_or_invented(names: Sequence[str], generator: random.Random) -> str:
    one, other = generator.choice(names), generator.choice(names)
    if generator.random() < 0.5:
        return one
    return (one[: (len(one) + 1) // 2] + other[len(other) // 2 :]).strip()


def _names_in_the_box() -> Dict[str, List[str]]:
    """By the labels that stand for them, in lower case."""
    names = read_names((BOX_PATH / "catalogue").read_bytes(), "swap_names.v1")
    of_query = [name for type_name in _TYPES_OF_QUERIES for name in names[type_name]]
    return {**names, DEFAULT_LABEL.casefold(): of_query}


def make_insert_queries(
    level: float = 1.0, carriers: Sequence[str] = CARRIERS, seed: int = 0
) -> Augmenter:
    """Put a query of a message into another phrase: known names in new phrases.

    level (float): Variants a message, on average.
    carriers (Sequence[str]): The phrases, {} in the place of the query.
    seed (int): Seeds the draws.
    RETURNS (Callable): The augmenter.
    RAISES (ValueError): If there is no phrase, or one has not exactly one {}.
    """
    if not carriers or any(carrier.count("{}") != 1 for carrier in carriers):
        expected = "a list of phrases with one {} each"
        raise bad_setting("insert_queries.v1", "carriers", carriers, expected)

    def insert(message: Message, generator: random.Random) -> Optional[Message]:
        text, spans = message
        if not spans:
            return None
        start, end, label = generator.choice(spans)
        before, after = generator.choice(carriers).split("{}")
        query = text[start:end]
        span = (len(before), len(before) + len(query), label)
        return before + query + after, [span]

    return _augmenter(insert, level, seed)


def make_punctuate(level: float = 1.0, seed: int = 0) -> Augmenter:
    """Leave out punctuation and particles, or add some at the edges of a message.

    level (float): Variants a message, on average.
    seed (int): Seeds the draws.
    RETURNS (Callable): The augmenter.
    """

    def punctuate(message: Message, generator: random.Random) -> Optional[Message]:
        text, spans = message
        in_query = {i for start, end, _ in spans for i in range(start, end)}
        drop = {
            i
            for i, char in enumerate(text)
            if char in PUNCTUATION + PARTICLES and i not in in_query
            if generator.random() < 0.5
        }
        text, spans = drop_chars(text, spans, drop)
        before = generator.choice(FILLERS) if generator.random() < 0.3 else ""
        after = generator.choice(["", *PARTICLES, *PUNCTUATION])
        return before + text + after, _moved(spans, len(before))

    return _augmenter(punctuate, level, seed)


def make_surround(path: Union[str, Path], level: float = 1.0, seed: int = 0) -> Augmenter:
    """Put ordinary chat before a message, after it, or both: a request in the middle of
    a long message.

    path (Union[str, Path]): A text file, a message a line, or a folder of .txt files;
        none of the messages may hold a query.
    level (float): Variants a message, on average.
    seed (int): Seeds the draws.
    RETURNS (Callable): The augmenter.
    RAISES (ValueError): If there is no message.
    """
    chat = [record.text for record in read_negatives(Path(path))]

    def surround(message: Message, generator: random.Random) -> Optional[Message]:
        text, spans = message
        where = generator.choice(("before", "after", "both"))
        before = after = ""
        if where != "after":
            before = _with_pause(generator.choice(chat), generator)
        if where != "before":
            after = generator.choice(chat)
            text = _with_pause(text, generator)
        return before + text + after, _moved(spans, len(before))

    return _augmenter(surround, level, seed)


def make_homophones(level: float = 1.0, share: float = 0.1, seed: int = 0) -> Augmenter:
    """Replace characters by others of the same sound, as speech recognition does when
    it mishears. Needs the training extra (`pypinyin`).

    level (float): Variants a message, on average.
    share (float): Share of the characters to replace, above 0 and at most 1.
    seed (int): Seeds the draws.
    RETURNS (Callable): The augmenter.
    RAISES (ValueError): If the share is outside its range.
    RAISES (ImportError): `pypinyin` is not installed.
    """
    require_number("homophones.v1", "share", share, above=0, at_most=1)
    homophones()

    def vary(message: Message, generator: random.Random) -> Optional[Message]:
        text, spans = message
        return mishear(text, share, generator), spans

    return _augmenter(vary, level, seed)


def replace_spans(text: str, spans: Sequence[Span], replacements: Sequence[str]) -> Message:
    """Put other words in the place of spans.

    text (str): The text.
    spans (Sequence[Span]): Start, end and label, in order, without overlap.
    replacements (Sequence[str]): One for each span.
    RETURNS (Tuple[str, Sequence[Span]]): The new text, its spans.
    """
    pieces: List[str] = []
    moved: List[Span] = []
    length = last_end = 0
    for (start, end, label), replacement in zip(spans, replacements):
        length += start - last_end
        moved.append((length, length + len(replacement), label))
        pieces += [text[last_end:start], replacement]
        length += len(replacement)
        last_end = end
    return "".join([*pieces, text[last_end:]]), moved


def drop_chars(text: str, spans: Sequence[Span], drop: Set[int]) -> Message:
    """Leave characters out that are in no span.

    text (str): The text.
    spans (Sequence[Span]): Start, end and label.
    drop (Set[int]): The places of the characters.
    RETURNS (Tuple[str, Sequence[Span]]): The new text, its spans.
    """
    kept = "".join(char for i, char in enumerate(text) if i not in drop)
    moved = []
    for start, end, label in spans:
        n_before = sum(i < start for i in drop)
        moved.append((start - n_before, end - n_before, label))
    return kept, moved


def _augmenter(
    vary: Callable[[Message, random.Random], Optional[Message]],
    level: float,
    seed: int,
    see: Callable[[Message], None] = lambda message: None,
    is_known: bool = False,
) -> Augmenter:
    """Make an augmenter of what varies one message.

    vary (Callable): Makes a variant of a message, or None.
    see (Callable): Is told of every message before variants of it are made.
    is_known (bool): Whether what variants have anew is known to who knows the box, so that
        it does not grow by it.
    """
    require_number("augmenter", "level", level, at_least=0)
    generator = random.Random(seed)

    def augment(nlp: Language, example: Example) -> Iterator[Example]:
        yield example
        reference = example.reference
        if not reference.has_annotation("ENT_IOB", require_complete=True):
            return
        record = doc_to_record(0, reference)
        message = (record.text, record.spans)
        see(message)
        # A whole number whose mean is the level.
        for _ in range(int(level) + (generator.random() < level % 1)):
            variant = vary(message, generator)
            if variant is not None:
                text, spans = variant
                doc = record_to_doc(nlp, Record(0, text, tuple(spans)))
                doc.cats = dict(reference.cats)
                if is_known:
                    doc.user_data[REPLAYED] = True
                yield Example(nlp.make_doc(text), doc)

    return augment


def _moved(spans: Sequence[Span], by: int) -> List[Span]:
    return [(start + by, end + by, label) for start, end, label in spans]


def _with_pause(text: str, generator: random.Random) -> str:
    """Something between two sentences, if there is nothing yet."""
    return text if text[-1:] in PUNCTUATION else text + generator.choice("，。 ")
