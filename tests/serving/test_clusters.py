"""On real clusters of this machine: the same rows as one process, whoever dies.

`python -m pytest -m cluster -n 0 tests/serving`, with the extras [ray] and [spark], and Java.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from spacy_musicquery.cli import app
from spacy_musicquery.serving.arrow import extract_batch
from spacy_musicquery.serving.mappers import MusicQueryMapper, ship

from .conftest import make_rows

pytestmark = [
    pytest.mark.cluster,
    # Of the engines and of what they use.
    pytest.mark.filterwarnings("ignore"),
]

N_FILES, N_ROWS = 8, 2000


@pytest.fixture(scope="module")
def messages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("messages")
    rows = make_rows(N_FILES * N_ROWS)
    for i in range(N_FILES):
        table = pa.Table.from_pylist(rows[i * N_ROWS : (i + 1) * N_ROWS])
        parquet.write_table(table, folder / f"{i}.parquet")
    return folder


@pytest.fixture(scope="module")
def expected(messages, extractor):
    table = parquet.read_table(messages).combine_chunks().to_batches()[0]
    return pa.table(extract_batch(extractor, table)).sort_by("id").to_pylist()


def rows_of(path):
    return parquet.read_table(path).sort_by("id").to_pylist()


class SlowMapper(MusicQueryMapper):
    """Leaves the time to kill somebody, and says who it is."""

    def __init__(self, *args, notes=None, **settings):
        super().__init__(*args, **settings)
        self._notes = notes

    def __call__(self, table):
        Path(self._notes, str(os.getpid())).touch()
        time.sleep(0.2)
        return super().__call__(table)

    def map_in_arrow(self, batches):
        for batch in batches:
            Path(self._notes, str(os.getpid())).touch()
            time.sleep(0.2)
            yield from super().map_in_arrow([batch])


def kill_one(notes, killed, who):
    """Kill the first process that leaves a note, or the one that has started it."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not killed:
        for note in list(Path(notes).iterdir()):
            pid = int(note.name)
            victim = parent_of(pid) if who == "node" else pid
            time.sleep(0.3)
            os.kill(victim, signal.SIGKILL)
            killed.append(victim)
            return
        time.sleep(0.05)


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.fixture
def killer(tmp_path, who):
    notes, killed = tmp_path / "notes", []
    notes.mkdir()
    thread = threading.Thread(target=kill_one, args=(notes, killed, who))
    yield notes, thread, killed


# Ray


MEMORY = {"object_store_memory": 150 << 20}


@pytest.fixture(scope="module")
def ray_cluster():
    """A head without a processor, and two nodes with one each, in processes of their own."""
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "include_dashboard": False, **MEMORY}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(2):
        cluster.add_node(num_cpus=1, **MEMORY)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def test_ray_finds_the_same(ray_cluster, messages, expected, trained_path, tmp_path):
    args = [messages, "--engine", "ray", "--address", ray_cluster.address]
    args += ["--model", trained_path, "--out", tmp_path / "out"]
    result = CliRunner().invoke(app, ["extract", *map(str, args)])
    assert result.exit_code == 0, result.output
    assert rows_of(tmp_path / "out") == expected


@pytest.mark.parametrize("who", ["worker", "node"])
def test_ray_loses_nothing_with_a_worker(
    ray_cluster, messages, expected, trained_path, tmp_path, killer, who
):
    import ray

    notes, thread, killed = killer
    variables = {"PYTHONPATH": str(Path(__file__).parents[2])}
    ray.init(address=ray_cluster.address, runtime_env={"env_vars": variables})
    try:
        thread.start()
        dataset = ray.data.read_parquet(str(messages)).map_batches(
            SlowMapper,
            batch_format="pyarrow",
            batch_size=500,
            fn_constructor_kwargs={"shipped": ship(trained_path), "notes": str(notes)},
            # A node that is left alone has no place for two.
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=2),
        )
        dataset.write_parquet(str(tmp_path / "out"))
        thread.join()
        (victim,) = killed
        dead = [n for n in ray_cluster.worker_nodes if pid_of_node(n) == victim]
    finally:
        ray.shutdown()
    assert len(list(notes.iterdir())) > 1  # somebody took over
    assert rows_of(tmp_path / "out") == expected
    if who == "node":
        (node,) = dead
        ray_cluster.remove_node(node, allow_graceful=False)
        ray_cluster.add_node(num_cpus=1, **MEMORY)


def pid_of_node(node):
    return node.all_processes["raylet"][0].process.pid


# Spark


@pytest.fixture(scope="module")
def spark():
    """Two workers with a core each, in processes of their own; who dies is replaced."""
    pyspark_sql = pytest.importorskip("pyspark.sql")
    if shutil.which("java") is None:
        pytest.skip("needs Java")
    root = str(Path(__file__).parents[2])
    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        pyspark_sql.SparkSession.builder.master("local-cluster[2,1,1024]")
        .config("spark.executorEnv.PYTHONPATH", root)
        .config("spark.sql.files.maxPartitionBytes", "30000")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "500")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    yield session
    session.stop()


def test_spark_finds_the_same(spark, messages, expected, trained_path, tmp_path):
    frame = spark.read.parquet(str(messages))
    mapper = MusicQueryMapper(str(trained_path))
    schema = mapper.spark_schema(frame.schema)
    frame.mapInArrow(mapper.map_in_arrow, schema).write.parquet(str(tmp_path / "out"))
    assert rows_of(tmp_path / "out") == expected


@pytest.mark.parametrize("who", ["python", "executor"])
def test_spark_loses_nothing_with_a_worker(
    spark, messages, expected, trained_path, tmp_path, killer, who
):
    notes, thread, killed = killer
    frame = spark.read.parquet(str(messages))
    mapper = SlowMapper(shipped=ship(trained_path), notes=str(notes))
    schema = mapper.spark_schema(frame.schema)
    if who == "executor":
        command = ["pgrep", "-f", "CoarseGrainedExecutorBackend.*--executor-id"]
        thread = threading.Thread(target=kill_executor, args=(command, notes, killed))
    thread.start()
    frame.mapInArrow(mapper.map_in_arrow, schema).write.parquet(str(tmp_path / "out"))
    thread.join()
    assert len(killed) == 1
    assert rows_of(tmp_path / "out") == expected


def kill_executor(command, notes, killed):
    while not list(Path(notes).iterdir()):
        time.sleep(0.05)
    pids = subprocess.run(command, capture_output=True, text=True).stdout.split()
    # Those of this test alone: its own descendants.
    mine = [int(pid) for pid in pids if is_descendant(int(pid))]
    os.kill(mine[0], signal.SIGKILL)
    killed.append(mine[0])


def is_descendant(pid):
    while pid > 1:
        if pid == os.getpid():
            return True
        pid = parent_of(pid)
    return False


def test_the_command_on_spark(messages, expected, trained_path, tmp_path):
    pytest.importorskip("pyspark")
    if shutil.which("java") is None:
        pytest.skip("needs Java")
    args = [messages, "--engine", "spark", "--address", "local[2]"]
    args += ["--model", trained_path, "--out", tmp_path / "out"]
    command = [sys.executable, "-m", "spacy", "music-query", "extract", *map(str, args)]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    assert rows_of(tmp_path / "out") == expected
