"""Which messages of a log would teach a pipeline most: those it is unsure of, unlike each
other, and some of which it is sure that they hold nothing, as it may be wrong there too
(uncertainty and diversity, see Settles 2009, "Active Learning Literature Survey")."""

import random
from typing import FrozenSet, Iterable, Iterator, List, NamedTuple, Sequence, Tuple

import numpy as np
from spacy.util import minibatch

from ..decoding import bio
from ..errors import require_number
from ..tokens.intents import LISTEN
from .music_query import MusicQuery
from .query_finder import Prediction

_BATCH_SIZE = 1000
# Of those that are unsure, as many times as are wanted are compared with each other.
_N_COMPARED = 20
# A message below this uncertainty and without a query is surely silent.
_SURE = 0.05
# A message as likely as this to be one among texts: no use to read more of them.
_LONGEST = 200


class Suggestion(NamedTuple):
    """A message to annotate.

    text (str): The message.
    spans (List[Tuple[int, int, str]]): What the pipeline finds: start, end, label.
    uncertainty (float): How unsure it is, 0 to 1: the most by which any character's tag,
        or whether the message asks to hear music, could be another.
    """

    text: str
    spans: List[Tuple[int, int, str]]
    uncertainty: float


def suggest_messages(
    component: MusicQuery,
    texts: Iterable[str],
    *,
    n: int,
    silent_share: float = 0.2,
    seed: int = 0,
) -> List[Suggestion]:
    """Choose messages to annotate.

    component (MusicQuery): What is to be taught.
    texts (Iterable[str]): A log; what stands there twice counts once.
    n (int): How many to choose, at least 1.
    silent_share (float): The share of those that are surely silent, 0 to 1.
    seed (int): Seeds the choice of these.
    RETURNS (List[Suggestion]): At most so many, the most useful first.
    RAISES (ValueError): If a setting is not allowed.
    """
    require_number("suggest", "n", n, at_least=1, whole=True)
    require_number("suggest", "silent_share", silent_share, at_least=0, at_most=1)
    unsure: List[Suggestion] = []
    silent: List[Suggestion] = []
    generator = random.Random(seed)
    n_silent, n_seen = round(n * silent_share), 0
    for suggestion in _rated(component, texts):
        if suggestion.uncertainty >= _SURE or suggestion.spans:
            unsure.append(suggestion)
            if len(unsure) > 4 * _N_COMPARED * n:
                unsure = _most_unsure(unsure, _N_COMPARED * n)
            continue
        # A sample of what comes by, each as likely as the other.
        n_seen += 1
        if len(silent) < _N_COMPARED * n_silent:
            silent.append(suggestion)
        elif (place := generator.randrange(n_seen)) < len(silent):
            silent[place] = suggestion
    generator.shuffle(silent)
    chosen = _unlike_each_other(_most_unsure(unsure, _N_COMPARED * n), n)
    n_silent = max(n_silent, n - len(chosen))
    silent = _unlike_each_other(silent, n_silent)
    return [*chosen[: n - len(silent)], *silent]


def _rated(component: MusicQuery, texts: Iterable[str]) -> Iterator[Suggestion]:
    seen = set()
    for batch in minibatch(texts, _BATCH_SIZE):
        fresh = [text for text in dict.fromkeys(batch) if text not in seen]
        fresh = [text for text in fresh if text and len(text) <= _LONGEST]
        seen.update(fresh)
        if not fresh:
            continue
        found = component.find(fresh)
        for text, prediction, doubt in zip(fresh, found, _doubts(component, fresh)):
            doubt = max(doubt, _doubt_of_intent(prediction))
            spans = [(s.start, s.end, s.label) for s in prediction.spans]
            yield Suggestion(text, spans, round(float(doubt), 4))


def _doubts(component: MusicQuery, texts: List[str]) -> Iterator[float]:
    """Of each text, how likely another tag is where it is likeliest."""
    emissions = component.emissions(texts)
    probabilities = bio.tag_probabilities(
        emissions.data, emissions.lengths, emissions.chain
    )
    start = 0
    for length in emissions.lengths:
        rows = probabilities[start : start + length]
        yield 1.0 - float(rows.max(axis=1).min()) if length else 0.0
        start += length


def _doubt_of_intent(prediction: Prediction) -> float:
    if LISTEN not in prediction.cats:
        return 0.0
    listen = prediction.cats[LISTEN]
    return min(listen, 1.0 - listen)


def _most_unsure(suggestions: List[Suggestion], n: int) -> List[Suggestion]:
    return sorted(suggestions, key=lambda s: -s.uncertainty)[:n]


def _unlike_each_other(suggestions: Sequence[Suggestion], n: int) -> List[Suggestion]:
    """Each time the one of which the product of doubt and difference from all that are
    chosen already is the largest."""
    if not suggestions or n < 1:
        return []
    pairs = [_pairs(suggestion.text) for suggestion in suggestions]
    worth = np.array([s.uncertainty + 0.01 for s in suggestions])
    difference = np.ones(len(suggestions))
    chosen: List[Suggestion] = []
    while len(chosen) < min(n, len(suggestions)):
        best = int(np.argmax(worth * difference))
        chosen.append(suggestions[best])
        likeness = np.array([_likeness(pairs[best], other) for other in pairs])
        difference = np.minimum(difference, 1.0 - likeness)
        difference[best] = -1.0
    return chosen


def _pairs(text: str) -> FrozenSet[str]:
    return frozenset(text[i : i + 2] for i in range(max(len(text) - 1, 1)))


def _likeness(one: FrozenSet[str], other: FrozenSet[str]) -> float:
    """Jaccard's: the share of pairs of characters that two texts have in common."""
    return len(one & other) / max(len(one | other), 1)
