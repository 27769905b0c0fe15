"""What the commands share."""

import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterable, Iterator, List, NoReturn, Optional, Tuple, cast

import spacy
import typer
from spacy.lang.zh import ChineseTokenizer
from spacy.language import Language
from spacy.training import Example
from tqdm import tqdm
from wasabi import msg

from ..data.annotated_files import stop_at_problems
from ..data.docs import record_to_doc, save_docs
from ..data.raw_text import read_lines
from ..data.records import (
    DEFAULT_LABEL,
    DEFAULT_SPANS_KEY,
    Record,
    list_intents,
    read_records,
)
from ..errors import Errors, Warnings
from ..saving import strict_json
from ..saving.atomic import complete_file, write_text

MODEL_OPTION = typer.Option(
    None,
    "--model",
    "-m",
    help="Pipeline: a directory or a package name; 'box', the default, is the model in the box",
)
OLD_OUT_ARGUMENT = typer.Argument(None, metavar="OUT", hidden=True)
OLD_OUT_OPTION = typer.Option(None, "--output", hidden=True)
# With the pipeline before it, as earlier versions had it.
_DATA_HELP = "Annotated messages: .spacy, .json, .jsonl, .csv, Rasa's .yml, or two-column"
DATA_ARGUMENTS = typer.Argument(..., metavar="DATA", help=_DATA_HELP)
DATA_ARGUMENT = typer.Argument(..., metavar="DATA", help=_DATA_HELP)
LABEL_OPTION = typer.Option(DEFAULT_LABEL, "--label", help="Label of music_query strings")
SPANS_KEY_OPTION = typer.Option(
    DEFAULT_SPANS_KEY, "--spans-key", help="Key of a record's offsets: spans, slots, ..."
)

HTML_LANG_OPTION = typer.Option(
    "en", "--html-lang", help="Language of the page: en or zh (Chinese)"
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


def predict(nlp: Language, examples: List[Example]) -> None:
    """Let a pipeline annotate the predicted side of examples, with a progress bar."""
    docs = nlp.pipe(example.predicted for example in examples)
    progress = tqdm(docs, total=len(examples), unit=" messages", disable=None, leave=False)
    for example, doc in zip(examples, progress):
        example.predicted = doc


def percent(share: Optional[float]) -> str:
    """Write a share for a table.

    share (Optional[float]): From 0 to 1, or None for none.
    RETURNS (str): For a table.
    """
    return "-" if share is None else f"{share:.2%}"


def refuse(option: str, value: object, problem: str) -> NoReturn:
    """Raise an error about the value of an option."""
    raise ValueError(Errors.MQ052.format(option=option, value=value, problem=problem))


def warn_old(old: str, new: str) -> None:
    """Say that something is no longer spelt as it was.

    old (str): How it was given.
    new (str): How it is given now.
    """
    typer.echo(f"⚠ {Warnings.MQ310.format(old=old, new=new)}", err=True)


def choose_model(
    inputs: List[str], model: Optional[str]
) -> Tuple[Optional[str], List[str]]:
    """Choose the pipeline, which earlier versions took before the inputs.

    inputs (List[str]): What stands behind the command.
    model (Optional[str]): What --model names; None for the model in the box.
    RETURNS (Tuple[Optional[str], List[str]]): The pipeline, and the inputs without it.
    """
    first = inputs[0]
    if model is None and len(inputs) > 1 and _may_be_pipeline(first):
        warn_old(f"MODEL {first}", f"--model {first}")
        return first, inputs[1:]
    return model, inputs


def choose_data(inputs: List[str], model: Optional[str]) -> Tuple[Optional[str], Path]:
    """Choose the pipeline, and the one file of a command that reads one.

    inputs, model: See `choose_model`.
    RETURNS (Tuple[Optional[str], Path]): The pipeline, and the file.
    RAISES (ValueError): If there are several files.
    """
    model, inputs = choose_model(inputs, model)
    if len(inputs) > 1:
        refuse("DATA", " ".join(inputs), "name one file, and the pipeline with --model")
    return model, Path(inputs[0])


def _may_be_pipeline(name: str) -> bool:
    """Whether it is none of the files that commands read."""
    path = Path(name)
    return not path.is_file() and (not path.is_dir() or (path / "config.cfg").is_file())


def choose_output(path: Optional[Path], old: Optional[Path], spelling: str = "OUT") -> Path:
    """Choose where to write, which earlier versions took in another place.

    path (Optional[Path]): What --out names.
    old (Optional[Path]): What stands in the other place.
    spelling (str): The other place: a metavar or an option.
    RETURNS (Path): Where to write.
    RAISES (ValueError): If neither or both are given.
    """
    if old is not None:
        warn_old(f"{spelling} {old}", f"--out {old}")
    if path is not None and old is not None:
        refuse("--out", path, f"{old} is named as well")
    found = path or old
    if found is None:
        raise ValueError(Errors.MQ311)
    return found


def read_json(option: str, path: Path) -> Any:
    """Read the JSON file that an option names, or raise an error about its value."""
    try:
        return strict_json.read(path)
    except (OSError, ValueError) as error:
        refuse(option, path, f"no JSON file ({error})")


def read_texts(path: Path) -> List[str]:
    """Read raw text.

    path (Path): A text file, a message a line; a folder of .txt files; or records.
    RETURNS (List[str]): The texts.
    RAISES (ValueError): If there is no such file, or it cannot be read.
    """
    if path.suffix not in (".json", ".jsonl"):
        return read_lines(path)
    records, problems = read_records(path)
    stop_at_problems(problems, remedy="Correct the rows.")
    return [record.text for record in records]


def write_json(path: Path, data: Any) -> None:
    """Write a JSON file in UTF-8, with Chinese as it is read."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def write_jsonl(path: Path, rows: Iterable[Any]) -> None:
    """Write a JSON object a line in UTF-8, as they come; the file appears when all have."""
    with (
        complete_file(path) as unfinished,
        unfinished.open("w", encoding="utf8", newline="\n") as file,
    ):
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def blank_pipeline(lang: str, segmenter: str) -> Language:
    """Make a pipeline that only tokenizes.

    lang (str): The language.
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
