"""A model as bytes: written whole, and read whole before anything takes its place.

The form is that of thinc's `Model.to_bytes`: a node, its attributes, and the shim's bytes.
"""

from typing import Any, Dict, List, Sequence, cast

import srsly
from thinc.api import Model

from ..decoding.emissions import Emissions
from ..errors import Errors, SavedModelError, errors_as_damage, require_sound
from ..saving import limited_msgpack
from ..saving.sealed_files import seal, unseal
from ..vectors.encoder import FrozenEncoder
from .architectures import get_shim
from .parameters import Parameters
from .saved_attrs import read_bigrams, read_characters, read_types, write_attrs
from .saved_weights import read_weights, write_weights

# Attributes of a saved model that parameters hold.
_LEARNT = ("inventory", "bigrams", "catalogue", "n_intents")


def write_model(model: Model[List[str], Emissions], parameters: Parameters) -> bytes:
    """Save what a model has learnt.

    model (Model[List[str], Emissions]): The model.
    parameters (Parameters): Its parameters, those of one moment.
    RETURNS (bytes): What `read_model` reads. The names of the catalogue, the labels and
        the intents are not in it: the component saves them beside it.
    """
    attrs = {name: srsly.msgpack_dumps(value) for name, value in model.attrs.items()}
    dims = {"nO": parameters.n_tags}
    message = {
        "nodes": [{"index": 0, "name": model.name, "dims": dims, "refs": {}}],
        "attrs": [{**attrs, **write_attrs(parameters)}],
        "params": [{}],
        "shims": [[write_weights(parameters.weights)]],
    }
    return seal(srsly.msgpack_dumps(message))


def read_model(
    model: Model[List[str], Emissions],
    data: bytes,
    *,
    component: str,
    labels: Sequence[str],
    intents: Sequence[str],
) -> Parameters:
    """Read what a model has learnt, and leave the model as it is.

    model (Model[List[str], Emissions]): The model that is to know it.
    data (bytes): What `write_model` returned.
    component (str): The component's name, for the error.
    labels (Sequence[str]): The labels that were saved beside it.
    intents (Sequence[str]): The intents that were.
    RETURNS (Parameters): What the model shall know; its catalogue has types, and no names.
    RAISES (SavedModelError): If the data are damaged, or do not fit the model's config,
        the labels or the intents.
    """
    unsealed = unseal(data, component)
    with errors_as_damage(component):
        message = limited_msgpack.loads(unsealed)
        _require_form(message, model)
        parameters = _read(message, model, component)
        parameters = parameters.replace(labels=tuple(labels), intents=tuple(intents))
        _require_agreement(parameters, message, component)
    return parameters


def _require_form(message: Any, model: Model[List[str], Emissions]) -> None:
    """Refuse what thinc would read otherwise than we write it."""
    keys = {"nodes", "attrs", "params", "shims"}
    require_sound(
        isinstance(message, dict) and message.keys() == keys, "it is no model of thinc"
    )
    (node,), (attributes,), (of_shim,) = (message[k] for k in ("nodes", "attrs", "shims"))
    dims = cast(Dict[str, Any], node["dims"])
    require_sound(
        node == {"index": 0, "name": model.name, "dims": dims, "refs": {}}
        and list(dims) == ["nO"]
        and type(dims["nO"]) in (int, type(None))
        and message["params"] == ({},)
        and [type(data) for data in of_shim] == [bytes],
        "it is a model of another kind",
    )
    require_sound(
        set(_LEARNT) <= attributes.keys(), f"it has no attributes but {list(attributes)}"
    )
    known = {*model.attrs, *_LEARNT, "encoder"}
    for name, value in attributes.items():
        is_known = name in known and type(value) is bytes
        require_sound(is_known, f"its attribute {name!r} is unknown")
        if name == "encoder":
            is_digest = type(limited_msgpack.loads(value)) in (str, type(None))
            require_sound(is_digest, "it does not tell its encoder")
        elif name in model.attrs or name == "n_intents":
            is_number = type(limited_msgpack.loads(value)) in (int, float)
            require_sound(is_number, f"its attribute {name!r} is no number")


def _read(
    message: Dict[str, Any], model: Model[List[str], Emissions], component: str
) -> Parameters:
    shim, (attributes,) = get_shim(model), message["attrs"]
    configured = shim.parameters
    characters = read_characters(attributes["inventory"], configured.characters, component)
    encoder = configured.encoder
    if encoder is not None and "encoder" in attributes:
        digest: Any = limited_msgpack.loads(attributes["encoder"])
        encoder = FrozenEncoder(str(encoder.path), digest)
    weights = read_weights(message["shims"][0][0], shim.settings, component)
    parameters = Parameters(
        characters=characters,
        bigrams=read_bigrams(attributes["bigrams"]),
        encoder=encoder,
        **weights._asdict(),
    )
    types = read_types(attributes["catalogue"])
    return parameters.replace(catalogue=parameters.new_catalogue(types, {}))


def _require_agreement(
    parameters: Parameters, message: Dict[str, Any], component: str
) -> None:
    """Refuse weights that are for other characters, labels or types of names."""
    if parameters.sizes is None:
        return
    if parameters.sizes.context_width and parameters.encoder is None:
        raise SavedModelError(
            Errors.MQ022.format(
                name=component, setting="encoder", saved="a folder", configured=None
            )
        )
    problem = parameters.disagreement()
    require_sound(problem is None, problem or "")
    n_tags, n_outputs = parameters.sizes.n_tags, message["nodes"][0]["dims"]["nO"]
    problem = f"its weights are for {n_tags} outputs, but there are {n_outputs}"
    require_sound(n_tags == n_outputs, problem)
    n_intents: Any = limited_msgpack.loads(message["attrs"][0]["n_intents"])
    problem = f"its weights are for {parameters.sizes.n_intents} intents, not {n_intents}"
    require_sound(n_intents == parameters.sizes.n_intents, problem)
