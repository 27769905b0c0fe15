"""Records to spaCy Docs, and a reader that trains from record files directly."""

from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, Mapping, Optional, Union

from spacy.language import Language
from spacy.training import Example

from ..errors import Errors
from .docs import read_docs, record_to_doc
from .raw_text import read_negatives
from .records import (
    DEFAULT_LABEL,
    DEFAULT_SPANS_KEY,
    describe_problems,
    list_intents,
    read_records,
)


def make_record_corpus(
    path: Union[str, Path],
    label: str = DEFAULT_LABEL,
    spans_key: str = DEFAULT_SPANS_KEY,
) -> Callable[[Language], Iterator[Example]]:
    """Train from a file of records, without converting it first. For
    [corpora.train] and [corpora.dev].

    path (Union[str, Path]): The file, see `records.read_records`.
    label (str): The label of `music_query` strings.
    spans_key (str): The key of exact offsets.
    RETURNS (Callable): Yields examples, given the pipeline.
    RAISES (ValueError): When read, if anything in the file is wrong.
    """

    def read(nlp: Language) -> Iterator[Example]:
        records, problems = read_records(Path(path), label=label, spans_key=spans_key)
        if problems:
            raise ValueError(describe_problems(problems, "Correct the rows."))
        intents = list_intents(records)
        for record in records:
            doc = record_to_doc(nlp, record, intents)
            yield Example(nlp.make_doc(record.text), doc)

    return read


def make_negatives(
    path: Optional[Union[str, Path]],
) -> Callable[[Language], Iterator[Example]]:
    """Train silence on ordinary messages, none of which holds a query.

    path (Optional[Union[str, Path]]): A text file, a message a line, or a folder of .txt
        files; a .spacy file of such messages; None for no messages.
    RETURNS (Callable): Yields examples, given the pipeline.
    RAISES (ValueError): When read, if there is no message.
    """

    def read(nlp: Language) -> Iterator[Example]:
        if path is None:
            return
        if Path(path).suffix == ".spacy":
            for doc in read_docs(Path(path), nlp.vocab):
                yield Example(nlp.make_doc(doc.text), doc)
            return
        for record in read_negatives(Path(path)):
            yield Example(nlp.make_doc(record.text), record_to_doc(nlp, record))

    return read


def make_raw_text(path: Union[str, Path]) -> Callable[[Language], Iterator[Example]]:
    """Messages of which nothing is known but their text: to rehearse, to consolidate, or to
    learn what a teacher makes of them.

    path (Union[str, Path]): A text file, a message a line, or a folder of .txt files.
    RETURNS (Callable): Yields examples without annotation, given the pipeline.
    RAISES (ValueError): When read, if there is no message.
    """

    def read(nlp: Language) -> Iterator[Example]:
        texts = (record.text for record in read_negatives(Path(path)))
        yield from make_text_corpus(texts)(nlp)

    return read


def make_text_corpus(texts: Iterable[str]) -> Callable[[Language], Iterator[Example]]:
    """Make a reader of texts that are there already, see `make_raw_text`.

    texts (Iterable[str]): The texts.
    RETURNS (Callable): Yields examples without annotation, given the pipeline.
    """

    def read(nlp: Language) -> Iterator[Example]:
        for text in texts:
            yield Example(nlp.make_doc(text), nlp.make_doc(text))

    return read


def make_joined_corpus(
    *corpora: Callable[[Language], Iterable[Example]],
) -> Callable[[Language], Iterator[Example]]:
    """Train on several corpora, for instance on requests and on ordinary chat. Configs name
    them: see `make_joined_corpus_v2`. Those of version 0.1.0 say [corpora.train.*.requests],
    where spaCy's config system takes no readers if it is older than 1.0 (the package confection).

    corpora (Callable): What other readers made.
    RETURNS (Callable): Yields the examples of one after the other.
    RAISES (ValueError): If there is none.
    """
    if not corpora:
        raise ValueError(Errors.MQ056)

    def read(nlp: Language) -> Iterator[Example]:
        for corpus in corpora:
            yield from corpus(nlp)

    return read


def make_joined_corpus_v2(
    parts: Mapping[str, Any],
) -> Callable[[Language], Iterator[Example]]:
    """Train on several corpora. In a config, each stands in a block of its own:
    [corpora.train.parts] and [corpora.train.parts.requests].

    parts (Mapping[str, Any]): What other readers made, by any name. (Before a config is
        resolved, spaCy checks it with promises in their place.)
    RETURNS (Callable): Yields the examples of one after the other.
    RAISES (ValueError): If there is none.
    """
    return make_joined_corpus(*parts.values())
