"""Grow a trained model for new data: new characters, pairs, names' types, labels and
intents are added behind what it knows, and all that it has learnt stays."""

from typing import List, Tuple

import numpy as np
from thinc.api import Model

from .architectures import context_width, get_shim
from .bigrams import BigramInventory
from .catalogue import n_features
from .encoding import UNK_ID
from .layout import BIGRAMS, CONTEXT, EMBEDDING
from .types import Emissions, FloatsXd, Ints1d

# What is new begins as the unknown that it was until now, and a little beside it, so
# that training can tell the new ones from each other.
_SPREAD = 0.1


def grow(model: Model[List[str], Emissions], texts: List[str]) -> None:
    """Make room for the characters and pairs of some texts, and for the tags, intents
    and types of names that the model's attributes have got since it was trained. Draws
    from numpy's generator.

    model (Model[List[str], Emissions]): A trained model. Its dimension nO and its
        attributes `n_intents` and `catalogue` say what it shall be; new tags, intents
        and types come after the old ones.
    texts (List[str]): The texts of the training data.
    """
    shim = get_shim(model)
    sizes, old = shim.sizes, shim.arrays
    assert sizes is not None
    inventory = model.attrs["inventory"].grown_by(texts, min_count=model.attrs["min_count"])
    pairs, places = model.attrs["bigrams"], np.zeros(0, dtype="int64")
    if sizes.n_bigrams:
        pairs, places = _grown_bigrams(
            model.attrs["bigrams"],
            *inventory.encode(texts),
            min_count=model.attrs["bigram_min_count"],
        )
    shim.initialize(
        len(inventory),
        model.get_dim("nO"),
        n_bigrams=len(pairs) if sizes.n_bigrams else 0,
        n_intents=model.attrs["n_intents"],
        n_lexicon=n_features(len(model.attrs["catalogue"].types)),
        context_width=context_width(model),
        seed=np.random.randint(2**31),
    )
    arrays = dict(shim.arrays)
    if CONTEXT in arrays:  # if it is new, it changes nothing at first
        arrays[CONTEXT] = np.zeros_like(arrays[CONTEXT])
    for name, array in old.items():
        if name == EMBEDDING:
            arrays[name] = _beside(array[UNK_ID], len(inventory))
            arrays[name][: len(array)] = array
        elif name == BIGRAMS:
            halves = []
            for half in np.split(array, 2):
                grown = _beside(half[0], len(pairs))
                grown[places] = half
                halves.append(grown)
            arrays[name] = np.concatenate(halves)
        else:
            arrays[name][tuple(map(slice, array.shape))] = array
    shim.set_arrays(arrays)
    model.attrs.update(inventory=inventory, bigrams=pairs)


def _grown_bigrams(
    bigrams: BigramInventory, ids: Ints1d, lengths: Ints1d, *, min_count: int
) -> Tuple[BigramInventory, Ints1d]:
    """An inventory with the pairs of some texts as well, and where the old ids stand
    in it."""
    found = BigramInventory.learnt_from(ids, lengths, min_count=max(min_count, 1))
    pairs = np.unique(np.concatenate([bigrams.pairs, found.pairs]), axis=0)
    grown = BigramInventory(pairs)
    return grown, np.append(0, grown.ids_of(bigrams.pairs))


def _beside(unknown: FloatsXd, n: int) -> FloatsXd:
    noise = np.random.normal(0.0, _SPREAD, (n, len(unknown)))
    return (unknown + noise).astype("float32")
