"""The network as an ONNX graph, written node by node from its sizes.

The graph holds no weights: it declares them as external data, and the session
binds the arrays when it is made. So the weights are stored once, and a pipeline
carries a graph of about a kilobyte that needs no `onnx` to be loaded.

Inputs are `ids` (texts, longest) and `lengths` (texts,), both int32; the output
is `emissions` (texts, longest, tags). Rows beyond a text's length are undefined.
"""

from typing import Any, Dict

import numpy as np

from .errors import Errors
from .layout import EMBEDDING, NetworkSizes, array_shapes
from .types import FloatsXd

INPUTS = ("ids", "lengths")
OUTPUT = "emissions"

# LSTM, Gather and Reshape in these forms came with opset 14 (ONNX 1.9, 2021);
# asking for no more keeps old runtimes able to load the graph.
_OPSET = 14
_IR_VERSION = 7


def build_graph(sizes: NetworkSizes) -> bytes:
    """Write the graph of a network.

    sizes (NetworkSizes): The sizes.
    RETURNS (bytes): A serialised ONNX model, its weights external.
    RAISES (ImportError): `onnx` is not installed.
    """
    try:
        from onnx import TensorProto, helper
    except ImportError as error:
        message = Errors.MQ001.format(name="music_query", module="onnx", error=error)
        raise ImportError(message) from error

    weights = graph_arrays(
        {name: np.zeros(shape, "f") for name, shape in array_shapes(sizes).items()}
    )
    nodes = [
        # The LSTM wants (longest, texts, width).
        helper.make_node("Transpose", ["ids"], ["ids_by_step"], perm=[1, 0]),
        helper.make_node("Gather", [EMBEDDING, "ids_by_step"], ["hidden_0"]),
    ]
    for i in range(sizes.depth):
        lstm = [f"bilstm_{i}.{part}" for part in "WRB"]
        nodes += [
            helper.make_node(
                "LSTM",
                [f"hidden_{i}", *lstm, "lengths"],
                [f"directions_{i}"],
                hidden_size=sizes.hidden_width,
                direction="bidirectional",
            ),
            # (longest, directions, texts, width) -> (longest, texts, both widths)
            helper.make_node(
                "Transpose", [f"directions_{i}"], [f"side_{i}"], perm=[0, 2, 1, 3]
            ),
            helper.make_node("Reshape", [f"side_{i}", "joined_shape"], [f"hidden_{i + 1}"]),
        ]
    nodes += [
        helper.make_node(
            "Transpose", [f"hidden_{sizes.depth}"], ["hidden"], perm=[1, 0, 2]
        ),
        helper.make_node("MatMul", ["hidden", "output.kernel"], ["scores"]),
        helper.make_node("Add", ["scores", "output.bias"], [OUTPUT]),
    ]
    joined_shape = [0, 0, 2 * sizes.hidden_width]  # 0 keeps a dimension
    initializers = [_external_tensor(name, array) for name, array in weights.items()]
    initializers.append(
        helper.make_tensor("joined_shape", TensorProto.INT64, [3], joined_shape)
    )
    graph = helper.make_graph(
        nodes,
        "char_bilstm",
        [
            helper.make_tensor_value_info("ids", TensorProto.INT32, ["n", "t"]),
            helper.make_tensor_value_info("lengths", TensorProto.INT32, ["n"]),
        ],
        [
            helper.make_tensor_value_info(
                OUTPUT, TensorProto.FLOAT, ["n", "t", sizes.n_tags]
            )
        ],
        initializer=initializers,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
    )
    return model.SerializeToString()


def graph_arrays(arrays: Dict[str, FloatsXd]) -> Dict[str, FloatsXd]:
    """The graph's weights from the network's arrays.

    Keras keeps an LSTM's gates side by side as input, forget, cell, output, with
    (in, out) kernels; ONNX stacks input, output, forget, cell, with (out, in),
    and has a second bias, for the recurrence, which stays zero. See
    https://onnx.ai/onnx/operators/onnx__LSTM.html

    arrays (Dict[str, FloatsXd]): By the names of `layout.array_shapes`.
    RETURNS (Dict[str, FloatsXd]): By the names of the graph's initialisers.
    """
    weights = {
        # A copy: ONNX Runtime reads this memory while training changes the arrays.
        name: np.array(array, dtype="float32", order="C")
        for name, array in arrays.items()
        if not name.startswith("bilstm_")
    }
    layers = dict.fromkeys(name.split(".")[0] for name in arrays if "bilstm_" in name)
    for layer in layers:
        kernels, recurrent_kernels, biases = [], [], []
        for direction in ("forward", "backward"):
            prefix = f"{layer}.{direction}"
            bias = _onnx_gates(arrays[f"{prefix}.bias"])
            kernels.append(_onnx_gates(arrays[f"{prefix}.kernel"]).T)
            recurrent_kernels.append(_onnx_gates(arrays[f"{prefix}.recurrent_kernel"]).T)
            biases.append(np.concatenate([bias, np.zeros_like(bias)]))
        # Stacking transposed arrays leaves them transposed in memory.
        for part, stacked in zip("WRB", (kernels, recurrent_kernels, biases)):
            weights[f"{layer}.{part}"] = np.ascontiguousarray(np.stack(stacked), "float32")
    return weights


def _onnx_gates(array: FloatsXd) -> FloatsXd:
    """Reorder the four gates of the last axis from Keras' to ONNX's order."""
    gate_i, gate_f, gate_c, gate_o = np.split(array, 4, axis=-1)
    return np.concatenate([gate_i, gate_o, gate_f, gate_c], axis=-1)


def _external_tensor(name: str, array: FloatsXd) -> Any:
    """Declare a weight that is bound when the session is made."""
    from onnx import TensorProto

    tensor = TensorProto(
        name=name,
        data_type=TensorProto.FLOAT,
        dims=array.shape,
        data_location=TensorProto.EXTERNAL,
    )
    tensor.external_data.add(key="location", value="bound-by-the-session")
    tensor.external_data.add(key="length", value=str(array.nbytes))
    return tensor
