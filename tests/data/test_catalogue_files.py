import csv
import json
import sys
from contextlib import suppress

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from spacy_musicquery.cli import app
from spacy_musicquery.data.catalogue_files import (
    catalogue_files,
    load_catalogue,
    read_catalogue,
    write_catalogue,
)

from ..conftest import make_trained
from ..pipeline.test_catalogue import NEW, pipeline_path, queries  # noqa: F401


def write(path, content):
    path.write_text(content, encoding="utf8")
    return path


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def test_text_files(tmp_path):
    write(tmp_path / "artist.pop.txt", "# Singers\n周杰伦\tJay Chou\n\n 五月天 \r\n")
    write(tmp_path / "artist.rock.txt", "﻿#1\n崔健")
    write(tmp_path / "title.txt", "晴天\n")
    write(tmp_path / "notes.md", "nothing")
    names = read_catalogue([tmp_path])
    assert names == {
        "artist": ["周杰伦", "Jay Chou", "五月天", "#1", "崔健"],
        "title": ["晴天"],
    }
    files = [tmp_path / "title.txt", tmp_path / "artist.rock.txt"]
    assert read_catalogue(files, "song") == {"song": ["晴天", "#1", "崔健"]}
    assert load_catalogue(None) is None
    (tmp_path / "empty").mkdir()
    with pytest.warns(UserWarning, match=r"MQ104.*empty") as warned:
        assert load_catalogue(tmp_path / "empty") is None
    assert warned[0].filename == __file__
    assert load_catalogue(str(tmp_path)) == names
    assert load_catalogue(tmp_path / "title.txt", "song") == {"song": ["晴天"]}
    again = write_catalogue(names, tmp_path / "out")
    assert read_catalogue(again) == names


def test_tables(tmp_path):
    path = write(tmp_path / "album.csv", 'id,name\n1,范特西\n2,"叶惠美, 现场"\n3,\n')
    assert read_catalogue([path]) == {"album": ["范特西", "叶惠美, 现场"]}
    assert read_catalogue([path], column="id") == {"album": ["1", "2", "3"]}
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "album.parquet"
    parquet.write_table(pyarrow.table({"name": ["范特西", None, "十一月的萧邦"]}), path)
    assert read_catalogue([path]) == {"album": ["范特西", "十一月的萧邦"]}


def test_a_folder_s_files_are_in_order_and_of_four_kinds(tmp_path):
    names = ["a.jsonl", "b.more.txt", "c.csv", "d.parquet", "e.txt"]
    for name in [*names, ".f.txt", "g.json", "h.tsv", "txt"]:
        write(tmp_path / name, "")
    assert [file.name for file in catalogue_files(tmp_path)] == names


def test_a_file_with_types_is_a_table_unless_a_type_or_column_is_asked_for(tmp_path):
    rows = "type,name,aliases,plays\nartist,周杰伦,周董,1\ntitle,晴天,,2\n"
    path = write(tmp_path / "music.csv", rows)
    other = write(tmp_path / "title.txt", "红豆\n")
    assert read_catalogue([other, path]) == {
        "title": ["红豆", "晴天"],
        "artist": ["周杰伦", "周董"],
    }
    assert read_catalogue([path], "song") == {"song": ["周杰伦", "晴天"]}
    assert read_catalogue([path], column="plays") == {"music": ["1", "2"]}
    assert load_catalogue(path, column="aliases") == {"music": ["周董"]}


def test_json_lines_have_a_column_of_names_as_other_tables(tmp_path):
    rows = '{"name": " 晴天 ", "n": 5}\n\n{"name": null}\n{"n": 6}\n'
    path = write(tmp_path / "music.jsonl", rows)
    assert read_catalogue([path], "song") == {"song": ["晴天"]}
    assert load_catalogue(path, column="n") == {"music": ["5", "6"]}
    for line, problem in (
        ('{"name": ["a"]}', r"music.jsonl:5: name is \['a'\], not a text"),
        ('{"name": {}}', "music.jsonl:5: name is {}, not a text"),
        ("[]", "music.jsonl:5: it is no JSON object"),
    ):
        write(path, rows + line)
        with pytest.raises(ValueError, match=problem):
            read_catalogue([path], "song")
    with pytest.raises(ValueError, match=r"MQ060.*holds no name"):
        read_catalogue([write(path, rows)], column="x")


def test_cells_may_be_missing_or_hold_numbers(tmp_path):
    path = write(tmp_path / "album.csv", "id,name\n1, a \n2\n3,b\n")
    assert read_catalogue([path]) == {"album": ["a", "b"]}
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "album.parquet"
    parquet.write_table(pyarrow.table({"id": [1, 2], "name": [" a ", "b" * 200]}), path)
    assert read_catalogue([path]) == {"album": ["a", "b" * 200]}
    assert read_catalogue([path], column="id") == {"album": ["1", "2"]}
    with pytest.raises(ValueError, match=r"MQ060.*no column 'x' \(it has: id, name\)"):
        read_catalogue([path], column="x")
    parquet.write_table(pyarrow.table({"name": ["a", "b" * 201]}), path)
    with pytest.raises(ValueError, match="row 2 is 201 characters"):
        read_catalogue([path])


def test_without_pyarrow_parquet_files_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = write(tmp_path / "album.parquet", "")
    with pytest.raises(ImportError, match=r"MQ060.*album.*pip install pyarrow"):
        read_catalogue([path])


def test_rows_that_are_none_of_csv_are_reported(tmp_path):
    limit = csv.field_size_limit(10)
    try:
        path = write(tmp_path / "album.csv", f"name\na\n{'b' * 11}\n")
        with pytest.raises(ValueError, match=r"MQ060.*row 3 is no row of a \.csv file"):
            read_catalogue([path])
    finally:
        csv.field_size_limit(limit)


@pytest.mark.parametrize(
    "name, content, problem",
    [
        ("artist.txt", b"ok\n\nx\xff", "artist.txt:3: not UTF-8"),
        ("artist.txt", b"ok\na\tb\t" + b"x" * 201, "row 2 is 201 characters"),
        ("artist.csv", b"id,title\n1,x\n", "no column 'name' .it has: id, title"),
        ("artist.csv", b"name\nok\n" + b"x" * 201, "row 3 is 201 characters"),
        ("artist.txt", b"", "holds no name"),
        ("artist.txt", b"# only a comment\n", "holds no name"),
        ("artist.txt", b"ok\n\xff\xfe", "not UTF-8"),
        ("artist.txt", b"ok\n" + b"x" * 201, "row 2 is 201 characters"),
        ("artist.csv", b"title\nx\n", "no column 'name' .it has: title"),
        ("artist.csv", b"", "no column 'name' .it has: none"),
        ("artist.parquet", b"no parquet", "Parquet|pyarrow"),
    ],
)
def test_bad_files_are_reported(tmp_path, name, content, problem):
    (tmp_path / name).write_bytes(content)
    with pytest.raises((ValueError, ImportError), match=problem) as error:
        read_catalogue([tmp_path / name])
    assert str(tmp_path / name) in str(error.value)


def test_missing_files_are_reported(tmp_path):
    for path in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(ValueError, match=r"MQ060.*(no such file|holds no)"):
            read_catalogue([path])


def test_catalogue_command(pipeline_path, tmp_path):  # noqa: F811
    names = write(tmp_path / "artist.txt", f"{NEW}\n")
    result = run("catalogue", pipeline_path, names, "--out", tmp_path / "added", "--add")
    assert result.exit_code == 0, result.output
    nlp = spacy.load(tmp_path / "added")
    assert queries(nlp, NEW) == [NEW]
    assert len(nlp.get_pipe("music_query").catalogue["artist"]) > 200
    args = ("catalogue", pipeline_path, names, "--out", tmp_path / "new", "--replace")
    assert run(*args).exit_code == 0
    nlp = spacy.load(tmp_path / "new")
    assert nlp.get_pipe("music_query").catalogue == {"artist": [NEW]}


def test_catalogue_command_refuses(pipeline_path, trained_path, tmp_path):  # noqa: F811
    names = write(tmp_path / "artist.txt", NEW)
    other = write(tmp_path / "title.txt", NEW)
    out = tmp_path / "out"
    for args, problem in (
        ([pipeline_path, names, "--out", pipeline_path], "pipeline to start from"),
        ([pipeline_path, names, "--out", out], "MQ240"),
        ([pipeline_path, names, "--out", out, "--add", "--replace"], "--add"),
        ([pipeline_path, other, "--out", out, "--add"], "MQ015"),
        ([trained_path, names, "--out", out], "MQ014"),
        ([pipeline_path, tmp_path / "none.txt", "--out", out], "no such file"),
    ):
        result = run("catalogue", *args)
        assert result.exit_code == 1 and problem in result.output
        assert not out.exists()


def test_names_command_writes_what_training_takes(tmp_path):
    rows = [
        {"text": "放周杰伦的晴天", "slots": [[1, 4, "singer"], [5, 7, "song"]]},
        {"text": "放晴天", "slots": [[1, 3, "song"]]},
    ]
    for row in rows:
        row["slots"] = [{"start": a, "end": b, "label": c} for a, b, c in row["slots"]]
    content = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    path = write(tmp_path / "in.jsonl", content)
    result = run("names", path, tmp_path / "names", "--spans-key", "slots")
    assert result.exit_code == 0, result.output
    assert read_catalogue([tmp_path / "names"]) == {"singer": ["周杰伦"], "song": ["晴天"]}
    types = write(tmp_path / "types.json", '{"song": "title", "album": "album"}')
    result = run("names", path, tmp_path / "t", "--spans-key", "slots", "--types", types)
    assert result.exit_code == 0, result.output
    assert read_catalogue([tmp_path / "t"]) == {"title": ["晴天"]}
    assert "also holds" not in result.output
    # What was there before is not deleted, but would be read.
    options = ("--spans-key", "slots", "--types", types)
    result = run("names", path, tmp_path / "names", *options)
    output = " ".join(result.output.split())
    assert result.exit_code == 0 and "also holds singer.txt, song.txt" in output


def test_names_command_where_there_are_none(tmp_path):
    path = write(tmp_path / "in.jsonl", '{"text": "放晴天", "music_query": "晴天"}')
    result = run("names", path, tmp_path / "names", "--spans-key", "slots")
    assert result.exit_code == 0 and "holds no names" in " ".join(result.output.split())
    assert not any((tmp_path / "names").iterdir())


@pytest.mark.parametrize("content", ["{", '["song"]', '{"song": 1}'])
def test_names_command_refuses_types_that_are_none(tmp_path, content):
    data = write(tmp_path / "in.jsonl", '{"text": "放晴天", "music_query": "晴天"}')
    types = write(tmp_path / "types.json", content)
    for path in (types, tmp_path / "missing.json"):
        result = run("names", data, tmp_path / "names", "--types", path)
        assert result.exit_code == 1 and path.name in result.output
        assert not (tmp_path / "names").exists()


def test_config_takes_a_catalogue(tmp_path):
    write(tmp_path / "artist.txt", "周杰伦")
    nlp = make_trained(steps=1)
    reader = {"@readers": "spacy_musicquery.Catalogue.v1", "path": str(tmp_path)}
    settings = {"initialize": {"components": {"music_query": {"catalogue": reader}}}}
    from ..conftest import make_examples

    again = spacy.util.load_model_from_config(nlp.config.merge(settings))
    again.initialize(lambda: make_examples(again))
    assert again.get_pipe("music_query").catalogue == {"artist": ["周杰伦"]}


@pytest.mark.parametrize(
    "type_name",
    [
        "/etc/passwd",
        "../out",
        "..",
        ".",
        "a/b",
        "a\\b",
        "a.b",
        ".txt",
        "",
        " a",
        "a\n",
        "C:x",
    ],
)
def test_a_type_names_a_file_in_the_folder_or_none(tmp_path, type_name):
    folder = tmp_path / "in" / "here"
    with pytest.raises(ValueError, match="MQ263"):
        write_catalogue({"artist": ["周杰伦"], type_name: ["晴天"]}, folder)
    assert not folder.exists()


@pytest.mark.parametrize("type_name", ["artist", "歌手 2", "a-b_c", "MUSIC_QUERY"])
def test_types_are_read_as_they_were_written(tmp_path, type_name):
    write_catalogue({type_name: ["晴天"]}, tmp_path)
    assert read_catalogue([tmp_path]) == {type_name: ["晴天"]}


def test_a_folder_for_names_is_made_and_may_be_there(tmp_path):
    folder = tmp_path / "a" / "b"
    assert write_catalogue({}, folder) == [] and folder.is_dir()
    for name in ("晴天", "红豆"):
        assert write_catalogue({"title": [name]}, folder) == [folder / "title.txt"]
        assert read_catalogue([folder]) == {"title": [name]}


ANY_NAME = st.text('a甲# \t\n\r\x0b\x85\u2028\ufeff\ud800\x00,"', max_size=4)


@given(ANY_NAME | st.just("a" * 200) | st.just("a" * 201))
def test_a_name_is_read_as_it_was_written_or_refused(tmp_path_factory, name):
    folder = tmp_path_factory.mktemp("names")
    try:
        write_catalogue({"title": [name, "晴天"]}, folder)
    except ValueError as error:
        assert "MQ264" in str(error) and not any(folder.iterdir())
        # What a line can hold is not refused.
        lines = f"{name}\n晴天\n".encode(errors="replace")
        (folder / "title.txt").write_bytes(lines)
        with suppress(ValueError):
            assert read_catalogue([folder])["title"] != [name, "晴天"]
    else:
        assert read_catalogue([folder]) == {"title": [name, "晴天"]}


def test_a_file_without_a_type_is_told(tmp_path):
    write(tmp_path / "title.txt", "晴天\n")
    for hidden in (".txt", ".title.txt", "._title.txt"):
        write(tmp_path / hidden, "七里香\n")
        # Hidden files are no part of a folder of names.
        assert read_catalogue([tmp_path]) == {"title": ["晴天"]}
        with pytest.raises(ValueError, match=r"MQ060.*says no type"):
            read_catalogue([tmp_path / hidden])
        assert read_catalogue([tmp_path / hidden], "title") == {"title": ["七里香"]}


def test_names_command_writes_nowhere_else(tmp_path):
    spans = [{"start": 2, "end": 4, "label": "/outside"}]
    data = write(tmp_path / "a.json", json.dumps([{"text": "播放晴天", "spans": spans}]))
    for label in (str(tmp_path / "outside"), "../outside"):
        spans[0]["label"] = label
        write(data, json.dumps([{"text": "播放晴天", "spans": spans}]))
        result = run("names", data, tmp_path / "out")
        assert result.exit_code == 1 and "MQ263" in result.output
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json"]
    types = write(tmp_path / "types.json", json.dumps({label: "title"}))
    assert run("names", data, tmp_path / "out", "--types", types).exit_code == 0
    assert read_catalogue([tmp_path / "out"]) == {"title": ["晴天"]}


def test_names_command_leaves_out_what_no_line_can_hold(tmp_path):
    text = "播放晴\n天和七里香"
    spans = [
        {"start": 2, "end": 5, "label": "title"},
        {"start": 6, "end": 9, "label": "title"},
    ]
    data = write(tmp_path / "a.json", json.dumps([{"text": text, "spans": spans}]))
    result = run("names", data, tmp_path / "out")
    assert result.exit_code == 0 and "1 names are left out" in result.output
    assert read_catalogue([tmp_path / "out"]) == {"title": ["七里香"]}
