"""`extract --engine`: Parquet in, a folder of Parquet out, by a cluster."""

import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

from ..errors import Errors

# An address of a store that the cluster reads and writes by itself.
_REMOTE = "://"


def run_engine(
    engine: str,
    address: Optional[str],
    names: List[str],
    output: str,
    model: Optional[str],
    threshold: Optional[float],
    column: str,
) -> None:
    """Have a cluster find the queries of all messages in Parquet files.

    engine (str): "ray" or "spark".
    address (Optional[str]): The cluster's; None for this machine alone.
    names (List[str]): Files, folders and globs that all of the cluster can read, or
        addresses such as s3://....
    output (str): The folder to write, or an address.
    model (Optional[str]): The pipeline, which is sent to the workers if it is a directory.
    threshold (Optional[float]): The least score of a query; None for the pipeline's.
    column (str): The column that holds the messages.
    RAISES (ValueError): If there is no such engine or file, or the output is there already.
    """
    if engine not in _ENGINES:
        raise _refusal("--engine", engine, "expected ray or spark")
    try:
        from .mappers import ship

        paths = [path for name in names for path in _paths(name)]
        settings: Dict[str, Any] = {
            "model": model,
            "threshold": threshold,
            "column": column,
        }
        if model is not None and Path(model).is_dir():
            settings.update(model=None, shipped=ship(Path(model)))
        with _output_folder(output) as folder:
            _ENGINES[engine](address, paths, folder, settings)
    except ImportError as error:
        message = Errors.MQ284.format(
            what=f"--engine {engine}", module=error.name, error=error, extra=engine
        )
        raise ImportError(message) from error


def _paths(name: str) -> List[str]:
    if _REMOTE in name:
        return [name]
    from .sources import find_sources

    sources = find_sources([name])
    for source in sources:
        if source.kind != "parquet":
            problem = "clusters read Parquet; `extract FILE --out FILE.parquet` writes it"
            raise _refusal("--engine", source.path, problem)
    return [str(source.path.resolve()) for source in sources]


@contextmanager
def _output_folder(output: str) -> Iterator[str]:
    """A folder that appears under its name when all of it is there."""
    if _REMOTE in output:
        yield output
        return
    folder = Path(output).resolve()
    if folder.exists():
        raise _refusal("--out", output, "it is there already")
    unfinished = folder.with_name(f".{folder.name}.extract")
    shutil.rmtree(unfinished, ignore_errors=True)
    yield str(unfinished)
    unfinished.rename(folder)


def _run_ray(
    address: Optional[str], paths: List[str], output: str, settings: Dict[str, Any]
) -> None:
    import ray

    from .mappers import MusicQueryMapper

    ray.init(address=address)
    try:
        n_cpus = max(1, int(ray.cluster_resources().get("CPU", 1)))
        ray.data.read_parquet(paths).map_batches(
            MusicQueryMapper,
            batch_format="pyarrow",
            fn_constructor_kwargs=settings,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=n_cpus),
        ).write_parquet(output)
    finally:
        ray.shutdown()


def _run_spark(
    address: Optional[str], paths: List[str], output: str, settings: Dict[str, Any]
) -> None:
    from pyspark.sql import SparkSession

    from .mappers import MusicQueryMapper

    if address is None or address.startswith("local"):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    session = SparkSession.builder.master(address or "local[*]").getOrCreate()
    try:
        mapper = MusicQueryMapper(**settings)
        frame = session.read.parquet(*paths)
        schema = mapper.spark_schema(frame.schema)
        frame.mapInArrow(mapper.map_in_arrow, schema).write.parquet(output)
    finally:
        session.stop()


_ENGINES: Dict[str, Callable] = {"ray": _run_ray, "spark": _run_spark}


def _refusal(option: str, value: object, problem: str) -> ValueError:
    return ValueError(Errors.MQ052.format(option=option, value=value, problem=problem))
