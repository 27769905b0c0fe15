"""The same for engines that run on clusters: Ray Data and Spark map batches with this."""

import io
import tarfile
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Iterable, Iterator, Optional

import pyarrow as pa

from .arrow import extract_batch, output_schema
from .extractor import Extractor

if TYPE_CHECKING:
    from pyspark.sql.types import StructType


class MusicQueryMapper:
    """Adds the columns `music_query` and `listen` to tables of messages, see
    `serving.arrow.extract_batch`. The pipeline is loaded once in each process.

    Ray makes one in each worker:
        dataset.map_batches(MusicQueryMapper, batch_format="pyarrow",
                            fn_constructor_kwargs={"model": None, "column": "text"})
    Spark sends one to its workers:
        mapper = MusicQueryMapper(column="text")
        frame.mapInArrow(mapper.map_in_arrow, mapper.spark_schema(frame.schema))
    """

    def __init__(
        self,
        model: Optional[str] = None,
        *,
        column: str = "text",
        threshold: Optional[float] = None,
        shipped: Optional[bytes] = None,
    ) -> None:
        """Say what to map with.

        model (Optional[str]): A directory or package name that all workers have; None for
            the model in the box.
        column (str): The column that holds the messages.
        threshold (Optional[float]): The least score of a query; None for the pipeline's.
        shipped (Optional[bytes]): What `ship` made of a directory, instead of `model`, for
            workers that do not have it.
        """
        self._model, self._column, self._threshold = model, column, threshold
        self._shipped = shipped

    def __call__(self, table: pa.Table) -> pa.Table:
        """Map a table, for Ray.

        table (Table): Messages and other columns.
        RETURNS (Table): The same with what was found.
        """
        schema = output_schema(self._extractor, table.schema)
        batches = self.map_in_arrow(table.combine_chunks().to_batches())
        return pa.Table.from_batches(batches, schema)

    def map_in_arrow(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Map batches, for Spark's `mapInArrow`.

        batches (Iterable[RecordBatch]): Messages and other columns.
        YIELDS (RecordBatch): The same with what was found.
        """
        for batch in batches:
            yield extract_batch(self._extractor, batch, self._column)

    def spark_schema(self, schema: "StructType") -> "StructType":
        """Say what Spark gets back.

        schema (StructType): The columns of a frame.
        RETURNS (StructType): Theirs and `music_query` and `listen`.
        """
        from pyspark.sql.pandas.types import from_arrow_schema
        from pyspark.sql.types import StructType

        found = from_arrow_schema(output_schema(self._extractor, pa.schema([])))
        kept = [field for field in schema.fields if field.name not in found.names]
        return StructType([*kept, *found.fields])

    @property
    def _extractor(self) -> Extractor:
        if self._shipped is not None:
            return _load_shipped(self._shipped, self._threshold)
        return _load(self._model, self._threshold)


def ship(directory: Path) -> bytes:
    """Pack a pipeline, to send it to workers.

    directory (Path): The directory of a saved pipeline.
    RETURNS (bytes): What `MusicQueryMapper` takes as `shipped`.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
        archive.add(directory, arcname="pipeline")
    return packed.getvalue()


# As many as a worker is likely to need by turns.
@lru_cache(maxsize=2)
def _load(model: Optional[str], threshold: Optional[float]) -> Extractor:
    return Extractor.load(model, threshold)


@lru_cache(maxsize=2)
def _load_shipped(shipped: bytes, threshold: Optional[float]) -> Extractor:
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(shipped)) as archive:
            archive.extractall(folder, filter="data")
        return Extractor.load(str(Path(folder) / "pipeline"), threshold)
