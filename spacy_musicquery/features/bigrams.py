"""Pairs of neighbouring characters to ids."""

from typing import Dict, Tuple

import numpy as np

from ..types import Ints1d, Ints2d
from .characters import PAD_ID, UNK_ID

# A key holds the left character in its upper half and the right one in its lower.
_RIGHT = 0xFFFFFFFF


class BigramInventory:
    """The pairs of neighbouring characters that a model knows, each with an id. 0 is
    any other pair. At the edges of a text the neighbour is padding.
    """

    def __init__(self, pairs: Ints2d) -> None:
        """Make an inventory of given pairs.

        pairs (Ints2d): The ids of the characters of each pair (pairs, 2), in order;
        the first pair has id 1."""
        self.pairs = np.asarray(pairs, dtype="int32").reshape(-1, 2)
        self._keys = _keys(self.pairs[:, 0].astype("int64"), self.pairs[:, 1])
        # One more at the end, so that a search past all others finds no equal.
        self._keys_and_end = np.append(self._keys, -1)

    def __len__(self) -> int:
        """The number of ids, the one of unknown pairs included."""
        return len(self.pairs) + 1

    @classmethod
    def empty(cls) -> "BigramInventory":
        """Know no pair. RETURNS (BigramInventory): An inventory without pairs."""
        return cls(np.zeros((0, 2)))

    @property
    def is_in_order(self) -> bool:
        """Tell whether the pairs can be searched.

        RETURNS (bool): Whether the pairs are different and in order, as they must be.
        """
        return bool((self._keys[1:] > self._keys[:-1]).all())

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
        keys, _ = _pairs_in_a_row(ids, lengths)
        keys = keys[((keys >> 32) != UNK_ID) & ((keys & _RIGHT) != UNK_ID) & (keys != 0)]
        unique_keys, counts = np.unique(keys, return_counts=True)
        frequent = unique_keys[counts >= min_count]
        return cls(np.stack([frequent >> 32, frequent & _RIGHT], axis=1))

    def encode(self, ids: Ints1d, lengths: Ints1d) -> Ints2d:
        """The pairs that each character makes with its neighbours.

        ids (Ints1d): The ids of all characters in a row.
        lengths (Ints1d): The length of each text.
        RETURNS (Ints2d): The ids of the pair with the character before and of the one
            with the character after (characters, 2).
        """
        keys, places = _pairs_in_a_row(ids, lengths)
        found = self._keys.searchsorted(keys)
        bigrams = (found + 1) * (self._keys_and_end.take(found) == keys)
        both = np.empty((len(ids), 2), dtype="int32")
        both[:, 0] = bigrams.take(places - 1)
        both[:, 1] = bigrams.take(places)
        return both

    def ids_of(self, pairs: Ints2d) -> Ints1d:
        """Find the ids of pairs.

        pairs (Ints2d): The ids of the characters of pairs that are known (pairs, 2).
        RETURNS (Ints1d): The pairs' own ids.
        """
        return self._keys.searchsorted(_keys(pairs[:, 0].astype("int64"), pairs[:, 1])) + 1

    def starts(self, n_chars: int) -> Ints1d:
        """Where the pairs of each left character stand among all.

        n_chars (int): How many characters there are.
        RETURNS (Ints1d): The place of the first pair of each character, and the end of
            the last one's (characters + 1,).
        """
        return self.pairs[:, 0].searchsorted(np.arange(n_chars + 1)).astype("int32")

    def to_dict(self) -> Dict:
        """Turn the inventory into plain data.

        RETURNS (Dict): What `from_dict` needs, in types that msgpack can hold.
        """
        # Half the size wherever ids fit, as they do but for immense inventories.
        fits = self.pairs.max(initial=0) <= np.iinfo("uint16").max
        return {"pairs": self.pairs.astype("uint16") if fits else self.pairs}

    @classmethod
    def from_dict(cls, data: Dict) -> "BigramInventory":
        """Make an inventory of plain data.

        data (Dict): What `to_dict` returned.
        RETURNS (BigramInventory): An equal inventory.
        """
        return cls(data["pairs"])


def _keys(left: Ints1d, right: Ints1d) -> Ints1d:
    """One number a pair; (PAD_ID, PAD_ID) is 0."""
    return (left << 32) | right


def _pairs_in_a_row(ids: Ints1d, lengths: Ints1d) -> Tuple[Ints1d, Ints1d]:
    """All neighbours when the texts stand in a row with padding before, between and
    after them.

    ids (Ints1d): The ids of all characters.
    lengths (Ints1d): The length of each text.
    RETURNS (Tuple[Ints1d, Ints1d]): The keys of the pairs, and the place in them of
        the pair with the character after, for every character.
    """
    places = np.arange(1, len(ids) + 1)
    if len(lengths) > 1:
        places += np.arange(len(lengths)).repeat(lengths)
    row = np.full(len(ids) + len(lengths) + 1, PAD_ID, dtype="int64")
    row[places] = ids
    return _keys(row[:-1], row[1:]), places
