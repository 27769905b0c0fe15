"""What `real.py` counts, and how sure that is.

Every figure is a sum over messages divided by another: F1 is twice the hits by what was
found and what is there. So one function resamples them all.
"""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

Span = Tuple[int, int]
N_SAMPLES = 2000


class Message(NamedTuple):
    """A message and its queries: start and end (exclusive) in characters."""

    text: str
    spans: Tuple[Span, ...] = ()


class Found(NamedTuple):
    """What a system found in a message.

    spans (Tuple[Span]): The queries.
    scores (Tuple[float]): Their probabilities; nothing if the system has none.
    listen (Optional[float]): How likely the message asks for music, if the system says.
    """

    spans: Tuple[Span, ...]
    scores: Tuple[float, ...] = ()
    listen: Optional[float] = None

    def above(self, threshold: float) -> "Found":
        """threshold (float): The lowest score to keep.
        RETURNS (Found): The queries that reach it; all of them if they have no scores.
        """
        if not self.scores:
            return self
        kept = [i for i, score in enumerate(self.scores) if score >= threshold]
        return self._replace(
            spans=tuple(self.spans[i] for i in kept),
            scores=tuple(self.scores[i] for i in kept),
        )


class Share(NamedTuple):
    """A measured share, its 95 % interval, and the number of messages behind it."""

    value: float
    low: float
    high: float
    n: int


def share(
    parts: Sequence[float], wholes: Optional[Sequence[float]] = None, *, seed: int = 0
) -> Optional[Share]:
    """Divide one sum over messages by another, with a percentile bootstrap over messages.

    parts (Sequence[float]): What each message adds to the numerator.
    wholes (Optional[Sequence[float]]): What each adds to the denominator; 1 without it.
    seed (int): Seeds the resampling.
    RETURNS (Optional[Share]): The share; None where there is nothing to divide by.
    """
    numerators = np.asarray(parts, dtype=float)
    denominators = np.ones(len(numerators)) if wholes is None else np.asarray(wholes, float)
    if not denominators.sum():
        return None
    # Messages that add the same are one kind: how often a sample has each is multinomial.
    kinds, counts = np.unique(
        np.stack([numerators, denominators], axis=1), axis=0, return_counts=True
    )
    n = len(numerators)
    draws = np.random.default_rng(seed).multinomial(n, counts / n, size=N_SAMPLES)
    sums = draws @ kinds
    # A sample may hold nothing to divide by.
    sums = sums[sums[:, 1] > 0]
    low, high = np.quantile(sums[:, 0] / sums[:, 1], (0.025, 0.975))
    value = numerators.sum() / denominators.sum()
    return Share(float(value), float(low), float(high), int((denominators > 0).sum()))


def f1(gold: Sequence[Message], found: Sequence[Found]) -> Optional[Share]:
    """gold (Sequence[Message]): The messages. found (Sequence[Found]): What was found.
    RETURNS (Optional[Share]): F1 of exact queries; None if no message has one.
    """
    if not any(message.spans for message in gold):
        return None
    hits = [2 * len({*m.spans} & {*f.spans}) for m, f in zip(gold, found)]
    return share(hits, [len(m.spans) + len(f.spans) for m, f in zip(gold, found)])


def false_alarms(gold: Sequence[Message], found: Sequence[Found]) -> Optional[Share]:
    """gold (Sequence[Message]): The messages. found (Sequence[Found]): What was found.
    RETURNS (Optional[Share]): Of those without a query, how many had one found.
    """
    return share([bool(f.spans) for m, f in zip(gold, found) if not m.spans])


def exact(gold: Sequence[Message], found: Sequence[Found]) -> Optional[Share]:
    """gold (Sequence[Message]): The messages. found (Sequence[Found]): What was found.
    RETURNS (Optional[Share]): In how many all queries were found, and nothing else.
    """
    return share([is_exact(m, f) for m, f in zip(gold, found)])


def is_exact(message: Message, found: Found) -> bool:
    """RETURNS (bool): Whether these are exactly the message's queries."""
    return {*message.spans} == {*found.spans}


def binary_f1(gold: Sequence[bool], predicted: Sequence[bool]) -> Optional[Share]:
    """gold (Sequence[bool]): Is it so? predicted (Sequence[bool]): Was it said to be so?
    RETURNS (Optional[Share]): F1 of those that are.
    """
    return share(
        [2 * (g and p) for g, p in zip(gold, predicted)],
        [int(g) + int(p) for g, p in zip(gold, predicted)],
    )


def reliability(
    scores: Sequence[float], right: Sequence[bool], n_bins: int
) -> List[Dict[str, float]]:
    """Put queries into bins of equal width by their score.

    scores (Sequence[float]): From 0 to 1.
    right (Sequence[bool]): Whether each is right.
    n_bins (int): How many bins.
    RETURNS (List[Dict[str, float]]): Of each bin that holds any, the mean "score", the
        share that is "right", and the number "n".
    """
    values, rights = np.asarray(scores, dtype=float), np.asarray(right, dtype=float)
    which = np.minimum((values * n_bins).astype(int), n_bins - 1)
    return [
        {
            "score": float(values[which == b].mean()),
            "right": float(rights[which == b].mean()),
            "n": int((which == b).sum()),
        }
        for b in np.unique(which)
    ]
