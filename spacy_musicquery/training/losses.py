"""What training minimises: losses of emissions against gold tags, and of intents."""

from dataclasses import dataclass
from typing import Callable, Tuple

import numpy as np

from ..decoding.bio import MISSING, OUTSIDE
from ..decoding.emissions import EmissionGradients, Emissions, log_softmax
from ..decoding.linear_chain import PackedTexts
from ..errors import require_number
from ..types import Floats1d, Floats2d, Ints1d

# How much an intent counts beside the tag of a character. More of it would be learnt at
# the cost of the tags.
INTENT_WEIGHT = 0.3

TagLoss = Callable[[Emissions, Ints1d], Tuple[float, EmissionGradients]]


def make_negative_log_likelihood(
    missed_weight: float = 1.0, false_alarm_weight: float = 1.0
) -> TagLoss:
    """The negative log-likelihood of the gold tags, a mean over the characters whose
    tag is known: of whole tag sequences if transitions are learnt, otherwise of each
    character by itself.

    With weights other than 1 it is the softmax-margin (Gimpel & Smith 2010,
    https://aclanthology.org/N10-1112/): a wrong tag counts in the sum over all tags as
    often as the weight says, so that the model learns to keep farther away from it.

    missed_weight (float): Weight of wrong tags inside queries, above 0. More than 1
        misses fewer queries and raises more false alarms.
    false_alarm_weight (float): Weight of wrong tags outside queries, above 0. More
        than 1 raises fewer false alarms and misses more queries.
    RETURNS (Callable): Takes emissions and gold tags, one a character, MISSING where
        it is not known; returns the loss and its gradient.
    RAISES (ValueError): If a weight is not above 0.
    """
    return make_focal_loss(0.0, missed_weight, false_alarm_weight)


def make_focal_loss(
    gamma: float = 2.0, missed_weight: float = 1.0, false_alarm_weight: float = 1.0
) -> TagLoss:
    """The negative log-likelihood times (1 - p)^gamma, where p is the probability of
    the gold tags (Lin et al. 2017, https://arxiv.org/abs/1708.02002): what is easy
    counts less. It is taken of whole texts if transitions are learnt, otherwise of each
    character.

    gamma (float): At least 0; 0 is the plain likelihood.
    missed_weight (float): See `make_negative_log_likelihood`.
    false_alarm_weight (float): See `make_negative_log_likelihood`.
    RETURNS (Callable): As `make_negative_log_likelihood`.
    RAISES (ValueError): If a weight is not above 0, or gamma below 0.
    """
    weights = {"missed_weight": missed_weight, "false_alarm_weight": false_alarm_weight}
    for setting, value in weights.items():
        require_number("loss", setting, value, above=0)
    require_number("loss", "gamma", gamma, at_least=0)
    return _FocalLoss(gamma, missed_weight, false_alarm_weight)


@dataclass(frozen=True)
class _FocalLoss:
    """A class, since a component that is sent to another process must be picklable."""

    gamma: float
    missed_weight: float
    false_alarm_weight: float

    def __call__(
        self, emissions: Emissions, gold: Ints1d
    ) -> Tuple[float, EmissionGradients]:
        if not (gold != MISSING).any():
            return 0.0, EmissionGradients(np.zeros_like(emissions.data))
        n_tags = emissions.data.shape[1]
        costs = _costs(n_tags, self.missed_weight, self.false_alarm_weight)
        emissions = emissions._replace(data=emissions.data + costs[gold])
        if emissions.chain.learnt:
            return _of_sequences(emissions, gold, self.gamma)
        loss, d_emissions = cross_entropy(emissions.data, gold, self.gamma)
        return loss, EmissionGradients(d_emissions)


def cross_entropy(
    logits: Floats2d, gold: Ints1d, gamma: float = 0.0
) -> Tuple[float, Floats2d]:
    """The focal loss of gold classes, a mean over the rows whose class is known.

    logits (Floats2d): Scores (rows, classes).
    gold (Ints1d): One class a row, MISSING where it is not known.
    gamma (float): See `make_focal_loss`; 0 is the plain cross-entropy.
    RETURNS (Tuple[float, Floats2d]): The loss and its gradient.
    """
    gradient = np.zeros(logits.shape, dtype="float32")
    known = np.flatnonzero(gold != MISSING)
    if not len(known):
        return 0.0, gradient
    log_prob = log_softmax(logits[known])
    gold_of_known = (np.arange(len(known)), gold[known])
    losses, slopes = _focus(-log_prob[gold_of_known], gamma)
    d_logits = np.exp(log_prob)
    d_logits[gold_of_known] -= 1.0
    gradient[known] = d_logits * (slopes / len(known))[:, np.newaxis]
    return float(losses.mean()), gradient


def _of_sequences(
    emissions: Emissions, gold: Ints1d, gamma: float
) -> Tuple[float, EmissionGradients]:
    """The gradient is the difference of two expectations: over all sequences, and over
    those that agree with the gold tags (Sutton & McCallum 2012, section 4.1). Where a
    tag is missing, every one agrees."""
    chain = emissions.chain
    packed = PackedTexts(emissions.lengths)
    text = np.empty(len(gold), dtype="int64")
    text[packed.position] = np.arange(len(emissions.lengths)).repeat(emissions.lengths)
    scores = packed.pack(emissions.data)
    gold_packed = np.empty_like(gold)
    gold_packed[packed.position] = gold
    agrees = (gold_packed == np.arange(chain.n_tags)[:, np.newaxis]) | (
        gold_packed == MISSING
    )
    n_known = (gold != MISSING).sum()
    totals, passes = [], []
    for allowed_scores in (scores, np.where(agrees, scores, -np.inf)):
        both_ways = chain.forward_backward(allowed_scores, packed)
        log_scale = np.log(both_ways.scale) + allowed_scores.max(axis=0)
        totals.append(np.bincount(text, log_scale, minlength=len(emissions.lengths)))
        passes.append(both_ways)
    losses, slopes = _focus(totals[0] - totals[1], gamma)
    weights = slopes[text] / n_known
    marginals, gold_marginals = (m.forward * m.backward for m in passes)
    d_emissions = ((marginals - gold_marginals) * weights)[:, packed.position].T
    transitions, gold_transitions = (
        chain.expected_transitions(m, packed, weights) for m in passes
    )
    gradients = EmissionGradients(
        d_emissions.astype("float32"), (transitions - gold_transitions).astype("float32")
    )
    return float(losses.sum()) / n_known, gradients


def _focus(losses: Floats1d, gamma: float) -> Tuple[Floats1d, Floats1d]:
    """Negative log-likelihoods to focal losses, and the slope of each as the
    likelihood changes."""
    if not gamma:
        return losses, np.ones_like(losses)
    # Rounding may leave a certain text a hair more than certain.
    losses = np.maximum(losses, 1e-12)
    wrong = -np.expm1(-losses)
    focus = wrong**gamma
    return losses * focus, focus * (1.0 + gamma * losses * (1.0 - wrong) / wrong)


def _costs(n_tags: int, missed_weight: float, false_alarm_weight: float) -> Floats2d:
    """What is added to the score of each tag, by gold tag; nothing in the last row,
    which MISSING finds."""
    costs = np.zeros((n_tags + 1, n_tags))
    costs[:-1] = np.log(missed_weight)
    costs[OUTSIDE] = np.log(false_alarm_weight)
    np.fill_diagonal(costs, 0.0)
    return costs
