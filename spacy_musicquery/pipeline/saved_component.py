"""How components are saved and loaded."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, TypeVar, Union

from spacy import util

from ..saving import atomic, sealed_files

Self = TypeVar("Self", bound="SavedComponent")

ByteWriters = Dict[str, Callable[[], Any]]
FileWriters = Dict[str, Callable[[Path], Any]]
Readers = Dict[str, Callable[[Any], Any]]


class SavedComponent(ABC):
    """A component that is saved to bytestrings and directories, as spaCy's are. Its classes
    say what is written and read, by the names of serialization fields; what was read they
    take over when all of it has been read, or none of it.

    name (str): The component instance name.
    """

    name: str

    @abstractmethod
    def _byte_writers(self, exclude: Iterable[str]) -> ByteWriters:
        """What gives the bytes of each field."""

    @abstractmethod
    def _byte_readers(self, saved: Dict[str, Any], exclude: Iterable[str]) -> Readers:
        """What takes the bytes of each field, and notes in `saved` what they hold."""

    @abstractmethod
    def _file_writers(self, exclude: Iterable[str]) -> FileWriters:
        """What writes each field to the path that it is given."""

    @abstractmethod
    def _file_readers(self, saved: Dict[str, Any], exclude: Iterable[str]) -> Readers:
        """What reads each field from a path, and notes in `saved` what it holds."""

    @abstractmethod
    def _install(self, saved: Dict[str, Any]) -> None:
        """Take over what was saved; what was left out stays as it is."""

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Save to a bytestring.

        exclude (Iterable[str]): Names of serialization fields to leave out.
        RETURNS (bytes): The serialized component.
        RAISES (ValueError): If it could not be read again.
        """
        return util.to_bytes(self._byte_writers(exclude), exclude)

    def from_bytes(self: Self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> Self:
        """Load from a bytestring.

        bytes_data (bytes): What `to_bytes` returned.
        exclude (Iterable[str]): Names of serialization fields to leave out.
        RETURNS (SavedComponent): The component itself.
        RAISES (SavedModelError): If the data are damaged.
        """
        saved: Dict[str, Any] = {}
        message = sealed_files.read_message(bytes_data, self.name)
        util.from_dict(message, self._byte_readers(saved, exclude), exclude)
        self._install(saved)
        return self

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> None:
        """Save to a directory. A save that fails leaves what was there before.

        path (Union[str, Path]): The directory; made if need be.
        exclude (Iterable[str]): Names of serialization fields to leave out.
        RAISES (ValueError): If it could not be read again.
        """
        writers = self._file_writers(exclude)
        with atomic.complete_files(util.ensure_path(path)) as directory:
            util.to_disk(directory, writers, exclude)

    def from_disk(
        self: Self, path: Union[str, Path], *, exclude: Iterable[str] = ()
    ) -> Self:
        """Load from a directory.

        path (Union[str, Path]): The directory.
        exclude (Iterable[str]): Names of serialization fields to leave out.
        RETURNS (SavedComponent): The component itself.
        RAISES (SavedModelError): If a file is missing or damaged.
        """
        saved: Dict[str, Any] = {}
        util.from_disk(path, self._file_readers(saved, exclude), exclude)
        self._install(saved)
        return self
