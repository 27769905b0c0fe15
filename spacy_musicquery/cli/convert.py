from pathlib import Path
from typing import List, Optional, cast

import spacy
import typer
from spacy.lang.zh import ChineseTokenizer
from spacy.language import Language
from tqdm import tqdm
from wasabi import msg

from ..corpus import record_to_doc, save_docs
from ..records import DEFAULT_LABEL, DEFAULT_SPANS_KEY, Record, read_records, split_records
from ._util import plain_errors, report_problems


def convert(
    input_path: Path = typer.Argument(
        ...,
        metavar="IN",
        help="Annotated messages: .json, .jsonl, or a two-column file (character, tag)",
    ),
    output_path: Path = typer.Argument(
        ...,
        metavar="OUT",
        help="The .spacy file to write; with --dev-share, the one for training",
    ),
    lang: str = typer.Option("zh", "--lang", "-l", help="Language of the tokenizer"),
    segmenter: str = typer.Option(
        "char", "--tokenizer", "-t", help="Chinese word segmenter: char, jieba or pkuseg"
    ),
    label: str = typer.Option(
        DEFAULT_LABEL, "--label", help="Label of music_query strings"
    ),
    spans_key: str = typer.Option(
        DEFAULT_SPANS_KEY,
        "--spans-key",
        help="Key of a record's offsets, such as spans or slots",
    ),
    dev_share: Optional[float] = typer.Option(
        None,
        "--dev-share",
        help="Share of the messages to set apart, 0 to 1",
        min=0.0,
        max=1.0,
    ),
    dev_path: Optional[Path] = typer.Option(
        None, "--dev", help="Where to write these  [default: dev.spacy beside OUT]"
    ),
    seed: int = typer.Option(42, "--seed", help="Seed of that choice"),
    skip_invalid: bool = typer.Option(
        False, "--skip-invalid", help="Leave out rows with problems instead of stopping"
    ),
) -> None:
    """Convert annotated messages to spaCy's binary format.

    All problems in the data are reported, with file and row, and nothing is
    written unless --skip-invalid is given.
    """
    with plain_errors():
        records, problems = read_records(input_path, label=label, spans_key=spans_key)
        report_problems(problems, skip=skip_invalid)
        nlp = _blank(lang, segmenter)
        parts = {output_path: records}
        if dev_share is not None:
            train, dev = split_records(records, dev_share, seed)
            parts = {output_path: train, dev_path or _beside(output_path): dev}
        for path, part in parts.items():
            _save(nlp, part, path)


def _blank(lang: str, segmenter: str) -> Language:
    if lang != "zh":
        return spacy.blank(lang)
    nlp = spacy.blank(lang, config={"nlp": {"tokenizer": {"segmenter": segmenter}}})
    cast(ChineseTokenizer, nlp.tokenizer).initialize()
    return nlp


def _beside(path: Path) -> Path:
    dev_path = path.with_name("dev.spacy")
    return dev_path if dev_path != path else path.with_name("dev-share.spacy")


def _save(nlp: Language, records: List[Record], path: Path) -> None:
    progress = tqdm(records, desc=path.name, unit=" messages", disable=None, leave=False)
    save_docs((record_to_doc(nlp, record) for record in progress), path)
    n_queries = sum(len(record.spans) for record in records)
    msg.good(f"{len(records)} messages with {n_queries} entities: {path}")
