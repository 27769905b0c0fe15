"""Elastic weight consolidation: training on something new, each weight is held where it
was by a spring, as strong as the weight matters for what was learnt before (Kirkpatrick
et al. 2017, https://arxiv.org/abs/1612.00796)."""

from typing import Any, Dict, List, cast

import numpy as np
from thinc.api import Model

from ..decoding.emissions import EmissionGradients, Emissions, log_softmax
from ..decoding.linear_chain import PackedTexts
from ..errors import require_number
from ..ml.architectures import get_shim
from ..types import Floats2d, FloatsXd, Ints1d
from .losses import INTENT_WEIGHT, cross_entropy, make_negative_log_likelihood
from .rehearsal import TextReader, as_in_predicting


class Consolidation:
    """What to hold fast to. A plain class, as `Rehearsal` is."""

    def __init__(self, corpus: TextReader, strength: float, size: int) -> None:
        """Keep the settings of `make_consolidation`."""
        self.corpus = corpus
        self.strength = strength
        self.size = size


def make_consolidation(
    corpus: TextReader, strength: float = 1000.0, size: int = 500
) -> Consolidation:
    """Hold fast to weights that matter for old texts, for
    [initialize.components.music_query.consolidation].

    corpus (Callable): What any reader of a corpus made, such as
        `spacy_musicquery.RawText.v1`. Only the texts count.
    strength (float): How strongly, above 0: the factor of the penalty.
    size (int): How many of the texts to look at, drawn at random; all if there are fewer.
    RETURNS (Consolidation): For `MusicQuery.initialize`.
    RAISES (ValueError): If a setting has a value that is not allowed.
    """
    require_number("consolidation", "strength", strength, above=0)
    require_number("consolidation", "size", size, at_least=1, whole=True)
    return Consolidation(corpus, strength, size)


class Consolidator:
    """Pulls weights back each time it is called: half the strength, times the sum of the
    squares of how far each is from where it was, times its information."""

    def __init__(
        self, model: Model[List[str], Emissions], texts: List[str], settings: Consolidation
    ) -> None:
        """Take down what the weights are, and how much each matters.

        model (Model[List[str], Emissions]): The model as it is.
        texts (List[str]): Texts that it knows. Draws from numpy's generator.
        settings (Consolidation): How strongly, and how many texts.
        """
        if len(texts) > settings.size:
            chosen = np.random.choice(len(texts), settings.size, replace=False)
            texts = [texts[i] for i in chosen]
        self.strength = settings.strength
        self.anchor = dict(get_shim(model).arrays)
        self.information = fisher_information(model, texts)

    def __call__(self, model: Model[List[str], Emissions], drop: float) -> float:
        """Add to the gradients of a model.

        model (Model[List[str], Emissions]): The model that is trained. It may have grown.
        drop (float): Takes no effect.
        RETURNS (float): The penalty.
        """
        shim = get_shim(model)
        penalty = 0.0
        for name, information in self.information.items():
            known = tuple(map(slice, information.shape))
            moved = shim.arrays[name][known] - self.anchor[name]
            pull = self.strength * information * moved
            penalty += 0.5 * float((pull * moved).sum())
            gradient = np.zeros_like(shim.arrays[name])
            gradient[known] = pull
            shim.add_gradient(name, gradient)
        return penalty


def fisher_information(
    model: Model[List[str], Emissions], texts: List[str]
) -> Dict[str, FloatsXd]:
    """How much each weight matters for what a model predicts: the diagonal of the Fisher
    information matrix, the mean square of the gradient of the log-likelihood of a text's
    tags and intent. These are drawn from what the model itself predicts, as the
    definition has it, so that no annotation is needed (Kunstner, Hennig & Balles 2019,
    https://arxiv.org/abs/1905.12558, on what is lost with those of a corpus instead).

    model (Model[List[str], Emissions]): The model.
    texts (List[str]): Texts, none of them empty. Draws from numpy's generator.
    RETURNS (Dict[str, FloatsXd]): By the names of the arrays, each of its shape.
    """
    shim = get_shim(model)
    information = {name: np.zeros_like(array) for name, array in shim.arrays.items()}
    with as_in_predicting(model):
        for text in texts:
            emissions, backprop = model.begin_update([text])
            cast(Any, backprop)(_drawn_gradients(emissions))
            for name, gradient in shim.take_gradients().items():
                information[name] += gradient**2 / len(texts)
    return information


def _drawn_gradients(emissions: Emissions) -> EmissionGradients:
    """The gradients of the log-likelihood of the tags and the intent of one text, which
    are drawn."""
    if emissions.chain.learnt:
        tags = _draw_tags(emissions)
    else:
        tags = _draw_rows(np.exp(log_softmax(emissions.data)))
    _, gradients = make_negative_log_likelihood()(emissions, tags)
    gradients = gradients.times(len(tags))  # a sum, not a mean
    if emissions.intents.size:
        intent = _draw_rows(np.exp(log_softmax(emissions.intents)))
        _, d_intents = cross_entropy(emissions.intents, intent)
        gradients = gradients._replace(intents=INTENT_WEIGHT * d_intents)
    return gradients


def _draw_tags(emissions: Emissions) -> Ints1d:
    """Draw a tag sequence of one text, from its last character to its first."""
    packed = PackedTexts(emissions.lengths)
    passes = emissions.chain.forward_backward(packed.pack(emissions.data), packed)
    n_chars = len(emissions.data)
    tags = np.empty(n_chars, dtype="int64")
    into = np.ones(emissions.chain.n_tags)
    for place in reversed(range(n_chars)):
        weights = passes.forward[:, place] * into
        tags[place] = _draw_rows(weights[np.newaxis] / weights.sum())[0]
        into = emissions.chain.factors[:, tags[place]]
    return tags


def _draw_rows(probabilities: Floats2d) -> Ints1d:
    """Draw a column in each row."""
    draws = np.random.random_sample((len(probabilities), 1))
    columns = (probabilities.cumsum(axis=1) < draws).sum(axis=1)
    return np.minimum(columns, probabilities.shape[1] - 1)
