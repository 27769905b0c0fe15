"""Queries on any tokens: nothing here trains, and no model is needed. The model's part
is what `predict` returns, which is the same whatever the tokens are."""

import copy
import logging
import pickle
import random
import threading
from typing import get_args

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from spacy_musicquery.pipeline.query_finder import Prediction
from spacy_musicquery.pipeline.scorer import music_query_score
from spacy_musicquery.tokens.alignment import AlignmentMode, FoundSpan, strip_blanks

from ..conftest import FROM_SCRATCH

NLP = spacy.blank("zh")
TEXT = "放晴天和雨天的歌 吧"
WORDS = ["放", "晴天和雨天的", "歌 ", "吧"]
QUERIES = [FoundSpan(1, 3, "SONG", 0.9), FoundSpan(4, 6, "SONG", 0.8)]


def make_component(mode="split", labels=("SONG",), **config):
    config = {**FROM_SCRATCH, "alignment_mode": mode, **config}
    component = spacy.blank("zh").create_pipe("music_query", config=config)
    for label in labels:
        component.add_label(label)
    return component


def make_doc(words):
    spaces = [word.endswith(" ") for word in words]
    return Doc(NLP.vocab, [word.rstrip(" ") for word in words], spaces)


def annotate(component, words, queries):
    doc = make_doc(words)
    component.set_annotations([doc], [Prediction(list(queries), {})])
    return doc


def texts(spans):
    return [span.text for span in spans]


def char_spans(doc):
    return [tuple(span.values()) for span in doc.spans["music_query"].attrs["char_spans"]]


@pytest.mark.parametrize(
    "mode,expected,changes",
    [
        ("split", ["晴天", "雨天"], (0, 0, 0)),
        ("expand", ["晴天和雨天的"], (1, 0, 1)),
        ("contract", [], (0, 0, 2)),
        ("strict", [], (0, 0, 2)),
    ],
)
def test_two_queries_inside_one_token(mode, expected, changes):
    component = make_component(mode)
    doc = annotate(component, WORDS, QUERIES)
    assert doc.text == TEXT
    assert texts(doc.ents) == texts(doc.spans["music_query"]) == expected
    assert char_spans(doc) == QUERIES
    assert tuple(component.misaligned.values()) == changes
    assert list(component.misaligned) == ["widened", "cut", "dropped"]


def test_contract_cuts():
    component = make_component("contract")
    doc = annotate(
        component, ["放晴", "天和", "雨天", "的歌"], [FoundSpan(1, 6, "SONG", 0.9)]
    )
    assert texts(doc.ents) == ["天和雨天"]
    assert char_spans(doc) == [(1, 6, "SONG", 0.9)]
    assert component.misaligned == {"widened": 0, "cut": 1, "dropped": 0}


@pytest.mark.parametrize(
    "words,expected",
    [
        (["放晴天吧"], ["放", "晴天", "吧"]),
        (["放晴", "天吧"], ["放", "晴", "天", "吧"]),
        (["放", "晴天吧"], ["放", "晴天", "吧"]),
        (["放晴天 ", "吧"], ["放", "晴天 ", "吧"]),
        (["放晴天吧 "], ["放", "晴天", "吧 "]),
        (["放 ", "晴天吧 "], ["放 ", "晴天", "吧 "]),
        (["放", "晴天 ", "吧"], ["放", "晴天 ", "吧"]),
        (["放", "晴", "天 ", "吧"], ["放", "晴", "天 ", "吧"]),
    ],
)
def test_split_cuts_tokens_at_the_edges_and_nowhere_else(words, expected):
    text = "".join(words)
    start = text.index("晴天")
    doc = annotate(make_component(), words, [FoundSpan(start, start + 2, "SONG", 0.9)])
    assert [token.text_with_ws for token in doc] == expected
    assert texts(doc.ents) == ["晴天"]
    assert doc.ents[0]._.music_query_score == 0.9


@pytest.mark.parametrize(
    "text,start,end,expected",
    [
        ("听 晴 天", 0, 5, (0, 5)),
        ("  \u3000晴天 \n\t", 0, 8, (3, 5)),
        ("听 晴", 1, 3, (2, 3)),
        ("晴 听", 0, 2, (0, 1)),
        ("听\t  听", 1, 4, (4, 4)),
        ("  ", 1, 1, (1, 1)),
    ],
)
def test_blanks_at_the_edges_belong_to_no_query(text, start, end, expected):
    assert strip_blanks(text, start, end) == expected


def test_a_token_with_blanks_in_it():
    doc = Doc(NLP.vocab, words=["放 Hey Jude 吧"], spaces=[False])
    make_component().set_annotations(
        [doc], [Prediction([FoundSpan(2, 10, "SONG", 0.9)], {})]
    )
    assert [token.text for token in doc] == ["放 ", "Hey Jude", " 吧"]
    assert texts(doc.ents) == ["Hey Jude"]


@pytest.fixture(scope="module")
def components():
    return {mode: make_component(mode) for mode in get_args(AlignmentMode)}


@pytest.mark.parametrize("seed", range(30))
def test_split_gives_what_the_char_tokenizer_gives(seed, components):
    """Any text, any tokens, any queries; and the same offsets in every mode."""
    chance = random.Random(seed)
    text = "".join(chance.choices("放晴天和雨的歌a😀  ", k=chance.randint(1, 25))).strip()
    chars = NLP.make_doc(text)
    tokens = [t.text_with_ws for t in chars]
    words = [""]
    for token in tokens:
        if chance.random() < 0.6 or not token.strip() or not words[-1].strip():
            words.append(token)
        else:
            words[-1] += token
    edges = sorted(chance.sample(range(len(chars) + 1), k=min(len(chars), 4)))
    queries = []
    for start, end in zip(edges[::2], edges[1::2]):
        span = chars[start:end]
        if span.text.strip() == span.text != "":
            label = chance.choice(["SONG", "FILM"])
            queries.append(FoundSpan(span.start_char, span.end_char, label, 0.5))
    prediction = Prediction(queries, {})
    components["split"].set_annotations([chars], [prediction])
    for mode, component in components.items():
        doc = Doc(
            NLP.vocab,
            words=[w[:-1] if w.endswith(" ") and w.strip() else w for w in words if w],
            spaces=[w.endswith(" ") and bool(w.strip()) for w in words if w],
        )
        assert doc.text == text
        component.set_annotations([doc], [prediction])
        assert char_spans(doc) == queries == char_spans(chars)
        if mode == "split":
            assert [(e.text, e.label_) for e in doc.ents] == [
                (e.text, e.label_) for e in chars.ents
            ]
            assert texts(doc.spans["music_query"]) == texts(chars.spans["music_query"])


def test_char_spans_are_there_whatever_was_found():
    component = make_component("strict")
    assert char_spans(annotate(component, list("你好"), [])) == []
    assert char_spans(annotate(component, ["你好"], [])) == []
    doc = annotate(component, list("放晴天"), [FoundSpan(1, 3, "SONG", 0.75)])
    attrs = doc.spans["music_query"].attrs
    span = {"start": 1, "end": 3, "label": "SONG", "score": 0.75}
    assert attrs == {"scores": [0.75], "char_spans": [span]}


@pytest.mark.parametrize("mode", ["split", "expand", "strict"])
def test_char_spans_survive_saving_of_the_doc(mode):
    doc = annotate(make_component(mode), WORDS, QUERIES)
    for loaded in (
        Doc(NLP.vocab).from_bytes(doc.to_bytes()),
        *DocBin().from_bytes(DocBin(docs=[doc]).to_bytes()).get_docs(NLP.vocab),
        pickle.loads(pickle.dumps(doc)),
        doc.copy(),
    ):
        assert char_spans(loaded) == QUERIES
        assert texts(loaded.ents) == texts(doc.ents)
        assert loaded.spans["music_query"].attrs == doc.spans["music_query"].attrs


def test_what_does_not_fit_is_counted_and_said_once(caplog):
    component = make_component("expand")
    with caplog.at_level(logging.WARNING, logger="spacy.music_query"):
        annotate(component, list("放晴天和雨天的歌"), QUERIES)
        assert not caplog.records
        for _ in range(3):
            annotate(component, WORDS, QUERIES)
    (record,) = caplog.records
    assert "2 of the queries" in record.message and TEXT in record.message
    assert "widened or dropped" in record.message
    assert component.misaligned == {"widened": 3, "cut": 0, "dropped": 3}
    assert copy.deepcopy(component).misaligned == component.misaligned
    assert pickle.loads(pickle.dumps(component)).misaligned == component.misaligned


def test_threads_count_together():
    component = make_component("expand")

    def work():
        for _ in range(200):
            annotate(component, ["放晴天"], [FoundSpan(1, 3, "SONG", 0.9)])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert component.misaligned["widened"] == 800


@pytest.mark.parametrize("mode", ["split", "expand"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_entities_and_spans_of_others_stay_on_their_characters(mode, overwrite):
    doc = make_doc(WORDS)
    doc.ents = [doc.char_span(1, 7, label="LIST"), doc.char_span(9, 10, label="SAY")]
    doc.spans["mine"] = [doc[0:2], doc[1:2], doc[2:4]]
    component = make_component(mode, overwrite=overwrite)
    component.set_annotations([doc], [Prediction(QUERIES, {})])
    assert texts(doc.spans["mine"]) == ["放晴天和雨天的", "晴天和雨天的", "歌 吧"]
    queries = {"split": ["晴天", "雨天"], "expand": ["晴天和雨天的"]}[mode]
    assert texts(doc.spans["music_query"]) == queries
    assert texts(doc.ents) == [*(queries if overwrite else ["晴天和雨天的"]), "吧"]
    assert doc.ents[-1].label_ == "SAY"


def test_two_components_share_a_group():
    """Each replaces what has its own labels, and leaves the other's."""
    songs, films = make_component("expand"), make_component("expand", labels=["FILM"])
    doc = make_doc(["看", "流浪地球", "听", "晴天吧"])
    films.set_annotations([doc], [Prediction([FoundSpan(1, 5, "FILM", 0.7)], {})])
    song = Prediction([FoundSpan(1, 3, "SONG", 0.2), FoundSpan(6, 8, "SONG", 0.9)], {})
    for _ in range(2):
        songs.set_annotations([doc], [song])
    group = doc.spans["music_query"]
    found = [(span.text, span.label_) for span in group]
    assert sorted(found[:2]) == [("流浪地球", "FILM"), ("流浪地球", "SONG")]
    assert found[2] == ("晴天吧", "SONG")
    scores = {(s.text, s.label_): score for s, score in zip(group, group.attrs["scores"])}
    assert scores["流浪地球", "FILM"] == 0.7 and scores["流浪地球", "SONG"] == 0.2
    assert char_spans(doc) == [
        (1, 3, "SONG", 0.2),
        (1, 5, "FILM", 0.7),
        (6, 8, "SONG", 0.9),
    ]
    films.set_annotations([doc], [Prediction([], {})])
    assert char_spans(doc) == [(1, 3, "SONG", 0.2), (6, 8, "SONG", 0.9)]


def test_a_group_of_somebody_else_is_replaced():
    doc = make_doc(WORDS)
    doc.spans["music_query"] = [doc[0:2]]
    make_component().set_annotations([doc], [Prediction(QUERIES, {})])
    assert texts(doc.spans["music_query"]) == ["晴天", "雨天"]


def test_contract_leaves_no_blank_at_an_edge():
    component = make_component("contract")
    for words in (
        ["放七", "\n", "里", "\n", "香听"],
        ["放七", "\u3000", "里", "\t ", "香听"],
    ):
        doc = Doc(NLP.vocab, words, [False] * len(words))
        found = [FoundSpan(1, doc.text.index("香") + 1, "SONG", 0.9)]
        component.set_annotations([doc], [Prediction(found, {})])
        assert texts(doc.ents) == texts(doc.spans["music_query"]) == ["里"]
        assert doc.ents[0].label_ == "SONG"
    # Nothing is left but a blank, and a token that ends with one.
    doc = Doc(NLP.vocab, ["放七", "\n", "里香"], [False] * 3)
    component.set_annotations([doc], [Prediction([FoundSpan(1, 4, "SONG", 0.9)], {})])
    assert doc.ents == () and char_spans(doc) == [(1, 4, "SONG", 0.9)]
    doc = Doc(NLP.vocab, ["放", "七里\n", "香听"], [False] * 3)
    component.set_annotations([doc], [Prediction([FoundSpan(1, 5, "SONG", 0.9)], {})])
    assert doc.ents == ()


FOREIGN = [
    {},
    {"char_spans": []},
    {"scores": [0.5]},
    {"char_spans": 7, "scores": 7},
    {"char_spans": [7], "scores": [0.5]},
    {"char_spans": [{"start": 0, "end": 1}], "scores": [0.5]},
    {
        "char_spans": [{"start": "0", "end": 1, "label": "A", "score": 0.5}],
        "scores": [0.5],
    },
    {"char_spans": [{"start": 0, "end": 1, "label": "A", "score": None}], "scores": [None]},
    {"char_spans": [{"start": 0, "end": 1, "label": 7, "score": 0.5}], "scores": ["0.5"]},
]


@pytest.mark.parametrize("attrs", FOREIGN)
def test_a_group_of_somebody_elses_under_the_same_key(attrs):
    component = make_component()
    doc = make_doc(WORDS)
    doc.spans["music_query"] = [doc[0:1]]
    doc.spans["music_query"].attrs.update(attrs)
    before = Example(make_doc(WORDS), doc)
    assert music_query_score([before])["music_query_f"] in (None, 0.0)
    component.set_annotations([doc], [Prediction(QUERIES, {})])
    assert char_spans(doc) == QUERIES


def test_a_group_of_ours_that_was_changed():
    component = make_component()
    doc = annotate(component, WORDS, QUERIES)
    doc.spans["music_query"].attrs["scores"] = [0.5]
    other = make_component(labels=("FILM",))
    other.set_annotations([doc], [Prediction([FoundSpan(0, 1, "FILM", 0.7)], {})])
    assert (0, 1, "FILM", 0.7) in char_spans(doc)
