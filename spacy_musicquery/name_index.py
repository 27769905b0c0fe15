"""Many names, found in many texts at once: numpy looks up a hash of every stretch of the
texts that is as long as some name.

The hash of characters c is the sum of c[i] P^i modulo 2^64, a Rabin fingerprint (Karp &
Rabin 1987, https://doi.org/10.1147/rd.312.0249), mixed. Sums from the start of the batch
give that of any stretch by one subtraction, and a multiplication by a power of 1/P. With
a million names, one stretch in 10^13 is taken for a name that it is not.
"""

from typing import List, NamedTuple, Sequence, Tuple

import numpy as np

from .encoding import code_points
from .types import Ints1d

_P = 0x9E3779B97F4A7C15
_P_INVERSE = pow(_P, -1, 1 << 64)
_MIX = np.uint64(0xD6E8FEB86659FD93)
_HALF = np.uint64(32)
# Slots of the filter, for each name: what it lets pass needlessly must be looked up.
_SLOTS_PER_NAME = 8
_LEAST_BITS, _MOST_BITS = 14, 26


class Matches(NamedTuple):
    """Names that occur in a batch of texts.

    starts (Ints1d): Their first characters, counted through the whole batch.
    lengths (Ints1d): How many characters they have.
    types (Ints1d): Their types.
    """

    starts: Ints1d
    lengths: Ints1d
    types: Ints1d


class NameIndex:
    """Names and their types. Does not change: `joined` makes another one."""

    def __init__(self, hashes: np.ndarray, types: Ints1d, lengths: Sequence[int]) -> None:
        """hashes (np.ndarray): The hashes of the names, in order; one that has two types
            comes twice.
        types (Ints1d): The type of each.
        lengths (Sequence[int]): The lengths that names have, in order.
        """
        self._hashes = hashes
        self._types = types
        self._lengths = tuple(lengths)
        n_bits = int(len(hashes) * _SLOTS_PER_NAME).bit_length()
        n_bits = min(max(n_bits, _LEAST_BITS), _MOST_BITS)
        self._shift = np.uint64(64 - n_bits)
        self._filter = np.zeros(1 << n_bits, dtype=bool)
        self._filter[hashes >> self._shift] = True

    @classmethod
    def empty(cls) -> "NameIndex":
        """RETURNS (NameIndex): An index without names."""
        return cls(np.zeros(0, dtype="uint64"), np.zeros(0, dtype="int16"), ())

    def joined(self, names: Sequence[str], types: Sequence[int]) -> "NameIndex":
        """names (Sequence[str]): Further names, none of them empty.
        types (Sequence[int]): The type of each.
        RETURNS (NameIndex): An index of these and the names of this one.
        """
        lengths = np.fromiter(map(len, names), "int64", len(names))
        starts = lengths.cumsum() - lengths
        sums, inverse_powers = _running_sums(code_points("".join(names)))
        hashes = _mixed((sums[starts + lengths] - sums[starts]) * inverse_powers[starts])
        order = hashes.argsort(kind="stable")
        places = self._hashes.searchsorted(hashes[order], side="right")
        return NameIndex(
            np.insert(self._hashes, places, hashes[order]),
            np.insert(self._types, places, np.asarray(types, dtype="int16")[order]),
            sorted({*self._lengths, *np.unique(lengths).tolist()}),
        )

    def find(self, text: str, sizes: Ints1d) -> Matches:
        """Find the names in a batch of texts. In the middle of a word of Latin letters or
        digits no name begins or ends.

        text (str): The texts in a row, normalised as the names are.
        sizes (Ints1d): The length of each text.
        RETURNS (Matches): The names; they may overlap.
        """
        codes = code_points(text)
        sums, inverse_powers = _running_sums(codes)
        can_begin, can_end, room = _edges(codes, sizes)
        starts = can_begin.nonzero()[0]
        found: List[Tuple[Ints1d, Ints1d, int]] = []
        for length in self._lengths:
            starts = starts[room[starts] >= length]
            if not len(starts):
                break
            here = starts[can_end[starts + length]]
            stretches = (sums[here + length] - sums[here]) * inverse_powers[here]
            hashes = _mixed(stretches)
            passed = self._filter[hashes >> self._shift].nonzero()[0]
            if len(passed):
                found.append((here[passed], hashes[passed], length))
        if not found:
            return Matches(*np.zeros((3, 0), dtype="int64"))
        return self._looked_up(
            np.concatenate([starts for starts, _, _ in found]),
            np.concatenate([hashes for _, hashes, _ in found]),
            np.repeat([n for _, _, n in found], [len(starts) for starts, _, _ in found]),
        )

    def _looked_up(self, starts: Ints1d, hashes: np.ndarray, lengths: Ints1d) -> Matches:
        """Those of some stretches that are names, once for each of their types."""
        first = self._hashes.searchsorted(hashes, side="left")
        counts = self._hashes.searchsorted(hashes, side="right") - first
        nth = np.arange(counts.sum()) - (counts.cumsum() - counts).repeat(counts)
        types = self._types[first.repeat(counts) + nth]
        return Matches(starts.repeat(counts), lengths.repeat(counts), types)


def _running_sums(codes: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Of characters times powers of P, before every character and after the last; and
    the powers of 1/P."""
    powers = np.full(len(codes) + 1, _P, dtype="uint64")
    inverse_powers = np.full(len(codes) + 1, _P_INVERSE, dtype="uint64")
    powers[0] = inverse_powers[0] = 1
    np.multiply.accumulate(powers, out=powers)
    np.multiply.accumulate(inverse_powers, out=inverse_powers)
    sums = np.zeros(len(codes) + 1, dtype="uint64")
    # No character is zero times anything: U+0000 counts as well.
    np.cumsum((codes.astype("uint64") + np.uint64(1)) * powers[:-1], out=sums[1:])
    return sums, inverse_powers


def _mixed(sums: np.ndarray) -> np.ndarray:
    """Spread over all 64 bits, of which the filter takes the upper ones."""
    sums = (sums ^ (sums >> _HALF)) * _MIX
    return (sums ^ (sums >> _HALF)) * _MIX


def _edges(codes: np.ndarray, sizes: Ints1d) -> Tuple[np.ndarray, np.ndarray, Ints1d]:
    """For each place between characters whether a name may begin, and whether one may
    end there; and how many characters follow in the same text."""
    ends = np.cumsum(sizes, dtype="int64")
    in_word = _IS_WORD[np.minimum(codes, _IS_WORD.size - 1)]
    between = np.zeros(len(codes) + 1, dtype=bool)
    between[1:-1] = in_word[1:] & in_word[:-1]
    between[ends] = False
    room = ends.repeat(sizes) - np.arange(len(codes))
    return ~between[:-1], ~between, room


# ASCII letters and digits; the last one stands for all other characters.
_IS_WORD = np.array([chr(code).isalnum() for code in range(128)] + [False])
