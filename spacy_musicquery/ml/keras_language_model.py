"""The Keras network as a language model: what its LSTMs have read predicts the characters
that they have not."""

from typing import Dict, List, Tuple

import keras
import numpy as np
import tensorflow as tf

from ..features.characters import PAD_ID
from ..features.row_layout import CHARS
from ..types import FloatsXd, Ints1d, Ints3d
from .keras_network import CharBiLSTM, initial_arrays
from .shapes import NetworkSizes

_CLIP = 1.0
_SPREAD = 0.05
_IDS = tf.TensorSpec((None, None, None), tf.int32)
_CHARS = tf.TensorSpec((None,), tf.int32)


class CharLanguageModel:
    """The characters' and pairs' vectors and the LSTMs of a `CharBiLSTM`, and a softmax
    over all characters, which both directions share: it is needed for training alone.

    In layers above the first one, an LSTM reads the states of its own direction and zeros in
    the place of the others', which have read what it is to predict.
    """

    def __init__(self, sizes: NetworkSizes, counts: Ints1d, *, seed: int) -> None:
        """Build the network.

        sizes (NetworkSizes): The sizes of a network without names and contextual vectors.
        counts (Ints1d): How often each character is to be predicted (characters,), none of
            them 0. Before training, this alone is what is predicted from.
        seed (int): Seeds the initial weights.
        """
        self._network = CharBiLSTM(sizes)
        self._hidden_width = sizes.hidden_width
        self._shares = tf.constant(counts / counts.sum(), tf.float32)
        # Little, so that frequencies decide; nothing at all would teach the LSTMs nothing.
        kernel = np.random.default_rng(seed).normal(
            0.0, _SPREAD, (sizes.n_chars, sizes.hidden_width)
        )
        self._kernel = keras.Variable(kernel.astype("float32"))
        self._bias = keras.Variable(np.log(counts / counts.sum()).astype("float32"))
        initial = initial_arrays(sizes, seed)
        self._tables = {
            name: keras.Variable(initial[name]) for name in self._network.table_names
        }
        of_layers = self._network.variables_by_name()
        lstms = {name: of_layers[name] for name in of_layers if name.startswith("bilstm")}
        for name, variable in lstms.items():
            variable.assign(initial[name])
        self._learnt = {**self._tables, **lstms}
        self._variables = [*self._learnt.values(), self._kernel, self._bias]
        self._optimizer = keras.optimizers.Adam(global_clipnorm=_CLIP)
        self._optimizer.build(self._variables)
        sampled = tf.TensorSpec((None,), tf.int64)
        self._step = tf.function(
            self._updated, input_signature=(_IDS, _CHARS, _CHARS, sampled)
        )
        self._sum = tf.function(self._summed_loss, input_signature=(_IDS, _CHARS, _CHARS))

    def arrays(self) -> Dict[str, FloatsXd]:
        """Copy what a tagger can begin with.

        RETURNS (Dict[str, FloatsXd]): Vectors and LSTMs, by the names of
            `shapes.array_shapes`.
        """
        return {name: np.array(value.numpy()) for name, value in self._learnt.items()}

    def update(
        self, ids: Ints3d, places: Ints1d, targets: Ints1d, sampled: Ints1d, rate: float
    ) -> float:
        """Learn from a batch, by the softmax over the targets and a sample of characters.

        ids (Ints3d): Padded rows of the stack of vectors (texts, longest, n).
        places (Ints1d): Which states predict: those of the LSTMs that read forwards, of all
            padded rows one after the other, and behind them those of the others.
        targets (Ints1d): The character that each is to predict (places,).
        sampled (Ints1d): Characters that are drawn by `counts`, with replacement.
        rate (float): The learning rate.
        RETURNS (float): The mean loss, in nats. It is lower than that over all characters.
        """
        self._optimizer.learning_rate = rate
        return float(self._step(ids, places, targets, sampled.astype("int64")))

    def summed_loss(self, ids: Ints3d, places: Ints1d, targets: Ints1d) -> float:
        """How improbable targets are, by the softmax over all characters.

        ids, places, targets: See `update`.
        RETURNS (float): The sum of the negative logarithms of their probabilities, in nats.
        """
        return float(self._sum(ids, places, targets))

    def _updated(
        self, ids: tf.Tensor, places: tf.Tensor, targets: tf.Tensor, sampled: tf.Tensor
    ) -> tf.Tensor:
        n_sampled = tf.cast(tf.size(sampled), tf.float32)
        expected = [
            n_sampled * tf.gather(self._shares, chars)
            for chars in (targets[:, tf.newaxis], sampled)
        ]
        with tf.GradientTape() as tape:
            losses = tf.nn.sampled_softmax_loss(
                weights=self._kernel.value,
                biases=self._bias.value,
                labels=tf.cast(targets[:, tf.newaxis], tf.int64),
                inputs=self._states(ids, places),
                num_sampled=tf.size(sampled),
                num_classes=self._kernel.shape[0],
                sampled_values=(sampled, *expected),
            )
            loss = tf.reduce_mean(losses)
        values = [variable.value for variable in self._variables]
        gradients = map(tf.convert_to_tensor, tape.gradient(loss, values))
        self._optimizer.apply(list(gradients), self._variables)
        return loss

    def _summed_loss(
        self, ids: tf.Tensor, places: tf.Tensor, targets: tf.Tensor
    ) -> tf.Tensor:
        logits = tf.matmul(self._states(ids, places), self._kernel, transpose_b=True)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            targets, logits + self._bias
        )
        return tf.reduce_sum(losses)

    def _states(self, ids: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        """The states at some places (places, hidden width)."""
        mask = keras.ops.not_equal(ids[..., CHARS], PAD_ID)
        tables = {name: table.value for name, table in self._tables.items()}
        embedded = self._network.embed(ids, tables)
        inputs: Tuple[tf.Tensor, tf.Tensor] = (embedded, embedded)
        states: List[tf.Tensor] = []
        for bilstm in self._network.bilstms:
            forward = bilstm.forward_layer(inputs[0], mask=mask)
            # It begins at the end, and so does what it returns.
            backward = bilstm.backward_layer(inputs[1], mask=mask)
            states = [forward, keras.ops.flip(backward, axis=1)]
            zeros = keras.ops.zeros_like(forward)
            inputs = (
                keras.ops.concatenate([states[0], zeros], axis=2),
                keras.ops.concatenate([zeros, states[1]], axis=2),
            )
        rows = [tf.reshape(one, (-1, self._hidden_width)) for one in states]
        return tf.gather(tf.concat(rows, axis=0), places)
