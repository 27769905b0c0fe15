import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_musicquery.decoding import bio
from spacy_musicquery.decoding.emissions import log_softmax, probability_rows
from spacy_musicquery.decoding.linear_chain import LinearChain, PackedTexts

LABELS = ["A", "B"]
N_TAGS = 5


def one_hot(tags, scale=20.0):
    return (np.eye(N_TAGS, dtype="float32")[tags]) * scale


def legal(tags):
    before = [0, *tags[:-1]]
    return all(
        tag == 0 or tag % 2 or last in (tag, tag - 1) for last, tag in zip(before, tags)
    )


def spans_of(tags):
    """Start, end and label of the spans of a legal sequence."""
    found = []
    for i, tag in enumerate(tags):
        if tag % 2:
            found.append([i, i + 1, tag // 2])
        elif tag:
            found[-1][1] = i + 1
    return [tuple(span) for span in found]


def all_sequences(emissions, transitions):
    """Every legal tag sequence of one text, with its probability: the definition."""
    scores = {}
    for tags in itertools.product(range(emissions.shape[1]), repeat=len(emissions)):
        if legal(tags):
            steps = transitions[[0, *tags[:-1]], list(tags)]
            scores[tags] = emissions[np.arange(len(tags)), list(tags)].sum() + steps.sum()
    top = max(scores.values())
    total = sum(np.exp(score - top) for score in scores.values())
    return {tags: np.exp(score - top) / total for tags, score in scores.items()}


def random_chain(n_tags, rng):
    learnt = rng.normal(size=(n_tags, n_tags))
    return LinearChain(np.where(bio.allowed_transitions(n_tags), learnt, -np.inf))


def random_batch(rng, n_tags, lengths):
    return rng.normal(size=(sum(lengths), n_tags), scale=2.0), np.array(lengths)


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
    decoded = bio.decode(np.concatenate(rows), np.array(lengths), bio.softmax_chain(N_TAGS))
    assert [span[:4] for span in decoded] == spans
    assert all(span.score > 0.99 for span in decoded)


@pytest.mark.parametrize("n_texts", [1, 20])
def test_each_of_many_labels_is_decoded_as_itself(n_texts):
    labels = [f"L{i}" for i in range(6)]
    spans = [(2 * i, 2 * i + 2, label) for i, label in enumerate(labels)]
    n_tags = len(bio.tag_names(labels))
    logits = np.eye(n_tags)[bio.encode_spans(12, spans, labels)] * 20.0
    decoded = bio.decode(
        np.tile(logits, (n_texts, 1)), np.full(n_texts, 12), bio.softmax_chain(n_tags)
    )
    assert [(span.text, span.start, span.end, labels[span.label]) for span in decoded] == [
        (text, *span) for text in range(n_texts) for span in spans
    ]


@pytest.mark.parametrize("lengths", [[4], [1, 3, 0, 4]])
def test_expected_transitions_are_those_of_all_sequences(lengths):
    rng = np.random.default_rng(3)
    chain = random_chain(N_TAGS, rng)
    emissions, lengths = random_batch(rng, N_TAGS, lengths)
    packed = PackedTexts(lengths)
    scores = packed.pack(emissions)
    passes = chain.forward_backward(scores, packed)
    expected = np.zeros((N_TAGS, N_TAGS))
    ends = np.cumsum(lengths)
    for start, end in zip(ends - lengths, ends):
        if start == end:
            continue
        sequences = all_sequences(emissions[start:end], chain.transitions)
        for tags, p in sequences.items():
            np.add.at(expected, ([0, *tags[:-1]], list(tags)), p)
    counts = np.ones(len(emissions))
    found = chain.expected_transitions(passes, packed, counts)
    assert found == pytest.approx(expected, abs=1e-9)
    assert chain.expected_transitions(passes, packed, counts * 2) == pytest.approx(
        2 * found
    )


# One label and few texts are decoded by other code than many labels or texts are.
@pytest.mark.parametrize("n_tags", [3, 5])
@pytest.mark.parametrize("lengths", [[4], [1], [3, 0, 4], [4, 2, 1, 4, 3, 3, 0, 2, 1, 4]])
@pytest.mark.parametrize("seed", range(5))
def test_decode_finds_the_likeliest_sequence_and_its_spans_probabilities(
    n_tags, lengths, seed
):
    rng = np.random.default_rng(seed)
    chain = random_chain(n_tags, rng)
    emissions, lengths = random_batch(rng, n_tags, lengths)
    found = bio.decode(emissions, lengths, chain)
    tags = bio.best_tags(emissions, lengths, chain)
    marginals = bio.tag_probabilities(emissions, lengths, chain)
    start = 0
    for text, length in enumerate(lengths):
        part = slice(start, start + length)
        start += length
        if not length:
            assert not [span for span in found if span.text == text]
            continue
        sequences = all_sequences(emissions[part], chain.transitions)
        best = max(sequences, key=sequences.get)
        assert tuple(tags[part]) == best
        of_text = [span for span in found if span.text == text]
        assert [span[1:4] for span in of_text] == spans_of(best)
        for span in of_text:
            expected = sum(p for t, p in sequences.items() if span[1:4] in spans_of(t))
            assert span.score == pytest.approx(expected)
        for i, tag in itertools.product(range(length), range(n_tags)):
            expected = sum(p for t, p in sequences.items() if t[i] == tag)
            assert marginals[part][i, tag] == pytest.approx(expected, abs=1e-12)


def test_a_text_much_longer_than_the_others_is_decoded_as_if_alone():
    rng = np.random.default_rng(1)
    chain = random_chain(3, rng)
    emissions, lengths = random_batch(rng, 3, [3, 5, 400, 2, 0, 7, 1, 4, 300, 6, 2, 5, 4])
    together = bio.decode(emissions, lengths, chain)
    ends = np.cumsum(lengths)
    apart = [
        span._replace(text=text)
        for text in range(len(lengths))
        for span in bio.decode(
            emissions[ends[text] - lengths[text] : ends[text]], lengths[[text]], chain
        )
    ]
    assert [span[:4] for span in together] == [span[:4] for span in apart]
    assert [s.score for s in together] == pytest.approx([s.score for s in apart])


@pytest.mark.parametrize("n_texts", [1, 20])
@pytest.mark.parametrize("tag", [0, 1, 2])
def test_scores_of_extreme_emissions_are_probabilities(n_texts, tag):
    emissions = np.tile(np.eye(3)[tag] * 5000.0, (6 * n_texts, 1))
    found = bio.decode(emissions, np.full(n_texts, 6), bio.softmax_chain(3))
    assert all(0.0 <= span.score <= 1.0 for span in found)


def test_an_inside_tag_at_the_start_of_a_text_does_not_continue_the_text_before():
    # The first text ends in A; the second would begin with I-A.
    emissions = one_hot([1, 2, 2, 0], scale=1.0)
    decoded = bio.decode(emissions, np.array([2, 2]), bio.softmax_chain(N_TAGS))
    assert decoded[0][:4] == (0, 0, 2, 0)
    assert all(span.start == 0 and span.end == 1 for span in decoded[1:])


@pytest.mark.parametrize("n_tags", [3, 5])
@pytest.mark.parametrize("lengths", [[], [0], [0, 0], [0] * 9])
def test_nothing_is_found_in_empty_texts(n_tags, lengths):
    nothing = np.zeros((0, n_tags), dtype="float32")
    lengths = np.array(lengths, dtype=int)
    assert bio.decode(nothing, lengths, bio.softmax_chain(n_tags)) == []


def test_allowed_transitions():
    allowed = bio.allowed_transitions(N_TAGS)
    for before, after in itertools.product(range(N_TAGS), repeat=2):
        is_inside = after > 0 and after % 2 == 0
        assert allowed[before, after] == (not is_inside or before in (after, after - 1))


def test_log_softmax_is_that_of_each_row():
    logits = np.random.default_rng(0).normal(size=(2, 3, 4))
    expected = logits - np.log(np.exp(logits).sum(axis=-1))[..., np.newaxis]
    assert log_softmax(logits) == pytest.approx(expected)


def test_log_softmax_of_large_values_is_finite():
    log_probabilities = log_softmax(np.array([[1e4, -1e4, 0.0]]))
    assert np.isfinite(log_probabilities).all()
    assert np.exp(log_probabilities).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("n_rows", [1, 2])
def test_probabilities_of_large_values_sum_to_one(n_rows):
    for row in probability_rows(np.array([[1e4, 1e4, -1e4]] * n_rows)):
        assert row == pytest.approx([0.5, 0.5, 0.0])


@pytest.mark.parametrize("n_rows", [0, 1, 3])
def test_probabilities_of_one_row_are_those_of_many(n_rows):
    logits = np.random.default_rng(0).normal(size=(n_rows, 4), scale=50).astype("float32")
    expected = np.exp(log_softmax(logits.astype("float64")))
    assert np.allclose(np.reshape(probability_rows(logits), (-1, 4)), expected, atol=1e-6)
