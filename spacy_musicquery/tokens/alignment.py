"""Character offsets to spaCy spans, with a score, and spans among other entities."""

import logging
from collections import Counter
from typing import (
    Any,
    Collection,
    Dict,
    List,
    Literal,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from spacy.tokens import Doc, Span, SpanGroup

from ..errors import Warnings
from .retokenization import split_tokens

logger = logging.getLogger("spacy.music_query")

AlignmentMode = Literal["strict", "contract", "expand", "split"]
# What happens to queries that begin or end inside a token.
Change = Literal["widened", "cut", "dropped"]
CHANGES: Tuple[Change, ...] = ("widened", "cut", "dropped")

# What `attrs["char_spans"]` says of each query.
_CHAR_SPAN = {"start", "end", "label", "score"}

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


class Aligned(NamedTuple):
    """Queries as spans of tokens.

    spans (List[Span]): In order and without overlap.
    scores (List[float]): Their scores.
    changes (Dict[Change, int]): How many queries were widened, cut and dropped; nothing
        that did not happen.
    """

    spans: List[Span]
    scores: List[float]
    changes: Dict[Change, int]


def align(doc: Doc, found: Sequence[FoundSpan], mode: AlignmentMode) -> Aligned:
    """Map spans of characters to spans of tokens.

    doc (Doc): The document, whose tokens "split" modifies.
    found (Sequence[FoundSpan]): Spans in order, without overlap.
    mode (str): What happens to one that begins or ends inside a token: "expand"
        takes the whole token in, "contract" leaves it out, "strict" drops the span,
        "split" splits the token.
    RETURNS (Aligned): The spans of tokens; of two that grow into one token, the first
        has it and the other is dropped.
    """
    if not found:
        return Aligned([], [], {})
    if _tokens_are_chars(doc):
        fitting = [Span(doc, start, end, label) for start, end, label, _ in found]
        return Aligned(fitting, [span.score for span in found], {})
    if mode == "split":
        split_tokens(doc, [edge for start, end, *_ in found for edge in (start, end)])
        mode = "strict"
    changes: Dict[Change, int] = Counter()
    aligned = Aligned([], [], changes)
    spans = aligned.spans
    for start, end, label, score in found:
        span = doc.char_span(start, end, label=label, alignment_mode=mode)
        if span is not None and mode == "contract":
            span = _without_blanks(span)
        if span is None or (spans and span.start < spans[-1].end):
            changes["dropped"] += 1
            continue
        if (span.start_char, span.end_char) != (start, end):
            changes["widened" if mode == "expand" else "cut"] += 1
        spans.append(span)
        aligned.scores.append(score)
    return aligned


def _without_blanks(span: Span) -> Optional[Span]:
    """What is left of a span without the tokens at its edges that begin or end with a blank,
    as no entity may; None if that is nothing."""
    start, end = 0, len(span)
    while start < end and span[start].text[:1].isspace():
        start += 1
    while start < end and span[end - 1].text[-1:].isspace():
        end -= 1
    if start == end:
        return None
    return Span(span.doc, span.start + start, span.start + end, span.label)


def _tokens_are_chars(doc: Doc) -> bool:
    """Whether every token is one character with no blank behind it, so that offsets
    of characters are offsets of tokens: true if the last one begins where it then must."""
    last = doc[-1]
    return last.idx == len(doc) - 1 and len(last) == 1 and not last.whitespace_


def annotate_chars(doc: Doc, key: str, found: Sequence[FoundSpan]) -> bool:
    """Do what `align`, `set_group`, `set_scores` and `add_ents` do, in half the time, in a
    document that has neither entities nor such a group yet, and whose tokens are characters,
    as most have that come here.

    doc (Doc): The document, modified in place.
    key (str): The group's key.
    found (Sequence[FoundSpan]): Spans in order, without overlap.
    RETURNS (bool): Whether it is such a document; in another, nothing was done.
    """
    groups = doc.spans.data
    if key in groups or not len(doc) or doc.ents or not _tokens_are_chars(doc):
        return False
    spans: List[Span] = []
    scores: List[float] = []
    char_spans: List[Dict[str, Any]] = []
    if found:
        scores_of: Dict[Any, Any] = doc.user_data if _is_ours() else {}
        for start, end, label, score in found:
            spans.append(Span(doc, start, end, label))
            scores.append(score)
            char_spans.append({"start": start, "end": end, "label": label, "score": score})
            scores_of["._.", SCORE_EXTENSION, start, end] = score
    attrs = {"scores": scores, "char_spans": char_spans}
    groups[key] = SpanGroup(doc, name=key, spans=spans, attrs=attrs)
    doc.set_ents(spans)
    return True


def set_group(
    doc: Doc,
    key: str,
    aligned: Aligned,
    found: Sequence[FoundSpan],
    labels: Collection[str],
) -> None:
    """Write `doc.spans[key]` with its attrs "scores" and "char_spans". Queries with
    other labels, which another component has written there, stay.

    doc (Doc): The document, modified in place.
    key (str): The key.
    aligned (Aligned): The queries as spans of tokens.
    found (Sequence[FoundSpan]): The same, and others that fit no tokens, as the model
        found them.
    labels (Collection[str]): The labels of whoever has found them.
    """
    spans, scores, _ = aligned
    char_spans: List[Dict[str, Any]] = [
        {"start": start, "end": end, "label": label, "score": score}
        for start, end, label, score in found
    ]
    # What is behind the proxy, since every message comes here.
    old = doc.spans.data.get(key)
    if old is not None and is_found_group(old):
        scored = [
            (span, score)
            for span, score in _scored_spans(doc, old)
            if span.label_ not in labels
        ]
        scored = sorted([*scored, *zip(spans, scores)], key=_place_of_scored)
        spans, scores = [span for span, _ in scored], [score for _, score in scored]
        others = [span for span in old.attrs["char_spans"] if span["label"] not in labels]
        char_spans = sorted([*others, *char_spans], key=_place_of_char_span)
    attrs = {"scores": scores, "char_spans": char_spans}
    doc.spans.data[key] = SpanGroup(doc, name=key, spans=spans, attrs=attrs)


def is_found_group(group: SpanGroup) -> bool:
    """Tell whether a group is one that `set_group` has written: another component, or who
    loads Docs, may have put anything under its key.

    group (SpanGroup): Any group.
    RETURNS (bool): Whether it has "scores" and "char_spans" as they are written.
    """
    char_spans, scores = group.attrs.get("char_spans"), group.attrs.get("scores")
    return (
        isinstance(char_spans, (list, tuple))
        and isinstance(scores, (list, tuple))
        and all(map(_is_char_span, char_spans))
        and all(isinstance(score, (int, float)) for score in scores)
    )


def _is_char_span(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and found.keys() >= _CHAR_SPAN
        and isinstance(found["label"], str)
        and isinstance(found["score"], (int, float))
        and type(found["start"]) is int
        and type(found["end"]) is int
        and 0 <= found["start"] < found["end"]
    )


def _scored_spans(doc: Doc, group: SpanGroup) -> List[Tuple[Span, float]]:
    """The spans of a group with their scores. Where tokens have been merged since, those of
    the group are of other tokens: they are found again by their characters."""
    try:
        return list(zip(group, group.attrs["scores"]))
    except IndexError:
        found = group.attrs["char_spans"]
    spans = (
        doc.char_span(f["start"], f["end"], label=f["label"], alignment_mode="expand")
        for f in found
    )
    return [(span, f["score"]) for span, f in zip(spans, found) if span is not None]


def _place_of_scored(scored: Tuple[Span, float]) -> Tuple[int, int]:
    return scored[0].start, scored[0].end


def _place_of_char_span(span: Dict[str, Any]) -> Tuple[int, int]:
    return span["start"], span["end"]


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
    unpickles a component starts without it, so whatever annotates calls this too. Where
    somebody else has declared one of this name, it stays theirs, and this says so once."""
    if not Span.has_extension(SCORE_EXTENSION):
        Span.set_extension(SCORE_EXTENSION, default=None)
    elif not _is_ours() and not _told_of_theirs:
        _told_of_theirs.append(SCORE_EXTENSION)
        logger.warning(Warnings.MQ105.format(extension=SCORE_EXTENSION))


# Whether it has been said that the extension is somebody else's.
_told_of_theirs: List[str] = []


def _is_ours() -> bool:
    return Span.get_extension(SCORE_EXTENSION) == (None, None, None, None)


def set_scores(doc: Doc, aligned: Aligned) -> None:
    """Do what `span._.music_query_score = score` does, in a tenth of the time; nothing if
    the extension is somebody else's.

    doc (Doc): The document, modified in place.
    aligned (Aligned): Its queries and their scores.
    """
    if not _is_ours():
        return
    user_data: Dict[Any, Any] = doc.user_data
    for span, score in zip(aligned.spans, aligned.scores):
        user_data["._.", SCORE_EXTENSION, span.start_char, span.end_char] = score
