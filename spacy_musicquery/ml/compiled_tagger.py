"""The compiled tagger, where there is one: weights laid out for `kernel`, which computes
what `numpy_tagger` does, in a tenth of its time for a message."""

from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np

from ..decoding.linear_chain import LinearChain
from ..features.catalogue import Catalogue
from ..features.name_index import NameIndex
from ..types import Floats2d, FloatsXd
from . import kernel
from .parameters import Parameters
from .shapes import BIGRAMS, EMBEDDING, INTENT_BIAS, LEXICON, WINDOW, NetworkSizes

Found = Tuple[int, int, int, int, float]

# What the gates are multiplied by, see csrc/tagger.h: input, forget, new, output.
_GATES = np.array([-1.0, -1.0, -2.0, -1.0], dtype="float32") / np.float32(np.log(2.0))
# Where a line of the processor's cache begins: what the widest registers read at once.
_ALIGNMENT = 64


class CompiledTagger:
    """Tags texts, from many threads at once, without holding Python's lock."""

    def __init__(
        self, parameters: Parameters, chain: LinearChain, instruction_set: str = ""
    ) -> None:
        """Lay out what has been learnt.

        parameters (Parameters): With a network, all of it trained.
        chain (LinearChain): Its transitions.
        instruction_set (str): One of `kernel.instruction_sets()`; the best if empty.
        """
        sizes, arrays = laid_out(parameters, chain)
        self._kernel = kernel.Kernel(sizes, arrays, instruction_set)
        self._names: Tuple[Optional[NameIndex], Any] = (None, None)

    def emissions(
        self, texts: List[str], catalogue: Catalogue, context: Optional[Floats2d] = None
    ) -> Tuple[Floats2d, Floats2d]:
        """Score characters and texts, see `NumpyTagger.emissions`."""
        return self._kernel.emissions(texts, self._names_of(catalogue), context)

    def find(
        self, texts: List[str], catalogue: Catalogue, context: Optional[Floats2d] = None
    ) -> Tuple[List[Found], List[List[float]]]:
        """Find spans, see `NumpyTagger.find`."""
        return self._kernel.find(texts, self._names_of(catalogue), context)

    def _names_of(self, catalogue: Catalogue) -> Any:
        """The tables of a catalogue, until a name is added; None without names."""
        index = catalogue.index
        known, tables = self._names
        if known is not index:
            tables = kernel.NameTables(index.tables, index.longest) if len(index) else None
            self._names = index, tables
        return tables


def laid_out(
    parameters: Parameters, chain: LinearChain
) -> Tuple[Dict[str, int], Dict[str, np.ndarray]]:
    """What the kernel reads, as csrc/tagger.h describes it. Vectors are read where they
    are; the few other weights are copied, with widths rounded up.

    parameters (Parameters): With a network, all of it trained.
    chain (LinearChain): Its transitions.
    RETURNS (Tuple[Dict[str, int], Dict[str, np.ndarray]]): Sizes and arrays.
    """
    sizes = parameters.sizes
    assert sizes is not None
    arrays = {
        "char_vectors": _float32(parameters.arrays[EMBEDDING]),
        "normal_code": parameters.characters.normal_table.view("int32"),
        "id_of_code": parameters.characters.id_of_code,
        "transitions": np.ascontiguousarray(chain.transitions, dtype="float64"),
        "factors": np.ascontiguousarray(chain.factors, dtype="float64"),
        **_network_arrays(sizes, parameters.arrays),
    }
    if sizes.n_bigrams:
        pairs = parameters.bigrams
        arrays["pair_vectors"] = _float32(parameters.arrays[BIGRAMS])
        arrays["pair_starts"] = pairs.starts(sizes.n_chars)
        arrays["pair_rights"] = np.ascontiguousarray(pairs.pairs[:, 1])
    if sizes.n_lexicon:
        arrays["name_vectors"] = _float32(parameters.arrays[LEXICON])
    widths = {
        "vector_width": sizes.embed_width,
        "embed_width": _rounded(sizes.embed_width, kernel.LANES),
        "hidden_width": _rounded(sizes.hidden_width, kernel.UNITS),
        "depth": sizes.depth,
        "window": sizes.window,
        "n_tags": sizes.n_tags,
        "n_intents": sizes.n_intents,
        "n_pairs": sizes.n_bigrams,
    }
    return widths, arrays


def _network_arrays(
    sizes: NetworkSizes, weights: Mapping[str, FloatsXd]
) -> Dict[str, np.ndarray]:
    """The weights behind the vectors, with zeros up to the rounded widths."""
    hidden = _rounded(sizes.hidden_width, kernel.UNITS)
    embed = _rounded(sizes.embed_width, kernel.LANES)
    arrays: Dict[str, np.ndarray] = {}

    def units(array: FloatsXd, axis: int) -> FloatsXd:
        """Let each stretch of `hidden_width` along an axis be `hidden` long."""
        n = array.shape[axis] // sizes.hidden_width
        return _widened(array, axis, [sizes.hidden_width] * n, hidden)

    for layer in range(sizes.depth):
        for side, direction in enumerate(("forward", "backward")):
            place = 2 * layer + side
            name = f"bilstm_{layer}.{direction}"
            scale = _GATES.repeat(sizes.hidden_width)
            kernel_of_layer = units(weights[f"{name}.kernel"] * scale, 1)
            recurrent = units(weights[f"{name}.recurrent_kernel"] * scale, 1)
            arrays[f"kernel_{place}"] = (
                units(kernel_of_layer, 0)
                if layer
                else _widened(kernel_of_layer, 0, [sizes.embed_width], embed)
            )
            arrays[f"recurrent_{place}"] = units(recurrent, 0)
            arrays[f"bias_{place}"] = units(weights[f"{name}.bias"] * scale, 0)
    for name, of in (("output", "output"), ("intents", "intents")):
        if f"{of}.kernel" in weights:
            arrays[name] = units(weights[f"{of}.kernel"], 0).T
    arrays["output_bias"] = weights["output.bias"]
    if sizes.n_intents:
        arrays["intent_bias"] = weights[INTENT_BIAS]
    if sizes.window:
        of_window = _widened(weights[WINDOW], 1, [sizes.embed_width], embed)
        # (window, width, tags) -> (tags, window, width)
        arrays["window_kernel"] = of_window.transpose(2, 0, 1)
    return {name: _aligned(array) for name, array in arrays.items()}


def _widened(array: FloatsXd, axis: int, stretches: List[int], width: int) -> FloatsXd:
    """Follow each stretch of an axis by zeros, up to a width."""
    parts = np.split(array, np.cumsum(stretches)[:-1], axis=axis)
    padding = [(0, 0)] * array.ndim
    padded = []
    for part, n in zip(parts, stretches):
        padding[axis] = (0, width - n)
        padded.append(np.pad(part, padding))
    return np.concatenate(padded, axis=axis)


def _float32(array: FloatsXd) -> FloatsXd:
    return np.ascontiguousarray(array, dtype="float32")


def _aligned(array: FloatsXd) -> FloatsXd:
    """A copy in single precision that begins with a line of the cache."""
    room = np.empty(array.nbytes + _ALIGNMENT, dtype="uint8")
    begin = -room.ctypes.data % _ALIGNMENT
    copy = room[begin : begin + array.size * 4].view("float32").reshape(array.shape)
    copy[...] = array
    return copy


def _rounded(n: int, to: int) -> int:
    return -(-n // to) * to
