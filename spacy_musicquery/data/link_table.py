"""The catalogue as a table: CSV, JSON lines, Parquet or a database's, to entries."""

import csv
import json
import math
import os
from pathlib import Path
from typing import (
    Any,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
)

from ..errors import Errors
from ..linking.entries import Entry
from .text_lines import BadLine, read_file_lines

COLUMNS = ("id", "type", "name", "aliases", "artist", "artist_id", "popularity", "deleted")
ENDINGS = (".csv", ".jsonl", ".parquet")
# Between the aliases or the artists in a cell.
_SEPARATOR = "|"
# A longer one is no name: the table is of another kind.
_MAX_NAME = 200
_MAX_PROBLEMS = 20
# Rows of Parquet that are in memory at a time.
_ROWS_AT_A_TIME = 10_000
_TRUE = {"1", "true", "yes", "t", "y"}
_FALSE = {"", "0", "false", "no", "f", "n"}

# A row and its number; or what is wrong with it.
Row = Tuple[int, Union[Mapping[str, Any], BadLine]]


class Table(NamedTuple):
    """What a table holds.

    entries (List[Entry]): Its entries, in order.
    deleted (List[str]): The ids of rows that are marked as deleted.
    """

    entries: List[Entry]
    deleted: List[str]


class BadRow(ValueError):
    """What is wrong with a row."""


def read_table(
    path: Union[str, Path],
    type_name: Optional[str] = None,
    artists: Optional[Mapping[str, str]] = None,
) -> Table:
    """Read a table from a file.

    path (Union[str, Path]): A .csv, .jsonl or .parquet file. Its columns are `COLUMNS`, of
        which only the name must be there: aliases, and artists if there are several, stand
        with "|" between them or are lists; artist_id is the id of another row; popularity
        is a number, the larger the oftener something is meant.
    type_name (Optional[str]): The type of rows without one; by default the file's name up
        to its first dot.
    artists (Optional[Mapping[str, str]]): The names of artists by id, of other rows than
        the table's.
    RETURNS (Table): Its entries.
    RAISES (ValueError): If it cannot be read, or rows are wrong: then it names all of them.
    """
    path = Path(path)
    if path.suffix not in ENDINGS:
        problem = f"it is no {', '.join(ENDINGS)} file"
        raise ValueError(Errors.MQ212.format(path=path, problem=problem))
    if not path.is_file():
        raise ValueError(Errors.MQ212.format(path=path, problem="there is no such file"))
    read = {".csv": _csv_rows, ".jsonl": json_rows, ".parquet": _parquet_rows}
    rows = read[path.suffix](path)
    return make_table(rows, str(path), type_name or path.name.split(".")[0], artists)


def read_sql(
    url: str,
    query: str,
    type_name: str = "title",
    artists: Optional[Mapping[str, str]] = None,
    since: Optional[str] = None,
) -> Table:
    """Read a table from a database.

    url (str): Where it is, as SQLAlchemy has it: postgresql+psycopg://user@host/music.
    query (str): A query whose columns have the names of `COLUMNS`. It may have a
        parameter :since, to read only what has changed.
    type_name (str): The type of rows without one.
    artists (Optional[Mapping[str, str]]): As for `read_table`.
    since (Optional[str]): The value of the parameter.
    RETURNS (Table): Its entries.
    RAISES (ImportError): SQLAlchemy is not installed.
    RAISES (ValueError): If the database cannot be read, or rows are wrong.
    """
    try:
        import sqlalchemy
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError as error:
        raise ImportError(Errors.MQ213.format(error=error)) from error
    shown = "database"
    try:
        address = sqlalchemy.engine.make_url(url)
        shown = address.render_as_string(hide_password=True)
        engine = sqlalchemy.create_engine(address)
        try:
            with engine.connect() as connection:
                streaming = connection.execution_options(stream_results=True)
                values = {"since": since} if since is not None else {}
                rows = streaming.execute(sqlalchemy.text(query), values).mappings()
                numbered = ((row, dict(values)) for row, values in enumerate(rows, start=1))
                return make_table(numbered, shown, type_name, artists)
        finally:
            engine.dispose()
    except (SQLAlchemyError, ImportError) as error:
        # Its further lines repeat the query, and link to a page.
        problem = str(error).split("\n")[0]
        raise ValueError(Errors.MQ212.format(path=shown, problem=problem)) from error


def make_table(
    rows: Iterable[Row],
    source: str,
    type_name: str,
    artists: Optional[Mapping[str, str]] = None,
) -> Table:
    """Make entries of rows.

    rows (Iterable[Row]): Numbers and rows.
    source (str): Where they come from, for the error.
    type_name (str): The type of those without one.
    artists (Optional[Mapping[str, str]]): As for `read_table`.
    RETURNS (Table): The entries.
    RAISES (ValueError): If there are none, or some are wrong: then it names all of them.
    """
    problems: List[str] = []
    n_wrong = 0
    entries: List[Entry] = []
    deleted: List[str] = []
    # What is known only when all rows have been read: whose title it is, by id.
    by_id: List[Tuple[int, int, str]] = []
    rows_of: Dict[Tuple[str, str], int] = {}

    def report(row: int, problem: str) -> None:
        nonlocal n_wrong
        n_wrong += 1
        if len(problems) < _MAX_PROBLEMS:
            problems.append(f"row {row}: {problem}")

    for row, values in rows:
        try:
            if isinstance(values, BadLine):
                raise BadRow(values)
            if not entries and not deleted:
                _require_columns(values)
            if _is_deleted(values):
                deleted.append(_deleted_id(values))
                continue
            entry = _make_entry(values, type_name)
            first = rows_of.setdefault((entry.type, entry.id), row)
            if first != row and _text(values, "id"):
                raise BadRow(f"the id {entry.id!r} is that of row {first} as well")
            artist_id = _text(values, "artist_id")
            if artist_id and not entry.artists:
                by_id.append((row, len(entries), artist_id))
            entries.append(entry)
        except BadRow as error:
            report(row, str(error))
    names = dict(artists or {})
    if by_id:
        of_artists = {artist_id for _, _, artist_id in by_id}
        names.update(_names_by_id(entries, of_artists))
    for row, place, artist_id in by_id:
        if artist_id in names:
            entries[place] = entries[place]._replace(artists=(names[artist_id],))
        else:
            report(row, f"artist_id {artist_id!r} is the id of no artist")
    if n_wrong:
        more = n_wrong - len(problems)
        rest = f"; and {more:,} more" if more else ""
        problem = f"{n_wrong:,} rows are wrong: {'; '.join(problems)}{rest}"
        raise ValueError(Errors.MQ212.format(path=source, problem=problem))
    if not entries and not deleted:
        raise ValueError(Errors.MQ212.format(path=source, problem="it has no rows"))
    return Table(entries, deleted)


def _names_by_id(entries: Sequence[Entry], ids: Set[str]) -> Dict[str, str]:
    """The names of entries with some ids: of those that artists and others share, the
    artists', which are what has no artist."""
    found: Dict[str, str] = {}
    for entry in sorted(entries, key=_is_no_artist, reverse=True):
        if entry.id in ids:
            found[entry.id] = entry.name
    return found


def _is_no_artist(entry: Entry) -> bool:
    return entry.type.lower() not in ("artist", "singer", "band", "group", "composer")


def _require_columns(values: Mapping[str, Any]) -> None:
    if "name" not in values and not _is_deleted(values):
        has = ", ".join(str(name) for name in values) or "none"
        raise BadRow(f"there is no column 'name' (there are: {has})")


def _make_entry(values: Mapping[str, Any], type_name: str) -> Entry:
    name = _text(values, "name")
    if not name:
        raise BadRow("the name is empty")
    aliases = _texts(values, "aliases")
    artists = _texts(values, "artist")
    for text in (name, *aliases, *artists):
        if len(text) > _MAX_NAME:
            raise BadRow(
                f"{text[:20]!r}… is {len(text):,} characters long, too long for a name"
            )
    return Entry(
        id=_text(values, "id") or name,
        type=_text(values, "type") or type_name,
        name=name,
        aliases=aliases,
        artists=artists,
        popularity=_number(values, "popularity"),
    )


def _text(values: Mapping[str, Any], column: str) -> str:
    value = values.get(column)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, (list, tuple, dict)):
        raise BadRow(f"{column} is {value!r}, not a text")
    if isinstance(value, float) and value.is_integer():
        # What Parquet makes of whole numbers where some are missing.
        value = int(value)
    text = " ".join(str(value).split())
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise BadRow(f"{column} has a character that is none ({text!r})")
    return text


def _texts(values: Mapping[str, Any], column: str) -> Tuple[str, ...]:
    value = values.get(column)
    if isinstance(value, (list, tuple)):
        texts = [_text({column: item}, column) for item in value]
    else:
        texts = [text.strip() for text in _text(values, column).split(_SEPARATOR)]
    return tuple(dict.fromkeys(filter(None, texts)))


def _number(values: Mapping[str, Any], column: str) -> Optional[float]:
    text = _text(values, column)
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadRow(f"{column} is {text!r}, not a number")
    return number


def _deleted_id(values: Mapping[str, Any]) -> str:
    found = _text(values, "id") or _text(values, "name")
    if not found:
        raise BadRow("it is deleted, but has neither id nor name")
    return found


def _is_deleted(values: Mapping[str, Any]) -> bool:
    text = _text(values, "deleted").lower()
    if text not in _TRUE | _FALSE:
        raise BadRow(f"deleted is {text!r}, neither true nor false")
    return text in _TRUE


def _csv_rows(path: Path) -> Iterator[Row]:
    bad: List[Row] = []

    def lines() -> Iterator[str]:
        for row, line in read_file_lines(path):
            if isinstance(line, BadLine):
                bad.append((row, line))
                # A row with nothing in it, so that those behind it are counted.
                line = ""
            yield line + "\n"

    reader = csv.DictReader(lines(), strict=True)
    while True:
        try:
            values = next(reader, None)
        except csv.Error as error:
            # `reader` itself counts only what it could read.
            row = reader.reader.line_num
            yield row, BadLine(f"it is no row of a .csv file ({error})")
            continue
        yield from bad
        bad.clear()
        if values is None:
            return
        if None in values:
            problem = (
                f"it has {len(values) - 1 + len(values[None])} cells, more than columns"
            )
            yield reader.line_num, BadLine(problem)
        else:
            yield reader.line_num, values


def json_rows(path: Path) -> Iterator[Row]:
    """Read JSON lines.

    path (Path): A file.
    YIELDS (Row): Numbers and objects, or what is wrong with a line.
    """
    for row, line in read_file_lines(path):
        if isinstance(line, BadLine):
            yield row, line
        elif line.strip():
            try:
                values = json.loads(line)
                if not isinstance(values, dict):
                    raise ValueError("it is no object")
            except (ValueError, RecursionError) as error:
                yield row, BadLine(f"it is no JSON object ({error})")
            else:
                yield row, values


def _parquet_rows(path: Path) -> Iterator[Row]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        problem = f"reading it needs pyarrow ({error}): pip install pyarrow"
        raise ImportError(Errors.MQ212.format(path=path, problem=problem)) from error
    try:
        file = parquet.ParquetFile(os.fspath(path))
        columns = [name for name in file.schema_arrow.names if name in COLUMNS]
        row = 0
        for batch in file.iter_batches(_ROWS_AT_A_TIME, columns=columns):
            for values in batch.to_pylist():
                row += 1
                yield row, values
    except (ArrowException, OSError) as error:
        problem = f"it is not a Parquet file ({error})"
        raise ValueError(Errors.MQ212.format(path=path, problem=problem)) from error


def has_types(path: Path) -> bool:
    """Tell whether a file is a table that says of each row of which type it is.

    path (Path): A file.
    RETURNS (bool): Whether it is, as far as its first row tells; JSON lines always are.
    """
    if path.suffix == ".jsonl":
        return True
    if path.suffix not in ENDINGS:
        return False
    rows = _csv_rows(path) if path.suffix == ".csv" else _parquet_rows(path)
    try:
        _, first = next(rows, (0, BadLine()))
    except (ValueError, ImportError):
        return False  # whoever reads it says what is wrong
    return not isinstance(first, BadLine) and {"type", "name"} <= set(first)


def names_by_type(entries: Iterable[Entry]) -> Dict[str, List[str]]:
    """Make a catalogue for `music_query` of entries.

    entries (Iterable[Entry]): The entries.
    RETURNS (Dict[str, List[str]]): Their names and aliases, by type, and the names of
        artists that titles have.
    """
    names: Dict[str, Dict[str, None]] = {}
    for entry in entries:
        names.setdefault(entry.type, {}).update(dict.fromkeys((entry.name, *entry.aliases)))
        if entry.artists:
            names.setdefault("artist", {}).update(dict.fromkeys(entry.artists))
    return {type_name: list(of_type) for type_name, of_type in names.items()}
