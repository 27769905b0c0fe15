"""The project's workflows on the public CAIS corpus, as in `test_project`."""

import pytest
import spacy
import srsly
from spacy.util import load_config
from weasel.cli.run import project_run

from .conftest import run_workflow

TEXT = "我想听周杰伦的晴天"


@pytest.fixture
def raw_cais(project):
    """Two-column files as the public corpus has them."""
    utterances = [
        ("放 O\n周 B-singer_name\n杰 I-singer_name\n伦 E-singer_name\n的 O\n"
         "晴 B-song_name\n天 E-song_name\n", "PlayMusic"),
        ("北 B-location\n京 E-location\n天 O\n气 O\n", "GetWeather"),
    ]  # fmt: skip
    for split in ("train", "valid", "test"):
        folder = project / "assets" / "cais_raw" / split
        folder.mkdir(parents=True)
        tags, intents = zip(*utterances)
        (folder / f"ch.{split}").write_text("\n".join(tags), encoding="utf8")
        (folder / f"ch.{split}.intent").write_text("\n".join(intents), encoding="utf8")


@pytest.mark.slow
@pytest.mark.parametrize(
    "workflow,name,label,query",
    [
        ("cais", "cais", "MUSIC_QUERY", "周杰伦的晴天"),
        ("cais-slots", "cais_slots", "song_name", "晴天"),
    ],
)
def test_cais_from_the_raw_corpus(project, raw_cais, workflow, name, label, query):
    run_workflow(project, workflow)
    scores = srsly.read_json(project / "metrics" / f"{name}.json")
    assert scores["ents_f"] == 1.0 and label in scores["ents_per_type"]
    nlp = spacy.load(project / "training" / name / "model-best")
    assert query in [ent.text for ent in nlp("放周杰伦的晴天").ents]
    if name == "cais":
        names = nlp.get_pipe("music_query").catalogue
        assert names == {"artist": ["周杰伦"], "title": ["晴天"]}


@pytest.mark.slow
def test_cais_from_a_folder_of_records(project, tmp_path):
    folder = tmp_path / "records"
    folder.mkdir()
    record = {"text": TEXT, "music_query": ["周杰伦的晴天"], "intent": "PlayMusic"}
    for name in ("train", "valid"):
        srsly.write_jsonl(folder / f"{name}.jsonl", [record])
    before = sorted(folder.iterdir())
    run_workflow(project, "cais", cais=str(folder))
    assert srsly.read_json(project / "metrics" / "cais.json")["ents_f"] == 1.0
    assert sorted(folder.iterdir()) == before


@pytest.mark.slow
@pytest.mark.parametrize("start", ["default.cfg", "cais.cfg"])
def test_cais_with_chat(project, raw_cais, start):
    config = load_config(project / "configs" / start)
    config["training"].update(max_steps=20, eval_frequency=10)
    config["system"]["replay_size"] = 300
    config.to_disk(project / "configs" / "quick.cfg")
    chat = project / "chat"
    chat.mkdir()
    lines = [f"今天是{day}号，天气不错" for day in range(1, 21)]
    (chat / "weather.txt").write_text("\n".join(lines), encoding="utf8")
    run_workflow(project, "cais-chat", chat="chat")
    scores = srsly.read_json(project / "metrics" / "cais_chat_silence.json")
    assert scores["music_query_query_free"] == 2
    nlp = spacy.load(project / "training" / "cais_chat" / "model-best")
    assert nlp.config["paths"]["chat"] == "corpus/cais_chat/train/chat.spacy"


def test_cais_without_the_corpus_says_how_to_get_it(project, capfd):
    with pytest.raises(SystemExit):
        project_run(project, "cais")
    printed = capfd.readouterr()
    assert "spacy project assets" in " ".join((printed.out + printed.err).split())
