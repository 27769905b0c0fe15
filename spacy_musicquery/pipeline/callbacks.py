"""Callbacks for the [initialize] and [training] of a config."""

from pathlib import Path
from typing import Callable, Optional

from spacy.language import Language

from ..errors import Errors
from ..ml.architectures import get_shim
from ..ml.keras_shim import KerasShim
from .music_query import MusicQuery


def make_check_paths(
    train: Optional[str], dev: Optional[str]
) -> Callable[[Language], Language]:
    """Look for the data before training begins, for [initialize.before_init]: what is missing
    is named at once.

    train (Optional[str]): A file or folder to train on; None for what needs none.
    dev (Optional[str]): One to evaluate on.
    RETURNS (Callable): Leaves a pipeline as it is; raises a ValueError if one is missing.
    """

    def check_paths(nlp: Language) -> Language:
        for what, path in (("train", train), ("dev", dev)):
            if path is not None and not Path(path).exists():
                raise ValueError(Errors.MQ314.format(what=what, path=path))
        return nlp

    return check_paths


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
