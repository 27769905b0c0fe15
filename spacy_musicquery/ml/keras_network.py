"""The Keras network that is trained. The only module that imports Keras and
TensorFlow as it is imported; `keras_shim` does so when training starts.
"""

from typing import Dict, Iterator, List, Optional, Tuple

import keras
import numpy as np
import tensorflow as tf

from ..features.characters import PAD_ID
from ..features.row_layout import CHARS, PAIRS
from .shapes import BIGRAMS, CONTEXT, EMBEDDING, LEXICON, WINDOW, NetworkSizes

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


class CharBiLSTM(keras.Model):
    """Embedding -> dropout -> (bidirectional LSTM -> dropout) x depth -> Dense. The
    embedding of a character is its own vector plus those of the two pairs that it
    makes with its neighbours, if there are any, and those of what it is within names
    of a catalogue, plus its contextual vector, projected. A convolution from the embedding to the tags, if there is one, is
    added to what Dense gives. If there are intents, another Dense scores them from what
    each unit of the last layer makes of its strongest character.
    """

    def __init__(self, sizes: NetworkSizes, seed: int) -> None:
        """Build the network.

        sizes (NetworkSizes): The sizes.
        seed (int): Seeds the initial weights.
        """
        super().__init__()
        seeds = _seeds(seed)
        self.embedding = keras.layers.Embedding(
            sizes.n_chars,
            sizes.embed_width,
            embeddings_initializer=_initial_vectors(next(seeds)),
        )
        self.bigrams = None
        if sizes.n_bigrams:
            self.bigrams = keras.layers.Embedding(
                2 * sizes.n_bigrams,
                sizes.embed_width,
                embeddings_initializer=_initial_vectors(next(seeds)),
            )
        self.lexicon = None
        if sizes.n_lexicon:
            self.lexicon = keras.layers.Embedding(
                sizes.n_lexicon,
                sizes.embed_width,
                embeddings_initializer=_initial_vectors(next(seeds)),
            )
        self.context_layer = None
        if sizes.context_width:
            self.context_layer = keras.layers.Dense(
                sizes.embed_width,
                use_bias=False,
                kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
            )
        self.sizes = sizes
        self.layout = sizes.layout
        self.bilstms = [
            keras.layers.Bidirectional(
                _lstm(sizes.hidden_width, seeds),
                backward_layer=_lstm(sizes.hidden_width, seeds, go_backwards=True),
            )
            for _ in range(sizes.depth)
        ]
        # Dense works on the last axis; TimeDistributed fails under a mask and an
        # unknown length.
        self.output_layer = keras.layers.Dense(
            sizes.n_tags,
            kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
        )
        self.window_layer = None
        if sizes.window:
            # The LSTM learns alone what this one does not; it starts as nothing.
            self.window_layer = keras.layers.Conv1D(
                sizes.n_tags,
                sizes.window,
                padding="same",
                use_bias=False,
                kernel_initializer="zeros",
            )
        self.intent_layer = None
        if sizes.n_intents:
            self.intent_layer = keras.layers.Dense(
                sizes.n_intents,
                kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
            )
        one_char = np.zeros(
            (1, 1, self.layout.n_columns + bool(sizes.n_lexicon)), dtype="int32"
        )
        one_char[..., CHARS] = sizes.n_chars - 1
        context = (
            [np.zeros((1, 1, sizes.context_width), "f")] if sizes.context_width else []
        )
        self(one_char, tf.constant(0.0), tf.constant([0, 0]), *context)
        inputs_of_both = [_CONTEXT for _ in context]
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
        chars = ids[..., CHARS]
        mask = keras.ops.not_equal(chars, PAD_ID)
        embedded = self.embedding(chars)
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


def _initial_vectors(seed: int) -> keras.initializers.Initializer:
    """Much larger than Keras' own: a rare bigram is seldom updated, and tells
    itself from others by where it began."""
    return keras.initializers.RandomNormal(stddev=0.5, seed=seed)


def _drop(values: tf.Tensor, rate: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Dropout whose rate is a tensor, which Keras' own does not take."""
    draws = tf.random.stateless_uniform(tf.shape(values), seed)
    return values * tf.cast(draws >= rate, values.dtype) / (1.0 - rate)


def _lstm(
    width: int, seeds: Iterator[int], go_backwards: bool = False
) -> keras.layers.LSTM:
    return keras.layers.LSTM(
        width,
        return_sequences=True,
        go_backwards=go_backwards,
        kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
        recurrent_initializer=keras.initializers.Orthogonal(seed=next(seeds)),
    )


def _seeds(seed: int) -> Iterator[int]:
    """Independent seeds: initialisers that share one give equal weights."""
    generator = np.random.default_rng(seed)
    while True:
        yield int(generator.integers(2**31))
