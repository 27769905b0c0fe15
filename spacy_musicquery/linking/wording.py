"""How little a name is one that people ask for: of those that sound equally like what was
heard, the one that is meant is rather 体面, whose characters begin and end names elsewhere,
than 体牙.

What names are made of is told by those that the box knows: how likely a character is behind
another, compared with how likely it is by itself. And these are what most people ask for: the
more others a catalogue has beside them, the less likely each of the others is.
"""

from functools import lru_cache
from math import log10
from typing import Mapping, NamedTuple, Tuple

import numpy as np

from ..saving.pretrained import BOX_PATH
from ..saving.sealed_files import read_file, read_names
from .keys import fold_text, spell

# So many characters have been seen behind any, before the first was.
_SMOOTHING = 10.0
# Natural logarithms, of each character: what reads better than this costs nothing, and what
# is worse by _WORST costs no more. How much it counts beside sounds, as well, was chosen on
# the pairs that benchmarks/linking.py measures.
_GOOD = 0.5
_WORST = 3.0
_WEIGHT = 0.075
# What a name that the box does not know costs, for each time that there are ten times as many
# of them as of those that it knows, and at most.
_UNKNOWN_PER_TENFOLD = 0.11
_MOST_UNKNOWN = 0.16
# Stands before the first character of a name and behind the last.
_EDGE = "\0"


class _Known(NamedTuple):
    """Pairs of characters in names that are known.

    keys (Tuple[str, ...]): The names.
    codes (np.ndarray): The pairs, sorted: the first character's code in the upper half.
    counts (np.ndarray): How often there is each.
    before, behind (np.ndarray): How often each character is the first and the second.
    """

    keys: Tuple[str, ...]
    codes: np.ndarray
    counts: np.ndarray
    before: np.ndarray
    behind: np.ndarray


@lru_cache(maxsize=1)
def _known() -> _Known:
    names = read_names(read_file(BOX_PATH / "catalogue", "box"), "box")
    keys = dict.fromkeys(
        spell(fold_text(name))[0] for of_type in names.values() for name in of_type
    )
    text = "".join(_EDGE + key for key in keys) + _EDGE
    units = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), "<u2")
    firsts, seconds = units[:-1].astype("uint32"), units[1:].astype("uint32")
    codes, counts = np.unique(firsts << 16 | seconds, return_counts=True)
    n_codes = 1 << 16
    return _Known(
        tuple(keys),
        codes,
        counts,
        np.bincount(firsts, minlength=n_codes),
        np.bincount(seconds, minlength=n_codes),
    )


def wording_costs(
    units: np.ndarray, starts: np.ndarray, places: Mapping[str, int]
) -> np.ndarray:
    """Tell what keys cost that do not read like names, or are little known.

    units (np.ndarray): The code points of all keys in a row, as uint16.
    starts (np.ndarray): Where each begins, and where the last ends.
    places (Mapping[str, int]): The place of each.
    RETURNS (np.ndarray): A cost for each, from 0 on (keys,), as float32.
    """
    known = _known()
    lengths = np.diff(starts.astype("int64"))
    n_keys = len(lengths)
    owners = np.repeat(np.arange(n_keys, dtype="int32"), lengths + 1)
    at = np.arange(len(units)) + np.repeat(np.arange(n_keys), lengths)
    firsts = np.zeros(len(owners), dtype="uint32")
    seconds = np.zeros(len(owners), dtype="uint32")
    seconds[at] = units
    firsts[at + 1] = units
    pairs = firsts << 16 | seconds
    found = np.searchsorted(known.codes, pairs)
    found[found == len(known.codes)] = 0
    counts = np.where(known.codes[found] == pairs, known.counts[found], 0)
    # A name that is known says nothing for itself.
    is_known = np.zeros(n_keys, dtype="int64")
    is_known[[places[key] for key in known.keys if key in places]] = 1
    own = is_known[owners]
    alone = (known.behind[seconds] - own + 0.5) / known.counts.sum()
    together = (counts - own + _SMOOTHING * alone) / (
        known.before[firsts] - own + _SMOOTHING
    )
    sums = np.bincount(owners, np.log(together / alone), n_keys)
    worse = np.clip(_GOOD - sums / (lengths + 1), 0.0, _WORST)
    costs = _WEIGHT * worse + np.where(
        is_known, 0.0, _cost_of_unknown(is_known.sum(), n_keys)
    )
    return costs.astype("float32")


def _cost_of_unknown(n_known: int, n_keys: int) -> float:
    """What names cost that the box does not know, among so many that it knows."""
    if n_keys <= 2 * n_known or not n_known:
        return 0.0
    return min(_UNKNOWN_PER_TENFOLD * log10((n_keys - n_known) / n_known), _MOST_UNKNOWN)
