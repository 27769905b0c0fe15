"""Registered model builders: a tagger as a thinc Model from texts to emissions."""

from typing import Any, Callable, List, Optional, Sequence, Tuple, cast, get_args

import numpy as np
import srsly
from thinc.api import Model
from thinc.model import deserialize_attr, serialize_attr

from . import messages
from .bigrams import BigramInventory
from .catalogue import Catalogue
from .encoder import FrozenEncoder
from .encoding import UNK_ID, CharInventory, padded_batches
from .errors import Errors, SavedModelError, bad_setting, require_sound
from .keras_shim import KerasShim
from .layout import TRANSITIONS, NetworkSizes
from .name_features import (
    encode_matches,
    join_matches,
    n_features,
    perturb,
    split_matches,
)
from .onnx_graph import Precision
from .short_text import FEW_CHARS, encode_short
from .types import EmissionGradients, Emissions, Floats2d, Ints1d, Ints2d

# Characters in a padded batch. Predicting, the activations of larger ones leave the
# processor's cache, and another call costs no more than this much padding; training,
# a call to TensorFlow costs more than any padding.
MAX_PREDICT_CHARS = 1024
MAX_PREDICT_PADDING = 32
MAX_TRAIN_CHARS = 16384
# What makes training random, each 0 where it is not to be.
RANDOM_IN_TRAINING = (
    "char_dropout",
    "catalogue_dropout",
    "name_dropout",
    "name_distractors",
)

_NAME = "spacy_musicquery.CharBiLSTM.v1"
_NO_INTENTS = np.zeros((1, 0), dtype="float32")


def build_char_bilstm(
    embed_width: int = 48,
    hidden_width: int = 32,
    depth: int = 1,
    min_count: int = 1,
    bigram_min_count: int = 2,
    window: int = 7,
    crf: bool = True,
    char_dropout: float = 0.1,
    catalogue_dropout: float = 0.5,
    name_dropout: float = 0.5,
    name_distractors: float = 0.5,
    fullwidth: bool = True,
    lowercase: bool = True,
    simplified: bool = False,
    symbols: bool = False,
    precision: Precision = "float32",
    threads: int = 1,
    spinning: bool = False,
    encoder: Optional[str] = None,
    nO: Optional[int] = None,
) -> Model[List[str], Emissions]:
    """Build a character-level BiLSTM tagger. Its input is a list of texts, its
    output the emissions of all their characters in a row, (characters, tags),
    with the length of each text; and scores of intents (texts, intents) if its
    attribute `n_intents` is set.

    embed_width (int): Width of the character embedding.
    hidden_width (int): Units of the LSTM, in each direction.
    depth (int): How many bidirectional LSTMs stand on each other.
    min_count (int): How often a character must occur in the training data to be
        known; the others share one embedding.
    bigram_min_count (int): How often a pair of neighbouring characters must occur
        to have a vector of its own, which is added to those of both; 0 for none.
    window (int): How many characters around each one score its tags directly, besides
        the LSTM: an odd number, the width of a convolution from the embedding to the
        tags; 0 for none. It learns what words stand beside a query, as the features of
        a CRF do.
    crf (bool): Learn transitions between tags, and score whole tag sequences (a
        conditional random field); otherwise every character by itself (softmax).
    char_dropout (float): Share of characters that training replaces by the
        unknown one, so that its embedding is learnt, from 0 to below 1.
    catalogue_dropout (float): Share of the texts in which training overlooks the whole
        catalogue, from 0 to below 1, so that the tagger works without one.
    name_dropout (float): Share of the names that it overlooks in the other texts, from 0
        to below 1, so that the tagger does not need every name to be listed.
    name_distractors (float): How many names training makes up in a text, on average.
    fullwidth (bool): Treat full-width forms as their ASCII counterparts.
    lowercase (bool): Treat upper case as lower case.
    simplified (bool): Treat traditional characters as their simplified counterparts. What
        is loaded keeps what it was trained with.
    symbols (bool): Treat all emoji and other symbols as one, since few of them are frequent
        enough to be learnt. What is loaded keeps what it was trained with.
    precision (str): Of the LSTM's weights when predicting: "float32" or "int8". What
        is trained and saved is float32 in any case.
    threads (int): Threads that one prediction may use.
    spinning (bool): Whether idle prediction threads wait actively.
    encoder (Optional[str]): The folder of a BERT or ALBERT model whose contextual
        vectors of the characters are projected and added to their embedding; it is
        frozen, and extraction needs it as well. None for none.
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
    if type(bigram_min_count) is not int or bigram_min_count < 0:
        expected = "a whole number of at least 0"
        raise bad_setting(_NAME, "bigram_min_count", bigram_min_count, expected)
    if type(window) is not int or window < 0 or (window and window % 2 == 0):
        raise bad_setting(_NAME, "window", window, "0 or an odd number")
    if precision not in get_args(Precision):
        raise bad_setting(_NAME, "precision", precision, "float32 or int8")
    for setting, share in {
        "char_dropout": char_dropout,
        "catalogue_dropout": catalogue_dropout,
        "name_dropout": name_dropout,
    }.items():
        if type(share) not in (int, float) or not 0.0 <= share < 1.0:
            expected = "a number of at least 0 and below 1"
            raise bad_setting(_NAME, setting, share, expected)
    if type(name_distractors) not in (int, float) or not name_distractors >= 0.0:
        expected = "a number of at least 0"
        raise bad_setting(_NAME, "name_distractors", name_distractors, expected)
    model: Model[List[str], Emissions] = Model(
        "char_bilstm",
        forward,
        init=init,
        dims={"nO": nO},
        attrs={
            "inventory": CharInventory(
                fullwidth=fullwidth,
                lowercase=lowercase,
                simplified=simplified,
                symbols=symbols,
            ),
            "bigrams": BigramInventory(np.zeros((0, 2))),
            "n_intents": 0,
            "min_count": min_count,
            "bigram_min_count": bigram_min_count,
            "catalogue": Catalogue(()),
            "char_dropout": char_dropout,
            "catalogue_dropout": catalogue_dropout,
            "name_dropout": name_dropout,
            "name_distractors": name_distractors,
            "dropout_rate": 0.0,
        },
        shims=[
            KerasShim(
                **sizes,
                window=window,
                crf=crf,
                precision=precision,
                threads=threads,
                spinning=spinning,
            )
        ],
    )
    if encoder is not None:
        model.attrs["encoder"] = FrozenEncoder(encoder)
    return model


def get_shim(model: Model[List[str], Emissions]) -> KerasShim:
    """model (Model[List[str], Emissions]): What `build_char_bilstm` built.
    RETURNS (KerasShim): Its weights.
    """
    return cast(KerasShim, model.shims[0])


def context_width(model: Model[List[str], Emissions]) -> int:
    """model (Model[List[str], Emissions]): What `build_char_bilstm` built.
    RETURNS (int): How wide its encoder's vectors are; 0 if it has no encoder.
    """
    encoder = model.attrs.get("encoder")
    return 0 if encoder is None else encoder.width


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
    bigrams, n_bigrams = model.attrs["bigrams"], 0
    if model.attrs["bigram_min_count"]:
        bigrams = BigramInventory.learnt_from(
            *inventory.encode(X), min_count=model.attrs["bigram_min_count"]
        )
        n_bigrams = len(bigrams)
    seed = np.random.randint(2**31)
    get_shim(model).initialize(
        len(inventory),
        model.get_dim("nO"),
        n_bigrams=n_bigrams,
        n_intents=model.attrs["n_intents"],
        n_lexicon=n_features(len(model.attrs["catalogue"].types)),
        context_width=context_width(model),
        seed=seed,
    )
    model.attrs.update(inventory=inventory, bigrams=bigrams)


def forward(
    model: Model[List[str], Emissions], texts: List[str], is_train: bool
) -> Tuple[Emissions, Callable[[EmissionGradients], List[str]]]:
    """Compute emissions; see `build_char_bilstm`."""
    shim = get_shim(model)
    if shim.sizes is None:
        raise ValueError(Errors.MQ004.format(name="music_query"))
    few_chars = len(texts) == 1 and 0 < len(texts[0]) < FEW_CHARS
    if not is_train and few_chars and not shim.sizes.context_width:
        # A chatbot's usual call: one message needs no batching.
        ids = _encode_one(model, shim.sizes, str(texts[0]))
        lengths = np.array([len(ids)], dtype="int32")
        rows, *of_texts = shim.predict((ids[np.newaxis], lengths))
        of_text = of_texts[0] if of_texts else _NO_INTENTS
        return Emissions(rows[0], lengths, shim.known_chain, of_text), lambda gradients: []

    chars, lengths = model.attrs["inventory"].encode(texts)
    if is_train and model.attrs["char_dropout"]:
        dropped = np.random.random_sample(len(chars)) < model.attrs["char_dropout"]
        chars = np.where(dropped, UNK_ID, chars)
    ids = _rows_of_vectors(model, shim.sizes, chars, lengths)
    names = _rows_of_names(model, shim.sizes, texts, lengths, is_train)
    if names is not None:
        ids = np.concatenate([ids, names], axis=1)

    # The widest of what follows, so it is padded batch by batch.
    contexts: List[Floats2d] = []
    if shim.sizes.context_width:
        contexts = [model.attrs["encoder"](texts, remember=is_train)]

    if is_train:
        sizes, tag_chain = shim.sizes, shim.chain
    else:
        sizes, tag_chain = shim.known_sizes, shim.known_chain
    data = np.empty((len(ids), sizes.n_tags), dtype="float32")
    intents = np.zeros((len(texts), sizes.n_intents), dtype="float32")
    emissions = Emissions(data, lengths, tag_chain, intents)
    if not is_train:
        for batch in padded_batches(ids, lengths, MAX_PREDICT_CHARS, MAX_PREDICT_PADDING):
            context = map(batch.gather, contexts)
            rows, *of_texts = shim.predict((batch.ids, batch.lengths, *context))
            batch.scatter(rows, data)
            if of_texts:
                intents[batch.texts] = of_texts[0]
        return emissions, lambda gradients: []

    backprops = []
    for batch in padded_batches(ids, lengths, MAX_TRAIN_CHARS, MAX_TRAIN_CHARS):
        inputs = (batch.ids, model.attrs["dropout_rate"], *map(batch.gather, contexts))
        outputs, backprop_rows = shim.begin_update(inputs)
        rows, intents[batch.texts] = outputs
        batch.scatter(rows, data)
        backprops.append((batch, backprop_rows))

    def backprop(gradients: EmissionGradients) -> List[str]:
        d_intents = (
            np.zeros_like(intents) if gradients.intents is None else gradients.intents
        )
        for batch, backprop_rows in backprops:
            backprop_rows(batch.gather(gradients.data), d_intents[batch.texts])
        if gradients.transitions is not None:
            shim.add_gradient(TRANSITIONS, gradients.transitions)
        return []

    return emissions, backprop


def _rows_of_vectors(
    model: Model[List[str], Emissions], sizes: NetworkSizes, chars: Ints1d, lengths: Ints1d
) -> Ints2d:
    """Where a character's vectors stand in the stack of all vectors, which are those
    of characters, of bigrams with the character before, and of bigrams with the one
    after: (characters, 3), or (characters, 1) without bigrams."""
    if not sizes.n_bigrams:
        return chars[:, np.newaxis]
    ids = np.empty((len(chars), 3), dtype="int32")
    ids[:, 0] = chars
    starts = np.array((sizes.n_chars, sizes.n_chars + sizes.n_bigrams), dtype="int32")
    np.add(model.attrs["bigrams"].encode(chars, lengths), starts, out=ids[:, 1:])
    return ids


def _rows_of_names(
    model: Model[List[str], Emissions],
    sizes: NetworkSizes,
    texts: List[str],
    lengths: Ints1d,
    is_train: bool,
) -> Optional[Ints2d]:
    """Where the vectors stand of what each character is within the catalogue's names:
    (characters, n), 0 for nothing; None without names."""
    catalogue = model.attrs["catalogue"]
    if not len(catalogue):
        return None
    matches = catalogue.find_all(texts, lengths)
    if is_train:
        perturbed = perturb(
            split_matches(matches, lengths),
            lengths,
            len(catalogue.types),
            catalogue_dropout=model.attrs["catalogue_dropout"],
            name_dropout=model.attrs["name_dropout"],
            distractors=model.attrs["name_distractors"],
        )
        matches = join_matches(perturbed, lengths)
    # Features count from 1.
    before_names = sizes.n_chars + 2 * sizes.n_bigrams - 1
    return encode_matches(matches, int(lengths.sum()), before_names)


def _encode_one(
    model: Model[List[str], Emissions], sizes: NetworkSizes, text: str
) -> Ints2d:
    """`_rows_of_vectors` and `_rows_of_names` of one short text."""
    attrs = model.attrs
    return encode_short(
        text,
        attrs["inventory"].id_of_char,
        attrs["bigrams"].id_of_key,
        sizes.n_chars,
        sizes.n_bigrams,
        attrs["catalogue"].finder,
    )


@serialize_attr.register(FrozenEncoder)
def _serialize_encoder(
    _: FrozenEncoder, value: FrozenEncoder, name: str, model: Model
) -> bytes:
    """Not its weights, but what tells them from others."""
    return srsly.msgpack_dumps(value.digest)


@deserialize_attr.register(FrozenEncoder)
def _deserialize_encoder(
    default: FrozenEncoder, value: bytes, name: str, model: Model
) -> FrozenEncoder:
    return FrozenEncoder(str(default.path), srsly.msgpack_loads(value))


@serialize_attr.register(Catalogue)
def _serialize_catalogue(_: Catalogue, value: Catalogue, name: str, model: Model) -> bytes:
    """Only its types, which the weights are for: the component keeps the names."""
    return srsly.msgpack_dumps(list(value.types))


@deserialize_attr.register(Catalogue)
def _deserialize_catalogue(
    default: Catalogue, value: bytes, name: str, model: Model
) -> Catalogue:
    types = messages.loads(value)
    require_sound(
        isinstance(types, tuple)
        and all(isinstance(type_name, str) and type_name for type_name in types)
        and len(set(types)) == len(types),
        "it holds no types of names",
    )
    return model_catalogue(model, types)


def model_catalogue(model: Model[List[str], Emissions], types: Sequence[str]) -> Catalogue:
    """model (Model[List[str], Emissions]): What `build_char_bilstm` built.
    types (Sequence[str]): The types of names.
    RETURNS (Catalogue): An empty catalogue that treats texts as the model does.
    """
    return Catalogue(types, **model.attrs["inventory"].normalization)


@serialize_attr.register(BigramInventory)
def _serialize_bigrams(
    _: BigramInventory, value: BigramInventory, name: str, model: Model
) -> bytes:
    return srsly.msgpack_dumps(value.to_dict())


@deserialize_attr.register(BigramInventory)
def _deserialize_bigrams(
    default: BigramInventory, value: bytes, name: str, model: Model
) -> BigramInventory:
    data: Any = messages.loads(value)
    pairs = data.get("pairs") if isinstance(data, dict) else None
    require_sound(
        isinstance(pairs, np.ndarray)
        and pairs.dtype in (np.uint16, np.int32)
        and pairs.ndim == 2
        and pairs.shape[1] == 2
        and pairs.min(initial=0) >= 0,
        "it holds no pairs of characters",
    )
    bigrams = BigramInventory.from_dict(data)
    require_sound(bigrams.is_in_order, "its pairs of characters are out of order")
    return bigrams


@serialize_attr.register(CharInventory)
def _serialize_inventory(
    _: CharInventory, value: CharInventory, name: str, model: Model
) -> bytes:
    return srsly.msgpack_dumps(value.to_dict())


@deserialize_attr.register(CharInventory)
def _deserialize_inventory(
    default: CharInventory, value: bytes, name: str, model: Model
) -> CharInventory:
    data: Any = messages.loads(value)
    chars = data.get("chars") if isinstance(data, dict) else None
    require_sound(
        isinstance(chars, str) and len(set(chars)) == len(chars),
        "it holds no characters, or one of them twice",
    )
    for setting in ("fullwidth", "lowercase"):
        configured = getattr(default, setting)
        if data.get(setting) is not configured:
            raise SavedModelError(
                Errors.MQ022.format(
                    name="music_query",
                    setting=setting,
                    saved=data.get(setting),
                    configured=configured,
                )
            )
    return CharInventory.from_dict(data)
