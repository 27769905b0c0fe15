import json

import pytest
from typer.testing import CliRunner

from spacy_musicquery.cli import app
from spacy_musicquery.linking.index import LinkIndex

TABLE = """id,type,name,artist_id,popularity
1,artist,周杰伦,,9
10,title,晴天,1,5
"""


def invoke(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "music.csv"
    path.write_text(TABLE, encoding="utf8")
    return path


def test_a_table_becomes_an_index_that_extract_links_to(table, tmp_path):
    index = tmp_path / "music.mql"
    result = invoke("link-index", table, "--out", index)
    assert result.exit_code == 0, result.output
    assert "2 entries (artist, title)" in result.output
    result = invoke("extract", "我想听周杰伦的晴天", "--links", index)
    (query,) = json.loads(result.stdout)["music_query"]
    assert [link["id"] for link in query["links"]] == ["10", "1"]
    assert query["links"][0]["artist"] == "周杰伦"
    result = invoke("extract", "我想听周杰伦的晴天")
    assert "links" not in json.loads(result.stdout)["music_query"][0]


def test_an_index_is_updated_by_what_has_changed(table, tmp_path):
    index = tmp_path / "music.mql"
    assert invoke("link-index", table, "--out", index).exit_code == 0
    changes = tmp_path / "changes.csv"
    changes.write_text(
        "id,type,name,artist_id,deleted\n11,title,稻香,1,\n10,title,,,true\n",
        encoding="utf8",
    )
    result = invoke("link-index", changes, "--update", index, "--out", index)
    assert result.exit_code == 0, result.output
    entries = {entry.id: entry for entry in LinkIndex.from_disk(index).entries()}
    assert set(entries) == {"1", "11"} and entries["11"].artists == ("周杰伦",)


@pytest.mark.parametrize(
    "args, problem",
    [
        ([], "name a file"),
        (["TABLE", "--sql", "sqlite://"], "name a file"),
        (["TABLE", "--query", "SELECT 1"], "a database needs a query"),
        (["TABLE", "--since", "2026"], "--update"),
    ],
)
def test_options_that_do_not_fit_are_refused(table, tmp_path, args, problem):
    args = [table if arg == "TABLE" else arg for arg in args]
    result = invoke("link-index", *args, "--out", tmp_path / "x")
    assert result.exit_code == 1 and problem in result.output


def test_a_damaged_index_is_reported(table, tmp_path):
    path = tmp_path / "music.mql"
    path.write_bytes(b"no index" * 10)
    result = invoke("extract", "听歌", "--links", path)
    assert result.exit_code == 1 and "MQ211" in result.output
