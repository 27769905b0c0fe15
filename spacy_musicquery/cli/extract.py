import sys
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional

import typer
from spacy.util import minibatch
from tqdm import tqdm
from wasabi import msg

from ..data.text_lines import decode_line
from ..errors import Errors, excerpt
from ..reports.pages import make_messages_page
from ..saving.atomic import write_text
from ..serving.extractor import Extractor, as_line
from ._util import HTML_LANG_OPTION, MODEL_OPTION, plain_errors, refuse

# A character takes no more in UTF-8.
_MAX_CHAR_BYTES = 4
# More at once take more memory, and no less time.
_TEXTS_AT_ONCE = 1024
_OUTPUTS = (".parquet", ".jsonl", ".csv")


def extract(
    texts: Optional[List[str]] = typer.Argument(
        None,
        metavar="[TEXT]...",
        help="Messages; without any, the lines of standard input. With --out: files "
        "(.parquet .csv .tsv .jsonl .txt, the last four also as .gz and .zst), folders, globs",
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
    html_lang: str = HTML_LANG_OPTION,
    output: Optional[str] = typer.Option(
        None,
        "--out",
        "-o",
        help="Read files, and write their rows with what was found: .parquet, .jsonl or "
        ".csv. With --engine: a folder",
    ),
    column: str = typer.Option("text", help="Files: the column that holds the messages"),
    encoding: Optional[str] = typer.Option(
        None, help="Text files: their encoding, which is found out without it"
    ),
    bad: Optional[Path] = typer.Option(
        None, help="Files: where rows go that cannot be read, with the reason (.jsonl)"
    ),
    workers: int = typer.Option(1, help="Files: how many processes", min=1),
    engine: Optional[str] = typer.Option(
        None, help="Have a cluster do it: ray or spark. Files are Parquet"
    ),
    address: Optional[str] = typer.Option(
        None,
        help="The cluster's, such as auto (Ray) or spark://HOST:7077; else this machine",
    ),
) -> None:
    """Print the music queries of messages, one JSON object a line.

    {"text": ..., "music_query": [{"text", "start", "end", "label", "score"}]}

    Offsets are those the model found, whatever tokens the pipeline has. If the pipeline
    tells whether a message asks to hear music, "listen" says how likely that is. With an
    index, or a pipeline that has one, "links" in a query are the entries that it may mean.

    With --out, the messages of files get these as columns, and keep the others. Killed and
    started again, it goes on where it was.
    """
    with plain_errors():
        if output is None:
            for option, value in {"--bad": bad, "--engine": engine}.items():
                if value is not None:
                    refuse(
                        option, value, "it is for files; say where results go with --out"
                    )
            _require_messages(texts or [])
            extractor = Extractor.load(model, threshold, index_path)
            _print_queries(texts, extractor, html_path, html_lang)
            return
        if not texts:
            refuse("--out", output, "name the files to read as well")
        if engine is not None:
            if index_path is not None:
                refuse("--links", index_path, "save the index with the pipeline (--model)")
            from ..serving.engines import run_engine

            run_engine(engine, address, texts, output, model, threshold, column)
            msg.good(f"done: {output}")
            return
        from ._extract_files import extract_files

        suffix = Path(output).suffix.lower()
        if suffix not in _OUTPUTS:
            refuse("--out", output, f"expected a name that ends in {', '.join(_OUTPUTS)}")
        extract_files(
            texts,
            Path(output),
            model=model,
            threshold=threshold,
            links=index_path,
            column=column,
            encoding=encoding,
            bad=bad,
            n_workers=workers,
        )


def _require_messages(texts: List[str]) -> None:
    """Refuse the name of a file where a message is meant."""
    for text in texts:
        try:
            is_file = Path(text).is_file()
        except (OSError, ValueError):  # too long for a name, or with a NUL
            continue
        if is_file:
            raise ValueError(Errors.MQ283.format(text=excerpt(text)))


def _print_queries(
    texts: Optional[List[str]],
    extractor: Extractor,
    html_path: Optional[Path],
    html_lang: str,
) -> None:
    sys.stdout.reconfigure(encoding="utf8")  # type: ignore[union-attr]
    marked: List[Dict[str, Any]] = []
    too_long: List[int] = []
    # A bar on the terminal would run through results printed there.
    hidden = True if sys.stdout.isatty() else None
    with tqdm(unit=" messages", disable=hidden, leave=False) as progress:
        for batch in [texts] if texts else _stdin_batches(extractor.max_length, too_long):
            for item in _extract(extractor, batch):
                if html_path is None:
                    print(as_line(item))
                else:
                    marked.append(item)
                progress.update(1)
            sys.stdout.flush()
    if html_path is not None:
        write_text(html_path, make_messages_page(marked, lang=html_lang))
        msg.good(f"{len(marked):,} messages: {html_path}")
    if too_long:
        raise typer.Exit(1)


def _extract(extractor: Extractor, texts: List[str]) -> Iterator[Dict[str, Any]]:
    for some in minibatch(texts, _TEXTS_AT_ONCE):
        yield from extractor.extract(some)


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
