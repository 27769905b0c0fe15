from pathlib import Path
from typing import Optional

import typer

from ..data.raw_text import read_negatives
from ..data.records import split_records
from ._util import (
    LANG_OPTION,
    OLD_OUT_ARGUMENT,
    SEGMENTER_OPTION,
    SPLIT_SEED_OPTION,
    blank_pipeline,
    choose_output,
    plain_errors,
    refuse,
    save_records,
)


def negatives(
    input_path: Path = typer.Argument(
        ..., metavar="IN", help="A text file, a message a line, or a folder of .txt files"
    ),
    output: Optional[Path] = typer.Option(
        None, "--out", "-o", help="The .spacy file to write"
    ),
    old_output: Optional[Path] = OLD_OUT_ARGUMENT,
    lang: str = LANG_OPTION,
    segmenter: str = SEGMENTER_OPTION,
    dev_share: Optional[float] = typer.Option(
        None,
        "--dev-share",
        help="Share of the messages to set apart, 0 to 1",
        min=0.0,
        max=1.0,
    ),
    dev_path: Optional[Path] = typer.Option(None, "--dev", help="Where to write these"),
    seed: int = SPLIT_SEED_OPTION,
) -> None:
    """Convert ordinary chat to messages without a query, to train silence on.

    Put what is written into the folder that `spacy train --paths.train` names, beside the
    messages with queries: spaCy reads all .spacy files of a folder.
    """
    with plain_errors():
        output_path = choose_output(output, old_output)
        if (dev_share is None) != (dev_path is None):
            refuse("--dev", dev_path, "--dev and --dev-share need each other")
        paths = [path for path in (output_path, dev_path) if path is not None]
        for path in paths:
            if path.suffix != ".spacy":
                refuse("--out", path, "the name must end in .spacy")
        nlp = blank_pipeline(lang, segmenter)
        parts = [read_negatives(input_path)]
        if dev_share is not None:
            parts = list(split_records(parts[0], dev_share, seed))
        for path, part in zip(paths, parts):
            save_records(nlp, part, path)
