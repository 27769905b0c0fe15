"""How batches are divided."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spacy_musicquery.features.batches import cut, portions

texts = st.lists(st.text("甲", max_size=9))
most = st.integers(1, 12)


@given(texts, most, most)
def test_portions_hold_no_more_than_they_may(texts, max_chars, max_texts):
    parts = portions(texts, max_chars, max_texts)
    assert [text for part in parts for text in part] == texts
    for part in parts:
        assert len(part) <= max_texts
        assert len(part) <= 1 or sum(map(len, part)) <= max_chars
    # Nor are there more of them than it takes.
    for one, following in itertools.pairwise(parts):
        more = [*one, following[0]]
        assert len(more) > max_texts or sum(map(len, more)) > max_chars


def test_a_small_batch_is_its_own_portion():
    batch = ["甲乙", "丙"]
    assert portions(batch, 3, 2)[0] is batch and portions([], 1, 1) == [[]]
    assert portions(batch, 3, 0) == [["甲乙"], ["丙"]]


@given(st.lists(st.integers(0, 30)), most)
def test_texts_are_cut_into_equal_pieces(lengths, max_length):
    lengths = np.array(lengths, dtype="int32")
    pieces = cut(lengths, max_length)
    for text, length in enumerate(lengths):
        of_text = pieces.lengths[pieces.texts == text]
        assert of_text.sum() == length and len(of_text) == -(-length // max_length)
        if length:
            assert of_text.min() > 0 and of_text.max() - of_text.min() <= 1
            assert of_text.max() <= max_length
    assert (np.diff(pieces.texts) >= 0).all()
    assert pieces.are_first.tolist() == [
        i == 0 or pieces.texts[i - 1] != text for i, text in enumerate(pieces.texts)
    ]
