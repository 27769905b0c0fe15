import json
import sys
from typing import Any, Dict, Iterable, Iterator, List, Optional, cast

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
        messages: Iterable[str] = texts if texts else _stdin_lines()
        # A bar on the terminal would run through results printed there.
        hidden = True if sys.stdout.isatty() else None
        progress = tqdm(messages, unit=" messages", disable=hidden, leave=False)
        for doc in nlp.pipe(progress):
            result = json.dumps(describe(nlp, doc), ensure_ascii=False)
            print(result, flush=not texts)


def describe(nlp: Language, doc: Doc) -> Dict[str, Any]:
    """nlp (Language): The pipeline.
    doc (Doc): A message that went through it.
    RETURNS (Dict[str, Any]): Its text and queries, as the command prints them.
    """
    queries = []
    for name in nlp.pipe_names:
        if nlp.get_pipe_meta(name).factory == "music_query":
            pipe = cast(MusicQuery, nlp.get_pipe(name))
            group = doc.spans[pipe.cfg["spans_key"]]
            queries += [
                {
                    "text": span.text,
                    "start": span.start_char,
                    "end": span.end_char,
                    "label": span.label_,
                    "score": score,
                }
                for span, score in zip(group, group.attrs.get("scores", []))
            ]
    return {"text": doc.text, "music_query": queries}


def _stdin_lines() -> Iterator[str]:
    for line in sys.stdin:
        yield line.rstrip("\r\n")
