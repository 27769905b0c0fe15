import itertools

import numpy as np
import pytest

from spacy_musicquery import bio
from spacy_musicquery.bio import MISSING
from spacy_musicquery.losses import negative_log_likelihood
from spacy_musicquery.types import Emissions

LENGTHS = np.array([3, 1, 0, 4])
GOLD = np.array([0, 1, 2, 0, 1, 1, 2, 0])


def make_emissions(crf, n_tags=3, seed=0):
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(LENGTHS.sum(), n_tags), scale=2)
    chain = bio.softmax_chain(n_tags)
    if crf:
        chain = bio.crf_chain(rng.normal(size=(n_tags, n_tags)))
    return Emissions(data, LENGTHS, chain)


def brute_force_loss(emissions, gold):
    """By the definition: sums over all legal sequences of each text."""
    loss, start = 0.0, 0
    transitions = emissions.chain.transitions
    for length in emissions.lengths:
        rows, tags = emissions.data[start : start + length], gold[start : start + length]
        start += length
        total = agreeing = 0.0
        for sequence in itertools.product(range(rows.shape[1]), repeat=int(length)):
            steps = zip((0, *sequence), sequence)
            score = sum(rows[i, tag] for i, tag in enumerate(sequence))
            score = np.exp(score + sum(transitions[step] for step in steps))
            total += score
            if all(tag in (s, MISSING) for tag, s in zip(tags, sequence)):
                agreeing += score
        loss += np.log(total) - np.log(agreeing)
    return loss / (gold != MISSING).sum()


@pytest.mark.parametrize("gold", [GOLD, np.where(np.arange(8) % 3, GOLD, MISSING)])
def test_loss_of_sequences_is_their_negative_log_likelihood(gold):
    emissions = make_emissions(crf=True)
    loss, _ = negative_log_likelihood(emissions, gold)
    assert loss == pytest.approx(brute_force_loss(emissions, gold))


@pytest.mark.parametrize("crf", [False, True])
@pytest.mark.parametrize("gold", [GOLD, np.where(np.arange(8) % 3, GOLD, MISSING)])
def test_gradient_is_the_slope_of_the_loss(crf, gold):
    emissions = make_emissions(crf)
    _, gradients = negative_log_likelihood(emissions, gold)

    def loss_of(data, transitions):
        chain = bio.crf_chain(transitions) if crf else emissions.chain
        return negative_log_likelihood(Emissions(data, LENGTHS, chain), gold)[0]

    transitions = emissions.chain.transitions
    checked = [(0, gradients.data)]
    if crf:
        checked.append((1, gradients.transitions))
    for which, gradient in checked:
        for index in np.ndindex(gradient.shape):
            slopes = []
            for step in (1e-5, -1e-5):
                moved = [emissions.data.copy(), transitions.copy()]
                moved[which][index] += step
                slopes.append(loss_of(*moved))
            slope = (slopes[0] - slopes[1]) / 2e-5
            assert gradient[index] == pytest.approx(slope, abs=1e-5)


@pytest.mark.parametrize("crf", [False, True])
def test_nothing_is_learnt_where_nothing_is_known(crf):
    emissions = make_emissions(crf)
    loss, gradients = negative_log_likelihood(emissions, np.full(len(GOLD), MISSING))
    assert loss == 0.0
    assert not gradients.data.any()
    assert gradients.transitions is None
