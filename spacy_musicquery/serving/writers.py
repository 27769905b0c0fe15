"""What is written: parts, one for each chunk, and the file that they are joined to."""

import json
import os
import shutil
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence

import pyarrow as pa
from pyarrow import csv, parquet

from .arrow import LISTENING, QUERIES
from .extractor import as_line, rounded

# Of Parquet: what readers take at a time.
_ROW_GROUP_ROWS = 1 << 17
_COPY_BYTES = 1 << 20


class Writer:
    """Writes results in one format."""

    suffix: str

    def write_part(
        self, path: Path, batch: pa.RecordBatch, lines: Optional[List[str]]
    ) -> None:
        """Write a part.

        path (Path): The file to write.
        batch (RecordBatch): What `extract_batch` made of messages.
        lines (Optional[List[str]]): The records that they stand in, of .jsonl files.
        """
        raise NotImplementedError

    def join(self, parts: Sequence[Path], path: Path) -> None:
        """Join parts to a file.

        parts (Sequence[Path]): The parts, in order.
        path (Path): The file to write.
        """
        raise NotImplementedError


class JsonLinesWriter(Writer):
    """A record a line. Records that were read stay as they are, to the letter, with the keys
    `music_query` and `listen` behind theirs."""

    suffix = ".jsonl"

    def write_part(
        self, path: Path, batch: pa.RecordBatch, lines: Optional[List[str]]
    ) -> None:
        """Write a part; see `Writer`."""
        found = _found(batch)
        if lines is None:
            others = [
                name for name in batch.schema.names if name not in (QUERIES, LISTENING)
            ]
            rows = batch.select(others).to_pylist()
            written = (_json({**row, **new}) for row, new in zip(rows, found))
        else:
            written = (_extended(line, new) for line, new in zip(lines, found))
        with path.open("w", encoding="utf8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in written)

    def join(self, parts: Sequence[Path], path: Path) -> None:
        """Join parts; see `Writer`."""
        with path.open("wb") as file:
            for part in parts:
                with part.open("rb") as of_part:
                    shutil.copyfileobj(of_part, file, _COPY_BYTES)


class ParquetWriter(Writer):
    """A table; what a column of .jsonl files holds decides what it is in Parquet."""

    suffix = ".arrow"

    def write_part(
        self, path: Path, batch: pa.RecordBatch, lines: Optional[List[str]]
    ) -> None:
        """Write a part; see `Writer`."""
        batch = self._as_written(batch if lines is None else _with_records(batch, lines))
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with (
            pa.OSFile(str(path), "wb") as sink,
            pa.ipc.new_file(sink, batch.schema, options=options) as writer,
        ):
            writer.write_batch(batch)

    def join(self, parts: Sequence[Path], path: Path) -> None:
        """Join parts; see `Writer`."""
        schema = _joined_schema([_read_schema(part) for part in parts])
        with self._open(path, schema) as writer:
            waiting: List[pa.RecordBatch] = []
            for batch in _read_parts(parts, schema):
                waiting.append(batch)
                if sum(b.num_rows for b in waiting) >= _ROW_GROUP_ROWS:
                    writer.write_table(pa.Table.from_batches(waiting))
                    waiting = []
            writer.write_table(pa.Table.from_batches(waiting, schema))

    def _as_written(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch

    def _open(self, path: Path, schema: pa.Schema) -> Any:
        return parquet.ParquetWriter(path, schema, compression="zstd")


class CsvWriter(ParquetWriter):
    """A table whose lists are written as JSON, in UTF-8."""

    def _as_written(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        found = list(_found(batch))
        queries = [None if new[QUERIES] is None else _json(new[QUERIES]) for new in found]
        columns = {name: batch.column(name) for name in batch.schema.names}
        columns[QUERIES] = pa.array(queries, pa.string())
        columns[LISTENING] = pa.array([new.get(LISTENING) for new in found], pa.float64())
        for name, column in columns.items():
            if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
                columns[name] = _as_text(column)
            elif pa.types.is_dictionary(column.type):
                columns[name] = column.dictionary_decode()
        return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))

    def _open(self, path: Path, schema: pa.Schema) -> Any:
        return csv.CSVWriter(path, schema)


WRITERS: Dict[str, Writer] = {
    ".parquet": ParquetWriter(),
    ".jsonl": JsonLinesWriter(),
    ".csv": CsvWriter(),
}


def sync(path: Path) -> None:
    """See to it that a file outlives a loss of power.

    path (Path): The file.
    """
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> str:
    """What JSON has no form for: times as ISO writes them, bytes as text."""
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _found(batch: pa.RecordBatch) -> Iterator[Dict[str, Any]]:
    """What was found in each message, as the command `extract` prints it."""
    listening = batch.column(LISTENING)
    tells = listening.null_count < len(listening)
    for queries, listen in zip(batch.column(QUERIES).to_pylist(), listening.to_pylist()):
        for query in queries or ():
            query["score"] = rounded(query["score"])
            for link in query.get("links") or ():
                link["score"] = rounded(link["score"])
        item = {QUERIES: queries}
        if tells:
            item[LISTENING] = None if listen is None else rounded(listen)
        yield item


def _extended(line: str, new: Dict[str, Any]) -> str:
    """A record with what was found, as it stood there otherwise: no number is read and
    written again."""
    if f'"{QUERIES}"' in line or f'"{LISTENING}"' in line:
        return _json_escaped({**json.loads(line), **new})
    return f"{line[:-1]}, {as_line(new)[1:]}"


def _json_escaped(record: Dict[str, Any]) -> str:
    """A record as JSON, in which half a character, which files cannot hold, is escaped."""
    line = _json(record)
    try:
        line.encode()
    except UnicodeEncodeError:
        return json.dumps(record)
    return line


def _with_records(batch: pa.RecordBatch, lines: List[str]) -> pa.RecordBatch:
    """A batch of messages with the other columns of the records that they stand in."""
    records = [json.loads(line) for line in lines]
    known = batch.schema.names
    names = list(dict.fromkeys(key for record in records for key in record))
    others = [name for name in names if name not in known]
    columns = {name: _column([record.get(name) for record in records]) for name in others}
    arrays = {**columns, **{name: batch.column(name) for name in known}}
    # As the records have them; what was found comes last.
    order = [name for name in names if name not in (QUERIES, LISTENING)]
    order = list(dict.fromkeys([*order, *known]))
    return pa.RecordBatch.from_arrays([arrays[name] for name in order], names=order)


def _column(values: List[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return _text_array(values)


def _text_array(values: List[Any]) -> pa.Array:
    """Values that have no one type: text as it is, all else as JSON."""
    texts = [None if v is None else v if isinstance(v, str) else _json(v) for v in values]
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:
        texts = [t and t.encode("utf8", "backslashreplace").decode() for t in texts]
        return pa.array(texts, pa.string())


def _as_text(column: pa.Array) -> pa.Array:
    return _text_array(column.to_pylist())


def _read_schema(part: Path) -> pa.Schema:
    with pa.OSFile(str(part)) as file:
        return pa.ipc.open_file(file).schema


def _joined_schema(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """The columns of all parts; those that agree on no type are text."""
    kinds: Dict[str, List[pa.DataType]] = {}
    for schema in schemas:
        for field in schema:
            of_name = kinds.setdefault(field.name, [])
            if field.type not in of_name:
                of_name.append(field.type)
    # What was found stands last, whatever a later file has besides.
    order = sorted(kinds, key=lambda name: name in (QUERIES, LISTENING))
    metadata = schemas[0].metadata if all(s == schemas[0] for s in schemas) else None
    fields = [pa.field(name, _joined_type(kinds[name])) for name in order]
    return pa.schema(fields, metadata=metadata)


def _joined_type(kinds: List[pa.DataType]) -> pa.DataType:
    if len(kinds) == 1:
        return kinds[0]
    try:
        schemas = [pa.schema([("", kind)]) for kind in kinds]
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except pa.ArrowException:
        return pa.string()


def _read_parts(parts: Sequence[Path], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for part in parts:
        with pa.OSFile(str(part)) as file:
            batch = pa.ipc.open_file(file).get_batch(0)
        arrays = [_conforming(batch, field) for field in schema]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _conforming(batch: pa.RecordBatch, field: pa.Field) -> pa.Array:
    if batch.schema.get_field_index(field.name) < 0:
        return pa.nulls(batch.num_rows, field.type)
    column = batch.column(field.name)
    if column.type == field.type:
        return column
    if pa.types.is_nested(column.type) and pa.types.is_string(field.type):
        return _as_text(column)
    return column.cast(field.type)
