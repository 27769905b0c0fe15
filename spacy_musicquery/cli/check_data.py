from pathlib import Path
from typing import Optional

import typer
from wasabi import msg

from ..data.annotated_files import read_any_records
from ..reports.data_report import data_warnings, overlap_rows, records_rows
from ._util import LABEL_OPTION, SPANS_KEY_OPTION, plain_errors

# Wider than any cell, so that wasabi aligns them all.
_MAX_COLUMN = 200


def check_data(
    train_path: Path = typer.Argument(
        ..., metavar="TRAIN", help="Annotated messages: .json, .jsonl, two-column or .spacy"
    ),
    dev_path: Optional[Path] = typer.Argument(
        None, metavar="[DEV]", help="Those kept for evaluation", show_default=False
    ),
    label: str = LABEL_OPTION,
    spans_key: str = SPANS_KEY_OPTION,
) -> None:
    """Check annotated messages before training: labels, intents, and what is wrong.

    Prints a table of what the data hold and, given two files, how they overlap;
    lists every problem with file and row, and exits with 1 if there is one.
    """
    with plain_errors():
        paths = [path for path in (train_path, dev_path) if path is not None]
        read = [read_any_records(p, label=label, spans_key=spans_key) for p in paths]
    corpora = [records for records, _ in read]
    header = ("", *("Train", "Dev")[: len(paths)])
    aligns = ("l", *("r" for _ in paths))
    rows = records_rows(corpora)
    msg.table(rows, header=header, aligns=aligns, divider=True, max_col=_MAX_COLUMN)
    if len(corpora) == 2:
        rows = overlap_rows(*corpora)
        header = ("Dev against train", "")
        msg.table(rows, header=header, divider=True, max_col=_MAX_COLUMN)
    for path, records in zip(paths, corpora):
        for warning in data_warnings(path, records):
            msg.warn(warning)
    problems = [problem for _, found in read for problem in found]
    for problem in problems:
        typer.echo(problem, err=True)
    if problems:
        msg.fail(f"{len(problems)} problem(s) in the data", exits=1)
    msg.good("No problems found")
