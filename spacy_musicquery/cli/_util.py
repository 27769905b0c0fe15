"""What the commands share."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, List, NoReturn, Optional, Tuple, cast

import spacy
import srsly
import typer
from spacy.lang.zh import ChineseTokenizer
from spacy.language import Language
from spacy.training import Example
from spacy.vocab import Vocab
from tqdm import tqdm
from wasabi import msg

from ..data.corpus import doc_to_record, read_docs, record_to_doc, save_docs
from ..data.records import (
    DEFAULT_LABEL,
    DEFAULT_SPANS_KEY,
    Problem,
    Record,
    describe_problems,
    read_records,
)
from ..errors import Errors
from ..tokens.intents import list_intents

MODEL_ARGUMENT = typer.Argument(
    ..., metavar="MODEL", help="Pipeline: a directory or a package name"
)
MODEL_OPTION = typer.Option(
    None,
    "--model",
    "-m",
    help="Pipeline: a directory or a package name; the model in the box without it",
)
DATA_ARGUMENT = typer.Argument(
    ..., metavar="DATA", help="Annotated messages: .spacy, .json, .jsonl or two-column"
)
LABEL_OPTION = typer.Option(DEFAULT_LABEL, "--label", help="Label of music_query strings")
SPANS_KEY_OPTION = typer.Option(
    DEFAULT_SPANS_KEY, "--spans-key", help="Key of a record's offsets: spans, slots, ..."
)

LANG_OPTION = typer.Option("zh", "--lang", "-l", help="Language of the tokenizer")
SEGMENTER_OPTION = typer.Option(
    "char", "--tokenizer", "-t", help="Chinese word segmenter: char, jieba or pkuseg"
)
SPLIT_SEED_OPTION = typer.Option(42, "--seed", help="Seed of that choice")


@contextmanager
def plain_errors() -> Iterator[None]:
    """Show the package's own errors without a traceback, and exit with 1."""
    try:
        yield
    except BrokenPipeError:
        # Whoever read our output has seen enough; nothing more can be written there.
        sys.stdout = open(os.devnull, "w", encoding="utf8")  # noqa: PTH123, SIM115
        raise typer.Exit(1) from None
    except (ValueError, ImportError, OSError) as error:
        # Not on standard output, which may be somebody's data.
        typer.echo(f"✘ {error}", err=True)
        raise typer.Exit(1) from error


def box_pipeline() -> Language:
    """RETURNS (Language): A pipeline with the model that comes with this package."""
    config = {"nlp": {"tokenizer": {"@tokenizers": "spacy_musicquery.CharTokenizer.v1"}}}
    nlp = spacy.blank("zh", config=config)
    nlp.add_pipe("music_query")
    return nlp


def load_pipeline(path: Optional[str]) -> Language:
    """path (Optional[str]): The directory or package name of a pipeline; None for one
        with the model in the box.
    RETURNS (Language): The pipeline.
    RAISES (ValueError): If there is none, or it has no `music_query` component.
    """
    if path is None:
        return box_pipeline()
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
    path: Path, *, label: str, spans_key: str, need_spans: bool = True
) -> Tuple[List[Record], List[Problem]]:
    """Read records from a file of annotated messages or from a .spacy file."""
    if path.suffix != ".spacy":
        return read_records(path, label=label, spans_key=spans_key, need_spans=need_spans)
    docs = read_docs(path, Vocab())
    return [doc_to_record(row, doc) for row, doc in enumerate(docs, start=1)], []


def read_examples(
    nlp: Language, path: Path, *, label: str, spans_key: str
) -> List[Example]:
    """Read annotated messages to score a pipeline with.

    nlp (Language): The pipeline; nothing is predicted yet.
    path (Path): A file of annotated messages or a .spacy file.
    label (str): The label of `music_query` strings.
    spans_key (str): The key of a record's offsets.
    RETURNS (List[Example]): The examples.
    RAISES (ValueError): If anything in the file is wrong.
    """
    if path.suffix == ".spacy":
        references = read_docs(path, nlp.vocab)
    else:
        records, problems = read_records(path, label=label, spans_key=spans_key)
        stop_at_problems(problems, remedy="Correct the rows.")
        intents = list_intents(records)
        references = [record_to_doc(nlp, record, intents) for record in records]
    return [Example(nlp.make_doc(doc.text), doc) for doc in references]


def predict(nlp: Language, examples: List[Example]) -> None:
    """Let a pipeline annotate the predicted side of examples, with a progress bar."""
    docs = nlp.pipe(example.predicted for example in examples)
    progress = tqdm(docs, total=len(examples), unit=" messages", disable=None, leave=False)
    for example, doc in zip(examples, progress):
        example.predicted = doc


def percent(share: Optional[float]) -> str:
    """share (Optional[float]): From 0 to 1, or None for none.
    RETURNS (str): For a table.
    """
    return "-" if share is None else f"{share:.2%}"


def stop_at_problems(problems: List[Problem], *, remedy: str) -> None:
    """List problems in the data, one a line, and stop if there are any."""
    if problems:
        raise ValueError(describe_problems(problems, remedy))


def refuse(option: str, value: object, problem: str) -> NoReturn:
    """Raise an error about the value of an option."""
    raise ValueError(Errors.MQ052.format(option=option, value=value, problem=problem))


def read_json(option: str, path: Path) -> Any:
    """Read the JSON file that an option names, or raise an error about its value."""
    try:
        return srsly.read_json(path)
    except (OSError, ValueError) as error:
        refuse(option, path, f"no JSON file ({error})")


def blank_pipeline(lang: str, segmenter: str) -> Language:
    """lang (str): The language.
    segmenter (str): The Chinese word segmenter: char, jieba or pkuseg.
    RETURNS (Language): A pipeline that only tokenizes.
    """
    if segmenter not in ("char", "jieba", "pkuseg"):
        refuse("--tokenizer", segmenter, "expected char, jieba or pkuseg")
    if lang != "zh":
        if segmenter != "char":
            refuse("--tokenizer", segmenter, f"--lang {lang} has a tokenizer of its own")
        return spacy.blank(lang)
    nlp = spacy.blank(lang, config={"nlp": {"tokenizer": {"segmenter": segmenter}}})
    cast(ChineseTokenizer, nlp.tokenizer).initialize()
    return nlp


def save_records(nlp: Language, records: List[Record], path: Path) -> None:
    """Write records to a .spacy file, with a progress bar, and say so."""
    progress = tqdm(records, desc=path.name, unit=" messages", disable=None, leave=False)
    intents = list_intents(records)
    save_docs((record_to_doc(nlp, record, intents) for record in progress), path)
    n_queries = sum(len(record.spans) for record in records)
    msg.good(f"{len(records)} messages with {n_queries} entities: {path}")
