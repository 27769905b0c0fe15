"""The Keras network that is trained. This module and `keras_language_model` alone import
Keras and TensorFlow as they are imported; `load_keras` does so when training starts.
"""

import contextlib
import random
from functools import lru_cache
from typing import Dict, Iterator, List, Mapping, Optional, Tuple

import keras
import numpy as np
import tensorflow as tf

from ..features.characters import PAD_ID
from ..features.row_layout import CHARS, PAIRS
from ..locks import fork_safe_lock
from ..types import FloatsXd
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

# The dropout is an argument of the call, and the shape leaves batch and time
# open: one trace serves every batch and every step of a schedule.
_INPUTS = (
    tf.TensorSpec((None, None, None), tf.int32),  # ids
    tf.TensorSpec((), tf.float32),  # dropout
    tf.TensorSpec((2,), tf.int32),  # seed
)
_GRADIENTS = (
    tf.TensorSpec((None, None, None), tf.float32),  # of the emissions
    tf.TensorSpec((None, None), tf.float32),  # of the intents
    tf.TensorSpec((None, None), tf.float32),  # of the utterances
)
_CONTEXT = tf.TensorSpec((None, None, None), tf.float32)

# Held while a network that several components share works with the arrays of one.
_AT_WORK = fork_safe_lock()


class CharBiLSTM(keras.Model):
    """Embedding -> dropout -> (bidirectional LSTM -> dropout) x depth -> Dense. The
    embedding of a character is its own vector plus those of the two pairs that it
    makes with its neighbours, if there are any, and those of what it is within names
    of a catalogue, plus its contextual vector, projected. A convolution from the embedding to the tags, if there is one, is
    added to what Dense gives. If there are intents, another Dense scores them from what
    each unit of the last layer makes of its strongest character.
    """

    def __init__(self, sizes: NetworkSizes) -> None:
        """Build the network, with whatever weights: see `initial_arrays`.

        sizes (NetworkSizes): The sizes.
        """
        super().__init__()
        self.embedding = keras.layers.Embedding(sizes.n_chars, sizes.embed_width)
        self.bigrams = None
        if sizes.n_bigrams:
            self.bigrams = keras.layers.Embedding(2 * sizes.n_bigrams, sizes.embed_width)
        self.lexicon = None
        if sizes.n_lexicon:
            self.lexicon = keras.layers.Embedding(sizes.n_lexicon, sizes.embed_width)
        self.context_layer = None
        if sizes.context_width:
            self.context_layer = keras.layers.Dense(sizes.embed_width, use_bias=False)
        self.sizes = sizes
        self.layout = sizes.layout
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
        one_char = np.zeros(
            (1, 1, self.layout.n_columns + bool(sizes.n_lexicon)), dtype="int32"
        )
        one_char[..., CHARS] = sizes.n_chars - 1
        context = (
            [np.zeros((1, 1, sizes.context_width), "f")] if sizes.context_width else []
        )
        self(one_char, tf.constant(0.0), tf.constant([0, 0]), *context)
        inputs_of_both = [_CONTEXT for _ in context]
        self._held: Optional[Mapping[str, FloatsXd]] = None
        self.forward = tf.function(self.call, input_signature=(*_INPUTS, *inputs_of_both))
        self.backward = tf.function(
            self._gradients, input_signature=(*_INPUTS, *_GRADIENTS, *inputs_of_both)
        )

    def call(
        self,
        ids: tf.Tensor,
        dropout: tf.Tensor,
        seed: tf.Tensor,
        context: Optional[tf.Tensor] = None,
    ) -> Tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Compute emissions, scores of intents, and what these are scored from.

        ids (tf.Tensor): Padded rows of the stack of vectors (texts, longest, n), see
            `row_layout`; 0 for nothing.
        dropout (tf.Tensor): The share of values to drop, 0 for none.
        seed (tf.Tensor): Two numbers; the same ones drop the same values.
        context (Optional[tf.Tensor]): Contextual vectors (texts, longest, width), zero
            in the padding, if there are any.
        RETURNS (Tuple[tf.Tensor, tf.Tensor, tf.Tensor]): Emissions (texts, longest, tags) and
            scores of the intents (texts, intents), both unnormalised; and a vector of each
            text (texts, width).
        """
        mask = keras.ops.not_equal(ids[..., CHARS], PAD_ID)
        embedded = self.embed(ids, context)
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

    def embed(self, ids: tf.Tensor, context: Optional[tf.Tensor] = None) -> tf.Tensor:
        """Look up what the network reads of each character.

        ids, context: See `call`.
        RETURNS (tf.Tensor): The sum of its vectors (texts, longest, width).
        """
        embedded = self.embedding(ids[..., CHARS])
        if self.bigrams is not None:
            # 0 in the padding
            pairs = keras.ops.maximum(ids[..., PAIRS] - self.layout.pairs_before, 0)
            embedded += keras.ops.sum(self.bigrams(pairs), axis=2)
        if self.lexicon is not None:
            names = ids[..., self.layout.n_columns :]
            is_name = keras.ops.cast(names > 0, "float32")[..., None]
            vectors = self.lexicon(keras.ops.maximum(names - self.layout.names, 0))
            embedded += keras.ops.sum(vectors * is_name, axis=2)
        if self.context_layer is not None:
            embedded += self.context_layer(context)
        return embedded

    def _gradients(
        self,
        ids: tf.Tensor,
        dropout: tf.Tensor,
        seed: tf.Tensor,
        d_emissions: tf.Tensor,
        d_intents: tf.Tensor,
        d_utterances: tf.Tensor,
        context: Optional[tf.Tensor] = None,
    ) -> List[tf.Tensor]:
        """The gradients of all arrays, dense, in the order of `arrays`.

        Runs forward once more. That is still faster than an eager tape around
        `forward`, which fetches every intermediate value of the LSTM's loop.
        """
        variables = [variable.value for variable in self.arrays().values()]
        with tf.GradientTape() as tape:
            outputs = self.call(ids, dropout, seed, context)
        gradients = tape.gradient(
            outputs,
            variables,
            output_gradients=(d_emissions, d_intents, d_utterances),
        )
        return [tf.convert_to_tensor(gradient) for gradient in gradients]

    @contextlib.contextmanager
    def holding(self, arrays: Mapping[str, FloatsXd]) -> Iterator[None]:
        """Work with some weights within a `with` block, which other threads wait for.

        arrays (Mapping[str, FloatsXd]): The weights by the names of `shapes.array_shapes`.
            Whoever changes them makes another mapping.
        """
        with _AT_WORK:
            if self._held is not arrays:
                for name, variable in self.arrays().items():
                    variable.assign(arrays[name])
                self._held = arrays
            yield

    def arrays(self) -> Dict[str, keras.Variable]:
        """Name the variables.

        RETURNS (Dict[str, keras.Variable]): The trainable variables by the names
        of `shapes.array_shapes`, in its order. The transitions are no part of it.
        """
        variables = {EMBEDDING: self.embedding.embeddings}
        if self.bigrams is not None:
            variables[BIGRAMS] = self.bigrams.embeddings
        if self.lexicon is not None:
            variables[LEXICON] = self.lexicon.embeddings
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


@lru_cache(maxsize=8)
def shared_network(sizes: NetworkSizes) -> CharBiLSTM:
    """The network of some sizes that all components of this process train with, each with
    its own weights: TensorFlow takes seconds for the graph of one.

    sizes (NetworkSizes): The sizes.
    RETURNS (CharBiLSTM): The network, see `CharBiLSTM.holding`.
    """
    # Keras draws seeds for layers from Python's generator, by which spaCy shuffles: the first
    # training of a process would not be the second one's equal.
    state = random.getstate()
    try:
        return CharBiLSTM(sizes)
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
