"""Measure messages a second from Parquet to Parquet, and memory.

python benchmarks/bulk.py --data DIR [--messages 1000000] [--rounds 3] [--systems extract floor]
                          [--memory 1000000 10000000] [--steps 200000]

Messages of CAIS and of chat, repeated with ids, in files of 100,000. Every system runs in a
process of its own, in rounds that go through all of them in turn; ratios are taken within a
round, and are those of the time of the whole process less that of the same one on 1,000
messages: what a start takes counts once. `cpu_us` is the processor time of all processes for a
message, which other work on the machine changes less; `main_cpu_us` is that of the first one
alone, which reads, hands out and joins. `billion_core_hours` is what a billion messages take
at that rate.

`extract_2` has two workers, `ray` and `spark` two processors, `crfsuite` is python-crfsuite
trained on CAIS, in two processes of `multiprocessing`. Of these, those are measured that are
named with --systems. The last line printed is JSON.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any, Dict, Iterable, Iterator, List, Set, Tuple
from uuid import uuid4

_THREADS = ("OMP", "OPENBLAS", "MKL")
ENVIRONMENT = {**os.environ, **{f"{name}_NUM_THREADS": "1" for name in _THREADS}}
EXTRACT = (sys.executable, "-m", "spacy", "music-query", "extract")
# What the command is told besides, by name of the system.
OPTIONS = {
    "extract": ("--workers", "1"),
    "extract_2": ("--workers", "2"),
    "ray": ("--engine", "ray"),
    "spark": ("--engine", "spark", "--address", "local[2]"),
}
SYSTEMS = ("extract", "extract_2", "nlp_pipe", "floor")
N_START, N_PER_FILE, N_AT_ONCE = 1000, 100_000, 30_000
RATIOS = (
    *(("extract", other) for other in ("floor", "nlp_pipe", "crfsuite")),
    *((one, "extract") for one in ("extract_2", "ray", "spark")),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="a folder with cais/, chat/"
    )
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=int, nargs="*", default=[1_000_000, 10_000_000])
    parser.add_argument("--steps", type=int, default=200_000)
    parser.add_argument(
        "--systems", nargs="*", default=list(SYSTEMS), choices=[*OPTIONS, *WORK]
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tables = {
            n: write_messages(options.data, n, Path(folder, str(n)))
            for n in {N_START, options.messages, *options.memory, options.steps} - {0}
        }
        if "crfsuite" in options.systems:
            train_crf(options.data, Path(folder))
        rounds = []
        for _ in range(options.rounds if options.systems else 0):
            rounds.append({})
            for name in options.systems:
                start = run(name, tables[N_START], folder)
                whole = run(name, tables[options.messages], folder)
                rounds[-1][name] = compared(start, whole, options.messages - N_START)
                print(name, rounds[-1][name], file=sys.stderr)
        memory = {n: run("extract", tables[n], folder)["peak_mb"] for n in options.memory}
        steps = measure_steps(tables[options.steps]) if options.steps else {}
    results: Dict[str, Any] = {
        name: {key: median(m[name][key] for m in rounds) for key in rounds[0][name]}
        for name in options.systems
    }
    results["ratios"] = {
        f"{one}/{other}": {
            key: median(m[one][key] / m[other][key] for m in rounds)
            for key in ("per_second", "cpu_us")
        }
        for one, other in RATIOS
        if {one, other} <= set(options.systems)
    }
    results.update(peak_mb=memory, steps_us=steps, load=os.getloadavg())
    print(json.dumps(results))


def compared(start: Dict[str, float], whole: Dict[str, float], n: int) -> Dict[str, float]:
    """What `n` messages take besides the start."""
    cpu_us = 1e6 * (whole["cpu"] - start["cpu"]) / n
    return {
        "per_second": n / (whole["seconds"] - start["seconds"]),
        "cpu_us": cpu_us,
        "main_cpu_us": 1e6 * (whole["main_cpu"] - start["main_cpu"]) / n,
        "billion_core_hours": cpu_us * 1e9 / 1e6 / 3600,
        "start_seconds": start["seconds"],
    }


def write_messages(data: Path, n: int, folder: Path) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    lines = (data / "cais" / "valid.jsonl").read_text(encoding="utf8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    for file in sorted((data / "chat").glob("*.txt")):
        texts += file.read_text(encoding="utf8").splitlines()
    schema = pa.schema([("id", pa.int64()), ("text", pa.string())])
    folder.mkdir()
    for first in range(0, n, N_PER_FILE):
        ids = range(first, min(n, first + N_PER_FILE))
        of_ids = [texts[i % len(texts)] for i in ids]
        table = pa.table({"id": ids, "text": of_ids}, schema=schema)
        parquet.write_table(table, folder / f"{first // N_PER_FILE:05}.parquet")
    return folder


def run(name: str, table: Path, folder: str) -> Dict[str, float]:
    """Run a system in a process of its own."""
    out = Path(folder, "out" if name in ("ray", "spark") else "out.parquet")
    shutil.rmtree(out, ignore_errors=True)
    command: List[object] = [sys.executable, __file__, "--work", name, table, out]
    if name in OPTIONS:
        command = [*EXTRACT, table, "--out", out, *OPTIONS[name]]
    processes = Processes()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    with subprocess.Popen(
        list(map(str, command)),
        env={**ENVIRONMENT, processes.MARK: processes.mark},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE if name in ("ray", "spark") else None,
    ) as process:
        peak, n_looks = 0.0, 0
        while process.poll() is None:
            peak = max(peak, peak_mb(process.pid))
            if n_looks % 5 == 0:
                processes.look()
            n_looks += 1
            time.sleep(0.02)
    seconds = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{name} failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "seconds": seconds,
        # Engines leave processes behind that nobody waits for.
        "cpu": max(cpu, sum(processes.cpu.values())),
        "main_cpu": processes.cpu.get(process.pid, 0.0),
        "peak_mb": peak,
    }


class Processes:
    """A process and all that it starts, whoever their parents are: they have a mark in their
    environment.

    cpu (Dict[int, float]): The processor time of each, in seconds, when last looked at.
    """

    MARK = "MUSIC_QUERY_BENCHMARK"

    def __init__(self) -> None:
        self.mark = uuid4().hex
        self.cpu: Dict[int, float] = {}
        self._others: Set[int] = set()

    def look(self) -> None:
        for folder in Path("/proc").glob("[0-9]*"):
            pid = int(folder.name)
            with suppress(OSError):
                if pid in self._others:
                    continue
                # Once known it stays so: who changes its title writes over its environment.
                if pid not in self.cpu and not self._is_ours(folder):
                    self._others.add(pid)
                    continue
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                ticks = int(fields[11]) + int(fields[12])
                self.cpu[pid] = ticks / os.sysconf("SC_CLK_TCK")

    def _is_ours(self, folder: Path) -> bool:
        return self.mark.encode() in (folder / "environ").read_bytes()


def peak_mb(process: int) -> float:
    try:
        status = Path(f"/proc/{process}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        return 0.0  # it has just ended


def measure_steps(table: Path) -> Dict[str, float]:
    """What each step of `extract` takes of one process, in microseconds for a message."""
    from spacy_musicquery.serving.arrow import extract_batch
    from spacy_musicquery.serving.extractor import Extractor
    from spacy_musicquery.serving.readers import Position, Table, read_chunks
    from spacy_musicquery.serving.sources import find_sources
    from spacy_musicquery.serving.writers import ParquetWriter

    extractor, writer = Extractor.load(None), ParquetWriter()
    tables = [Table(s, "text", None, 10**6) for s in find_sources([str(table)])]
    chunks, reading = timed(lambda: list(read_chunks(tables, Position(), 0)))
    n = sum(chunk.batch.num_rows for chunk in chunks)
    batches = [chunk.batch for chunk in chunks]
    extract_batch(extractor, batches[0].slice(0, N_START))
    texts = [batch.column("text").to_pylist() for batch in batches]
    _, finding = timed(lambda: [extractor.find(some) for some in texts])
    found, both = timed(lambda: [extract_batch(extractor, batch) for batch in batches])
    with tempfile.TemporaryDirectory() as folder:
        parts = [Path(folder, str(i)) for i in range(len(found))]
        _, writing = timed(
            lambda: [writer.write_part(*part, None) for part in zip(parts, found)]
        )
        _, joining = timed(lambda: writer.join(parts, Path(folder, "out")))
    seconds = {"read": reading, "find": finding, "columns": both - finding}
    seconds.update(write=writing, join=joining)
    return {name: 1e6 * of_step / n for name, of_step in seconds.items()}


def timed(function: Any) -> Tuple[Any, float]:
    began = time.process_time()
    result = function()
    return result, time.process_time() - began


# What one would write by hand: a loop over batches.


def work(name: str, table: str, out: str) -> None:
    from pyarrow import Table, parquet

    writer = None
    for rows in WORK[name](batches_of(table), Path(out).parent):
        of_batch = Table.from_pylist(rows)
        writer = writer or parquet.ParquetWriter(out, of_batch.schema)
        writer.write_table(of_batch.cast(writer.schema))
    writer.close()


Rows = List[Dict[str, Any]]


def batches_of(table: str) -> Iterator[Rows]:
    from pyarrow import parquet

    for file in sorted(Path(table).iterdir()):
        for batch in parquet.ParquetFile(file).iter_batches(N_AT_ONCE):
            yield batch.to_pylist()


def with_nlp_pipe(batches: Iterable[Rows], folder: Path) -> Iterator[Rows]:
    from spacy_musicquery.pipeline.load import box_pipeline

    return with_docs(box_pipeline(), batches)


def with_the_floor(batches: Iterable[Rows], folder: Path) -> Iterator[Rows]:
    import spacy

    return with_docs(spacy.blank("zh"), batches)


def with_docs(nlp: Any, batches: Iterable[Rows]) -> Iterator[Rows]:
    from spacy.tokens import Span

    is_floor = not nlp.pipe_names
    for rows in batches:
        found = []
        for row, doc in zip(rows, nlp.pipe(row["text"] for row in rows)):
            if is_floor and len(doc):
                doc.ents = [Span(doc, 0, 1, label="MUSIC_QUERY")]
            spans = [(e.start_char, e.end_char, e.label_) for e in doc.ents]
            found.append(with_queries(row, spans))
        yield found


def with_queries(row: Dict[str, Any], spans: Iterable[Tuple]) -> Dict[str, Any]:
    queries = [
        {"text": row["text"][start:end], "start": start, "end": end, "label": label}
        for start, end, label in spans
    ]
    return {**row, "music_query": queries}


def train_crf(data: Path, folder: Path) -> None:
    from systems import CrfSuiteSmall

    cais = data / "cais"
    CrfSuiteSmall().train(cais / "train.jsonl", cais / "valid.jsonl", folder)


def with_crfsuite(batches: Iterable[Rows], folder: Path) -> Iterator[Rows]:
    from multiprocessing import Pool

    with Pool(2, load_crf, [folder]) as pool:
        yield from pool.imap(crf_rows, batches)


def load_crf(folder: Path) -> None:
    global tagger
    from systems import CrfSuiteSmall

    tagger = CrfSuiteSmall()
    tagger.load(folder)


def crf_rows(rows: Rows) -> Rows:
    return [
        with_queries(row, ((*span, "MUSIC_QUERY") for span in tagger.one(row["text"])))
        for row in rows
    ]


WORK = {"nlp_pipe": with_nlp_pipe, "floor": with_the_floor, "crfsuite": with_crfsuite}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(*sys.argv[2:])
    else:
        main()
