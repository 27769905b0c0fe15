"""Names for arrays and what they hold.

Floats2d and the like say what thinc's types of the same names say, but stand for
numpy arrays: this package computes on the CPU, whatever thinc's current ops are.
"""

import numpy as np

from ._moved import names_of

Floats1d = np.ndarray
Floats2d = np.ndarray
Floats3d = np.ndarray
FloatsXd = np.ndarray
Ints1d = np.ndarray
Ints2d = np.ndarray
Ints3d = np.ndarray

# Emissions were here.
__getattr__ = names_of("types")
