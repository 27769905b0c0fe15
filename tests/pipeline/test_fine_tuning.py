"""Training on a few messages of one's own."""

import pytest
import spacy
from spacy.training import Example

from spacy_musicquery.data.box_messages import (
    CHECK_PATH,
    CONFIG_PATH,
    check_examples,
    check_records,
    make_checked_corpus,
    rehearsal_texts,
)
from spacy_musicquery.data.docs import record_to_doc
from spacy_musicquery.data.records import Record
from spacy_musicquery.pipeline import fine_tuning
from spacy_musicquery.pipeline.load import box_pipeline
from spacy_musicquery.pipeline.scorer import music_query_score
from spacy_musicquery.tokens.gold import CHECK

from ..conftest import make_examples

MESSAGES = [("放晴天", [(1, 3, "MUSIC_QUERY")]), ("你好", [])]


def test_more_messages_take_more_steps_but_fewer_each():
    sizes = [1, 20, 50, 200, 1000, 5000, 10000, 10**6]
    steps = [fine_tuning.n_steps(size) for size in sizes]
    assert steps == sorted(steps)
    per_message = [n / size for n, size in zip(steps, sizes)]
    assert per_message == sorted(per_message, reverse=True)


def test_the_package_has_the_config_of_the_project(request):
    path = request.config.rootpath / "configs" / "finetune.cfg"
    assert path.read_text(encoding="utf8") == CONFIG_PATH.read_text(encoding="utf8")


def test_what_comes_with_the_package_is_kept_apart(request):
    """What checks is not rehearsed, and both have enough of what they are for."""
    check = check_records()
    assert not {record.text for record in check} & set(rehearsal_texts())
    n_silent = sum(not record.spans for record in check)
    assert min(n_silent, len(check) - n_silent) > 300
    assert len(rehearsal_texts()) > 3000
    assert CHECK_PATH.stat().st_size + CONFIG_PATH.stat().st_size < 100_000


def test_messages_of_ones_own_and_the_check_decide_alike():
    nlp = box_pipeline()
    own = make_examples(nlp, MESSAGES)
    examples = list(make_checked_corpus(lambda _: own)(nlp))
    assert examples[:2] == own
    check = [e for e in examples if CHECK in e.reference.user_data]
    assert len(examples) == len(check) + 2
    # Right in all of its own, and in nothing of the check.
    predicted = [
        Example(e.reference if e in own else nlp.make_doc(e.reference.text), e.reference)
        for e in examples
    ]
    assert music_query_score(predicted)["music_query_balanced"] == pytest.approx(0.5)
    assert music_query_score(predicted[:2])["music_query_balanced"] == 1.0


def test_other_labels_are_checked_by_silence_alone():
    assert not any(e.reference.ents for e in check_examples(spacy.blank("zh"), ["CITY"]))


@pytest.fixture
def short(monkeypatch, tmp_path):
    """Trains for four steps, and checks by some of the check."""
    monkeypatch.setattr(fine_tuning, "n_steps", lambda n: 4)
    nlp = box_pipeline()
    docs = [example.reference for example in make_examples(nlp, MESSAGES)]
    spacy.tokens.DocBin(docs=docs).to_disk(tmp_path / "train.spacy")
    paths = {"train": tmp_path / "train.spacy", "dev": tmp_path / "train.spacy"}
    config = fine_tuning.fine_tuning_config(**paths, n_messages=2)
    check = check_examples(nlp, ["MUSIC_QUERY"])[::8]
    return lambda: fine_tuning.fine_tune(config, tmp_path / "out", [], check)


@pytest.mark.slow
def test_it_trains_and_is_no_worse_by_its_check(short):
    trained = short()
    assert trained.share > 0.0  # how much of it depends on the box
    check = check_examples(trained.nlp, ["MUSIC_QUERY"])[::8]
    before, after = (fine_tuning.score(nlp, check) for nlp in (box_pipeline(), trained.nlp))
    assert after.f >= before.f - fine_tuning.most_lost(2)
    assert after.false_alarms <= before.false_alarms + fine_tuning._MOST_ALARMS
    assert trained.nlp.get_pipe("music_query").cfg["listen_threshold"] > 0.0
    assert [ent.text for ent in trained.nlp("我想听周杰伦的晴天").ents] == ["周杰伦的晴天"]


@pytest.mark.slow
def test_what_costs_too_much_is_taken_back(short, monkeypatch):
    monkeypatch.setattr(fine_tuning, "_is_good_enough", lambda *args: False)
    trained = short()
    assert trained.share == 0.0
    component, box = (n.get_pipe("music_query") for n in (trained.nlp, box_pipeline()))
    texts = [record.text for record in check_records()[:50]]
    found, of_box = component.find(texts), box.find(texts)
    # The box's settings are read with its weights, at the first message.
    assert component.cfg["listen_threshold"] == box.cfg["listen_threshold"]
    spans, of_box = ([[s[:3] for s in p.spans] for p in ps] for ps in (found, of_box))
    assert spans == of_box


@pytest.mark.slow
def test_labels_and_intents_of_ones_own_are_learnt_from_few_messages(tmp_path):
    """What the box's intent prevents no longer is no reason to keep nothing."""
    nlp = spacy.blank("zh")
    intents = ["Other", "PlayMusic"]
    names = [(a, t) for a in ("周杰伦", "林俊杰", "王菲") for t in ("晴天", "江南", "红豆")]
    docs = []
    for artist, title in names:
        text = f"播放{artist}的{title}"
        spans = ((2, 2 + len(artist), "ARTIST"), (3 + len(artist), len(text), "TITLE"))
        docs.append(record_to_doc(nlp, Record(1, text, spans, "PlayMusic"), intents))
    for text in ("今天天气怎么样", "明天几点开会", "声音大一点", "附近有什么好吃的"):
        docs.append(record_to_doc(nlp, Record(1, text, (), "Other"), intents))
    path = tmp_path / "train.spacy"
    spacy.tokens.DocBin(docs=docs, store_user_data=True).to_disk(path)
    config = fine_tuning.fine_tuning_config(
        train=path, dev=path, n_messages=len(docs), has_new_labels=True
    )
    check = check_examples(nlp, ["ARTIST", "TITLE"])
    trained = fine_tuning.fine_tune(config, tmp_path / "out", [], check)
    assert trained.share > 0.0
    doc = trained.nlp("播放王菲的江南")
    assert [(e.text, e.label_) for e in doc.ents] == [("王菲", "ARTIST"), ("江南", "TITLE")]


def chosen(scores, threshold=0.4):
    """Choose a threshold by made-up scores of each: F1 and false alarms."""
    nlp = box_pipeline()
    component = nlp.get_pipe("music_query")
    component.cfg = {**component.cfg, "listen_threshold": threshold}

    def score(nlp, examples):
        return fine_tuning.Scores(*scores[component.cfg["listen_threshold"]])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fine_tuning, "score", score)
        base = fine_tuning.Scores(0.8, 0.05)
        is_good = fine_tuning._is_good_enough(nlp, [], base, threshold, 0.01)
    return component.cfg["listen_threshold"] if is_good else None


def test_more_false_alarms_need_more_certainty():
    assert chosen({0.4: (0.82, 0.05)}) == 0.4
    scores = {0.4: (0.78, 0.08), 0.45: (0.8, 0.06), 0.5: (0.795, 0.05)}
    assert chosen(scores) == 0.5


def test_certainty_does_not_help_all():
    thresholds = [0.4, 0.45, 0.5]
    assert chosen(dict.fromkeys(thresholds, (0.78, 0.05))) is None
    assert chosen(dict.fromkeys(thresholds, (0.82, 0.1))) is None


def test_what_is_switched_off_stays_so():
    assert chosen({0.0: (0.8, 0.1)}, threshold=0.0) is None
    assert chosen({0.0: (0.8, 0.05)}, threshold=0.0) == 0.0


def test_many_messages_may_cost_more():
    costs = [fine_tuning.most_lost(n) for n in (1, 50, 200, 1000, 10**5)]
    assert costs == sorted(costs)
    assert (costs[0], costs[-1]) == (costs[1], costs[-2]) and costs[1] < costs[2] < costs[3]
