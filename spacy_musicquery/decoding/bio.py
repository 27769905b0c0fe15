"""BIO tags and character spans: from one to the other, and how sure a span is.

Tag 0 is O; label k has the tags 2k + 1 (B) and 2k + 2 (I). So a tag is an I-tag
if it is even and not 0, and the tag before an I-tag must be itself or one less.
"""

from functools import lru_cache
from typing import Iterable, List, NamedTuple, Sequence, Tuple

import numpy as np

from ..types import Floats2d, Ints1d
from .linear_chain import LinearChain, PackedTexts

# Of the score of a transition, either way: exp of it, and products of a few, are numbers.
MAX_TRANSITION = 100.0

OUTSIDE = 0
MISSING = -1


class CharSpan(NamedTuple):
    """A span found in a batch of texts.

    text (int): Which text of the batch it is in.
    start (int): Its first character, counted in that text.
    end (int): The character after its last.
    label (int): The index of its label.
    score (float): Its probability, see `decode`.
    """

    text: int
    start: int
    end: int
    label: int
    score: float


def tag_names(labels: Sequence[str]) -> List[str]:
    """Name the tags of labels.

    labels (Sequence[str]): The entity labels.
    RETURNS (List[str]): The names of all tags, by tag: O, B-x, I-x, B-y, ...
    """
    return ["O"] + [f"{prefix}-{label}" for label in labels for prefix in "BI"]


def encode_spans(
    length: int, spans: Iterable[Tuple[int, int, str]], labels: Sequence[str]
) -> Ints1d:
    """Tag the characters of a text.

    length (int): The length of the text, in characters.
    spans (Iterable[Tuple[int, int, str]]): Start, end (exclusive) and label of
        spans that do not overlap.
    labels (Sequence[str]): The labels, which give the tags their numbers.
    RETURNS (Ints1d): One tag a character.
    """
    tags = np.full(length, OUTSIDE, dtype="int32")
    for start, end, label in spans:
        begin_tag = 2 * labels.index(label) + 1
        tags[start] = begin_tag
        tags[start + 1 : end] = begin_tag + 1
    return tags


def is_inside(tags: np.ndarray) -> np.ndarray:
    """Tell I-tags from others.

    tags (np.ndarray): Any tags.
    RETURNS (np.ndarray): Where they are I-tags.
    """
    return (tags > OUTSIDE) & (tags % 2 == 0)


def allowed_transitions(n_tags: int) -> np.ndarray:
    """Which tag may follow which.

    n_tags (int): The number of tags.
    RETURNS (np.ndarray): Boolean (n_tags, n_tags): [before, after].
    """
    before = np.arange(n_tags)[:, None]
    after = np.arange(n_tags)[None, :]
    return ~is_inside(after) | (before == after) | (before == after - 1)


@lru_cache(maxsize=16)
def softmax_chain(n_tags: int) -> LinearChain:
    """A chain for emissions that were learnt without transitions: legal ones cost
    nothing, others are impossible.

    n_tags (int): The number of tags.
    RETURNS (LinearChain): The chain.
    """
    return LinearChain(np.where(allowed_transitions(n_tags), 0.0, -np.inf))


def crf_chain(transitions: Floats2d) -> LinearChain:
    """A chain of learnt transitions, of which only legal ones are possible.

    transitions (Floats2d): Scores (tags, tags): [before, after]. Those beyond
        MAX_TRANSITION count as that.
    RETURNS (LinearChain): The chain.
    """
    allowed = allowed_transitions(len(transitions))
    transitions = np.clip(transitions, -MAX_TRANSITION, MAX_TRANSITION)
    return LinearChain(np.where(allowed, transitions, -np.inf), learnt=True)


def decode(emissions: Floats2d, lengths: Ints1d, chain: LinearChain) -> List[CharSpan]:
    """Find the spans of the best tag sequence of each text.

    A span's score is the probability that a tag sequence has exactly this span: the
    sum over all sequences that have a B-tag on its first character, I-tags on the
    others, and no I-tag after them.

    emissions (Floats2d): Unnormalised tag scores of all characters in a row
        (total characters, tags). In a text where one is NaN or infinite, nothing is found.
    lengths (Ints1d): The length of each text.
    chain (LinearChain): The transitions between tags.
    RETURNS (List[CharSpan]): The spans, in order of text and start.
    """
    is_sound = np.isfinite(emissions).all(axis=1)
    if is_sound.all():
        return _decode_sound(emissions, lengths, chain)
    wrong = np.unique(lengths.cumsum().searchsorted((~is_sound).nonzero()[0], side="right"))
    others = np.delete(np.arange(len(lengths)), wrong)
    of_others = emissions[np.repeat(np.isin(np.arange(len(lengths)), others), lengths)]
    spans = _decode_sound(of_others, lengths[others], chain)
    return [span._replace(text=int(others[span.text])) for span in spans]


def _decode_sound(
    emissions: Floats2d, lengths: Ints1d, chain: LinearChain
) -> List[CharSpan]:
    """`decode` of finite numbers."""
    packed = PackedTexts(lengths)
    scores = packed.pack(emissions)
    tags = chain.best_tags(scores, packed)[packed.position]
    chars = tags.nonzero()[0]
    if not len(chars):
        return []
    char_tags = tags[chars]
    first = (char_tags % 2).nonzero()[0]
    # All characters of a span follow each other, and B-tags are where spans begin.
    last = np.append(first[1:], len(chars)) - 1
    start, end = chars[first], chars[last] + 1
    begin_tag, last_tag = char_tags[first], char_tags[last]
    text_ends = lengths.cumsum()
    text = text_ends.searchsorted(start, side="right")

    weights, forward, backward, scale = chain.forward_backward(scores, packed)
    places = packed.position[chars]
    factors = chain.factors[tags[chars - 1], char_tags]
    factors *= weights[char_tags, places] / scale[places]
    factors[first] = forward[begin_tag, places[first]]
    ending = backward[last_tag, places[last]]
    followed = (end < text_ends[text]).nonzero()[0]
    places = packed.position[end[followed]]
    inside_tag = begin_tag[followed] + 1
    longer = chain.factors[last_tag[followed], inside_tag]
    longer *= weights[inside_tag, places] / scale[places]
    ending[followed] -= longer * backward[inside_tag, places]
    score = np.multiply.reduceat(factors, first) * ending

    text_start = (text_ends - lengths)[text]
    columns = (text, start - text_start, end - text_start, begin_tag // 2)
    # Rounding may push a score out of its range.
    scores_in_range = score.clip(0.0, 1.0).tolist()
    return list(map(CharSpan, *(column.tolist() for column in columns), scores_in_range))


def tag_probabilities(emissions: Floats2d, lengths: Ints1d, chain: LinearChain) -> Floats2d:
    """The marginal probability of every tag for every character.

    emissions (Floats2d): Unnormalised tag scores of all characters in a row
        (total characters, tags).
    lengths (Ints1d): The length of each text.
    chain (LinearChain): The transitions between tags.
    RETURNS (Floats2d): The same shape; every row sums to 1.
    """
    packed = PackedTexts(lengths)
    passes = chain.forward_backward(packed.pack(emissions), packed)
    return (passes.forward * passes.backward)[:, packed.position].T


def best_tags(emissions: Floats2d, lengths: Ints1d, chain: LinearChain) -> Ints1d:
    """The best tag sequence of every text.

    emissions (Floats2d): Unnormalised tag scores of all characters in a row
        (total characters, tags).
    lengths (Ints1d): The length of each text.
    chain (LinearChain): The transitions between tags.
    RETURNS (Ints1d): One tag a character.
    """
    packed = PackedTexts(lengths)
    return chain.best_tags(packed.pack(emissions), packed)[packed.position]
