"""Readers that keep what a pipeline has learnt while it learns more: old messages between
the new ones, and messages that are generated."""

import random
from itertools import cycle, islice
from pathlib import Path
from typing import Callable, Dict, Iterable, Iterator, Union

from spacy.language import Language
from spacy.training import Example

from ..errors import Errors, require_number
from ..tokens.gold import REPLAYED
from .catalogue_files import read_catalogue
from .docs import record_to_doc
from .generator import generate
from .generator_settings import checked_settings
from .grammar import Grammar

Reader = Callable[[Language], Iterable[Example]]


def make_replay_corpus(
    new: Reader, old: Reader, share: float = 0.5, seed: int = 0
) -> Callable[[Language], Iterator[Example]]:
    """Train on new messages with old ones between them, so that what was learnt from
    those is not lost. The fewer of both come again and again until the share is right,
    so there may be few new messages. A pretrained component does not grow by the
    characters and labels of the old ones.

    new (Callable): A reader of the new messages.
    old (Callable): A reader of the old ones.
    share (float): Share of the old messages among all, above 0 and below 1.
    seed (int): Seeds the order.
    RETURNS (Callable): Yields examples in a random order, given the pipeline.
    RAISES (ValueError): If the share is not allowed; when read, if a reader gives nothing.
    """
    require_number("ReplayCorpus", "share", share, above=0, below=1)

    def read(nlp: Language) -> Iterator[Example]:
        new_examples, old_examples = list(new(nlp)), list(old(nlp))
        for name, examples in (("new", new_examples), ("old", old_examples)):
            if not examples:
                raise ValueError(Errors.MQ059.format(name=name))
        for example in old_examples:
            example.reference.user_data[REPLAYED] = True
        size = max(len(old_examples) / share, len(new_examples) / (1.0 - share))
        mixed = [
            *islice(cycle(old_examples), round(size * share)),
            *islice(cycle(new_examples), round(size * (1.0 - share))),
        ]
        random.Random(seed).shuffle(mixed)
        yield from mixed

    return read


def make_generated_corpus(
    phrases: Union[str, Path],
    catalogue: Union[str, Path],
    settings: Dict[str, Union[int, float]],
) -> Callable[[Language], Iterator[Example]]:
    """Train on generated messages, such as those that the model in the box has learnt
    from; see `generator`.

    phrases (Union[str, Path]): A folder of phrases.
    catalogue (Union[str, Path]): A file of names, or a folder of them.
    settings (Dict[str, Union[int, float]]): How many messages and how much of what, the
        fields of `generator_settings.GeneratorSettings`.
    RETURNS (Callable): Yields examples, given the pipeline.
    RAISES (ValueError): If a setting is not allowed; when read, if a file is wrong.
    """
    checked = checked_settings(settings)

    def read(nlp: Language) -> Iterator[Example]:
        grammar = Grammar(Path(phrases), read_catalogue([Path(catalogue)]))
        for record in generate(grammar, checked):
            yield Example(nlp.make_doc(record.text), record_to_doc(nlp, record))

    return read
