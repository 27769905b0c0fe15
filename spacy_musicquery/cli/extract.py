import json
import sys
from typing import Any, Dict, Iterator, List, Optional, cast

import typer
from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm

from ..component import MusicQuery
from ._util import load_pipeline, plain_errors

DEFAULT_MODEL = "training/default/model-best"


def extract(
    texts: Optional[List[str]] = typer.Argument(
        None,
        metavar="[TEXT]...",
        help="Messages; without any, the lines of standard input",
        show_default=False,
    ),
    model: str = typer.Option(
        DEFAULT_MODEL, "--model", "-m", help="Pipeline: a directory or a package name"
    ),
) -> None:
    """Print the music queries of messages, one JSON object a line.

    {"text": ..., "music_query": [{"text", "start", "end", "label", "score"}]}
    """
    with plain_errors():
        nlp = load_pipeline(model)
        sys.stdout.reconfigure(encoding="utf8")  # type: ignore[union-attr]
        # A bar on the terminal would run through results printed there.
        hidden = True if sys.stdout.isatty() else None
        with tqdm(unit=" messages", disable=hidden, leave=False) as progress:
            for batch in [texts] if texts else _stdin_batches():
                for doc in nlp.pipe(batch):
                    print(json.dumps(describe(nlp, doc), ensure_ascii=False))
                    progress.update(1)
                sys.stdout.flush()


def describe(nlp: Language, doc: Doc) -> Dict[str, Any]:
    """nlp (Language): The pipeline.
    doc (Doc): A message that went through it.
    RETURNS (Dict[str, Any]): Its text and queries, as the command prints them.
    """
    queries = []
    pipes = [cast(MusicQuery, nlp.get_pipe(name)) for name in nlp.pipe_names]
    for key in dict.fromkeys(
        p.cfg["spans_key"] for p in pipes if isinstance(p, MusicQuery)
    ):
        group = doc.spans[key]
        queries += [
            {
                "text": span.text,
                "start": span.start_char,
                "end": span.end_char,
                "label": span.label_,
                "score": round(score, 4),
            }
            for span, score in zip(group, group.attrs["scores"])
        ]
    return {"text": doc.text, "music_query": queries}


def _stdin_batches() -> Iterator[List[str]]:
    """The lines of standard input, as many at a time as have come in: results follow
    each line that is typed, and long files are still worked on in batches."""
    unfinished = b""
    stream = sys.stdin.buffer
    while chunk := stream.read1(1 << 20):  # type: ignore[union-attr]
        *lines, unfinished = (unfinished + chunk).split(b"\n")
        yield [_decode(line) for line in lines]
    if unfinished:
        yield [_decode(unfinished)]


def _decode(line: bytes) -> str:
    return line.rstrip(b"\r").decode("utf8", errors="replace")
