"""The error analysis as one HTML page, which needs nothing else to be looked at."""

from typing import Any, Dict, Iterable, List, Sequence, Tuple

from ..data.records import Span
from .error_analysis import KINDS, Message, SpanError
from .pages import PAGE_SIZE, Mark, render

Table = Tuple[str, Sequence[str], Sequence[Sequence[str]]]


def make_page(
    title: str,
    tables: Iterable[Table],
    messages: Iterable[Message],
    n_examples: int,
    lang: str = "en",
) -> str:
    """Write the page.

    title (str): Its title.
    tables (Iterable[Table]): The title, the header and the rows of each.
    messages (Iterable[Message]): The messages; those with errors are the examples.
    n_examples (int): The most examples of each kind of error.
    lang (str): The language of its words: "en" or "zh".
    RETURNS (str): HTML.
    """
    examples: Dict[str, List[Message]] = {kind: [] for kind in KINDS}
    for message in messages:
        for kind in dict.fromkeys(error.kind for error in message.errors):
            examples[kind].append(message)
    kinds = [
        (
            kind,
            meaning,
            list(map(_marked, examples[kind][:n_examples])),
            len(examples[kind]),
        )
        for kind, meaning in KINDS.items()
    ]
    return render(
        "errors.html",
        lang=lang,
        title=title,
        tables=list(tables),
        kinds=kinds,
        page_size=PAGE_SIZE,
        paged=True,
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


def _marked(message: Message) -> Dict[str, Any]:
    return {
        "text": message.text,
        "gold_marks": [Mark(*span) for span in message.gold],
        "found_marks": [_scored(message, span) for span in message.found],
    }


def _scored(message: Message, span: Span) -> Mark:
    return Mark(*span, message.scores.get(span))
