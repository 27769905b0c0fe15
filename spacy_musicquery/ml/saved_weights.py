"""The weights of a network as bytes, and what is checked when they are read."""

from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple

import numpy as np
import srsly

from ..errors import Errors, SavedModelError, errors_as_damage, excerpt, require_sound
from ..saving import limited_msgpack
from ..types import FloatsXd
from .shapes import NetworkSizes, Untrained, array_shapes

_FORMAT = 5
# It also held the graphs, which nobody reads any more: they follow from the sizes.
_FORMAT_WITH_GRAPHS = 4
# Of any side of an array: what is larger is damage, and no arithmetic overflows.
_MAX_SIZE = 1 << 31
# No training comes near, and no product or sum of a few such numbers overflows.
_MAX_WEIGHT = 1e6


class Weights(NamedTuple):
    """What a network has learnt.

    sizes (Optional[NetworkSizes]): Its sizes; None for a network without weights.
    arrays (Mapping[str, FloatsXd]): Its arrays, by the names of `shapes.array_shapes`.
    frozen (Tuple[str, ...]): Those that training leaves as they are.
    untrained (Untrained): What is not predicted yet.
    """

    sizes: Optional[NetworkSizes]
    arrays: Mapping[str, FloatsXd]
    frozen: Tuple[str, ...] = ()
    untrained: Untrained = Untrained()


def write_weights(weights: Weights) -> bytes:
    """Save weights.

    weights (Weights): Any weights.
    RETURNS (bytes): What `read_weights` reads. An array that half precision can hold takes
        half the space.
    """
    message: Dict[str, Any] = {"format": _FORMAT, "sizes": None}
    if weights.sizes is not None:
        message.update(
            sizes=list(weights.sizes),
            arrays={name: _smallest(array) for name, array in weights.arrays.items()},
            frozen=list(weights.frozen),
            untrained=list(weights.untrained),
        )
    return srsly.msgpack_dumps(message)


def read_weights(data: bytes, settings: Mapping[str, int], component: str) -> Weights:
    """Read what `write_weights` wrote.

    data (bytes): The bytes.
    settings (Mapping[str, int]): Sizes that the config tells, which must be the saved ones.
    component (str): The component's name, for the error.
    RETURNS (Weights): The weights.
    RAISES (SavedModelError): If the bytes are damaged, or are of another network.
    """
    with errors_as_damage(component):
        return _read_weights(data, settings, component)


def _read_weights(data: bytes, settings: Mapping[str, int], component: str) -> Weights:
    message = limited_msgpack.loads(data)
    require_sound(isinstance(message, dict), "it holds no weights")
    version = message.pop("format", None)
    if version == _FORMAT_WITH_GRAPHS:
        message.pop("graphs", None)
    else:
        require_sound(version == _FORMAT, f"it is not of format {_FORMAT}")
    if message == {"sizes": None}:
        return Weights(None, {})
    # Pipelines from before there was growing do not say.
    message.setdefault("untrained", tuple(Untrained()))
    known = {"sizes", "arrays", "frozen", "untrained"}
    problem = f"it holds {sorted(map(str, message))}, and not {sorted(known)}"
    require_sound(message.keys() == known, problem)
    sizes = _checked_sizes(message["sizes"], settings, component)
    arrays = _checked_arrays(message["arrays"], sizes)
    frozen = message["frozen"]
    is_sound = isinstance(frozen, tuple) and all(name in arrays for name in frozen)
    require_sound(is_sound, "it does not say what is frozen")
    return Weights(sizes, arrays, frozen, _checked_untrained(message["untrained"], sizes))


def _checked_sizes(saved: Any, settings: Mapping[str, int], component: str) -> NetworkSizes:
    n_sizes = len(NetworkSizes._fields)
    require_sound(
        isinstance(saved, tuple)
        # Pipelines from before there were contextual vectors do not say so.
        and len(saved) in (n_sizes - 1, n_sizes)
        and all(type(size) is int and 0 <= size <= _MAX_SIZE for size in saved),
        f"the sizes are {excerpt(repr(saved))}",
    )
    sizes = NetworkSizes(*saved)
    for name, configured in settings.items():
        if getattr(sizes, name) != configured:
            raise SavedModelError(
                Errors.MQ022.format(
                    name=component,
                    setting=name,
                    saved=getattr(sizes, name),
                    configured=configured,
                )
            )
    return sizes


def _checked_arrays(arrays: Any, sizes: NetworkSizes) -> Dict[str, FloatsXd]:
    """Check saved arrays against the sizes, so that damage shows here and not
    deep inside a runtime."""
    shapes = array_shapes(sizes)
    require_sound(
        isinstance(arrays, dict) and list(arrays) == list(shapes), "arrays missing"
    )
    checked: Dict[str, FloatsXd] = {}
    for name, shape in shapes.items():
        array = arrays[name]
        require_sound(
            isinstance(array, np.ndarray)
            and array.dtype in (np.float32, np.float16)
            and array.shape == shape,
            f"the array '{name}' does not have the shape {shape}",
        )
        # Before it is looked at: numpy compares half precision a number at a time.
        checked[name] = array = np.array(array, dtype="float32")
        most, least = float(array.max(initial=0)), float(array.min(initial=0))
        # Where one is NaN, both are.
        is_finite = np.isfinite(most) and np.isfinite(least)
        require_sound(bool(is_finite), f"the array '{name}' is not finite")
        most = max(most, -least)
        problem = f"the array '{name}' has the weight {most:g}, larger than {_MAX_WEIGHT:g}"
        require_sound(most <= _MAX_WEIGHT, problem)
    return checked


def _checked_untrained(saved: Any, sizes: NetworkSizes) -> Untrained:
    is_sound = isinstance(saved, tuple) and len(saved) == len(Untrained._fields)
    for n, of in zip(saved if is_sound else (), (sizes.n_tags - 1, sizes.n_intents)):
        is_sound = is_sound and type(n) is int and 0 <= n <= of
    require_sound(is_sound, f"the new tags and intents are {excerpt(repr(saved))}")
    return Untrained(*saved)


def _smallest(array: FloatsXd) -> FloatsXd:
    """The array in half precision, if that changes nothing."""
    with np.errstate(over="ignore"):
        half = array.astype("float16")
    return half if np.array_equal(half, array) else array
