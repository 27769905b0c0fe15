"""BIO tags and character spans: from one to the other, and how sure a span is.

Tag 0 is O; label k has the tags 2k + 1 (B) and 2k + 2 (I). So a tag is an I-tag
if it is even and not 0, and the tag before an I-tag must be itself or one less.
"""

from typing import Iterable, List, NamedTuple, Sequence, Tuple

import numpy as np

from .types import Floats1d, Floats2d, Ints1d

OUTSIDE = 0
MISSING = -1


class CharSpans(NamedTuple):
    """Spans found in a batch of texts, in order of text and start.

    text (Ints1d): Which text of the batch each span is in.
    start (Ints1d): Its first character, counted in that text.
    end (Ints1d): The character after its last.
    label (Ints1d): The index of its label.
    score (Floats1d): Its probability, see `decode`.
    """

    text: Ints1d
    start: Ints1d
    end: Ints1d
    label: Ints1d
    score: Floats1d


NO_SPANS = CharSpans(*(np.zeros(0, dtype=kind) for kind in (int, int, int, int, float)))


def tag_names(labels: Sequence[str]) -> List[str]:
    """labels (Sequence[str]): The entity labels.
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
    """tags (np.ndarray): Any tags.
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


def viterbi(emissions: Floats2d, allowed: np.ndarray) -> Ints1d:
    """The best tag sequence among those that BIO allows.

    emissions (Floats2d): Scores of one text (characters, tags), to be summed.
    allowed (np.ndarray): See `allowed_transitions`.
    RETURNS (Ints1d): One tag a character.
    """
    penalty = np.where(allowed, 0.0, -np.inf)
    best = np.where(is_inside(np.arange(emissions.shape[1])), -np.inf, emissions[0])
    backpointers = np.zeros(emissions.shape, dtype="int32")
    for i in range(1, len(emissions)):
        candidates = best[:, None] + penalty
        backpointers[i] = candidates.argmax(axis=0)
        best = candidates.max(axis=0) + emissions[i]
    tags = np.zeros(len(emissions), dtype="int32")
    tags[-1] = best.argmax()
    for i in range(len(emissions) - 1, 0, -1):
        tags[i - 1] = backpointers[i, tags[i]]
    return tags


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """logits (np.ndarray): (..., tags).
    RETURNS (np.ndarray): Log probabilities over the last axis.
    """
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def best_tags(emissions: Floats2d, lengths: Ints1d) -> Ints1d:
    """The best legal tag sequence of every text: an I-tag never comes without
    its B-tag.

    Where the best tag of each character makes a legal sequence, that sequence
    is the best one; only the few texts where it does not need a search.

    emissions (Floats2d): Unnormalised scores of all characters in a row.
    lengths (Ints1d): The length of each text.
    RETURNS (Ints1d): One tag a character.
    """
    tags = emissions.argmax(axis=1)
    chars = tags.nonzero()[0]
    if not len(chars):
        return tags
    here = tags[chars]
    before = tags[chars - 1]
    ends = lengths.cumsum()
    if len(lengths) > 1:
        is_first = np.zeros(len(tags) + 1, dtype=bool)
        is_first[ends - lengths] = True
        before[is_first[chars]] = OUTSIDE
    elif chars[0] == 0:
        before[0] = OUTSIDE
    # Before an I-tag (even) stands itself or one less: the difference is 0 or 1.
    illegal = (((here - before) >> 1 != 0) & (here % 2 == 0)).nonzero()[0]
    if len(illegal):
        allowed = allowed_transitions(emissions.shape[1])
        for text in np.unique(ends.searchsorted(chars[illegal], side="right")):
            piece = slice(ends[text] - lengths[text], ends[text])
            tags[piece] = viterbi(emissions[piece], allowed)
    return tags


def decode(emissions: Floats2d, lengths: Ints1d) -> CharSpans:
    """Find the spans in a batch of texts.

    A span's score is the probability that the span is tagged exactly so, taking
    the characters as independent given the text: P(B) of its first character
    times P(I) of the others times 1 - P(I) of the character after it (which
    would make the span longer), with P the softmax of the emissions.

    emissions (Floats2d): Unnormalised tag scores of all characters in a row
        (total characters, tags).
    lengths (Ints1d): The length of each text.
    RETURNS (CharSpans): The spans.
    """
    tags = best_tags(emissions, lengths)
    chars = tags.nonzero()[0]
    if not len(chars):
        return NO_SPANS
    char_tags = tags[chars]
    first = (char_tags % 2).nonzero()[0]
    start = chars[first]
    begin_tag = char_tags[first]
    # All characters of a span follow each other, and B-tags are where spans begin.
    last = np.append(first[1:], len(chars)) - 1
    end = chars[last] + 1
    text_ends = lengths.cumsum()
    text = text_ends.searchsorted(start, side="right")

    followed = (end < text_ends[text]).nonzero()[0]
    rows = np.concatenate([chars, end[followed]])
    row_tags = np.concatenate([char_tags, begin_tag[followed] + 1])
    log_prob = log_softmax(emissions[rows].astype("float64"))
    log_prob = log_prob[np.arange(len(rows)), row_tags]
    score = np.exp(np.add.reduceat(log_prob[: len(chars)], first))
    score[followed] *= 1.0 - np.exp(log_prob[len(chars) :])

    text_start = (text_ends - lengths)[text]
    return CharSpans(text, start - text_start, end - text_start, begin_tag // 2, score)
