"""Distillation: a tagger learns from what larger ones think of a text.

The loss is the cross-entropy of two distributions over the tag sequences of a text, the
teacher's and the student's (Hinton et al. 2015, https://arxiv.org/abs/1503.02531). For
linear chains it needs no sum over sequences: marginals of the teacher are enough, those
of tags and those of transitions (Wang et al. 2021,
https://aclanthology.org/2021.acl-long.46/), and several teachers are their mean.
"""

from pathlib import Path
from typing import (
    Callable,
    Dict,
    List,
    NamedTuple,
    Optional,
    Protocol,
    Sequence,
    Tuple,
    Union,
)

import numpy as np

from ..decoding.emissions import EmissionGradients, Emissions, log_softmax
from ..decoding.linear_chain import LinearChain, PackedTexts
from ..errors import Errors, bad_setting, require_number
from ..features.batches import split_by_length
from ..types import Floats2d

# Training comes back to the same texts: so many are not tagged again, a few kilobytes each.
MAX_CACHED = 50_000

_NAME = "spacy_musicquery.Teacher.v1"


class Tagger(Protocol):
    """What can be a teacher: a `MusicQuery` is one."""

    @property
    def labels(self) -> Tuple[str, ...]:
        """What it has learnt to find. RETURNS (Tuple[str, ...]): The labels."""

    @property
    def tags(self) -> List[str]:
        """Its tags. RETURNS (List[str]): In the order of its emissions."""

    def emissions(self, texts: List[str]) -> Emissions:
        """What it makes of texts.

        texts (List[str]): The texts.
        RETURNS (Emissions): The scores of all their characters.
        """


class Marginals(NamedTuple):
    """What a tagger thinks of a batch of texts.

    tags (Floats2d): The probability of each tag for each character (characters, tags).
    transitions (Floats2d): How often each transition is expected to occur in all texts
        together (tags, tags): [before, after].
    """

    tags: Floats2d
    transitions: Floats2d


def load_teacher(
    path: Union[str, Path, Sequence[Union[str, Path]], None] = None,
    weight: float = 0.5,
    temperature: float = 1.0,
) -> Optional["Teacher"]:
    """Name the pipelines to learn from, to be loaded when training starts. For
    [initialize.components.music_query.teacher].

    path (Union[str, Path, Sequence[Union[str, Path]], None]): A saved pipeline with a
        `music_query` component, or several, of which the mean is taken; "box" for the
        model that comes with this package; None for no teacher.
    weight (float): How much of the loss is the teacher's, above 0 to 1; the gold tags'
        is the rest.
    temperature (float): What all scores of tags are divided by, above 0: more than 1
        shows more of what the teacher thinks of the tags that it does not choose.
    RETURNS (Optional[Teacher]): What `MusicQuery.initialize` takes.
    RAISES (ValueError): If a number is out of its range.
    """
    if path is None:
        return None
    require_number(_NAME, "weight", weight, above=0, at_most=1)
    require_number(_NAME, "temperature", temperature, above=0)
    paths = [path] if isinstance(path, (str, Path)) else list(path)
    if not paths:
        raise bad_setting(_NAME, "path", path, "a path, a list of paths, or null")
    return Teacher([str(path) for path in paths], weight=weight, temperature=temperature)


class Teacher:
    """Saved pipelines that another component learns from."""

    def __init__(self, paths: List[str], *, weight: float, temperature: float) -> None:
        """Keep the settings of `load_teacher`."""
        self.paths = paths
        self.weight = weight
        self.temperature = temperature
        self._taggers: List[_CachingTagger] = []

    def load(
        self,
        labels: Sequence[str],
        load_tagger: Callable[[str, str], Tagger],
        *,
        component: str,
    ) -> None:
        """Load the pipelines, unless that has been done.

        labels (Sequence[str]): The labels of the component that learns.
        load_tagger (Callable): Loads one, by its path and the component's name.
        component (str): The name of the component that learns.
        RAISES (ValueError): If there is no such pipeline, or it has other labels.
        """
        if not self._taggers:
            taggers = [load_tagger(path, component) for path in self.paths]
            self._taggers = [_CachingTagger(tagger) for tagger in taggers]
        for path, tagger in zip(self.paths, self._taggers):
            teacher = tagger.tagger
            if set(teacher.labels) != set(labels):
                raise ValueError(
                    Errors.MQ071.format(
                        name=component,
                        path=path,
                        known=", ".join(teacher.labels) or "none",
                        labels=", ".join(labels),
                    )
                )

    def marginals(self, texts: List[str], tags: Sequence[str]) -> Marginals:
        """What the pipelines think of some texts, on average.

        texts (List[str]): The texts.
        tags (Sequence[str]): The tags, in the order that the marginals shall have.
        RETURNS (Marginals): The mean of those of all pipelines.
        """
        of_all = []
        for tagger in self._taggers:
            found = sequence_marginals(tagger.emissions(texts), self.temperature)
            order = [tagger.tagger.tags.index(tag) for tag in tags]
            of_all.append((found.tags[:, order], found.transitions[np.ix_(order, order)]))
        of_tags, of_transitions = zip(*of_all)
        return Marginals(np.mean(of_tags, axis=0), np.mean(of_transitions, axis=0))

    def add_to(
        self,
        loss: float,
        gradients: EmissionGradients,
        *,
        texts: List[str],
        emissions: Emissions,
        tags: Sequence[str],
    ) -> Tuple[float, EmissionGradients]:
        """Mix the loss of the gold tags with that of the teacher's.

        loss (float): The loss of the gold tags.
        gradients (EmissionGradients): Its gradient.
        texts (List[str]): The texts of the batch.
        emissions (Emissions): What the student makes of them.
        tags (Sequence[str]): The student's tags.
        RETURNS (Tuple[float, EmissionGradients]): The loss and its gradient.
        """
        targets = self.marginals(texts, tags)
        soft_loss, soft = distillation_gradient(emissions, targets, self.temperature)
        of_gold, of_teacher = 1.0 - self.weight, self.weight
        transitions = soft.transitions
        if transitions is not None:
            transitions = of_teacher * transitions
            if gradients.transitions is not None:
                transitions = transitions + of_gold * gradients.transitions
        mixed = EmissionGradients(
            (of_gold * gradients.data + of_teacher * soft.data).astype("float32"),
            transitions,
            gradients.intents,
        )
        return of_gold * loss + of_teacher * soft_loss, mixed


class _CachingTagger:
    """A tagger, and what it has made of texts."""

    def __init__(self, tagger: Tagger) -> None:
        self.tagger = tagger
        self._cached: Dict[str, Floats2d] = {}

    def emissions(self, texts: List[str]) -> Emissions:
        """The tagger's emissions, without scores of intents."""
        new = [text for text in dict.fromkeys(texts) if text not in self._cached]
        found = self.tagger.emissions(new)
        rows = dict(zip(new, split_by_length(found.data, found.lengths)))
        data = [self._cached[t] if t in self._cached else rows[t] for t in texts]
        if len(self._cached) < MAX_CACHED:
            self._cached.update(rows)
        lengths = np.fromiter(map(len, texts), dtype="int32", count=len(texts))
        return found._replace(data=np.concatenate(data), lengths=lengths)


def sequence_marginals(emissions: Emissions, temperature: float = 1.0) -> Marginals:
    """The marginals of a tagger's distribution over legal tag sequences.

    emissions (Emissions): What it makes of some texts.
    temperature (float): What all scores are divided by.
    RETURNS (Marginals): The marginals.
    """
    return _marginals_and_log_partition(emissions, temperature)[0]


def _marginals_and_log_partition(
    emissions: Emissions, temperature: float
) -> Tuple[Marginals, float]:
    """And the logarithm of the sum over all tag sequences, added up over the texts."""
    chain = emissions.chain
    if temperature != 1.0:
        chain = LinearChain(chain.transitions / temperature, learnt=chain.learnt)
    packed = PackedTexts(emissions.lengths)
    scores = packed.pack(emissions.data / temperature)
    passes = chain.forward_backward(scores, packed)
    n_chars = scores.shape[1]
    marginals = Marginals(
        (passes.forward * passes.backward)[:, packed.position].T,
        chain.expected_transitions(passes, packed, np.ones(n_chars)),
    )
    return marginals, float((np.log(passes.scale) + scores.max(axis=0)).sum())


def distillation_gradient(
    emissions: Emissions, targets: Marginals, temperature: float = 1.0
) -> Tuple[float, EmissionGradients]:
    """The cross-entropy of a teacher's and the student's tags, a mean over the
    characters: of whole tag sequences if the student learns transitions, otherwise of
    each character by itself. It is multiplied by the square of the temperature, which
    keeps its gradient about as large as without.

    emissions (Emissions): What the student makes of some texts.
    targets (Marginals): What the teacher thinks of them, at the same temperature.
    temperature (float): What the student's scores are divided by.
    RETURNS (Tuple[float, EmissionGradients]): The loss and its gradient.
    """
    n_chars = max(len(emissions.data), 1)
    scores = emissions.data / temperature
    slope = temperature / n_chars
    if not emissions.chain.learnt:
        log_prob = log_softmax(scores)
        d_emissions = slope * (np.exp(log_prob) - targets.tags)
        loss = -(targets.tags * log_prob).sum() / n_chars
        return float(loss) * temperature**2, EmissionGradients(d_emissions)
    found, log_partition = _marginals_and_log_partition(emissions, temperature)
    transitions = emissions.chain.transitions / temperature
    legal = np.isfinite(transitions)
    expected = (targets.tags * scores).sum()
    expected += (targets.transitions[legal] * transitions[legal]).sum()
    gradients = EmissionGradients(
        slope * (found.tags - targets.tags),
        (slope * (found.transitions - targets.transitions)).astype("float32"),
    )
    loss = (log_partition - expected) / n_chars
    return float(loss) * temperature**2, gradients
