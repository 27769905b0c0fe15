"""Pages of HTML that need nothing else to be looked at, and what marks queries in them."""

from functools import lru_cache
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from jinja2 import Environment, PackageLoader

from .colors import label_color
from .words import translator

# A page in the browser shows so many messages at a time.
PAGE_SIZE = 100


class Mark(NamedTuple):
    """A span that is marked in a message.

    start, end (int): Where it is, in characters, the end exclusive.
    label (str): What it is.
    score (Optional[float]): How probable it is, 0 to 1; None if that is not known.
    link (str): The entry of a knowledge base that it is linked to; empty for none.
    """

    start: int
    end: int
    label: str
    score: Optional[float] = None
    link: str = ""


Piece = Tuple[str, Optional[Mark]]


def pieces(text: str, marks: Iterable[Mark]) -> Iterator[Piece]:
    """Cut a message where marks begin and end. Of two that overlap, the later is left out.

    text (str): The message.
    marks (Iterable[Mark]): Its marks, in any order.
    YIELDS (Piece): Pieces of text, each with its mark or None.
    """
    done = 0
    for mark in sorted(marks):
        if mark.start < done:
            continue
        if mark.start > done:
            yield text[done : mark.start], None
        yield text[mark.start : mark.end], mark
        done = mark.end
    if done < len(text):
        yield text[done:], None


def render(template: str, *, lang: str = "en", **values: Any) -> str:
    """Fill a template. Whatever it is filled with is escaped.

    template (str): The name of a file in `templates/`.
    lang (str): The language of its words.
    values (Any): What it is filled with.
    RETURNS (str): HTML.
    """
    return _environment(lang).get_template(template).render(lang=lang, **values)


@lru_cache
def _environment(lang: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("spacy_musicquery.reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(_=translator(lang), pieces=pieces, color=label_color)
    return environment


def make_messages_page(
    items: Iterable[Dict[str, Any]], *, title: str = "Music queries", lang: str = "en"
) -> str:
    """Make a page of messages with their queries marked.

    items (Iterable[Dict[str, Any]]): What `music-query extract` prints of each: "text",
        "music_query" and, if it is known, "listen".
    title (str): The page's title.
    lang (str): The language of its words.
    RETURNS (str): HTML.
    """
    described: List[Dict[str, Any]] = [
        {
            "text": item["text"],
            "marks": [
                Mark(q["start"], q["end"], q["label"], q.get("score"))
                for q in item["music_query"]
            ],
            "listen": item.get("listen"),
        }
        for item in items
    ]
    return render(
        "messages.html",
        lang=lang,
        title=translator(lang)(title),
        items=described,
        n_found=sum(len(item["marks"]) for item in described),
        page_size=PAGE_SIZE,
        paged=True,
    )
