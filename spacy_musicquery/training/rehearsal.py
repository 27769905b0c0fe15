"""Rehearsal: training on something new, a model goes on predicting for old texts what it
predicted before (Robins 1995, "Catastrophic forgetting, rehearsal and pseudorehearsal";
Hinton, Vinyals & Dean 2015, https://arxiv.org/abs/1503.02531). The texts need no
annotation: what the former model predicts is what is learnt."""

from contextlib import contextmanager
from copy import deepcopy
from typing import Any, Callable, Dict, Iterable, Iterator, List, Tuple, cast

import numpy as np
from spacy.language import Language
from spacy.training import Example
from thinc.api import Model, set_dropout_rate

from ..decoding.emissions import EmissionGradients, Emissions, log_softmax
from ..decoding.linear_chain import LinearChain, PackedTexts
from ..errors import Errors, require_number
from ..features.plain_text import as_read
from ..ml.architectures import RANDOM_IN_TRAINING
from ..types import Floats1d, Floats2d
from .losses import INTENT_WEIGHT

# So many batches are sorted by length together.
_N_SORTED = 8

TextReader = Callable[[Language], Iterable[Example]]


class Rehearsal:
    """What to rehearse. A plain class: spaCy turns others into tuples and dictionaries as
    it checks the settings of [initialize]."""

    def __init__(self, corpus: TextReader, weight: float, size: int) -> None:
        """Keep the settings of `make_rehearsal`."""
        self.corpus = corpus
        self.weight = weight
        self.size = size


def make_rehearsal(corpus: TextReader, weight: float = 1.0, size: int = 64) -> Rehearsal:
    """Rehearse old texts with each update, for [initialize.components.music_query.rehearsal].
    They hold what shall not be forgotten: messages that the former model is right about.

    corpus (Callable): What any reader of a corpus made, such as
        `spacy_musicquery.RawText.v1`. Only the texts count.
    weight (float): How much this counts beside what is learnt, above 0.
    size (int): How many texts to rehearse with each update.
    RETURNS (Rehearsal): For `MusicQuery.initialize`.
    RAISES (ValueError): If a setting has a value that is not allowed.
    """
    require_number("rehearsal", "weight", weight, above=0)
    require_number("rehearsal", "size", size, at_least=1, whole=True)
    return Rehearsal(corpus, weight, size)


def read_texts(corpus: TextReader, nlp: Language, component: str) -> List[str]:
    """Read the texts of a corpus.

    corpus (Callable): What a reader of a corpus made.
    nlp (Language): The pipeline.
    component (str): The component's name, for the error.
    RETURNS (List[str]): What is read of its texts, each once.
    RAISES (ValueError): If there is none.
    """
    texts = dict.fromkeys(as_read(example.reference.text) for example in corpus(nlp))
    texts.pop("", None)
    if not texts:
        raise ValueError(Errors.MQ018.format(name=component))
    return list(texts)


class Rehearser:
    """Rehearses some of the texts each time it is called."""

    def __init__(
        self, former: Model[List[str], Emissions], texts: List[str], rehearsal: Rehearsal
    ) -> None:
        """Take down what the model is.

        former (Model[List[str], Emissions]): The model as it was; it is copied.
        texts (List[str]): The texts. Their order is drawn from numpy's generator.
        rehearsal (Rehearsal): How much and how many.
        """
        self.former = deepcopy(former)
        self.texts = texts
        self.rehearsal = rehearsal
        self._order: List[int] = []

    def __call__(self, model: Model[List[str], Emissions], drop: float) -> float:
        """Add to the gradients of a model.

        model (Model[List[str], Emissions]): The model that is trained.
        drop (float): The dropout rate.
        RETURNS (float): The loss.
        """
        size = min(self.rehearsal.size, len(self.texts))
        while len(self._order) < size:
            self._order.extend(self._new_order(size))
        chosen, self._order = self._order[:size], self._order[size:]
        texts = [self.texts[i] for i in chosen]
        weight = self.rehearsal.weight
        with as_in_predicting(model):
            return rehearse(model, self.former, texts, drop=drop, weight=weight)

    def _new_order(self, size: int) -> List[int]:
        """All texts by chance, but those that are rehearsed together of like lengths, as a
        batch takes as long as its longest text."""
        order = np.random.permutation(len(self.texts)).tolist()
        batches: List[List[int]] = []
        for start in range(0, len(order), size * _N_SORTED):
            alike = sorted(
                order[start : start + size * _N_SORTED], key=lambda i: len(self.texts[i])
            )
            batches += [alike[i : i + size] for i in range(0, len(alike), size)]
        places = np.random.permutation(len(batches)).tolist()
        return [i for place in places for i in batches[place]]


@contextmanager
def as_in_predicting(model: Model[List[str], Emissions]) -> Iterator[None]:
    """Leave out what training does at random: what was predicted was predicted without.

    model (Model[List[str], Emissions]): The model.
    """
    attrs = cast(Dict[str, float], model.attrs)
    before = {name: attrs[name] for name in RANDOM_IN_TRAINING}
    attrs.update(dict.fromkeys(before, 0.0))
    set_dropout_rate(model, 0.0)
    try:
        yield
    finally:
        attrs.update(before)


def rehearse(
    model: Model[List[str], Emissions],
    former: Model[List[str], Emissions],
    texts: List[str],
    *,
    drop: float = 0.0,
    weight: float = 1.0,
) -> float:
    """Make a model predict more as it did, by adding to its gradients.

    model (Model[List[str], Emissions]): The model that is trained.
    former (Model[List[str], Emissions]): The model as it was, with the same tags and
        intents, or the first of them.
    texts (List[str]): Texts, not all of them empty.
    drop (float): The dropout rate.
    weight (float): How much it counts.
    RETURNS (float): The loss: `weight` times the divergence.
    """
    set_dropout_rate(model, drop)
    emissions, backprop = model.begin_update(texts)
    loss, gradients = divergence(former.predict(texts), emissions)
    cast(Any, backprop)(gradients.times(weight))
    return weight * loss


def divergence(former: Emissions, emissions: Emissions) -> Tuple[float, EmissionGradients]:
    """How far what is predicted has moved: the Kullback-Leibler divergence of what was
    predicted formerly from what is now, of whole tag sequences if transitions are learnt,
    otherwise of each character's tag, a mean over characters; and that of the intents.
    Tags and intents that are new were impossible formerly.

    former (Emissions): What a model predicted formerly.
    emissions (Emissions): What it predicts now, for the same texts.
    RETURNS (Tuple[float, EmissionGradients]): The divergence, and its gradient with
        respect to what is predicted now.
    """
    n_chars = len(emissions.data)
    if emissions.chain.learnt:
        loss, gradients = _of_sequences(former, emissions)
    else:
        losses, d_emissions = _of_rows(former.data, emissions.data)
        loss, gradients = float(losses.sum()), EmissionGradients(d_emissions)
    if former.intents.size:
        losses, d_intents = _of_rows(former.intents, emissions.intents)
        loss += INTENT_WEIGHT * float(losses.sum())
        gradients = gradients._replace(intents=INTENT_WEIGHT * d_intents)
    return loss / n_chars, gradients.times(1.0 / n_chars)


def _of_rows(former: Floats2d, now: Floats2d) -> Tuple[Floats1d, Floats2d]:
    """The divergence of each row of logits, and its gradient."""
    width = former.shape[1]
    log_former, log_now = log_softmax(former), log_softmax(now)
    expected = np.exp(log_former)
    gradient = np.exp(log_now)
    gradient[:, :width] -= expected
    return (expected * (log_former - log_now[:, :width])).sum(axis=1), gradient


def _of_sequences(
    former: Emissions, emissions: Emissions
) -> Tuple[float, EmissionGradients]:
    """A divergence of two chains is a sum over characters and transitions, since what is
    expected of one chain is known; and its gradient the difference of what both expect."""
    packed = PackedTexts(emissions.lengths)
    before, now = (
        _Expected(e.chain, packed.pack(e.data), packed) for e in (former, emissions)
    )
    n_tags = former.chain.n_tags
    gained = before.scores - now.scores[:n_tags]
    loss = (before.tags * gained).sum() - before.log_total + now.log_total
    possible = before.transitions > 0.0  # others score minus infinity
    gained = former.chain.transitions[possible]
    gained -= emissions.chain.transitions[:n_tags, :n_tags][possible]
    loss += (before.transitions[possible] * gained).sum()
    now.tags[:n_tags] -= before.tags
    now.transitions[:n_tags, :n_tags] -= before.transitions
    return float(loss), EmissionGradients(
        now.tags[:, packed.position].T.astype("float32"),
        now.transitions.astype("float32"),
    )


class _Expected:
    """What a chain expects of a batch of texts."""

    def __init__(self, chain: LinearChain, scores: Floats2d, packed: PackedTexts) -> None:
        passes = chain.forward_backward(scores, packed)
        self.scores = scores
        self.log_total = (np.log(passes.scale) + scores.max(axis=0)).sum()
        self.tags = passes.forward * passes.backward
        counts = np.ones(scores.shape[1])
        self.transitions = chain.expected_transitions(passes, packed, counts)
