import json
import sqlite3

import pytest

from spacy_musicquery.data.catalogue_files import read_catalogue
from spacy_musicquery.data.link_table import names_by_type, read_sql, read_table
from spacy_musicquery.linking.entries import Entry

ROWS = [
    {
        "id": "1",
        "type": "artist",
        "name": "周杰伦",
        "aliases": ["Jay Chou", "周董"],
        "popularity": 99,
    },
    {"id": "10", "type": "title", "name": "晴天", "artist_id": 1},
    {"id": "11", "type": "title", "name": "屋顶", "artist": ["周杰伦", "温岚"]},
    {"name": "伤感", "type": "mood"},
]
ENTRIES = [
    Entry("1", "artist", "周杰伦", ("Jay Chou", "周董"), (), 99.0),
    Entry("10", "title", "晴天", (), ("周杰伦",)),
    Entry("11", "title", "屋顶", (), ("周杰伦", "温岚")),
    Entry("伤感", "mood", "伤感"),
]
CSV = """id,type,name,aliases,artist,artist_id,popularity
1,artist,周杰伦,Jay Chou|周董,,,99
10,title,晴天,,,1,
11,title,"屋顶",,周杰伦 | 温岚,,
,mood,伤感,,,,
"""


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf8"))
    return path


def test_csv(tmp_path):
    assert read_table(write(tmp_path / "music.csv", CSV)).entries == ENTRIES
    marked = write(
        tmp_path / "marked.csv", b"\xef\xbb\xbf" + CSV.replace("\n", "\r\n").encode()
    )
    assert read_table(marked).entries == ENTRIES


def test_json_lines(tmp_path):
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS)
    assert read_table(write(tmp_path / "music.jsonl", text + "\n\n")).entries == ENTRIES


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = ("id", "type", "name", "aliases", "artist", "artist_id", "popularity")
    table = pyarrow.table({name: [row.get(name) for row in ROWS] for name in columns})
    parquet.write_table(table, tmp_path / "music.parquet")
    assert read_table(tmp_path / "music.parquet").entries == ENTRIES


def test_the_type_of_a_row_without_one_is_the_file_s_or_what_is_said(tmp_path):
    path = write(tmp_path / "artist.more.csv", "name\n周杰伦\n")
    assert read_table(path).entries[0].type == "artist"
    assert read_table(path, "singer").entries[0].type == "singer"


def test_all_wrong_rows_are_reported_in_one_pass(tmp_path):
    text = (
        "id,type,name,artist_id,popularity\n"
        "1,artist,周杰伦,,\n"
        "2,title,,,\n"
        "1,artist,林俊杰,,\n"
        "3,title,晴天,77,\n"
        "4,title,稻香,,many\n"
        f"5,title,{'长' * 201},,\n"
        "6,title,夜曲,,1,2,3\n"
        "7,title,彩虹,1,1\n"
    )
    with pytest.raises(ValueError) as error:
        read_table(write(tmp_path / "music.csv", text))
    message = str(error.value)
    assert message.startswith("[MQ212] ") and "music.csv: 6 rows are wrong" in message
    for problem in (
        "row 3: the name is empty",
        "row 4: the id '1' is that of row 2 as well",
        "row 5: artist_id '77' is the id of no artist",
        "row 6: popularity is 'many', not a number",
        "row 7: ",
        "row 8: it has 7 cells",
    ):
        assert problem in message
    assert "row 9" not in message


def test_wrong_lines_of_json_are_reported(tmp_path):
    text = '{"name": "晴天"}\n{"name": \n[1]\n{"name": {"a": 1}}\n'.encode() + b"\xff\n"
    with pytest.raises(
        ValueError, match=r"4 rows.*row 2: .*row 3: .*row 4: .*row 5: .*UTF-8"
    ):
        read_table(write(tmp_path / "music.jsonl", text))


def test_more_than_twenty_are_counted(tmp_path):
    text = "id,name\n" + "1,\n" * 30
    with pytest.raises(ValueError, match=r"30 rows are wrong: row 2: .*; and 10 more"):
        read_table(write(tmp_path / "music.csv", text))


@pytest.mark.parametrize(
    "name, text, problem",
    [
        ("music.csv", "title\n晴天\n", "no column 'name' \\(there are: title\\)"),
        ("music.csv", "name\n", "it has no rows"),
        ("music.csv", "", "it has no rows"),
        ("music.txt", "晴天\n", "it is no .csv, .jsonl, .parquet file"),
        ("music.parquet", "晴天\n", "not a Parquet file"),
        ("none.csv", None, "there is no such file"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, name, text, problem):
    if text is not None:
        write(tmp_path / name, text)
    with pytest.raises(ValueError, match=f"MQ212.*{problem}"):
        read_table(tmp_path / name)


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "music.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE artists (id INTEGER, name TEXT)")
    connection.execute(
        "CREATE TABLE songs (id INTEGER, name TEXT, artist INTEGER, plays INTEGER,"
        " changed TEXT, gone BOOLEAN)"
    )
    connection.execute("INSERT INTO artists VALUES (1, '周杰伦'), (2, '孙燕姿')")
    connection.executemany(
        "INSERT INTO songs VALUES (?, ?, ?, ?, ?, ?)",
        [
            (10, "晴天", 1, 90, "2026-01-01", False),
            (11, "遇见", 2, None, "2026-02-01", False),
            (12, "夜曲", 1, 5, "2026-03-01", True),
        ],
    )
    connection.commit()
    connection.close()
    return f"sqlite:///{path}"


QUERY = (
    "SELECT songs.id, songs.name, artists.name AS artist, plays AS popularity, gone AS deleted"
    " FROM songs JOIN artists ON artists.id = songs.artist"
)


def test_a_database_is_read(database):
    table = read_sql(database, QUERY)
    assert table.entries == [
        Entry("10", "title", "晴天", (), ("周杰伦",), 90.0),
        Entry("11", "title", "遇见", (), ("孙燕姿",)),
    ]
    assert table.deleted == ["12"]


def test_only_what_has_changed_is_read(database):
    table = read_sql(database, QUERY + " WHERE changed > :since", since="2026-01-15")
    assert [entry.id for entry in table.entries] == ["11"] and table.deleted == ["12"]


@pytest.mark.parametrize(
    "url, query",
    [("sqlite://", "SELECT * FROM nothing"), ("nothing://x", "SELECT 1"), ("", "")],
)
def test_a_database_that_cannot_be_read_is_reported(url, query):
    with pytest.raises(ValueError, match="MQ212"):
        read_sql(url, query)


def test_the_same_file_is_a_catalogue(tmp_path):
    expected = {
        "artist": ["周杰伦", "Jay Chou", "周董", "温岚"],
        "title": ["晴天", "屋顶"],
        "mood": ["伤感"],
    }
    rows = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS)
    for name, text in (("music.csv", CSV), ("music.jsonl", rows)):
        assert read_catalogue([write(tmp_path / name, text)]) == expected
    plain = write(tmp_path / "artist.csv", "name,plays\n周杰伦,1\n")
    assert read_catalogue([plain]) == {"artist": ["周杰伦"]}


def test_the_same_table_is_a_catalogue():
    assert names_by_type(ENTRIES) == {
        "artist": ["周杰伦", "Jay Chou", "周董", "温岚"],
        "title": ["晴天", "屋顶"],
        "mood": ["伤感"],
    }
