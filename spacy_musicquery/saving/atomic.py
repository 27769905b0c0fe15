"""Directories that are replaced as a whole: whoever is killed while saving, at whatever
moment, leaves what was there before or what was saved, and never half of each."""

import ctypes
import errno
import os
import re
import shutil
import time
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterator, List, Optional, Set, Tuple, Union

from ..errors import Errors
from . import strict_json

if TYPE_CHECKING:
    from spacy.language import Language

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_SUFFIX = ".saving"
# Ours have 32 digits: a folder of somebody else's has not.
_LEFTOVER = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{32}\.saving", re.DOTALL)
# What systems and file systems say that cannot write out a directory, or not on demand.
_CANNOT_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF}
# How often another process may take the directory that is being made for a leftover.
_ATTEMPTS = 100
# What `Language.to_disk` writes besides the components.
_PARTS = {"config.cfg", "meta.json", "tokenizer", "vocab"}
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
# How long to wait, in seconds, before trying again to rename on Windows.
_PAUSES = (0.01, 0.05, 0.2, 0.5)


def save(nlp: "Language", path: Union[str, Path]) -> None:
    """Save a pipeline as `nlp.to_disk` does, but at once: until the save is complete, and
    on the disk, the directory holds the old pipeline, and then the new one. `nlp.to_disk`
    writes one file after the other over the old ones.

    Where the system cannot exchange two directories (all but Linux, and some file systems),
    the old one is renamed first: between two renames there is none. If the directory is a
    mount point, its files are replaced one after the other.

    nlp (Language): The pipeline.
    path (Union[str, Path]): The directory; made if need be. Files in it that are no part of
        a pipeline stay.
    RAISES (ValueError): If it is there and holds something else than a pipeline, or if what
        is saved could not be read again; the old one then is still there.
    RAISES (OSError): If it cannot be written, or not be written out to the disk.
    """
    directory = Path(os.path.realpath(path))
    others = require_replaceable(directory)
    with unfinished_directory(directory) as unfinished:
        nlp.to_disk(unfinished)
        for name in others - _names(unfinished):
            _link(directory / name, unfinished / name)
        replace_directory(directory, unfinished)


def require_replaceable(directory: Path) -> Set[str]:
    """Refuse what is no place for a pipeline, before one is made for it.

    directory (Path): Where a pipeline is to be saved; it need not be there.
    RETURNS (Set[str]): What it holds besides a pipeline.
    RAISES (ValueError): If it is a file, or holds something and no pipeline.
    """
    if not directory.exists():
        return set()
    if not directory.is_dir():
        problem = "it is no directory"
        raise ValueError(Errors.MQ023.format(path=directory, problem=problem))
    names = _names(directory)
    if names and not {"config.cfg", "meta.json"} <= names:
        problem = "it holds files, but no pipeline that could be replaced"
        raise ValueError(Errors.MQ023.format(path=directory, problem=problem))
    components: Any = None
    with suppress(ValueError, OSError, AttributeError):
        components = strict_json.read(directory / "meta.json").get("components")
    if not isinstance(components, list):
        components = []
    names -= {name for name in names if _LEFTOVER.fullmatch(name)}  # of a killed save
    return names - _PARTS - {name for name in components if isinstance(name, str)}


def _names(directory: Path) -> Set[str]:
    return {path.name for path in directory.iterdir()}


@contextmanager
def complete_files(directory: Path) -> Iterator[Path]:
    """Write files to a directory only when all of them are complete. Other files
    there are left alone; if there are none, all files appear in the same moment.

    directory (Path): Where the files go; made if need be.
    YIELDS (Path): An empty directory to write them to. If writing raises, `directory`
        stays as it was.
    """
    directory = Path(os.path.realpath(directory))
    directory.mkdir(parents=True, exist_ok=True)
    with unfinished_directory(directory) as unfinished:
        yield unfinished
        others = _names(directory) - _names(unfinished)
        if others - {unfinished.name}:
            _move_files(directory, unfinished)
        else:
            replace_directory(directory, unfinished)


@contextmanager
def complete_file(path: Path) -> Iterator[Path]:
    """Write a file that takes the place of another one only when it is complete, and on the
    disk. Whoever has that one open keeps it.

    path (Path): Where the file goes; its folder is made if need be. A device, a pipe or a
        file whose folder cannot be written is written as it stands.
    YIELDS (Path): A file to write, not there yet. If writing raises, what was at `path`
        stays.
    RAISES (OSError): If it cannot be written, or not be written out to the disk.
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not (path.is_file() and os.access(path.parent, os.W_OK)):
        yield path
        return
    with unfinished_directory(path) as folder:
        unfinished = folder / path.name
        yield unfinished
        if path.exists():
            with suppress(PermissionError):  # of somebody else
                shutil.copymode(path, unfinished)
        _sync_one(unfinished)
        try:
            _patiently(lambda: unfinished.replace(path))
        except OSError as error:
            if error.errno not in (errno.EBUSY, errno.EXDEV):
                raise
            shutil.copyfile(unfinished, path)  # a mount point
    _sync_parent(path)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, at once; see `complete_file`.

    path (Path): The file.
    text (str): Its content; line breaks stay as they are.
    """
    with complete_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf8", newline="\n")


@contextmanager
def unfinished_directory(directory: Path) -> Iterator[Path]:
    """Make a directory beside another one, or in it if nothing can be made beside it, and
    remove those that killed processes have left there.

    directory (Path): The other one.
    YIELDS (Path): The new one, which is locked: no other process takes it for a leftover.
        What is there in the end is removed.
    RAISES (PermissionError): If nothing can be made in either.
    """
    parent = directory.parent
    parent.mkdir(parents=True, exist_ok=True)
    if directory.is_dir() and not os.access(parent, os.W_OK):
        parent = directory
    _remove_leftovers(parent, directory.name)
    try:
        unfinished, held = _make_locked(parent, directory.name)
    except PermissionError:
        # On Windows, `os.access` says of every directory that it can be written.
        if parent == directory or not directory.is_dir():
            raise
        unfinished, held = _make_locked(directory, directory.name)
    try:
        yield unfinished
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        if held is not None:
            os.close(held)


def _remove_leftovers(parent: Path, name: str) -> None:
    """Remove what killed processes have left that were writing a directory."""
    leftovers: List[Path] = []
    with suppress(PermissionError):  # what can be written cannot always be listed
        leftovers = list(parent.iterdir())
    for leftover in leftovers:
        match = _LEFTOVER.fullmatch(leftover.name)
        if match is None or match["name"] != name:
            continue
        with suppress(OSError):  # another process is writing it, or has removed it
            if (lock := lock_directory(leftover)) is not None:
                shutil.rmtree(leftover, ignore_errors=True)
                os.close(lock)


def _make_locked(parent: Path, name: str) -> Tuple[Path, Optional[int]]:
    """Make a directory that is locked, if the system has locks. Before it is, another
    process may take it for a leftover: then another one is made."""
    for _ in range(_ATTEMPTS):
        path = parent / f".{name}.{uuid.uuid4().hex}{_SUFFIX}"
        path.mkdir()
        try:
            held = lock_directory(path)
        except (BlockingIOError, FileNotFoundError):
            continue
        if held is None or _is_at(path, held):
            return path, held
        os.close(held)
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(parent))


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether a directory that was opened is still where it was."""
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    return False


def lock_directory(path: Path) -> Optional[int]:
    """Lock a directory until a descriptor is closed or the process ends.

    path (Path): The directory.
    RETURNS (Optional[int]): The descriptor; None if the system knows no such locks.
    RAISES (BlockingIOError): If another process has locked it.
    """
    if fcntl is None:
        return None
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:  # a file system without locks
        os.close(descriptor)
        return None
    return descriptor


def replace_directory(directory: Path, new: Path) -> None:
    """Put a directory in the place of another one.

    directory (Path): The place. What is there, if anything is, is removed.
    new (Path): What is to be there, complete; beside it or in it. Afterwards it is gone, or
        is the old one.
    RAISES (OSError): If it cannot be done, or the system cannot write it out to the disk.
    """
    _keep_modes(directory, new)
    _sync(new)
    try:
        if not directory.exists():
            _rename(new, directory)
        elif directory in new.parents:
            _move_files(directory, new)
        elif not _exchange(directory, new):
            old = new.with_name(f".{directory.name}.{uuid.uuid4().hex}{_SUFFIX}")
            _rename(directory, old)
            try:
                _rename(new, directory)
            except BaseException:
                _rename(old, directory)
                raise
            shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        if error.errno not in (errno.EBUSY, errno.EXDEV, errno.EINVAL):
            raise
        _move_files(directory, new)  # a mount point
    _sync_parent(directory)


def _sync_parent(path: Path) -> None:
    """See to it that what stands in a folder now does so after a loss of power."""
    try:
        _sync_one(path.parent)
    except OSError as error:
        problem = Errors.MQ261.format(path=path, problem=error.strerror)
        raise OSError(error.errno, problem) from error


def _keep_modes(directory: Path, new: Path) -> None:
    """Let whoever could read and write what is replaced do so with what replaces it."""
    for path in (new, *new.rglob("*")):
        old = directory / path.relative_to(new)
        if not path.is_symlink() and not old.is_symlink() and old.exists():
            with suppress(PermissionError):  # of somebody else, linked from there
                shutil.copymode(old, path)


def _rename(source: Path, target: Path) -> None:
    """Rename a directory."""
    _patiently(lambda: source.rename(target))


def _patiently(move: Callable[[], Any]) -> None:
    """Move a file or a directory. Windows refuses while anybody has a file in it open, be it
    a virus scanner that looks at what has just been written: there, try for a moment."""
    for pause in _PAUSES if os.name == "nt" else ():
        with suppress(PermissionError):
            move()
            return
        time.sleep(pause)
    move()


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two directories in one step; False if the system cannot."""
    if os.name != "posix":
        return False  # nor is there a `CDLL(None)` on Windows
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    paths = os.fsencode(one), os.fsencode(other)
    args = (_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE)
    if renameat2(*args) == 0:
        return True
    code = ctypes.get_errno()
    # EINVAL is also what a file system says that cannot exchange.
    if code in (errno.ENOSYS, errno.EINVAL) and other.parent == one.parent:
        return False
    raise OSError(code, os.strerror(code), str(one))


def _move_files(directory: Path, source: Path) -> None:
    """Put the files of one directory among those of another, one after the other."""
    for file in sorted(source.rglob("*")):
        target = directory / file.relative_to(source)
        if file.is_dir():
            target.mkdir(exist_ok=True)
        else:
            try:
                file.replace(target)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                beside = target.with_name(f".{target.name}{_SUFFIX}")
                shutil.copy2(file, beside)
                beside.replace(target)


def _link(source: Path, target: Path) -> None:
    """Have a file, or a directory, in another place as well."""
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True, copy_function=_link_file)
    else:
        _link_file(source, target)


def _link_file(source: Union[str, Path], target: Union[str, Path]) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except (OSError, NotImplementedError, AttributeError):  # some systems have no `os.link`
        shutil.copy2(source, target, follow_symlinks=False)


def _sync(directory: Path) -> None:
    """See to it that a directory outlives a loss of power."""
    for folder, _, files in os.walk(directory):
        for name in files:
            if Path(folder, name).is_file():  # pipes and links to nothing hold no data
                _sync_one(Path(folder, name))
        _sync_one(Path(folder))


def _sync_one(path: Path) -> None:
    try:
        # Windows writes out only what is open for writing.
        descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    except PermissionError:
        return  # some systems open no directories, and what is linked may not be readable
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
    finally:
        os.close(descriptor)
