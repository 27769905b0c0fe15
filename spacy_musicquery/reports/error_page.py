"""The error analysis as one HTML page, which needs nothing else to be looked at."""

from html import escape
from itertools import islice
from typing import Dict, Iterable, List, Sequence, Tuple

from spacy import displacy

from ..data.records import Span
from .colors import DISPLACY_COLORS
from .error_analysis import KINDS, Message, SpanError

Table = Tuple[str, Sequence[str], Sequence[Sequence[str]]]

_STYLE = """
body { font-family: system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; }
table { border-collapse: collapse; margin: 0 0 2rem; }
th, td { padding: .2rem .8rem; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child, td:first-child { text-align: left; }
li { margin: 0 0 1rem; }
.entities { display: inline; }
small { color: #666; display: inline-block; width: 4rem; }
"""


def make_page(
    title: str, tables: Iterable[Table], messages: Iterable[Message], n_examples: int
) -> str:
    """Write the page.

    title (str): Its title.
    tables (Iterable[Table]): The title, the header and the rows of each.
    messages (Iterable[Message]): The messages; those with errors are the examples.
    n_examples (int): The most examples of each kind of error.
    RETURNS (str): HTML.
    """
    examples: Dict[str, List[Message]] = {kind: [] for kind in KINDS}
    for message in messages:
        for kind in dict.fromkeys(error.kind for error in message.errors):
            examples[kind].append(message)
    parts = [_table(*table) for table in tables]
    for kind, meaning in KINDS.items():
        of_kind = examples[kind]
        parts.append(f"<h2>{kind.capitalize()}: {len(of_kind)} messages</h2>")
        parts.append(f"<p>{meaning.capitalize()}.</p><ul>")
        parts += [_example(message) for message in islice(of_kind, n_examples)]
        parts.append("</ul>")
        if len(of_kind) > n_examples:
            parts.append(f"<p>… and {len(of_kind) - n_examples} more.</p>")
    title = escape(title)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{''.join(parts)}</body></html>"
    )


def describe(message: Message, error: SpanError) -> str:
    """Describe an error in a message.

    message (Message): A message.
    error (SpanError): One of its errors.
    RETURNS (str): Both in a line, the queries in brackets.
    """
    gold, found = (
        f"[{message.text[span[0] : span[1]]}]" if span else "nothing"
        for span in (error.gold, error.found)
    )
    return f"{message.text}   {gold} -> {found}"


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [("th", header), *(("td", row) for row in rows)]
    cells = (
        "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in line) for tag, line in lines
    )
    body = "".join(f"<tr>{line}</tr>" for line in cells)
    return f"<h2>{escape(title)}</h2><table>{body}</table>"


def _example(message: Message) -> str:
    return (
        f"<li><small>gold</small> {_rendered(message.text, message.gold)}<br>"
        f"<small>found</small> {_rendered(message.text, message.found)}</li>"
    )


def _rendered(text: str, spans: Iterable[Span]) -> str:
    # displaCy escapes the text, but not the labels, which come from whoever has the data.
    ents = [
        {"start": start, "end": end, "label": escape(label)} for start, end, label in spans
    ]
    doc = {"text": text, "ents": ents, "title": None}
    options = {"colors": DISPLACY_COLORS}
    html = displacy.render(doc, style="ent", manual=True, options=options, jupyter=False)
    # displaCy makes a block of it, and says in what direction it reads.
    return html.replace('<div class="entities"', '<span class="entities"', 1).replace(
        "</div>", "</span>", 1
    )
