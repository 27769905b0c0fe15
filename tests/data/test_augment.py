import itertools
import random

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.training import Example
from spacy.util import registry

from spacy_musicquery.data.augment import (
    CARRIERS,
    PARTICLES,
    PUNCTUATION,
    drop_chars,
    replace_spans,
)
from spacy_musicquery.data.docs import record_to_doc
from spacy_musicquery.data.records import Record
from spacy_musicquery.tokens.gold import REPLAYED

from ..conftest import found

Q = "MUSIC_QUERY"
REQUEST = ("我想听晴天和红豆", ((3, 5, Q), (6, 8, Q)))
OTHER = ("来一首周杰伦的 Mojito 吧", ((3, 14, Q),))
CHAT = ("今天天气怎么样", ())
NAMES = ("swap_queries", "insert_queries", "punctuate", "surround", "homophones")


@pytest.fixture
def chat_path(tmp_path):
    path = tmp_path / "chat.txt"
    path.write_text("今天好热啊。\n周末去哪里玩\n", encoding="utf8")
    return path


@pytest.fixture
def augment(chat_path):
    """Augment messages; a list of references for each of them."""

    def run(name, messages, **settings):
        nlp = spacy.blank("zh")
        if name == "surround":
            settings["path"] = chat_path
        augmenter = registry.augmenters.get(f"spacy_musicquery.{name}.v1")(**settings)
        examples = [
            Example(nlp.make_doc(text), record_to_doc(nlp, Record(1, text, spans)))
            for text, spans in messages
        ]
        variants = [list(augmenter(nlp, example)) for example in examples]
        for example in itertools.chain(*variants):
            assert example.predicted.text == example.reference.text
            assert not example.predicted.ents
        return [[example.reference for example in several] for several in variants]

    return run


@pytest.mark.parametrize("name", NAMES)
def test_level_is_the_mean_number_of_variants(augment, name):
    assert [len(docs) for docs in augment(name, [CHAT, REQUEST], level=0.0)] == [1, 1]
    numbers = [len(docs) for docs in augment(name, [REQUEST] * 400, level=1.5)]
    assert set(numbers) == {2, 3}
    assert 2.4 < sum(numbers) / len(numbers) < 2.6


@pytest.mark.parametrize("name", NAMES)
def test_the_message_itself_comes_first(augment, name):
    for message, docs in zip((REQUEST, CHAT), augment(name, [REQUEST, CHAT], level=3.0)):
        assert (docs[0].text, tuple(found(docs[0]))) == message


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_variants(augment, name):
    first, second, other = (
        [
            doc.text
            for docs in augment(name, [OTHER, REQUEST] * 9, level=2.0, seed=seed)
            for doc in docs
        ]
        for seed in (1, 1, 2)
    )
    assert first == second != other


@pytest.mark.parametrize("name", NAMES)
def test_intents_stay_and_partly_annotated_messages_have_no_variants(chat_path, name):
    nlp = spacy.blank("zh")
    settings = {"path": chat_path} if name == "surround" else {}
    augmenter = registry.augmenters.get(f"spacy_musicquery.{name}.v1")(
        level=2.0, **settings
    )
    doc = record_to_doc(nlp, Record(1, *REQUEST, "PlayMusic"), ["PlayMusic", "Weather"])
    variants = list(augmenter(nlp, Example(nlp.make_doc(doc.text), doc)))
    assert len(variants) == 3
    for example in variants:
        assert example.reference.cats == {"PlayMusic": 1.0, "Weather": 0.0}

    partly = nlp.make_doc(REQUEST[0])
    partly.set_ents([], missing=[partly[0:3]], default="outside")
    assert len(list(augmenter(nlp, Example(nlp.make_doc(partly.text), partly)))) == 1


def test_swapped_queries_came_before_and_the_phrase_stays(augment):
    of_other, of_request = augment("swap_queries", [OTHER, REQUEST], level=20.0)
    assert len(of_other) == len(of_request) == 21
    seen = set()
    for doc in of_request:
        first, second = (ent.text for ent in doc.ents)
        assert doc.text == f"我想听{first}和{second}"
        seen |= {first, second}
    assert seen == {"晴天", "红豆", "周杰伦的 Mojito"}


def test_a_label_is_only_swapped_with_its_own(augment):
    song = ("放晴天", ((1, 3, "SONG"),))
    singer = ("放王菲", ((1, 3, "SINGER"),))
    for docs in augment("swap_queries", [song, singer] * 5, level=5.0):
        for doc in docs:
            for ent in doc.ents:
                assert (ent.text, ent.label_) in {("晴天", "SONG"), ("王菲", "SINGER")}


def test_chat_has_no_queries_to_swap_or_insert(augment):
    for name in ("swap_queries", "insert_queries"):
        assert [len(docs) for docs in augment(name, [CHAT] * 3, level=2.0)] == [1, 1, 1]


def test_a_query_is_put_into_a_carrier(augment):
    (docs,) = augment("insert_queries", [REQUEST], level=300.0)
    expected = {c.format(query) for c in CARRIERS for query in ("晴天", "红豆")}
    assert {doc.text for doc in docs[1:]} == expected
    assert {ent.text for doc in docs[1:] for ent in doc.ents} == {"晴天", "红豆"}
    assert all(len(doc.ents) == 1 for doc in docs[1:])


@pytest.mark.parametrize("carriers", [[], ["我想听"], ["{}和{}"]])
def test_carriers_need_one_place_for_a_query(augment, carriers):
    with pytest.raises(ValueError, match="carriers"):
        augment("insert_queries", [REQUEST], carriers=carriers)


def test_punctuation_and_particles_come_and_go_outside_of_queries(augment):
    message = ("嗯，放一首吧啊吧，谢谢呀！", ((5, 8, Q),))
    assert message[0][5:8] == "吧啊吧"
    (docs,) = augment("punctuate", [message], level=200.0)
    texts = {doc.text for doc in docs}
    assert {ent.text for doc in docs for ent in doc.ents} == {"吧啊吧"}
    assert any("，" not in text for text in texts)
    assert any(text[0] != "嗯" for text in texts)
    bare = {"".join(c for c in text if c not in PUNCTUATION + PARTICLES) for text in texts}
    assert "嗯放一首谢谢" in bare


def test_chat_surrounds_a_request(augment):
    (docs,) = augment("surround", [REQUEST], level=100.0)
    texts = [doc.text for doc in docs[1:]]
    assert all([ent.text for ent in doc.ents] == ["晴天", "红豆"] for doc in docs)
    assert any(text.startswith("今天好热啊。我想听晴天和红豆") for text in texts)
    assert any(text.startswith("我想听晴天和红豆") and "去哪里玩" in text for text in texts)
    assert any(text.startswith("周末") and text.endswith("热啊。") for text in texts)


def test_homophones_sound_the_same(augment):
    from pypinyin import Style, lazy_pinyin

    (docs,) = augment("homophones", [REQUEST], level=50.0, share=0.5)
    texts = {doc.text for doc in docs}
    assert len(texts) > 25
    assert all(found(doc) == list(REQUEST[1]) for doc in docs)
    sounds = {
        tuple(lazy_pinyin(char, style=Style.TONE3)[0] for char in text) for text in texts
    }
    assert len(sounds) == 1
    n_changed = [sum(a != b for a, b in zip(text, REQUEST[0])) for text in texts]
    assert 0 < max(n_changed) <= len(REQUEST[0])


@pytest.mark.parametrize(
    "name, setting, value",
    [("homophones", "share", 0.0), ("homophones", "share", 1.5)]
    + [(name, "level", -1.0) for name in NAMES],
)
def test_impossible_settings_are_refused(augment, name, setting, value):
    with pytest.raises(ValueError, match=setting):
        augment(name, [REQUEST], **{setting: value})


@given(
    st.lists(
        st.tuples(st.text("的，a ", max_size=3), st.text("红豆X", min_size=1)), max_size=4
    ),
    st.data(),
)
def test_spans_move_with_their_words(pieces, data):
    text, spans = "", []
    for before, query in pieces:
        text += before
        spans.append((len(text), len(text) + len(query), Q))
        text += query
    new = [data.draw(st.text("新词", min_size=1, max_size=5)) for _ in pieces]
    replaced, moved = replace_spans(text, spans, new)
    assert replaced == "".join(before + word for (before, _), word in zip(pieces, new))
    assert [replaced[start:end] for start, end, _ in moved] == new

    generator = random.Random(data.draw(st.integers()))
    outside = {i for i in range(len(text)) if not any(s <= i < e for s, e, _ in spans)}
    drop = {i for i in outside if generator.random() < 0.5}
    shorter, moved = drop_chars(text, spans, drop)
    assert len(shorter) == len(text) - len(drop)
    assert [shorter[start:end] for start, end, _ in moved] == [q for _, q in pieces]


def test_swap_names_draws_listed_and_invented_names(augment):
    ((first, *variants),) = augment("swap_names", [REQUEST], level=20)
    assert first.text == REQUEST[0]
    names = {ent.text for doc in variants for ent in doc.ents}
    assert all(found(doc)[0][0] == 3 and len(doc.ents) == 2 for doc in variants)
    component = spacy.blank("zh").add_pipe("music_query")
    listed = set(itertools.chain(*component.catalogue.values()))
    assert 5 < len(names & listed) < len(names)


def test_swap_names_knows_types_and_keeps_other_labels(augment):
    spans = ((3, 5, "ARTIST"), (6, 8, "CITY"))
    ((_, *variants),) = augment("swap_names", [(REQUEST[0], spans)], level=5)
    assert {doc.ents[1].text for doc in variants} == {"红豆"}
    assert len({doc.ents[0].text for doc in variants}) > 1


def test_swap_names_leaves_as_much_silence_as_there_was(augment):
    (silent,) = augment("swap_names", [CHAT], level=3)
    assert [doc.text for doc in silent] == [CHAT[0]] * 4
    # A component does not grow by what only variants have.
    assert [REPLAYED in doc.user_data for doc in silent] == [False, True, True, True]
