import json
import sqlite3
import sys

import pytest

from spacy_musicquery.data.catalogue_files import read_catalogue
from spacy_musicquery.data.link_table import (
    has_types,
    make_table,
    names_by_type,
    read_sql,
    read_table,
)
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


def table_of(*rows, artists=None):
    return make_table(enumerate(rows, start=1), "here", "title", artists)


def problem_of(*rows):
    with pytest.raises(ValueError, match=r"MQ212.*here: ") as error:
        table_of(*rows)
    return str(error.value)


@pytest.mark.parametrize("value", ["1", "true", "yes", "T", "y", "Yes", True, 1, 1.0])
def test_what_marks_a_row_as_deleted(value):
    row = {"id": "7", "name": "晴天", "deleted": value}
    assert table_of(row) == ([], ["7"])


@pytest.mark.parametrize(
    "value", ["", "0", "false", "NO", "f", "n", False, 0, 0.0, None, float("nan"), " "]
)
def test_what_marks_a_row_as_not_deleted(value):
    row = {"id": "7", "name": "晴天", "deleted": value}
    assert table_of(row) == ([Entry("7", "title", "晴天")], [])


def test_other_marks_are_reported():
    row = {"id": "7", "name": "晴天", "deleted": "Maybe"}
    assert "row 1: deleted is 'maybe', neither true nor false" in problem_of(row)


def test_a_deleted_row_needs_no_name_or_else_no_id():
    rows = [{"id": 7, "deleted": True}, {"name": "晴天", "deleted": True}]
    assert table_of(*rows, {"name": "红豆"}) == (
        [Entry("红豆", "title", "红豆")],
        ["7", "晴天"],  # as without an id, the name is the id
    )
    assert "row 1: it is deleted, but has neither" in problem_of({"deleted": True})


def test_a_table_may_hold_deleted_rows_only_and_needs_a_name_otherwise():
    deleted = {"id": "1", "deleted": 1}
    assert table_of(deleted).deleted == ["1"]
    problem = problem_of({"title": "晴天", "x": 1})
    assert "row 1: there is no column 'name' (there are: title, x)" in problem
    assert "(there are: none)" in problem_of({})
    assert "row 2: the name is empty" in problem_of(deleted, {"title": "晴天"})
    assert "row 2: the name is empty" in problem_of({"name": "a"}, {"title": "晴天"})


@pytest.mark.parametrize("column", ["name", "aliases", "artist"])
def test_a_name_of_two_hundred_characters_is_the_longest(column):
    row = {"name": "晴天", column: "长" * 200}
    assert len(table_of(row).entries) == 1
    problem = problem_of({**row, column: "长" * 1201})
    assert f"'{'长' * 20}'… is 1,201 characters long" in problem
    assert "201 characters" in problem_of({**row, column: "长" * 201})


@pytest.mark.parametrize(
    "char, is_one", [("\ud7ff", 1), ("\ud800", 0), ("\udfff", 0), ("\ue000", 1)]
)
def test_half_a_character_is_reported(char, is_one):
    for column in ("id", "name", "aliases", "artist"):
        row = {"name": "晴天", column: "a" + char}
        if is_one:
            assert len(table_of(row).entries) == 1
        else:
            assert f"{column} has a character that is none" in problem_of(row)


def test_texts_lose_blanks_and_doubles_and_empty_ones():
    row = {
        "id": 5.0,
        "name": " Hey \n Jude ",
        "aliases": "a| b |a||",
        "artist": ("c", " d", None, "c"),
        "popularity": " 3 ",
    }
    assert table_of(row).entries == [
        Entry("5", "title", "Hey Jude", ("a", "b"), ("c", "d"), 3.0)
    ]


@pytest.mark.parametrize(
    "column", ["id", "type", "name", "artist_id", "popularity", "deleted"]
)
@pytest.mark.parametrize("value", [["a"], ("a",), {"a": 1}])
def test_what_is_no_text_is_reported(column, value):
    assert f"{column} is {value!r}, not a text" in problem_of(
        {"name": "晴天", column: value}
    )


def test_a_list_in_a_list_is_reported():
    for column in ("aliases", "artist"):
        problem = problem_of({"name": "晴天", column: [["a"]]})
        assert f"{column} is ['a'], not a text" in problem


@pytest.mark.parametrize("value", ["inf", "nan", "-inf", "x"])
def test_popularity_is_a_number(value):
    problem = problem_of({"name": "晴天", "popularity": value})
    assert f"popularity is '{value}', not a number" in problem
    assert table_of({"name": "a", "popularity": "-1e3"}).entries[0].popularity == -1000.0


def test_an_id_is_that_of_one_row_of_a_type():
    rows = [
        {"id": 1, "type": "artist", "name": "a"},
        {"id": 1, "type": "title", "name": "b"},
    ]
    assert len(table_of(*rows).entries) == 2
    # Without ids, several may have the same name.
    assert len(table_of({"name": "a"}, {"name": "a"}).entries) == 2
    assert "row 3: the id '1' is that of row 1 as well" in problem_of(*rows, rows[0])


@pytest.mark.parametrize("type_name", ["artist", "singer", "band", "group", "Composer"])
@pytest.mark.parametrize("order", [1, -1])
def test_an_artist_is_meant_where_something_else_has_the_same_id(type_name, order):
    rows = [{"id": 1, "type": type_name, "name": "a"}, {"id": 1, "type": "x", "name": "b"}]
    (*_, song) = table_of(*rows[::order], {"name": "晴天", "artist_id": 1}).entries
    assert song.artists == ("a",)


def test_artists_by_id_are_those_of_the_table_or_what_is_known():
    known = {"1": "old", "2": "known"}
    rows = [
        {"name": "x", "artist_id": "1"},
        {"name": "y", "artist_id": "2"},
        {"name": "z", "artist_id": "3", "artist": "said"},
        {"id": "1", "type": "artist", "name": "new"},
    ]
    entries = table_of(*rows, artists=known).entries
    assert [entry.artists for entry in entries] == [("new",), ("known",), ("said",), ()]
    assert known == {"1": "old", "2": "known"}


def test_exactly_twenty_problems_are_all_of_them():
    problem = problem_of(*[{"name": ""}] * 20)
    assert "20 rows are wrong" in problem and "row 20: " in problem
    assert " more." not in problem
    assert "; and 1 more" in problem_of(*[{"name": ""}] * 21)
    assert "1,021 rows are wrong" in problem_of(*[{"name": ""}] * 1021)


def test_what_is_wrong_in_a_csv_file_is_reported_with_its_row(tmp_path):
    lines = [
        b"id,name",
        b"1,a",
        b"2,\xff",
        b'3,"b" x',
        b"4,c,",
        b'5,"d',
        b'd"',
        b"6,",
        b'7,"x',
    ]
    with pytest.raises(ValueError, match="MQ212") as error:
        read_table(write(tmp_path / "a.csv", b"\n".join(lines)))
    found = str(error.value)
    assert "5 rows are wrong" in found
    for problem in (
        "row 3: not UTF-8",
        "row 4: it is no row of a .csv file",
        "row 5: it has 3 cells, more than columns",
        "row 8: the name is empty",
        "row 9: it is no row of a .csv file",
    ):
        assert problem in found


def test_json_that_is_no_object_is_reported(tmp_path):
    lines = [
        '{"name": "a"}',
        "",
        "[1]",
        "[" * 100_000,
        "{",
        '{"name": "b"}',
        '{"name": ""}',
    ]
    with pytest.raises(ValueError, match="MQ212") as error:
        read_table(write(tmp_path / "a.jsonl", "\n".join(lines)))
    found = str(error.value)
    assert "4 rows are wrong" in found
    for problem in (
        "row 3: it is no JSON object (it is no object)",
        "row 4: it is no JSON object",
        "row 5: it is no JSON object",
        "row 7: the name is empty",
    ):
        assert problem in found


def test_rows_of_parquet_are_numbered_and_other_columns_left_out(tmp_path, monkeypatch):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    monkeypatch.setattr("spacy_musicquery.data.link_table._ROWS_AT_A_TIME", 2)
    path = tmp_path / "a.parquet"
    table = pyarrow.table({"name": ["a", "b", "c", ""], "more": [[1], [], None, [2]]})
    parquet.write_table(table, path)
    with pytest.raises(ValueError, match=r"1 rows are wrong: row 4: the name is empty\."):
        read_table(path)
    parquet.write_table(table.slice(0, 3), path)
    assert [entry.name for entry in read_table(path).entries] == ["a", "b", "c"]
    parquet.write_table(table.select(["more"]), path)
    with pytest.raises(ValueError, match="no column 'name'"):
        read_table(path)


@pytest.mark.parametrize(
    "name, content, expected",
    [
        ("a.jsonl", b"", True),
        ("a.csv", b"type,name\nx,y\n", True),
        ("a.csv", b"name,id,type\nx,1,y\n", True),
        ("a.csv", b"name,id\nx,1\n", False),
        ("a.csv", b"type,id\nx,1\n", False),
        ("a.csv", b"type,name\nx,y,z\n", False),
        ("a.csv", b"type,name\n\xff,y\n", False),
        ("a.csv", b"", False),
        ("a.txt", b"type,name\nx,y\n", False),
        ("a.parquet", b"type,name\nx,y\n", False),
    ],
)
def test_whether_a_table_has_types_is_seen_in_its_first_row(
    tmp_path, name, content, expected
):
    assert has_types(write(tmp_path / name, content)) is expected


@pytest.mark.parametrize("columns, expected", [("type name", True), ("id name", False)])
def test_whether_a_parquet_table_has_types(tmp_path, columns, expected, monkeypatch):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({name: ["x"] for name in columns.split()}), path)
    assert has_types(path) is expected
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert has_types(path) is False
    with pytest.raises(ImportError, match=r"MQ212.*a\.parquet.*pip install pyarrow"):
        read_table(path)


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


def test_rows_of_a_database_are_numbered_and_typed(database):
    query = "SELECT name, artist AS artist_id FROM songs WHERE id < 12"
    known = {"1": "周杰伦", "2": "孙燕姿"}
    entries = read_sql(database, query, "song", known).entries
    assert [(entry.type, entry.artists) for entry in entries] == [
        ("song", ("周杰伦",)),
        ("song", ("孙燕姿",)),
    ]
    with pytest.raises(ValueError, match=r"MQ212.*row 2: artist_id '2'"):
        read_sql(database, query, "song", {"1": "周杰伦"})


def test_errors_of_a_database_are_one_line_without_its_password(database):
    with pytest.raises(ValueError, match="no such table") as error:
        read_sql(database, "SELECT 'of a query'\nFROM missing")
    assert "\n" not in str(error.value) and "of a query" not in str(error.value)
    for url in ("nothing://user:secret@host/x", "sqlite://user:secret@host/x"):
        with pytest.raises(ValueError, match="MQ212") as error:
            read_sql(url, "SELECT 1")
        assert "secret" not in str(error.value) and "host" in str(error.value)


def test_what_is_no_address_of_a_database_is_not_shown():
    with pytest.raises(ValueError, match=r"MQ212\] catalogue database: "):
        read_sql("secret", "SELECT 1")


def test_without_sqlalchemy_no_database_is_read(monkeypatch):
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(ImportError, match="MQ213"):
        read_sql("sqlite://", "SELECT 1")


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
