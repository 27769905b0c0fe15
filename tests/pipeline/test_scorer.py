import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_musicquery.pipeline.scorer import music_query_score

NLP = spacy.blank("zh")


def example(text, gold, found, predicted_words=None):
    reference = NLP.make_doc(text)
    reference.ents = [reference.char_span(s, e, label=name) for s, e, name in gold]
    predicted = NLP.make_doc(text)
    if predicted_words:
        predicted = Doc(NLP.vocab, predicted_words, [False] * len(predicted_words))
    predicted.ents = [predicted.char_span(s, e, label=name) for s, e, name in found]
    return Example(predicted, reference)


def test_precision_recall_and_false_alarms():
    examples = [
        example("放晴天", [(1, 3, "Q")], [(1, 3, "Q")]),
        example("放晴天吧", [(1, 3, "Q")], [(1, 4, "Q")]),
        example("放晴天和雨天", [(1, 3, "Q"), (4, 6, "Q")], []),
        example("今天是晴天", [], [(3, 5, "Q")]),
        example("你好", [], []),
    ]
    scores = music_query_score(examples, labels=["Q"])
    assert scores["ents_p"] == 1 / 3
    assert scores["ents_r"] == 1 / 4
    assert scores["ents_f"] == pytest.approx(2 / 7)
    assert scores["music_query_false_alarms"] == 1 / 2


def test_scores_by_label():
    gold = [(0, 1, "A"), (1, 2, "B")]
    scores = music_query_score([example("甲乙丙", gold, [(0, 1, "A"), (1, 2, "A")])])
    assert scores["ents_per_type"]["A"] == {"p": 0.5, "r": 1.0, "f": 2 / 3}
    assert scores["ents_per_type"]["B"] == {"p": 0.0, "r": 0.0, "f": 0.0}


def test_only_own_labels_count():
    examples = [example("我叫小红", [(2, 4, "PERSON")], [(2, 4, "PERSON")])]
    scores = music_query_score(examples, labels=["Q"])
    assert scores["ents_p"] == 0.0
    assert scores["music_query_false_alarms"] == 0.0
    examples = [example("我叫小红", [(2, 4, "PERSON")], [(2, 4, "PERSON"), (0, 1, "Q")])]
    assert music_query_score(examples, labels=["Q"])["music_query_false_alarms"] == 1.0


def test_tokenisation_plays_no_part():
    words = ["我想听", "晴天", "吧"]
    scores = music_query_score(
        [example("我想听晴天吧", [(3, 5, "Q")], [(3, 5, "Q")], words)]
    )
    assert scores["ents_f"] == 1.0


def test_nothing_to_score():
    unannotated = Example(NLP.make_doc("放晴天"), NLP.make_doc("放晴天"))
    scores = music_query_score([unannotated], labels=["Q"])
    assert scores.pop("music_query_query_free") == 0
    assert set(scores.values()) == {None}
    only_queries = example("放晴天", [(1, 3, "Q")], [])
    assert music_query_score([only_queries])["music_query_false_alarms"] is None


def test_nothing_found_where_annotation_is_missing_counts():
    eg = example("放晴天和雨天", [(1, 3, "Q")], [(1, 3, "Q"), (4, 6, "Q")])
    ents = list(eg.reference.ents)
    eg.reference.set_ents(ents, missing=[Span(eg.reference, 3, 6)], default="unmodified")
    scores = music_query_score([eg])
    assert scores["ents_p"] == scores["ents_r"] == 1.0
    assert scores["music_query_query_free"] == 0


def test_missing_annotation_is_not_counted_as_no_query():
    reference = NLP.make_doc("放晴天")
    reference.set_ents([], missing=[Span(reference, 0, 3)], default="missing")
    scores = music_query_score([Example(NLP.make_doc("放晴天"), reference)])
    assert scores["music_query_false_alarms"] is None
