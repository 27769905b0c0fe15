"""Extraction from a saved pipeline: nothing here trains, and all of it must pass
where the training extra is not installed (see `.ci/run`)."""

import copy
import multiprocessing
import pickle
import threading

import numpy as np
import pytest
import spacy
from spacy import displacy
from spacy.cli.find_threshold import find_threshold
from spacy.tokens import Doc
from spacy.training import Example

from spacy_musicquery.pipeline import query_finder as finder

from ..conftest import HARD_TEXTS, MESSAGES, found, make_examples

TEXTS = [text for text, _ in MESSAGES]
EXPECTED = [spans for _, spans in MESSAGES]


def test_annotations(trained):
    doc = trained("我想听周杰伦的晴天")
    (query,) = doc.ents
    assert (query.text, query.label_) == ("周杰伦的晴天", "MUSIC_QUERY")
    group = doc.spans["music_query"]
    assert list(group) == [query]
    (score,) = group.attrs["scores"]
    assert type(score) is float and 0.9 < score <= 1.0
    assert query._.music_query_score == score
    quiet = trained("今天天气怎么样")
    assert quiet.ents == () and list(quiet.spans["music_query"]) == []
    assert quiet.spans["music_query"].attrs == {"scores": [], "char_spans": []}


def test_annotations_survive_saving_of_the_doc(trained):
    doc = trained("我想听周杰伦的晴天")
    loaded = Doc(trained.vocab).from_bytes(doc.to_bytes())
    assert found(loaded) == found(doc)
    assert loaded.ents[0]._.music_query_score == doc.ents[0]._.music_query_score
    assert loaded.spans["music_query"].attrs == doc.spans["music_query"].attrs


@pytest.mark.parametrize("batch_size", [1, 3, 1000])
def test_result_does_not_depend_on_the_batch(trained, batch_size):
    texts = (TEXTS + HARD_TEXTS) * 3
    piped = trained.pipe(texts, batch_size=batch_size)
    for text, doc in zip(texts, piped):
        assert doc.text == text
        assert found(doc) == found(trained(text))


@pytest.mark.parametrize("text", HARD_TEXTS)
def test_any_text_gives_valid_entities(trained, text):
    doc = trained(text)
    for ent in doc.ents:
        assert ent.text == ent.text.strip() != ""
        assert 0 <= ent.start_char < ent.end_char <= len(text)


def test_hundred_thousand_characters(trained):
    text = "今天天气怎么样" * 14_000 + "我想听周杰伦的晴天"
    doc = trained(text)
    assert found(doc)[-1] == (len(text) - 6, len(text), "MUSIC_QUERY")


def test_tag_probabilities(trained):
    component = trained.get_pipe("music_query")
    assert component.tags == ["O", "B-FILM", "I-FILM", "B-MUSIC_QUERY", "I-MUSIC_QUERY"]
    docs = [trained.make_doc(text) for text in (TEXTS[0], "", TEXTS[4])]
    probabilities = component.tag_probabilities(docs)
    assert [p.shape for p in probabilities] == [(9, 5), (0, 5), (7, 5)]
    assert probabilities[0].sum(axis=1) == pytest.approx(np.ones(9))
    assert probabilities[0].argmax(axis=1).tolist() == [0, 0, 0, 3, 4, 4, 4, 4, 4]


def test_threshold_is_read_when_it_is_needed(trained_path):
    nlp = spacy.load(trained_path)
    component = nlp.get_pipe("music_query")
    score = nlp(TEXTS[0]).ents[0]._.music_query_score
    component.cfg["threshold"] = min(1.0, score + 1e-6)
    assert nlp(TEXTS[0]).ents == ()
    component.cfg["threshold"] = score
    assert len(nlp(TEXTS[0]).ents) == 1


def test_settings_may_be_overridden_at_load_and_changed_ones_are_saved(
    trained_path, tmp_path
):
    override = {"components": {"music_query": {"threshold": 1.0, "spans_key": "other"}}}
    nlp = spacy.load(trained_path, config=override)
    assert nlp.get_pipe("music_query").cfg["threshold"] == 1.0
    assert "other" in nlp(TEXTS[4]).spans
    nlp.get_pipe("music_query").cfg["threshold"] = 0.25
    nlp.to_disk(tmp_path / "changed")
    assert spacy.load(tmp_path / "changed").get_pipe("music_query").cfg["threshold"] == 0.25


@pytest.mark.parametrize(
    "overwrite,expected", [(True, ["周杰伦的晴天", "我"]), (False, ["周杰伦", "我"])]
)
def test_entities_that_are_already_there(trained_path, overwrite, expected):
    config = {"components": {"music_query": {"overwrite": overwrite}}}
    nlp = spacy.load(trained_path, config=config)
    ruler = nlp.add_pipe("entity_ruler", before="music_query")
    ruler.add_patterns(
        [
            {"label": "PERSON", "pattern": [{"ORTH": char} for char in "周杰伦"]},
            {"label": "ME", "pattern": "我"},
        ]
    )
    doc = nlp(TEXTS[0])
    assert sorted(ent.text for ent in doc.ents) == sorted(expected)
    assert [span.text for span in doc.spans["music_query"]] == ["周杰伦的晴天"]


@pytest.mark.parametrize(
    "mode,expected",
    [("expand", ["周杰伦的晴天吧"]), ("contract", ["周杰伦的"]), ("strict", [])],
)
def test_alignment_modes(trained, mode, expected):
    component = trained.get_pipe("music_query")
    component.cfg["alignment_mode"] = mode
    words = ["我想听", "周杰伦", "的", "晴天吧"]
    doc = Doc(trained.vocab, words=words, spaces=[False] * 4)
    query = component.predict([trained.make_doc(TEXTS[0])])[0]
    try:
        component.set_annotations([doc], [query])
    finally:
        component.cfg["alignment_mode"] = "expand"
    assert [ent.text for ent in doc.ents] == expected
    assert [span.text for span in doc.spans["music_query"]] == expected


def test_two_queries_in_one_token_do_not_overlap(trained):
    component = trained.get_pipe("music_query")
    queries = component.predict([trained.make_doc(TEXTS[1])])
    doc = Doc(trained.vocab, words=["播放", "五月天和林俊杰", "的歌"], spaces=[False] * 3)
    component.set_annotations([doc], queries)
    assert [ent.text for ent in doc.ents] == ["五月天和林俊杰"]


def test_find_threshold(trained_path, corpus):
    _, score, results = find_threshold(
        str(trained_path),
        corpus,
        pipe_name="music_query",
        threshold_key="threshold",
        scores_key="ents_f",
        n_trials=5,
    )
    assert results[0.0] == 1.0 and results[1.0] == 0.0
    assert score == 1.0


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_processes(trained, method):
    expected = [found(doc) for doc in trained.pipe(TEXTS)]
    default = multiprocessing.get_start_method()
    multiprocessing.set_start_method(method, force=True)
    try:
        docs = list(trained.pipe(TEXTS * 3, n_process=2, batch_size=4))
    finally:
        multiprocessing.set_start_method(default, force=True)
    assert [found(doc) for doc in docs] == expected * 3
    assert docs[0].ents[0]._.music_query_score > 0.9


def test_copies(trained):
    component = trained.get_pipe("music_query")
    for other in (copy.deepcopy(component), pickle.loads(pickle.dumps(component))):
        doc = other(trained.make_doc(TEXTS[0]))
        assert found(doc) == EXPECTED[0]
    assert [found(doc) for doc in copy.deepcopy(trained).pipe(TEXTS)] == EXPECTED


def test_threads_share_a_pipeline(trained_path):
    nlp = spacy.load(trained_path)
    results = []

    def work():
        for _ in range(10):
            results.append([found(doc) for doc in nlp.pipe(TEXTS)])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [EXPECTED] * 40


def test_memory_zone(trained_path):
    nlp = spacy.load(trained_path)
    for _ in range(2):
        with nlp.memory_zone():
            assert [found(doc) for doc in nlp.pipe(TEXTS)] == EXPECTED


def test_error_handler_gets_the_documents(trained_path):
    nlp = spacy.load(trained_path)
    component = nlp.get_pipe("music_query")
    failed = []
    component.set_error_handler(lambda name, proc, docs, error: failed.extend(docs))
    component.parameters = component.parameters.without_network()
    assert list(nlp.pipe(TEXTS[:2])) == []
    assert [doc.text for doc in failed] == TEXTS[:2]


def test_tokens_of_one_character_are_annotated_as_others_are(trained_path, monkeypatch):
    nlp = spacy.load(trained_path)
    component = nlp.get_pipe("music_query")
    texts = [*TEXTS, "", " ", "来一首 晴天 吧", "播放 周杰伦 的 晴天。"]
    short = [nlp(text) for text in texts]
    again = [component(doc.copy()) for doc in short]
    monkeypatch.setattr(finder, "annotate_chars", lambda *args: False)
    long = [nlp(text) for text in texts]
    assert sum(len(doc.ents) for doc in long) > 3
    for docs in (short, again):
        assert [doc.to_bytes() for doc in docs] == [doc.to_bytes() for doc in long]
        for doc, other in zip(docs, long):
            scores = [ent._.music_query_score for ent in doc.ents]
            assert scores == [ent._.music_query_score for ent in other.ents]


def test_a_doc_that_cannot_be_annotated_is_left_to_the_error_handler(
    trained_path, monkeypatch
):
    def annotate_or_fail(doc, *args):
        if doc.text == TEXTS[1]:
            raise RuntimeError(doc.text)
        return annotate(doc, *args)

    annotate = finder.annotate_chars
    monkeypatch.setattr(finder, "annotate_chars", annotate_or_fail)
    nlp = spacy.load(trained_path)
    component = nlp.get_pipe("music_query")
    calls = []
    component.set_error_handler(lambda *call: calls.append(call))
    assert [doc.text for doc in nlp.pipe(TEXTS)] == [TEXTS[0], *TEXTS[2:]]
    ((name, proc, (doc,), error),) = calls
    assert (name, proc, doc.text, str(error)) == ("music_query", component, *[TEXTS[1]] * 2)


def test_displacy_has_a_colour(trained):
    html = displacy.render(trained(TEXTS[0]), style="ent", jupyter=False)
    assert "#7fd1ae" in html and "MUSIC_QUERY" in html


def test_beside_another_component_with_entities(trained, trained_path):
    """The scorer of ours counts only our labels, whoever else sets entities."""
    nlp = spacy.load(trained_path)
    ruler = nlp.add_pipe("entity_ruler", first=True, config={"scorer": None})
    ruler.add_patterns([{"label": "ME", "pattern": "我"}])
    examples = [Example(nlp.make_doc(eg.text), eg.reference) for eg in make_examples(nlp)]
    scores = nlp.evaluate(examples)
    assert scores["ents_f"] == 1.0 and "ME" not in scores["ents_per_type"]


def test_finding_without_docs_gives_what_docs_get(trained):
    component = trained.get_pipe("music_query")
    texts = [text for text, _ in MESSAGES] + HARD_TEXTS
    for text, prediction in zip(texts, component.find(texts)):
        expected = trained(text).spans["music_query"].attrs["char_spans"]
        assert [span._asdict() for span in prediction.spans] == [
            {**span, "score": pytest.approx(span["score"], abs=1e-5)} for span in expected
        ]
