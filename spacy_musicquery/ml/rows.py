"""Texts as rows of the stack of vectors, as a model's parameters encode them."""

from typing import List, NamedTuple, Optional

import numpy as np

from ..features.name_matches import encode_matches, join_matches, perturb, split_matches
from ..features.row_layout import RowLayout
from ..types import Ints1d, Ints2d
from .parameters import Parameters


class Perturbation(NamedTuple):
    """How much less a catalogue knows in training than it does, see `perturb`."""

    catalogue_dropout: float
    name_dropout: float
    distractors: float


def rows_of_all(
    parameters: Parameters,
    layout: RowLayout,
    texts: List[str],
    chars: Ints1d,
    lengths: Ints1d,
    perturbation: Optional[Perturbation] = None,
) -> Ints2d:
    """Encode many texts.

    parameters (Parameters): The characters, pairs and names that are known.
    layout (RowLayout): Where the vectors stand.
    texts (List[str]): The texts.
    chars (Ints1d): The ids of all their characters in a row.
    lengths (Ints1d): The length of each text.
    perturbation (Optional[Perturbation]): What training does to the names; None for
        nothing. Draws from numpy's generator.
    RETURNS (Ints2d): Rows of the stack (characters, n); 0 for nothing.
    """
    pairs = parameters.bigrams.encode(chars, lengths) if layout.has_pairs else None
    rows = layout.rows(chars, pairs)
    catalogue = parameters.catalogue
    if not len(catalogue):
        return rows
    matches = catalogue.find_all(texts, lengths)
    if perturbation is not None:
        of_texts = split_matches(matches, lengths)
        changed = perturb(of_texts, lengths, len(catalogue.types), **perturbation._asdict())
        matches = join_matches(changed, lengths)
    # Features count from 1.
    names = encode_matches(matches, int(lengths.sum()), layout.names - 1)
    return np.concatenate([rows, names], axis=1)
