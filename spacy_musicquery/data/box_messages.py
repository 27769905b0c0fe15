"""Messages that come with the package, for whoever trains the model in the box further: what
to rehearse, and what to check it by. `spacy_musicquery/recipe/` holds them."""

from pathlib import Path
from typing import Callable, Iterable, Iterator, List, Set

from spacy.language import Language
from spacy.training import Example

from ..tokens.gold import CHECK
from .docs import record_to_doc
from .raw_text import read_lines
from .records import DEFAULT_LABEL, Record, read_records

RECIPE_PATH = Path(__file__).parents[1] / "recipe"
# What the box was not trained on: messages written for this project.
CHECK_PATH = RECIPE_PATH / "check.jsonl"
REHEARSAL_PATH = RECIPE_PATH / "rehearsal.txt"
CONFIG_PATH = RECIPE_PATH / "finetune.cfg"


def rehearsal_texts() -> List[str]:
    """Read messages of the kinds that the box has learnt from: requests, talk about music,
    requests for other things, chat. `project.yml` says how they were generated.

    RETURNS (List[str]): The texts, none of which is in the check.
    """
    check = {record.text for record in check_records()}
    return [text for text in read_lines(REHEARSAL_PATH) if text not in check]


def check_records() -> List[Record]:
    """Read annotated messages by which to tell whether the box has forgotten something.

    RETURNS (List[Record]): With queries and without.
    """
    return read_records(CHECK_PATH)[0]


def check_examples(nlp: Language, labels: Iterable[str]) -> List[Example]:
    """The same as examples, marked as such.

    nlp (Language): The pipeline.
    labels (Iterable[str]): What is to be found in messages of one's own. If the box's label
        is not among them, only messages without a query are left.
    RETURNS (List[Example]): Nothing is predicted yet.
    """
    records = check_records()
    if DEFAULT_LABEL not in set(labels):
        records = [record for record in records if not record.spans]
    examples = [Example(nlp.make_doc(r.text), record_to_doc(nlp, r)) for r in records]
    for example in examples:
        example.reference.user_data[CHECK] = True
    return examples


def make_checked_corpus(
    own: Callable[[Language], Iterable[Example]],
) -> Callable[[Language], Iterator[Example]]:
    """Choose the best model by messages of one's own and by those that come with the
    package, so that a few of the first do not decide alone: for [corpora.dev]. The score
    `music_query_balanced` weighs both.

    own (Callable): A reader of messages of one's own.
    RETURNS (Callable): Yields examples, given the pipeline.
    """

    def read(nlp: Language) -> Iterator[Example]:
        labels: Set[str] = set()
        for example in own(nlp):
            labels.update(ent.label_ for ent in example.reference.ents)
            yield example
        yield from check_examples(nlp, labels)

    return read
