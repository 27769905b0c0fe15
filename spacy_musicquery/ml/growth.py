"""Grow what a tagger has learnt for new data: new characters, pairs, names' types, labels
and intents are added behind what it knows, all that it has learnt stays, and so does what
it predicts until it is updated."""

from typing import Dict, List, Mapping, Optional, Tuple

import numpy as np

from ..features.bigrams import BigramInventory
from ..features.characters import UNK_ID
from ..features.name_matches import n_features
from ..types import FloatsXd, Ints1d
from .parameters import Parameters
from .shapes import BIGRAMS, EMBEDDING, Untrained, array_shapes

# What a new tag or intent scores: so little that its first updates, of which it is the
# occasion, find it improbable wherever others are known.
_UNLIKELY = -3.0


def grow(
    parameters: Parameters, texts: List[str], *, min_count: int, bigram_min_count: int
) -> Parameters:
    """Make room for the characters and pairs of some texts, and for the tags, intents,
    types of names and contextual vectors that have been added since the network was
    trained. These must stand behind the old ones.

    parameters (Parameters): Those of a trained tagger, with further labels, intents, types
        of names, or an encoder.
    texts (List[str]): The texts.
    min_count (int): How often a character must occur in them.
    bigram_min_count (int): How often a pair must.
    RETURNS (Parameters): The grown ones.
    """
    parameters = grow_chars(parameters, texts, min_count=min_count)
    parameters = _grow_pairs(parameters, texts, min_count=bigram_min_count)
    return grow_output(parameters)


def grow_chars(parameters: Parameters, texts: List[str], *, min_count: int) -> Parameters:
    """Make room for the characters of some texts.

    parameters (Parameters): Those of a trained tagger.
    texts (List[str]): The texts.
    min_count (int): How often a character must occur in them.
    RETURNS (Parameters): The grown ones; these, if no character is new.
    """
    characters = parameters.characters.grown_by(texts, min_count=min_count)
    if len(characters) == len(parameters.characters):
        return parameters
    return _resized(parameters.replace(characters=characters))


def _grow_pairs(parameters: Parameters, texts: List[str], *, min_count: int) -> Parameters:
    """Make room for pairs of characters, if the tagger looks at pairs."""
    assert parameters.sizes is not None
    if not parameters.sizes.n_bigrams:
        return parameters
    old = parameters.bigrams
    found = BigramInventory.learnt_from(
        *parameters.characters.encode(texts), min_count=max(min_count, 1)
    )
    grown = BigramInventory(np.unique(np.concatenate([old.pairs, found.pairs]), axis=0))
    places = np.append(0, grown.ids_of(old.pairs))
    return _resized(parameters.replace(bigrams=grown), places)


def grow_output(parameters: Parameters) -> Parameters:
    """Make room for what has been added beside characters and pairs, see `grow`.

    parameters (Parameters): Those of a trained tagger.
    RETURNS (Parameters): The grown ones.
    """
    return _resized(parameters, context_width=parameters.context_width)


def _resized(
    parameters: Parameters,
    places: Optional[Ints1d] = None,
    *,
    context_width: Optional[int] = None,
) -> Parameters:
    """Let the network have the sizes of what it is for. The old pairs stand at the given
    places of the new ones. An encoder takes part only if its width is given."""
    old = parameters.sizes
    assert old is not None
    sizes = old._replace(
        n_chars=len(parameters.characters),
        n_tags=len(parameters.tags),
        n_bigrams=len(parameters.bigrams) if old.n_bigrams else 0,
        n_intents=len(parameters.intents),
        n_lexicon=n_features(len(parameters.catalogue.types)),
        context_width=old.context_width if context_width is None else context_width,
    )
    arrays = {
        name: _grown(name, shape, parameters.arrays, places)
        for name, shape in array_shapes(sizes).items()
    }
    equal_vectors = dict(parameters.equal_vectors)
    if sizes.n_chars > old.n_chars:
        _add(equal_vectors, EMBEDDING, np.arange(old.n_chars, sizes.n_chars))
    if places is not None:
        new = np.setdiff1d(np.arange(sizes.n_bigrams), places)
        equal_vectors[BIGRAMS] = np.concatenate([new, new + sizes.n_bigrams])
    # What was untrained before still is.
    untrained = Untrained(
        parameters.untrained.n_tags + sizes.n_tags - old.n_tags,
        parameters.untrained.n_intents + sizes.n_intents - old.n_intents,
    )
    return parameters.replace(
        sizes=sizes, arrays=arrays, untrained=untrained, equal_vectors=equal_vectors
    )


def _add(rows: Dict[str, Ints1d], name: str, more: Ints1d) -> None:
    known = rows.get(name)
    rows[name] = more if known is None else np.concatenate([known, more])


def _grown(
    name: str,
    shape: Tuple[int, ...],
    arrays: Mapping[str, FloatsXd],
    places: Optional[Ints1d],
) -> FloatsXd:
    """An array of a shape, with the old one in it."""
    array, old = _beginning(name, shape, arrays), arrays.get(name)
    if old is None:
        return array
    if name == BIGRAMS and places is not None:
        for grown, half in zip(np.split(array, 2), np.split(old, 2)):
            grown[:] = half[0]
            grown[places] = half
    else:
        array[tuple(map(slice, old.shape))] = old
    return array


def _beginning(name: str, shape: Tuple[int, ...], old: Mapping[str, FloatsXd]) -> FloatsXd:
    """What the new parts of an array begin as: a character as the unknown one that it was
    until now, a tag or an intent as improbable, anything else as nothing."""
    array = np.zeros(shape, dtype="float32")
    if name == EMBEDDING:
        array[:] = old[name][UNK_ID]
    elif name in ("output.bias", "intents.bias"):
        array[:] = _UNLIKELY
    return array
