"""What characters are within names: matches turned into features, and perturbed in
training."""

from typing import List, NamedTuple, Sequence, Tuple

import numpy as np

from ..types import Ints1d, Ints2d

# How many of the names that a character is part of are seen; the longest come first.
N_COLUMNS = 4
# Classes of names by length: 1, 2, 3, 4, and 5 or more characters.
N_LENGTHS = 5
# Where in a name a character stands: first, inside, last. That of one is the first.
N_PLACES = 3
FIRST, INSIDE, LAST = range(N_PLACES)
# Of names that are encoded together, for each character of the texts: what is needed
# meanwhile grows with the texts, not with the names in them.
_AT_A_TIME = 4

# A name that occurs in a text: its first character, how many it has, its type.
Match = Tuple[int, int, int]


class Matches(NamedTuple):
    """Names that occur in a batch of texts.

    starts (Ints1d): Their first characters, counted through the whole batch.
    lengths (Ints1d): How many characters they have.
    types (Ints1d): Their types.
    """

    starts: Ints1d
    lengths: Ints1d
    types: Ints1d


def n_features(n_types: int) -> int:
    """Count what a character can be within names.

    n_types (int): The number of types.
    RETURNS (int): How many things a character can be within a name.
    """
    return n_types * N_LENGTHS * N_PLACES


def encode_matches(matches: Matches, n_chars: int, offset: int = 0) -> Ints2d:
    """What each character of a batch of texts is within names.

    matches (Matches): The names found in them.
    n_chars (int): How many characters all texts have.
    offset (int): Added to every feature.
    RETURNS (Ints2d): Numbers of features, from 1 + offset, the longest names' first; 0 where
        there is none (characters, n): as many columns as the character with most names
        needs, and no more than N_COLUMNS.
    """
    starts, sizes, types = matches
    if not len(starts):
        return np.zeros((n_chars, 0), dtype="int32")
    # The longest names first; then each character finds its own in this order.
    order = np.lexsort((types, starts, -sizes))
    matches = Matches(starts[order], sizes[order], types[order])
    features = np.zeros((n_chars, N_COLUMNS), dtype="int32")
    n_names = np.zeros(n_chars, dtype="int64")
    while len(matches.starts):
        # Some at a time: names have many characters, of which few are in no longer ones.
        ends = np.cumsum(matches.lengths)
        n = max(1, int(ends.searchsorted(_AT_A_TIME * n_chars, side="right")))
        some = Matches(*(column[:n] for column in matches))
        _write_features(some, n_names, features, offset)
        matches = Matches(*(column[n:] for column in matches))
        if len(matches.starts):
            room = np.append(0, np.cumsum(n_names < N_COLUMNS))
            has_room = room[matches.starts + matches.lengths] > room[matches.starts]
            matches = Matches(*(column[has_room] for column in matches))
    return features[:, : n_names.max()]


def _write_features(matches: Matches, n_names: Ints1d, out: Ints2d, offset: int) -> None:
    """Write the features of some names, no longer than those before.

    matches (Matches): The names, in order.
    n_names (Ints1d): How many columns of each character have been written; added to.
    out (Ints2d): The features (characters, N_COLUMNS); written to.
    offset (int): Added to every feature.
    """
    starts, sizes, types = matches
    ends = np.cumsum(sizes)
    place = np.arange(ends[-1]) - np.repeat(ends - sizes, sizes)
    chars = np.repeat(starts, sizes) + place
    position = np.full(len(place), INSIDE)
    position[ends - 1] = LAST
    position[ends - sizes] = FIRST
    of_name = (types * N_LENGTHS + np.minimum(sizes, N_LENGTHS) - 1) * N_PLACES + 1 + offset
    feature = np.repeat(of_name, sizes) + position
    order = np.argsort(chars, kind="stable")
    chars, feature = chars[order], feature[order]
    is_new = np.append(True, chars[1:] != chars[:-1])
    first = np.flatnonzero(is_new)
    column = np.arange(len(chars)) - first[np.cumsum(is_new) - 1] + n_names[chars]
    kept = column < N_COLUMNS
    out[chars[kept], column[kept]] = feature[kept]
    n_names += np.bincount(chars[kept], minlength=len(n_names))


def join_matches(matches: Sequence[Sequence[Match]], lengths: Ints1d) -> Matches:
    """Put the names of all texts together.

    matches (Sequence[Sequence[Match]]): The names found in each text.
    lengths (Ints1d): The length of each text.
    RETURNS (Matches): The names in all of them.
    """
    text_starts = (np.cumsum(lengths) - lengths).tolist()
    rows = [
        (text_start + start, length, type_id)
        for text_start, of_text in zip(text_starts, matches)
        for start, length, type_id in of_text
    ]
    return Matches(*np.array(rows, dtype="int64").reshape(-1, 3).T)


def split_matches(matches: Matches, lengths: Ints1d) -> List[List[Match]]:
    """The reverse of `join_matches`.

    matches (Matches): The names found in some texts.
    lengths (Ints1d): The length of each text.
    RETURNS (List[List[Match]]): Those of each text, by start, length and type.
    """
    starts, sizes, types = matches
    order = np.lexsort((types, sizes, starts))
    ends = np.cumsum(lengths, dtype="int64")
    text_of = ends.searchsorted(starts, side="right")
    of_text: List[List[Match]] = [[] for _ in ends]
    in_text = starts - (ends - lengths)[text_of]
    columns = (column[order].tolist() for column in (text_of, in_text, sizes, types))
    for text, *match in zip(*columns):
        of_text[text].append((match[0], match[1], match[2]))
    return of_text


def perturb(
    matches: Sequence[Sequence[Match]],
    lengths: Ints1d,
    n_types: int,
    *,
    catalogue_dropout: float,
    name_dropout: float,
    distractors: float,
) -> List[List[Match]]:
    """Make a catalogue less complete and less right than it is, for training: a tagger
    must neither need a name to be listed nor believe every name that is. Draws from
    numpy's generator.

    matches (Sequence[Sequence[Match]]): The names found in each text.
    lengths (Ints1d): The length of each text.
    n_types (int): The number of types.
    catalogue_dropout (float): Share of the texts whose names are all forgotten, as if
        there were no catalogue.
    name_dropout (float): Share of the names to forget in the others.
    distractors (float): How many names to make up, a text, on average: stretches of any
        type that lie anywhere.
    RETURNS (List[List[Match]]): What is left and what is new.
    """
    is_seen = np.random.random_sample(len(matches)) >= catalogue_dropout
    n_made_up = np.random.poisson(distractors, len(matches)) * is_seen
    changed = [
        [m for m in of_text if seen and np.random.random_sample() >= name_dropout]
        for of_text, seen in zip(matches, is_seen.tolist())
    ]
    for of_text, size, n_new in zip(changed, lengths.tolist(), n_made_up.tolist()):
        for _ in range(n_new):
            length = 1 + np.random.randint(min(size, 6)) if size else 0
            if length:
                start = np.random.randint(size - length + 1)
                of_text.append((start, length, np.random.randint(n_types)))
    return changed
