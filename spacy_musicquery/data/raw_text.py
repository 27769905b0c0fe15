"""Ordinary messages as plain text: what a tagger must stay silent in."""

from pathlib import Path
from typing import List

from ..errors import Errors
from .records import Record
from .text_lines import BadLine, read_file_lines


def read_lines(path: Path) -> List[str]:
    """Read messages, one a line.

    path (Path): A text file, or a folder of `.txt` files.
    RETURNS (List[str]): The lines that are not blank, in the order of the files' names.
    RAISES (ValueError): If there is no such file, or one has a line that is not UTF-8 or
        too long to be a message.
    """
    if path.is_dir():
        return [line for file in sorted(path.glob("*.txt")) for line in read_lines(file)]
    if not path.is_file():
        raise ValueError(Errors.MQ054.format(path=path))
    messages: List[str] = []
    for row, line in read_file_lines(path):
        if isinstance(line, BadLine):
            raise ValueError(Errors.MQ048.format(path=path, row=row, problem=line))
        if line.strip():
            messages.append(line.strip())
    return messages


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
