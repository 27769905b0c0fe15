"""One grammar for all commands: inputs behind the command, `--out`, `--model`; and what
earlier versions took."""

import os
import subprocess
import sys

import pytest
import srsly
import typer
from typer.testing import CliRunner

from spacy_musicquery.cli import app, project_run
from spacy_musicquery.cli.project_run import check_project_run

COMMANDS = typer.main.get_command(app).commands


def invoke(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


@pytest.fixture
def records(tmp_path):
    path = tmp_path / "in.json"
    rows = [
        {"text": "我想听晴天", "music_query": "晴天"},
        {"text": "你好", "music_query": ""},
    ]
    srsly.write_json(path, rows)
    return path


@pytest.fixture
def chat(tmp_path):
    path = tmp_path / "chat.txt"
    path.write_text("你好\n今天天气怎么样\n", encoding="utf8")
    return path


@pytest.mark.parametrize("name", ["convert", "names", "negatives"])
def test_the_output_stood_behind_the_input_once(name, records, chat, tmp_path):
    source = chat if name == "negatives" else records
    suffix = "" if name == "names" else ".spacy"
    old, new = tmp_path / f"old{suffix}", tmp_path / f"new{suffix}"
    before, now = invoke(name, source, old), invoke(name, source, "--out", new)
    assert before.exit_code == now.exit_code == 0, before.output + now.output
    assert "MQ310" in before.stderr and f"--out {old}" in before.stderr
    assert "MQ310" not in now.output
    assert old.exists() and new.exists()
    both = invoke(name, source, old, "--out", new)
    assert both.exit_code == 1 and "MQ052" in both.output
    assert "MQ311" in invoke(name, source).output


def test_pack_takes_what_it_took(trained_path, records, tmp_path):
    old = invoke("pack", trained_path, tmp_path / "old", "--dev", records)
    assert old.exit_code == 0 and old.stderr.count("MQ310") == 2
    options = ("--model", trained_path, "--out", tmp_path / "new", "--dev", records)
    assert invoke("pack", *options).exit_code == 0
    one, other = ((tmp_path / name / "model").read_bytes() for name in ("old", "new"))
    assert one == other
    assert invoke("pack", trained_path, "--dev", records).exit_code == 1


def test_export_onnx_takes_what_it_took(trained_path, tmp_path):
    pytest.importorskip("onnx")
    old = invoke("export-onnx", trained_path, "--out", tmp_path / "old.onnx")
    assert old.exit_code == 0 and "MQ310" in old.stderr
    now = invoke("export-onnx", "--model", trained_path, "--out", tmp_path / "new.onnx")
    assert now.exit_code == 0 and "MQ310" not in now.output
    assert (tmp_path / "old.onnx").read_bytes() == (tmp_path / "new.onnx").read_bytes()
    both = invoke(
        "export-onnx", "box", "--model", trained_path, "--out", tmp_path / "both.onnx"
    )
    assert both.exit_code == 1 and "MQ052" in both.output
    assert not (tmp_path / "both.onnx").exists()


def test_a_command_that_writes_says_out():
    writing = {"convert", "negatives", "names", "vectors", "checkpoint-vectors", "pack"}
    writing |= {"export-onnx", "link-index"}
    for name in sorted({*writing, "generate", "catalogue", "cais-records"}):
        options = [option for p in COMMANDS[name].params for option in p.opts]
        assert "--out" in options, name


def test_generate_without_settings(request, tmp_path):
    assets = request.config.rootpath / "assets"
    folders = (assets / "corpus", assets / "catalogue")
    results = []
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        path = tmp_path / f"{name}.jsonl"
        result = invoke("generate", *folders, "--out", path, "--size", 30, "--seed", seed)
        assert result.exit_code == 0, result.output
        results.append(path.read_text(encoding="utf8"))
    assert results[0] == results[1] != results[2]
    assert len(results[0].splitlines()) == 30
    assert "\\u" not in results[0]


def run(*arguments):
    return check_project_run(["python -m spacy", "project", "run", *arguments])


@pytest.mark.parametrize("said", [("--vars.trian", "x"), ("--vars.trian=x",)])
def test_a_misspelt_variable(project, said, capsys):
    with pytest.raises(SystemExit, match="1"):
        run("train", str(project), "--force", *said)
    error = capsys.readouterr().err
    assert "MQ312" in error and "'trian'" in error and "Did you mean train?" in error


def test_what_is_right_goes_on(project, tmp_path, monkeypatch):
    run("train", str(project), "--vars.train", "x", "--env.HOME=y")
    run("nonsense", str(project))
    run()
    run("train", str(tmp_path / "nowhere"), "--vars.x", "1")
    check_project_run(["python -m spacy", "train", "config.cfg", "--vars.x", "1"])
    # Somebody else's project.
    commands = [{"name": "fit", "script": ["python -m spacy train config.cfg"]}]
    srsly.write_yaml(tmp_path / "project.yml", {"vars": {}, "commands": commands})
    monkeypatch.setattr(project_run, "find_spec", lambda name: None)
    run("fit", str(tmp_path), "--vars.x", "1")


def test_a_workflow_that_trains_needs_the_extra(project, monkeypatch, capsys):
    monkeypatch.setattr(project_run, "find_spec", lambda name: None)
    for name in ("train", "fit"):
        with pytest.raises(SystemExit):
            run(name, str(project))
        error = capsys.readouterr().err
        assert "MQ313" in error and f"'{name}'" in error and "[train]" in error
    run("check", str(project))


def test_spacy_asks_it(project):
    command = [sys.executable, "-m", "spacy", "project", "run", "check", "."]
    result = subprocess.run(
        [*command, "--vars.dve", "x"],
        cwd=project,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1 and "MQ312" in result.stderr and "dev" in result.stderr


def test_the_pipeline_stood_before_the_data_once(trained_path, records, tmp_path):
    out = tmp_path / "scores.json"
    before = invoke("evaluate", trained_path, records, "--output", out)
    assert before.exit_code == 0 and before.stderr.count("MQ310") == 2
    scores = srsly.read_json(out)
    now = invoke("evaluate", records, "--model", trained_path, "--out", out)
    assert now.exit_code == 0 and "MQ310" not in now.output
    assert srsly.read_json(out)["ents_f"] == scores["ents_f"]
    for command in ("evaluate", "errors"):
        assert invoke(command, records).exit_code == 0  # the model in the box
        several = invoke(command, records, records, "--model", trained_path)
        assert several.exit_code == 1 and "--model" in several.output


def test_catalogue_of_the_box(tmp_path):
    names = tmp_path / "artist.txt"
    names.write_text("你们乐队\n", encoding="utf8")
    one, two = tmp_path / "one", tmp_path / "two"
    assert invoke("catalogue", names, "--add", "--out", one).exit_code == 0
    old = invoke("catalogue", one, names, "--add", "--out", two)
    assert old.exit_code == 0 and "MQ310" in old.stderr
    (item,) = invoke("extract", "来一首你们乐队的歌", "--model", two).stdout.splitlines()
    assert "你们乐队" in item
