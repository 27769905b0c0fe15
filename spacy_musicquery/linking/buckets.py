"""Keys by a hash, as two arrays: what a dictionary of a million strings would be, in an
eighth of its memory and read from a file as it stands."""

from typing import Tuple

import numpy as np

PRIME = 0x9E3779B97F4A7C15
ALL_BITS = (1 << 64) - 1


def make_buckets(
    units: np.ndarray, starts: np.ndarray, keys: np.ndarray
) -> Tuple[np.ndarray, np.ndarray]:
    """Sort keys into buckets by their hash, which begins with 0 and for each unit becomes
    ((hash ^ unit) + 1) * PRIME; its upper bits are the bucket.

    units (np.ndarray): The units of all keys in a row.
    starts (np.ndarray): Where each key begins, and where the last ends.
    keys (np.ndarray): The places of those to sort in.
    RETURNS (Tuple[np.ndarray, np.ndarray]): The keys by bucket, as int32; and where those
        of each bucket begin, as uint32: two to some power and one.
    """
    hashes = np.zeros(len(keys), dtype="uint64")
    begins = starts[keys].astype("int64")
    lengths = starts[keys + 1].astype("int64") - begins
    rest = np.arange(len(keys))
    prime, one = np.uint64(PRIME), np.uint64(1)
    for i in range(int(lengths.max(initial=0))):
        rest = rest[lengths[rest] > i]
        of_rest = units[begins[rest] + i].astype("uint64")
        hashes[rest] = ((hashes[rest] ^ of_rest) + one) * prime
    n_bits = max(1, len(keys).bit_length())
    buckets = (hashes >> np.uint64(64 - n_bits)).astype("int64")
    order = np.argsort(buckets, kind="stable")
    offsets = np.zeros((1 << n_bits) + 1, dtype="uint32")
    np.cumsum(np.bincount(buckets, minlength=1 << n_bits), out=offsets[1:])
    return keys[order].astype("int32"), offsets


def shift_of(offsets: np.ndarray) -> int:
    """Tell which bits of a hash are the bucket.

    offsets (np.ndarray): Where the keys of each bucket begin.
    RETURNS (int): How far a hash is shifted to the right.
    """
    return 65 - (len(offsets) - 1).bit_length()
