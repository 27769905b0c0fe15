"""Names for arrays and what they hold.

Floats2d and the like say what thinc's types of the same names say, but stand for
numpy arrays: this package computes on the CPU, whatever thinc's current ops are.
"""

from typing import TYPE_CHECKING, NamedTuple, Optional

import numpy as np

if TYPE_CHECKING:
    from .decoding.linear_chain import LinearChain

Floats1d = np.ndarray
Floats2d = np.ndarray
Floats3d = np.ndarray
FloatsXd = np.ndarray
Ints1d = np.ndarray
Ints2d = np.ndarray
Ints3d = np.ndarray


class Emissions(NamedTuple):
    """Tag scores of a batch of texts.

    data (Floats2d): One row a character, the texts one after the other, and one
        column a tag. Unnormalised: logits.
    lengths (Ints1d): How many rows each text has.
    chain (LinearChain): The scores of the transitions between tags.
    intents (Floats2d): One row a text, one column an intent, if any were learnt. Logits.
    """

    data: Floats2d
    lengths: Ints1d
    chain: "LinearChain"
    intents: Floats2d


class EmissionGradients(NamedTuple):
    """The gradient of a loss with respect to emissions.

    data (Floats2d): With respect to `Emissions.data`.
    transitions (Optional[Floats2d]): With respect to the transitions (tags, tags);
        None if they are not learnt.
    intents (Optional[Floats2d]): With respect to `Emissions.intents`; None for none.
    """

    data: Floats2d
    transitions: Optional[Floats2d] = None
    intents: Optional[Floats2d] = None

    def times(self, factor: float) -> "EmissionGradients":
        """factor (float): Any number.
        RETURNS (EmissionGradients): All gradients, times the factor.
        """
        scaled = (None if part is None else part * np.float32(factor) for part in self)
        return EmissionGradients._make(scaled)
