"""A tagger as an ONNX file, for Java, JavaScript and phones: the network as a graph, and what
texts are encoded with and spans decoded with as its metadata. docs/onnx.md describes both.

Nothing here is needed to extract with this package. The only module that imports `onnx`.
"""

import json
from typing import Any, Dict, List, Mapping

import numpy as np

from ..errors import Errors
from ..features.row_layout import RowLayout
from ..types import Floats2d, FloatsXd
from .parameters import Parameters, require_network
from .shapes import BIGRAMS, EMBEDDING, LEXICON, WINDOW, NetworkSizes

# LSTM and Reshape in these forms came with opset 14 (ONNX 1.9, 2021); asking for no more
# lets old runtimes load the graph.
_OPSET = 14
_IR_VERSION = 7


def export_onnx(parameters: Parameters, component: str) -> bytes:
    """Write what a tagger has learnt as an ONNX model.

    Its inputs are `rows` (texts, longest, n), int64, those of each character, 0 for nothing
    and beyond the end of a text; and `lengths` (texts,), int32, none 0. Its outputs are
    `emissions` (texts, longest, tags), undefined beyond the end of a text; and `intents`
    (texts, intents), if there are any.

    parameters (Parameters): With a network.
    component (str): The component's name, for errors.
    RETURNS (bytes): The model.
    RAISES (ValueError): If nothing has been learnt, or an encoder is needed besides.
    RAISES (ImportError): If `onnx` is not installed.
    """
    try:
        from onnx import TensorProto, checker, helper, numpy_helper
    except ImportError as error:
        raise ImportError(Errors.MQ202.format(error=error)) from error
    require_network(parameters, component)
    trained = parameters.trained
    sizes = require_network(trained, component)
    if sizes.context_width:
        raise ValueError(Errors.MQ201.format(name=component))
    nodes = [
        helper.make_node(op, inputs, outputs, **attributes)
        for op, inputs, outputs, attributes in _nodes(sizes)
    ]
    shapes: Dict[str, List[Any]] = {"emissions": ["texts", "longest", sizes.n_tags]}
    if sizes.n_intents:
        shapes["intents"] = ["texts", sizes.n_intents]
    graph = helper.make_graph(
        nodes,
        "char_bilstm",
        [
            helper.make_tensor_value_info(
                "rows", TensorProto.INT64, ["texts", "longest", "n"]
            ),
            helper.make_tensor_value_info("lengths", TensorProto.INT32, ["texts"]),
        ],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in shapes.items()
        ],
        [
            numpy_helper.from_array(np.ascontiguousarray(array), name)
            for name, array in _initializers(sizes, trained.arrays).items()
        ],
    )
    model = helper.make_model(
        graph,
        ir_version=_IR_VERSION,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        producer_name="spacy-musicquery",
    )
    # ASCII alone: a lone surrogate is no character, but may be known.
    helper.set_model_props(model, {k: json.dumps(v) for k, v in _metadata(trained).items()})
    checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def _nodes(sizes: NetworkSizes) -> List[Any]:
    """The operators: type, inputs, outputs and attributes of each. Between the vectors and
    the emissions, steps come before texts, as ONNX's LSTM wants them."""
    nodes: List[Any] = [
        ("Gather", ["stack", "rows"], ["by_row"], {}),
        ("ReduceSum", ["by_row", "axis_of_rows"], ["vectors"], {"keepdims": 0}),
        ("Transpose", ["vectors"], ["hidden_0"], {"perm": [1, 0, 2]}),
    ]
    for i in range(sizes.depth):
        weights = [f"bilstm_{i}.{part}" for part in "WRB"]
        lstm = {"hidden_size": sizes.hidden_width, "direction": "bidirectional"}
        # (longest, directions, texts, width) -> (longest, texts, both widths)
        nodes += [
            ("LSTM", [f"hidden_{i}", *weights, "lengths"], [f"directions_{i}"], lstm),
            ("Transpose", [f"directions_{i}"], [f"sides_{i}"], {"perm": [0, 2, 1, 3]}),
            ("Reshape", [f"sides_{i}", "joined_shape"], [f"hidden_{i + 1}"], {}),
        ]
    hidden, bias = f"hidden_{sizes.depth}", "output.bias"
    nodes.append(("MatMul", [hidden, "output.kernel"], ["scores"], {}))
    if sizes.window:
        pads = {"pads": [sizes.window // 2] * 2}
        nodes += [
            ("Transpose", ["vectors"], ["by_width"], {"perm": [0, 2, 1]}),
            ("Conv", ["by_width", WINDOW, bias], ["window_by_tag"], pads),
            ("Transpose", ["window_by_tag"], ["window"], {"perm": [2, 0, 1]}),
        ]
        bias = "window"
    nodes += [
        ("Add", ["scores", bias], ["by_step"], {}),
        ("Transpose", ["by_step"], ["emissions"], {"perm": [1, 0, 2]}),
    ]
    if sizes.n_intents:
        # Beyond the end of a text, an LSTM's output is zero.
        nodes += [
            ("ReduceMax", [hidden], ["strongest"], {"axes": [0], "keepdims": 0}),
            ("Relu", ["strongest"], ["positive"], {}),
            ("MatMul", ["positive", "intents.kernel"], ["intent_scores"], {}),
            ("Add", ["intent_scores", "intents.bias"], ["intents"], {}),
        ]
    return nodes


def _initializers(
    sizes: NetworkSizes, arrays: Mapping[str, FloatsXd]
) -> Dict[str, np.ndarray]:
    """The graph's weights. Keras keeps an LSTM's gates side by side as input, forget, cell,
    output, with (in, out) kernels; ONNX stacks input, output, forget, cell, with (out, in),
    and has a second bias, for the recurrence, which stays zero. See
    https://onnx.ai/onnx/operators/onnx__LSTM.html"""
    stack = RowLayout.stack(arrays[EMBEDDING], arrays.get(BIGRAMS), arrays.get(LEXICON))
    weights: Dict[str, np.ndarray] = {
        "stack": stack,
        "axis_of_rows": np.array([2], dtype="int64"),
        # 0 keeps a dimension
        "joined_shape": np.array([0, 0, 2 * sizes.hidden_width], dtype="int64"),
    }
    for name, array in arrays.items():
        if name.startswith(("output.", "intents.")):
            weights[name] = array
    if sizes.window:
        weights[WINDOW] = arrays[WINDOW].transpose(2, 1, 0)
    for i in range(sizes.depth):
        kernel, recurrent, bias = (
            np.stack(
                [
                    _onnx_gates(arrays[f"bilstm_{i}.{direction}.{part}"])
                    for direction in ("forward", "backward")
                ]
            )
            for part in ("kernel", "recurrent_kernel", "bias")
        )
        weights[f"bilstm_{i}.W"] = kernel.transpose(0, 2, 1)
        weights[f"bilstm_{i}.R"] = recurrent.transpose(0, 2, 1)
        weights[f"bilstm_{i}.B"] = np.concatenate([bias, np.zeros_like(bias)], axis=-1)
    return weights


def _onnx_gates(array: FloatsXd) -> FloatsXd:
    """Reorder the four gates of the last axis from Keras' to ONNX's order."""
    gate_i, gate_f, gate_c, gate_o = np.split(array, 4, axis=-1)
    return np.concatenate([gate_i, gate_o, gate_f, gate_c], axis=-1)


def _metadata(parameters: Parameters) -> Dict[str, Any]:
    """What texts are encoded with and spans decoded with, in types that JSON can hold."""
    assert parameters.sizes is not None
    characters, layout = parameters.characters, parameters.sizes.layout
    normal = characters.normal_table
    changed = (normal != np.arange(len(normal))).nonzero()[0]
    return {
        "labels": parameters.labels,
        "intents": parameters.intents,
        "transitions": _with_none(parameters.chain().transitions),
        "characters": "".join(characters.chars),
        "normalization": [changed.tolist(), normal[changed].tolist()],
        "pairs": parameters.bigrams.pairs.tolist() if layout.has_pairs else None,
        "types": parameters.catalogue.types,
        "names": parameters.catalogue.names(),
    }


def _with_none(transitions: Floats2d) -> List[List[Any]]:
    """A table in which what is impossible is None, as JSON has no infinity."""
    return [[None if np.isinf(v) else v for v in row] for row in transitions.tolist()]
