import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.training import Example

from spacy_musicquery.augment import make_swap_queries, replace_spans
from spacy_musicquery.corpus import record_to_doc
from spacy_musicquery.records import Record

from .conftest import found

Q = "MUSIC_QUERY"
REQUEST = ("我想听晴天和红豆", ((3, 5, Q), (6, 8, Q)))
OTHER = ("来一首周杰伦的 Mojito 吧", ((3, 14, Q),))
CHAT = ("今天天气怎么样", ())


def examples_of(*messages):
    nlp = spacy.blank("zh")
    return nlp, [
        Example(nlp.make_doc(text), record_to_doc(nlp, Record(1, text, spans)))
        for text, spans in messages
    ]


def augment(messages, **settings):
    nlp, examples = examples_of(*messages)
    augmenter = make_swap_queries(**settings)
    return [[e.reference for e in augmenter(nlp, example)] for example in examples]


def test_variants_keep_the_phrase_and_hold_queries_that_came_before():
    of_other, of_request = augment([OTHER, REQUEST], level=20.0)
    assert found(of_request[0]) == list(REQUEST[1])  # the message itself comes first
    assert len(of_other) == len(of_request) == 21
    seen = set()
    for doc in of_request:
        first, second = (ent.text for ent in doc.ents)
        assert doc.text == f"我想听{first}和{second}"
        seen |= {first, second}
    assert seen == {"晴天", "红豆", "周杰伦的 Mojito"}


def test_a_label_is_only_swapped_with_its_own():
    song = ("放晴天", ((1, 3, "SONG"),))
    singer = ("放王菲", ((1, 3, "SINGER"),))
    for docs in augment([song, singer] * 5, level=5.0):
        for doc in docs:
            for ent in doc.ents:
                assert (ent.text, ent.label_) in {("晴天", "SONG"), ("王菲", "SINGER")}


def test_level_is_the_mean_number_of_variants_and_chat_stays_as_it_is():
    assert [len(docs) for docs in augment([CHAT, REQUEST], level=0.0)] == [1, 1]
    numbers = [len(docs) for docs in augment([REQUEST] * 400, level=1.5)]
    assert set(numbers) == {2, 3}
    assert 2.4 < sum(numbers) / len(numbers) < 2.6
    assert [len(docs) for docs in augment([CHAT] * 3, level=2.0)] == [1, 1, 1]


def test_the_same_seed_gives_the_same_variants():
    first, second, other = (
        [doc.text for docs in augment([OTHER, REQUEST] * 9, seed=seed) for doc in docs]
        for seed in (1, 1, 2)
    )
    assert first == second != other


@given(
    st.lists(
        st.tuples(st.text("的，a ", max_size=3), st.text("红豆X", min_size=1)), max_size=4
    ),
    st.data(),
)
def test_replace_spans(pieces, data):
    text, spans = "", []
    for before, query in pieces:
        text += before
        spans.append((len(text), len(text) + len(query), Q))
        text += query
    new = [data.draw(st.text("新词", min_size=1, max_size=5)) for _ in pieces]
    replaced, moved = replace_spans(text, spans, new)
    assert replaced == "".join(before + word for (before, _), word in zip(pieces, new))
    assert [replaced[start:end] for start, end, _ in moved] == new
