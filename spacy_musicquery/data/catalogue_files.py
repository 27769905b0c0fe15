"""Files of names, one a line, to a catalogue."""

import csv
import re
import warnings
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, Union

from ..errors import Errors, Warnings, excerpt, is_name, is_utf8
from ..features.catalogue import MAX_NAME
from ..saving.atomic import write_text
from .link_table import has_types, json_rows, names_by_type, read_table
from .text_lines import BadLine, read_file_lines

Names = Dict[str, List[str]]

# A type that names its file, in the folder that was asked for and in no other one.
_FILE_NAME = re.compile(r"\w([\w -]*\w)?")
_COMMENT = "# "
_COLUMN = "name"


def load_catalogue(
    path: Union[str, Path, None], type: Optional[str] = None, column: str = _COLUMN
) -> Optional[Names]:
    """Read a catalogue, for [initialize.components.music_query.catalogue].

    path (Union[str, Path, None]): A file or a folder, see `read_catalogue`; None for no
        catalogue. That an empty folder gives none either is said in a warning.
    type (Optional[str]): The type of all names, instead of the files' names.
    column (str): The column of .csv, .jsonl and .parquet files that holds the names.
    RETURNS (Optional[Names]): The names by type.
    RAISES (ValueError): If a file cannot be read or holds no name.
    """
    if path is None:
        return None
    path = Path(path)
    if path.is_dir() and not any(path.iterdir()):
        warnings.warn(Warnings.MQ104.format(path=path), stacklevel=2)
        return None
    return read_catalogue([path], type, column)


def read_catalogue(
    paths: Iterable[Path], type_name: Optional[str] = None, column: str = _COLUMN
) -> Names:
    """Read names from files.

    A text file holds one name a line; further ways to say it follow behind tabs, and
    lines that begin with "# " are comments. A .csv, .jsonl or .parquet file has a column
    of names. The type is a file's name up to its first dot: artist.mandarin.txt. A .csv,
    .jsonl or .parquet file with a column "type" is a table, see `link_table.read_table`:
    it gives the names, aliases and artists of all its rows, by their types.

    paths (Iterable[Path]): Files, or folders of them.
    type_name (Optional[str]): The type of all names, instead.
    column (str): The column of .csv, .jsonl and .parquet files that holds the names.
    RETURNS (Dict[str, List[str]]): The names by type, in the order of the files.
    RAISES (ValueError): If a file cannot be read, holds no name, or one is too long.
    """
    names: Names = {}
    for path in _files(paths):
        if type_name is None and column == _COLUMN and has_types(path):
            for type_of_row, of_rows in names_by_type(read_table(path).entries).items():
                names.setdefault(type_of_row, []).extend(of_rows)
            continue
        type_of_file = type_name or path.name.split(".")[0]
        if not is_name(type_of_file):
            problem = "its name says no type"
            raise ValueError(Errors.MQ060.format(path=path, problem=problem))
        of_type = names.setdefault(type_of_file, [])
        n_before = len(of_type)
        for row, name in _rows(path, column):
            if len(name) > MAX_NAME:
                problem = f"row {row} is {len(name)} characters long, too long for a name"
                raise ValueError(Errors.MQ060.format(path=path, problem=problem))
            if name:
                of_type.append(name)
        if len(of_type) == n_before:
            raise ValueError(Errors.MQ060.format(path=path, problem="it holds no name"))
    return names


def write_catalogue(names: Names, directory: Path) -> List[Path]:
    """Write names to text files, one a type.

    names (Dict[str, List[str]]): The names by type.
    directory (Path): Where to; made if need be.
    RETURNS (List[Path]): The files.
    RAISES (ValueError): If a type can name no file in that folder, or `read_catalogue` would
        read other names; then nothing is written.
    """
    for type_name, of_type in names.items():
        if not _FILE_NAME.fullmatch(type_name) or not is_utf8(type_name):
            raise ValueError(Errors.MQ263.format(type=type_name, directory=directory))
        for name in of_type:
            if not is_one_line(name):
                raise ValueError(
                    Errors.MQ264.format(name=name, type=type_name, most=MAX_NAME)
                )
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for type_name, of_type in names.items():
        path = directory / f"{type_name}.txt"
        write_text(path, "".join(f"{name}\n" for name in of_type))
        paths.append(path)
    return paths


def is_one_line(name: str) -> bool:
    """Tell whether a text file of names can hold a name.

    name (str): A name.
    RETURNS (bool): Whether it is read as it was written.
    """
    return (
        len(name) <= MAX_NAME
        and name == name.strip()
        and not name.startswith("\ufeff")
        and name.splitlines() == [name]
        and "\t" not in name
        and not name.startswith(_COMMENT)
        and is_utf8(name)
    )


def catalogue_files(directory: Path) -> List[Path]:
    """List the files of a folder that hold names.

    directory (Path): A folder.
    RETURNS (List[Path]): The files in it that are read as a catalogue, in order: no hidden
        ones.
    """
    endings = ("txt", "csv", "jsonl", "parquet")
    return sorted(
        file
        for ending in endings
        for file in directory.glob(f"*.{ending}")
        if not file.name.startswith(".")
    )


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            files = catalogue_files(path)
            if not files:
                problem = "the folder holds no .txt, .csv, .jsonl or .parquet file"
                raise ValueError(Errors.MQ060.format(path=path, problem=problem))
            yield from files
        elif path.is_file():
            yield path
        else:
            raise ValueError(
                Errors.MQ060.format(path=path, problem="there is no such file")
            )


def _rows(path: Path, column: str) -> Iterable[Tuple[int, str]]:
    if path.suffix == ".parquet":
        return _parquet_rows(path, column)
    if path.suffix == ".jsonl":
        return _json_rows(path, column)
    lines = _lines(path)
    if path.suffix == ".csv":
        return _csv_rows(path, lines, column)
    return (
        (row, name.strip())
        for row, line in lines
        if not line.startswith(_COMMENT)
        for name in line.split("\t")
    )


def _lines(path: Path) -> Iterator[Tuple[int, str]]:
    for row, text in read_file_lines(path):
        if isinstance(text, BadLine):
            raise ValueError(Errors.MQ048.format(path=path, row=row, problem=text))
        # Other characters end lines as well.
        for line in text.splitlines():
            yield row, line


def _csv_rows(
    path: Path, lines: Iterable[Tuple[int, str]], column: str
) -> Iterator[Tuple[int, str]]:
    reader = csv.DictReader(line for _, line in lines)
    try:
        _require_column(path, column, reader.fieldnames or [])
        for values in reader:
            yield reader.line_num, (values[column] or "").strip()
    except csv.Error as error:
        problem = f"row {reader.reader.line_num} is no row of a .csv file ({error})"
        raise ValueError(Errors.MQ060.format(path=path, problem=problem)) from error


def _json_rows(path: Path, column: str) -> Iterator[Tuple[int, str]]:
    for row, values in json_rows(path):
        if isinstance(values, BadLine):
            raise ValueError(Errors.MQ048.format(path=path, row=row, problem=values))
        value = values.get(column)
        if isinstance(value, (list, dict)):
            problem = f"{column} is {excerpt(repr(value))}, not a text"
            raise ValueError(Errors.MQ048.format(path=path, row=row, problem=problem))
        yield row, ("" if value is None else str(value)).strip()


def _parquet_rows(path: Path, column: str) -> Iterator[Tuple[int, str]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        problem = f"reading it needs pyarrow ({error}): pip install pyarrow"
        raise ImportError(Errors.MQ060.format(path=path, problem=problem)) from error
    try:
        _require_column(path, column, parquet.read_schema(path).names)
        values = parquet.read_table(path, columns=[column])[column].to_pylist()
    except ArrowException as error:
        problem = f"it is not a Parquet file ({error})"
        raise ValueError(Errors.MQ060.format(path=path, problem=problem)) from error
    for row, value in enumerate(values, start=1):
        yield row, ("" if value is None else str(value)).strip()


def _require_column(path: Path, column: str, columns: Sequence[str]) -> None:
    if column not in columns:
        problem = f"it has no column '{column}' (it has: {', '.join(columns) or 'none'})"
        raise ValueError(Errors.MQ060.format(path=path, problem=problem))
