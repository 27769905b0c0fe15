"""What an update minimises: the loss of the gold tags and intents, that of a teacher, and
what keeps hold of old texts."""

from typing import Callable, List, Optional, Sequence, Tuple, cast

import numpy as np
from spacy.training import Example
from thinc.api import Model

from ..decoding.bio import MISSING, tag_names
from ..decoding.emissions import EmissionGradients, Emissions
from ..features.plain_text import as_read
from ..tokens.gold import gold_intent, gold_tags
from ..types import Floats2d
from .contrast import Contrast
from .distillation import Teacher
from .losses import INTENT_WEIGHT, TagLoss, cross_entropy

# Adds to the gradients of a model, given the dropout rate, and returns its loss.
Regularizer = Callable[[Model[List[str], Emissions], float], float]


class Objective:
    """A loss of tags, and what training may add to it.

    loss (TagLoss): Of the gold tags.
    teacher (Optional[Teacher]): Pipelines to learn from as well.
    contrast (Optional[Contrast]): What vectors of utterances learn before intents are
        learnt from them.
    regularizers (List[Regularizer]): What keeps hold of old texts.
    implied_intent (Optional[str]): The intent of messages that have an entity and say
        nothing of their intent; None if it is not known.
    """

    def __init__(
        self,
        loss: TagLoss,
        teacher: Optional[Teacher],
        contrast: Optional[Contrast] = None,
    ) -> None:
        """Minimise a loss, and that of a teacher.

        loss (TagLoss): Of the gold tags.
        teacher (Optional[Teacher]): Pipelines to learn from as well; None for none.
        contrast (Optional[Contrast]): What vectors of utterances learn at first; None for
            nothing.
        """
        self.loss = loss
        self.teacher = teacher
        self.contrast = contrast
        self._n_batches = 0
        self.regularizers: List[Regularizer] = []
        self.implied_intent: Optional[str] = None

    def of_examples(
        self,
        examples: Sequence[Example],
        emissions: Emissions,
        *,
        labels: Sequence[str],
        intents: Sequence[str],
        component: str,
    ) -> Tuple[float, EmissionGradients]:
        """The loss of what was predicted for examples, and its gradient.

        examples (Sequence[Example]): The examples.
        emissions (Emissions): What the model makes of their texts.
        labels (Sequence[str]): The labels, in the order of the tags.
        intents (Sequence[str]): The intents, in order.
        component (str): The component's name, for errors.
        RETURNS (Tuple[float, EmissionGradients]): The loss and its gradient.
        RAISES (ValueError): If a predicted and its reference text differ, or the reference
            has a label or an intent that is unknown.
        """
        tags = np.concatenate([gold_tags(e, labels, component) for e in examples])
        loss, gradients = self.loss(emissions, tags)
        if self.teacher is not None:
            loss, gradients = self.teacher.add_to(
                loss,
                gradients,
                texts=[as_read(example.predicted.text) for example in examples],
                emissions=emissions,
                tags=tag_names(labels),
            )
        if not intents:
            return loss, gradients
        implied = self.implied_intent
        gold = np.array([gold_intent(e, intents, component, implied) for e in examples])
        n_tags = max((tags != MISSING).sum(), 1)
        weight = INTENT_WEIGHT * (gold != MISSING).sum() / n_tags
        contrast, self._n_batches = self.contrast, self._n_batches + 1
        if contrast is not None and self._n_batches <= contrast.steps:
            vectors = cast(Floats2d, emissions.utterances)  # there in training
            intent_loss, d_utterances = contrast.of_vectors(vectors, gold)
            weight *= contrast.weight
            d_utterances *= weight
            gradients = gradients._replace(utterances=d_utterances)
        else:
            intent_loss, d_intents = cross_entropy(emissions.intents, gold)
            d_intents *= weight
            gradients = gradients._replace(intents=d_intents)
        return loss + weight * intent_loss, gradients

    def regularize(self, model: Model[List[str], Emissions], drop: float) -> float:
        """Add what old texts demand to the gradients of a model.

        model (Model[List[str], Emissions]): The model that is trained.
        drop (float): The dropout rate.
        RETURNS (float): The loss of it.
        """
        return sum((regularizer(model, drop) for regularizer in self.regularizers), 0.0)
