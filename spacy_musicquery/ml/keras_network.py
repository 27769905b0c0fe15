"""The Keras network that is trained. This module and `keras_language_model` alone import
Keras and TensorFlow as they are imported; `load_keras` does so when training starts.
"""

import contextlib
import random
from functools import lru_cache
from typing import Dict, Iterator, Mapping, Optional, Tuple

import keras
import numpy as np
import tensorflow as tf

from ..features.characters import PAD_ID
from ..features.row_layout import CHARS, PAIRS, RowLayout
from ..locks import fork_safe_lock
from ..types import Floats2d, Floats3d, FloatsXd, Ints1d, Ints3d
from .shapes import (
    BIGRAMS,
    CONTEXT,
    EMBEDDING,
    LEXICON,
    TRANSITIONS,
    WINDOW,
    NetworkSizes,
    array_shapes,
)

# The dropout is an argument of the call, and the shapes leave open how many texts, characters
# and vectors there are: one trace serves every batch, every step of a schedule, and every
# vocabulary.
_IDS = tf.TensorSpec((None, None, None), tf.int32)
_DROPOUT = tf.TensorSpec((), tf.float32)
_SEED = tf.TensorSpec((2,), tf.int32)
_CONTEXT = tf.TensorSpec((None, None, None), tf.float32)
_GRADIENTS = (
    tf.TensorSpec((None, None, None), tf.float32),  # of the emissions
    tf.TensorSpec((None, None), tf.float32),  # of the intents
    tf.TensorSpec((None, None), tf.float32),  # of the utterances
)

# Held while a network that several components share works with the arrays of one.
_AT_WORK = fork_safe_lock()


class CharBiLSTM(keras.Model):
    """Vectors -> dropout -> (bidirectional LSTM -> dropout) x depth -> Dense. The
    vector of a character is its own plus those of the two pairs that it
    makes with its neighbours, if there are any, and those of what it is within names
    of a catalogue, plus its contextual vector, projected. A convolution from these vectors to the tags, if there is one, is
    added to what Dense gives. If there are intents, another Dense scores them from what
    each unit of the last layer makes of its strongest character.

    The tables of vectors are arguments: they grow, and the network is the same.
    """

    def __init__(self, sizes: NetworkSizes) -> None:
        """Build the network, with whatever weights: see `initial_arrays`.

        sizes (NetworkSizes): The sizes, those of the tables being left open.
        """
        super().__init__()
        self.table_names = [EMBEDDING]
        if sizes.n_bigrams:
            self.table_names.append(BIGRAMS)
        if sizes.n_lexicon:
            self.table_names.append(LEXICON)
        self.n_columns = sizes.layout.n_columns
        self.context_layer = None
        if sizes.context_width:
            self.context_layer = keras.layers.Dense(sizes.embed_width, use_bias=False)
        self.bilstms = [
            keras.layers.Bidirectional(
                _lstm(sizes.hidden_width),
                backward_layer=_lstm(sizes.hidden_width, go_backwards=True),
            )
            for _ in range(sizes.depth)
        ]
        # Dense works on the last axis; TimeDistributed fails under a mask and an
        # unknown length.
        self.output_layer = keras.layers.Dense(sizes.n_tags)
        self.window_layer = None
        if sizes.window:
            self.window_layer = keras.layers.Conv1D(
                sizes.n_tags, sizes.window, padding="same", use_bias=False
            )
        self.intent_layer = None
        if sizes.n_intents:
            self.intent_layer = keras.layers.Dense(sizes.n_intents)
        # Keras makes the weights when it sees inputs: a character, of two rows in each table.
        ids = np.ones((1, 1, self.n_columns + bool(sizes.n_lexicon)), dtype="int32")
        tables = {name: np.zeros((2, sizes.embed_width), "f") for name in self.table_names}
        context = (
            [np.zeros((1, 1, sizes.context_width), "f")] if sizes.context_width else []
        )
        self(ids, tf.constant(0.0), tf.constant([0, 0]), tables, *context)

    def call(
        self,
        ids: tf.Tensor,
        dropout: tf.Tensor,
        seed: tf.Tensor,
        tables: Dict[str, tf.Tensor],
        context: Optional[tf.Tensor] = None,
    ) -> Tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Compute emissions, scores of intents, and what these are scored from.

        ids (tf.Tensor): Padded rows of the stack of vectors (texts, longest, n), see
            `row_layout`; 0 for nothing.
        dropout (tf.Tensor): The share of values to drop, 0 for none.
        seed (tf.Tensor): Two numbers; the same ones drop the same values.
        tables (Dict[str, tf.Tensor]): The vectors of `table_names` (rows, width).
        context (Optional[tf.Tensor]): Contextual vectors (texts, longest, width), zero
            in the padding, if there are any.
        RETURNS (Tuple[tf.Tensor, tf.Tensor, tf.Tensor]): Emissions (texts, longest, tags) and
            scores of the intents (texts, intents), both unnormalised; and a vector of each
            text (texts, width).
        """
        mask = keras.ops.not_equal(ids[..., CHARS], PAD_ID)
        embedded = self.embed(ids, tables, context)
        hidden = dropped = _drop(embedded, dropout, seed)
        for i, bilstm in enumerate(self.bilstms, start=1):
            hidden = _drop(bilstm(hidden, mask=mask), dropout, seed + i)
        emissions = self.output_layer(hidden)
        if self.window_layer is not None:
            is_char = keras.ops.cast(mask, "float32")[..., None]
            emissions += self.window_layer(dropped * is_char)
        # Zeros stand in the padding, and where nothing is positive: so that a text
        # is the same with and without padding.
        positive = keras.ops.relu(hidden) * keras.ops.cast(mask, "float32")[..., None]
        utterances = keras.ops.max(positive, axis=1)
        if self.intent_layer is None:
            intents = keras.ops.zeros((keras.ops.shape(hidden)[0], 0))
        else:
            intents = self.intent_layer(utterances)
        return emissions, intents, utterances

    def embed(
        self,
        ids: tf.Tensor,
        tables: Dict[str, tf.Tensor],
        context: Optional[tf.Tensor] = None,
    ) -> tf.Tensor:
        """Look up what the network reads of each character.

        ids, tables, context: See `call`.
        RETURNS (tf.Tensor): The sum of its vectors (texts, longest, width).
        """
        n_pairs = tf.shape(tables[BIGRAMS])[0] // 2 if BIGRAMS in tables else 0
        layout = RowLayout.of(tf.shape(tables[EMBEDDING])[0], n_pairs)
        embedded = keras.ops.take(tables[EMBEDDING], ids[..., CHARS], axis=0)
        if BIGRAMS in tables:
            # 0 in the padding
            pairs = keras.ops.maximum(ids[..., PAIRS] - layout.pairs_before, 0)
            embedded += keras.ops.sum(
                keras.ops.take(tables[BIGRAMS], pairs, axis=0), axis=2
            )
        if LEXICON in tables:
            names = ids[..., self.n_columns :]
            is_name = keras.ops.cast(names > 0, "float32")[..., None]
            rows = keras.ops.maximum(names - layout.names, 0)
            vectors = keras.ops.take(tables[LEXICON], rows, axis=0)
            embedded += keras.ops.sum(vectors * is_name, axis=2)
        if self.context_layer is not None:
            embedded += self.context_layer(context)
        return embedded

    def variables_by_name(self) -> Dict[str, keras.Variable]:
        """Name the variables.

        RETURNS (Dict[str, keras.Variable]): Those of the layers, by the names of
            `shapes.array_shapes`, in its order. Tables and transitions are no part of it.
        """
        variables = {}
        if self.context_layer is not None:
            variables[CONTEXT] = self.context_layer.kernel
        for i, bilstm in enumerate(self.bilstms):
            for direction in ("forward", "backward"):
                cell = getattr(bilstm, f"{direction}_layer").cell
                for name in ("kernel", "recurrent_kernel", "bias"):
                    variables[f"bilstm_{i}.{direction}.{name}"] = getattr(cell, name)
        variables["output.kernel"] = self.output_layer.kernel
        variables["output.bias"] = self.output_layer.bias
        if self.window_layer is not None:
            variables[WINDOW] = self.window_layer.kernel
        if self.intent_layer is not None:
            variables["intents.kernel"] = self.intent_layer.kernel
            variables["intents.bias"] = self.intent_layer.bias
        return variables


class SharedNetwork:
    """A network and its graphs, which compute with the arrays of one component or another.
    (No Keras object: Keras copies every dict that becomes an attribute of one.)"""

    def __init__(self, sizes: NetworkSizes) -> None:
        """Build the network; its graphs are traced when they are needed.

        sizes (NetworkSizes): The sizes, those of the tables being left open.
        """
        self._network = CharBiLSTM(sizes)
        self._variables = self._network.variables_by_name()
        self._arrays: Optional[Mapping[str, FloatsXd]] = None
        self._tables: Dict[str, tf.Tensor] = {}
        table = tf.TensorSpec((None, sizes.embed_width), tf.float32)
        tables = dict.fromkeys(self._network.table_names, table)
        context = [_CONTEXT] if sizes.context_width else []
        self._forward = tf.function(
            self._network.call, input_signature=(_IDS, _DROPOUT, _SEED, tables, *context)
        )
        self._backward = tf.function(
            self._gradients,
            input_signature=(_IDS, _DROPOUT, _SEED, tables, _GRADIENTS, *context),
        )

    @contextlib.contextmanager
    def holding(self, arrays: Mapping[str, FloatsXd]) -> Iterator[None]:
        """Work with some weights within a `with` block, which other threads wait for.

        arrays (Mapping[str, FloatsXd]): The weights by the names of `shapes.array_shapes`.
            Whoever changes them makes another mapping.
        """
        with _AT_WORK:
            if self._arrays is not arrays:
                for name, variable in self._variables.items():
                    variable.assign(arrays[name])
                self._tables = {
                    name: tf.constant(arrays[name]) for name in self._network.table_names
                }
                self._arrays = arrays
            yield

    def forward(
        self, ids: Ints3d, dropout: np.float32, seed: Ints1d, *context: Floats3d
    ) -> Tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Compute what `CharBiLSTM.call` does, within `holding`.

        ids, dropout, seed, context: See there.
        RETURNS (Tuple[tf.Tensor, tf.Tensor, tf.Tensor]): See there.
        """
        return self._forward(ids, dropout, seed, self._tables, *context)

    def backward(
        self,
        ids: Ints3d,
        dropout: np.float32,
        seed: Ints1d,
        d_outputs: Tuple[Floats3d, Floats2d, Floats2d],
        *context: Floats3d,
    ) -> Dict[str, tf.Tensor]:
        """Compute the gradients of all arrays, within `holding`.

        ids, dropout, seed, context: What `forward` was given.
        d_outputs (Tuple[Floats3d, Floats2d, Floats2d]): The gradients of its outputs.
        RETURNS (Dict[str, tf.Tensor]): Those of all arrays but the transitions, by name.
        """
        return self._backward(ids, dropout, seed, self._tables, d_outputs, *context)

    def _gradients(
        self,
        ids: tf.Tensor,
        dropout: tf.Tensor,
        seed: tf.Tensor,
        tables: Dict[str, tf.Tensor],
        d_outputs: Tuple[tf.Tensor, tf.Tensor, tf.Tensor],
        context: Optional[tf.Tensor] = None,
    ) -> Dict[str, tf.Tensor]:
        """Runs forward once more. That is still faster than an eager tape around
        `forward`, which fetches every intermediate value of the LSTM's loop."""
        values = {name: variable.value for name, variable in self._variables.items()}
        sources = {**tables, **values}
        with tf.GradientTape() as tape:
            tape.watch(tables)
            outputs = self._network.call(ids, dropout, seed, tables, context)
        gradients = tape.gradient(outputs, sources, output_gradients=d_outputs)
        return {
            name: tf.math.unsorted_segment_sum(
                gradient.values, gradient.indices, tf.shape(sources[name])[0]
            )
            if isinstance(gradient, tf.IndexedSlices)
            else gradient
            for name, gradient in gradients.items()
        }


def shared_network(sizes: NetworkSizes) -> SharedNetwork:
    """The network that all components of this process train with whose sizes are these,
    whatever their vocabularies, each with its own weights: TensorFlow takes seconds for the
    graphs of one.

    sizes (NetworkSizes): The sizes.
    RETURNS (SharedNetwork): The network.
    """
    return _network_of(
        sizes._replace(
            n_chars=1, n_bigrams=min(sizes.n_bigrams, 1), n_lexicon=min(sizes.n_lexicon, 1)
        )
    )


@lru_cache(maxsize=8)
def _network_of(sizes: NetworkSizes) -> SharedNetwork:
    # Keras draws seeds for layers from Python's generator, by which spaCy shuffles: the first
    # training of a process would not be the second one's equal.
    state = random.getstate()
    try:
        return SharedNetwork(sizes)
    finally:
        random.setstate(state)


def initial_arrays(sizes: NetworkSizes, seed: int) -> Dict[str, FloatsXd]:
    """Draw the weights that a network begins with.

    sizes (NetworkSizes): Its sizes.
    seed (int): Seeds the weights.
    RETURNS (Dict[str, FloatsXd]): By the names of `shapes.array_shapes`, without
        transitions.
    """
    seeds = _seeds(seed)
    return {
        name: np.array(_initializer(name, seeds)(shape))
        for name, shape in array_shapes(sizes).items()
        if name != TRANSITIONS
    }


def _initializer(name: str, seeds: Iterator[int]) -> keras.initializers.Initializer:
    if name in (EMBEDDING, BIGRAMS, LEXICON):
        # Much larger than Keras' own: a rare bigram is seldom updated, and tells itself
        # from others by where it began.
        return keras.initializers.RandomNormal(stddev=0.5, seed=next(seeds))
    if name == WINDOW:
        # The LSTM learns alone what this one does not; it starts as nothing.
        return keras.initializers.Zeros()
    if name.startswith("bilstm") and name.endswith("bias"):
        return _open_forget_gates
    if name.endswith("bias"):
        return keras.initializers.Zeros()
    if name.endswith("recurrent_kernel"):
        return keras.initializers.Orthogonal(seed=next(seeds))
    return keras.initializers.GlorotUniform(seed=next(seeds))


def _open_forget_gates(shape: Tuple[int]) -> FloatsXd:
    """The bias of an LSTM, of which the second quarter is the forget gate's: 1, see
    http://proceedings.mlr.press/v37/jozefowicz15.pdf."""
    return np.repeat(np.array([0, 1, 0, 0], dtype="float32"), shape[0] // 4)


def _drop(values: tf.Tensor, rate: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Dropout whose rate is a tensor, which Keras' own does not take."""
    draws = tf.random.stateless_uniform(tf.shape(values), seed)
    return values * tf.cast(draws >= rate, values.dtype) / (1.0 - rate)


def _lstm(width: int, go_backwards: bool = False) -> keras.layers.LSTM:
    return keras.layers.LSTM(width, return_sequences=True, go_backwards=go_backwards)


def _seeds(seed: int) -> Iterator[int]:
    """Independent seeds: initialisers that share one give equal weights."""
    generator = np.random.default_rng(seed)
    while True:
        yield int(generator.integers(2**31))
