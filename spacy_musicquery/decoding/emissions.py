"""What a tagger makes of texts: emissions, of which decoding makes spans; and their
gradients, of which training makes better emissions."""

from math import exp
from typing import List, NamedTuple, Optional

import numpy as np

from ..types import Floats2d, Ints1d
from .linear_chain import LinearChain


class Emissions(NamedTuple):
    """Tag scores of a batch of texts.

    data (Floats2d): One row a character, the texts one after the other, and one
        column a tag. Unnormalised: logits.
    lengths (Ints1d): How many rows each text has.
    chain (LinearChain): The scores of the transitions between tags.
    intents (Floats2d): One row a text, one column an intent, if any were learnt. Logits.
    utterances (Optional[Floats2d]): One row a text: the vector that intents are scored
        from. None where nothing is trained.
    """

    data: Floats2d
    lengths: Ints1d
    chain: "LinearChain"
    intents: Floats2d
    utterances: Optional[Floats2d] = None


class EmissionGradients(NamedTuple):
    """The gradient of a loss with respect to emissions.

    data (Floats2d): With respect to `Emissions.data`.
    transitions (Optional[Floats2d]): With respect to the transitions (tags, tags);
        None if they are not learnt.
    intents (Optional[Floats2d]): With respect to `Emissions.intents`; None for none.
    utterances (Optional[Floats2d]): With respect to `Emissions.utterances`; None for none.
    """

    data: Floats2d
    transitions: Optional[Floats2d] = None
    intents: Optional[Floats2d] = None
    utterances: Optional[Floats2d] = None

    def times(self, factor: float) -> "EmissionGradients":
        """Scale all gradients.

        factor (float): Any number.
        RETURNS (EmissionGradients): All gradients, times the factor.
        """
        scaled = (None if part is None else part * np.float32(factor) for part in self)
        return EmissionGradients._make(scaled)


def probability_rows(logits: Floats2d) -> List[List[float]]:
    """Turn rows of logits into probabilities. Of a single row, as a chatbot's usual message
    has, plain Python needs a tenth of numpy's time.

    logits (Floats2d): (rows, classes), at least one class.
    RETURNS (List[List[float]]): The same shape; every row sums to 1.
    """
    if len(logits) > 1:
        return np.exp(log_softmax(logits)).tolist()
    rows = []
    for row in logits.tolist():
        top = max(row)
        weights = [exp(logit - top) for logit in row]
        total = sum(weights)
        rows.append([weight / total for weight in weights])
    return rows


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Turn logits into log probabilities.

    logits (np.ndarray): (..., tags).
    RETURNS (np.ndarray): Log probabilities over the last axis.
    """
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
