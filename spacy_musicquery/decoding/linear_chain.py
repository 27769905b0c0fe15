"""A linear chain of tags over the characters of a text: its best tag sequence, and
how probable any part of a sequence is.

The score of a tag sequence y is the sum of its emissions[t, y[t]] and of the
transitions[y[t-1], y[t]] between neighbours, tag 0 (O) standing before the first
character; its probability is proportional to the exponential of its score (Lafferty,
McCallum & Pereira 2001, https://repository.upenn.edu/cis_papers/159/). Without learnt
transitions, those that are 0 or, where BIO forbids them, minus infinity make a
softmax tagger a chain whose every sequence is legal.

A step of numpy takes the same character of all texts of a batch. `ml/csrc/chain.c` has the
same algorithms for one text after the other.
"""

from typing import NamedTuple

import numpy as np

from ..types import Floats1d, Floats2d, Ints1d

# Added to each weight, of which the greatest is 1: nothing to a probability, and no
# sequence of weights is ever all zero.
_LEAST_WEIGHT = 1e-90


class PackedTexts:
    """The characters of a batch of texts in the order of their steps: the first
    characters of all texts, then the second ones, and so on; within a step the
    longest text first. So the texts that go on are always the front of a step.

    position (Ints1d): Where each of the characters in a row has its place.
    first (slice): The first step.
    following (List[Tuple[slice, slice]]): For every other step, the characters
        before those of the step, and those of the step.
    """

    def __init__(self, lengths: Ints1d) -> None:
        """Order the characters of texts.

        lengths (Ints1d): The length of each text.
        """
        n_texts = len(lengths) - np.cumsum(np.bincount(lengths))[:-1]
        starts = np.cumsum(n_texts) - n_texts
        rank = np.empty(len(lengths), dtype="int64")
        rank[np.argsort(-lengths, kind="stable")] = np.arange(len(lengths))
        step = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        self.position: Ints1d = starts[step] + np.repeat(rank, lengths)
        self.first = slice(0, (lengths > 0).sum())
        self.following = [
            (slice(before, before + n), slice(here, here + n))
            for before, here, n in zip(
                starts[:-1].tolist(), starts[1:].tolist(), n_texts[1:].tolist()
            )
        ]

    def pack(self, rows: Floats2d) -> Floats2d:
        """Put rows in this order.

        rows (Floats2d): (characters, n), the texts in a row.
        RETURNS (Floats2d): (n, characters), packed, in double precision.
        """
        packed = np.empty((rows.shape[1], len(rows)))
        packed[:, self.position] = rows.T
        return packed


class ForwardBackward(NamedTuple):
    """What the forward-backward algorithm passes along a chain, scaled so that every
    forward message sums to 1 (Rabiner 1989, section V.A): packed, (tags, characters).

    weights: exp(emissions), up to a factor a character.
    forward: The probability of each tag given the text up to the character.
    backward: Its product with `forward` is the marginal probability of each tag.
    scale: The sum that the forward message was divided by, one a character.
    """

    weights: Floats2d
    forward: Floats2d
    backward: Floats2d
    scale: Floats1d


class LinearChain:
    """The transitions of a chain, and the algorithms over it."""

    def __init__(self, transitions: Floats2d, *, learnt: bool = False) -> None:
        """Make a chain.

        transitions (Floats2d): Scores (tags, tags): [before, after].
        learnt (bool): Whether they are parameters of a model (a CRF).
        """
        self.learnt = learnt
        self.transitions = np.asarray(transitions, dtype="float64")
        self.factors = np.exp(self.transitions)
        self.n_tags = len(self.transitions)

    def best_tags(self, scores: Floats2d, packed: PackedTexts) -> Ints1d:
        """The best tag sequence of every text, by the Viterbi algorithm.

        scores (Floats2d): Packed emissions (tags, characters).
        packed (PackedTexts): Their order.
        RETURNS (Ints1d): One tag a character, packed.
        """
        best = scores.copy()
        best[:, packed.first] += self.transitions[0][:, np.newaxis]
        transitions = self.transitions[:, :, np.newaxis]
        for before, here in packed.following:
            best[:, here] += (best[:, np.newaxis, before] + transitions).max(axis=0)
        tags = best.argmax(axis=0)  # which holds where a text ends
        for before, here in reversed(packed.following):
            scores_before = best[:, before] + self.transitions[:, tags[here]]
            tags[before] = scores_before.argmax(axis=0)
        return tags

    def forward_backward(self, scores: Floats2d, packed: PackedTexts) -> ForwardBackward:
        """Run the forward-backward algorithm over every text.

        scores (Floats2d): Packed emissions (tags, characters).
        packed (PackedTexts): Their order.
        RETURNS (ForwardBackward): Packed.
        """
        weights = np.exp(scores - scores.max(axis=0)) + _LEAST_WEIGHT
        forward = weights.copy()
        backward = np.ones_like(forward)
        scale = np.ones(forward.shape[1])

        def normalize(step: slice) -> None:
            scale[step] = forward[:, step].sum(axis=0)
            forward[:, step] /= scale[step]

        forward[:, packed.first] *= self.factors[0][:, np.newaxis]
        normalize(packed.first)
        for before, here in packed.following:
            forward[:, here] *= self.factors.T @ forward[:, before]
            normalize(here)
        scaled = weights / scale
        for before, here in reversed(packed.following):
            backward[:, before] = self.factors @ (scaled[:, here] * backward[:, here])
        return ForwardBackward(weights, forward, backward, scale)

    def expected_transitions(
        self, passes: ForwardBackward, packed: PackedTexts, counts: Floats1d
    ) -> Floats2d:
        """How often each transition is expected to occur in all texts together.

        passes (ForwardBackward): What `forward_backward` returned.
        packed (PackedTexts): Its order.
        counts (Floats1d): How much the transition to each character counts, packed.
        RETURNS (Floats2d): Sums of probabilities (tags, tags): [before, after].
        """
        weights, forward, backward, scale = passes
        into = weights / scale * backward * counts
        expected = np.zeros_like(self.factors)
        expected[0] = into[:, packed.first].sum(axis=1)
        for before, here in packed.following:
            expected += forward[:, before] @ into[:, here].T
        return expected * self.factors
