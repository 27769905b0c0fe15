"""The model in the box: what it was made from, and what it must find."""

from pathlib import Path

import pytest
import spacy
import srsly
from typer.testing import CliRunner

from spacy_musicquery.cli import app
from spacy_musicquery.cli._util import predict
from spacy_musicquery.data.annotated_files import read_examples
from spacy_musicquery.data.records import DEFAULT_LABEL, DEFAULT_SPANS_KEY
from spacy_musicquery.pipeline.scorer import music_query_score
from spacy_musicquery.saving.pretrained import BOX_PATH, digest

from ..conftest import make_trained

ROOT = Path(__file__).parents[2]
RECORD = srsly.read_json(BOX_PATH / "record.json")


@pytest.fixture(scope="module")
def nlp():
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query")
    return nlp


@pytest.mark.parametrize(
    "text,queries",
    [
        ("我想听周杰伦的晴天", ["周杰伦的晴天"]),
        ("今天天气怎么样", []),
        ("来一首抖音热门歌曲", ["抖音热门歌曲"]),
        ("播放周杰伦和林俊杰的歌", ["周杰伦", "林俊杰"]),
        ("附近有什么好吃的，再来一首安静的歌", ["安静"]),
        ("帮我放一首五月天的歌", ["五月天"]),
        ("随便放首歌", []),
        ("我想听听你的意见", []),
        ("播放一首十年", ["十年"]),
    ],
)
def test_what_it_must_find(nlp, text, queries):
    assert [ent.text for ent in nlp(text).ents] == queries


def test_invented_names_are_found_once_they_are_listed(nlp):
    nlp = spacy.blank("zh")
    component = nlp.add_pipe("music_query")
    for artist in ("木马鲸落", "呼噜汤圆", "贰零玖捌"):
        component.add_to_catalogue({"artist": [artist]})
        for text in (f"我想听{artist}的歌", f"放首歌，{artist}"):
            assert [ent.text for ent in nlp(text).ents] == [artist], text


@pytest.mark.release
def test_it_belongs_to_its_sources():
    """Whoever changes phrases, names or settings builds the box anew."""
    for source, expected in RECORD["sources"].items():
        assert digest(ROOT / source) == expected, f"{source}: spacy project run box"
    for name, expected in RECORD["files"].items():
        assert digest(BOX_PATH / name) == expected, name


@pytest.mark.release
def test_it_is_as_good_as_its_record_says(nlp):
    path = ROOT / "assets" / "train.json"
    options = {"label": DEFAULT_LABEL, "spans_key": DEFAULT_SPANS_KEY}
    examples = read_examples(nlp, path, **options)
    predict(nlp, examples)
    scores = music_query_score(examples)
    for key in ("ents_f", "music_query_false_alarms"):
        assert scores[key] == pytest.approx(RECORD["scores"][key], abs=0.002)


@pytest.mark.release
def test_its_card_tells_the_same():
    card = (BOX_PATH / "MODEL_CARD.md").read_text(encoding="utf8")
    assert f"{RECORD['scores']['ents_f']:.2%}" in card
    assert f"{RECORD['scores']['music_query_false_alarms']:.2%}" in card
    assert RECORD["files"]["model"] in card
    size = srsly.read_json(ROOT / "configs" / "box_corpus.json")["size"]
    assert f"{size:,}" in card


def test_it_is_small():
    assert sum(file.stat().st_size for file in BOX_PATH.iterdir()) <= 3_000_000


@pytest.mark.slow
def test_pack(tmp_path):
    make_trained(steps=2).to_disk(tmp_path / "pipeline")
    (tmp_path / "messages.json").write_text(
        '[{"text": "放晴天", "music_query": "晴天"}]', encoding="utf8"
    )
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "a.txt").write_text("a")
    arguments = ["pack", tmp_path / "pipeline", tmp_path / "out", "--sources", sources]
    arguments += ["--dev", tmp_path / "messages.json"]
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    record = srsly.read_json(tmp_path / "out" / "record.json")
    assert record["sources"] == {sources.as_posix(): digest(sources)}
    (sources / "a.txt").write_text("b")
    assert digest(sources) != record["sources"][sources.as_posix()]
    packed = spacy.blank("zh")
    packed.add_pipe("music_query", config={"pretrained": str(tmp_path / "out")})
    assert packed.get_pipe("music_query").labels == ("FILM", "MUSIC_QUERY")
