"""How fast each layer learns, as a share of the optimizer's learning rate: one that does
not learn is frozen, and one whose schedule begins with 0 is frozen until that is over."""

import re
from typing import Any, Dict, Generator, Iterator, List, Mapping, Optional, Union

from ..errors import bad_setting
from .shapes import BIGRAMS, EMBEDDING, LEXICON, TRANSITIONS, WINDOW

# What thinc's optimizers take for a learning rate, too.
Rate = Union[float, List[float], Generator]

_BILSTM = re.compile(r"bilstm_\d+")
# The layers that are parts of another one, and follow it unless they are named.
_PART_OF = {
    BIGRAMS: "embedding",
    LEXICON: "embedding",
    WINDOW.split(".")[0]: "output",
    TRANSITIONS: "output",
}
_LAYERS = (
    EMBEDDING,
    BIGRAMS,
    LEXICON,
    "bilstm",
    "output",
    "window",
    TRANSITIONS,
    "intents",
)


class LearnRates:
    """A factor of the learning rate for each array of a network, at each step."""

    def __init__(self, rates: Mapping[str, Rate], *, component: str, depth: int) -> None:
        """Check rates, and name what they are for.

        rates (Mapping[str, Rate]): By the name of a layer: "embedding" (of characters,
            pairs and names), "bilstm", "output" (with the window and the transitions),
            "intents"; or of a part of one, which counts more: "bigrams", "lexicon",
            "bilstm_0", "window", "transitions". A number, a list of numbers, or a
            schedule; 0 freezes. Layers that are not named learn at the rate of 1.
        component (str): The component's name, for the error.
        depth (int): How many BiLSTMs there are.
        RAISES (ValueError): If there is no such layer, or a rate is no number of at least 0.
        """
        self._component = component
        self._series: Dict[str, _Series] = {}
        known = [*_LAYERS, *(f"bilstm_{i}" for i in range(depth))]
        for layer, rate in rates.items():
            if layer not in known:
                expected = "of layers, which are " + ", ".join(known)
                raise bad_setting(component, "learn_rates", layer, expected)
            self._series[layer] = _Series(rate, f"learn_rates.{layer}", component)

    def factor(self, array: str, step: int) -> float:
        """The factor of an array at a step.

        array (str): One of `shapes.array_shapes`.
        step (int): How many updates there have been.
        RETURNS (float): What to multiply the learning rate by.
        """
        series = self._series_of(array)
        return 1.0 if series is None else series.at(step)

    def is_frozen(self, array: str) -> bool:
        """Tell whether an array never learns.

        array (str): One of `shapes.array_shapes`.
        RETURNS (bool): Whether it never learns.
        """
        series = self._series_of(array)
        return series is not None and series.is_zero

    def _series_of(self, array: str) -> Optional["_Series"]:
        layer = array.split(".")[0]
        whole = "bilstm" if _BILSTM.fullmatch(layer) else _PART_OF.get(layer, layer)
        return self._series.get(layer, self._series.get(whole))


class _Series:
    """The values of a schedule. They can be read again, when training starts over; and
    without those that nobody has read, they can be sent to another process."""

    def __init__(self, rate: Rate, setting: str, component: str) -> None:
        self._setting, self._component = setting, component
        self.is_zero = type(rate) in (int, float) and rate == 0
        self._values: List[float] = []
        values = [rate] if isinstance(rate, (int, float)) else rate
        try:
            self._source: Iterator[Any] = iter(values)
            self.at(0)
        except (TypeError, IndexError):
            raise self._error(rate) from None

    def at(self, step: int) -> float:
        """The value at a step.

        step (int): A step, from 0.
        RETURNS (float): The value of that step; the last one if there are no more.
        """
        while len(self._values) <= step:
            value = next(self._source, None)
            if value is None:
                break
            if isinstance(value, bool) or not 0.0 <= value < float("inf"):
                raise self._error(value)
            self._values.append(float(value))
        return self._values[min(step, len(self._values) - 1)]

    def _error(self, value: object) -> ValueError:
        expected = "a number of at least 0, a list of them or a schedule"
        return bad_setting(self._component, self._setting, value, expected)

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, "_source": iter(())}
