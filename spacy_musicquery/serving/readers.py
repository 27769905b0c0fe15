"""The messages of files, a chunk at a time: what cannot be read is set aside with its row and
the reason, and the rest goes on."""

import json
from typing import (
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import pyarrow as pa
from pyarrow import compute, parquet

from ..data.text_lines import MAX_LINE_BYTES
from ..errors import Errors, excerpt
from .arrow import require_text
from .csv_rows import Line, Row, csv_rows, distinct, read_header
from .sources import Source, TextFile

# What is done at a time, and at most done again after a kill: about a second of work.
CHUNK_ROWS = 32_768
_CHUNK_BYTES = 1 << 23


class BadRow(NamedTuple):
    """A row that is set aside.

    path (str): Its file.
    row (int): Its line, or in Parquet its row, from 1.
    problem (str): What is wrong with it.
    text (str): What it holds, or the beginning.
    """

    path: str
    row: int
    problem: str
    text: str


class Position(NamedTuple):
    """A place in the files, to go on from.

    source (int): The number of the file, from 0.
    offset (int): In a text file, the bytes before it; see `TextFile.read_from`.
    row (int): How many lines, or rows, of the file stand before it.
    """

    source: int = 0
    offset: int = 0
    row: int = 0


class Chunk(NamedTuple):
    """Some messages in a row.

    number (int): Its place among the chunks of all files, from 0.
    batch (RecordBatch): The messages and the other columns.
    lines (Optional[List[str]]): Of .jsonl files, the rows as they stand there; the batch
        then has the messages alone.
    bad (List[BadRow]): The rows between them that could not be read.
    after (Position): Where the next one begins.
    """

    number: int
    batch: pa.RecordBatch
    lines: Optional[List[str]]
    bad: List[BadRow]
    after: Position


class _Content(NamedTuple):
    """What becomes a chunk: as `Chunk`, the messages as a batch or as rows of values."""

    messages: Union[pa.RecordBatch, List[Tuple[Optional[str], ...]]]
    lines: Optional[List[str]]
    bad: List[BadRow]
    after: Position


class Table:
    """A file of messages.

    encoding (Optional[str]): How it is encoded; None for Parquet and empty files.
    size (int): Its size in bytes.
    """

    def __init__(
        self, source: Source, column: str, encoding: Optional[str], max_length: int
    ) -> None:
        """Open a file, and make sure that it has the messages.

        source (Source): The file.
        column (str): The column that holds them.
        encoding (Optional[str]): The encoding of a text file; None to find out.
        max_length (int): How many characters a message may have.
        RAISES (ValueError): If it cannot be read or has no such column.
        """
        self._source, self._column, self._max_length = source, column, max_length
        self.encoding: Optional[str] = None
        self.size = source.path.stat().st_size
        self.is_empty = self.size == 0
        self._n_bytes = 0
        if self.is_empty:
            return
        try:
            if source.kind == "parquet":
                self._check_schema()
            else:
                self._file = TextFile(source, encoding)
                self.encoding = self._file.encoding
                if source.kind == "csv":
                    self._read_header()
        except (pa.ArrowException, OSError) as error:
            message = Errors.MQ287.format(path=source.path, error=error)
            raise ValueError(message) from error

    def _check_schema(self) -> None:
        schema = parquet.read_schema(self._source.path)
        self._require_column(schema.names)
        require_text(self._column, schema.field(self._column).type)

    def _read_header(self) -> None:
        header = next(self._lines(Position()), Line(0, 0, ""))
        if header.problem is not None:
            raise OSError(header.problem)
        self._delimiter, names = read_header(header.text, self._column)
        self._require_column(names)
        self._names = distinct(names)
        self._data = Position(0, header.offset, header.row)
        self._file.close()

    def _require_column(self, columns: Sequence[str]) -> None:
        if self._column not in columns:
            names = excerpt(", ".join(columns) or "none", 200)
            path = self._source.path
            message = Errors.MQ280.format(path=path, column=self._column, columns=names)
            raise ValueError(message)

    def n_bytes_read(self) -> int:
        """Tell how far reading has come, of the file's size.

        RETURNS (int): The bytes; of Parquet, as many as the share of its rows.
        """
        if self.is_empty or self._source.kind == "parquet":
            return self._n_bytes
        return self._file.n_bytes_read()

    def read(self, start: Position, number: int) -> Iterator[Chunk]:
        """Read the messages.

        start (Position): Where to begin.
        number (int): The number of the first chunk.
        YIELDS (Chunk): The messages from there on, and where the next file begins after
            the last. A file without any has one chunk, for its columns.
        """
        contents: Iterator[_Content] = iter(())
        if not self.is_empty:
            is_parquet = self._source.kind == "parquet"
            contents = (self._parquet if is_parquet else self._text)(start)
        last = next(contents, _Content([], None, [], start))
        for content in contents:
            yield self._make(number, last)
            number, last = number + 1, content
        yield self._make(number, last._replace(after=Position(start.source + 1)))

    def _make(self, number: int, content: _Content) -> Chunk:
        messages, lines, bad, after = content
        if not isinstance(messages, pa.RecordBatch):
            names = self._names if self._has_header else [self._column]
            columns = list(zip(*messages)) if messages else [()] * len(names)
            arrays = [pa.array(column, pa.string()) for column in columns]
            messages = pa.RecordBatch.from_arrays(arrays, names=list(names))
        return Chunk(number, messages, lines, bad, after)

    @property
    def _has_header(self) -> bool:
        return self._source.kind == "csv" and not self.is_empty

    def _bad(self, row: int, problem: str, text: str) -> BadRow:
        return BadRow(str(self._source.path), row, problem, text)

    def _too_long(self, n: int) -> str:
        return f"the message has {n:,} characters, more than {self._max_length:,}"

    # Text

    def _text(self, start: Position) -> Iterator[_Content]:
        is_jsonl = self._source.kind == "jsonl"
        values: List[Tuple[Optional[str], ...]] = []
        lines: List[str] = []
        bad: List[BadRow] = []
        began = start.offset
        for line, of_row in self._rows(start):
            if line.problem is None:
                values.append(of_row)
                if is_jsonl:
                    lines.append(line.text)
            else:
                bad.append(self._bad(line.row, line.problem, line.text))
            n_rows = len(values) + len(bad)
            if n_rows >= CHUNK_ROWS or line.offset - began >= _CHUNK_BYTES:
                after = Position(start.source, line.offset, line.row)
                yield _Content(values, lines if is_jsonl else None, bad, after)
                values, lines, bad, began = [], [], [], line.offset
        if values or bad:
            yield _Content(values, lines if is_jsonl else None, bad, Position(start.source))

    def _rows(self, start: Position) -> Iterator[Row]:
        if self._source.kind == "csv":
            if start.offset == 0:
                start = self._data
            where = self._names.index(self._column)
            rows = csv_rows(self._lines(start), self._delimiter, len(self._names))
        else:
            where = 0
            read = self._json_row if self._source.kind == "jsonl" else _text_row
            # A blank line between records is none; in a text it is a message without words.
            skipped = self._source.kind == "jsonl"
            rows = (
                read(line)
                for line in self._lines(start)
                if not skipped or line.text.strip() or line.problem
            )
        for row in rows:
            text = row.values[where] if row.line.problem is None else None
            if text is not None and len(text) > self._max_length:
                problem = self._too_long(len(text))
                line = row.line._replace(problem=problem, text=excerpt(text, 200))
                row = Row(line)
            yield row

    def _json_row(self, line: Line) -> Row:
        if line.problem is not None:
            return Row(line)
        try:
            record = json.loads(line.text)
        except (ValueError, RecursionError) as error:
            return Row(line._replace(problem=f"no JSON ({excerpt(str(error), 100)})"))
        if not isinstance(record, dict):
            return Row(line._replace(problem="no JSON object"))
        if self._column not in record:
            keys = excerpt(", ".join(record) or "none", 200)
            problem = f"it has no '{self._column}' (it has: {keys})"
            return Row(line._replace(problem=problem))
        text = record[self._column]
        if text is not None and not isinstance(text, str):
            problem = f"'{self._column}' is no string"
            return Row(line._replace(problem=problem))
        if "\\u" in line.text and not _is_encodable(text or ""):
            problem = f"'{self._column}' holds half a character (\\ud800 to \\udfff)"
            return Row(line._replace(problem=problem))
        return Row(line._replace(text=line.text.strip()), (text,))

    def _lines(self, start: Position) -> Iterator[Line]:
        encoding = self._file.line_encoding
        offset, row = start.offset, start.row
        try:
            stream = self._file.read_from(offset)
            while line := stream.readline(MAX_LINE_BYTES + 1):
                offset, row = offset + len(line), row + 1
                if len(line) > MAX_LINE_BYTES:
                    text = line[:800].decode(encoding, "replace")[:200]
                    while line and not line.endswith(b"\n"):
                        line = stream.readline(MAX_LINE_BYTES)
                        offset += len(line)
                    problem = f"the line is longer than {MAX_LINE_BYTES:,} bytes"
                    yield Line(row, offset, text, problem)
                    continue
                line = line.removesuffix(b"\n").removesuffix(b"\r")
                try:
                    yield Line(row, offset, line.decode(encoding))
                except UnicodeDecodeError as error:
                    text = line.decode(encoding, "backslashreplace")
                    problem = f"not {self.encoding} ({error.reason})"
                    yield Line(row, offset, text, problem)
        except (OSError, EOFError) as error:
            # The rows before it are sound, and so may be other files.
            yield Line(row + 1, offset, "", f"the file breaks off here ({error})")
        finally:
            self._file.close()

    # Parquet

    def _parquet(self, start: Position) -> Iterator[_Content]:
        with parquet.ParquetFile(self._source.path) as file:
            row = 0
            for group in range(file.num_row_groups):
                n_rows = file.metadata.row_group(group).num_rows
                if row + n_rows <= start.row:
                    row += n_rows
                    continue
                batches = file.iter_batches(CHUNK_ROWS, row_groups=[group])
                for batch in batches:
                    first, row = row, row + batch.num_rows
                    self._n_bytes = self.size * row // file.metadata.num_rows
                    if row > start.row:
                        sound, bad = self._sound_rows(batch, first)
                        after = Position(start.source, 0, row)
                        yield _Content(sound, None, bad, after)
            if row == 0:
                schema = file.schema_arrow
                arrays = [pa.array([], field.type) for field in schema]
                empty = pa.RecordBatch.from_arrays(arrays, schema=schema)
                yield _Content(empty, None, [], start)

    def _sound_rows(
        self, batch: pa.RecordBatch, first: int
    ) -> Tuple[pa.RecordBatch, List[BadRow]]:
        """The rows whose message can be read, and the others."""
        column = batch.column(self._column)
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        texts = column.cast(pa.binary())
        # No text has more characters than bytes, and most have none to look at closer.
        longest = compute.max(compute.binary_length(texts)).as_py() or 0
        if longest <= self._max_length and _is_valid(column):
            return batch, []
        bad = []
        for i, data in enumerate(texts.to_pylist()):
            try:
                n = 0 if data is None else len(data.decode())
            except UnicodeDecodeError as error:
                text = data[:800].decode(errors="backslashreplace")[:200]
                bad.append((i, f"not UTF-8 ({error.reason})", text))
            else:
                if n > self._max_length:
                    bad.append((i, self._too_long(n), excerpt(data.decode(), 200)))
        kept = pa.array([True] * batch.num_rows).to_numpy(zero_copy_only=False)
        kept[[i for i, *_ in bad]] = False
        rows = [self._bad(first + i + 1, problem, text) for i, problem, text in bad]
        return batch.filter(pa.array(kept)), rows


def _is_valid(column: pa.Array) -> bool:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text_row(line: Line) -> Row:
    return Row(line, (line.text,))


def read_chunks(tables: Sequence[Table], start: Position, number: int) -> Iterator[Chunk]:
    """Read the messages of several files.

    tables (Sequence[Table]): The files.
    start (Position): Where to begin.
    number (int): The number of the first chunk.
    YIELDS (Chunk): The messages, file after file.
    """
    for i in range(start.source, len(tables)):
        at = start if i == start.source else Position(i)
        for chunk in tables[i].read(at, number):
            yield chunk
            number = chunk.number + 1
