"""`music-query pretrain`: from raw text to what `pretrained` of a config takes."""

import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
import spacy
from spacy.cli.train import train
from spacy.util import load_config
from thinc.api import Adam
from thinc.util import fix_random_seed
from typer.testing import CliRunner

from spacy_musicquery.cli import app
from spacy_musicquery.ml import load_keras

from ..conftest import FROM_SCRATCH, make_examples

# Songs and other things: what stands beside them tells raw text apart, and nothing else does.
SONGS = ["青花瓷", "七里香", "夜的海", "小半杯", "起风时", "纸短情", "那女孩", "稻草人"]
THINGS = ["洗衣机", "电饭锅", "订单号", "快递员", "会议室", "停车场", "验证码", "保温桶"]
OF_SONGS = ["单曲循环{}多好听", "{}前奏一响就哭", "歌手翻唱{}"]
OF_THINGS = ["楼下{}坏掉没修", "{}在哪里办理", "麻烦帮忙查{}"]
SMALL = {"embed_width": 16, "hidden_width": 16}


def run(*args):
    """The exit code of a command, and its output without colours."""
    result = CliRunner().invoke(app, ["pretrain", *map(str, args)])
    return result.exit_code, re.sub(r"\x1b\[[\d;]*m", "", result.output)


def raw_text():
    random = np.random.default_rng(0)
    kinds = [(SONGS, OF_SONGS), (THINGS, OF_THINGS)]
    lines = []
    for i in range(500):
        words, phrases = kinds[i % 2]
        lines.append(random.choice(phrases).format(random.choice(words)))
        lines[-1] += "嗯" * int(random.integers(4)) + "吧" * int(random.integers(4))
    return lines


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    half = len(raw_text()) // 2
    for name, lines in (("a.txt", raw_text()[:half]), ("b.txt", raw_text()[half:])):
        (folder / name).write_text("\n".join(lines), encoding="utf8")
    return folder


@pytest.fixture(scope="module")
def config(tmp_path_factory, request):
    path = tmp_path_factory.mktemp("config") / "small.cfg"
    config = load_config(request.config.rootpath / "configs" / "default.cfg")
    config["components"]["music_query"]["model"].update(SMALL)
    config.to_disk(path)
    return path


@pytest.fixture(scope="module")
def pretrained(text, config, tmp_path_factory):
    """What it prints, and where it saves."""
    path = tmp_path_factory.mktemp("pretrained") / "model"
    code, printed = run(text, "--out", path, "--config", config, "--steps", 100)
    assert code == 0, printed
    return printed, path


def test_it_says_how_it_goes(pretrained):
    printed, path = pretrained
    rows = re.findall(r"^ *(\d+) +([\d,]+) +(\S+) +([\d.]+)$", printed, re.MULTILINE)
    assert [int(step) for step, *_ in rows] == list(range(0, 101, 10))
    perplexities = [float(row[-1]) for row in rows]
    assert perplexities[-1] < 0.5 * perplexities[0]
    assert f'pretrained = "{path}"' in " ".join(printed.split())
    assert sorted(file.name for file in path.iterdir()) == ["cfg", "model"]


def new_pipeline(pretrained):
    nlp = spacy.blank("zh")
    config = {**FROM_SCRATCH, "model": SMALL}
    if pretrained:
        config["pretrained"] = str(pretrained)
    return nlp, nlp.add_pipe("music_query", config=config)


def test_a_component_loads_it(pretrained):
    _, path = pretrained
    nlp, component = new_pipeline(path)
    assert component.labels == () and not nlp("单曲循环七里香").ents
    before = dict(component.parameters.arrays)
    n_chars = len(component.parameters.characters)
    nlp.initialize(lambda: make_examples(nlp))
    after = component.parameters.arrays
    assert component.labels == ("FILM", "MUSIC_QUERY")
    assert np.array_equal(after["embedding"][:n_chars], before["embedding"])
    for name in before:
        if name.startswith("bilstm"):
            assert np.array_equal(after[name], before[name])


def test_it_is_a_better_beginning(pretrained):
    """A few updates with some songs and things: others are told apart, as raw text has shown
    that they are of the same kind."""
    known = [(song, [(0, 3, "MUSIC_QUERY")]) for song in SONGS[:4]]
    known += [(thing, []) for thing in THINGS[:4]]
    unknown = [(song, [(0, 3, "MUSIC_QUERY")]) for song in SONGS[4:]]
    unknown += [(thing, []) for thing in THINGS[4:]]
    losses = {}
    for path in (None, pretrained[1]):
        fix_random_seed(0)
        nlp, component = new_pipeline(path)
        nlp.initialize(lambda nlp=nlp: make_examples(nlp, known))
        optimizer = Adam(0.01)
        for _ in range(20):
            nlp.update(make_examples(nlp, known), sgd=optimizer)
        examples = make_examples(nlp, unknown)
        emissions = component.emissions([example.text for example in examples])
        losses[path], _ = component.get_loss(examples, emissions)
    assert losses[pretrained[1]] < 0.7 * losses[None]


def test_it_trains_through_a_config(pretrained, config, corpus, tmp_path):
    """With a catalogue, whose types nothing was learnt of."""
    names = tmp_path / "artist.txt"
    names.write_text("周杰伦\n", encoding="utf8")
    overrides = {
        "components.music_query.pretrained": str(pretrained[1]),
        "paths.train": str(corpus),
        "paths.dev": str(corpus),
        "paths.catalogue": str(names),
        "training.max_steps": 2,
        "training.eval_frequency": 1,
    }
    train(config, tmp_path / "out", overrides=overrides)
    component = spacy.load(tmp_path / "out" / "model-last").get_pipe("music_query")
    assert component.catalogue == {"artist": ["周杰伦"]}
    assert "瓷" in component.parameters.characters.chars


@pytest.mark.parametrize(
    "lines, options, number",
    [
        ([], [], "MQ450"),
        (["只有一行"] * 1000, [], "MQ450"),
        (None, ["--min-count", 100_000], "MQ451"),
        (None, ["--catalogue", "none.txt"], "MQ060"),
        (None, ["--config", "none.cfg"], "none.cfg"),
    ],
)
def test_bad_input_is_refused_at_once(lines, options, number, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if lines is not None:
        text = tmp_path / "few.txt"
        text.write_text("\n".join(lines), encoding="utf8")
    code, printed = run(text, "--out", "model", *options)
    assert code == 1 and number in printed
    assert not (tmp_path / "model").exists()


def test_files_that_are_not_there(text, tmp_path):
    code, printed = run(text, tmp_path / "none.txt", "--out", tmp_path / "model")
    assert code == 1 and "MQ054" in printed


def test_a_place_that_cannot_be_written_to(text, tmp_path):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "model"):
        code, printed = run(text, "--out", out)
        assert code == 1 and "MQ052" in printed and "is a file" in printed


def test_a_config_without_the_component(text, tmp_path):
    (tmp_path / "ner.cfg").write_text('[nlp]\nlang = "zh"\n', encoding="utf8")
    code, printed = run(text, "--out", tmp_path / "model", "--config", tmp_path / "ner.cfg")
    assert code == 1 and "MQ453" in printed


def test_what_stops_on_the_way_saves_nothing(text, config, tmp_path, monkeypatch):
    """Neither a loss that is not finite nor whoever interrupts leaves a folder, or changes
    one that is there."""
    model = load_keras.language_model_module("test").CharLanguageModel
    out = tmp_path / "model"
    monkeypatch.setattr(model, "update", lambda *args: float("nan"))
    code, printed = run(text, "--out", out, "--config", config)
    assert code == 1 and "MQ452" in printed and not out.exists()

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(model, "update", interrupt)
    out.mkdir()
    (out / "cfg").write_text("old")
    assert run(text, "--out", out, "--config", config)[0] != 0
    assert [file.name for file in tmp_path.iterdir()] == ["model"]
    assert (out / "cfg").read_text() == "old"


@pytest.mark.slow
def test_what_is_killed_leaves_nothing(text, config, tmp_path):
    out = tmp_path / "model"
    command = [sys.executable, "-m", "spacy", "music-query", "pretrain", str(text)]
    command += ["--out", str(out), "--config", str(config), "--steps", "100000"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        for line in process.stdout:
            if line.split()[:1] == ["0"]:
                process.send_signal(signal.SIGKILL)
                break
    assert list(tmp_path.iterdir()) == []
