"""Msgpack of unknown origin: read within limits, and without what could run code.

What declares to be large is refused before memory is set aside for it, arrays are numbers
and no longer than the bytes that are there, and nothing is an object of Python's.
"""

from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
import srsly.msgpack

# Lists and dictionaries in a message, and items in each of them. A saved tagger has few:
# what is large in it are strings and arrays.
_MAX_CONTAINERS = 1024
_MAX_ITEMS = 1024

_ARRAY_KEYS = {b"nd", b"type", b"kind", b"shape", b"data"}
_DTYPES = ("<f2", "<f4", "<u2", "<i4")


def loads(data: bytes) -> Any:
    """Read a message, as `srsly.msgpack_loads` does; arrays have one of the types that we
    save: float16, float32, uint16, int32.

    data (bytes): The message.
    RETURNS (Any): What it holds, lists as tuples.
    RAISES (ValueError): If it is damaged or larger than any of ours.
    """
    n_containers = 0

    def count() -> None:
        nonlocal n_containers
        n_containers += 1
        if n_containers > _MAX_CONTAINERS:
            raise ValueError(f"there are more than {_MAX_CONTAINERS} lists in it")

    def as_dict(pairs: List[Tuple[Any, Any]]) -> Any:
        count()
        items = dict(pairs)
        if len(items) < len(pairs):
            raise ValueError("a key stands in it twice")
        return _as_array(items) if b"nd" in items else items

    def as_tuple(items: Sequence[Any]) -> Tuple[Any, ...]:
        count()
        return tuple(items)

    try:
        return srsly.msgpack.unpackb(
            data,
            raw=False,
            use_list=False,
            object_pairs_hook=as_dict,
            list_hook=as_tuple,
            max_array_len=_MAX_ITEMS,
            max_map_len=_MAX_ITEMS,
            max_ext_len=0,
        )
    except Exception as error:  # msgpack has many
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _as_array(items: Dict[Any, Any]) -> np.ndarray:
    """Make an array of what `srsly.msgpack_dumps` made of one."""
    shape, data = items.get(b"shape"), items.get(b"data")
    if items.keys() != _ARRAY_KEYS or items[b"nd"] is not True:
        raise ValueError("there is an array that is not as saved")
    if items[b"type"] not in _DTYPES:
        raise ValueError(f"there is an array of the type {items[b'type']!r}")
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"there is an array of the shape {shape!r}")
    if not isinstance(data, bytes):
        raise ValueError("there is an array without data")
    return np.frombuffer(data, dtype=items[b"type"]).reshape(shape)
