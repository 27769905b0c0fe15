"""The Keras network that is trained. The only module that imports Keras and
TensorFlow as it is imported; `keras_shim` does so when training starts.
"""

from typing import Dict, Iterator

import keras
import numpy as np
import tensorflow as tf

from .encoding import PAD_ID
from .layout import EMBEDDING, NetworkSizes

# The dropout rate is an argument of the call, and the shape leaves batch and
# time open: one trace serves every batch and every step of a schedule.
_SIGNATURE = (
    tf.TensorSpec((None, None), tf.int32),
    tf.TensorSpec((), tf.float32),
)


class CharBiLSTM(keras.Model):
    """Embedding -> dropout -> (bidirectional LSTM -> dropout) x depth -> Dense."""

    def __init__(self, sizes: NetworkSizes, seed: int) -> None:
        """sizes (NetworkSizes): The sizes.
        seed (int): Seeds the initial weights and the dropout.
        """
        super().__init__()
        seeds = _seeds(seed)
        self.embedding = keras.layers.Embedding(
            sizes.n_chars,
            sizes.embed_width,
            embeddings_initializer=keras.initializers.RandomUniform(seed=next(seeds)),
        )
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
        self.dropout_seed = keras.random.SeedGenerator(next(seeds))
        self(np.ones((1, 1), dtype="int32"), dropout=tf.constant(0.0))
        self.forward = tf.function(self.call, input_signature=_SIGNATURE)

    def call(self, ids: tf.Tensor, dropout: tf.Tensor) -> tf.Tensor:
        """ids (tf.Tensor): Padded character ids (texts, longest).
        dropout (tf.Tensor): The share of values to drop, 0 for none.
        RETURNS (tf.Tensor): Emissions (texts, longest, tags), unnormalised.
        """
        mask = keras.ops.not_equal(ids, PAD_ID)
        hidden = self._drop(self.embedding(ids), dropout)
        for bilstm in self.bilstms:
            hidden = self._drop(bilstm(hidden, mask=mask), dropout)
        return self.output_layer(hidden)

    def arrays(self) -> Dict[str, keras.Variable]:
        """RETURNS (Dict[str, keras.Variable]): The trainable variables by the names
        of `layout.array_shapes`, in its order.
        """
        variables = {EMBEDDING: self.embedding.embeddings}
        for i, bilstm in enumerate(self.bilstms):
            for direction in ("forward", "backward"):
                cell = getattr(bilstm, f"{direction}_layer").cell
                for name in ("kernel", "recurrent_kernel", "bias"):
                    variables[f"bilstm_{i}.{direction}.{name}"] = getattr(cell, name)
        variables["output.kernel"] = self.output_layer.kernel
        variables["output.bias"] = self.output_layer.bias
        return variables

    def _drop(self, values: tf.Tensor, rate: tf.Tensor) -> tf.Tensor:
        return keras.random.dropout(values, rate, seed=self.dropout_seed)


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
