"""What Ray and Spark map with."""

import pickle

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from spacy_musicquery.cli import app
from spacy_musicquery.serving import mappers
from spacy_musicquery.serving.arrow import extract_batch
from spacy_musicquery.serving.mappers import MusicQueryMapper, ship

from .conftest import TEXTS, make_rows


def test_a_table_becomes_what_its_batches_become(trained_path, extractor):
    rows = make_rows(100)
    batches = [pa.RecordBatch.from_pylist(rows[i : i + 30]) for i in range(0, 100, 30)]
    mapper = MusicQueryMapper(str(trained_path))
    expected = pa.Table.from_batches([extract_batch(extractor, batch) for batch in batches])
    assert mapper(pa.Table.from_batches(batches)).equals(expected)
    assert pa.Table.from_batches(mapper.map_in_arrow(batches)).equals(expected)
    assert mapper(pa.Table.from_batches(batches)[:0]).schema == expected.schema


def test_it_is_sent_without_the_pipeline_which_is_loaded_once(trained_path, monkeypatch):
    loads = []
    load = mappers.Extractor.load
    monkeypatch.setattr(mappers.Extractor, "load", lambda *a: loads.append(a) or load(*a))
    mappers._load.cache_clear()
    sent = pickle.dumps(
        MusicQueryMapper(str(trained_path), column="message", threshold=0.7)
    )
    assert len(sent) < 1000
    table = pa.table({"message": TEXTS})
    for _ in range(3):
        out = pickle.loads(sent)(table)
    assert loads == [(str(trained_path), 0.7)]
    assert out["music_query"][0][0]["text"].as_py() == "周杰伦的晴天"


def test_a_pipeline_can_be_sent_along(trained_path, extractor):
    sent = pickle.dumps(MusicQueryMapper(shipped=ship(trained_path)))
    batch = pa.record_batch({"text": TEXTS})
    (out,) = pickle.loads(sent).map_in_arrow([batch])
    assert out.equals(extract_batch(extractor, batch))


@pytest.mark.parametrize(
    "args, problem",
    [
        (["--engine", "dask", "--out", "out"], "expected ray or spark"),
        (["--engine", "ray", "--out", "."], "it is there already"),
        (["--engine", "ray", "--out", "out"], "clusters read Parquet"),
    ],
)
def test_what_engines_do_not_do(args, problem, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "in.parquet" if "." in args else "in.csv"
    (tmp_path / name).write_text("text\n听\n", encoding="utf8")
    result = CliRunner().invoke(app, ["extract", name, *args])
    assert result.exit_code == 1 and problem in result.output
