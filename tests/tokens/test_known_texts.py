import gc
from weakref import ref

import pytest
import spacy
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_musicquery.tokens import known_texts
from spacy_musicquery.tokens.known_texts import keep_text, take_text
from spacy_musicquery.tokens.tokenizer import CharTokenizer


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr(known_texts, "_texts", {})


def make_doc(text="想听红豆"):
    return Doc(Vocab(), words=list(text), spaces=[False] * len(text))


def test_the_text_that_was_kept_is_taken_once():
    doc = make_doc()
    keep_text(doc, "its text")
    assert [take_text(doc), take_text(doc)] == ["its text", "想听红豆"]


def test_a_doc_at_the_address_of_one_that_is_gone_has_its_own_text():
    gone, doc = make_doc("放歌"), make_doc()
    known_texts._texts[id(doc)] = ref(gone), "放歌"
    del gone
    gc.collect()
    assert take_text(doc) == "想听红豆"


def test_little_is_kept():
    docs = [make_doc("歌") for _ in range(known_texts._MOST_DOCS + 1)]
    for doc in docs:
        keep_text(doc, "歌")
    assert 0 < len(known_texts._texts) <= known_texts._MOST_DOCS
    known_texts._texts.clear()
    long = make_doc("歌" * (known_texts._MOST_CHARS + 1))
    keep_text(long, long.text)
    assert not known_texts._texts and take_text(docs[0]) == "歌"


def test_a_tokenizer_keeps_the_texts_of_its_docs():
    tokenizer = CharTokenizer(Vocab())
    for text in ["想听", "想听 红豆", "想听"]:
        doc = tokenizer(text)
        assert known_texts._texts[id(doc)][1] == text == take_text(doc)


def test_merged_tokens_have_the_same_text():
    doc = CharTokenizer(Vocab())("想听红豆")
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[2:4])
    assert take_text(doc) == doc.text == "想听红豆"


def test_characters_that_were_met_in_a_memory_zone():
    nlp = spacy.blank("zh")
    tokenizer = CharTokenizer(nlp.vocab)
    with nlp.memory_zone():
        assert [token.text for token in tokenizer("魃魈")] == ["魃", "魈"]
    for _ in range(2):
        assert [token.text for token in tokenizer("魃魈")] == ["魃", "魈"]
    with nlp.memory_zone():
        assert [token.text for token in tokenizer("魃魈")] == ["魃", "魈"]


def test_characters_that_another_vocabulary_has_met():
    tokenizer = CharTokenizer(Vocab())
    tokenizer("想听红豆")
    tokenizer.vocab = Vocab()
    for _ in range(2):
        doc = tokenizer("想听红豆")
        assert doc.vocab is tokenizer.vocab
        assert [token.text for token in doc] == list("想听红豆")
