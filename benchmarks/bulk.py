"""Measure messages a second from Parquet to Parquet, and memory.

python benchmarks/bulk.py --data DIR [--messages 500000] [--rounds 3] [--memory 1000000 4000000]

Messages of CAIS and of chat, repeated with ids. Every system runs in a process of its own, in
rounds that go through all of them in turn; ratios are taken within a round, and are those of
the time of the whole process less that of the same one on 1,000 messages: what a start takes
counts once. `cpu` is the processor time, of all processes, which other work on the machine
changes less. The last line printed is JSON.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, Dict, Iterator, List

_THREADS = ("OMP", "OPENBLAS", "MKL")
ENVIRONMENT = {**os.environ, **{f"{name}_NUM_THREADS": "1" for name in _THREADS}}
SYSTEMS = ("extract", "extract_2", "nlp_pipe", "floor")
N_START = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="a folder with cais/, chat/"
    )
    parser.add_argument("--messages", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=int, nargs="*", default=[1_000_000, 4_000_000])
    parser.add_argument("--systems", nargs="*", default=list(SYSTEMS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tables = {
            n: write_messages(options.data, n, Path(folder, f"{n}.parquet"))
            for n in {N_START, options.messages, *options.memory}
        }
        rounds = []
        for _ in range(options.rounds):
            measured = {}
            for name in options.systems:
                start = run(name, tables[N_START], folder)
                whole = run(name, tables[options.messages], folder)
                n = options.messages - N_START
                rate = n / (whole["seconds"] - start["seconds"])
                cpu = 1e6 * (whole["cpu"] - start["cpu"]) / n
                measured[name] = {"per_second": rate, "cpu_us": cpu, **start_of(start)}
                print(name, measured[name], file=sys.stderr)
            rounds.append(measured)
        memory = {n: run("extract", tables[n], folder)["peak_mb"] for n in options.memory}
    results: Dict[str, Any] = {
        name: {key: median(m[name][key] for m in rounds) for key in rounds[0][name]}
        for name in options.systems
    }
    results["ratios"] = {
        f"{one}/{other}": {
            key: median(m[one][key] / m[other][key] for m in rounds)
            for key in ("per_second", "cpu_us")
        }
        for one, other in (
            ("extract", "floor"),
            ("extract", "nlp_pipe"),
            ("extract_2", "extract"),
        )
        if {one, other} <= set(options.systems)
    }
    results["peak_mb"] = memory
    print(json.dumps(results))


def start_of(start: Dict[str, float]) -> Dict[str, float]:
    return {"start_seconds": start["seconds"]}


def write_messages(data: Path, n: int, path: Path) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    lines = (data / "cais" / "valid.jsonl").read_text(encoding="utf8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    for file in sorted((data / "chat").glob("*.txt")):
        texts += file.read_text(encoding="utf8").splitlines()
    schema = pa.schema([("id", pa.int64()), ("text", pa.string())])
    with parquet.ParquetWriter(path, schema) as writer:
        for first in range(0, n, 100_000):
            ids = range(first, min(n, first + 100_000))
            of_ids = [texts[i % len(texts)] for i in ids]
            writer.write_table(pa.table({"id": ids, "text": of_ids}, schema=schema))
    return path


def run(name: str, table: Path, folder: str) -> Dict[str, float]:
    """Run a system in a process of its own."""
    out = Path(folder, "out.parquet")
    command: List[object] = [sys.executable, __file__, "--work", name, table, out]
    if name.startswith("extract"):
        command = [sys.executable, "-m", "spacy", "music-query", "extract", table]
        command += ["--out", out, "--workers", "2" if name == "extract_2" else "1"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    with subprocess.Popen(
        list(map(str, command)), env=ENVIRONMENT, stdout=subprocess.DEVNULL
    ) as process:
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, peak_mb(process.pid))
            time.sleep(0.02)
    seconds = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{name} failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "cpu": cpu, "peak_mb": peak}


def peak_mb(process: int) -> float:
    try:
        status = Path(f"/proc/{process}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        return 0.0  # it has just ended


def work(name: str, table: str, out: str) -> None:
    """What one would write by hand: a loop over batches, with Docs."""
    from pyarrow import Table, parquet

    nlp = pipeline(name)
    writer = None
    for batch in parquet.ParquetFile(table).iter_batches(30_000):
        rows = list(found(nlp, batch.to_pylist()))
        of_batch = Table.from_pylist(rows)
        writer = writer or parquet.ParquetWriter(out, of_batch.schema)
        writer.write_table(of_batch.cast(writer.schema))
    writer.close()


def pipeline(name: str) -> Any:
    if name == "nlp_pipe":
        from spacy_musicquery.pipeline.load import box_pipeline

        return box_pipeline()
    import spacy

    return spacy.blank("zh")


def found(nlp: Any, rows: List[Dict[str, Any]]) -> Iterator[Dict[str, Any]]:
    from spacy.tokens import Span

    is_floor = not nlp.pipe_names
    for row, doc in zip(rows, nlp.pipe(row["text"] for row in rows)):
        if is_floor and len(doc):
            doc.ents = [Span(doc, 0, 1, label="MUSIC_QUERY")]
        queries = [
            {"text": e.text, "start": e.start_char, "end": e.end_char, "label": e.label_}
            for e in doc.ents
        ]
        yield {**row, "music_query": queries}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(*sys.argv[2:])
    else:
        main()
