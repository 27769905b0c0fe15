import random

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, Span, SpanGroup, Token

from spacy_musicquery.tokens.retokenization import split_tokens

NLP = spacy.blank("zh")


def make_doc(words, **annotation):
    """Words with a blank behind them belong to tokens that have one."""
    spaces = [word.endswith(" ") for word in words]
    return Doc(NLP.vocab, [word.rstrip(" ") for word in words], spaces, **annotation)


def described(spans):
    return [
        (s.start_char, s.end_char, s.text, s.label_, s.kb_id_, s.id_, s.doc[s.start].idx)
        for s in spans
    ]


def words_of(doc):
    return [token.text_with_ws for token in doc]


@pytest.mark.parametrize("seed", range(50))
def test_entities_and_span_groups_cover_the_same_characters(seed):
    chance = random.Random(seed)
    words = [
        "".join(chance.choices("我听周杰伦的晴天a", k=chance.randint(1, 6)))
        + chance.choice(["", "", " "])
        for _ in range(chance.randint(1, 12))
    ]
    doc = make_doc(words)
    spans = []
    for _ in range(6):
        start = chance.randrange(len(doc))
        end = chance.randint(start + 1, len(doc))
        ids = {"kb_id": chance.choice("KL"), "span_id": chance.choice("IJ")}
        spans.append(Span(doc, start, end, chance.choice("PQ"), **ids))
    doc.ents = spacy.util.filter_spans(spans)
    doc.spans["overlapping"] = SpanGroup(doc, spans=spans, attrs={"by": "someone"})
    doc.spans["the same again"] = doc.spans["overlapping"]
    text, ents, group = doc.text, described(doc.ents), described(doc.spans["overlapping"])
    iobs = {token.idx: token.ent_iob_ for token in doc}
    edges = chance.choices(range(len(text) + 1), k=chance.randint(1, 8))

    split_tokens(doc, edges)

    assert doc.text == text
    assert described(doc.ents) == ents
    assert described(doc.spans["overlapping"]) == group
    assert doc.spans["overlapping"].attrs == {"by": "someone"}
    assert iobs.items() <= {token.idx: token.ent_iob_ for token in doc}.items()
    boundaries = {token.idx for token in doc} | {t.idx + len(t) for t in doc} | {len(text)}
    assert boundaries >= set(edges)
    assert [list(token.children) for token in doc] == [[]] * len(doc)
    loaded = Doc(NLP.vocab).from_bytes(doc.to_bytes())
    assert words_of(loaded) == words_of(doc)
    assert described(loaded.spans["overlapping"]) == group


def test_only_tokens_with_an_edge_inside_are_split():
    doc = make_doc(["我想听", "周杰伦", "的晴天 ", "吧"])
    split_tokens(doc, [0, 3, 7, 8, 9, 10, 11])
    assert words_of(doc) == ["我想听", "周杰伦", "的", "晴", "天 ", "吧"]
    split_tokens(doc, [3, 7])
    assert len(doc) == 6


def test_pieces_have_what_their_token_had():
    doc = make_doc(
        ["放", "晴天吧 ", "好"],
        tags=["VV", "NN", "SP"],
        pos=["VERB", "NOUN", "PART"],
        morphs=["", "Case=Acc", ""],
        lemmas=["放", "晴天", "好"],
        sent_starts=[True, False, True],
    )
    doc.tensor = np.arange(6, dtype="float32").reshape(3, 2)
    doc[2].norm_ = "很好"
    split_tokens(doc, [2, 3])
    assert words_of(doc) == ["放", "晴", "天", "吧 ", "好"]
    assert [t.tag_ for t in doc] == ["VV", "NN", "NN", "NN", "SP"]
    assert [t.pos_ for t in doc] == ["VERB", "NOUN", "NOUN", "NOUN", "PART"]
    assert [str(t.morph) for t in doc] == ["", *["Case=Acc"] * 3, ""]
    assert [t.lemma_ for t in doc] == ["放", "晴", "天", "吧", "好"]
    assert [t.norm_ for t in doc] == ["放", "晴", "天", "吧", "很好"]
    assert [t.is_sent_start for t in doc] == [True, False, False, False, True]
    assert doc.tensor.tolist() == [[0, 1], [2, 3], [2, 3], [2, 3], [4, 5]]


def test_what_is_not_annotated_stays_so():
    doc = make_doc(["放", "晴天吧"])
    split_tokens(doc, [2])
    for name in ("TAG", "POS", "MORPH", "LEMMA", "DEP", "ENT_IOB", "SENT_START"):
        assert not doc.has_annotation(name), name
    assert doc.tensor.size == 0


def test_a_parsed_doc():
    words = ["我", "想听", "周杰伦的", "晴天吧"]
    deps = ["nsubj", "ROOT", "nmod", "obj"]
    doc = make_doc(words, heads=[1, 1, 3, 1], deps=deps)
    split_tokens(doc, [2, 6, 7, 9])
    assert words_of(doc) == ["我", "想", "听", "周杰伦", "的", "晴天", "吧"]
    assert [t.head.text for t in doc] == ["想", "想", "想", "晴天", "周杰伦", "想", "晴天"]
    expected = ["nsubj", "ROOT", "goeswith", "nmod", "goeswith", "obj", "goeswith"]
    assert [t.dep_ for t in doc] == expected
    assert [t.text for t in doc[1].children] == ["我", "听", "晴天"]
    assert len(list(doc.sents)) == 1


def test_blocked_and_missing_entities():
    doc = make_doc(["不是", "未知", "没有"])
    doc.set_ents([], blocked=[doc[0:1]], missing=[doc[1:2]], outside=[doc[2:3]])
    split_tokens(doc, [1, 3, 5])
    assert [token.ent_iob_ for token in doc] == ["B", "B", "", "", "O", "O"]
    assert doc.ents == ()


def test_extension_attributes():
    Token.set_extension("reading", default=None, force=True)
    Span.set_extension("rank", default=None, force=True)
    try:
        doc = make_doc(["听", "晴天", "吧"])
        doc[1]._.reading, doc[2]._.reading = "qíngtiān", "ba"
        doc.ents = [Span(doc, 1, 2, "SONG")]
        doc.ents[0]._.rank = 1
        split_tokens(doc, [2])
        assert [t._.reading for t in doc] == [None, "qíngtiān", None, "ba"]
        assert doc.ents[0]._.rank == 1
    finally:
        Token.remove_extension("reading")
        Span.remove_extension("rank")
