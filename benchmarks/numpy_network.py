"""The network that is trained, in numpy: computes what `keras_network` does, in a quarter of
TensorFlow's time on one core, as the LSTMs are small. For measurements of many trainings; what
dropout draws is other than TensorFlow's. One BiLSTM, no contextual vectors.

python benchmarks/numpy_network.py              compares both, outputs and gradients
python benchmarks/numpy_network.py train ...    is `python -m spacy train ...`, with this one
"""

import contextlib
import sys
from functools import lru_cache
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple

import numpy as np
from spacy.cli import setup_cli

from spacy_musicquery.features.row_layout import CHARS, PAIRS
from spacy_musicquery.ml import keras_shim
from spacy_musicquery.ml.load_keras import network_module
from spacy_musicquery.ml.shapes import BIGRAMS, EMBEDDING, LEXICON, WINDOW, NetworkSizes

DIRECTIONS = ("forward", "backward")
OF_CELL = ("kernel", "recurrent_kernel", "bias")
Arrays = Dict[str, np.ndarray]


class Variable:
    """An array with the methods that the shim calls."""

    def assign(self, value: np.ndarray) -> None:
        self.value = np.asarray(value, dtype="float32")

    def numpy(self) -> np.ndarray:
        return self.value


class SharedNetwork:
    """As `keras_network.SharedNetwork`, of which it has the interface; without weights of its
    own to begin with."""

    def __init__(self, sizes: NetworkSizes) -> None:
        if sizes.depth != 1 or sizes.context_width:
            raise ValueError(f"One BiLSTM and no contextual vectors, not {sizes}")
        self.sizes, self.layout = sizes, sizes.layout
        names = [EMBEDDING, *[BIGRAMS] * bool(sizes.n_bigrams)]
        names += [LEXICON] * bool(sizes.n_lexicon)
        names += [f"bilstm_0.{way}.{name}" for way in DIRECTIONS for name in OF_CELL]
        names += ["output.kernel", "output.bias", *[WINDOW] * bool(sizes.window)]
        names += ["intents.kernel", "intents.bias"] * bool(sizes.n_intents)
        self._variables = {name: Variable() for name in names}
        self._last: Tuple[Any, Tuple[Any, ...]] = (None, ())
        self._held: Any = None

    @contextlib.contextmanager
    def holding(self, arrays: Mapping[str, np.ndarray]) -> Iterator[None]:
        if self._held is not arrays:
            for name, variable in self._variables.items():
                variable.assign(arrays[name])
            self._held, self._last = arrays, (None, ())
        yield

    def forward(
        self, ids: np.ndarray, dropout: Any, seed: np.ndarray
    ) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
        outputs = self._run(ids, dropout, seed)
        self._last = (ids, outputs)
        return outputs[:3]

    def backward(
        self, ids: np.ndarray, dropout: Any, seed: np.ndarray, d_outputs: Tuple[Any, ...]
    ) -> Arrays:
        last, outputs = self._last
        *_, kept = outputs if last is ids else self._run(ids, dropout, seed)
        gradients = self._gradients(ids, kept, *d_outputs)
        return {name: gradients[name] for name in self._variables}

    def _weights(self) -> Arrays:
        return {name: variable.value for name, variable in self._variables.items()}

    def _run(self, ids: np.ndarray, dropout: Any, seed: np.ndarray) -> Tuple[Any, ...]:
        weights = self._weights()
        mask = (ids[..., CHARS] != 0).astype("float32")[..., np.newaxis]
        embedded = weights[EMBEDDING][ids[..., CHARS]]
        if BIGRAMS in weights:
            embedded = embedded + weights[BIGRAMS][self._pairs(ids)].sum(axis=2)
        if LEXICON in weights:
            names, is_name = self._names(ids)
            embedded = embedded + (weights[LEXICON][names] * is_name).sum(axis=2)
        draws = np.random.default_rng(np.abs(np.asarray(seed)))
        kept_inputs = _kept(draws, embedded.shape, dropout)
        inputs = embedded * kept_inputs
        cells = [_lstm(inputs, mask, _cell(weights, way), way) for way in DIRECTIONS]
        states = np.concatenate([states for states, _ in cells], axis=2)
        kept_states = _kept(draws, states.shape, dropout)
        hidden = states * kept_states
        emissions = hidden @ weights["output.kernel"] + weights["output.bias"]
        padded = None
        if WINDOW in weights:
            half, n = self.sizes.window // 2, ids.shape[1]
            padded = np.pad(inputs * mask, ((0, 0), (half, half), (0, 0)))
            for i, kernel in enumerate(weights[WINDOW]):
                emissions += padded[:, i : i + n] @ kernel
        positive = np.maximum(hidden, 0.0) * mask
        strongest = positive.argmax(axis=1)[:, np.newaxis]
        utterances = np.take_along_axis(positive, strongest, axis=1)[:, 0]
        intents = np.zeros((len(ids), 0), dtype="float32")
        if self.sizes.n_intents:
            intents = utterances @ weights["intents.kernel"] + weights["intents.bias"]
        steps = [cell for _, cell in cells]
        kept = (mask, kept_inputs, kept_states, inputs, padded, hidden, strongest, steps)
        return emissions, intents, utterances, (*kept, utterances)

    def _gradients(
        self,
        ids: np.ndarray,
        kept: Tuple[Any, ...],
        d_emissions: np.ndarray,
        d_intents: np.ndarray,
        d_utterances: np.ndarray,
    ) -> Arrays:
        mask, kept_inputs, kept_states, inputs, padded, hidden, strongest, steps, top = kept
        weights = self._weights()
        by_char = _flat(d_emissions)
        gradients = {
            "output.kernel": _flat(hidden).T @ by_char,
            "output.bias": by_char.sum(axis=0),
        }
        d_inputs = np.zeros_like(inputs)
        if padded is not None:
            half, n = self.sizes.window // 2, ids.shape[1]
            gradients[WINDOW] = np.zeros_like(weights[WINDOW])
            d_padded = np.zeros_like(padded)
            for i, kernel in enumerate(weights[WINDOW]):
                gradients[WINDOW][i] = _flat(padded[:, i : i + n]).T @ by_char
                d_padded[:, i : i + n] += d_emissions @ kernel.T
            d_inputs += d_padded[:, half : half + n] * mask
        d_top = np.array(d_utterances)
        if self.sizes.n_intents:
            gradients["intents.kernel"] = top.T @ d_intents
            gradients["intents.bias"] = d_intents.sum(axis=0)
            d_top += d_intents @ weights["intents.kernel"].T
        d_hidden = d_emissions @ weights["output.kernel"].T
        d_strongest = np.zeros_like(hidden)
        np.put_along_axis(
            d_strongest, strongest, (d_top * (top > 0))[:, np.newaxis], axis=1
        )
        d_states = (d_hidden + d_strongest) * kept_states
        for way, of_way, d_way in zip(DIRECTIONS, steps, np.split(d_states, 2, axis=2)):
            d_cell, of_arrays = _lstm_backward(inputs, d_way, of_way, _cell(weights, way))
            d_inputs += d_cell
            gradients.update(zip((f"bilstm_0.{way}.{n}" for n in OF_CELL), of_arrays))
        d_embedded = _flat(d_inputs * kept_inputs)
        gradients[EMBEDDING] = _scattered(weights[EMBEDDING], ids[..., CHARS], d_embedded)
        if BIGRAMS in weights:
            twice = np.repeat(d_embedded, 2, axis=0)
            gradients[BIGRAMS] = _scattered(weights[BIGRAMS], self._pairs(ids), twice)
        if LEXICON in weights:
            names, is_name = self._names(ids)
            of_names = np.repeat(d_embedded, names.shape[2], axis=0) * is_name.reshape(
                -1, 1
            )
            gradients[LEXICON] = _scattered(weights[LEXICON], names, of_names)
        return gradients

    def _pairs(self, ids: np.ndarray) -> np.ndarray:
        return np.maximum(ids[..., PAIRS] - self.layout.pairs_before, 0)

    def _names(self, ids: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        names = ids[..., self.layout.n_columns :]
        is_name = (names > 0).astype("float32")[..., np.newaxis]
        return np.maximum(names - self.layout.names, 0), is_name


def use_numpy() -> None:
    """Train with this network from now on, from weights that there are already or that are
    drawn as ever."""

    class Module:
        shared_network = staticmethod(lru_cache(maxsize=None)(SharedNetwork))

        @staticmethod
        def initial_arrays(sizes: NetworkSizes, seed: int) -> Arrays:
            return network_module("").initial_arrays(sizes, seed)

    keras_shim.network_module = lambda component: Module  # type: ignore[assignment]


def _flat(rows: np.ndarray) -> np.ndarray:
    return rows.reshape(-1, rows.shape[-1])


def _kept(draws: np.random.Generator, shape: Tuple[int, ...], dropout: Any) -> Any:
    """What dropout multiplies by."""
    rate = np.float32(dropout)
    if not rate:
        return np.float32(1.0)
    return (draws.random(shape, dtype="float32") >= rate) / (1 - rate)


def _cell(weights: Arrays, way: str) -> List[np.ndarray]:
    return [weights[f"bilstm_0.{way}.{name}"] for name in OF_CELL]


def _lstm(
    inputs: np.ndarray, mask: np.ndarray, cell: Sequence[np.ndarray], way: str
) -> Tuple[np.ndarray, List[Any]]:
    """Its states, and what each step needs to go back. In the padding its state is zero."""
    kernel, recurrent, bias = cell
    n_texts, longest, _ = inputs.shape
    width = len(recurrent)
    states = np.zeros((n_texts, longest, width), dtype="float32")
    state = memory = np.zeros((n_texts, width), dtype="float32")
    scores = inputs @ kernel + bias
    steps = []
    for i in range(longest) if way == "forward" else reversed(range(longest)):
        of_step = scores[:, i] + state @ recurrent
        gates = 1.0 / (1.0 + np.exp(-of_step))
        candidate = np.tanh(of_step[:, 2 * width : 3 * width])
        take, forget, _, give = np.split(gates, 4, axis=1)
        new_memory = (forget * memory + take * candidate) * mask[:, i]
        shown = np.tanh(new_memory)
        steps.append((i, state, memory, take, forget, candidate, give, shown, mask[:, i]))
        state, memory = give * shown * mask[:, i], new_memory
        states[:, i] = state
    return states, steps


def _lstm_backward(
    inputs: np.ndarray, d_states: np.ndarray, steps: List[Any], cell: Sequence[np.ndarray]
) -> Tuple[np.ndarray, Tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The gradients with respect to the inputs, and to the arrays of a cell."""
    kernel, recurrent, _ = cell
    n_texts, longest, width = d_states.shape
    d_scores = np.zeros((n_texts, longest, 4 * width), dtype="float32")
    d_recurrent = np.zeros_like(recurrent)
    d_state = d_memory = np.zeros((n_texts, width), dtype="float32")
    for i, state, memory, take, forget, candidate, give, shown, mask in reversed(steps):
        d_state = (d_state + d_states[:, i]) * mask
        d_memory = (d_memory + d_state * give * (1 - shown**2)) * mask
        d_scores[:, i] = np.concatenate(
            [
                d_memory * candidate * take * (1 - take),
                d_memory * memory * forget * (1 - forget),
                d_memory * take * (1 - candidate**2),
                d_state * shown * give * (1 - give),
            ],
            axis=1,
        )
        d_recurrent += state.T @ d_scores[:, i]
        d_state, d_memory = d_scores[:, i] @ recurrent.T, d_memory * forget
    flat = _flat(d_scores)
    arrays = (_flat(inputs).T @ flat, d_recurrent, flat.sum(axis=0))
    return d_scores @ kernel.T, arrays


def _scattered(array: np.ndarray, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The sum of the values of each row, in the shape of an array."""
    gradient = np.zeros_like(array)
    if rows.size:
        order = np.argsort(rows, axis=None, kind="stable")
        chosen, starts = np.unique(rows.ravel()[order], return_index=True)
        gradient[chosen] = np.add.reduceat(values[order], starts, axis=0)
    return gradient


def main() -> None:
    from spacy_musicquery.pipeline.load import box_pipeline

    component = box_pipeline().get_pipe("music_query")
    parameters = component.parameters
    networks = [
        network_module("").shared_network(parameters.sizes),
        SharedNetwork(parameters.sizes),
    ]
    taken = {}
    shim = component._shim
    begin = shim.begin_update
    shim.begin_update = lambda inputs: taken.update(ids=inputs[0]) or begin(inputs)
    component.model.begin_update(["我想听周杰伦的晴天", "今天天气怎么样", "放"])
    call = (taken["ids"], np.float32(0.0), np.array([1, 2], dtype="int32"))
    is_char = (taken["ids"][..., CHARS] != 0)[..., np.newaxis]
    draws = np.random.default_rng(0)
    results = []
    for network in networks:
        with network.holding(parameters.arrays):
            outputs = [np.array(output) for output in network.forward(*call)]
            outputs[0] *= is_char
            if not results:
                d_outputs = tuple(
                    draws.normal(size=o.shape).astype("float32") for o in outputs
                )
                d_outputs[0][:] *= is_char
            gradients = network.backward(*call, d_outputs)
        results.append(dict(zip(("emissions", "intents", "utterances"), outputs)))
        results[-1].update((name, np.array(array)) for name, array in gradients.items())
    for name, ours in results[0].items():
        print(f"{name:36} {np.abs(ours - results[1][name]).max():.1e}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["train"]:
        use_numpy()
        setup_cli()
    else:
        main()
