"""What training aims at: the gold tags and the gold intent of an example."""

from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set

import numpy as np
from spacy.training import Example

from ..decoding import bio
from ..errors import Errors, excerpt
from ..features.plain_text import plain_text
from ..types import Ints1d
from .alignment import strip_blanks
from .intents import best_intent

# Marks the reference docs of messages such as the pipeline has learnt from already.
REPLAYED = "music_query_replayed"
# Marks those of messages that tell what the box has not forgotten.
CHECK = "music_query_check"


def new_examples(examples: Iterable[Example]) -> Iterator[Example]:
    """What a trained pipeline may have to grow by.

    examples (Iterable[Example]): Its training data.
    YIELDS (Example): Those that are not replayed, each once, however often it comes.
    """
    seen: Dict[int, Example] = {}  # kept, so that no other one gets its id
    for example in examples:
        if id(example) not in seen and not example.reference.user_data.get(REPLAYED):
            seen[id(example)] = example
            yield example


class Sample(NamedTuple):
    """What training data hold.

    texts (List[str]): The texts.
    labels (List[str]): The labels of their entities, sorted.
    intents (List[str]): Their categories, sorted.
    spaced (Optional[str]): A text that was made without knowing where blanks are.
    """

    texts: List[str]
    labels: List[str]
    intents: List[str]
    spaced: Optional[str]


def read_sample(examples: Iterable[Example]) -> Sample:
    """Look through training data.

    examples (Iterable[Example]): The data.
    RETURNS (Sample): What they hold.
    """
    texts: List[str] = []
    labels: Set[str] = set()
    intents: Set[str] = set()
    spaced: Optional[str] = None
    for example in examples:
        reference = example.reference
        texts.append(reference.text)
        labels.update(ent.label_ for ent in reference.ents)
        intents.update(reference.cats)
        if spaced is None and reference.has_unknown_spaces:
            spaced = reference.text
    return Sample(texts, sorted(labels), sorted(intents), spaced)


def gold_tags(example: Example, labels: Sequence[str], component: str) -> Ints1d:
    """The BIO tags of a reference, of the characters that are read, see `plain_text`.

    example (Example): The example.
    labels (Sequence[str]): The labels, in the order of the tags.
    component (str): The component's name, for errors.
    RETURNS (Ints1d): One tag a character that is read, MISSING where the reference says
        nothing.
    RAISES (ValueError): If the predicted text is another one, or a label is unknown.
    """
    reference = example.reference
    text = reference.text
    if example.predicted.text != text:
        raise ValueError(
            Errors.MQ009.format(
                name=component,
                predicted=excerpt(example.predicted.text),
                reference=excerpt(text),
            )
        )
    spans = [
        (*strip_blanks(text, ent.start_char, ent.end_char), ent.label_)
        for ent in reference.ents
    ]
    unknown = sorted({label for *_, label in spans if label not in labels})
    if unknown:
        raise ValueError(
            Errors.MQ006.format(
                name=component,
                unknown=", ".join(unknown),
                labels=", ".join(labels) or "none",
            )
        )
    tags = bio.encode_spans(len(text), spans, labels)
    if not reference.has_annotation("ENT_IOB", require_complete=True):
        for token in reference:
            if token.ent_iob == 0:
                tags[token.idx : token.idx + len(token.text_with_ws)] = bio.MISSING
    shorter = plain_text(text)
    return tags if shorter is None else tags[np.asarray(shorter.places)]


def gold_intent(
    example: Example,
    intents: Sequence[str],
    component: str,
    implied: Optional[str] = None,
) -> int:
    """The place of a reference's intent.

    example (Example): The example.
    intents (Sequence[str]): The intents, in the order of the model's output.
    component (str): The component's name, for errors.
    implied (Optional[str]): The intent of a reference that has an entity and no intent.
    RETURNS (int): MISSING if the reference has none.
    RAISES (ValueError): If it is unknown.
    """
    intent = best_intent(example.reference)
    if intent is None and example.reference.ents:
        intent = implied
    if intent is None:
        return bio.MISSING
    if intent not in intents:
        known = ", ".join(intents)
        raise ValueError(Errors.MQ013.format(name=component, unknown=intent, intents=known))
    return intents.index(intent)
