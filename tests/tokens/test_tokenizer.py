import spacy
from hypothesis import example, given
from hypothesis import strategies as st

from spacy_musicquery.tokens.tokenizer import CharTokenizer

NLP = spacy.blank("zh")
TOKENIZER = CharTokenizer(NLP.vocab)
PIECES = st.sampled_from(
    [*"我听aB,。😀́‍", " ", "  ", "\t", "\n", "\u3000", "\x1c", "\u200b"]
)


@given(st.text() | st.lists(PIECES, max_size=12).map("".join))
@example("")
@example(" ")
@example("我  想听\n Hey  Jude ")
def test_tokens_are_those_of_spacys_chinese_tokenizer(text):
    expected, doc = NLP.make_doc(text), TOKENIZER(text)
    assert doc.text == text
    assert [(t.text, t.whitespace_) for t in doc] == [
        (t.text, t.whitespace_) for t in expected
    ]


def test_a_pipeline_with_it_can_be_saved_and_scored(tmp_path):
    config = {"nlp": {"tokenizer": {"@tokenizers": "spacy_musicquery.CharTokenizer.v1"}}}
    nlp = spacy.blank("zh", config=config)
    nlp.initialize()
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert isinstance(loaded.tokenizer, CharTokenizer)
    assert [t.text for t in loaded("想听 红豆")] == list("想听红豆")
