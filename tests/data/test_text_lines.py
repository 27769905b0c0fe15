"""Whatever is in a file: clear errors with file and row, in bounded memory."""

import io
import json
import resource
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_musicquery.data import text_lines
from spacy_musicquery.data.catalogue_files import read_catalogue
from spacy_musicquery.data.raw_text import read_lines
from spacy_musicquery.data.records import read_records
from spacy_musicquery.data.text_lines import BadLine, read_lines_of

SOUND = '{"text": "放红豆", "music_query": "红豆"}'.encode()


def write(path, *lines):
    path.write_bytes(b"\n".join(lines))
    return path


@given(st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b""))))
def test_every_line_is_read_or_reported(lines):
    data = b"\n".join(lines)
    read = list(read_lines_of(io.BytesIO(data)))
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        assert [type(line) for _, line in read] == [BadLine]
        return
    n_lines = len(data.split(b"\n")) - (data.endswith(b"\n") or not data)
    assert [row for row, _ in read] == list(range(1, n_lines + 1))
    for line, (_, text) in zip(lines, read):
        if not isinstance(text, BadLine):
            assert text.encode() in (line, line[:-1], line[3:], line[3:-1])


def test_lines_that_are_too_long_are_left_out(monkeypatch):
    monkeypatch.setattr(text_lines, "MAX_LINE_BYTES", 10)
    data = b"a" * 9 + b"\n" + b"b" * 35 + b"\nshort\n" + b"c" * 11
    (_, first), (_, second), (_, third), (_, fourth) = read_lines_of(io.BytesIO(data))
    assert (len(first), third) == (9, "short")
    assert isinstance(second, BadLine) and isinstance(fourth, BadLine)


@pytest.mark.parametrize(
    "line, problem",
    [
        (b"[" * 100_000, "invalid JSON"),
        (b'{"text": "a", "music_query": ' + b"[" * 900 + b"]" * 900 + b"}", "music_query"),
        (b'{"text": "a", "text": "b", "music_query": ""}', "'text' stands twice"),
        (b'{"text": "a", "spans": [{"start": 0, "start": 1, "end": 1}]}', "must be a list"),
        (b'{"text": "a", "spans": [{"start": 0, "end": NaN}]}', "whole numbers"),
        (b'{"text": "a", "spans": [{"start": 0, "end": 1e999}]}', "whole numbers"),
        (b'{"text": "a", "spans": [{"start": 0, "end": ' + b"9" * 4000 + b"}]}", "offsets"),
        (b'{"text": "a", "spans": [{"start": 0, "end": ' + b"9" * 5000 + b"}]}", "JSON"),
        ('{"text": "听歌", "music_query": ""}'.encode("gbk"), "not UTF-8"),
        (b'{"text": "a", "music_query": "' + b"x" * 100_000 + b'"}', "does not occur"),
    ],
)
def test_hostile_rows_are_reported_with_file_and_row(tmp_path, line, problem):
    path = write(tmp_path / "a.jsonl", SOUND, line, SOUND)
    records, [found] = read_records(path)
    assert len(records) == 2
    assert str(found).startswith(f"{path}:2: ") and problem in str(found)
    assert len(str(found)) < 1000


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.txt"])
@pytest.mark.parametrize("encoding", ["utf-16", "gbk"])
def test_files_of_other_encodings_are_reported(tmp_path, name, encoding):
    text = "放 O\n红豆 S-song\n" if name == "a.txt" else f"[{SOUND.decode()}]"
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    records, problems = read_records(path)
    assert records == [] and "save the file as UTF-8" in str(problems[0])


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.txt"])
def test_a_mark_of_utf8_is_no_part_of_the_text(tmp_path, name):
    text = b"\xe6\x94\xbe O" if name == "a.txt" else SOUND
    path = tmp_path / name
    path.write_bytes(b"\xef\xbb\xbf" + (b"[" + text + b"]" if name == "a.json" else text))
    [record], problems = read_records(path)
    assert record.text[0] == "放" and problems == []


def test_files_of_lines_say_where_they_are_wrong(tmp_path):
    path = write(tmp_path / "artist.txt", "周杰伦".encode(), "五月天".encode("gbk"))
    for read in (read_lines, lambda p: read_catalogue([p])):
        with pytest.raises(ValueError, match=r"artist.txt:2: not UTF-8"):
            read(path)


def test_a_field_of_a_table_may_be_too_long(tmp_path):
    path = write(tmp_path / "artist.csv", b"name,year", b'"' + b"x" * 200_000 + b'",1')
    with pytest.raises(ValueError, match=r"MQ060.*row 2"):
        read_catalogue([path])


COMMANDS = {
    "convert": ("a.jsonl", "out.spacy"),
    "check-data": ("a.jsonl",),
    "negatives": ("a.txt", "out.spacy"),
    "catalogue": ("MODEL", "artist.txt", "--out", "out"),
    "extract": ("--model", "MODEL"),
}

# The commands one after the other, as starting Python takes longer than any of them.
RUN_ALL = """
import contextlib, io, json, resource, sys
from typer.testing import CliRunner
from spacy_musicquery.cli import app
results = {}
for name, args in json.loads(sys.argv[1]).items():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if name == "extract":
        sys.stdin = open("a.jsonl")
        with contextlib.redirect_stderr(io.StringIO()) as stderr:
            try:
                app(["extract", *args])
            except SystemExit as stopped:
                code, output = stopped.code, stderr.getvalue()
    else:
        result = CliRunner().invoke(app, [name, *args])
        code, output = result.exit_code, result.output
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    results[name] = (code, output, (after - before) / 1000)
print("RESULTS", json.dumps(results))
"""


def test_commands_refuse_a_line_without_end_in_little_memory(trained_path, tmp_path):
    for name in ("a.jsonl", "a.txt", "artist.txt"):
        with (tmp_path / name).open("wb") as file:
            file.write(b'{"text": "a", "music_query": ""}\n')
            file.truncate(1 << 30)  # a gigabyte of NUL, in one line
    args = {
        name: [str(trained_path) if arg == "MODEL" else arg for arg in args]
        for name, args in COMMANDS.items()
    }
    result = subprocess.run(
        [sys.executable, "-c", RUN_ALL, json.dumps(args)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "RESULTS" in result.stdout, result.stderr
    results = json.loads(result.stdout.split("RESULTS")[1])
    assert results.keys() == COMMANDS.keys()
    for name, (code, output, growth) in results.items():
        where = "standard input:2" if name == "extract" else ":2: "
        assert code == 1 and where in output and "longer than" in output, (name, output)
        assert growth < 200, (name, growth)
    assert not (tmp_path / "out.spacy").exists() and not (tmp_path / "out").exists()


def test_a_list_of_records_has_a_limit(tmp_path):
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    records, [problem] = read_records(path)
    assert records == [] and "jsonl" in problem.message
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
