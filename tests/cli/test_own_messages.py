"""The commands for messages of one's own: train, suggest, and what they say of the data."""

import json
import sys

import pytest
import spacy
from typer.testing import CliRunner

from spacy_musicquery.cli import app
from spacy_musicquery.data.records import read_records
from spacy_musicquery.pipeline import fine_tuning

REQUEST = {"text": "播我点的晴天", "music_query": "晴天"}
CHAT = {"text": "今天好冷", "music_query": ""}


@pytest.fixture(autouse=True)
def working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*args):
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, " ".join(result.output.split())


def write(path, records):
    path.write_text(json.dumps(records, ensure_ascii=False), encoding="utf8")
    return path


def test_the_box_can_be_named(tmp_path):
    data = write(tmp_path / "a.json", [REQUEST, CHAT])
    assert run("evaluate", "box", data)[0] == 0
    assert run("errors", "box", data)[0] == 0
    (tmp_path / "artist.txt").write_text("你们乐队", encoding="utf8")
    code, output = run("catalogue", "box", "artist.txt", "--out", "new")
    assert code == 1 and "MQ240" in output and "artist" in output
    assert run("catalogue", "box", "artist.txt", "--out", "new", "--add")[0] == 0
    assert "你们乐队" in spacy.load("new").get_pipe("music_query").catalogue["artist"]


def test_check_data_says_what_is_seldom_meant(tmp_path):
    names = ("TITLE", "TITEL", "artist_name", "ArtistName", "MUSIC_QUERY", "SLOT1", "SLOT2")
    records = [
        {"text": f"放晴天{i}", "spans": [{"start": 1, "end": 3, "label": name}]}
        for i, name in enumerate(names)
    ]
    records[0]["intent"], records[1]["intent"] = "Playmusic", "PlayMusic"
    code, output = run("check-data", write(tmp_path / "a.json", records))
    assert code == 0
    for pair in (
        ("TITLE", "TITEL"),
        ("artist_name", "ArtistName"),
        ("PlayMusic", "Playmusic"),
    ):
        assert " and ".join(f"{name} (1)" for name in sorted(pair)) in output
    assert "SLOT1 (1) and" not in output
    assert "MUSIC_QUERY stands beside" in output and "intent PlayMusic" in output


@pytest.mark.parametrize("format_name", ["records", "prodigy", "label-studio"])
@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_suggest(tmp_path, format_name, suffix):
    log = tmp_path / "log.txt"
    log.write_text("我想听周杰伦的晴天\n听我介意\n今天好冷\n", encoding="utf8")
    out = f"out{suffix}"
    code, output = run("suggest", log, "--n", 2, "--format", format_name, "--out", out)
    assert code == 0 and "2 of 3 messages" in output
    if format_name != "label-studio":
        records, problems = read_records(tmp_path / out)
        assert len(records) == 2 and not problems
    else:
        assert len(json.loads((tmp_path / out).read_text(encoding="utf8"))) == 2


def test_suggest_refuses(tmp_path):
    (tmp_path / "log.txt").write_text("\n", encoding="utf8")
    for args, problem in (
        (["log.txt"], "MQ243"),
        (["none.txt"], "MQ054"),
        (["log.txt", "--out", "a.txt"], ".jsonl"),
    ):
        code, output = run("suggest", *args)
        assert code == 1 and problem in output


def test_train_says_at_once_what_is_wrong(tmp_path, monkeypatch):
    data = write(tmp_path / "a.json", [REQUEST, CHAT])
    silent = write(tmp_path / "silent.json", [CHAT])
    wrong = write(tmp_path / "wrong.json", [{**REQUEST, "music_query": "红豆"}])
    for args, problem in (
        ([silent, "--out", "out"], "MQ241"),
        ([wrong, "--out", "out"], f"{wrong.name}:1"),
        ([data, "--dev", data, "--out", "out"], "MQ242"),
        ([data, "--chat", "none.txt", "--out", "out"], "MQ054"),
        ([data, "--catalogue", "none.txt", "--out", "out"], "MQ060"),
    ):
        code, output = run("train", *args)
        assert code == 1 and problem in output.replace(" ", "") + output
        assert not (tmp_path / "out").exists()
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    code, output = run("train", data, "--out", "out")
    assert code == 1 and "MQ001" in output


@pytest.mark.slow
def test_train_in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(fine_tuning, "n_steps", lambda n: 4)
    data = write(tmp_path / "a.json", [REQUEST, CHAT, {**CHAT, "text": "你好"}])
    dev = write(tmp_path / "dev.json", [CHAT])
    code, output = run("train", data, "--dev", dev, "--out", "out")
    assert code == 0
    assert "MQ250" in output and "MQ254" in output and "the box's check" in output
    nlp = spacy.load(tmp_path / "out")
    assert [ent.text for ent in nlp("我想听周杰伦的晴天").ents] == ["周杰伦的晴天"]
    assert "the box's check" in nlp.meta["performance"]
    # Nothing is left beside it.
    assert {path.name for path in tmp_path.iterdir()} == {"a.json", "dev.json", "out"}
