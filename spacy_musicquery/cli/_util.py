"""What the commands share."""

from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List, Tuple

import spacy
import typer
from spacy.language import Language
from wasabi import msg

from ..corpus import describe_problems, doc_to_record, read_docs
from ..errors import Errors
from ..records import Problem, Record, read_records


@contextmanager
def plain_errors() -> Iterator[None]:
    """Show the package's own errors without a traceback, and exit with 1."""
    try:
        yield
    except (ValueError, ImportError, OSError) as error:
        msg.fail(str(error), exits=1)


def load_pipeline(path: str) -> Language:
    """path (str): The directory or package name of a pipeline.
    RETURNS (Language): The pipeline.
    RAISES (ValueError): If there is none, or it has no `music_query` component.
    """
    try:
        nlp = spacy.load(path)
    except OSError as error:
        if Path(path).exists():
            raise
        raise ValueError(Errors.MQ050.format(path=path)) from error
    factories = [nlp.get_pipe_meta(name).factory for name in nlp.pipe_names]
    if "music_query" not in factories:
        pipes = ", ".join(nlp.pipe_names) or "none"
        raise ValueError(Errors.MQ051.format(path=path, pipes=pipes))
    return nlp


def read_any_records(
    path: Path, *, label: str, spans_key: str
) -> Tuple[List[Record], List[Problem]]:
    """Read records from a file of annotated messages or from a .spacy file."""
    if path.suffix != ".spacy":
        return read_records(path, label=label, spans_key=spans_key)
    if not path.is_file():
        raise ValueError(Errors.MQ041.format(path=path))
    docs = read_docs(path, spacy.blank("zh").vocab)
    return [doc_to_record(row, doc) for row, doc in enumerate(docs, start=1)], []


def report_problems(problems: List[Problem], *, remedy: str) -> None:
    """List problems in the data, one a line, and stop if there are any."""
    if problems:
        # Printed plainly: wasabi would fold the lines into a paragraph.
        typer.echo(describe_problems(problems, remedy), err=True)
        msg.fail("Nothing was written", exits=1)
