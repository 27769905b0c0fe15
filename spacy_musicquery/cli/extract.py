import json
import sys
from html import escape
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional

import typer
from spacy import displacy
from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm
from wasabi import msg

from ..data.text_lines import decode_line
from ..pipeline.load import load_pipeline
from ..pipeline.music_query import MusicQuery
from ..tokens.alignment import is_found_group
from ..tokens.intents import LISTEN
from ._util import MODEL_OPTION, plain_errors

# A character takes no more in UTF-8.
_MAX_CHAR_BYTES = 4


def extract(
    texts: Optional[List[str]] = typer.Argument(
        None,
        metavar="[TEXT]...",
        help="Messages; without any, the lines of standard input",
        show_default=False,
    ),
    model: Optional[str] = MODEL_OPTION,
    threshold: Optional[float] = typer.Option(
        None, help="Leave out queries with a lower score", min=0.0, max=1.0
    ),
    html_path: Optional[Path] = typer.Option(
        None, "--html", help="Write a page with the queries marked, instead of printing"
    ),
) -> None:
    """Print the music queries of messages, one JSON object a line.

    {"text": ..., "music_query": [{"text", "start", "end", "label", "score"}]}

    Offsets are those the model found, whatever tokens the pipeline has. If the pipeline
    tells whether a message asks to hear music, "listen" says how likely that is.
    """
    with plain_errors():
        nlp = load_pipeline(model)
        if threshold is not None:
            for component in _components(nlp):
                component.cfg["threshold"] = threshold
        sys.stdout.reconfigure(encoding="utf8")  # type: ignore[union-attr]
        marked: List[Dict[str, Any]] = []
        too_long: List[int] = []
        # A bar on the terminal would run through results printed there.
        hidden = True if sys.stdout.isatty() else None
        with tqdm(unit=" messages", disable=hidden, leave=False) as progress:
            lines = _stdin_batches(nlp.max_length, too_long)
            for batch in [texts] if texts else lines:
                for doc in nlp.pipe(batch):
                    if html_path is None:
                        print(json.dumps(describe(nlp, doc), ensure_ascii=False))
                    else:
                        marked.append(_as_displacy(nlp, doc))
                    progress.update(1)
                sys.stdout.flush()
        if html_path is not None:
            page = displacy.render(
                marked, style="ent", manual=True, page=True, jupyter=False
            )
            html_path.write_text(page, encoding="utf8")
            msg.good(f"{len(marked):,} messages: {html_path}")
        if too_long:
            raise typer.Exit(1)


def describe(nlp: Language, doc: Doc) -> Dict[str, Any]:
    """Describe a message and what was found in it.

    nlp (Language): The pipeline.
    doc (Doc): A message that went through it.
    RETURNS (Dict[str, Any]): Its text and queries, as the command prints them.
    """
    queries = []
    for key in dict.fromkeys(pipe.cfg["spans_key"] for pipe in _components(nlp)):
        if not is_found_group(doc.spans[key]):
            continue  # another component has put something else there
        for query in doc.spans[key].attrs["char_spans"]:
            text = doc.text[query["start"] : query["end"]]
            queries.append({"text": text, **query, "score": round(query["score"], 4)})
    listen = {}
    if any(LISTEN in pipe.intents for pipe in _components(nlp)) and LISTEN in doc.cats:
        listen = {"listen": round(doc.cats[LISTEN], 4)}
    return {"text": doc.text, "music_query": queries, **listen}


def _as_displacy(nlp: Language, doc: Doc) -> Dict[str, Any]:
    """What displaCy draws; its own way of asking a Doc takes no exact offsets."""
    ents: List[Dict[str, Any]] = []
    for query in sorted(describe(nlp, doc)["music_query"], key=lambda q: q["start"]):
        # Those of two components may overlap, which it cannot draw.
        if not ents or query["start"] >= ents[-1]["end"]:
            # displaCy escapes the text, but not the labels, which come with the model.
            ents.append({**query, "label": escape(query["label"])})
    return {"text": doc.text, "ents": ents}


def _components(nlp: Language) -> List[MusicQuery]:
    return [pipe for _, pipe in nlp.pipeline if isinstance(pipe, MusicQuery)]


def _stdin_batches(max_length: int, too_long: List[int]) -> Iterator[List[str]]:
    """The lines of standard input, as many at a time as have come in: results follow
    each line that is typed, and long files are still worked on in batches.

    max_length (int): The most characters of a message. A longer line is left out.
    too_long (List[int]): The rows that were left out are added to it.
    YIELDS (List[str]): Some messages.
    """
    row = 1
    unfinished = b""
    stream = sys.stdin.buffer
    while chunk := stream.read1(1 << 20):  # type: ignore[union-attr]
        *lines, unfinished = (unfinished + chunk).split(b"\n")
        yield list(_decoded(lines, row, max_length, too_long))
        row += len(lines)
        # Of a line that is too long, no more than it takes to tell.
        unfinished = unfinished[: _MAX_CHAR_BYTES * max_length + 1]
    if unfinished:
        yield list(_decoded([unfinished], row, max_length, too_long))


def _decoded(
    lines: Iterable[bytes], row: int, max_length: int, too_long: List[int]
) -> Iterator[str]:
    for i, line in enumerate(lines, start=row):
        text, problem = decode_line(line, is_first=i == 1)
        # The others are waiting: what can be read is.
        if len(text) > max_length:
            too_long.append(i)
            told = f"longer than a message may be, {max_length:,} characters; left out"
            typer.echo(f"standard input:{i}: the line is {told}", err=True)
            continue
        if problem is not None:
            told = f"{problem}; read with \ufffd instead"
            typer.echo(f"standard input:{i}: {told}", err=True)
        yield text
