"""Annotated messages from any file that has them: records or Docs."""

from pathlib import Path
from typing import List, Tuple

from spacy.language import Language
from spacy.training import Example
from spacy.vocab import Vocab

from .docs import doc_to_record, read_docs, record_to_doc
from .records import Problem, Record, describe_problems, list_intents, read_records


def read_any_records(
    path: Path, *, label: str, spans_key: str, need_spans: bool = True
) -> Tuple[List[Record], List[Problem]]:
    """Read records from a file of annotated messages or from a .spacy file."""
    if path.suffix != ".spacy":
        return read_records(path, label=label, spans_key=spans_key, need_spans=need_spans)
    docs = read_docs(path, Vocab())
    return [doc_to_record(row, doc) for row, doc in enumerate(docs, start=1)], []


def read_examples(
    nlp: Language, path: Path, *, label: str, spans_key: str
) -> List[Example]:
    """Read annotated messages to score a pipeline with.

    nlp (Language): The pipeline; nothing is predicted yet.
    path (Path): A file of annotated messages or a .spacy file.
    label (str): The label of `music_query` strings.
    spans_key (str): The key of a record's offsets.
    RETURNS (List[Example]): The examples.
    RAISES (ValueError): If anything in the file is wrong.
    """
    if path.suffix == ".spacy":
        references = read_docs(path, nlp.vocab)
    else:
        records, problems = read_records(path, label=label, spans_key=spans_key)
        stop_at_problems(problems, remedy="Correct the rows.")
        intents = list_intents(records)
        references = [record_to_doc(nlp, record, intents) for record in records]
    return [Example(nlp.make_doc(doc.text), doc) for doc in references]


def stop_at_problems(problems: List[Problem], *, remedy: str) -> None:
    """List problems in the data, one a line, and stop if there are any."""
    if problems:
        raise ValueError(describe_problems(problems, remedy))
