"""What a saved model says beside its weights: characters, pairs and types of names, each a
message of its own among thinc's attributes."""

from typing import Any, Dict, Tuple

import numpy as np
import srsly

from ..errors import Errors, SavedModelError, require_sound
from ..features.bigrams import BigramInventory
from ..features.characters import CharInventory
from ..saving import limited_msgpack
from .parameters import Parameters


def write_attrs(parameters: Parameters) -> Dict[str, bytes]:
    """Save what `read_characters` and its like read.

    parameters (Parameters): What a tagger has learnt.
    RETURNS (Dict[str, bytes]): By the name of the attribute. Of the catalogue only the
        types, which the weights are for: the component keeps the names. Of the encoder not
        its weights, but what tells them from others.
    """
    attrs = {
        "inventory": parameters.characters.to_dict(),
        "bigrams": parameters.bigrams.to_dict(),
        "catalogue": list(parameters.catalogue.types),
        "n_intents": len(parameters.intents),
    }
    if parameters.encoder is not None:
        attrs["encoder"] = parameters.encoder.digest
    return {name: srsly.msgpack_dumps(value) for name, value in attrs.items()}


def read_characters(
    data: bytes, configured: CharInventory, component: str
) -> CharInventory:
    """Read the characters that a model knows.

    data (bytes): The attribute.
    configured (CharInventory): One that normalises as the config says.
    component (str): The component's name, for the error.
    RETURNS (CharInventory): The characters.
    RAISES (ValueError): If they are damaged.
    RAISES (SavedModelError): If they were normalised in another way.
    """
    saved: Any = limited_msgpack.loads(data)
    chars = saved.get("chars") if isinstance(saved, dict) else None
    require_sound(
        isinstance(chars, str) and len(set(chars)) == len(chars),
        "it holds no characters, or one of them twice",
    )
    for setting in ("simplified", "symbols"):  # these are what they were in training
        is_switch = type(saved.get(setting, False)) is bool
        require_sound(is_switch, f"its {setting} is neither true nor false")
    for setting in ("fullwidth", "lowercase"):
        value = getattr(configured, setting)
        if saved.get(setting) is not value:
            raise SavedModelError(
                Errors.MQ022.format(
                    name=component,
                    setting=setting,
                    saved=saved.get(setting),
                    configured=value,
                )
            )
    return CharInventory.from_dict(saved)


def read_bigrams(data: bytes) -> BigramInventory:
    """Read the pairs of characters that a model knows.

    data (bytes): The attribute.
    RETURNS (BigramInventory): The pairs.
    RAISES (ValueError): If they are damaged.
    """
    saved: Any = limited_msgpack.loads(data)
    pairs = saved.get("pairs") if isinstance(saved, dict) else None
    require_sound(
        isinstance(pairs, np.ndarray)
        and pairs.dtype in (np.uint16, np.int32)
        and pairs.ndim == 2
        and pairs.shape[1] == 2
        and pairs.min(initial=0) >= 0,
        "it holds no pairs of characters",
    )
    bigrams = BigramInventory.from_dict(saved)
    require_sound(bigrams.is_in_order, "its pairs of characters are out of order")
    return bigrams


def read_types(data: bytes) -> Tuple[str, ...]:
    """Read the types of names that a model knows.

    data (bytes): The attribute.
    RETURNS (Tuple[str, ...]): The types.
    RAISES (ValueError): If they are damaged.
    """
    types = limited_msgpack.loads(data)
    require_sound(
        isinstance(types, tuple)
        and all(isinstance(type_name, str) and type_name for type_name in types)
        and len(set(types)) == len(types),
        "it holds no types of names",
    )
    return types
