import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_musicquery import bio

LABELS = ["A", "B"]
N_TAGS = 5


def one_hot(tags, scale=20.0):
    return (np.eye(N_TAGS, dtype="float32")[tags]) * scale


def as_tuples(spans):
    return list(zip(*(array.tolist() for array in spans[:4])))


def legal(tags):
    before = [0, *tags[:-1]]
    return all(
        tag == 0 or tag % 2 or last in (tag, tag - 1) for last, tag in zip(before, tags)
    )


def test_tag_names_follow_the_tag_numbers():
    assert bio.tag_names(LABELS) == ["O", "B-A", "I-A", "B-B", "I-B"]


@st.composite
def texts_with_spans(draw):
    lengths = draw(st.lists(st.integers(0, 12), min_size=1, max_size=5))
    spans = []
    for text, length in enumerate(lengths):
        edges = draw(st.lists(st.integers(0, length), unique=True, max_size=6))
        edges = sorted(edges)
        for start, end in zip(edges[::2], edges[1::2]):
            spans.append((text, start, end, draw(st.integers(0, 1))))
    return lengths, spans


@given(texts_with_spans())
def test_spans_survive_tagging_and_decoding(case):
    lengths, spans = case
    rows = [np.zeros((0, N_TAGS), dtype="float32")]
    for text, length in enumerate(lengths):
        of_text = [(s, e, LABELS[label]) for t, s, e, label in spans if t == text]
        rows.append(one_hot(bio.encode_spans(length, of_text, LABELS)))
    decoded = bio.decode(np.concatenate(rows), np.array(lengths))
    assert as_tuples(decoded) == spans
    assert (decoded.score > 0.99).all()


@given(st.lists(st.integers(0, N_TAGS - 1), min_size=1, max_size=6), st.integers(0, 99))
def test_best_tags_are_the_best_legal_sequence(shape_seed, seed):
    emissions = np.random.default_rng(seed).normal(size=(len(shape_seed), N_TAGS))
    emissions += 2 * np.eye(N_TAGS)[shape_seed]
    tags = bio.best_tags(emissions, np.array([len(emissions)])).tolist()
    sequences = itertools.product(range(N_TAGS), repeat=len(emissions))
    best = max(
        (s for s in sequences if legal(s)),
        key=lambda s: emissions[np.arange(len(s)), list(s)].sum(),
    )
    assert tags == list(best)


def test_an_inside_tag_at_the_start_of_a_text_does_not_continue_the_text_before():
    # The first text ends in A; the second would begin with I-A.
    emissions = one_hot([1, 2, 2, 0], scale=1.0)
    decoded = bio.decode(emissions, np.array([2, 2]))
    texts = as_tuples(decoded)
    assert texts[0] == (0, 0, 2, 0)
    assert all(start == 0 and end == 1 for _, start, end, _ in texts[1:])
    tags = bio.best_tags(emissions, np.array([2, 2])).tolist()
    assert legal(tags[2:])


def test_score_is_the_probability_of_exactly_this_span():
    emissions = np.random.default_rng(0).normal(size=(4, 3)) + one_hot([0, 1, 2, 0])[:, :3]
    probabilities = np.exp(emissions) / np.exp(emissions).sum(axis=1, keepdims=True)
    decoded = bio.decode(emissions, np.array([4]))
    expected = probabilities[1, 1] * probabilities[2, 2] * (1 - probabilities[3, 2])
    assert decoded.score == pytest.approx([expected])
    # At the end of a text nothing can follow.
    decoded = bio.decode(emissions[:3], np.array([3]))
    assert decoded.score == pytest.approx([probabilities[1, 1] * probabilities[2, 2]])


@pytest.mark.parametrize("lengths", [[], [0], [0, 0]])
def test_nothing_is_found_in_empty_texts(lengths):
    decoded = bio.decode(np.zeros((0, 3), dtype="float32"), np.array(lengths, dtype=int))
    assert as_tuples(decoded) == []


def test_allowed_transitions():
    allowed = bio.allowed_transitions(N_TAGS)
    for before, after in itertools.product(range(N_TAGS), repeat=2):
        is_inside = after > 0 and after % 2 == 0
        assert allowed[before, after] == (not is_inside or before in (after, after - 1))


def test_log_softmax_of_large_values_is_finite():
    log_probabilities = bio.log_softmax(np.array([[1e4, -1e4, 0.0]]))
    assert np.isfinite(log_probabilities).all()
    assert np.exp(log_probabilities).sum() == pytest.approx(1.0)
