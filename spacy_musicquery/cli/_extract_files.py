"""`extract --out`: files, with a bar and an account of what was done."""

import time
from pathlib import Path
from typing import List, Optional

import typer
from tqdm import tqdm

from ..errors import Errors
from ._util import refuse


def extract_files(
    names: List[str],
    output: Path,
    *,
    model: Optional[str],
    threshold: Optional[float],
    links: Optional[Path],
    column: str,
    encoding: Optional[str],
    bad: Optional[Path],
    n_workers: int,
) -> None:
    """Find the queries of all messages in files, and write them to a file.

    names (List[str]): Files, folders and globs.
    output (Path): The file to write.
    model, threshold, links, column, encoding, bad: See `serving.jobs.Settings`.
    n_workers (int): How many processes.
    RAISES (ValueError): If there are no such files, or they cannot be read.
    """
    try:
        from ..serving import jobs
        from ..serving.encodings import known_encoding
        from ..serving.extractor import Extractor
        from ..serving.parts import Counts, Settings
        from ..serving.sources import find_sources
    except ImportError as error:
        message = Errors.MQ284.format(
            what="reading files", module="pyarrow", error=error, extra="bulk"
        )
        raise ImportError(message) from error

    if encoding is not None:
        encoding = known_encoding(encoding)
    sources = find_sources(names)
    for option, path in {"--out": output, "--bad": bad}.items():
        if path is not None and path.resolve() in [s.path.resolve() for s in sources]:
            refuse(option, path, "it is one of the files to read")
    output.parent.mkdir(parents=True, exist_ok=True)
    settings = Settings(model, threshold, links, column, encoding, output, bad)
    extractor = Extractor.load(model, threshold, links)
    total = sum(source.path.stat().st_size for source in sources)
    began = time.monotonic()
    n_before: Optional[int] = None
    with tqdm(total=total, unit="B", unit_scale=True, disable=None, leave=False) as bar:

        def show(n_bytes: int, counts: Counts) -> None:
            nonlocal n_before
            if n_before is None:  # what was done before takes no time now
                bar.initial = bar.n = n_bytes
                n_before = counts.messages
            rate = (counts.messages - n_before) / (time.monotonic() - began)
            done = f"{counts.messages:,} messages, {rate:,.0f}/s, {counts.bad:,} bad rows"
            bar.set_postfix_str(done, refresh=False)
            bar.update(max(0, n_bytes - bar.n))

        try:
            report = jobs.run(
                sources,
                settings,
                extractor,
                n_workers=n_workers,
                say=lambda text: typer.echo(f"{output}: {text}", err=True),
                progress=show,
            )
        except KeyboardInterrupt:
            bar.close()
            typer.echo("stopped; the same command goes on where it was", err=True)
            raise
    # In one line, which `msg.good` would fold.
    typer.echo(f"✔ {jobs.in_words(report, output)}")
    if report.first_bad is not None and bad is None:
        typer.echo("--bad FILE keeps the bad rows, with what is wrong with each", err=True)
