"""Names for arrays and what they hold.

Floats2d and the like say what thinc's types of the same names say, but stand for
numpy arrays: this package computes on the CPU, whatever thinc's current ops are.
"""

from typing import NamedTuple

import numpy as np

Floats1d = np.ndarray
Floats2d = np.ndarray
Floats3d = np.ndarray
FloatsXd = np.ndarray
Ints1d = np.ndarray
Ints2d = np.ndarray


class Emissions(NamedTuple):
    """Tag scores of a batch of texts, or the gradient with respect to them.

    data (Floats2d): One row a character, the texts one after the other, and one
        column a tag. Unnormalised: logits.
    lengths (Ints1d): How many rows each text has.
    """

    data: Floats2d
    lengths: Ints1d
