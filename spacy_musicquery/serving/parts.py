"""What a job leaves on the disk while it runs: parts that outlive a kill."""

import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

from ..errors import Errors
from ..saving.atomic import lock_directory
from .arrow import QUERIES, extract_batch
from .extractor import Extractor
from .readers import Chunk
from .writers import WRITERS, sync


class Settings(NamedTuple):
    """What a job does.

    model (Optional[str]): The pipeline; None for the model in the box.
    threshold (Optional[float]): The least score of a query; None for the pipeline's.
    links (Optional[Path]): An index to link queries to; None for the pipeline's own.
    column (str): The column of the messages.
    encoding (Optional[str]): The encoding of text files; None to find out.
    output (Path): The file to write: .parquet, .jsonl or .csv.
    bad (Optional[Path]): Where rows go that cannot be read.
    """

    model: Optional[str]
    threshold: Optional[float]
    links: Optional[Path]
    column: str
    encoding: Optional[str]
    output: Path
    bad: Optional[Path]


class Counts(NamedTuple):
    """What came of some messages: how many there are, how many have a query, how many
    queries, and how many rows are bad."""

    messages: int = 0
    with_query: int = 0
    queries: int = 0
    bad: int = 0

    def plus(self, other: "Counts") -> "Counts":
        """Add up.

        other (Counts): Others.
        RETURNS (Counts): Both together.
        """
        return Counts(*(one + another for one, another in zip(self, other)))


class Parts:
    """The hidden folder of a job."""

    def __init__(self, output: Path) -> None:
        self.folder = output.with_name(f".{output.name}.extract")

    def part(self, number: int, suffix: str) -> Path:
        """Name a part.

        number (int): Its number.
        suffix (str): What its format's files end in.
        RETURNS (Path): Its file.
        """
        return self.folder / f"{number:08}{suffix}"

    def notes(self, number: int) -> Dict[str, Any]:
        """Read what is noted about a part.

        number (int): Its number.
        RETURNS (Dict[str, Any]): "counts", "after", "bad".
        """
        return json.loads(self.part(number, ".json").read_text(encoding="utf8"))

    def done(self) -> List[int]:
        """List the parts that are done. RETURNS (List[int]): Their numbers, in order."""
        found = self.folder.glob("[0-9]*.json")
        return sorted(int(path.stem) for path in found if path.stem.isdigit())

    @contextmanager
    def opened(self, job: Dict[str, Any]) -> Iterator[bool]:
        """Hold the folder for a job. What another job has left there is removed.

        job (Dict[str, Any]): What tells the job from others.
        YIELDS (bool): Whether there are parts of another job, which have been removed.
        RAISES (ValueError): If another process holds it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        held = lock_directory(self.folder)
        if held is None and os.name == "posix":
            output = self.folder.name.removeprefix(".").removesuffix(".extract")
            message = Errors.MQ285.format(path=self.folder.with_name(output))
            raise ValueError(message)
        try:
            path = self.folder / "job.json"
            text = json.dumps(job, sort_keys=True)
            is_same = path.exists() and path.read_text(encoding="utf8") == text
            had_parts = bool(self.done())
            if not is_same:
                for file in self.folder.iterdir():
                    file.unlink()
                _write(path, text)
            yield had_parts and not is_same
        finally:
            if held is not None:
                os.close(held)

    def remove(self) -> None:
        """Remove the folder."""
        # Without this a folder that is half removed would be gone on with.
        (self.folder / "job.json").unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)


class Worker:
    """Does chunks, one at a time."""

    def __init__(self, extractor: Extractor, settings: Settings) -> None:
        self._extractor = extractor
        self._column = settings.column
        self._parts = Parts(settings.output)
        self._writer = WRITERS[settings.output.suffix.lower()]

    def work(self, chunk: Chunk) -> Counts:
        """Find the queries of a chunk, and write its part.

        chunk (Chunk): The chunk.
        RETURNS (Counts): What came of it.
        """
        batch = extract_batch(self._extractor, chunk.batch, self._column)
        lengths = batch.column(QUERIES).value_lengths().drop_null().to_numpy()
        found = (int((lengths > 0).sum()), int(lengths.sum()))
        counts = Counts(batch.num_rows, *found, len(chunk.bad))
        part = self._parts.part(chunk.number, self._writer.suffix)
        unfinished = part.with_name(f"{part.name}.{os.getpid()}")
        self._writer.write_part(unfinished, batch, chunk.lines)
        sync(unfinished)
        unfinished.replace(part)
        notes = {"counts": counts, "after": chunk.after, "bad": chunk.bad}
        _write(self._parts.part(chunk.number, ".json"), json.dumps(notes))
        return counts


def _write(path: Path, text: str) -> None:
    """Write a small file, at once."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    unfinished.write_text(text, encoding="utf8")
    sync(unfinished)
    unfinished.replace(path)
