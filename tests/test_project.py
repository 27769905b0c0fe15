"""The project's workflows, run as a user runs them, with fewer training steps."""

import json
import subprocess
import sys

import pytest
import spacy
import srsly
from spacy.util import load_config
from weasel.cli.assets import project_assets
from weasel.cli.run import project_run

from .conftest import run_workflow

TEXT = "我想听周杰伦的晴天"


def entities(nlp, texts):
    return [[(e.text, e.start_char, e.label_) for e in doc.ents] for doc in nlp.pipe(texts)]


@pytest.mark.slow
def test_all(project, tmp_path):
    run_workflow(project, "all")
    scores = srsly.read_json(project / "metrics" / "default.json")
    assert scores["ents_f"] > 0.3
    assert 0 <= scores["music_query_false_alarms"] < 0.5

    # The installed package finds what the pipeline finds, in a process of its own.
    (package,) = (project / "packages").glob("*/dist/*.tar.gz")
    target = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", target]
    subprocess.run([*map(str, install), str(package)], check=True, capture_output=True)
    texts = [record["text"] for record in srsly.read_json(project / "assets" / "dev.json")]
    nlp = spacy.load(project / "training" / "default" / "model-best")
    expected = entities(nlp, texts)
    assert sum(map(len, expected)) > 20
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); import zh_music_query\n"
        "nlp = zh_music_query.load(); texts = json.load(sys.stdin)\n"
        "found = [[(e.text, e.start_char, e.label_) for e in d.ents] for d in nlp.pipe(texts)]\n"
        "json.dump(found, sys.stdout)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(target)],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(result.stdout) == [[list(e) for e in found] for found in expected]
    requirements = (target / "zh_music_query" / "meta.json").read_text()
    assert "spacy-musicquery" in requirements


@pytest.mark.slow
def test_train_on_own_messages_with_vectors(project):
    messages = [
        {"text": TEXT, "music_query": "周杰伦的晴天"},
        {"text": "你好", "music_query": ""},
    ]
    own = project / "own.json"
    own.write_text(json.dumps(messages), encoding="utf8")
    config = load_config(project / "configs" / "quick.cfg")
    config["components"]["music_query"]["model"]["embed_width"] = 48
    config.to_disk(project / "configs" / "quick.cfg")
    (project / "artist.txt").write_text("周杰伦\n", encoding="utf8")
    files = {"train": "own.json", "dev": "own.json", "catalogue": "artist.txt"}
    vectors = {"raw_text": "own.json", "char_vectors": "corpus/char_vectors.bin"}
    run_workflow(project, "train", **files, **vectors)
    assert (project / "corpus" / "char_vectors.bin").exists()
    nlp = spacy.load(project / "training" / "default" / "model-best")
    assert [ent.text for ent in nlp(TEXT).ents] == ["周杰伦的晴天"]
    assert nlp.get_pipe("music_query").catalogue == {"artist": ["周杰伦"]}


def test_local_assets_are_there(project, capsys):
    text = (project / "project.yml").read_text(encoding="utf8")
    start = text.index('  - dest: "assets/cais_raw"')
    text = text[:start] + text[text.index("workflows:") :]
    (project / "project.yml").write_text(text, encoding="utf8")
    project_assets(project)
    assert capsys.readouterr().out.count("Asset already exists") == 2


@pytest.mark.slow
def test_box(project):
    """The model in the box, smaller and sooner."""
    settings = srsly.read_json(project / "configs" / "box_corpus.json")
    srsly.write_json(project / "configs" / "box_corpus.json", {**settings, "size": 400})
    config = load_config(project / "configs" / "box.cfg")
    config["training"].update(max_steps=10, eval_frequency=5)
    config.to_disk(project / "configs" / "box.cfg")
    run_workflow(project, "box")
    box = project / "spacy_musicquery" / "box"
    record = srsly.read_json(box / "record.json")
    assert list(record["sources"]) == [
        *("assets/corpus", "assets/catalogue", "assets/added_names"),
        *("configs/box_corpus.json", "configs/box.cfg"),
    ]
    nlp = spacy.blank("zh")
    component = nlp.add_pipe("music_query", config={"pretrained": str(box)})
    assert component.labels == ("MUSIC_QUERY",)
    assert "周杰伦" in component.catalogue["artist"]
    # Whatever is trained with the recommended settings can start from it.
    box_model = config["components"]["music_query"]["model"]
    for name in ("finetune.cfg", "cais.cfg", "labels.cfg"):
        finetune = load_config(project / "configs" / name)
        model = finetune["components"]["music_query"]["model"]
        for size in ("embed_width", "hidden_width", "depth", "window", "crf"):
            assert model[size] == box_model[size]


def test_public_text(project):
    """What was fetched becomes the folder that the box is trained from."""
    raw = project / "assets" / "open_raw" / "kdconv" / "music" / "dev.json"
    raw.parent.mkdir(parents=True)
    srsly.write_json(raw, [{"messages": [{"message": "知道他吗？"}]}])
    project_run(project, "box-open-text", capture=True)
    (written,) = (project / "assets" / "open").iterdir()
    assert written.read_text(encoding="utf8") == "知道他吗？\n"
    settings = srsly.read_yaml(project / "project.yml")
    assert settings["vars"]["open_text"] == "assets/open"
    assert settings["workflows"]["box"][:2] == ["box-open-text", "box-generate"]
