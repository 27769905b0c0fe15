"""Tables in, tables out."""

import pyarrow as pa
import pytest

from spacy_musicquery.serving.arrow import extract_batch, output_schema
from spacy_musicquery.serving.extractor import Extractor

from ..conftest import HARD_TEXTS
from .conftest import TEXTS


def test_a_batch_gets_what_was_found_as_columns(extractor):
    batch = pa.record_batch({"id": range(6), "text": TEXTS})
    out = extract_batch(extractor, batch)
    assert out.schema == output_schema(extractor, batch.schema)
    assert out.select(["id", "text"]) == batch
    assert out.schema.names == ["id", "text", "music_query", "listen"]
    assert out.column("listen").null_count == 6  # this pipeline does not tell
    for row, expected in zip(out.to_pylist(), extractor.extract(TEXTS)):
        for query, same in zip(row["music_query"], expected["music_query"], strict=True):
            assert query.pop("score") == pytest.approx(same.pop("score"), abs=1e-4)
            assert query == same


def test_listening_is_a_probability():
    box = Extractor.load(None)
    out = extract_batch(box, pa.record_batch({"text": ["放首歌", "", None]}))
    listen, of_nothing, of_null = out.column("listen").to_pylist()
    assert 0.5 < listen <= 1 and 0 <= of_nothing < 0.5 and of_null is None
    assert out.column("music_query").to_pylist() == [[], [], None]


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.dictionary(pa.int32(), pa.string()),
        pa.null(),
    ],
)
def test_text_is_text_however_it_is_kept(extractor, kind):
    texts = [None] * 2 if pa.types.is_null(kind) else [TEXTS[0], None]
    column = pa.array(texts, pa.string() if kind != pa.null() else kind)
    column = (
        column.dictionary_encode() if pa.types.is_dictionary(kind) else column.cast(kind)
    )
    out = extract_batch(extractor, pa.record_batch({"text": column}))
    found = [queries and queries[0]["text"] for queries in out["music_query"].to_pylist()]
    assert found == [None if texts[0] is None else "周杰伦的晴天", None]


def test_other_columns_are_refused(extractor):
    batch = pa.record_batch({"message": TEXTS, "id": range(6)})
    with pytest.raises(ValueError, match=r"MQ280.*'text'.*message, id.*--column"):
        extract_batch(extractor, batch)
    with pytest.raises(ValueError, match=r"MQ281.*'id'.*int64"):
        extract_batch(extractor, batch, "id")


def test_columns_of_its_names_are_replaced(extractor):
    batch = pa.record_batch({"music_query": ["晴天"] * 6, "listen": [1] * 6, "text": TEXTS})
    out = extract_batch(extractor, batch)
    assert out.schema.names == ["text", "music_query", "listen"]
    assert out.to_pylist() == extract_batch(extractor, batch.select(["text"])).to_pylist()


def test_no_text_is_too_hard_and_those_too_long_are_null(trained):
    extractor = Extractor(trained)
    extractor.max_length = 4000
    out = extract_batch(extractor, pa.record_batch({"text": HARD_TEXTS}))
    queries = out.column("music_query").to_pylist()
    for text, found in zip(HARD_TEXTS, queries, strict=True):
        assert (found is None) == (len(text) > 4000)


def test_many_texts_are_found_as_one_by_one(extractor):
    texts = [TEXTS[i % 6] + "啊" * (i % 5) for i in range(2500)]
    out = extract_batch(extractor, pa.record_batch({"text": texts}))
    words = [[q["text"] for q in queries] for queries in out["music_query"].to_pylist()]
    one_by_one = {
        t: [q["text"] for q in extractor.extract([t])[0]["music_query"]] for t in texts
    }
    assert words == [one_by_one[text] for text in texts]


def test_an_empty_batch_has_the_columns(extractor):
    empty = pa.record_batch({"text": pa.array([], pa.string())})
    assert extract_batch(extractor, empty).schema == output_schema(extractor, empty.schema)


def test_links_stand_in_their_queries(linking):
    out = extract_batch(linking, pa.record_batch({"text": TEXTS[:2]}))
    assert out.schema == output_schema(linking, pa.schema([("text", pa.string())]))
    first = out["music_query"].to_pylist()[0][0]["links"]
    song = {"id": "id-周杰伦的晴天", "type": "song", "name": "周杰伦的晴天", "artist": ""}
    assert first == [{**song, "score": 0.75, "start": 0, "end": 6}]
    none = extract_batch(linking, pa.record_batch({"text": ["今天天气怎么样"]}))
    assert none["music_query"].to_pylist() == [[]]
