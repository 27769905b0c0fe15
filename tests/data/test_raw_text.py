import re
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin
from spacy.util import registry
from typer.testing import CliRunner

from spacy_musicquery.cli import app
from spacy_musicquery.data.raw_text import read_lines, read_negatives


@pytest.fixture
def chat(tmp_path):
    folder = tmp_path / "chat"
    folder.mkdir()
    (folder / "a.txt").write_text("你好\n\n 在吗 \n你好\n", encoding="utf-8-sig")
    (folder / "b.txt").write_text("".join(f"第{i}句\n" for i in range(20)), "utf8")
    (folder / "notes.md").write_text("不读\n", "utf8")
    return folder


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def texts_of(path):
    nlp = spacy.blank("zh")
    docs = list(DocBin().from_disk(path).get_docs(nlp.vocab))
    # Known to hold no entity: that is what silence is learnt from.
    assert all(doc.has_annotation("ENT_IOB", require_complete=True) for doc in docs)
    return [doc.text for doc in docs]


def test_lines_of_files_and_folders(chat):
    assert read_lines(chat / "a.txt") == ["你好", "在吗", "你好"]
    assert len(read_lines(chat)) == 23
    assert [r.text for r in read_negatives(chat / "a.txt")] == ["你好", "在吗"]


def test_negatives_command_sets_a_share_apart(chat, tmp_path):
    train, dev = tmp_path / "train.spacy", tmp_path / "dev.spacy"
    result = run("negatives", chat, train, "--dev", dev, "--dev-share", "0.27")
    assert result.exit_code == 0, result.output
    assert (len(texts_of(train)), len(texts_of(dev))) == (16, 6)
    assert not set(texts_of(train)) & set(texts_of(dev))


@pytest.mark.parametrize(
    "content, complaint",
    [(None, "MQ054"), (b"\n \n", "MQ055"), ("放".encode("gbk"), "MQ048")],
)
def test_bad_files_are_named_and_nothing_is_written(tmp_path, content, complaint):
    path = tmp_path / "chat.txt"
    if content is not None:
        path.write_bytes(content)
    result = run("negatives", path, tmp_path / "out.spacy")
    assert result.exit_code == 1
    assert complaint in result.output and "chat.txt" in result.output
    assert not (tmp_path / "out.spacy").exists()


def test_negatives_command_refuses_options_that_do_not_fit(chat, tmp_path):
    assert "MQ052" in run("negatives", chat, tmp_path / "out.json").output
    assert (
        "MQ052" in run("negatives", chat, tmp_path / "o.spacy", "--dev-share", "1").output
    )


def test_readers_mix_requests_and_chat_in_a_config(chat):
    negatives = registry.get("readers", "spacy_musicquery.Negatives.v1")
    nlp = spacy.blank("zh")
    parts = {name: negatives(chat / name) for name in ("a.txt", "b.txt")}
    of_names = registry.get("readers", "spacy_musicquery.JoinedCorpus.v2")
    of_places = registry.get("readers", "spacy_musicquery.JoinedCorpus.v1")
    for corpus in (of_names(parts), of_places(*parts.values())):
        references = [example.reference for example in corpus(nlp)]
        assert len(references) == 22
        assert all(
            doc.has_annotation("ENT_IOB", require_complete=True) for doc in references
        )
    for nothing in (lambda: of_names({}), of_places):
        with pytest.raises(ValueError, match="MQ056"):
            nothing()


CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.cfg")), ids=lambda path: path.stem)
def test_configs_work_with_older_releases_of_spacys_config_system(path):
    """Before 1.0 it takes no function of a registry among positional arguments."""
    sections = re.findall(r"^\[(.*)\]$", path.read_text("utf8"), re.MULTILINE)
    assert sections
    assert not [section for section in sections if "*" in section.split(".")]
