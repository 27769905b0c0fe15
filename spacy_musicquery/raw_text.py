"""Ordinary messages as plain text: what a tagger must stay silent in."""

from pathlib import Path
from typing import List

from .errors import Errors
from .records import Record


def read_lines(path: Path) -> List[str]:
    """Read messages, one a line.

    path (Path): A text file, or a folder of `.txt` files.
    RETURNS (List[str]): The lines that are not blank, in the order of the files' names.
    RAISES (ValueError): If there is no such file, or one is not UTF-8.
    """
    if path.is_dir():
        return [line for file in sorted(path.glob("*.txt")) for line in read_lines(file)]
    if not path.is_file():
        raise ValueError(Errors.MQ054.format(path=path))
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(Errors.MQ048.format(path=path, error=error.reason)) from error
    return [line.strip() for line in lines if line.strip()]


def read_negatives(path: Path) -> List[Record]:
    """Read messages that hold no query, each once.

    path (Path): See `read_lines`.
    RETURNS (List[Record]): Records without spans.
    RAISES (ValueError): If there is no message, or a file cannot be read.
    """
    messages = dict.fromkeys(read_lines(path))
    if not messages:
        raise ValueError(Errors.MQ055.format(path=path))
    return [Record(row, text, ()) for row, text in enumerate(messages, start=1)]
