"""What a query means, on its span."""

from typing import Any, Dict, Iterable, List, Tuple

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


def get_links(doc: Doc, start: int, end: int) -> Links:
    """Do what `span._.music_query_links` does, also where no span of tokens is.

    doc (Doc): The document.
    start, end (int): The characters of the span.
    RETURNS (Links): What it means; an empty list if nothing has been said of it.
    """
    user_data: Dict[Any, Any] = doc.user_data
    return user_data.get(("._.", LINKS_EXTENSION, start, end)) or []


def set_kb_ids(
    doc: Doc, ents: Iterable[Span], key: str, kb_ids: Dict[Tuple[int, int], str]
) -> None:
    """Name what spans mean, among the entities and in a group of spans.

    doc (Doc): The document, modified in place.
    ents (Iterable[Span]): Its entities: to list them takes longer than to name them.
    key (str): The key of the group.
    kb_ids (Dict[Tuple[int, int], str]): The ids by the first and the last token (exclusive)
        of spans; an empty one for none.
    """
    add = doc.vocab.strings.add
    hashes = {place: add(kb_id) if kb_id else 0 for place, kb_id in kb_ids.items()}
    for ent in ents:
        kb_id = hashes.get((ent.start, ent.end))
        if kb_id is not None and kb_id != ent.kb_id:
            # Those of doc.ents are made of what their tokens say.
            for i in range(ent.start, ent.end):
                doc[i].ent_kb_id = kb_id
    group = doc.spans.data.get(key) if len(doc) else None
    if group is not None and any(hashes.values()):
        spans = [
            Span(doc, s.start, s.end, s.label, kb_id=hashes.get((s.start, s.end), s.kb_id))
            for s in group
        ]
        doc.spans[key] = SpanGroup(doc, name=group.name, attrs=group.attrs, spans=spans)
