"""Which keys have which features: the inverted index behind `search`.

Features are of sounds with confusions folded: pairs of neighbouring syllables, pairs with
one between, in short keys single syllables at their place and the initials; of Latin
letters three in a row.
"""

from typing import List, NamedTuple

import numpy as np

from .sounds import FIRST_LETTER, N_FOLDED, SoundTable

# Keys of up to so many characters have features of single ones.
SHORT = 4
# 26 and the end of a key; and the letters that spellings begin with, or none.
N_LETTERS = 27
N_INITIALS = 27

# Where the features of each kind begin.
PAIRS = 0
SKIPS = PAIRS + N_FOLDED * N_FOLDED
PLACED = SKIPS + N_FOLDED * N_FOLDED
INITIALS = PLACED + SHORT * SHORT * N_FOLDED
LETTERS = INITIALS + 2 * N_INITIALS**3
N_FEATURES = LETTERS + N_LETTERS**3


class Postings(NamedTuple):
    """The keys of all features.

    keys (np.ndarray): In a row, by feature, as int32.
    offsets (np.ndarray): Where those of each feature begin (N_FEATURES + 1,), as uint32.
    """

    keys: np.ndarray
    offsets: np.ndarray


def make_postings(units: np.ndarray, starts: np.ndarray, sounds: SoundTable) -> Postings:
    """Make the inverted index of keys.

    units (np.ndarray): The code points of all keys in a row, as uint16.
    starts (np.ndarray): Where each begins, and where the last ends, as uint32.
    sounds (SoundTable): How characters sound.
    RETURNS (Postings): The keys of each feature.
    """
    pairs = _features_of(units, starts, sounds.folded, sounds.initials)
    # What has another reading may have been heard by that.
    is_other = sounds.folded_other[units] != sounds.folded[units]
    has_other = np.zeros(len(starts), dtype=bool)
    lengths = np.diff(starts.astype("int64"))
    key_of = np.repeat(np.arange(len(lengths)), lengths)
    has_other[key_of[is_other]] = True
    if has_other.any():
        others = _features_of(units, starts, sounds.folded_other, sounds.initials)
        pairs.extend(of_kind[has_other[of_kind & 0xFFFFFFFF]] for of_kind in others)
    both = np.unique(np.concatenate(pairs).astype("uint64"))
    keys = (both & np.uint64(0xFFFFFFFF)).astype("int32")
    counts = np.bincount((both >> np.uint64(32)).astype("int64"), minlength=N_FEATURES)
    offsets = np.zeros(N_FEATURES + 1, dtype="uint32")
    np.cumsum(counts, out=offsets[1:])
    return Postings(keys, offsets)


def _features_of(
    units: np.ndarray, starts: np.ndarray, folded_of: np.ndarray, initials_of: np.ndarray
) -> List[np.ndarray]:
    """Each feature of each key, the feature in the upper 32 bits and the key in the lower."""
    lengths = np.diff(starts.astype("int64"))
    key_of = np.repeat(np.arange(len(lengths), dtype="int64"), lengths)
    at = np.arange(len(units)) - np.repeat(starts[:-1].astype("int64"), lengths)
    left = lengths[key_of] - at
    folded = folded_of[units].astype("int64")
    is_letter = (folded >= FIRST_LETTER) & (folded < FIRST_LETTER + N_LETTERS - 1)
    letters = np.where(is_letter, folded - FIRST_LETTER + 1, 0)
    one, two, three = folded, _shifted(folded, 1), _shifted(folded, 2)
    of_one, of_two = is_letter, _shifted(is_letter, 1)
    of_three = _shifted(is_letter, 2)
    found = []

    def add(where: np.ndarray, features: np.ndarray) -> None:
        found.append(features[where] << 32 | key_of[where])

    add((left > 1) & ~(of_one & of_two), PAIRS + one * N_FOLDED + two)
    add((left > 2) & ~(of_one & of_three), SKIPS + one * N_FOLDED + three)
    length = lengths[key_of]
    placed = PLACED + ((length - 1) * SHORT + at) * N_FOLDED + one
    add(length <= SHORT, placed)
    a, b, c = letters, _shifted(letters, 1), _shifted(letters, 2)
    square = N_LETTERS * N_LETTERS
    add((left > 1) & (at == 0) & of_one & of_two, LETTERS + a * N_LETTERS + b)
    add((left == 2) & of_one & of_two, LETTERS + a * square + b * N_LETTERS)
    in_row = (left > 2) & of_one & of_two & of_three
    add(in_row, LETTERS + a * square + b * N_LETTERS + c)
    initials = initials_of[units].astype("int64")
    of_two_units = initials * N_INITIALS + _shifted(initials, 1)
    add((length == 2) & (at == 0), INITIALS + of_two_units)
    of_three_units = N_INITIALS**3 + of_two_units * N_INITIALS + _shifted(initials, 2)
    add((length == 3) & (at == 0), INITIALS + of_three_units)
    return found


def _shifted(values: np.ndarray, by: int) -> np.ndarray:
    """What stands some places further on, and nothing at the end."""
    shifted = np.zeros_like(values)
    shifted[:-by] = values[by:]
    return shifted
