import errno
import os
import shutil
from pathlib import Path

import pytest
import spacy

from spacy_musicquery import save
from spacy_musicquery.saving import atomic


@pytest.fixture
def nlp():
    nlp = spacy.blank("zh")
    nlp.add_pipe("sentencizer")
    return nlp


def tree(path):
    return sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())


def test_a_pipeline_replaces_another(nlp, tmp_path):
    path = tmp_path / "a" / "pipeline"
    save(nlp, path)
    nlp.remove_pipe("sentencizer")
    nlp.meta["description"] = "new"
    save(nlp, str(path))
    again = spacy.load(path)
    assert (again.pipe_names, again.meta["description"]) == ([], "new")
    assert not (path / "sentencizer").exists()
    assert [p.name for p in path.parent.iterdir()] == ["pipeline"]


def test_other_files_stay(nlp, tmp_path):
    path = tmp_path / "pipeline"
    save(nlp, path)
    (path / "README.md").write_text("mine")
    (path / ".git" / "refs").mkdir(parents=True)
    (path / ".git" / "refs" / "main").write_text("1")
    (path / "latest").symlink_to("nowhere")
    nlp.remove_pipe("sentencizer")
    save(nlp, path)
    assert (path / "README.md").read_text() == "mine"
    assert (path / ".git" / "refs" / "main").read_text() == "1"
    assert (path / "latest").readlink().name == "nowhere"
    assert not (path / "sentencizer").exists()


def test_nothing_else_than_a_pipeline_is_replaced(nlp, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for path in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(ValueError, match="MQ023"):
            save(nlp, path)
    assert tree(tmp_path) == ["notes.txt"]
    (tmp_path / "empty").mkdir()
    save(nlp, tmp_path / "empty")
    assert spacy.load(tmp_path / "empty").pipe_names == ["sentencizer"]


def test_a_link_to_a_pipeline_stays_a_link(nlp, tmp_path):
    save(nlp, tmp_path / "v1")
    (tmp_path / "latest").symlink_to("v1")
    nlp.meta["description"] = "new"
    save(nlp, tmp_path / "latest")
    assert (tmp_path / "latest").is_symlink()
    assert spacy.load(tmp_path / "v1").meta["description"] == "new"


def test_a_save_that_fails_leaves_the_old_pipeline(nlp, tmp_path, monkeypatch):
    path = tmp_path / "pipeline"
    save(nlp, path)
    before = tree(path)

    def fail(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic, "_sync", fail)
    with pytest.raises(OSError, match="No space left"):
        save(nlp, path)
    assert tree(path) == before and [p.name for p in tmp_path.iterdir()] == ["pipeline"]


@pytest.mark.parametrize("where", ["its files", "its parent"])
def test_what_is_not_on_the_disk_is_said(nlp, tmp_path, monkeypatch, where):
    path = tmp_path / "pipeline"
    save(nlp, path)
    nlp.meta["description"] = "new"
    fsync = os.fsync

    def fail(descriptor):
        is_parent = os.path.samestat(os.fstat(descriptor), tmp_path.stat())
        if is_parent == (where == "its parent"):
            raise OSError(errno.EIO, "Input/output error")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output error") as told:
        save(nlp, path)
    # Before it is in its place, what was there stays there.
    is_in_place = where == "its parent"
    assert ("MQ261" in str(told.value)) == is_in_place
    assert spacy.load(path).meta["description"] == ("new" if is_in_place else "")
    assert [p.name for p in tmp_path.iterdir()] == ["pipeline"]


def test_systems_that_cannot_write_out_on_demand(nlp, tmp_path, monkeypatch):
    def refuse(descriptor):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    save(nlp, tmp_path / "pipeline")
    assert spacy.load(tmp_path / "pipeline").pipe_names == ["sentencizer"]


def test_leftovers_in_a_pipeline_do_not_survive(nlp, tmp_path):
    path = tmp_path / "pipeline"
    save(nlp, path)
    leftover = path / f".sentencizer.{'0' * 32}.saving"
    (leftover / "half").mkdir(parents=True)
    save(nlp, path)
    assert not leftover.exists()


@pytest.mark.parametrize(
    "theirs", [".p[1].backup.saving", f".p1.{'0' * 32}.saving", f"p[1].{'0' * 32}.saving"]
)
def test_what_is_no_leftover_of_ours_stays(nlp, tmp_path, theirs):
    ours = tmp_path / f".p[1].{'0' * 32}.saving"
    for folder in (tmp_path / theirs, ours):
        folder.mkdir()
        (folder / "file").touch()
    save(nlp, tmp_path / "p[1]")
    assert (tmp_path / theirs / "file").exists() and not ours.exists()
    assert spacy.load(tmp_path / "p[1]").pipe_names == ["sentencizer"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_who_may_read_and_write_stays(nlp, tmp_path):
    path = tmp_path / "pipeline"
    save(nlp, path)
    modes = {path: 0o700, path / "vocab": 0o750, path / "meta.json": 0o600}
    for part, mode in modes.items():
        part.chmod(mode)
    nlp.meta["description"] = "new"
    save(nlp, path)
    assert {part: part.stat().st_mode & 0o777 for part in modes} == modes
    assert spacy.load(path).meta["description"] == "new"


def test_a_parent_that_cannot_be_written_is_told(nlp, tmp_path, monkeypatch):
    mkdir = Path.mkdir

    def refuse(path, *args, **kwargs):
        if path.parent == tmp_path:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        mkdir(path, *args, **kwargs)

    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(PermissionError, match="Permission denied"):
        save(nlp, tmp_path / "new")


@pytest.mark.skipif(atomic.fcntl is None, reason="there are no such locks")
@pytest.mark.parametrize("by_another", ["locked", "removed"])
def test_what_another_process_takes_for_a_leftover_is_made_anew(
    tmp_path, monkeypatch, by_another
):
    flock, taken = atomic.fcntl.flock, []

    def take_the_first(descriptor, how):
        if not taken:
            (unfinished,) = tmp_path.iterdir()
            taken.append(unfinished)
            if by_another == "locked":
                raise BlockingIOError(errno.EWOULDBLOCK, "Resource unavailable")
            unfinished.rmdir()
        flock(descriptor, how)

    monkeypatch.setattr(atomic.fcntl, "flock", take_the_first)
    with atomic.unfinished_directory(tmp_path / "out") as unfinished:
        assert unfinished.is_dir() and unfinished not in taken


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_processes_that_save_in_one_place_leave_each_other_alone(tmp_path):
    def write_often():
        for _ in range(50):
            with atomic.unfinished_directory(tmp_path / "out") as unfinished:
                (unfinished / "file").touch()

    children = []
    for _ in range(4):
        child = os.fork()
        if not child:
            code = 1
            try:
                write_often()
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4


def test_leftovers_are_removed_unless_somebody_is_writing_there(nlp, tmp_path):
    path = tmp_path / "pipeline"
    leftover = tmp_path / f".pipeline.{'0' * 32}.saving"
    (leftover / "vocab").mkdir(parents=True)
    with atomic.unfinished_directory(path) as of_another:
        (of_another / "file").touch()
        save(nlp, path)
        assert (of_another / "file").exists() and not leftover.exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows kills otherwise")
def test_what_a_killed_save_has_left_is_removed_by_the_next_one(nlp, tmp_path):
    path = tmp_path / "pipeline"
    child = os.fork()
    if not child:
        with atomic.unfinished_directory(path) as unfinished:
            (unfinished / "half").touch()
            os._exit(0)
    os.waitpid(child, 0)
    (leftover,) = tmp_path.iterdir()
    assert (leftover / "half").exists()
    save(nlp, path)
    assert [p.name for p in tmp_path.iterdir()] == ["pipeline"]


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EINVAL, errno.EBUSY])
def test_systems_that_cannot_exchange(nlp, tmp_path, monkeypatch, code):
    path = tmp_path / "pipeline"
    save(nlp, path)

    def refuse(one, other):
        if code == errno.EBUSY:  # a mount point
            raise OSError(code, os.strerror(code))
        return False

    monkeypatch.setattr(atomic, "_exchange", refuse)
    nlp.meta["description"] = "new"
    save(nlp, path)
    assert spacy.load(path).meta["description"] == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["pipeline"]


def test_files_are_written_in_place_if_nothing_can_be_made_beside(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    for content in ("old", "new"):
        with atomic.complete_files(tmp_path) as directory:
            assert directory.parent == tmp_path
            (directory / "sub").mkdir()
            (directory / "sub" / "file").write_text(content)
        assert tree(tmp_path) == ["sub/file"]
        assert (tmp_path / "sub" / "file").read_text() == content


def test_a_component_of_two_saves_does_not_load(trained, tmp_path):
    component = trained.get_pipe("music_query")
    component.to_disk(tmp_path / "one", exclude=["vocab"])
    shim = component.model.shims[0]
    with shim.use_params({(shim.id, n): a * 0.5 for n, a in shim.arrays.items()}):
        component.to_disk(tmp_path / "two", exclude=["vocab"])
    shutil.copy(tmp_path / "two" / "model", tmp_path / "one" / "model")
    other = spacy.blank("zh").add_pipe("music_query")
    with pytest.raises(ValueError, match="'model' was not saved together"):
        other.from_disk(tmp_path / "one", exclude=["vocab"])


class Windows:
    """`os` and what Windows makes of it, as far as saving can see."""

    name = "nt"

    def __init__(self):
        self.open_files = set()
        self.synced = []
        self._writable = {}

    def __getattr__(self, name):
        if name in ("link", "O_DIRECTORY", "getuid"):
            raise AttributeError(f"module 'os' has no attribute {name!r}")
        return getattr(os, name)

    def open(self, path, flags, *args):
        if Path(path).is_dir():
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        descriptor = os.open(path, flags, *args)
        self._writable[descriptor] = bool(flags & (os.O_RDWR | os.O_WRONLY))
        return descriptor

    def fsync(self, descriptor):
        if not self._writable[descriptor]:
            raise OSError(errno.EBADF, "Bad file descriptor")
        self.synced.append(descriptor)
        os.fsync(descriptor)

    def access(self, path, mode):
        return True

    def in_use(self, path):
        return any(path == file or path in file.parents for file in self.open_files)


@pytest.fixture
def windows(monkeypatch):
    """Have the module believe that it is on Windows, and meet what it would there: no
    `CDLL(None)`, no `fcntl`, no `os.link`; directories that cannot be opened, and not be
    renamed onto others; open files that can be neither replaced nor moved."""
    system = Windows()
    rename, replace = Path.rename, Path.replace

    def no_library(name, **kwargs):
        if name is None:
            raise TypeError("argument of type 'NoneType' is not iterable")
        raise OSError(f"Could not find module {name!r}")

    def checked_rename(source, target):
        if os.path.lexists(target):
            raise FileExistsError(
                errno.EEXIST, "Cannot create a file that exists", str(target)
            )
        if system.in_use(source) or source in Path(target).parents:
            raise PermissionError(errno.EACCES, "The process cannot access it", str(source))
        return rename(source, target)

    def checked_replace(source, target):
        target = Path(target)
        if target.is_dir() or system.in_use(target) or system.in_use(source):
            raise PermissionError(errno.EACCES, "Access is denied", str(target))
        return replace(source, target)

    monkeypatch.setattr(atomic, "os", system)
    monkeypatch.setattr(atomic, "fcntl", None)
    monkeypatch.setattr(atomic.ctypes, "CDLL", no_library)
    monkeypatch.setattr(atomic, "_PAUSES", (0.0, 0.0), raising=False)
    monkeypatch.setattr(Path, "rename", checked_rename)
    monkeypatch.setattr(Path, "replace", checked_replace)
    return system


def test_windows_saves(nlp, tmp_path, windows):
    path = tmp_path / "pipeline"
    save(nlp, path)
    (path / "README.md").write_text("mine")
    (path / "notes").mkdir()
    (path / "notes" / "a.txt").write_text("mine too")
    nlp.remove_pipe("sentencizer")
    nlp.meta["description"] = "new"
    save(nlp, path)
    assert spacy.load(path).meta["description"] == "new"
    assert not (path / "sentencizer").exists()
    assert (path / "README.md").read_text() == "mine"
    assert (path / "notes" / "a.txt").read_text() == "mine too"
    assert [p.name for p in tmp_path.iterdir()] == ["pipeline"]


def test_windows_saves_a_component(trained, tmp_path, windows):
    component = trained.get_pipe("music_query")
    for _ in range(2):
        component.to_disk(tmp_path / "one", exclude=["vocab"])
    other = spacy.blank("zh").add_pipe("music_query", config={"pretrained": None})
    other.from_disk(tmp_path / "one", exclude=["vocab"])
    assert other.labels == component.labels
    assert [p.name for p in tmp_path.iterdir()] == ["one"]


def test_windows_writes_files_out_to_the_disk(nlp, tmp_path, windows):
    save(nlp, tmp_path / "pipeline")
    assert len(windows.synced) == len(tree(tmp_path / "pipeline")) > 5


@pytest.mark.parametrize("in_use", ["old", "new"])
def test_windows_keeps_the_old_pipeline_while_a_file_is_open(
    nlp, tmp_path, windows, in_use
):
    path = tmp_path / "pipeline"
    save(nlp, path)
    nlp.meta["description"] = "new"
    sync = atomic._sync

    def look_at(directory):  # as a virus scanner does
        sync(directory)
        windows.open_files.add((path if in_use == "old" else directory) / "meta.json")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atomic, "_sync", look_at)
        with pytest.raises(PermissionError):
            save(nlp, path)
    assert spacy.load(path).meta["description"] == ""
    assert [p.name for p in tmp_path.iterdir()] == ["pipeline"]
    windows.open_files.clear()
    save(nlp, path)
    assert spacy.load(path).meta["description"] == "new"


def test_windows_waits_for_a_file_that_is_open_for_a_moment(
    nlp, tmp_path, windows, monkeypatch
):
    path = tmp_path / "pipeline"
    save(nlp, path)
    nlp.meta["description"] = "new"
    windows.open_files.add(path / "meta.json")
    monkeypatch.setattr(atomic.time, "sleep", lambda seconds: windows.open_files.clear())
    save(nlp, path)
    assert spacy.load(path).meta["description"] == "new"


def test_windows_says_that_an_open_file_is_not_replaced(tmp_path, windows):
    (tmp_path / "theirs").touch()
    (tmp_path / "mine").write_text("old")
    windows.open_files.add(tmp_path / "mine")
    with pytest.raises(PermissionError), atomic.complete_files(tmp_path) as directory:
        (directory / "mine").write_text("new")
    assert (tmp_path / "mine").read_text() == "old"
    assert tree(tmp_path) == ["mine", "theirs"]


def test_windows_writes_in_place_if_nothing_can_be_made_beside(
    tmp_path, windows, monkeypatch
):
    mkdir = Path.mkdir

    def refuse(path, *args, **kwargs):
        if path.parent == tmp_path and path.name.startswith("."):
            raise PermissionError(errno.EACCES, "Access is denied", str(path))
        mkdir(path, *args, **kwargs)

    monkeypatch.setattr(Path, "mkdir", refuse)
    for content in ("old", "new"):
        with atomic.complete_files(tmp_path / "out") as directory:
            (directory / "file").write_text(content)
        assert tree(tmp_path) == ["out/file"]
        assert (tmp_path / "out" / "file").read_text() == content
    with pytest.raises(PermissionError), atomic.unfinished_directory(tmp_path / "none"):
        pass


def test_what_was_there_comes_back_if_the_new_cannot_be_renamed(nlp, tmp_path, monkeypatch):
    path = tmp_path / "pipeline"
    save(nlp, path)
    rename = Path.rename

    def fail(source, target):
        if target == path and '"new"' in (source / "meta.json").read_text():
            raise OSError(errno.EIO, "Input/output error")
        return rename(source, target)

    monkeypatch.setattr(atomic, "_exchange", lambda one, other: False)
    monkeypatch.setattr(Path, "rename", fail)
    nlp.meta["description"] = "new"
    with pytest.raises(OSError, match="Input/output"):
        save(nlp, path)
    assert spacy.load(path).meta["description"] == ""
    assert [p.name for p in tmp_path.iterdir()] == ["pipeline"]


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "file"
    with atomic.complete_file(path) as unfinished:
        unfinished.write_text("1", encoding="utf8")
        assert not path.exists()
    path.chmod(0o640)
    with atomic.complete_file(path) as unfinished:
        unfinished.write_text("2", encoding="utf8")
        assert path.read_text(encoding="utf8") == "1"
    with pytest.raises(RuntimeError), atomic.complete_file(path) as unfinished:
        unfinished.write_text("3", encoding="utf8")
        raise RuntimeError
    assert path.read_text(encoding="utf8") == "2"
    assert [file.name for file in path.parent.iterdir()] == ["file"]
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o640
        leftover = path.with_name(".file.0123456789abcdef0123456789abcdef.saving")
        leftover.mkdir()
        atomic.write_text(path, "4\r\n")
        assert not leftover.exists() and path.read_bytes() == b"4\r\n"


@pytest.mark.skipif(os.name != "posix", reason="needs devices and links")
def test_a_device_is_written_and_a_link_followed(tmp_path):
    atomic.write_text(Path("/dev/null"), "x")
    assert not Path("/dev/null").is_file()
    (tmp_path / "file").write_text("1", encoding="utf8")
    (tmp_path / "link").symlink_to("file")
    atomic.write_text(tmp_path / "link", "2")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text(encoding="utf8") == "2"


def test_a_file_is_written_whose_folder_cannot_be(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("1", encoding="utf8")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    atomic.write_text(path, "2")
    assert path.read_text(encoding="utf8") == "2"


def test_a_file_that_is_not_on_the_disk_is_not_said_to_be(tmp_path, monkeypatch):
    def fail(descriptor):
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError):
        atomic.write_text(tmp_path / "file", "1")
