from pathlib import Path

import typer
from wasabi import msg

from ..data.open_text import SOURCES, Account, Source, convert_source
from ..errors import Errors
from ._util import plain_errors

# A file of another version has as many problems as rows.
_MOST_PROBLEMS = 10


def open_text(
    raw_dir: Path = typer.Argument(
        ...,
        metavar="RAW",
        help="The folder of raw files, as `spacy project assets` fetches",
    ),
    output_dir: Path = typer.Option(
        ..., "--out", "-o", help="Folder for the .txt files and the .jsonl file"
    ),
) -> None:
    """Turn public text into messages to train the model in the box on.

    Sources that are missing are left out; other files in that folder stay.
    """
    with plain_errors():
        if not raw_dir.is_dir():
            raise ValueError(Errors.MQ330.format(path=raw_dir))
        for source in SOURCES:
            account = convert_source(source, raw_dir, output_dir)
            _print_account(source, account)


def _print_account(source: Source, account: Account) -> None:
    if account.n_read:
        counts = f"read {account.n_read:,}, kept {account.n_kept:,}"
        msg.good(f"{source.name}: {counts} ({source.output})")
    for file in account.missing:
        msg.warn(f"{source.name}: skipped, no {file}")
    for problem in account.problems[:_MOST_PROBLEMS]:
        typer.echo(f"left out: {problem}", err=True)
    n_more = len(account.problems) - _MOST_PROBLEMS
    if n_more > 0:
        typer.echo(f"left out: {n_more:,} more rows of {source.name}", err=True)
