"""The rows of .csv files, also of those that are not quite right."""

import csv
from collections import deque
from typing import (
    Any,
    Deque,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

# A row that has more lines has a quote that nobody closed.
_MAX_ROW_LINES = 100
# Excel and databases write these, whatever the file is called.
_DELIMITERS = (",", "\t", ";")


class Line(NamedTuple):
    """A line of a file.

    row (int): Its number, from 1.
    offset (int): The bytes of the file up to its end.
    text (str): What it says.
    problem (Optional[str]): What is wrong with it.
    """

    row: int
    offset: int
    text: str
    problem: Optional[str] = None


class Row(NamedTuple):
    """A row of a table.

    line (Line): Its first line, with the offset of its end.
    values (Tuple[Optional[str], ...]): Those of its columns; none if something is wrong.
    """

    line: Line
    values: Tuple[Optional[str], ...] = ()


def read_header(line: str, column: str) -> Tuple[str, List[str]]:
    """Find out what stands between columns: what makes one of a given name.

    line (str): The first line.
    column (str): The name of a column that should be there.
    RETURNS (Tuple[str, List[str]]): What stands between columns, and their names.
    """
    for delimiter in _DELIMITERS:
        names = _parse([line], delimiter)
        if isinstance(names, list) and column in names:
            return delimiter, names
    names = _parse([line], _DELIMITERS[0])
    return _DELIMITERS[0], names if isinstance(names, list) else []


def distinct(names: Sequence[str]) -> List[str]:
    """Give columns names of their own.

    names (Sequence[str]): Some names, which may be empty or stand twice.
    RETURNS (List[str]): Others for these: a second "id" in the third column is "id_3".
    """
    found: List[str] = []
    for i, name in enumerate(names, start=1):
        name = name or f"column_{i}"
        found.append(name if name not in found else f"{name}_{i}")
    return found


def csv_rows(lines: Iterable[Line], delimiter: str, n_columns: int) -> Iterator[Row]:
    """Read the rows of a .csv file. A quote that is never closed costs its own line only.

    lines (Iterable[Line]): The lines, without that of the names.
    delimiter (str): What stands between columns.
    n_columns (int): How many there are.
    YIELDS (Row): The rows; those that are wrong as a line with a problem.
    """
    remaining = iter(lines)
    waiting: Deque[Line] = deque()
    while True:
        line = waiting.popleft() if waiting else next(remaining, None)
        if line is None:
            return
        if line.problem is not None:
            yield Row(line)
            continue
        if not line.text.strip():
            continue
        taken = [line]
        values = _parse([line.text], delimiter)
        while values is None and len(taken) < _MAX_ROW_LINES:
            more = waiting.popleft() if waiting else next(remaining, None)
            if more is None:
                break
            taken.append(more)
            if more.problem is not None:
                break
            if '"' in more.text:
                values = _parse([of_row.text for of_row in taken], delimiter)
        if isinstance(values, list) and len(values) == n_columns:
            yield Row(line._replace(offset=taken[-1].offset), tuple(values))
            continue
        if values is None or (isinstance(values, str) and len(taken) > 1):
            problem = "a quote is opened and never closed"
        elif isinstance(values, str):
            problem = f"no row of a table ({values})"
        else:
            problem = f"it has {len(values)} columns, and the first row has {n_columns}"
        yield Row(line._replace(problem=problem))
        waiting.extendleft(reversed(taken[1:]))


def _parse(texts: List[str], delimiter: str) -> Any:
    """The columns of a row that stands in these lines; None if a quote is still open at
    their end; or what is wrong with them."""
    if len(texts) == 1 and '"' not in texts[0]:
        return texts[0].split(delimiter)
    try:
        rows = csv.reader([f"{t}\n" for t in texts], delimiter=delimiter, strict=True)
        return next(rows)
    except csv.Error as error:
        return None if "end of data" in str(error) else str(error)
