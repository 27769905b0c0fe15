"""The files of a job: which they are, what kind each is, and their bytes."""

import glob
import io
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Iterator, List, NamedTuple, Optional, Sequence

import pyarrow as pa

from ..errors import Errors
from .encodings import as_utf8, find_encoding, is_wide

KINDS = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".txt": "txt",
}
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_SAMPLE_BYTES = 1 << 18
_PIECE_BYTES = 1 << 18


class Source(NamedTuple):
    """A file to read.

    path (Path): Where it is.
    kind (str): "parquet", "csv", "jsonl" or "txt".
    compression (Optional[str]): "gzip", "zstd", or None.
    """

    path: Path
    kind: str
    compression: Optional[str]


def kind_of(path: Path) -> Optional[Source]:
    """Tell what kind of file this is.

    path (Path): The file.
    RETURNS (Optional[Source]): What its name says; None if that is no kind that is read.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compression = _COMPRESSIONS.get(suffixes[-1]) if suffixes else None
    kind = KINDS.get(
        suffixes[-2] if compression and suffixes[1:] else (suffixes or [""])[-1]
    )
    if kind is None or (kind == "parquet" and compression):
        return None
    return Source(path, kind, compression)


def find_sources(names: Sequence[str]) -> List[Source]:
    """Find the files that somebody names.

    names (Sequence[str]): Files, folders, whose files of these kinds are meant (hidden ones
        are not), and globs.
    RETURNS (List[Source]): The files, those of a folder or a glob in the order of their
        names. None is read twice.
    RAISES (ValueError): If there is nothing of a name, or a file is of another kind.
    """
    sources: List[Source] = []
    for name in names:
        path = Path(name)
        if path.is_dir():
            found = [source for file in _visible_files(path) if (source := kind_of(file))]
            if not found:
                raise _refusal(name, "the folder holds no such file")
            sources += found
        elif path.exists():
            sources.append(_require_kind(path))
        else:
            matches = sorted(glob.glob(name, recursive=True))  # noqa: PTH207
            if not matches:
                raise _refusal(name, "there is no such file")
            sources += [_require_kind(Path(m)) for m in matches if Path(m).is_file()]
    return list({source.path.resolve(): source for source in sources}.values())


def _visible_files(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        # Spark and others keep notes of their own in files that begin so.
        if file.is_file() and not any(
            part.startswith((".", "_")) for part in file.relative_to(folder).parts
        ):
            yield file


def _require_kind(path: Path) -> Source:
    if (source := kind_of(path)) is None:
        raise _refusal(str(path), "its name says no kind of file that is read")
    return source


def _refusal(name: str, problem: str) -> ValueError:
    kinds = " ".join([".parquet", *(suffix for suffix in KINDS if suffix != ".parquet")])
    return ValueError(Errors.MQ282.format(path=name, problem=problem, kinds=kinds))


class TextFile:
    """The bytes of a text file, decompressed, in an encoding in which lines end in one byte.

    encoding (str): How the file is encoded, as it was named or found.
    """

    def __init__(self, source: Source, encoding: Optional[str] = None) -> None:
        """Open a file and look at its beginning.

        source (Source): The file.
        encoding (Optional[str]): Its encoding; None to find out.
        RAISES (OSError): If it cannot be opened.
        """
        self._source = source
        found, n_mark = find_encoding(self._sample())
        self.encoding = encoding or found
        self._n_mark = n_mark if self.encoding == found else 0

    def read_from(self, offset: int) -> IO[bytes]:
        """Read the file from somewhere on.

        offset (int): How many bytes to leave out, of those that this returns for 0.
        RETURNS (IO[bytes]): The bytes, in `line_encoding`.
        """
        stream = self._open()
        if is_wide(self.encoding):
            stream.read(self._n_mark)
            pieces = iter(partial(stream.read, _PIECE_BYTES), b"")
            stream = io.BufferedReader(_Pieces(as_utf8(self.encoding, pieces)))
        elif self._source.compression is None:
            stream.seek(self._n_mark + offset)
            return stream
        else:
            offset += self._n_mark
        while offset > 0 and (skipped := stream.read(min(offset, _PIECE_BYTES))):
            offset -= len(skipped)
        return stream

    @property
    def line_encoding(self) -> str:
        """What lines are encoded in.

        RETURNS (str): The file's encoding, or UTF-8 if that has wider ends of lines.
        """
        return "utf-8" if is_wide(self.encoding) else self.encoding

    def n_bytes_read(self) -> int:
        """Tell how far reading has come.

        RETURNS (int): The place in the file as it lies on the disk.
        """
        return 0 if self._raw.closed else self._raw.tell()

    def close(self) -> None:
        """Close the file."""
        self._raw.close()

    def _sample(self) -> bytes:
        """The beginning, or what there is of it: where a compressed file breaks off is said
        when its rows are read."""
        stream, sample = self._open(), b""
        with suppress(OSError):
            while len(sample) < _SAMPLE_BYTES and (
                piece := stream.read(_PIECE_BYTES // 32)
            ):
                sample += piece
        self._raw.close()
        return sample

    def _open(self) -> IO[bytes]:
        self._raw = self._source.path.open("rb")
        if self._source.compression is None:
            return self._raw
        # Arrow says where a stream breaks off, and reads those that were joined.
        stream = pa.CompressedInputStream(
            pa.PythonFile(self._raw), self._source.compression
        )
        return io.BufferedReader(stream)


class _Pieces(io.RawIOBase):
    """A stream of the bytes that an iterator yields."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        n = min(len(buffer), len(self._left))
        buffer[:n], self._left = self._left[:n], self._left[n:]
        return n
