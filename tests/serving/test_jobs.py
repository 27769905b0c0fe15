"""Whatever happens to a job, no row is lost or doubled."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from spacy_musicquery.serving import jobs, processes, readers
from spacy_musicquery.serving.jobs import run
from spacy_musicquery.serving.parts import Counts, Parts, Settings
from spacy_musicquery.serving.readers import Chunk, Position
from spacy_musicquery.serving.sources import find_sources

from .conftest import make_rows, read_jsonl, write_csv, write_jsonl

N_ROWS = 1000


class Killed(Exception):
    pass


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(readers, "CHUNK_ROWS", 100)


def write_input(folder, kind):
    """Rows with some that are bad in between, and a second file."""
    rows = make_rows(N_ROWS)
    if kind == "parquet":
        parquet.write_table(
            pa.Table.from_pylist(rows), folder / "in.parquet", row_group_size=330
        )
    elif kind.startswith("csv"):
        write_csv(folder / "in.csv", rows, "utf-16" if kind == "csv wide" else "utf8")
    else:
        path = write_jsonl(folder / "in.jsonl", rows)
        lines = path.read_bytes().split(b"\n")
        lines[500:500] = [b"{"] * 3
        path.write_bytes(b"\n".join(lines))
    write_jsonl(folder / "in2.jsonl", [{"id": -1, "text": "听"}])
    return find_sources([str(folder / "in*.*")])


@pytest.fixture
def job(trained_path, tmp_path, extractor):
    def job(sources, *, kill_after=None, output="out.jsonl", **options):
        said, progress = [], []
        settings = Settings(
            str(trained_path), None, None, "text", None, tmp_path / output, tmp_path / "bad"
        )

        def show(n_bytes, counts):
            progress.append((n_bytes, counts))
            if kill_after is not None and len(progress) == kill_after + 1:
                raise Killed

        report = run(
            sources, settings, extractor, say=said.append, progress=show, **options
        )
        return report, said, progress[1:]

    return job


@pytest.mark.parametrize("kind", ["jsonl", "csv", "csv wide", "parquet"])
@pytest.mark.parametrize("kills", [[1], [4, 3], [1] * 10])
def test_it_goes_on_where_it_was(job, tmp_path, kind, kills):
    sources = write_input(tmp_path, kind)
    for kill_after in kills:
        with pytest.raises(Killed):
            job(sources, kill_after=kill_after)
        assert not (tmp_path / "out.jsonl").exists()
    (report, said, progress) = job(sources)
    assert [row["id"] for row in read_jsonl(tmp_path / "out.jsonl")] == [
        *map(str if kind.startswith("csv") else int, range(N_ROWS)),
        -1,
    ]
    n_bad = 3 if kind == "jsonl" else 0
    assert report.counts.messages == N_ROWS + 1 and report.counts.bad == n_bad
    assert [row["row"] for row in read_jsonl(tmp_path / "bad")] == [501, 502, 503][:n_bad]
    assert (
        said
        == [
            f"going on: {sum(kills) * 100 - (n_bad if sum(kills) > 5 else 0):,} "
            "messages are done already"
        ]
        or kind == "parquet"
    )
    # What was done is not done again.
    assert len(progress) + sum(kills) == (14 if kind == "parquet" else 12 if n_bad else 11)
    assert progress[-1][0] == sum(source.path.stat().st_size for source in sources)


def test_other_input_or_settings_start_over(job, tmp_path, extractor):
    sources = write_input(tmp_path, "csv")
    with pytest.raises(Killed):
        job(sources, kill_after=3)
    write_csv(tmp_path / "in.csv", make_rows(200))
    report, said, _ = job(sources)
    assert report.counts.messages == 201 and "starting over" in said[0]


def test_parts_that_are_half_written_are_none(job, tmp_path):
    sources = write_input(tmp_path, "csv")
    with pytest.raises(Killed):
        job(sources, kill_after=5)
    parts = Parts(tmp_path / "out.jsonl")
    parts.part(2, ".json").unlink()
    (parts.folder / "00000007.jsonl").write_text("half", encoding="utf8")
    (parts.folder / "00000008.json.123").write_text("half", encoding="utf8")
    report, _, progress = job(sources)
    assert report.counts.messages == N_ROWS + 1 and len(progress) == 7
    ids = [row["id"] for row in read_jsonl(tmp_path / "out.jsonl")]
    assert ids == [*map(str, range(N_ROWS)), -1]


def test_two_processes_cannot_write_one_file(job, tmp_path):
    sources = write_input(tmp_path, "csv")
    with (
        Parts(tmp_path / "out.jsonl").opened({"other": "job"}),
        pytest.raises(ValueError, match=r"MQ285.*out\.jsonl"),
    ):
        job(sources)


def test_workers_that_die_again_and_again(monkeypatch, trained_path, tmp_path):
    class Pool:
        def submit(self, function, chunk):
            raise processes.BrokenProcessPool

        def shutdown(self, **options):
            pass

    monkeypatch.setattr(processes, "_make_pool", lambda settings, n: Pool())
    chunk = Chunk(7, pa.record_batch({"text": ["听"]}), None, [], Position(1))
    settings = Settings(None, None, None, "text", None, tmp_path / "out.jsonl", None)
    with pytest.raises(ValueError, match=r"MQ286.*3 times"):
        list(processes.work_in_processes(iter([chunk]), settings, 2))


def test_an_account_in_a_line():
    row = readers.BadRow("a.csv", 3, "no JSON (because)", "{")
    report = jobs.Report(Counts(1234567, 10, 12, 3), {"no JSON": 3}, row, {"gb18030": 2}, 1)
    assert jobs.in_words(report, Path("out.parquet")) == (
        "1,234,567 messages, 12 queries in 10 of them: out.parquet; text files: 2 in GB18030; "
        "empty files: 1; bad rows: 3 (3 no JSON), the first a.csv:3: no JSON (because)"
    )


COMMAND = """
import sys
from spacy_musicquery.cli import app
from spacy_musicquery.serving import readers
if __name__ == "__main__":
    readers.CHUNK_ROWS = 200
    app(["extract", *sys.argv[1:]])
"""


def start(folder, trained_path, n_workers):
    script = folder / "command.py"
    script.write_text(COMMAND, encoding="utf8")
    names = [folder / "in.jsonl", "--out", folder / "out.parquet", "--bad", folder / "bad"]
    options = ["--model", trained_path, "--workers", n_workers]
    return subprocess.Popen(
        [sys.executable, script, *map(str, [*names, *options])], stderr=subprocess.PIPE
    )


def wait_for_parts(process, parts, n):
    while process.poll() is None and len(parts.done()) < n:
        time.sleep(0.005)


def children_of(process):
    with suppress(OSError):
        listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        return [int(pid) for pid in listed.split()]
    return []


def is_alive(pid):
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_killed_ten_times_at_random_moments(trained_path, tmp_path):
    choose = random.Random(0)
    n_rows = 20_000
    path = write_jsonl(tmp_path / "in.jsonl", make_rows(n_rows))
    lines = path.read_bytes().split(b"\n")
    lines[n_rows // 2 : n_rows // 2] = [b"{"] * 5
    path.write_bytes(b"\n".join(lines))
    parts = Parts(tmp_path / "out.parquet")
    for kill in range(10):
        n_before = len(parts.done())
        with start(tmp_path, trained_path, 1 + kill % 2) as process:
            wait_for_parts(process, parts, n_before + choose.randrange(10))
            time.sleep(choose.random() / 20)
            assert process.poll() is None
            workers = children_of(process)
            process.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 20
        while any(map(is_alive, workers)):
            assert time.monotonic() < deadline, "workers outlive their parent"
            time.sleep(0.05)
        assert len(parts.done()) >= n_before
        assert not (tmp_path / "out.parquet").exists()
    with start(tmp_path, trained_path, 2) as process:
        assert b"going on: " in process.stderr.read()
    assert process.returncode == 0
    out = parquet.read_table(tmp_path / "out.parquet")
    assert out["id"].to_pylist() == list(range(n_rows))
    assert len(read_jsonl(tmp_path / "bad")) == 5
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_worker_that_is_killed_loses_nothing(trained_path, tmp_path):
    write_jsonl(tmp_path / "in.jsonl", make_rows(10_000))
    parts = Parts(tmp_path / "out.parquet")
    with start(tmp_path, trained_path, 2) as process:
        wait_for_parts(process, parts, 5)
        for pid in children_of(process):
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if b"spawn_main" in command:
                os.kill(pid, signal.SIGKILL)
                break
        else:
            pytest.fail("there is no worker")
        errors = process.stderr.read()
    assert process.returncode == 0, errors
    out = parquet.read_table(tmp_path / "out.parquet")
    assert out["id"].to_pylist() == list(range(10_000))


def test_notes_are_what_a_job_needs_to_go_on(job, tmp_path):
    sources = write_input(tmp_path, "jsonl")
    with pytest.raises(Killed):
        job(sources, kill_after=6)
    notes = json.loads(Parts(tmp_path / "out.jsonl").part(5, ".json").read_text("utf8"))
    assert Counts(*notes["counts"]).bad == len(notes["bad"]) == 3
    assert Position(*notes["after"]).row == 600
