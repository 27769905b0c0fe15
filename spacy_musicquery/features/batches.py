"""Batches of texts of similar length, padded; and back to one row a character."""

from typing import Iterator, List, NamedTuple, Sequence

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


class Pieces(NamedTuple):
    """Texts, cut.

    lengths (Ints1d): The length of each piece, of all texts in a row.
    texts (Ints1d): Which text each piece is of.
    are_first (np.ndarray): Which pieces a text begins with.
    """

    lengths: Ints1d
    texts: Ints1d
    are_first: np.ndarray


def cut(lengths: Ints1d, max_length: int) -> Pieces:
    """Cut texts that are too long into as few pieces of about the same length as it takes.

    lengths (Ints1d): The length of each text.
    max_length (int): The most characters of a piece.
    RETURNS (Pieces): The pieces; none of an empty text.
    """
    n_pieces = -(-lengths // max_length)
    texts = np.arange(len(lengths)).repeat(n_pieces)
    place = np.arange(len(texts)) - (n_pieces.cumsum() - n_pieces)[texts]
    size, n_longer = np.divmod(lengths, np.maximum(n_pieces, 1))
    return Pieces(size[texts] + (place < n_longer[texts]), texts, place == 0)


def portions(texts: Sequence[str], max_chars: int, max_texts: int) -> List[Sequence[str]]:
    """Divide a batch, so that what is in work at once has a bound.

    texts (Sequence[str]): The texts.
    max_chars (int): The most characters of a part; a longer text is one by itself.
    max_texts (int): The most texts of a part; of less than 1, as if it were 1.
    RETURNS (List[Sequence[str]]): The texts in order; the batch itself if it is small.
    """
    if len(texts) <= max(1, max_texts) and sum(map(len, texts)) <= max_chars:
        return [texts]
    ends = np.cumsum([len(text) for text in texts])
    parts = []
    begin, before = 0, 0
    while begin < len(texts):
        fitting = int(ends.searchsorted(before + max_chars, side="right"))
        end = max(begin + 1, min(fitting, begin + max_texts))
        parts.append(texts[begin:end])
        begin, before = end, int(ends[end - 1])
    return parts


def split_by_length(values: np.ndarray, lengths: Ints1d) -> List[np.ndarray]:
    """Split an array of all characters in a row into one array a text.

    values (np.ndarray): (total characters, ...).
    lengths (Ints1d): The length of each text.
    RETURNS (List[np.ndarray]): One view a text.
    """
    return np.split(values, np.cumsum(lengths)[:-1]) if len(lengths) else []
