"""Spans of queries that begin or end elsewhere than they were found."""

from typing import Any, Dict, Tuple

from spacy.tokens import Doc, Span, SpanGroup

from .alignment import SCORE_EXTENSION

Stretch = Tuple[int, int]


def move_spans(doc: Doc, key: str, moved: Dict[Stretch, Stretch]) -> None:
    """Move spans among the entities and in a group, with their scores.

    doc (Doc): The document, modified in place.
    key (str): The key of the group.
    moved (Dict[Stretch, Stretch]): Where spans began and ended, and where they shall, in
        characters. What does not fit the tokens there stays.
    """
    fitting = {
        old: span for old, new in moved.items() if (span := doc.char_span(*new)) is not None
    }
    if not fitting:
        return

    def place(span: Span) -> Span:
        to = fitting.get((span.start_char, span.end_char))
        if to is None:
            return span
        return Span(doc, to.start, to.end, span.label, kb_id=span.kb_id)

    doc.set_ents([place(ent) for ent in doc.ents])
    group = doc.spans.get(key)
    if group is not None:
        attrs = dict(group.attrs)
        if isinstance(attrs.get("char_spans"), list):
            attrs["char_spans"] = [
                {**found, "start": to.start_char, "end": to.end_char}
                if (to := fitting.get((found["start"], found["end"]))) is not None
                else found
                for found in attrs["char_spans"]
            ]
        spans = [place(span) for span in group]
        doc.spans[key] = SpanGroup(doc, name=group.name, attrs=attrs, spans=spans)
    user_data: Dict[Any, Any] = doc.user_data
    for (start, end), to in fitting.items():
        score = user_data.pop(("._.", SCORE_EXTENSION, start, end), None)
        if score is not None:
            user_data["._.", SCORE_EXTENSION, to.start_char, to.end_char] = score
