"""Files in, a file out: in parts that outlive a kill, by one process or several.

The parts of a job lie in a hidden folder beside its output. A part is done when its notes are
there, which are written last. The output appears at once, when all parts are done.
"""

import json
import shutil
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from ..errors import excerpt
from .extractor import Extractor
from .parts import Counts, Parts, Settings, Worker
from .processes import work_in_processes
from .readers import BadRow, Chunk, Position, Table, read_chunks
from .sources import Source
from .writers import WRITERS, Writer, sync


class Report(NamedTuple):
    """What a job has done.

    counts (Counts): Of all messages.
    problems (Dict[str, int]): How many rows have each kind of problem.
    first_bad (Optional[BadRow]): The first of them.
    encodings (Dict[str, int]): How many text files have each encoding.
    empty (int): How many files are empty.
    """

    counts: Counts
    problems: Dict[str, int]
    first_bad: Optional[BadRow]
    encodings: Dict[str, int]
    empty: int


# Called with how many bytes of the input are done, and what came of how many messages: when
# a job begins or goes on, and after each part.
Progress = Callable[[int, Counts], None]


def run(
    sources: Sequence[Source],
    settings: Settings,
    extractor: Extractor,
    *,
    n_workers: int = 1,
    say: Callable[[str], None] = lambda text: None,
    progress: Progress = lambda n_bytes, counts: None,
) -> Report:
    """Find the queries of all messages in files, and write them to a file. Killed at any
    moment and called again with the same, it goes on where it was.

    sources (Sequence[Source]): The files.
    settings (Settings): What to do.
    extractor (Extractor): What finds queries, made of the pipeline in the settings.
    n_workers (int): How many processes do so. One is this one.
    say (Callable[[str], None]): Called with what the user should know.
    progress (Progress): Called at the beginning, and as parts are done.
    RETURNS (Report): What was done.
    RAISES (ValueError): If a file has no such column or cannot be read, another process
        writes the same output, or workers die again and again.
    """
    tables = [
        Table(source, settings.column, settings.encoding, extractor.max_length)
        for source in sources
    ]
    parts, writer = Parts(settings.output), WRITERS[settings.output.suffix.lower()]
    with parts.opened(_description(sources, settings, extractor)) as was_other:
        if was_other:
            say("what was begun there had other input or settings: starting over")
        done = parts.done()
        counts = Counts()
        for number in done:
            counts = counts.plus(Counts(*parts.notes(number)["counts"]))
        if done:
            say(f"going on: {counts.messages:,} messages are done already")
        sizes = [0, *_running_sums(table.size for table in tables)]
        start = _start(parts, done)
        progress(sizes[start.position.source] + start.position.offset, counts)
        chunks = _to_do(tables, start, done)
        if n_workers == 1:
            steps = _work_here(chunks, Worker(extractor, settings))
        else:
            steps = work_in_processes(chunks, settings, n_workers)
        for n_bytes, of_chunk in _with_bytes(steps, tables, sizes):
            counts = counts.plus(of_chunk)
            progress(n_bytes, counts)
        return _finish(parts, writer, settings, tables, counts)


def _description(
    sources: Sequence[Source], settings: Settings, extractor: Extractor
) -> Dict[str, Any]:
    """What tells a job from others: the same input, pipeline and settings give the same
    parts."""
    digest = sha256()
    for component in [*extractor.finders, extractor.linker]:
        if component is not None:
            digest.update(component.to_bytes(exclude=["vocab"]))
    states = [source.path.stat() for source in sources]
    return {
        "files": [
            [str(source.path.resolve()), state.st_size, state.st_mtime_ns]
            for source, state in zip(sources, states)
        ],
        "column": settings.column,
        "encoding": settings.encoding,
        "threshold": settings.threshold,
        "pipeline": digest.hexdigest(),
        "parts": 1,  # how files are divided
    }


class _Start(NamedTuple):
    """The number of the first part that is not done, and where it begins."""

    number: int
    position: Position


def _start(parts: Parts, done: List[int]) -> _Start:
    number = next((i for i, of_part in enumerate(done) if i != of_part), len(done))
    if number == 0:
        return _Start(0, Position())
    return _Start(number, Position(*parts.notes(number - 1)["after"]))


def _to_do(tables: Sequence[Table], start: _Start, done: List[int]) -> Iterator[Chunk]:
    # Workers may have done some behind the first one that is not.
    later = set(done[start.number :])
    for chunk in read_chunks(tables, start.position, start.number):
        if chunk.number not in later:
            yield chunk


def _work_here(
    chunks: Iterator[Chunk], worker: Worker
) -> Iterator[Tuple[Position, Counts]]:
    for chunk in chunks:
        yield chunk.after, worker.work(chunk)


def _running_sums(sizes: Iterator[int]) -> Iterator[int]:
    total = 0
    for size in sizes:
        total += size
        yield total


def _with_bytes(
    steps: Iterator[Tuple[Position, Counts]], tables: Sequence[Table], sizes: List[int]
) -> Iterator[Tuple[int, Counts]]:
    """How many bytes of the input have been read when each part is done."""
    for (source, offset, row), counts in steps:
        within = tables[source].n_bytes_read() if (offset or row) else 0
        yield sizes[source] + within, counts


def _finish(
    parts: Parts,
    writer: Writer,
    settings: Settings,
    tables: Sequence[Table],
    counts: Counts,
) -> Report:
    """Join the parts, and put what they make in its place."""
    numbers = parts.done()
    output = parts.folder / f"output{settings.output.suffix}"
    writer.join([parts.part(number, writer.suffix) for number in numbers], output)
    sync(output)
    problems: Counter = Counter()
    first_bad: Optional[BadRow] = None
    set_aside = parts.folder / "bad"
    with set_aside.open("w", encoding="utf8", errors="backslashreplace") as file:
        for number in numbers:
            for row in map(BadRow._make, parts.notes(number)["bad"]):
                first_bad = first_bad or row
                problems[row.problem.split(" (")[0]] += 1
                record = {"file": row.path, **row._asdict()}
                del record["path"]
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
    if settings.bad is not None:
        sync(set_aside)
        settings.bad.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(set_aside, settings.bad)
    output.replace(settings.output)
    parts.remove()
    encodings = Counter(table.encoding for table in tables if table.encoding)
    empty = sum(table.is_empty for table in tables)
    return Report(counts, dict(problems), first_bad, dict(encodings), empty)


def in_words(report: Report, output: Path) -> str:
    """Say in a line what a job has done.

    report (Report): What it has done.
    output (Path): What it has written.
    RETURNS (str): The line.
    """
    counts = report.counts
    said = [
        f"{counts.messages:,} messages, {counts.queries:,} queries in {counts.with_query:,} "
        f"of them: {output}"
    ]
    if report.encodings:
        names = (f"{n:,} in {name.upper()}" for name, n in sorted(report.encodings.items()))
        said.append(f"text files: {', '.join(names)}")
    if report.empty:
        said.append(f"empty files: {report.empty:,}")
    if report.first_bad is not None:
        path, row, problem, _ = report.first_bad
        kinds = ", ".join(f"{n:,} {kind}" for kind, n in list(report.problems.items())[:3])
        said.append(
            f"bad rows: {counts.bad:,} ({kinds}), the first {path}:{row}: "
            f"{excerpt(problem, 100)}"
        )
    return "; ".join(said)
