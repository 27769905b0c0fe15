"""The lines of files that somebody else wrote: whatever is in them, they are read one by
one, and what cannot be read is reported with its row."""

from pathlib import Path
from typing import IO, Iterator, Optional, Tuple, Union

# More than any message, and little enough to hold.
MAX_LINE_BYTES = 1 << 24

_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class BadLine(str):
    """What is wrong with a line."""


Line = Tuple[int, Union[str, BadLine]]


def read_file_lines(path: Path) -> Iterator[Line]:
    """Read the lines of a file; see `read_lines_of`."""
    with path.open("rb") as stream:
        yield from read_lines_of(stream)


def read_lines_of(stream: IO[bytes]) -> Iterator[Line]:
    """Read the lines of a stream, in memory for one of them.

    stream (IO[bytes]): The stream.
    YIELDS (Tuple[int, Union[str, BadLine]]): The row, from 1, and the line without its end;
        or what is wrong with it.
    """
    row = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        row += 1
        if len(line) > MAX_LINE_BYTES:
            yield row, BadLine(f"the line is longer than {MAX_LINE_BYTES:,} bytes")
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_LINE_BYTES)
            continue
        if row == 1 and line.startswith(_UTF16_MARKS):
            yield row, BadLine("not UTF-8 but UTF-16; save the file as UTF-8")
            return
        text, problem = decode_line(line, is_first=row == 1)
        if problem is not None:
            yield row, BadLine(f"{problem}; save the file as UTF-8")
        else:
            yield row, text


def decode_line(line: bytes, *, is_first: bool) -> Tuple[str, Optional[str]]:
    """Decode a line.

    line (bytes): The line.
    is_first (bool): Whether it is the first of a file, which may begin with a mark.
    RETURNS (Tuple[str, Optional[str]]): The line without its end, and what is wrong with
        it: in the place of what is not UTF-8 stands U+FFFD.
    """
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    if is_first:
        line = line.removeprefix(_UTF8_MARK)
    try:
        return line.decode(), None
    except UnicodeDecodeError as error:
        problem = f"not UTF-8 ({error.reason})"
        return line.decode(errors="replace"), problem
