"""Pairs of neighbouring characters to ids."""

from typing import Dict

import numpy as np

from .encoding import PAD_ID, UNK_ID
from .types import Ints1d, Ints2d

UNKNOWN_BIGRAM = 0


class BigramInventory:
    """The pairs of neighbouring characters that a model knows, each with an id. 0 is
    any other pair. At the edges of a text the neighbour is padding."""

    def __init__(self, pairs: Ints2d) -> None:
        """pairs (Ints2d): The ids of the characters of each pair (pairs, 2), in order;
        the first pair has id 1."""
        self.pairs = np.asarray(pairs, dtype="int32").reshape(-1, 2)
        # One more at the end, so that a search past all others finds no equal.
        self._keys = np.append(_keys(self.pairs[:, 0], self.pairs[:, 1]), -1)

    def __len__(self) -> int:
        """The number of ids, the one of unknown pairs included."""
        return len(self.pairs) + 1

    @classmethod
    def learnt_from(
        cls, ids: Ints1d, lengths: Ints1d, *, min_count: int
    ) -> "BigramInventory":
        """An inventory of the pairs of some texts.

        ids (Ints1d): The ids of all characters in a row.
        lengths (Ints1d): The length of each text.
        min_count (int): How often a pair must occur.
        RETURNS (BigramInventory): The inventory. Pairs with an unknown character are
            not in it.
        """
        before, after = _neighbours(ids, lengths)
        ends = after == PAD_ID
        left = np.concatenate([before, ids[ends]])
        right = np.concatenate([ids, after[ends]])
        known = (left != UNK_ID) & (right != UNK_ID)
        keys, counts = np.unique(_keys(left[known], right[known]), return_counts=True)
        frequent = keys[counts >= min_count]
        return cls(np.stack([frequent >> 32, frequent & 0xFFFFFFFF], axis=1))

    def encode(self, ids: Ints1d, lengths: Ints1d) -> Ints2d:
        """The pairs that each character makes with its neighbours.

        ids (Ints1d): The ids of all characters in a row.
        lengths (Ints1d): The length of each text.
        RETURNS (Ints2d): The ids of the pair with the character before and of the one
            with the character after (characters, 2).
        """
        before, after = _neighbours(ids, lengths)
        keys = np.stack([_keys(before, ids), _keys(ids, after)], axis=1)
        found = self._keys[:-1].searchsorted(keys)
        return np.where(self._keys[found] == keys, found + 1, UNKNOWN_BIGRAM)

    def to_dict(self) -> Dict:
        """RETURNS (Dict): What `from_dict` needs, in types that msgpack can hold."""
        return {"pairs": self.pairs}

    @classmethod
    def from_dict(cls, data: Dict) -> "BigramInventory":
        """data (Dict): What `to_dict` returned.
        RETURNS (BigramInventory): An equal inventory.
        """
        return cls(data["pairs"])


def _keys(left: Ints1d, right: Ints1d) -> Ints1d:
    return (left.astype("int64") << 32) | right


def _neighbours(ids: Ints1d, lengths: Ints1d) -> "tuple[Ints1d, Ints1d]":
    """The character before and the one after each, padding at the edges of a text."""
    ends = lengths.cumsum()
    some = lengths > 0
    before, after = np.roll(ids, 1), np.roll(ids, -1)
    before[(ends - lengths)[some]] = PAD_ID
    after[ends[some] - 1] = PAD_ID
    return before, after
