"""What a query means, on its span."""

from typing import Any, Dict, List, Tuple

from spacy.tokens import Doc, Span, SpanGroup

LINKS_EXTENSION = "music_query_links"

Links = List[Dict[str, Any]]


def install_links_extension() -> None:
    """Declare `span._.music_query_links`, unless that has been done. A process that unpickles
    a component starts without it, so whatever annotates calls this too."""
    if not Span.has_extension(LINKS_EXTENSION):
        Span.set_extension(LINKS_EXTENSION, default=None)


def set_links(doc: Doc, start: int, end: int, links: Links) -> None:
    """Do what `span._.music_query_links = links` does, in a tenth of the time.

    doc (Doc): The document, modified in place.
    start, end (int): The characters of the span.
    links (Links): What it means.
    """
    user_data: Dict[Any, Any] = doc.user_data
    user_data["._.", LINKS_EXTENSION, start, end] = links


def set_kb_ids(doc: Doc, key: str, kb_ids: Dict[Tuple[int, int], str]) -> None:
    """Name what spans mean, among the entities and in a group of spans.

    doc (Doc): The document, modified in place.
    key (str): The key of the group.
    kb_ids (Dict[Tuple[int, int], str]): The ids by the first and the last token (exclusive)
        of spans; an empty one for none.
    """
    for ent in doc.ents:
        kb_id = kb_ids.get((ent.start, ent.end))
        if kb_id is not None:
            # Those of doc.ents are made of what their tokens say.
            for token in ent:
                token.ent_kb_id_ = kb_id
    group = doc.spans.get(key)
    if group is not None and any(kb_ids.values()):
        spans = [
            Span(doc, s.start, s.end, s.label, kb_id=kb_ids.get((s.start, s.end), s.kb_id))
            for s in group
        ]
        doc.spans[key] = SpanGroup(doc, name=group.name, attrs=group.attrs, spans=spans)
