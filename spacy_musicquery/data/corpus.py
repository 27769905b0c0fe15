"""Records to spaCy Docs, and a reader that trains from record files directly."""

from pathlib import Path
from typing import Callable, Iterable, Iterator, List, Optional, Sequence, Tuple, Union

from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.vocab import Vocab

from ..errors import Errors
from ..tokens.intents import best_intent, list_intents, one_hot
from ..tokens.retokenization import split_tokens
from .raw_text import read_negatives
from .records import (
    DEFAULT_LABEL,
    DEFAULT_SPANS_KEY,
    Record,
    describe_problems,
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
        for record in read_negatives(Path(path)):
            yield Example(nlp.make_doc(record.text), nlp.make_doc(record.text))

    return read


def make_joined_corpus(
    *corpora: Callable[[Language], Iterable[Example]],
) -> Callable[[Language], Iterator[Example]]:
    """Train on several corpora, for instance on requests and on ordinary chat. In a
    config, each stands in a block of its own: [corpora.train.*.requests].

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


def record_to_doc(nlp: Language, record: Record, intents: Sequence[str] = ()) -> Doc:
    """Make an annotated Doc.

    nlp (Language): Its tokenizer makes the tokens; one in which a query begins or
        ends is split there, so that no query is lost or widened.
    record (Record): The record.
    intents (Sequence[str]): All intents there are, if the record has one of them.
    RETURNS (Doc): The Doc, its text that of the record, with `doc.ents` set, and
        `doc.cats` if it has an intent.
    """
    edges = {edge for start, end, _ in record.spans for edge in (start, end)}
    doc = nlp.make_doc(record.text)
    split_tokens(doc, edges)
    spans = (doc.char_span(start, end, label=label) for start, end, label in record.spans)
    doc.ents = [span for span in spans if span is not None]
    if record.intent is not None:
        doc.cats = one_hot(record.intent, intents)
    return doc


def save_docs(docs: Iterable[Doc], path: Path) -> None:
    """Write docs to a .spacy file, which appears only when it is complete.

    docs (Iterable[Doc]): The docs.
    path (Path): The file; its folder is made if need be.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    DocBin(docs=docs).to_disk(unfinished)
    unfinished.replace(path)


def read_docs(path: Path, vocab: Vocab) -> List[Doc]:
    """Read a .spacy file.

    path (Path): The file.
    vocab (Vocab): The vocabulary for the docs.
    RETURNS (List[Doc]): The docs.
    RAISES (ValueError): If it is not a DocBin.
    """
    if not path.is_file():
        raise ValueError(Errors.MQ041.format(path=path))
    try:
        return list(DocBin().from_disk(path).get_docs(vocab))
    except Exception as error:  # zlib, msgpack and numpy each have their own
        raise ValueError(Errors.MQ047.format(path=path, error=repr(error))) from error


def doc_to_record(row: int, doc: Doc) -> Record:
    """row (int): The place of the doc in its file.
    doc (Doc): An annotated doc.
    RETURNS (Record): Its text and entities.
    """
    spans: List[Tuple[int, int, str]] = [
        (ent.start_char, ent.end_char, ent.label_) for ent in doc.ents
    ]
    return Record(row, doc.text, tuple(spans), best_intent(doc))
