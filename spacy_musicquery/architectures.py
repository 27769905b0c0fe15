"""Registered model builders: a tagger as a thinc Model from texts to emissions."""

from typing import Callable, Dict, List, Optional, Tuple, cast, get_args

import numpy as np
import srsly
from thinc.api import Model
from thinc.model import deserialize_attr, serialize_attr

from .encoding import UNK_ID, CharInventory, padded_batches
from .errors import Errors, SavedModelError, bad_setting
from .keras_shim import KerasShim
from .onnx_graph import Precision
from .types import Emissions

# Characters in a padded batch. Predicting, the activations of larger ones leave the
# processor's cache, and another call costs no more than this much padding; training,
# a call to TensorFlow costs more than any padding.
MAX_PREDICT_CHARS = 1024
MAX_PREDICT_PADDING = 32
MAX_TRAIN_CHARS = 16384

_NAME = "spacy_musicquery.CharBiLSTM.v1"


def build_char_bilstm(
    embed_width: int = 64,
    hidden_width: int = 64,
    depth: int = 1,
    min_count: int = 1,
    char_dropout: float = 0.0,
    fullwidth: bool = True,
    lowercase: bool = True,
    precision: Precision = "float32",
    threads: int = 1,
    spinning: bool = False,
    nO: Optional[int] = None,
) -> Model[List[str], Emissions]:
    """Build a character-level BiLSTM tagger. Its input is a list of texts, its
    output the emissions of all their characters in a row, (characters, tags),
    with the length of each text.

    embed_width (int): Width of the character embedding.
    hidden_width (int): Units of the LSTM, in each direction.
    depth (int): How many bidirectional LSTMs stand on each other.
    min_count (int): How often a character must occur in the training data to be
        known; the others share one embedding.
    char_dropout (float): Share of characters that training replaces by the
        unknown one, so that its embedding is learnt, from 0 to below 1.
    fullwidth (bool): Treat full-width forms as their ASCII counterparts.
    lowercase (bool): Treat upper case as lower case.
    precision (str): Of the LSTM's weights when predicting: "float32" or "int8". What
        is trained and saved is float32 in any case.
    threads (int): Threads that one prediction may use.
    spinning (bool): Whether idle prediction threads wait actively.
    nO (Optional[int]): Number of tags, normally inferred from the labels.
    RETURNS (Model[List[str], Emissions]): The model.
    RAISES (ValueError): For a size below 1 or a share outside its range.
    """
    sizes = {"embed_width": embed_width, "hidden_width": hidden_width, "depth": depth}
    counts = {**sizes, "min_count": min_count, "threads": threads}
    if nO is not None:
        counts["nO"] = nO
    # A config may pass "64" where 64 is meant.
    for setting, value in counts.items():
        if type(value) is not int or value < 1:
            raise bad_setting(_NAME, setting, value, "a whole number of at least 1")
    if precision not in get_args(Precision):
        raise bad_setting(_NAME, "precision", precision, "float32 or int8")
    if type(char_dropout) not in (int, float) or not 0.0 <= char_dropout < 1.0:
        expected = "a number of at least 0 and below 1"
        raise bad_setting(_NAME, "char_dropout", char_dropout, expected)
    return Model(
        "char_bilstm",
        forward,
        init=init,
        dims={"nO": nO},
        attrs={
            "inventory": CharInventory(fullwidth=fullwidth, lowercase=lowercase),
            "min_count": min_count,
            "char_dropout": char_dropout,
            "dropout_rate": 0.0,
        },
        shims=[KerasShim(**sizes, precision=precision, threads=threads, spinning=spinning)],
    )


def get_shim(model: Model[List[str], Emissions]) -> KerasShim:
    """model (Model[List[str], Emissions]): What `build_char_bilstm` built.
    RETURNS (KerasShim): Its weights.
    """
    return cast(KerasShim, model.shims[0])


def init(
    model: Model[List[str], Emissions],
    X: Optional[List[str]] = None,
    Y: Optional[Emissions] = None,
) -> None:
    """Learn the character inventory and draw the weights. Seeded through numpy's
    generator, as all of thinc is: `thinc.util.fix_random_seed` fixes both.

    model (Model): The model, with its dimension nO set.
    X (List[str]): The texts of the training data.
    RAISES (ValueError): If no character is frequent enough to be known.
    """
    if X is None:
        return
    inventory = model.attrs["inventory"].learnt_from(X, min_count=model.attrs["min_count"])
    if not inventory.chars:
        raise ValueError(
            Errors.MQ011.format(name="music_query", min_count=model.attrs["min_count"])
        )
    seed = np.random.randint(2**31)
    get_shim(model).initialize(len(inventory), model.get_dim("nO"), seed=seed)
    model.attrs["inventory"] = inventory


def forward(
    model: Model[List[str], Emissions], texts: List[str], is_train: bool
) -> Tuple[Emissions, Callable[[Emissions], List[str]]]:
    """Compute emissions; see `build_char_bilstm`."""
    shim = get_shim(model)
    if shim.sizes is None:
        raise ValueError(Errors.MQ004.format(name="music_query"))
    ids, lengths = model.attrs["inventory"].encode(texts)
    if not is_train and len(texts) == 1 and texts[0]:
        # A chatbot's usual call: one message needs no batching.
        rows = shim.predict((ids[np.newaxis], lengths))
        return Emissions(rows[0], lengths), lambda d_emissions: []

    emissions = np.empty((len(ids), shim.sizes.n_tags), dtype="float32")
    if not is_train:
        for batch in padded_batches(ids, lengths, MAX_PREDICT_CHARS, MAX_PREDICT_PADDING):
            batch.scatter(shim.predict((batch.ids, batch.lengths)), emissions)
        return Emissions(emissions, lengths), lambda d_emissions: []

    if model.attrs["char_dropout"]:
        dropped = np.random.random_sample(len(ids)) < model.attrs["char_dropout"]
        ids = np.where(dropped, UNK_ID, ids)
    backprops = []
    for batch in padded_batches(ids, lengths, MAX_TRAIN_CHARS, MAX_TRAIN_CHARS):
        rows, backprop_rows = shim.begin_update((batch.ids, model.attrs["dropout_rate"]))
        batch.scatter(rows, emissions)
        backprops.append((batch, backprop_rows))

    def backprop(d_emissions: Emissions) -> List[str]:
        for batch, backprop_rows in backprops:
            backprop_rows(batch.gather(d_emissions.data))
        return []

    return Emissions(emissions, lengths), backprop


@serialize_attr.register(CharInventory)
def _serialize_inventory(
    _: CharInventory, value: CharInventory, name: str, model: Model
) -> bytes:
    return srsly.msgpack_dumps(value.to_dict())


@deserialize_attr.register(CharInventory)
def _deserialize_inventory(
    default: CharInventory, value: bytes, name: str, model: Model
) -> CharInventory:
    data: Dict = srsly.msgpack_loads(value)
    for setting in ("fullwidth", "lowercase"):
        configured = getattr(default, setting)
        if data[setting] != configured:
            raise SavedModelError(
                Errors.MQ022.format(
                    name="music_query",
                    setting=setting,
                    saved=data[setting],
                    configured=configured,
                )
            )
    return CharInventory.from_dict(data)
