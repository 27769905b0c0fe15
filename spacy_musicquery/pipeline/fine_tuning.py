"""Train the model in the box further on a few messages of one's own, so that nothing that it
knew is lost: which settings suit how many messages, and what is taken back at the end.

What is learnt is the difference between the weights before and after; of this difference a
share is kept, the whole of it if the box's check allows it (Wortsman et al. 2022, "Robust
fine-tuning of zero-shot models", https://arxiv.org/abs/2109.01903). Messages most of which
have a query make the pipeline expect one: if it finds more where there is none, it is to be
surer that a message asks to hear music."""

from math import log10
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple, cast

import spacy
from spacy.language import Language
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.training.loop import train as spacy_train
from spacy.util import load_config

from ..data.box_messages import CONFIG_PATH
from ..errors import Errors
from ..types import FloatsXd
from .music_query import MusicQuery
from .scorer import music_query_score

# By how many messages there are to learn from, and between these by the logarithm: how many
# updates. Each takes as many messages as the config's batches have.
_STEPS = ((20, 120), (50, 150), (200, 250), (1000, 500), (10000, 3000))
# Labels that the box has not take longer, so many times the steps, and there is less to be
# lost.
_TIMES_THE_STEPS = 2
_FOR_NEW_LABELS = {
    "components.music_query.rehearsal_weight": 3.0,
    "corpora.train.parts.messages.augmenter.level": 3.0,
}
# The shares of what was learnt that may be kept.
_SHARES = (1.0, 0.8, 0.6, 0.4, 0.2)
# How much more certain than the box it may have to be that a message asks to hear music.
_MORE_CERTAIN = (0.0, 0.05, 0.1)
# How much worse the box's check may become: in F1, by how many messages there are, as what
# many say is less by chance; and in the share of messages without a query in which one is
# found (two of its 386).
_MOST_LOST = ((50, 0.01), (1000, 0.03))
_MOST_ALARMS = 0.006
# With fewer queries than this, development data do not choose.
MIN_DEV_QUERIES = 30


class Scores(NamedTuple):
    """How good a pipeline is on some messages.

    f (Optional[float]): F1 of queries; None if there is none.
    false_alarms (Optional[float]): The share of the messages without a query in which one
        is found; None if there is no such message.
    """

    f: Optional[float]
    false_alarms: Optional[float]


class Trained(NamedTuple):
    """What came of a training.

    nlp (Language): The pipeline.
    share (float): The share of what was learnt that was kept; 0 if nothing was.
    """

    nlp: Language
    share: float


def n_steps(n_messages: int) -> int:
    """How many updates suit so many messages.

    n_messages (int): How many there are to learn from, at least 1.
    RETURNS (int): Updates.
    """
    (n, steps), *others = _STEPS
    if n_messages <= n:
        return steps
    for more, more_steps in others:
        if n_messages <= more:
            part = log10(n_messages / n) / log10(more / n)
            return round(steps * (more_steps / steps) ** part)
        n, steps = more, more_steps
    return steps


def fine_tuning_config(
    *,
    train: Path,
    dev: Path,
    n_messages: int,
    has_new_labels: bool = False,
    chat: Optional[Path] = None,
    catalogue: Optional[Path] = None,
    seed: int = 0,
) -> Any:
    """The recommended settings, for so many messages.

    train, dev (Path): .spacy files.
    n_messages (int): How many messages there are to learn from.
    has_new_labels (bool): Whether they have none of the box's labels: of others, all is yet
        to be learnt.
    chat (Optional[Path]): A .spacy file of messages without a query.
    catalogue (Optional[Path]): A file or folder of names.
    seed (int): Seeds the training.
    RETURNS (Config): For `fine_tune`.
    """
    steps = n_steps(n_messages)
    if has_new_labels:
        steps *= _TIMES_THE_STEPS
    config = load_config(
        CONFIG_PATH,
        overrides={
            "paths.train": str(train),
            "paths.dev": str(dev),
            "paths.chat": str(chat) if chat else None,
            "paths.catalogue": str(catalogue) if catalogue else None,
            "system.seed": seed,
            "training.max_steps": steps,
            "training.eval_frequency": max(steps // 4, 50),
            "training.optimizer.learn_rate.total_steps": steps,
            **(_FOR_NEW_LABELS if has_new_labels else {}),
        },
    )
    return config.interpolate()


def most_lost(n_messages: int) -> float:
    """How much F1 on the box's check so many messages may cost.

    n_messages (int): How many there are to learn from, at least 1.
    RETURNS (float): From 0 to 1.
    """
    (few, least), (many, most) = _MOST_LOST
    part = log10(n_messages / few) / log10(many / few)
    return least + (most - least) * min(max(part, 0.0), 1.0)


def fine_tune(
    config: Any,
    output: Path,
    dev: List[Example],
    check: List[Example],
    lost: float = _MOST_LOST[0][1],
) -> Trained:
    """Train by a config, as `spacy train` does, and take back of what was learnt as much as
    the box's check demands.

    config (Config): What `fine_tuning_config` returns.
    output (Path): A folder for what spaCy saves: model-best and model-last.
    dev (List[Example]): Messages of one's own that are not trained on; may be empty.
    check (List[Example]): The box's check.
    lost (float): How much F1 on the check may be lost: what `most_lost` returns.
    RETURNS (Trained): The pipeline that was trained.
    """
    output.mkdir(parents=True, exist_ok=True)
    nlp = init_nlp(config)
    before = dict(_component(nlp).parameters.arrays)
    base = score(nlp, check)
    spacy_train(nlp, output)
    nlp = spacy.load(output / "model-last")
    after = dict(_component(nlp).parameters.arrays)
    threshold = _component(nlp).cfg["listen_threshold"]
    if not threshold:
        # Other intents have been learnt: what LISTEN told is no more, whatever share of it is
        # kept, and false alarms that it prevented are not what the share is to be judged by.
        _set_mixture(nlp, before, after, 0.0)
        base = Scores(base.f, score(nlp, check).false_alarms)
    best: Tuple[float, float, float] = (-1.0, 0.0, threshold)
    n_queries = sum(len(example.reference.ents) for example in dev)
    for share in _SHARES:
        _set_mixture(nlp, before, after, share)
        if not _is_good_enough(nlp, check, base, threshold, lost):
            continue
        chosen = (share, _component(nlp).cfg["listen_threshold"])
        if n_queries < MIN_DEV_QUERIES:
            best = (1.0, *chosen)
            break
        best = max(best, (score(nlp, dev).f or 0.0, *chosen))
    _, share, threshold = best
    _set_mixture(nlp, before, after, share)
    _set_listen_threshold(nlp, threshold)
    return Trained(nlp, share)


def score(nlp: Language, examples: Iterable[Example]) -> Scores:
    """Score a pipeline.

    nlp (Language): The pipeline.
    examples (Iterable[Example]): What to score it on; what it predicts is set in them.
    RETURNS (Scores): The scores.
    """
    examples = list(examples)
    docs = nlp.pipe([example.reference.text for example in examples])
    scored = [Example(doc, example.reference) for doc, example in zip(docs, examples)]
    scores = music_query_score(scored)
    has_queries = any(example.reference.ents for example in examples)
    f = scores["ents_f"] if has_queries else None
    return Scores(f, scores["music_query_false_alarms"])


def _component(nlp: Language) -> MusicQuery:
    for _, component in nlp.pipeline:
        if isinstance(component, MusicQuery):
            return component
    raise ValueError(Errors.MQ051.format(path="", pipes=", ".join(nlp.pipe_names)))


def _set_mixture(
    nlp: Language,
    before: Mapping[str, FloatsXd],
    after: Mapping[str, FloatsXd],
    share: float,
) -> None:
    component = _component(nlp)
    arrays: Dict[str, FloatsXd] = {
        name: cast(FloatsXd, (1.0 - share) * before[name] + share * array)
        .astype("float16")
        .astype("float32")
        for name, array in after.items()
    }
    component.parameters = component.parameters.replace(arrays=arrays)


def _is_good_enough(
    nlp: Language, check: List[Example], base: Scores, threshold: float, lost: float
) -> bool:
    """Whether the check is not much worse, with the threshold of `LISTEN` or a somewhat higher
    one, the lowest of which is set. One that is 0 is switched off and stays so."""
    for more in _MORE_CERTAIN if threshold else (0.0,):
        _set_listen_threshold(nlp, threshold + more)
        now = score(nlp, check)
        more_alarms = (now.false_alarms or 0.0) - (base.false_alarms or 0.0)
        if (base.f or 0.0) - (now.f or 0.0) <= lost and more_alarms <= _MOST_ALARMS:
            return True
    return False


def _set_listen_threshold(nlp: Language, threshold: float) -> None:
    component = _component(nlp)
    component.cfg = {**component.cfg, "listen_threshold": round(threshold, 2)}
