"""Grow a trained model for new data: new characters, pairs, names' types, labels and
intents are added behind what it knows, all that it has learnt stays, and so does what it
predicts until it is updated."""

from typing import Dict, Iterable, Iterator, List, Optional, Tuple, cast

import numpy as np
from spacy.training import Example
from thinc.api import Model

from ..features.bigrams import BigramInventory
from ..features.characters import UNK_ID
from ..features.name_matches import n_features
from ..types import Emissions, FloatsXd, Ints1d
from .architectures import context_width, get_shim
from .shapes import BIGRAMS, EMBEDDING, NetworkSizes, array_shapes

# What a new tag or intent scores: so little that its first updates, of which it is the
# occasion, find it improbable wherever others are known.
_UNLIKELY = -2.0
# Marks the reference docs of messages such as the pipeline has learnt from already.
REPLAYED = "music_query_replayed"


def new_examples(examples: Iterable[Example]) -> Iterator[Example]:
    """What a trained pipeline may have to grow by.

    examples (Iterable[Example]): Its training data.
    YIELDS (Example): Those that are not replayed, each once, however often it comes.
    """
    seen: Dict[int, Example] = {}  # kept, so that no other one gets its id
    for example in examples:
        if id(example) not in seen and not example.reference.user_data.get(REPLAYED):
            seen[id(example)] = example
            yield example


def grow(model: Model[List[str], Emissions], texts: List[str]) -> None:
    """Make room for the characters and pairs of some texts, and for the tags, intents
    and types of names that the model's attributes have got since it was trained.

    model (Model[List[str], Emissions]): A trained model. Its dimension nO and its
        attributes `n_intents` and `catalogue` say what it shall be; new tags, intents
        and types come after the old ones.
    texts (List[str]): The texts of the training data.
    """
    sizes = get_shim(model).sizes
    assert sizes is not None
    grow_chars(model, texts)
    inventory, bigrams = model.attrs["inventory"], model.attrs["bigrams"]
    if sizes.n_bigrams:
        min_count = model.attrs["bigram_min_count"]
        pairs, places = _grown_bigrams(
            bigrams, *inventory.encode(texts), min_count=min_count
        )
        _resize(model, {"n_bigrams": len(pairs)}, places)
        model.attrs["bigrams"] = pairs
    grow_output(model)


def grow_chars(model: Model[List[str], Emissions], texts: List[str]) -> None:
    """Make room for the characters of some texts.

    model (Model[List[str], Emissions]): A trained model.
    texts (List[str]): The texts.
    """
    inventory = model.attrs["inventory"].grown_by(texts, min_count=model.attrs["min_count"])
    if len(inventory) > len(model.attrs["inventory"]):
        _resize(model, {"n_chars": len(inventory)})
        model.attrs["inventory"] = inventory


def grow_output(model: Model[List[str], Emissions]) -> None:
    """Make room for the tags, intents, types of names and contextual vectors that the
    model's attributes have got since it was trained.

    model (Model[List[str], Emissions]): See `grow`.
    """
    wanted = {
        "n_tags": model.get_dim("nO"),
        "n_intents": model.attrs["n_intents"],
        "n_lexicon": n_features(len(model.attrs["catalogue"].types)),
        "context_width": context_width(model),
    }
    _resize(model, wanted)


def _grown_bigrams(
    bigrams: BigramInventory, ids: Ints1d, lengths: Ints1d, *, min_count: int
) -> Tuple[BigramInventory, Ints1d]:
    """An inventory with the pairs of some texts as well, and where the old ids stand
    in it."""
    found = BigramInventory.learnt_from(ids, lengths, min_count=max(min_count, 1))
    pairs = np.unique(np.concatenate([bigrams.pairs, found.pairs]), axis=0)
    grown = BigramInventory(pairs)
    return grown, np.append(0, grown.ids_of(bigrams.pairs))


def _resize(
    model: Model[List[str], Emissions],
    changes: Dict[str, int],
    bigrams: Optional[Ints1d] = None,
) -> None:
    """Change sizes. The old bigrams stand at the given places of the new ones."""
    shim = get_shim(model)
    sizes = cast(NetworkSizes, shim.sizes)._replace(**changes)
    arrays = {}
    for name, shape in array_shapes(sizes).items():
        array, old = _beginning(name, shape, shim.arrays), shim.arrays.get(name)
        if old is not None and name == BIGRAMS and bigrams is not None:
            for grown, half in zip(np.split(array, 2), np.split(old, 2)):
                grown[:] = half[0]
                grown[bigrams] = half
        elif old is not None:
            array[tuple(map(slice, old.shape))] = old
        arrays[name] = array
    new_vectors = {}
    if "n_chars" in changes:
        n_chars = cast(NetworkSizes, shim.sizes).n_chars
        new_vectors[EMBEDDING] = np.arange(n_chars, sizes.n_chars)
    if bigrams is not None:
        new = np.setdiff1d(np.arange(sizes.n_bigrams), bigrams)
        new_vectors[BIGRAMS] = np.concatenate([new, new + sizes.n_bigrams])
    shim.resize(sizes, arrays, new_vectors)


def _beginning(name: str, shape: Tuple[int, ...], old: Dict[str, FloatsXd]) -> FloatsXd:
    """What the new parts of an array begin as: a character as the unknown one that it was
    until now, a tag or an intent as improbable, anything else as nothing."""
    array = np.zeros(shape, dtype="float32")
    if name == EMBEDDING:
        array[:] = old[name][UNK_ID]
    elif name in ("output.bias", "intents.bias"):
        array[:] = _UNLIKELY
    return array
