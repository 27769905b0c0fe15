"""From costs to probabilities.

What a query may mean are its readings, and that it means nothing the catalogue has. Each has a
score: a reading loses with its cost, and that nothing is meant becomes less likely the more
characters agree. Their softmax is the probability of each (a conditional logit with an outside
option). The coefficients are fitted by benchmarks/linking_calibration.py, on names of the
project's own that were misheard by a program.

Cython compiles this module like `search`, with the types that score.pxd declares.
"""

from math import exp, log10
from typing import List, NamedTuple, Sequence


class Calibration(NamedTuple):
    """The coefficients.

    per_cost (float): What a reading loses with a cost of 1.
    exact (float): What it gains if nothing differs.
    nothing (float): The score that nothing is meant, for a query without characters in a
        catalogue of one name,
    per_char (float): what it loses with each character of the query,
    per_tenfold (float): and gains where the catalogue has ten times as many names.
    """

    per_cost: float
    exact: float
    nothing: float
    per_char: float
    per_tenfold: float


CALIBRATION = Calibration(
    per_cost=5.06, exact=1.91, nothing=-5.23, per_char=0.58, per_tenfold=0.89
)
# Further characters make nothing more certain.
_MOST_CHARS = 10
# Nor does a catalogue that is smaller than this: it has less of what could be meant.
_LEAST_KEYS = 3000


def probabilities(
    costs: Sequence[float],
    n_chars: int,
    n_keys: int,
    calibration: Calibration = CALIBRATION,
) -> List[float]:
    """Tell how likely each reading of a query is.

    costs (Sequence[float]): What each costs.
    n_chars (int): How many characters the query has.
    n_keys (int): How many names the catalogue has.
    calibration (Calibration): The coefficients.
    RETURNS (List[float]): The probability of each; together with that of nothing they are 1.
    """
    per_cost, exact, nothing, per_char, per_tenfold = calibration
    nothing -= per_char * min(n_chars, _MOST_CHARS)
    nothing += per_tenfold * log10(max(_LEAST_KEYS, n_keys))
    something = 0.0
    weights = []
    for cost in costs:
        weight = exp(-per_cost * cost + (exact if cost == 0 else 0.0))
        weights.append(weight)
        something += weight
    total = exp(nothing) + something
    return [weight / total for weight in weights]
