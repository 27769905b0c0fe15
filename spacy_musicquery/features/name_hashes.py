"""Hashes of names, and tables of 64 bits for each.

The hash of characters c is the sum of (c[i] + 1) P^i modulo 2^64, a Rabin fingerprint
(Karp & Rabin 1987, https://doi.org/10.1147/rd.312.0249), mixed. Sums from the start of many
texts give that of any stretch by one subtraction, and a multiplication by a power of 1/P.
With a million names, one stretch in 10^13 is taken for a name that it is not.
"""

from functools import cached_property
from typing import Iterable, Tuple

import numpy as np

from ..types import Ints1d

P = 0x9E3779B97F4A7C15
MIX = 0xD6E8FEB86659FD93
_P_INVERSE = pow(P, -1, 1 << 64)
_HALF = np.uint64(32)
_ALL_BITS = (1 << 64) - 1
# Names that are hashed at a time: sums of all would take more memory than the names.
_AT_A_TIME = 2048


def hashes_of(codes: np.ndarray, lengths: Ints1d) -> Tuple[np.ndarray, np.ndarray]:
    """Hash names.

    codes (np.ndarray): The code points of names, none of them empty, with one character
        between each two.
    lengths (Ints1d): The length of each.
    RETURNS (Tuple[np.ndarray, np.ndarray]): The hash of each, as uint64, none of them 0; and
        that of its first two characters.
    """
    hashes, beginnings = np.zeros((2, len(lengths)), dtype="uint64")
    begin = 0
    for i in range(0, len(lengths), _AT_A_TIME):
        some = lengths[i : i + _AT_A_TIME]
        ends = np.cumsum(some + 1)
        starts = ends - some - 1
        sums, inverse_powers = running_sums(codes[begin : begin + ends[-1]])
        before, inverse = sums[starts], inverse_powers[starts]
        of_all, of_two = sums[starts + some], sums[starts + np.minimum(some, 2)]
        hashes[i : i + _AT_A_TIME] = mixed((of_all - before) * inverse)
        beginnings[i : i + _AT_A_TIME] = mixed((of_two - before) * inverse)
        begin += int(ends[-1])
    return hashes, beginnings


def hash_of(codes: Iterable[int]) -> int:
    """Hash one name, in less time than `hashes_of` takes for one.

    codes (Iterable[int]): Its code points.
    RETURNS (int): Its hash.
    """
    total, power = 0, 1
    for code in codes:
        total += (code + 1) * power
        power = power * P & _ALL_BITS
    total &= _ALL_BITS
    for _ in range(2):
        total = (total ^ (total >> 32)) * MIX & _ALL_BITS
    return total | 1


def running_sums(codes: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Of characters times powers of P, before every character and after the last; and
    the powers of 1/P."""
    powers = np.full(len(codes) + 1, P, dtype="uint64")
    inverse_powers = np.full(len(codes) + 1, _P_INVERSE, dtype="uint64")
    powers[0] = inverse_powers[0] = 1
    np.multiply.accumulate(powers, out=powers)
    np.multiply.accumulate(inverse_powers, out=inverse_powers)
    sums = np.zeros(len(codes) + 1, dtype="uint64")
    # No character is zero times anything: U+0000 counts as well.
    np.cumsum((codes.astype("uint64") + np.uint64(1)) * powers[:-1], out=sums[1:])
    return sums, inverse_powers


def mixed(sums: np.ndarray) -> np.ndarray:
    """Spread over all 64 bits, of which tables take the upper ones. Odd, so that 0 is
    none."""
    sums = (sums ^ (sums >> _HALF)) * np.uint64(MIX)
    return (sums ^ (sums >> _HALF)) * np.uint64(MIX) | np.uint64(1)


class MaskTable:
    """64 bits for each of some hashes. Does not change: `joined` makes another one.

    slots (np.ndarray): Hashes and their bits, in turn: each at twice its upper bits, or
        at the next free place, so that those that are looked up for it are in order.
        0 is a free place (2 x slots,).
    shift (int): By how much to shift a hash for its upper bits.
    """

    def __init__(self, hashes: np.ndarray, masks: np.ndarray) -> None:
        """Make a table.

        hashes (np.ndarray): Different hashes, in order, none of them 0.
        masks (np.ndarray): The bits of each, as uint64; some.
        """
        self._n_hashes = len(hashes)
        n_bits = (2 * len(hashes) + 1).bit_length()
        self.shift = 64 - n_bits
        home = (hashes >> np.uint64(self.shift)).astype("int64")
        order = np.arange(len(hashes))
        places = np.maximum.accumulate(home - order) + order
        # One more than any is looked up beyond: it ends the search.
        n_slots = max(1 << n_bits, places.max(initial=0) + 1) + 1
        slots = np.zeros((n_slots, 2), dtype="uint64")
        slots[places, 0] = hashes
        slots[places, 1] = masks
        self.slots = slots.reshape(-1)

    @classmethod
    def empty(cls) -> "MaskTable":
        """Make a table without hashes.

        RETURNS (MaskTable): A table without hashes.
        """
        return cls(*np.zeros((2, 0), dtype="uint64"))

    def __len__(self) -> int:
        """The number of hashes."""
        return self._n_hashes

    def __contains__(self, key: int) -> bool:
        """Whether a hash is in the table."""
        place = 2 * (key >> self.shift)
        while (found := int(self.slots[place])) and found != key:
            place += 2
        return found == key

    # The kernel needs the slots alone; what numpy looks up takes half as much memory again.
    @cached_property
    def hashes(self) -> np.ndarray:
        """The hashes of the table.

        RETURNS (np.ndarray): The hashes, in order.
        """
        return self._of_each(0)

    @cached_property
    def _masks(self) -> np.ndarray:
        """The bits of each hash."""
        return self._of_each(1)

    def _of_each(self, column: int) -> np.ndarray:
        slots = self.slots.reshape(-1, 2)
        return slots[slots[:, 0] != 0, column]

    def masks_of(self, hashes: np.ndarray) -> np.ndarray:
        """Look hashes up.

        hashes (np.ndarray): Any hashes.
        RETURNS (np.ndarray): The bits of each, 0 for those that are not in the table.
        """
        if not len(self):
            return np.zeros(len(hashes), dtype="uint64")
        places = np.minimum(self.hashes.searchsorted(hashes), len(self) - 1)
        return self._masks[places] * (self.hashes[places] == hashes)

    def joined(self, hashes: np.ndarray, masks: np.ndarray) -> "MaskTable":
        """Add hashes, or bits to those that are there.

        hashes (np.ndarray): Further hashes; they may repeat, and be known already.
        masks (np.ndarray): Bits to set for each; some.
        RETURNS (MaskTable): A table of these and of all that this one has.
        """
        if not len(hashes):
            return self
        order = hashes.argsort()
        hashes = hashes[order]
        first = np.flatnonzero(np.diff(hashes, prepend=np.uint64(0)))
        hashes, masks = hashes[first], np.bitwise_or.reduceat(masks[order], first)
        if not len(self):
            return MaskTable(hashes, masks)
        # Those that are there get the bits besides, the others a place in order.
        is_new = self.masks_of(hashes) == 0
        places = self.hashes.searchsorted(hashes)
        all_masks = self._masks.copy()
        all_masks[places[~is_new]] |= masks[~is_new]
        return MaskTable(
            np.insert(self.hashes, places[is_new], hashes[is_new]),
            np.insert(all_masks, places[is_new], masks[is_new]),
        )
