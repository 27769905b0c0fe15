"""The few messages of the ONNX format that a graph of ours consists of, as bytes.

The functions are called as those of `onnx.helper`, which they stand for: so that a graph
can be written where `onnx` is not installed, and none need be read from a saved pipeline.
The numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from typing import Dict, Iterable, Sequence, Union

import numpy as np

FLOAT, INT8, INT32, INT64 = 1, 3, 6, 7
_TYPE_OF_DTYPE = {"float32": FLOAT, "int8": INT8}
_ATTRIBUTE_INT, _ATTRIBUTE_STRING, _ATTRIBUTE_INTS = 2, 3, 7
_EXTERNAL = 1


def make_node(
    op_type: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    domain: str = "",
    **attributes: Union[int, str, Sequence[int]],
) -> bytes:
    """Write a node.

    op_type (str): The operator.
    inputs (Sequence[str]): The names of its inputs.
    outputs (Sequence[str]): The names of its outputs.
    domain (str): Whose operator it is; ONNX's own without it.
    attributes (Union[int, str, Sequence[int]]): Its attributes.
    RETURNS (bytes): A NodeProto.
    """
    fields = [*_strings(1, inputs), *_strings(2, outputs), _string(4, op_type)]
    for name, value in sorted(attributes.items()):
        fields.append(_bytes(5, _make_attribute(name, value)))
    if domain:
        fields.append(_string(7, domain))
    return b"".join(fields)


def _make_attribute(name: str, value: Union[int, str, Sequence[int]]) -> bytes:
    if isinstance(value, int):
        fields = [_int(3, value), _int(20, _ATTRIBUTE_INT)]
    elif isinstance(value, str):
        fields = [_string(4, value), _int(20, _ATTRIBUTE_STRING)]
    else:
        fields = [*(_int(8, item) for item in value), _int(20, _ATTRIBUTE_INTS)]
    return b"".join([_string(1, name), *fields])


def make_tensor(name: str, values: Sequence[int]) -> bytes:
    """Write a small tensor with its values.

    name (str): The name.
    values (Sequence[int]): The values.
    RETURNS (bytes): A TensorProto of one dimension, of int64.
    """
    packed = b"".join(map(_varint, values))
    fields = [_int(1, len(values)), _int(2, INT64), _bytes(7, packed), _string(8, name)]
    return b"".join(fields)


def make_external_tensor(name: str, array: np.ndarray) -> bytes:
    """Declare a weight that is bound when the session is made.

    name (str): The name.
    array (np.ndarray): An array of its shape and type.
    RETURNS (bytes): A TensorProto without data.
    """
    entries = {"location": "bound-by-the-session", "length": str(array.nbytes)}
    return b"".join(
        [
            *(_int(1, size) for size in array.shape),
            _int(2, _TYPE_OF_DTYPE[array.dtype.name]),
            _string(8, name),
            *(_bytes(13, _string(1, k) + _string(2, v)) for k, v in entries.items()),
            _int(14, _EXTERNAL),
        ]
    )


def make_tensor_value_info(
    name: str, elem_type: int, shape: Sequence[Union[int, str]]
) -> bytes:
    """Write what an input or output is.

    name (str): The name of an input or output.
    elem_type (int): One of the types above.
    shape (Sequence[Union[int, str]]): The size of each dimension, or a name for one that
        is not known.
    RETURNS (bytes): A ValueInfoProto.
    """
    dims = [_int(1, size) if isinstance(size, int) else _string(2, size) for size in shape]
    tensor = _int(1, elem_type) + _bytes(2, b"".join(_bytes(1, dim) for dim in dims))
    return _string(1, name) + _bytes(2, _bytes(1, tensor))


def make_model(
    name: str,
    nodes: Iterable[bytes],
    inputs: Iterable[bytes],
    outputs: Iterable[bytes],
    *,
    initializers: Iterable[bytes],
    opset_versions: Dict[str, int],
    ir_version: int,
) -> bytes:
    """Write a model.

    name (str): The name of the graph.
    nodes (Iterable[bytes]): What `make_node` made, in the order of their computation.
    inputs (Iterable[bytes]): What `make_tensor_value_info` made.
    outputs (Iterable[bytes]): The same.
    initializers (Iterable[bytes]): What `make_tensor` and `make_external_tensor` made.
    opset_versions (Dict[str, int]): The version of the operators of each domain.
    ir_version (int): The version of the format.
    RETURNS (bytes): A ModelProto.
    """
    fields = {1: nodes, 2: [name.encode()], 5: initializers, 11: inputs, 12: outputs}
    graph = b"".join(_bytes(n, item) for n, items in fields.items() for item in items)
    opsets = [
        _bytes(8, _string(1, domain) + _int(2, version))
        for domain, version in opset_versions.items()
    ]
    return b"".join([_int(1, ir_version), _bytes(7, graph), *opsets])


def _varint(value: int) -> bytes:
    """A number that is not negative, seven bits a byte, the lowest first."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F)
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def _int(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _string(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _strings(field: int, values: Iterable[str]) -> Iterable[bytes]:
    return (_string(field, value) for value in values)
