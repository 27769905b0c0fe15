"""What a query means, on its span."""

from typing import Any, Dict, List

from spacy.tokens import Doc, Span

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


def set_kb_id(ent: Span, kb_id: int) -> None:
    """Name what an entity means.

    ent (Span): One of `doc.ents`, which are made of what their tokens say: to set
        `ent.kb_id` alone would change nothing.
    kb_id (int): The id, in the vocabulary's strings.
    """
    if kb_id != ent.kb_id:
        for token in ent:
            token.ent_kb_id = kb_id
