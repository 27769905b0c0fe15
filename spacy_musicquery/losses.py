"""What training minimises: losses of emissions against gold tags."""

from typing import Tuple

import numpy as np

from .bio import MISSING, log_softmax
from .linear_chain import PackedTexts
from .types import EmissionGradients, Emissions, Ints1d


def negative_log_likelihood(
    emissions: Emissions, gold: Ints1d
) -> Tuple[float, EmissionGradients]:
    """The negative log-likelihood of the gold tags, a mean over the characters whose
    tag is known: of whole tag sequences if transitions are learnt, otherwise of
    each character by itself.

    emissions (Emissions): The tag scores (characters, tags).
    gold (Ints1d): One tag a character, MISSING where it is not known.
    RETURNS (Tuple[float, EmissionGradients]): The loss and its gradient.
    """
    if not (gold != MISSING).any():
        return 0.0, EmissionGradients(np.zeros_like(emissions.data))
    if emissions.chain.learnt:
        return _of_sequences(emissions, gold)
    return _of_characters(emissions, gold)


def _of_characters(emissions: Emissions, gold: Ints1d) -> Tuple[float, EmissionGradients]:
    known = np.flatnonzero(gold != MISSING)
    log_prob = log_softmax(emissions.data[known])
    gold_of_known = (np.arange(len(known)), gold[known])
    loss = -float(log_prob[gold_of_known].mean())
    gradient = np.exp(log_prob)
    gradient[gold_of_known] -= 1.0
    d_emissions = np.zeros(emissions.data.shape, dtype="float32")
    d_emissions[known] = gradient / len(known)
    return loss, EmissionGradients(d_emissions)


def _of_sequences(emissions: Emissions, gold: Ints1d) -> Tuple[float, EmissionGradients]:
    """The gradient is the difference of two expectations: over all sequences, and over
    those that agree with the gold tags (Sutton & McCallum 2012, section 4.1). Where a
    tag is missing, every one agrees."""
    chain = emissions.chain
    packed = PackedTexts(emissions.lengths)
    scores = packed.pack(emissions.data)
    gold_packed = np.empty_like(gold)
    gold_packed[packed.position] = gold
    agrees = (gold_packed == np.arange(chain.n_tags)[:, np.newaxis]) | (
        gold_packed == MISSING
    )
    n_known = (gold != MISSING).sum()
    total, expectations = [], []
    for allowed_scores in (scores, np.where(agrees, scores, -np.inf)):
        messages = chain.messages(allowed_scores, packed)
        total.append(np.log(messages.scale).sum() + allowed_scores.max(axis=0).sum())
        transitions = chain.expected_transitions(messages, packed)
        expectations.append((messages.forward * messages.backward, transitions))
    (marginals, transitions), (gold_marginals, gold_transitions) = expectations
    d_emissions = ((marginals - gold_marginals) / n_known)[:, packed.position].T
    d_transitions = (transitions - gold_transitions) / n_known
    gradients = EmissionGradients(
        d_emissions.astype("float32"), d_transitions.astype("float32")
    )
    return float(total[0] - total[1]) / n_known, gradients
