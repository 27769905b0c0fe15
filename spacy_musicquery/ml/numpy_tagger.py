"""From texts to emissions and spans in numpy: what a tagger computes, and what runs where
nothing was compiled. `compiled_tagger` does the same.

The vector of a character is the sum of those of its rows, see `row_layout`. A layer runs an
LSTM (Hochreiter & Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735) over the text
in both directions (Graves & Schmidhuber 2005, https://doi.org/10.1016/j.neunet.2005.06.042).
Emissions are a linear map of the last layer's states, plus a convolution of the vectors; the
scores of intents are one of the strongest states of the text, where they are positive.
"""

from typing import List, Mapping, Optional, Tuple

import numpy as np

from ..decoding import bio
from ..decoding.emissions import probability_rows
from ..decoding.linear_chain import LinearChain, PackedTexts
from ..features.catalogue import Catalogue
from ..features.row_layout import PAIRS
from ..types import Floats2d, FloatsXd, Ints1d, Ints2d
from .parameters import Parameters
from .rows import rows_of_all
from .shapes import BIGRAMS, EMBEDDING, INTENT_BIAS, LEXICON, WINDOW

# Characters at a time: with more, the activations leave the processor's cache.
_CHARS_AT_A_TIME = 2048


class NumpyTagger:
    """Tags texts. Nothing in it changes: many threads may use it."""

    def __init__(self, parameters: Parameters, chain: LinearChain) -> None:
        """Make a tagger of what has been learnt.

        parameters (Parameters): With a network, all of it trained.
        chain (LinearChain): Its transitions.
        """
        assert parameters.sizes is not None
        self._parameters = parameters
        self._sizes = parameters.sizes
        self._layout = parameters.sizes.layout
        self._chain = chain
        self._weights = parameters.arrays
        self._layers = [
            [_scaled(self._weights, f"bilstm_{layer}.{d}") for d in ("forward", "backward")]
            for layer in range(self._sizes.depth)
        ]

    def emissions(
        self, texts: List[str], catalogue: Catalogue, context: Optional[Floats2d] = None
    ) -> Tuple[Floats2d, Floats2d]:
        """Score the characters of texts, and the texts.

        texts (List[str]): The texts.
        catalogue (Catalogue): The names of this moment.
        context (Optional[Floats2d]): Vectors to add to those of all characters in a row
            (characters, width).
        RETURNS (Tuple[Floats2d, Floats2d]): Emissions of all characters in a row
            (characters, tags), and scores of intents (texts, intents), 0 for empty texts.
        """
        parameters = self._parameters.replace(catalogue=catalogue)
        chars, lengths = parameters.characters.encode(texts)
        rows = rows_of_all(parameters, self._layout, texts, chars, lengths)
        return self.scores(rows, lengths, context)

    def scores(
        self, rows: Ints2d, lengths: Ints1d, context: Optional[Floats2d] = None
    ) -> Tuple[Floats2d, Floats2d]:
        """`emissions` of encoded texts.

        rows (Ints2d): Rows of all characters in a row (characters, n), see `rows_of_all`.
        lengths (Ints1d): The length of each text.
        context (Optional[Floats2d]): See `emissions`.
        RETURNS (Tuple[Floats2d, Floats2d]): See `emissions`.
        """
        data = np.empty((len(rows), self._sizes.n_tags), dtype="float32")
        intents = np.zeros((len(lengths), self._sizes.n_intents), dtype="float32")
        ends = np.cumsum(lengths, dtype="int64")
        order = np.argsort(-lengths, kind="stable")
        order = order[lengths[order] > 0]
        part = np.cumsum(lengths[order], dtype="int64") // _CHARS_AT_A_TIME
        for of_part in np.split(order, np.flatnonzero(np.diff(part)) + 1):
            if not len(of_part):
                continue
            sizes = lengths[of_part]
            step = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            places = np.repeat((ends - lengths)[of_part], sizes) + step
            vectors = self._vectors(rows[places])
            if context is not None:
                vectors += context[places]
            data[places], intents[of_part] = self._network(vectors, sizes)
        return data, intents

    def find(
        self, texts: List[str], catalogue: Catalogue, context: Optional[Floats2d] = None
    ) -> Tuple[List[bio.CharSpan], List[List[float]]]:
        """Find the spans of texts.

        texts, catalogue, context: See `emissions`.
        RETURNS (Tuple[List[CharSpan], List[List[float]]]): The spans, by text and start; and
            the probabilities of the intents of each text.
        """
        data, intents = self.emissions(texts, catalogue, context)
        lengths = np.fromiter(map(len, texts), "int32", len(texts))
        probabilities = probability_rows(intents) if intents.size else [[] for _ in texts]
        return bio.decode(data, lengths, self._chain), probabilities

    def _vectors(self, rows: Ints2d) -> Floats2d:
        """Sum up the vectors of rows (characters, n): (characters, width)."""
        layout, weights = self._layout, self._weights
        vectors = weights[EMBEDDING].take(rows[:, 0], axis=0)
        if layout.has_pairs:
            for pairs in (rows[:, PAIRS] - layout.pairs_before).T:
                vectors += weights[BIGRAMS].take(pairs, axis=0)
        for names in rows[:, layout.n_columns :].T:
            is_name = names.nonzero()[0]
            vectors[is_name] += weights[LEXICON].take(names[is_name] - layout.names, axis=0)
        return vectors

    def _network(self, vectors: Floats2d, lengths: Ints1d) -> Tuple[Floats2d, Floats2d]:
        """Score characters, by their vectors in a row, and their texts, none of them empty."""
        weights = self._weights
        packed = PackedTexts(lengths)
        hidden = np.empty_like(vectors)
        hidden[packed.position] = vectors
        for layer in self._layers:
            directions = [_lstm(hidden, packed, back, *w) for back, w in enumerate(layer)]
            hidden = np.concatenate(directions, axis=1)
        hidden = hidden[packed.position]
        data = hidden @ weights["output.kernel"] + weights["output.bias"]
        if self._sizes.window:
            data += _convolved(vectors, lengths, weights[WINDOW])
        if not self._sizes.n_intents:
            return data, np.zeros((len(lengths), 0), dtype="float32")
        starts = np.cumsum(lengths) - lengths
        strongest = np.maximum.reduceat(np.maximum(hidden, 0.0), starts)
        return data, strongest @ weights["intents.kernel"] + weights[INTENT_BIAS]


def _scaled(weights: Mapping[str, FloatsXd], name: str) -> List[FloatsXd]:
    """An LSTM's weights, those of sigmoid gates halved: sigmoid(x) = (1 + tanh(x / 2)) / 2,
    so that one call of tanh serves all gates, and no exponential overflows."""
    kernel, recurrent, bias = (
        weights[f"{name}.{part}"] for part in ("kernel", "recurrent_kernel", "bias")
    )
    # Input, forget, new, output.
    scale = np.repeat(np.array([0.5, 0.5, 1.0, 0.5], dtype="float32"), len(recurrent))
    return [kernel * scale, recurrent * scale, bias * scale]


def _lstm(
    values: Floats2d,
    packed: PackedTexts,
    back: int,
    kernel: Floats2d,
    recurrent: Floats2d,
    bias: FloatsXd,
) -> Floats2d:
    """Run one direction of a layer over packed texts: the texts that have a step are the
    front of all, and the others' states wait, forward for nothing, backward at zero.

    values (Floats2d): Packed (characters, width).
    packed (PackedTexts): Their order.
    back (int): 1 to run from the ends of the texts.
    RETURNS (Floats2d): States, packed (characters, units).
    """
    gates = values @ kernel + bias
    width = len(recurrent)
    steps = [packed.first, *(here for _, here in packed.following)]
    hidden = np.zeros((packed.first.stop, width), dtype="float32")
    cell = np.zeros_like(hidden)
    states = np.empty((len(values), width), dtype="float32")
    for here in reversed(steps) if back else steps:
        n = here.stop - here.start
        step = gates[here]
        step += hidden[:n] @ recurrent
        np.tanh(step, out=step)
        new = step[:, 2 * width : 3 * width].copy()
        step += 1.0
        step *= 0.5
        cell[:n] *= step[:, width : 2 * width]
        new *= step[:, :width]
        cell[:n] += new
        np.multiply(step[:, 3 * width :], np.tanh(cell[:n]), out=hidden[:n])
        states[here] = hidden[:n]
    return states


def _convolved(vectors: Floats2d, lengths: Ints1d, kernel: FloatsXd) -> Floats2d:
    """What the vectors around each character add to its scores.

    vectors (Floats2d): Of all characters in a row (characters, width).
    lengths (Ints1d): The length of each text, beyond which there are zeros.
    kernel (FloatsXd): (window, width, tags).
    RETURNS (Floats2d): (characters, tags).
    """
    window, width, n_tags = kernel.shape
    half = window // 2
    margins = half * np.arange(1, len(lengths) + 1)
    places = np.arange(len(vectors)) + np.repeat(margins, lengths)
    products = np.zeros(
        (len(vectors) + margins[-1] + half, window, n_tags), dtype="float32"
    )
    by_offset = kernel.transpose(1, 0, 2).reshape(width, -1)
    products[places] = (vectors @ by_offset).reshape(-1, window, n_tags)
    scores = products[places - half, 0]
    for offset in range(1, window):
        scores += products[places - half + offset, offset]
    return scores
