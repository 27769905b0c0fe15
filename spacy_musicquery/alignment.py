"""Character offsets to spaCy spans, with a score, and spans among other entities."""

from typing import Any, List, Literal, NamedTuple, Sequence, Tuple

from spacy.tokens import Doc, Span

AlignmentMode = Literal["strict", "contract", "expand"]

SCORE_EXTENSION = "music_query_score"


class FoundSpan(NamedTuple):
    """A query as the model found it: characters `start` to `end` (exclusive) of
    the text, its label, and the probability that it is one."""

    start: int
    end: int
    label: str
    score: float


def strip_blanks(text: str, start: int, end: int) -> Tuple[int, int]:
    """Leave out blanks at both edges, which spaCy allows in no entity.

    text (str): The text.
    start (int): The first character of a span.
    end (int): The character after its last.
    RETURNS (Tuple[int, int]): The new start and end; equal if nothing is left.
    """
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


def align(
    doc: Doc, found: Sequence[FoundSpan], mode: AlignmentMode
) -> Tuple[List[Span], List[float], int]:
    """Map spans of characters to spans of tokens.

    doc (Doc): The document.
    found (Sequence[FoundSpan]): Spans in order, without overlap.
    mode (str): What happens to one that begins or ends inside a token: "expand"
        takes the whole token in, "contract" leaves it out, "strict" drops the span.
    RETURNS (Tuple[List[Span], List[float], int]): The spans in order and without
        overlap (of two that grow into one token the first has it), their scores,
        and how many were moved or dropped.
    """
    if not found:
        return [], [], 0
    if _tokens_are_chars(doc):
        fitting = [Span(doc, start, end, label) for start, end, label, _ in found]
        return fitting, [score for *_, score in found], 0
    spans: List[Span] = []
    scores: List[float] = []
    n_moved = 0
    for start, end, label, score in found:
        span = doc.char_span(start, end, label=label, alignment_mode=mode)
        if span is None or (span.start_char, span.end_char) != (start, end):
            n_moved += 1
        if span is not None and (not spans or span.start >= spans[-1].end):
            spans.append(span)
            scores.append(score)
    return spans, scores, n_moved


def _tokens_are_chars(doc: Doc) -> bool:
    """Whether every token is one character with no blank behind it, so that offsets
    of characters are offsets of tokens: true if the last one begins where it then must."""
    last = doc[-1]
    return last.idx == len(doc) - 1 and len(last.text_with_ws) == 1


def add_ents(doc: Doc, spans: Sequence[Span], *, overwrite: bool) -> None:
    """Put spans among the entities of a document.

    doc (Doc): The document, modified in place.
    spans (Sequence[Span]): The new entities, without overlap.
    overwrite (bool): Where a new entity overlaps an old one: whether the new one
        replaces it, or is left out.
    """
    # Set even if there is no entity: the tokens then count as annotated, and a
    # message without a query can be learnt from.
    old = doc.ents
    if old and overwrite:
        old = _disjoint(old, spans)
    elif old:
        spans = _disjoint(spans, old)
    doc.set_ents([*old, *spans])


def _disjoint(spans: Sequence[Span], others: Sequence[Span]) -> Tuple[Span, ...]:
    taken = {i for other in others for i in range(other.start, other.end)}
    return tuple(s for s in spans if taken.isdisjoint(range(s.start, s.end)))


def install_extensions() -> None:
    """Declare `span._.music_query_score`, unless that has been done. A process that
    unpickles a component starts without it, so whatever annotates calls this too."""
    if not Span.has_extension(SCORE_EXTENSION):
        Span.set_extension(SCORE_EXTENSION, default=None)


def set_score(span: Span, score: float) -> None:
    """Do what `span._.music_query_score = score` does, in a tenth of the time.

    span (Span): The span.
    score (float): Its score.
    """
    key: Any = ("._.", SCORE_EXTENSION, span.start_char, span.end_char)
    span.doc.user_data[key] = score
