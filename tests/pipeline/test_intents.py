"""Intents: from the records to doc.cats and back to a score."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.tokens import DocBin
from spacy.training import Example
from thinc.util import fix_random_seed
from typer.testing import CliRunner

from spacy_musicquery.cli import app
from spacy_musicquery.data.docs import record_to_doc
from spacy_musicquery.data.records import Record, list_intents, read_records
from spacy_musicquery.tokens.intents import best_intent

from ..conftest import FROM_SCRATCH, MESSAGES, STRICT_CONFIG
from ..conftest import make_examples as examples_of

Q = "MUSIC_QUERY"
RECORDS = [
    Record(1, "我想听周杰伦的晴天", ((3, 9, Q),), "PlayMusic"),
    Record(2, "播放五月天的歌", ((2, 5, Q),), "PlayMusic"),
    Record(3, "今天天气怎么样", (), "Weather"),
    Record(4, "明天会下雨吗", (), "Weather"),
    Record(5, "来一首 Hey Jude 吧", ((4, 12, Q),)),
]
INTENTS = ["PlayMusic", "Weather"]


def make_examples(nlp, records=RECORDS):
    intents = list_intents(records)
    docs = [record_to_doc(nlp, record, intents) for record in records]
    return [Example(nlp.make_doc(doc.text), doc) for doc in docs]


def train(**config):
    fix_random_seed(0)
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query", config={**FROM_SCRATCH, **config})
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    return nlp


@pytest.fixture(scope="module")
def trained():
    return train()


def test_intents_are_learnt_from_the_data(trained):
    assert trained.get_pipe("music_query").intents == tuple(INTENTS)
    for record in RECORDS[:4]:
        doc = trained(record.text)
        assert list(doc.cats) == INTENTS
        assert sum(doc.cats.values()) == pytest.approx(1.0)
        assert best_intent(doc) == record.intent and doc.cats[record.intent] > 0.9
    assert [ent.text for ent in trained(RECORDS[0].text).ents] == ["周杰伦的晴天"]


def test_one_by_one_and_in_batches_agree(trained):
    texts = ["", *(record.text for record in RECORDS), "播放" * 100]
    for text, doc in zip(texts, trained.pipe(texts)):
        alone = trained(text).cats
        assert list(doc.cats) == list(alone) == INTENTS  # also of a message that is empty
        assert sum(alone.values()) == pytest.approx(1.0)
        assert np.allclose(list(doc.cats.values()), list(alone.values()), atol=1e-5)


def test_intents_are_saved(trained, tmp_path):
    trained.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert loaded.get_pipe("music_query").intents == tuple(INTENTS)
    assert loaded(RECORDS[2].text).cats == trained(RECORDS[2].text).cats


def test_other_categories_stay(trained):
    doc = trained.make_doc(RECORDS[0].text)
    doc.cats = {"polite": 0.3}
    assert list(trained.get_pipe("music_query")(doc).cats) == ["polite", *INTENTS]


@pytest.mark.slow
def test_nothing_is_written_where_nothing_was_learnt():
    nlp = train(learn_intents=False)
    assert nlp.get_pipe("music_query").intents == ()
    assert nlp(RECORDS[0].text).cats == {}
    assert [ent.text for ent in nlp(RECORDS[0].text).ents] == ["周杰伦的晴天"]


def test_none_is_learnt_beside_those_of_the_box():
    nlp = spacy.blank("zh")
    component = nlp.add_pipe("music_query", config={"learn_intents": False})
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    nlp.update(examples, sgd=nlp.create_optimizer())
    assert component.intents == ("CONTROL", "LISTEN", "OTHER")


def test_intents_may_be_given():
    nlp = spacy.blank("zh")
    component = nlp.add_pipe("music_query", config=FROM_SCRATCH)
    examples = make_examples(nlp)
    given = {"labels": [Q], "intents": [*INTENTS, "Other"]}
    component.initialize(lambda: examples, labels=given)
    assert component.label_data == given
    assert len(nlp("听歌").cats) == 3


def test_unknown_intent_is_refused(trained):
    reference = trained.make_doc("讲个笑话")
    reference.cats = {"Joke": 1.0}
    example = Example(trained.make_doc("讲个笑话"), reference)
    with pytest.raises(ValueError, match=r"MQ013.*'Joke'.*PlayMusic, Weather"):
        trained.get_pipe("music_query").update([example])


def test_other_intents_than_the_messages_have_are_not_scored():
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query")
    scores = nlp.evaluate(make_examples(nlp))
    assert "cats_macro_f" not in scores and "music_query_intent_acc" not in scores
    assert scores["ents_f"] is not None


def test_scores(trained):
    scores = trained.evaluate(make_examples(trained))
    assert scores["cats_macro_f"] == 1.0
    assert scores["music_query_intent_acc"] == scores["music_query_utterance_acc"] == 1.0
    wrong = [
        RECORDS[0]._replace(intent="Weather"),
        RECORDS[1]._replace(spans=((2, 4, Q),)),
        RECORDS[2],
        RECORDS[3],
        RECORDS[4]._replace(spans=()),  # no intent: does not count
    ]
    scores = trained.evaluate(make_examples(trained, wrong))
    assert scores["music_query_intent_acc"] == 3 / 4
    assert scores["music_query_utterance_acc"] == 2 / 4


@pytest.mark.slow
def test_without_intents_there_is_no_score_of_them():
    nlp = train(learn_intents=False)
    scores = nlp.evaluate(make_examples(nlp))
    assert "music_query_intent_acc" not in scores and scores["ents_f"] == 1.0


def test_convert_keeps_intents(tmp_path, trained):
    rows = [
        {"text": "放红豆", "music_query": "红豆", "intent": "PlayMusic"},
        {"text": "下雨吗", "music_query": "", "intent": "Weather"},
        {"text": "你好", "music_query": ""},
    ]
    path = tmp_path / "in.json"
    path.write_text(json.dumps(rows), encoding="utf8")
    arguments = ["convert", str(path), str(tmp_path / "out.spacy")]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    docs = list(DocBin().from_disk(tmp_path / "out.spacy").get_docs(trained.vocab))
    assert [doc.cats for doc in docs] == [
        {"PlayMusic": 1.0, "Weather": 0.0},
        {"PlayMusic": 0.0, "Weather": 1.0},
        {},
    ]
    assert [record.intent for record in read_records(path)[0]] == [*INTENTS, None]


def test_an_intent_may_be_rarer_than_in_training(tmp_path):
    """What `pack` corrects: the odds of one intent, by a factor, and nothing else."""
    offset, texts = -1.5, ["我想听周杰伦的晴天", "放首歌", "下一首", "今天天气怎么样"]
    sample = Path(__file__).parents[2] / "assets" / "dev.json"
    arguments = ["pack", "--out", tmp_path, "--dev", sample, "--listen-offset", offset]
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert result.exit_code == 0, result.output
    packed = spacy.blank("zh").add_pipe("music_query", config={"pretrained": str(tmp_path)})
    box = spacy.blank("zh").add_pipe("music_query")
    for before, after in zip(box.find(texts), packed.find(texts)):
        odds = [p.cats["LISTEN"] / (1 - p.cats["LISTEN"]) for p in (before, after)]
        assert odds[1] == pytest.approx(odds[0] * math.exp(offset), rel=1e-3)
        others = [p.cats["CONTROL"] / p.cats["OTHER"] for p in (before, after)]
        assert others[1] == pytest.approx(others[0], rel=1e-3)


@pytest.fixture(scope="module")
def listening():
    """The box, whose messages must ask to hear music with a probability of a half."""
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query", config={"listen_threshold": 0.5})
    return nlp


@pytest.mark.parametrize("threshold, finds", [(0.0, True), (0.5, True), (1.0, False)])
def test_a_message_that_does_not_ask_has_no_query(threshold, finds):
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query", config={"listen_threshold": threshold})
    doc = nlp("我想听周杰伦的晴天")
    assert [ent.text for ent in doc.ents] == (["周杰伦的晴天"] if finds else [])
    assert 0.5 < doc.cats["LISTEN"] < 1.0


def test_score_and_wish_together_reach_the_threshold():
    """At the product of both a query is found, and above it not; names of the catalogue, alone
    or with 的 between two, need a fourth of the odds."""
    nlp = spacy.blank("zh")
    component = nlp.add_pipe("music_query", config={"listen_threshold": 0.0})

    def finds(text, threshold):
        component.cfg = {**component.cfg, "listen_threshold": threshold}
        return bool(component.find([text])[0].spans)

    for text, is_known in (
        ("播放胡巴拉的鲁咪咪", False),
        ("播放周杰伦的晴天", True),
        ("播放 后来", True),
    ):
        component.cfg = {**component.cfg, "listen_threshold": 0.0}
        (span,), cats = component.find([text])[0]
        asked = span.score * cats["LISTEN"]
        least = asked
        if is_known:
            least = 4 * asked / (1 - asked + 4 * asked)
        assert 0 < asked < 1
        assert finds(text, least - 1e-6) and not finds(text, least + 1e-6), text


def test_it_is_saved_and_may_be_changed(listening, tmp_path):
    listening.get_pipe("music_query").cfg["listen_threshold"] = 1.0
    listening.to_disk(tmp_path)
    assert not spacy.load(tmp_path)("我想听周杰伦的晴天").ents
    for configured, finds in ((None, False), (0.0, True)):
        nlp = spacy.blank("zh")
        settings = {"pretrained": str(tmp_path), "listen_threshold": configured}
        nlp.add_pipe("music_query", config=settings)
        assert bool(nlp("我想听周杰伦的晴天").ents) == finds


@pytest.mark.parametrize(
    "weight, label, is_kept",
    [(3.0, "MUSIC_QUERY", True), (0.0, "MUSIC_QUERY", False), (3.0, "CITY", False)],
)
def test_only_rehearsal_of_the_same_label_keeps_it(weight, label, is_kept):
    """Training on messages that do not say what they ask."""
    nlp = spacy.blank("zh")
    settings = {"listen_threshold": 0.5, "rehearsal_weight": weight}
    component = nlp.add_pipe("music_query", config=settings)
    messages = [(text, [(s, e, label) for s, e, _ in spans]) for text, spans in MESSAGES]
    examples = examples_of(nlp, messages)
    optimizer = nlp.initialize(lambda: examples)
    assert component.cfg["listen_threshold"] == 0.5
    nlp.update(examples, sgd=optimizer)
    assert component.cfg["listen_threshold"] == (0.5 if is_kept else 0.0)


@pytest.mark.parametrize(
    "threshold",
    [
        -0.1,
        1.1,
        pytest.param("0.5", marks=STRICT_CONFIG),
        pytest.param(True, marks=STRICT_CONFIG),
    ],
)
def test_what_no_listen_threshold_is(threshold):
    with pytest.raises(ValueError, match="listen_threshold"):
        spacy.blank("zh").add_pipe("music_query", config={"listen_threshold": threshold})
