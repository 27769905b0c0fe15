"""Contrast: vectors of utterances of one intent move together, and those of others apart,
before intents are learnt from them: what SetFit does with sentence transformers (Tunstall et
al. 2022, https://arxiv.org/abs/2209.11055), as n messages make some n squared pairs."""

from typing import Tuple

import numpy as np

from ..decoding.bio import MISSING
from ..errors import require_number
from ..types import Floats2d, Ints1d

# Rather than to divide by the length of a vector of nothing.
_SHORTEST = 1e-6


class Contrast:
    """What to do before intents are learnt. A plain class, as `Rehearsal` is."""

    def __init__(self, steps: int, weight: float) -> None:
        """Keep the settings of `make_contrast`."""
        self.steps = steps
        self.weight = weight

    def of_vectors(self, vectors: Floats2d, gold: Ints1d) -> Tuple[float, Floats2d]:
        """How far the cosines of all pairs of vectors are from what they should be: 1 within
        an intent, 0 across intents. Mean squares, of both kinds of pairs as much.

        vectors (Floats2d): (texts, width).
        gold (Ints1d): The intent of each text, MISSING where it is not known.
        RETURNS (Tuple[float, Floats2d]): The loss and its gradient.
        """
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True) + _SHORTEST
        directions = vectors / lengths
        cosines = directions @ directions.T
        known = gold != MISSING
        is_pair = np.triu(np.outer(known, known), k=1)
        is_within = gold[:, np.newaxis] == gold
        loss, d_cosines = 0.0, np.zeros_like(cosines)
        for of_kind, goal in ((is_within, 1.0), (~is_within, 0.0)):
            chosen = is_pair & of_kind
            n_pairs = chosen.sum()
            if n_pairs:
                distance = np.where(chosen, cosines - goal, 0.0)
                loss += 0.5 * float((distance**2).sum()) / n_pairs
                d_cosines += distance / n_pairs
        d_directions = (d_cosines + d_cosines.T) @ directions
        along = (d_directions * directions).sum(axis=1, keepdims=True)
        gradient = (d_directions - along * directions) / lengths
        return loss, gradient.astype("float32")


def make_contrast(steps: int = 100, weight: float = 1.0) -> Contrast:
    """Contrast intents, for [initialize.components.music_query.contrast]. Tags are learnt
    meanwhile as ever.

    steps (int): For so many updates, from the first on, vectors of utterances are moved
        instead of intents being learnt; at least 1.
    weight (float): How much that counts beside the tags, relative to what intents do; above 0.
    RETURNS (Contrast): For `MusicQuery.initialize`.
    RAISES (ValueError): If a setting has a value that is not allowed.
    """
    require_number("contrast", "steps", steps, at_least=1, whole=True)
    require_number("contrast", "weight", weight, above=0)
    return Contrast(steps, weight)
