"""Records to spaCy Docs and back, and files of Docs."""

from pathlib import Path
from typing import Iterable, List, Sequence, Tuple

from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from ..errors import Errors
from ..saving.atomic import complete_file
from ..tokens.intents import best_intent, one_hot
from ..tokens.retokenization import split_tokens
from .records import Record


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


def doc_to_record(row: int, doc: Doc) -> Record:
    """Make a record of an annotated Doc.

    row (int): The place of the doc in its file.
    doc (Doc): An annotated doc.
    RETURNS (Record): Its text and entities.
    """
    spans: List[Tuple[int, int, str]] = [
        (ent.start_char, ent.end_char, ent.label_) for ent in doc.ents
    ]
    return Record(row, doc.text, tuple(spans), best_intent(doc))


def save_docs(docs: Iterable[Doc], path: Path) -> None:
    """Write docs to a .spacy file, which appears only when it is complete.

    docs (Iterable[Doc]): The docs.
    path (Path): The file; its folder is made if need be.
    """
    with complete_file(path) as unfinished:
        DocBin(docs=docs).to_disk(unfinished)


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
