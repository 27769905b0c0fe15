"""Saved components: read with clear errors, whatever the files hold."""

import hashlib
import json
import os
import stat
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import (
    IO,
    Any,
    Callable,
    Collection,
    Dict,
    Iterator,
    List,
    Mapping,
    Optional,
    Union,
)

import srsly
import srsly.msgpack

from ..errors import Errors, SavedModelError, damaged, excerpt, is_name
from . import limited_msgpack, strict_json

# No model of ours comes near.
_MAX_FILE_BYTES = 1 << 30
_MAX_SETTINGS_BYTES = 1 << 24
# From here on a file is read only after it has been seen to be what was sealed.
_LARGE_FILE_BYTES = 1 << 24
_CHUNK_BYTES = 1 << 20

# What is sealed beside the settings; and the settings themselves, whose digest is of all of
# their file with this in the place of the digest.
_SEALED = {"model", "catalogue"}
_SETTINGS = "cfg"
_NO_DIGEST = "0" * 64

# A small file must not fill the memory when it is inflated: names shrink to a half, or to a
# tenth where they are numbered. Those that shrink to less are not compressed.
_MAX_INFLATION = 32
_ALWAYS_INFLATED = 1 << 20
_NAMES_AT_A_TIME = 4096


def seal(data: bytes) -> bytes:
    """Put a checksum in front of data.

    data (bytes): Anything.
    RETURNS (bytes): It with a checksum in front, for `unseal`.
    """
    return hashlib.sha256(data).digest() + data


def unseal(sealed: bytes, component: str, name: str = "model") -> bytes:
    """Check data and take the checksum off.

    sealed (bytes): What `seal` returned.
    component (str): The component's name, for the error.
    name (str): What is sealed, for the error.
    RETURNS (bytes): The data.
    RAISES (SavedModelError): If they are not what was sealed.
    """
    size = hashlib.sha256().digest_size
    digest, data = sealed[:size], sealed[size:]
    if hashlib.sha256(data).digest() != digest:
        raise damaged(component, f"its {name}'s checksum is wrong")
    return data


def require_room(sealed: Mapping[str, bytes]) -> None:
    """Refuse to write what is too large to be read.

    sealed (Mapping[str, bytes]): Sealed files, by name.
    RAISES (ValueError): If one is.
    """
    for name, data in sealed.items():
        if len(data) > _MAX_FILE_BYTES:
            raise ValueError(
                f"the file '{name}' would have {len(data):,} bytes, and may have "
                f"{_MAX_FILE_BYTES:,}."
            )


def digest_of(sealed: bytes) -> str:
    """Read the checksum of sealed data.

    sealed (bytes): What `seal` returned.
    RETURNS (str): Its checksum, for the settings that are saved beside it.
    """
    return sealed[: hashlib.sha256().digest_size].hex()


def read_file(path: Path, component: str, digest: Optional[str] = None) -> bytes:
    """Read a sealed file of a saved component.

    path (Path): The file.
    component (str): The component's name, for the error.
    digest (Optional[str]): The checksum that it must have; None for any.
    RETURNS (bytes): Its content, still sealed.
    RAISES (SavedModelError): If it cannot be read, or is of another save.
    """
    with _opened(path, component, _MAX_FILE_BYTES) as file:
        if os.fstat(file.fileno()).st_size > _LARGE_FILE_BYTES:
            _require_seal(file, component, path.name)
        data = file.read(_MAX_FILE_BYTES)
    if digest is not None and digest_of(data) != digest:
        unseal(data, component, path.name)  # says so if the file itself is damaged
        problem = f"the file '{path.name}' was not saved together with the file 'cfg'"
        raise _unreadable(path, component, problem)
    return data


def _require_seal(file: IO[bytes], component: str, name: str) -> None:
    total = hashlib.sha256()
    expected = file.read(total.digest_size)
    while chunk := file.read(_CHUNK_BYTES):
        total.update(chunk)
    if total.digest() != expected:
        raise damaged(component, f"its {name}'s checksum is wrong")
    file.seek(0)


@contextmanager
def _opened(path: Path, component: str, max_bytes: int) -> Iterator[IO[bytes]]:
    """Open a file, if it is one: a device or a pipe may have no end. A link to a file is
    as good as the file."""
    try:
        # Opening a pipe would wait for whoever writes to it.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise _unreadable(path, component, f"'{path.name}' is no file")
            if status.st_size > max_bytes:
                problem = f"the file '{path.name}' has {status.st_size:,} bytes"
                raise _unreadable(path, component, problem)
            yield file
    except OSError as error:
        problem = f"the file '{path.name}' cannot be read ({error.strerror})"
        raise _unreadable(path, component, problem) from error


def read_message(data: bytes, component: str) -> Dict[str, bytes]:
    """Read what a component's `to_bytes` returned.

    data (bytes): The message.
    component (str): The component's name, for the error.
    RETURNS (Dict[str, bytes]): Its parts.
    RAISES (SavedModelError): If it is damaged.
    """
    try:
        message = limited_msgpack.loads(data)
    except ValueError as error:
        raise damaged(component, str(error)) from error
    # JSON is text, whatever else there is are bytes.
    if not isinstance(message, dict) or {*map(type, message.values())} - {bytes, str}:
        raise damaged(component, "it does not hold the parts of a component")
    return message


def write_settings(settings: Mapping[str, Any], digests: Mapping[str, str]) -> bytes:
    """Write a component's settings.

    settings (Mapping[str, Any]): The settings, in what JSON can hold.
    digests (Mapping[str, str]): The checksums of the files that are saved with them, by name.
    RETURNS (bytes): What `read_settings` reads: JSON, with the checksums of the files and
        of itself.
    RAISES (ValueError): If there is something that JSON cannot hold, or too much.
    """
    message = {"digests": {_SETTINGS: _NO_DIGEST, **digests}, **settings}
    try:
        text = json.dumps(message, ensure_ascii=False, allow_nan=False, indent=2)
        data = text.encode()
    except (TypeError, ValueError) as error:
        raise ValueError(f"its settings: {error}.") from error
    if len(data) > _MAX_SETTINGS_BYTES:
        problem = f"{len(data):,} bytes, and may have {_MAX_SETTINGS_BYTES:,}"
        raise ValueError(f"its settings would have {problem}.")
    return data.replace(_NO_DIGEST.encode(), hashlib.sha256(data).hexdigest().encode(), 1)


def read_settings_file(
    path: Path,
    component: str,
    read: Optional[Callable[[bytes, str], Dict[str, Any]]] = None,
) -> Dict[str, Any]:
    """Read the settings of a saved component.

    path (Path): The file.
    component (str): The component's name, for the error.
    read (Optional[Callable]): What reads its content; `read_settings` without it.
    RETURNS (Dict[str, Any]): See `read_settings`.
    RAISES (SavedModelError): If it cannot be read, or is damaged.
    """
    with _opened(path, component, _MAX_SETTINGS_BYTES) as file:
        return (read or read_settings)(file.read(_MAX_SETTINGS_BYTES), component)


def require_known(settings: Mapping[str, Any], known: Collection[str], name: str) -> None:
    """Refuse settings without a checksum that no version without one has written: a bit of
    the checksum's own name may have been lost.

    settings (Mapping[str, Any]): What `read_settings` returned.
    known (Collection[str]): The names of the settings, without labels and intents.
    name (str): The component's name, for the error.
    RAISES (SavedModelError): If there is something else.
    """
    if _SETTINGS in settings["digests"]:
        return
    unknown = {*settings} - {*known, "labels", "intents", "digests"}
    unknown |= {*settings["digests"]} - _SEALED
    if unknown:
        raise damaged(name, f"its settings are unknown: {excerpt(ascii(sorted(unknown)))}")


def read_settings(data: Union[bytes, str], component: str) -> Dict[str, Any]:
    """Read a component's saved settings.

    data (Union[bytes, str]): JSON. What versions before 0.2 wrote has no checksum of itself.
    component (str): The component's name, for the error.
    RETURNS (Dict[str, Any]): The settings; labels and intents are among them, and
        "digests", the checksums of the files that were saved with them.
    RAISES (SavedModelError): If they are damaged.
    """
    settings = _parse_settings(data, component)
    # Pipelines from before there were intents have no list of them.
    for key, default in (("labels", None), ("intents", [])):
        if not _is_names(settings.get(key, default)):
            raise damaged(component, f"its settings hold no list of {key}")
    return settings


def read_sealed_settings(data: Union[bytes, str], component: str) -> Dict[str, Any]:
    """Read the saved settings of a component that never wrote any without a checksum.

    data (Union[bytes, str]): What `write_settings` returned.
    component (str): The component's name, for the error.
    RETURNS (Dict[str, Any]): The settings, and "digests", as `read_settings` returns them.
    RAISES (SavedModelError): If they are damaged.
    """
    settings = _parse_settings(data, component)
    if _SETTINGS not in settings["digests"]:
        raise damaged(component, "its settings have no checksum")
    return settings


def _parse_settings(data: Union[bytes, str], component: str) -> Dict[str, Any]:
    """The settings, if they are those of their checksum, should they have one."""
    try:
        settings = strict_json.loads(data)
    except (ValueError, TypeError) as error:
        raise damaged(component, f"its settings: {error}") from error
    if not isinstance(settings, dict):
        raise damaged(component, "its settings are not a JSON object")
    digests = settings.setdefault("digests", {})
    if not isinstance(digests, dict) or not _is_names(list(digests.values())):
        raise damaged(component, "its settings hold no checksums")
    if _SETTINGS in digests:
        digest = digests[_SETTINGS].encode()
        data = data.encode() if isinstance(data, str) else data
        blank = data.replace(digest, _NO_DIGEST.encode(), 1)
        if hashlib.sha256(blank).hexdigest().encode() != digest:
            raise damaged(component, "the checksum of its settings is wrong")
    return settings


def write_names(names: Dict[str, List[str]]) -> bytes:
    """Write a catalogue.

    names (Dict[str, List[str]]): Names by type.
    RETURNS (bytes): What `read_names` reads: msgpack, compressed and sealed.
    """
    message = srsly.msgpack_dumps(names)
    compressed = zlib.compress(message, 9)
    if len(message) > _max_inflated(compressed):
        compressed = zlib.compress(message, 0)
    return seal(compressed)


def read_names(data: bytes, component: str) -> Dict[str, List[str]]:
    """Read a component's saved catalogue.

    data (bytes): What `write_names` returned.
    component (str): The component's name, for the error.
    RETURNS (Dict[str, List[str]]): The names by type.
    RAISES (SavedModelError): If they are damaged.
    """
    compressed = unseal(data, component, "catalogue")
    try:
        inflater = zlib.decompressobj()
        message = inflater.decompress(compressed, _max_inflated(compressed))
        if not inflater.eof:
            raise ValueError("it is cut short, or larger than any catalogue")
        return _unpack_names(message)
    except Exception as error:  # whatever msgpack makes of damaged bytes
        problem = f"its catalogue is damaged ({type(error).__name__}: {error})"
        raise damaged(component, problem) from error


def _max_inflated(compressed: bytes) -> int:
    """How many bytes a catalogue may have."""
    return max(len(compressed) * _MAX_INFLATION, _ALWAYS_INFLATED)


def _unpack_names(message: bytes) -> Dict[str, List[str]]:
    """Some names at a time, so that what is none is met before it takes up memory."""
    unpacker = srsly.msgpack.Unpacker(
        raw=False, max_buffer_size=len(message), max_array_len=0, max_map_len=0
    )
    unpacker.feed(message)

    unpack = unpacker.unpack

    def next_names(n: int) -> List[str]:
        names = [unpack() for _ in range(n)]
        if not set(map(type, names)) <= {str}:
            wrong = next(name for name in names if type(name) is not str)
            raise ValueError(f"{wrong!r} is no name")
        return names

    names: Dict[str, List[str]] = {}
    for _ in range(unpacker.read_map_header()):
        (type_name,) = next_names(1)
        of_type: List[str] = []
        names[type_name] = of_type
        for rest in range(unpacker.read_array_header(), 0, -_NAMES_AT_A_TIME):
            of_type += next_names(min(rest, _NAMES_AT_A_TIME))
    if unpacker.tell() != len(message):
        raise ValueError("something follows behind it")
    return names


def _is_names(value: Any) -> bool:
    """Whether it is a list of different strings, none of them empty."""
    return (
        isinstance(value, list)
        and all(map(is_name, value))
        and len(set(value)) == len(value)
    )


def _unreadable(path: Path, component: str, problem: str) -> SavedModelError:
    message = Errors.MQ020.format(name=component, path=path.parent, problem=problem)
    return SavedModelError(message)
