import errno
import os
import shutil

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


def test_leftovers_are_removed_unless_somebody_is_writing_there(nlp, tmp_path):
    path = tmp_path / "pipeline"
    leftover = tmp_path / ".pipeline.0123.saving"
    (leftover / "vocab").mkdir(parents=True)
    with atomic.unfinished_directory(path) as of_another:
        (of_another / "file").touch()
        save(nlp, path)
        assert (of_another / "file").exists() and not leftover.exists()


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
