"""Callbacks for the [training] of a config."""

from typing import Callable

from spacy.language import Language

from ..ml.architectures import get_shim
from ..ml.keras_shim import KerasShim
from .music_query import MusicQuery


def make_half_precision() -> Callable[[Language], Language]:
    """Round weights to half precision before a pipeline is saved, so that it takes half
    the space on disk: for [training.before_to_disk]. The pipeline that is loaded computes
    in float32 as ever. With averaged weights, training itself goes on with those that
    were not rounded.

    RETURNS (Callable): Rounds the weights of each `music_query` of a pipeline.
    """

    def round_weights(nlp: Language) -> Language:
        for _, pipe in nlp.components:
            if isinstance(pipe, MusicQuery):
                _round_weights(get_shim(pipe.model))
        return nlp

    return round_weights


def _round_weights(shim: KerasShim) -> None:
    """Round all arrays, but those that training leaves as they are."""
    shim.set_arrays(
        {
            name: array
            if shim.is_frozen(name)
            else array.astype("float16").astype("float32")
            for name, array in shim.arrays.items()
        }
    )
