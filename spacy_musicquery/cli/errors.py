from pathlib import Path
from typing import Dict, List, Optional

import typer
from wasabi import msg

from ..data.annotated_files import read_any_records, read_examples, stop_at_problems
from ..pipeline.load import load_pipeline
from ..reports.error_analysis import (
    KINDS,
    Message,
    Rate,
    confusion,
    count_kinds,
    rates_by_label,
    rates_by_length,
    rates_by_novelty,
    read_messages,
)
from ..reports.error_page import Table, describe, make_page
from ..saving.atomic import write_text
from ._util import (
    DATA_ARGUMENTS,
    HTML_LANG_OPTION,
    LABEL_OPTION,
    MODEL_OPTION,
    SPANS_KEY_OPTION,
    choose_data,
    percent,
    plain_errors,
    predict,
)


def errors(
    data: List[str] = DATA_ARGUMENTS,
    model: Optional[str] = MODEL_OPTION,
    train_path: Optional[Path] = typer.Option(
        None, "--train", help="What it was trained on: tells seen from unseen queries"
    ),
    html_path: Optional[Path] = typer.Option(
        None, "--html", help="Write all of it, with more examples, as one HTML page"
    ),
    n_examples: int = typer.Option(
        5, "--examples", "-n", min=0, help="How many examples of each kind to print"
    ),
    n_html_examples: int = typer.Option(
        200, "--html-examples", min=0, help="How many of each kind the page shows"
    ),
    html_lang: str = HTML_LANG_OPTION,
    label: str = LABEL_OPTION,
    spans_key: str = SPANS_KEY_OPTION,
) -> None:
    """Show what a pipeline gets wrong: errors by kind, label, length and novelty.

    Prints tables and examples of missed queries, false alarms and wrong boundaries.
    """
    with plain_errors():
        model, data_path = choose_data(data, model)
        nlp = load_pipeline(model)
        known = None
        if train_path is not None:
            records, problems = read_any_records(
                train_path, label=label, spans_key=spans_key
            )
            stop_at_problems(problems, remedy="Correct the rows.")
            known = {r.text[start:end] for r in records for start, end, _ in r.spans}
        examples = read_examples(nlp, data_path, label=label, spans_key=spans_key)
        predict(nlp, examples)
    messages = read_messages(examples)
    tables = [_kinds(messages), _rates("By label", rates_by_label(messages))]
    if len({span[2] for m in messages for span in (*m.gold, *m.found)}) > 1:
        tables.append(_confusion(messages))
    tables.append(
        _rates("By length of the query, in characters", rates_by_length(messages))
    )
    if known is not None:
        novelty = rates_by_novelty(messages, known)
        tables.append(_rates("By whether training had the query", novelty))
    for title, header, rows in tables:
        msg.divider(title)
        aligns = ("l", *"r" * (len(header) - 1))
        msg.table(rows, header=header, aligns=aligns)
    for kind, meaning in KINDS.items():
        of_kind = [(m, error) for m in messages for error in m.errors if error.kind == kind]
        if of_kind and n_examples:
            msg.divider(f"{kind}: {meaning}")
            for message, error in of_kind[:n_examples]:
                typer.echo(describe(message, error))
    if html_path is not None:
        title = f"{model or 'box'} · {data_path.name}"
        with plain_errors():
            page = make_page(title, tables, messages, n_html_examples, html_lang)
            write_text(html_path, page)
        msg.good(f"Saved the page: {html_path}")


def _kinds(messages: List[Message]) -> Table:
    n_gold = sum(len(m.gold) for m in messages)
    n_right = sum(len(set(m.gold) & set(m.found)) for m in messages)
    rows = [("right", str(n_right), f"of {n_gold}")]
    rows += [(kind, str(n), KINDS[kind]) for kind, n in count_kinds(messages).items()]
    return "Errors by kind", ("", "queries", ""), rows


def _rates(title: str, rates: Dict[str, Rate]) -> Table:
    header = ("", "queries", "found", "right", "P", "R")
    rows = [
        (name, *map(str, rate), percent(rate.precision), percent(rate.recall))
        for name, rate in rates.items()
    ]
    return title, header, rows


def _confusion(messages: List[Message]) -> Table:
    """Only labels that were confused: a corpus may have dozens."""
    counts = confusion(messages)
    pairs = sorted(
        ((gold or "none", found or "none", n) for (gold, found), n in counts.items()),
        key=lambda pair: -pair[2],
    )
    rows = [(gold, found, str(n)) for gold, found, n in pairs if gold != found]
    return "Labels confused", ("is", "found as", "times"), rows
