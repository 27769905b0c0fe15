import itertools
from dataclasses import astuple

import numpy as np
import pytest
import spacy
from thinc.util import fix_random_seed

from spacy_musicquery.decoding import bio
from spacy_musicquery.decoding.bio import MISSING
from spacy_musicquery.decoding.emissions import Emissions
from spacy_musicquery.training.losses import make_focal_loss, make_negative_log_likelihood

from ..conftest import FROM_SCRATCH, found, make_examples

LENGTHS = np.array([3, 1, 0, 4])
NO_INTENTS = np.zeros((4, 0))
GOLD = np.array([0, 1, 2, 0, 1, 1, 2, 0])


def make_emissions(crf, n_tags=3, seed=0):
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(LENGTHS.sum(), n_tags), scale=2)
    chain = bio.softmax_chain(n_tags)
    if crf:
        chain = bio.crf_chain(rng.normal(size=(n_tags, n_tags)))
    return Emissions(data, LENGTHS, chain, NO_INTENTS)


LOSSES = [
    make_negative_log_likelihood(),
    make_negative_log_likelihood(missed_weight=3.0, false_alarm_weight=0.5),
    make_focal_loss(gamma=2.0),
    make_focal_loss(gamma=0.5, missed_weight=0.2, false_alarm_weight=4.0),
]
IDS = ["plain", "weighted", "focal", "focal and weighted"]


def brute_force_loss(emissions, gold, gamma=0.0, missed_weight=1.0, false_alarm_weight=1.0):
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
            for tag, gold_tag in zip(sequence, tags):
                if gold_tag not in (tag, MISSING):
                    score *= missed_weight if gold_tag else false_alarm_weight
            total += score
            if all(tag in (s, MISSING) for tag, s in zip(tags, sequence)):
                agreeing += score
        loss -= (1 - agreeing / total) ** gamma * np.log(agreeing / total)
    return loss / (gold != MISSING).sum()


@pytest.mark.parametrize("gold", [GOLD, np.where(np.arange(8) % 3, GOLD, MISSING)])
@pytest.mark.parametrize("function", LOSSES, ids=IDS)
def test_loss_of_sequences_is_that_of_the_definition(function, gold):
    emissions = make_emissions(crf=True)
    loss, _ = function(emissions, gold)
    assert loss == pytest.approx(brute_force_loss(emissions, gold, *astuple(function)))


@pytest.mark.parametrize("crf", [False, True])
@pytest.mark.parametrize("gold", [GOLD, np.where(np.arange(8) % 3, GOLD, MISSING)])
@pytest.mark.parametrize("function", LOSSES, ids=IDS)
def test_gradient_is_the_slope_of_the_loss(function, crf, gold):
    emissions = make_emissions(crf)
    _, gradients = function(emissions, gold)

    def loss_of(data, transitions):
        chain = bio.crf_chain(transitions) if crf else emissions.chain
        return function(emissions._replace(data=data, chain=chain), gold)[0]

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
@pytest.mark.parametrize("function", LOSSES, ids=IDS)
def test_nothing_is_learnt_where_nothing_is_known(function, crf):
    emissions = make_emissions(crf)
    loss, gradients = function(emissions, np.full(len(GOLD), MISSING))
    assert loss == 0.0
    assert not gradients.data.any()
    assert gradients.transitions is None


@pytest.mark.parametrize("crf", [False, True])
@pytest.mark.parametrize("name", ["NegativeLogLikelihood", "FocalLoss"])
def test_weights_decide_where_the_data_do_not(name, crf):
    """Half of the messages say that it is a query, and half that it is none."""
    query = [(1, 3, "MUSIC_QUERY")]
    messages = [("听红豆", query), ("听红豆", [])]
    predicted = {}
    for weight in ("missed_weight", "false_alarm_weight"):
        fix_random_seed(0)
        nlp = spacy.blank("zh")
        loss = {"@losses": f"spacy_musicquery.{name}.v1", weight: 5.0}
        config = {**FROM_SCRATCH, "loss": loss, "model": {"crf": crf}}
        nlp.add_pipe("music_query", config=config)
        examples = make_examples(nlp, messages)
        optimizer = nlp.initialize(lambda examples=examples: examples)
        optimizer.learn_rate = 0.01
        for _ in range(60):
            nlp.update(examples, sgd=optimizer)
        predicted[weight] = found(nlp("听红豆"))
    assert predicted == {"missed_weight": query, "false_alarm_weight": []}


@pytest.mark.parametrize(
    "setting, value", [("gamma", -1.0), ("missed_weight", 0.0), ("false_alarm_weight", "2")]
)
def test_impossible_settings_are_refused(setting, value):
    with pytest.raises(ValueError, match=setting):
        make_focal_loss(**{setting: value})
