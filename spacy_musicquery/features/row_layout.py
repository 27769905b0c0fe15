"""Where the vectors stand that a character's vector is the sum of.

All vectors of a model make one stack: those of characters; those of pairs of characters,
twice, for the pair with the character before and for the one with the character after; and
those of what a character is within names. A text is encoded as rows of this stack. Whoever
writes rows, stacks vectors, or tells the kinds apart again asks this module.
"""

from typing import NamedTuple, Optional

import numpy as np

from ..types import Floats2d, Ints2d
from .characters import PAD_ID

# The column of the character; behind it, if there are pairs, those of both pairs.
CHARS = 0
PAIRS = slice(1, 3)


class RowLayout(NamedTuple):
    """The order of the stack.

    pairs_before (int): The first row of pairs with the character before; as many rows
        as there are characters come before it.
    pairs_after (int): The first row of pairs with the character after.
    names (int): The first row of what a character is within names.
    """

    pairs_before: int
    pairs_after: int
    names: int

    @classmethod
    def of(cls, n_chars: int, n_pairs: int) -> "RowLayout":
        """Lay out the vectors of a model.

        n_chars (int): How many characters there are, padding and unknown included.
        n_pairs (int): How many pairs, the unknown one included; 0 for none.
        RETURNS (RowLayout): The order of their vectors.
        """
        return cls(n_chars, n_chars + n_pairs, n_chars + 2 * n_pairs)

    @property
    def has_pairs(self) -> bool:
        """Whether there are pairs. RETURNS (bool): True if there are."""
        return self.names > self.pairs_before

    @property
    def n_columns(self) -> int:
        """How many rows a character has before those of names.

        RETURNS (int): 3 with pairs, otherwise 1.
        """
        return PAIRS.stop if self.has_pairs else 1

    def rows(self, chars: np.ndarray, pairs: Optional[Ints2d]) -> Ints2d:
        """The rows of characters and of their pairs.

        chars (np.ndarray): The id of each character (characters,).
        pairs (Optional[Ints2d]): The ids of the pairs with the character before and with
            the one after (characters, 2); None for none.
        RETURNS (Ints2d): The rows (characters, 3), or (characters, 1) without pairs.
        """
        if pairs is None:
            return chars[:, np.newaxis]
        rows = np.empty((len(chars), PAIRS.stop), dtype="int32")
        rows[:, CHARS] = chars
        starts = np.array((self.pairs_before, self.pairs_after), dtype="int32")
        np.add(pairs, starts, out=rows[:, PAIRS])
        return rows

    @staticmethod
    def stack(
        chars: Floats2d, pairs: Optional[Floats2d], names: Optional[Floats2d]
    ) -> Floats2d:
        """Put vectors in order.

        chars (Floats2d): The vectors of characters (characters, width).
        pairs (Optional[Floats2d]): Those of pairs with the character before, then those of
            pairs with the one after (2 x pairs, width); None for none.
        names (Optional[Floats2d]): Those of what a character is within names (n, width);
            None for none.
        RETURNS (Floats2d): A copy (rows, width), zero where the padding is.
        """
        kinds = [kind for kind in (chars, pairs, names) if kind is not None]
        vectors = np.concatenate(kinds).astype("float32", copy=False)
        # What stands beyond the end of a text must not reach into it.
        vectors[PAD_ID] = 0.0
        return vectors
