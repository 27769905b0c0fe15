"""Augmenters: variants of training messages. spaCy applies them when a corpus is read.

Each yields the message as it is and, `level` times on average, a variant of it. spaCy
reads a corpus once for all epochs (unless max_epochs is -1), so that a variant must
not take the place of its message.
"""

import random
from collections import defaultdict
from typing import Callable, DefaultDict, Iterator, List, Sequence, Tuple

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from .corpus import record_to_doc
from .records import Record

Augmenter = Callable[[Language, Example], Iterator[Example]]
Spans = List[Tuple[int, int, str]]


def make_swap_queries(level: float = 1.0, seed: int = 0) -> Augmenter:
    """Replace every query of a message by another one of the same label, drawn from
    the messages that came before it: new names in known phrases.

    level (float): Variants a message, on average.
    seed (int): Seeds the draws.
    RETURNS (Callable): The augmenter.
    """
    generator = random.Random(seed)
    known: DefaultDict[str, List[str]] = defaultdict(list)

    def swap(nlp: Language, example: Example) -> Iterator[Example]:
        yield example
        text, spans = _text_and_spans(example.reference)
        for start, end, label in spans:
            known[label].append(text[start:end])
        if spans:
            for _ in range(_draw_number(level, generator)):
                choices = [generator.choice(known[label]) for *_, label in spans]
                yield _make_example(nlp, *replace_spans(text, spans, choices))

    return swap


def replace_spans(
    text: str, spans: Spans, replacements: Sequence[str]
) -> Tuple[str, Spans]:
    """Put other words in the place of spans.

    text (str): The text.
    spans (List[Tuple[int, int, str]]): Start, end and label, in order, without overlap.
    replacements (Sequence[str]): One for each span.
    RETURNS (Tuple[str, List[Tuple[int, int, str]]]): The new text, its spans.
    """
    pieces: List[str] = []
    moved: Spans = []
    length = last_end = 0
    for (start, end, label), replacement in zip(spans, replacements):
        length += start - last_end
        moved.append((length, length + len(replacement), label))
        pieces += [text[last_end:start], replacement]
        length += len(replacement)
        last_end = end
    return "".join([*pieces, text[last_end:]]), moved


def _text_and_spans(doc: Doc) -> Tuple[str, Spans]:
    return doc.text, [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]


def _make_example(nlp: Language, text: str, spans: Spans) -> Example:
    doc = record_to_doc(nlp, Record(0, text, tuple(spans)))
    return Example(nlp.make_doc(text), doc)


def _draw_number(level: float, generator: random.Random) -> int:
    """A whole number whose mean is `level`."""
    return int(level) + (generator.random() < level % 1)
