from pathlib import Path
from typing import List, Optional

import typer

from ..data.annotated_files import stop_at_problems
from ..data.records import read_records, split_records
from ..errors import Errors
from ._util import (
    LABEL_OPTION,
    LANG_OPTION,
    OLD_OUT_ARGUMENT,
    SEGMENTER_OPTION,
    SPANS_KEY_OPTION,
    SPLIT_SEED_OPTION,
    blank_pipeline,
    choose_output,
    plain_errors,
    refuse,
    save_records,
)


def convert(
    input_path: Path = typer.Argument(
        ...,
        metavar="IN",
        help="Annotated messages: .json, .jsonl, or a two-column file (character, tag)",
    ),
    output: Optional[Path] = typer.Option(
        None,
        "--out",
        "-o",
        help="The .spacy file to write; with --dev-share, the one for training",
    ),
    old_output: Optional[Path] = OLD_OUT_ARGUMENT,
    lang: str = LANG_OPTION,
    segmenter: str = SEGMENTER_OPTION,
    label: str = LABEL_OPTION,
    spans_key: str = SPANS_KEY_OPTION,
    dev_share: Optional[float] = typer.Option(
        None,
        "--dev-share",
        help="Share of the messages to set apart, 0 to 1",
        min=0.0,
        max=1.0,
    ),
    dev_path: Optional[Path] = typer.Option(
        None, "--dev", help="Where to write these  [default: dev.spacy beside it]"
    ),
    seed: int = SPLIT_SEED_OPTION,
    skip_invalid: bool = typer.Option(
        False, "--skip-invalid", help="Leave out rows with problems instead of stopping"
    ),
) -> None:
    """Convert annotated messages to spaCy's binary format.

    All problems in the data are reported, with file and row, and nothing is
    written unless --skip-invalid is given.
    """
    with plain_errors():
        output_path = choose_output(output, old_output)
        paths = [output_path]
        if dev_share is not None:
            paths.append(dev_path or output_path.with_name("dev.spacy"))
        elif dev_path is not None:
            refuse("--dev", dev_path, "it needs --dev-share as well")
        _check_paths(input_path, paths)
        nlp = blank_pipeline(lang, segmenter)
        records, problems = read_records(input_path, label=label, spans_key=spans_key)
        if not skip_invalid:
            remedy = "Nothing was written. Correct them, or leave them out: --skip-invalid."
            stop_at_problems(problems, remedy=remedy)
        for problem in problems:
            typer.echo(f"left out: {problem}", err=True)
        if not records:
            raise ValueError(Errors.MQ049.format(path=input_path))
        parts = [records]
        if dev_share is not None:
            parts = list(split_records(records, dev_share, seed))
        for path, part in zip(paths, parts):
            save_records(nlp, part, path)


def _check_paths(input_path: Path, output_paths: List[Path]) -> None:
    for path in output_paths:
        if path.suffix != ".spacy":
            refuse("--out", path, "the name must end in .spacy")
        if path.resolve() == input_path.resolve():
            refuse("--out", path, "this is the file to convert")
    if len(set(output_paths)) < len(output_paths):
        refuse("--out", output_paths[0], "both parts would be written there; name --dev")
