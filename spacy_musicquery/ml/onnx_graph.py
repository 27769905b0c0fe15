"""The network as an ONNX graph, written node by node from its sizes.

The graph holds no weights: it declares them as external data, and the session
binds the arrays when it is made. So it is about a kilobyte, and is written anew from
the sizes wherever it is needed: a saved pipeline carries none that could be trusted.

Inputs are `vectors` (longest, texts, width), those of the characters, zero beyond the end of
a text, and `lengths` (texts,), int32. Looking the vectors up is left to numpy, which adds
several a character in a third of the time, and contextual ones to them. The output is
`emissions` (texts, longest, tags), and `intents` (texts, intents) if there are any. Rows of
emissions beyond a text's length are undefined.
"""

from functools import lru_cache
from typing import Any, Dict, List, Literal, Mapping, Tuple

import numpy as np

from ..features.row_layout import RowLayout
from ..types import Floats2d, Floats3d, FloatsXd
from . import onnx_proto as helper
from .shapes import BIGRAMS, EMBEDDING, LEXICON, WINDOW, NetworkSizes, array_shapes

Precision = Literal["float32", "int8"]

INPUTS = ("vectors", "lengths")
EMISSIONS = "emissions"
INTENTS = "intents"

# LSTM and Reshape in these forms came with opset 14 (ONNX 1.9, 2021);
# asking for no more keeps old runtimes able to load the graph.
_OPSET = 14
_IR_VERSION = 7
_MICROSOFT = "com.microsoft"


@lru_cache(maxsize=8)
def build_graph(sizes: NetworkSizes, precision: Precision) -> bytes:
    """Write the graph of a network.

    sizes (NetworkSizes): The sizes.
    precision (str): Of the LSTM's weights: "float32", or "int8" for ONNX Runtime's
        dynamically quantized LSTM, which also rounds the LSTM's input to 8 bits.
    RETURNS (bytes): A serialised ONNX model, its weights external.
    """
    shapes = array_shapes(sizes)
    weights = graph_weights({n: np.zeros(s, "f") for n, s in shapes.items()}, precision)
    nodes = []
    for i in range(sizes.depth):
        nodes += [
            _lstm_node(i, sizes.hidden_width, precision),
            # (longest, directions, texts, width) -> (longest, texts, both widths)
            helper.make_node(
                "Transpose", [f"directions_{i}"], [f"side_{i}"], perm=[0, 2, 1, 3]
            ),
            helper.make_node("Reshape", [f"side_{i}", "joined_shape"], [_hidden(i + 1)]),
        ]
    hidden = _hidden(sizes.depth)
    nodes.append(helper.make_node("MatMul", [hidden, "output.kernel"], ["scores"]))
    bias = "output.bias"
    if sizes.window:
        # Transposed, with the kernel turned round, the convolution is the same: each
        # character adds to the scores of its neighbours, which ONNX Runtime does much
        # faster. It wants (texts, width, longest).
        nodes += [
            helper.make_node("Transpose", [_hidden(0)], ["by_width"], perm=[1, 2, 0]),
            helper.make_node(
                "ConvTranspose",
                ["by_width", WINDOW, bias],
                ["window_by_tag"],
                pads=[sizes.window // 2] * 2,
            ),
            helper.make_node("Transpose", ["window_by_tag"], ["window"], perm=[2, 0, 1]),
        ]
        bias = "window"
    nodes += [
        helper.make_node("Add", ["scores", bias], ["by_step"]),
        helper.make_node("Transpose", ["by_step"], [EMISSIONS], perm=[1, 0, 2]),
    ]
    if sizes.n_intents:
        # Beyond the end of a text, an LSTM's output is zero.
        nodes += [
            helper.make_node("ReduceMax", [hidden], ["strongest"], axes=[0], keepdims=0),
            helper.make_node("Relu", ["strongest"], ["positive"]),
            helper.make_node("MatMul", ["positive", "intents.kernel"], ["intent_scores"]),
            helper.make_node("Add", ["intent_scores", "intents.bias"], [INTENTS]),
        ]
    joined_shape = [0, 0, 2 * sizes.hidden_width]  # 0 keeps a dimension
    initializers = [
        *(helper.make_external_tensor(name, array) for name, array in weights.items()),
        helper.make_tensor("joined_shape", joined_shape),
    ]
    opset_versions = {"": _OPSET}
    if precision == "int8":
        opset_versions[_MICROSOFT] = 1
    return helper.make_model(
        "char_bilstm",
        nodes,
        [
            helper.make_tensor_value_info(
                "vectors", helper.FLOAT, ["t", "n", sizes.embed_width]
            ),
            helper.make_tensor_value_info("lengths", helper.INT32, ["n"]),
        ],
        [
            helper.make_tensor_value_info(name, helper.FLOAT, shape)
            for name, shape in _output_shapes(sizes).items()
        ],
        initializers=initializers,
        opset_versions=opset_versions,
        ir_version=_IR_VERSION,
    )


def graph_weights(
    arrays: Mapping[str, FloatsXd], precision: Precision
) -> Dict[str, np.ndarray]:
    """The graph's weights from the network's arrays.

    Keras keeps an LSTM's gates side by side as input, forget, cell, output, with
    (in, out) kernels; ONNX stacks input, output, forget, cell, with (out, in),
    and has a second bias, for the recurrence, which stays zero. See
    https://onnx.ai/onnx/operators/onnx__LSTM.html

    arrays (Mapping[str, FloatsXd]): By the names of `shapes.array_shapes`.
    precision (str): See `build_graph`.
    RETURNS (Dict[str, np.ndarray]): By the names of the graph's initialisers. Copies:
        ONNX Runtime reads their memory while training changes the arrays.
    """
    weights: Dict[str, np.ndarray] = {
        name: np.array(array, dtype="float32", order="C")
        for name, array in arrays.items()
        if name.startswith(("output.", "intents."))
    }
    if WINDOW in arrays:
        kernel = arrays[WINDOW].astype("float32")[::-1].transpose(1, 2, 0)
        weights[WINDOW] = np.ascontiguousarray(kernel)
    layers = dict.fromkeys(name.split(".")[0] for name in arrays if "bilstm_" in name)
    for layer in layers:
        kernel, recurrent_kernel, bias = (
            np.stack(
                [
                    _onnx_gates(arrays[f"{layer}.{direction}.{part}"])
                    for direction in ("forward", "backward")
                ]
            ).astype("float32")
            for part in ("kernel", "recurrent_kernel", "bias")
        )
        weights[f"{layer}.B"] = np.concatenate([bias, np.zeros_like(bias)], axis=-1)
        for name, matrices in (("W", kernel), ("R", recurrent_kernel)):
            if precision == "int8":
                quantized, scale = quantize(matrices)
                weights[f"{layer}.{name}"] = quantized
                weights[f"{layer}.{name}_scale"] = scale
                weights[f"{layer}.{name}_zero"] = np.zeros(scale.shape, dtype="int8")
            else:
                transposed = matrices.transpose(0, 2, 1)
                weights[f"{layer}.{name}"] = np.ascontiguousarray(transposed)
    return weights


def stacked_vectors(arrays: Mapping[str, FloatsXd]) -> Floats2d:
    """Stack the vectors of characters, bigrams and names.

    arrays (Mapping[str, FloatsXd]): By the names of `shapes.array_shapes`.
    RETURNS (Floats2d): A copy (vectors, width).
    """
    return RowLayout.stack(arrays[EMBEDDING], arrays.get(BIGRAMS), arrays.get(LEXICON))


def quantize(matrices: Floats3d) -> Tuple[np.ndarray, Floats2d]:
    """Round weights to 8 bits, symmetrically, with a scale for every column.

    matrices (Floats3d): (directions, in, out).
    RETURNS (Tuple[np.ndarray, Floats2d]): The same as int8, and the scales
        (directions, out): a weight is about its int8 value times its scale.
    """
    scale = np.abs(matrices).max(axis=1) / 127
    scale[scale == 0] = 1.0
    quantized = np.rint(matrices / scale[:, np.newaxis]).astype("int8")
    return quantized, scale.astype("float32")


def _lstm_node(layer: int, hidden_width: int, precision: Precision) -> bytes:
    weights = [f"bilstm_{layer}.{part}" for part in "WRB"]
    inputs = [_hidden(layer), *weights, "lengths"]
    op_type, domain = "LSTM", ""
    if precision == "int8":
        scales = [f"{w}_{part}" for w in weights[:2] for part in ("scale", "zero")]
        inputs += ["", "", "", *scales]  # no initial state, no peepholes
        op_type, domain = "DynamicQuantizeLSTM", _MICROSOFT
    return helper.make_node(
        op_type,
        inputs,
        [f"directions_{layer}"],
        domain=domain,
        hidden_size=hidden_width,
        direction="bidirectional",
    )


def _hidden(layer: int) -> str:
    """What goes into a layer, or out of the last one: (longest, texts, width)."""
    return f"hidden_{layer}" if layer else "vectors"


def _output_shapes(sizes: NetworkSizes) -> Dict[str, List[Any]]:
    shapes: Dict[str, List[Any]] = {EMISSIONS: ["n", "t", sizes.n_tags]}
    if sizes.n_intents:
        shapes[INTENTS] = ["n", sizes.n_intents]
    return shapes


def _onnx_gates(array: FloatsXd) -> FloatsXd:
    """Reorder the four gates of the last axis from Keras' to ONNX's order."""
    gate_i, gate_f, gate_c, gate_o = np.split(array, 4, axis=-1)
    return np.concatenate([gate_i, gate_o, gate_f, gate_c], axis=-1)
