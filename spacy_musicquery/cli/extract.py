import json
import sys
from html import escape
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence

import typer
from spacy import displacy
from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm
from wasabi import msg

from ..data.text_lines import decode_line
from ..errors import Errors
from ..linking.index import LinkIndex
from ..pipeline.load import load_pipeline
from ..pipeline.music_query import MusicQuery
from ..pipeline.music_query_linker import MusicQueryLinker
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
    index_path: Optional[Path] = typer.Option(
        None, "--links", help="Index to link the queries to, from link-index"
    ),
    html_path: Optional[Path] = typer.Option(
        None, "--html", help="Write a page with the queries marked, instead of printing"
    ),
) -> None:
    """Print the music queries of messages, one JSON object a line.

    {"text": ..., "music_query": [{"text", "start", "end", "label", "score"}]}

    Offsets are those the model found, whatever tokens the pipeline has. If the pipeline
    tells whether a message asks to hear music, "listen" says how likely that is. With an
    index, or a pipeline that has one, "links" in a query are the entries that it may mean.
    """
    with plain_errors():
        nlp = load_pipeline(model)
        if threshold is not None:
            for component in _components(nlp):
                component.cfg["threshold"] = threshold
        if index_path is not None:
            _set_index(nlp, index_path)
        sys.stdout.reconfigure(encoding="utf8")  # type: ignore[union-attr]
        marked: List[Dict[str, Any]] = []
        # A bar on the terminal would run through results printed there.
        hidden = True if sys.stdout.isatty() else None
        with tqdm(unit=" messages", disable=hidden, leave=False) as progress:
            for batch in [texts] if texts else _stdin_batches(nlp.max_length):
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


def describe(nlp: Language, doc: Doc) -> Dict[str, Any]:
    """Describe a message and what was found in it.

    nlp (Language): The pipeline.
    doc (Doc): A message that went through it.
    RETURNS (Dict[str, Any]): Its text and queries, as the command prints them.
    """
    queries = []
    linkers = _linkers(nlp)
    for key in dict.fromkeys(pipe.cfg["spans_key"] for pipe in _components(nlp)):
        for query in doc.spans[key].attrs["char_spans"]:
            text = doc.text[query["start"] : query["end"]]
            links = {"links": _links(linkers, text)} if linkers else {}
            queries.append(
                {"text": text, **query, "score": round(query["score"], 4), **links}
            )
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


def _linkers(nlp: Language) -> List[MusicQueryLinker]:
    return [pipe for _, pipe in nlp.pipeline if isinstance(pipe, MusicQueryLinker)]


def _set_index(nlp: Language, path: Path) -> None:
    """Link to an index, with the pipeline's own linkers or with a new one."""
    index = LinkIndex.from_disk(path)
    if not _linkers(nlp):
        nlp.add_pipe("music_query_linker")
    for linker in _linkers(nlp):
        linker.set_index(index)


def _links(linkers: Sequence[MusicQueryLinker], text: str) -> List[Dict[str, Any]]:
    """What the words of a query may mean."""
    found = [link for linker in linkers for link in linker.link([text])[0]]
    return [{**link, "score": round(link["score"], 4)} for link in found]


def _stdin_batches(max_length: int) -> Iterator[List[str]]:
    """The lines of standard input, as many at a time as have come in: results follow
    each line that is typed, and long files are still worked on in batches."""
    row = 1
    unfinished = b""
    stream = sys.stdin.buffer
    while chunk := stream.read1(1 << 20):  # type: ignore[union-attr]
        *lines, unfinished = (unfinished + chunk).split(b"\n")
        yield [_decode(line, i, max_length) for i, line in enumerate(lines, start=row)]
        row += len(lines)
        if len(unfinished) > _MAX_CHAR_BYTES * max_length:
            raise _too_long(row, max_length)
    if unfinished:
        yield [_decode(unfinished, row, max_length)]


def _decode(line: bytes, row: int, max_length: int) -> str:
    text, problem = decode_line(line, is_first=row == 1)
    if problem is not None:
        # The others are waiting: this one is read as well as it can be.
        typer.echo(f"standard input:{row}: {problem}; read with \ufffd instead", err=True)
    if len(text) > max_length:
        raise _too_long(row, max_length)
    return text


def _too_long(row: int, max_length: int) -> ValueError:
    problem = f"the line is longer than a message may be, {max_length:,} characters"
    return ValueError(Errors.MQ048.format(path="standard input", row=row, problem=problem))
