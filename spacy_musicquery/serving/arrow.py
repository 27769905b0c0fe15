"""Tables in, tables out: an Arrow record batch with messages to the same with what was found
in them. Files, Ray and Spark are shells of this."""

from typing import Any, List, Optional, Sequence

import numpy as np
import pyarrow as pa

from ..errors import Errors
from ..pipeline.query_finder import Prediction
from ..tokens.intents import LISTEN
from .extractor import Extractor, Links

QUERIES, LISTENING = "music_query", "listen"
# How many texts the model gets at a time: more take more memory, and no less time.
_TEXTS_AT_ONCE = 1024

_LINK_FIELDS = [
    pa.field("id", pa.string()),
    pa.field("type", pa.string()),
    pa.field("name", pa.string()),
    pa.field("artist", pa.string()),
    pa.field("score", pa.float32()),
    pa.field("start", pa.int32()),
    pa.field("end", pa.int32()),
]
_QUERY_FIELDS = [
    pa.field("text", pa.string()),
    pa.field("start", pa.int32()),
    pa.field("end", pa.int32()),
    pa.field("label", pa.string()),
    pa.field("score", pa.float32()),
]


def output_schema(extractor: Extractor, schema: pa.Schema) -> pa.Schema:
    """Say what `extract_batch` makes of batches.

    extractor (Extractor): What finds queries.
    schema (Schema): The columns of the batches.
    RETURNS (Schema): Theirs and `music_query` and `listen`.
    """
    fields = [f for f in schema if f.name not in (QUERIES, LISTENING)]
    queries = pa.list_(pa.struct(_query_fields(extractor)))
    fields += [pa.field(QUERIES, queries), pa.field(LISTENING, pa.float32())]
    return pa.schema(fields, metadata=schema.metadata)


def extract_batch(
    extractor: Extractor, batch: pa.RecordBatch, column: str = "text"
) -> pa.RecordBatch:
    """Find the queries of a batch of messages.

    extractor (Extractor): What finds them.
    batch (RecordBatch): The messages, and any other columns.
    column (str): The column that holds the messages.
    RETURNS (RecordBatch): The same with the columns `music_query`, a list of structs of
        "text", "start", "end" (characters, end exclusive), "label" and "score", with
        "links" if the pipeline has a linker; and `listen`, the probability that the
        message asks to hear music. Columns of these names are replaced. Both are null
        where there is no message or one longer than the pipeline's `max_length`, and
        `listen` where the pipeline does not tell.
    RAISES (ValueError): If there is no such column, or it holds no text.
    """
    texts = _texts(batch, column, extractor.max_length)
    found = _find(extractor, texts)
    schema = output_schema(extractor, batch.schema)
    columns = [batch.column(name) for name in schema.names[:-2]]
    listening = [None if f is None else f.cats.get(LISTEN) for f in found]
    columns += [
        _query_array(extractor, texts, found),
        pa.array(
            listening if extractor.tells_listen else [None] * len(found), pa.float32()
        ),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _find(
    extractor: Extractor, texts: Sequence[Optional[str]]
) -> List[Optional[Prediction]]:
    """What is found in each text; None where there is none."""
    found: List[Optional[Prediction]] = []
    for first in range(0, len(texts), _TEXTS_AT_ONCE):
        some = texts[first : first + _TEXTS_AT_ONCE]
        of_some = iter(extractor.find([text for text in some if text is not None]))
        found += [None if text is None else next(of_some) for text in some]
    return found


def _texts(batch: pa.RecordBatch, column: str, max_length: int) -> List[Optional[str]]:
    if batch.schema.get_field_index(column) < 0:
        columns = ", ".join(batch.schema.names) or "none"
        message = Errors.MQ280.format(path="the table", column=column, columns=columns)
        raise ValueError(message)
    kind = batch.schema.field(column).type
    require_text(column, kind)
    texts = batch.column(column).cast(pa.string()).to_pylist()
    return [None if text is None or len(text) > max_length else text for text in texts]


def require_text(column: str, kind: pa.DataType) -> None:
    """Refuse a column that holds no text.

    column (str): Its name.
    kind (DataType): What it holds.
    RAISES (ValueError): If that is no text.
    """
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    is_text = pa.types.is_string(value) or pa.types.is_large_string(value)
    if not (is_text or pa.types.is_string_view(value) or pa.types.is_null(value)):
        raise ValueError(Errors.MQ281.format(column=column, kind=kind))


def _query_fields(extractor: Extractor) -> List[pa.Field]:
    links = [pa.field("links", pa.list_(pa.struct(_LINK_FIELDS)))]
    return _QUERY_FIELDS + (links if extractor.linker is not None else [])


def _query_array(
    extractor: Extractor,
    texts: Sequence[Optional[str]],
    found: Sequence[Optional[Prediction]],
) -> pa.ListArray:
    """The queries of all texts, column by column: no object is made for each."""
    words: List[str] = []
    starts, ends, labels, scores = [], [], [], []
    for text, prediction in zip(texts, found):
        # Most messages have none.
        if text is not None and prediction is not None and prediction.spans:
            for start, end, label, score in prediction.spans:
                words.append(text[start:end])
                starts.append(start)
                ends.append(end)
                labels.append(label)
                scores.append(score)
    columns: List[Any] = [words, starts, ends, labels, scores]
    arrays = [pa.array(values, f.type) for values, f in zip(columns, _QUERY_FIELDS)]
    if extractor.linker is not None:
        arrays.append(_link_array(extractor.links(words)))
    structs = pa.StructArray.from_arrays(arrays, fields=_query_fields(extractor))
    n_queries = [0, *(0 if p is None else len(p.spans) for p in found)]
    is_null = np.array([p is None for p in found] + [False])
    offsets = pa.array(np.cumsum(n_queries, dtype=np.int32), mask=is_null)
    return pa.ListArray.from_arrays(offsets, structs)


def _link_array(links: Sequence[Links]) -> pa.ListArray:
    return pa.array(links, pa.list_(pa.struct(_LINK_FIELDS)))
