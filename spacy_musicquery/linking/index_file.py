"""The file of an index: a checksum, a header and arrays that can be mapped into memory."""

import hashlib
import json
import mmap
import os
from pathlib import Path
from typing import Any, BinaryIO, Dict, Mapping, Tuple, Union

import numpy as np

from ..errors import Errors, SavedModelError

MAGIC = b"MQ-LINKS 2\n".ljust(16)
_DIGEST_BYTES = 32
# What stands before the content: from it alone an index is told from others.
BEGINNING = len(MAGIC) + _DIGEST_BYTES
_ALIGNMENT = 64
_MAX_HEADER_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 22

Buffer = Union[bytes, mmap.mmap]


def write_index(
    file: BinaryIO, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> None:
    """Write an index.

    file (BinaryIO): Where to; it must be seekable.
    facts (Mapping[str, Any]): What is no array, as JSON can hold it.
    arrays (Mapping[str, np.ndarray]): The arrays by name.
    RAISES (ValueError): If the facts are more than `read_index` reads.
    """
    places: Dict[str, Any] = {}
    end = 0
    for name, array in arrays.items():
        places[name] = {"dtype": array.dtype.str, "shape": array.shape, "at": end}
        end = _aligned(end + array.nbytes)
    header = json.dumps({"facts": facts, "arrays": places}, ensure_ascii=False).encode(
        "utf8"
    )
    if len(header) > _MAX_HEADER_BYTES:
        raise ValueError(Errors.MQ410.format(n=len(header), most=_MAX_HEADER_BYTES))
    begin = _aligned(BEGINNING + 8 + len(header))
    file.write(MAGIC + bytes(_DIGEST_BYTES))
    digest = hashlib.sha256()

    def add(data: Any) -> None:
        digest.update(data)
        file.write(data)

    add(len(header).to_bytes(8, "little") + header)
    add(bytes(begin - BEGINNING - 8 - len(header)))
    for array in arrays.values():
        data = np.ascontiguousarray(array).reshape(-1).view("uint8").data
        add(data)
        add(bytes(_aligned(array.nbytes) - array.nbytes))
    file.seek(len(MAGIC))
    file.write(digest.digest())
    file.seek(0, os.SEEK_END)


def digest_of(beginning: bytes) -> str:
    """Read the checksum of an index.

    beginning (bytes): What `write_index` wrote, or its first `BEGINNING` bytes.
    RETURNS (str): The checksum.
    """
    return beginning[len(MAGIC) : BEGINNING].hex()


def _aligned(at: int) -> int:
    return -(-at // _ALIGNMENT) * _ALIGNMENT


def map_file(path: Path) -> mmap.mmap:
    """Map a file into memory, which processes that serve the same index then share.

    path (Path): The file.
    RETURNS (mmap.mmap): Its bytes. They stay as they are when another file takes its
        place, as every `to_disk` does it.
    RAISES (SavedModelError): If it cannot be read.
    """
    try:
        if not path.is_file():
            raise unreadable(path, "there is no such file")
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < BEGINNING:
                raise unreadable(path, "it is no index")
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise unreadable(path, f"it cannot be read ({error.strerror})") from error


def read_index(data: Buffer, path: object) -> Tuple[Dict[str, Any], Dict[str, np.ndarray]]:
    """Read an index, without copying its arrays.

    data (Buffer): What `write_index` wrote.
    path (object): Where it comes from, for the error.
    RETURNS (Tuple[Dict[str, Any], Dict[str, np.ndarray]]): The facts and the arrays.
    RAISES (SavedModelError): If it is no index, or damaged.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise unreadable(path, "it is no index, or of another version")
    digest = hashlib.sha256()
    view = memoryview(data)
    try:
        for at in range(BEGINNING, len(view), _CHUNK_BYTES):
            digest.update(view[at : at + _CHUNK_BYTES])
    finally:
        view.release()
    if digest.digest() != data[len(MAGIC) : BEGINNING]:
        raise unreadable(path, "its checksum is wrong: it is damaged or cut short")
    try:
        size = int.from_bytes(data[BEGINNING : BEGINNING + 8], "little")
        if size > _MAX_HEADER_BYTES:
            raise ValueError(f"a header of {size:,} bytes")
        header = json.loads(data[BEGINNING + 8 : BEGINNING + 8 + size])
        begin = _aligned(BEGINNING + 8 + size)
        arrays = {
            name: _read_array(data, begin, place)
            for name, place in header["arrays"].items()
        }
        return dict(header["facts"]), arrays
    except Exception as error:  # whatever json and numpy make of bytes that are no index
        problem = f"it is damaged ({type(error).__name__}: {error})"
        raise unreadable(path, problem) from error


def _read_array(data: Buffer, begin: int, place: Mapping[str, Any]) -> np.ndarray:
    dtype = np.dtype(place["dtype"])
    if dtype.kind not in "uif":
        raise ValueError(f"an array of {dtype}")
    shape = tuple(int(n) for n in place["shape"])
    n = int(np.prod(shape, dtype="int64"))
    return np.frombuffer(data, dtype, n, begin + int(place["at"])).reshape(shape)


def unreadable(path: object, problem: str) -> SavedModelError:
    """Say that an index cannot be used.

    path (object): The index.
    problem (str): What is wrong with it.
    RETURNS (SavedModelError): The error to raise.
    """
    return SavedModelError(Errors.MQ211.format(path=path, problem=problem))
