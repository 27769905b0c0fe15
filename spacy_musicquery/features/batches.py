"""Batches of texts of similar length, padded; and back to one row a character."""

from typing import Iterator, List

import numpy as np

from ..types import Ints1d, Ints2d, Ints3d


class PaddedBatch:
    """Some of the texts of an encoded batch, one a row, padded to the longest.

    `texts` (rows,) are the texts' places in the batch, `ids` (rows, longest, n) the
    padded ids and `lengths` (rows,) the true lengths. `scatter` and `gather` go back and forth between an array of
    padded rows and one of all characters in a row.
    """

    def __init__(self, texts: Ints1d, ids: Ints2d, starts: Ints1d, lengths: Ints1d) -> None:
        """Pad some texts of a batch.

        texts (Ints1d): Which text each row is.
        ids (Ints2d): The ids of all characters of the whole batch (characters, n).
        starts (Ints1d): Where each row's text starts in `ids`.
        lengths (Ints1d): How long each row's text is.
        """
        steps = np.arange(lengths.max(), dtype="int64")
        self.texts = texts
        self.lengths = lengths
        self._mask = steps < lengths[:, None]
        self._index = (starts[:, None] + steps)[self._mask]
        self.ids: Ints3d = self.gather(ids)

    def scatter(self, rows: np.ndarray, out: np.ndarray) -> None:
        """Write padded rows (rows, longest, n) into the characters' places in
        out (total characters, n), dropping the padding."""
        out[self._index] = rows[self._mask]

    def gather(self, values: np.ndarray) -> np.ndarray:
        """Read the characters' values (total characters, n) into padded rows
        (rows, longest, n), zero (PAD_ID) where there is padding."""
        rows = np.zeros((*self._mask.shape, values.shape[1]), dtype=values.dtype)
        rows[self._mask] = values[self._index]
        return rows


def padded_batches(
    ids: Ints2d, lengths: Ints1d, max_chars: int, max_padding: int
) -> Iterator[PaddedBatch]:
    """Cut an encoded batch into padded ones of texts of similar length, so that
    one long text neither pads the short ones nor exhausts memory.

    ids (Ints2d): The ids of all characters (total characters, n).
    lengths (Ints1d): The length of each text (texts,).
    max_chars (int): The most characters in a padded batch, padding included; a
        single longer text makes a batch of its own.
    max_padding (int): The most padding in a padded batch, in characters.
    YIELDS (PaddedBatch): Every text that is not empty, in exactly one of them.
    """
    starts = np.cumsum(lengths, dtype="int64") - lengths
    order = np.argsort(-lengths, kind="stable")
    end = np.searchsorted(-lengths[order], 0)  # without the empty ones
    begin = 0
    while begin < end:
        longest = int(lengths[order[begin]])
        rows = order[begin : min(end, begin + max(1, max_chars // longest))]
        padding = np.cumsum(longest - lengths[rows])
        rows = rows[: np.searchsorted(padding, max_padding, side="right")]
        yield PaddedBatch(rows, ids, starts[rows], lengths[rows])
        begin += len(rows)


def split_by_length(values: np.ndarray, lengths: Ints1d) -> List[np.ndarray]:
    """Split an array of all characters in a row into one array a text.

    values (np.ndarray): (total characters, ...).
    lengths (Ints1d): The length of each text.
    RETURNS (List[np.ndarray]): One view a text.
    """
    return np.split(values, np.cumsum(lengths)[:-1]) if len(lengths) else []
