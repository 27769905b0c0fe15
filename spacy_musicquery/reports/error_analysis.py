"""What a pipeline gets wrong, and where: errors by kind, label, length and novelty."""

from collections import Counter
from math import inf
from typing import (
    Callable,
    Dict,
    Iterable,
    List,
    Literal,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from spacy.training import Example

from ..data.docs import doc_to_record
from ..data.records import Span
from ..tokens.alignment import SCORE_EXTENSION

Kind = Literal["boundary", "label", "missed", "false alarm", "false alarm, no query"]
KINDS: Dict[Kind, str] = {
    "boundary": "found, but it begins or ends elsewhere",
    "label": "found, but under another label",
    "missed": "not found",
    "false alarm": "found where there is none, in a message with a query",
    "false alarm, no query": "found in a message without any query",
}
# Classes of queries by length, and the length of their longest, in characters.
LENGTHS = {"1": 1, "2": 2, "3": 3, "4": 4, "5-6": 6, "7-9": 9, "10+": inf}


class SpanError(NamedTuple):
    """A query that is not what it should be.

    kind (str): One of KINDS.
    gold (Optional[Span]): The query that should have been found; None for false alarms.
    found (Optional[Span]): What was found instead; None for missed ones.
    """

    kind: Kind
    gold: Optional[Span]
    found: Optional[Span]


class Message(NamedTuple):
    """A message, what it holds and what was found in it.

    text (str): The message.
    gold, found (Tuple[Span, ...]): The queries that it has, and those that were found.
    scores (Mapping[Span, float]): How probable these are, as far as that is known.
    """

    text: str
    gold: Tuple[Span, ...]
    found: Tuple[Span, ...]
    scores: Mapping[Span, float] = {}

    @property
    def errors(self) -> List[SpanError]:
        """List what is wrong in the message.

        RETURNS (List[SpanError]): What is wrong. A query and what was found are one
        error if they overlap, the pair that shares most characters first."""
        gold = [span for span in self.gold if span not in self.found]
        found = [span for span in self.found if span not in self.gold]
        pairs = [(_overlap(g, f), g, f) for g in gold for f in found if _overlap(g, f) > 0]
        errors = []
        for _, g, f in sorted(pairs, key=lambda pair: -pair[0]):
            if g in gold and f in found:
                errors.append(SpanError("boundary" if g[2] == f[2] else "label", g, f))
                gold.remove(g)
                found.remove(f)
        errors += [SpanError("missed", g, None) for g in gold]
        alarm: Kind = "false alarm" if self.gold else "false alarm, no query"
        return errors + [SpanError(alarm, None, f) for f in found]


class Rate(NamedTuple):
    """How many queries of a class there are, how many were found, and how many of
    both are right."""

    gold: int
    found: int
    right: int

    @property
    def precision(self) -> Optional[float]:
        """The share of what was found that is right.

        RETURNS (Optional[float]): None if nothing was found.
        """
        return self.right / self.found if self.found else None

    @property
    def recall(self) -> Optional[float]:
        """The share of what is to be found that was.

        RETURNS (Optional[float]): None if there is nothing to find.
        """
        return self.right / self.gold if self.gold else None


def read_messages(examples: Iterable[Example]) -> List[Message]:
    """Compare what was predicted with what is right.

    examples (Iterable[Example]): Predicted and reference docs.
    RETURNS (List[Message]): Their texts and entities.
    """
    messages = []
    for row, example in enumerate(examples, start=1):
        gold = doc_to_record(row, example.reference)
        found = doc_to_record(row, example.predicted)
        scores = {
            (ent.start_char, ent.end_char, ent.label_): ent._.get(SCORE_EXTENSION)
            for ent in example.predicted.ents
            if isinstance(ent._.get(SCORE_EXTENSION), float)
        }
        messages.append(Message(gold.text, gold.spans, found.spans, scores))
    return messages


def count_kinds(messages: Iterable[Message]) -> Dict[Kind, int]:
    """Count errors by kind.

    messages (Iterable[Message]): The messages.
    RETURNS (Dict[Kind, int]): The number of errors of each kind.
    """
    counts = Counter(error.kind for message in messages for error in message.errors)
    return {kind: counts[kind] for kind in KINDS}


def rates_by_label(messages: Sequence[Message]) -> Dict[str, Rate]:
    """Count by label.

    messages (Sequence[Message]): The messages.
    RETURNS (Dict[str, Rate]): By label, sorted.
    """
    labels = {span[2] for m in messages for span in (*m.gold, *m.found)}
    return _rates(messages, sorted(labels), lambda text, span: span[2])


def rates_by_length(messages: Sequence[Message]) -> Dict[str, Rate]:
    """Count by the length of the query.

    messages (Sequence[Message]): The messages.
    RETURNS (Dict[str, Rate]): By length of the query in characters.
    """

    def name_of(text: str, span: Span) -> str:
        return next(n for n, longest in LENGTHS.items() if span[1] - span[0] <= longest)

    return _rates(messages, list(LENGTHS), name_of)


def rates_by_novelty(messages: Sequence[Message], known: Set[str]) -> Dict[str, Rate]:
    """Count by whether training had the query.

    messages (Sequence[Message]): The messages.
    known (Set[str]): The queries of the training data.
    RETURNS (Dict[str, Rate]): Of queries that are among them, and of others.
    """
    names = ("never seen", "seen in training")
    return _rates(
        messages, names, lambda text, span: names[text[span[0] : span[1]] in known]
    )


def confusion(
    messages: Iterable[Message],
) -> Dict[Tuple[Optional[str], Optional[str]], int]:
    """Count which label was found for which.

    messages (Iterable[Message]): The messages.
    RETURNS (Dict[Tuple[Optional[str], Optional[str]], int]): How often a query of one
        label was found under another; None stands for no query. Boundaries that are
        wrong do not count as confused.
    """
    counts: Counter = Counter()
    for message in messages:
        for span in set(message.gold) & set(message.found):
            counts[span[2], span[2]] += 1
        for _, gold, found in message.errors:
            counts[gold and gold[2], found and found[2]] += 1
    return dict(counts)


def _rates(
    messages: Iterable[Message],
    names: Sequence[str],
    name_of: Callable[[str, Span], str],
) -> Dict[str, Rate]:
    """Rates of the classes that `name_of` sorts queries into."""
    counts: Dict[str, List[int]] = {name: [0, 0, 0] for name in names}
    for text, gold, found, _ in messages:
        for i, spans in enumerate((gold, found, set(gold) & set(found))):
            for span in spans:
                counts[name_of(text, span)][i] += 1
    return {name: Rate(*of_name) for name, of_name in counts.items()}


def _overlap(one: Span, other: Span) -> int:
    return min(one[1], other[1]) - max(one[0], other[0])
