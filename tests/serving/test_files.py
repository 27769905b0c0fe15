"""`extract --out`: whatever is in files, every row comes out or is set aside."""

import gzip
import json
import random
from datetime import datetime

import pyarrow as pa
import pytest
from pyarrow import csv as arrow_csv
from pyarrow import parquet
from typer.testing import CliRunner

from spacy_musicquery.cli import app
from spacy_musicquery.serving import readers

from .conftest import TEXTS, make_rows, read_jsonl, write_csv, write_jsonl

QUERIES = {
    "我想听周杰伦的晴天": ["周杰伦的晴天"],
    "播放五月天和林俊杰的歌": ["五月天", "林俊杰"],
    "来一首 Hey Jude 吧": ["Hey Jude"],
    "看电影流浪地球": ["流浪地球"],
}


@pytest.fixture
def run(trained_path, tmp_path):
    """The command, on files in a folder; what it printed."""

    def run(*args, output="out.jsonl", code=0):
        args = [
            tmp_path / arg if isinstance(arg, str) and "." in arg else arg for arg in args
        ]
        output = tmp_path / output
        options = ["--model", trained_path, "--out", output]
        result = CliRunner().invoke(app, ["extract", *map(str, [*args, *options])])
        assert result.exit_code == code, result.output
        # Nothing is left beside the output.
        left = [p.name for p in output.parent.iterdir() if p.name.startswith(".")]
        assert left == [] or code
        return result.output

    return run


def words(row):
    return [query["text"] for query in row["music_query"]]


def account(printed):
    """What was printed in the end: one line."""
    (line,) = printed.splitlines()
    return line


def test_records_keep_all_that_they_have_to_the_letter(run, tmp_path):
    lines = [
        '{"id": 12345678901234567890, "text": "我想听周杰伦的晴天", "x": 1.10}',
        ' {"text": "\\u542c\\u6b4c", "deep": {"a": [1, null]}, "note": "\\ud83d"} ',
        "",
        '{"text": null}',
        '{"music_query": "五月天", "text": "播放五月天和林俊杰的歌"}',
    ]
    (tmp_path / "in.jsonl").write_text("\n".join(lines), encoding="utf8")
    printed = run("in.jsonl")
    assert "✔ 4 messages, 3 queries in 2 of them" in account(printed)
    first, second, third, fourth = (tmp_path / "out.jsonl").read_text("utf8").splitlines()
    assert first.startswith(
        lines[0][:-1] + ', "music_query": [{"text": "周杰伦的晴天", "start": 3'
    )
    assert second == lines[1].strip()[:-1] + ', "music_query": []}'
    assert third == '{"text": null, "music_query": null}'
    assert words(json.loads(fourth)) == ["五月天", "林俊杰"]


@pytest.mark.parametrize(
    "suffix", [".jsonl", ".jsonl.gz", ".csv", ".tsv", ".txt", ".parquet"]
)
@pytest.mark.parametrize("output", ["out.parquet", "out.jsonl", "out.csv"])
def test_every_kind_becomes_every_kind(run, tmp_path, suffix, output):
    rows = [{"id": f"00{i}", "text": text} for i, text in enumerate(TEXTS)]
    path = tmp_path / f"in{suffix}"
    if suffix.startswith(".jsonl"):
        write_jsonl(path, rows)
    elif suffix == ".txt":
        path.write_text("\n".join(TEXTS) + "\n", encoding="utf8")
    elif suffix == ".parquet":
        parquet.write_table(pa.Table.from_pylist(rows), path)
    else:
        write_csv(path, rows, delimiter="\t" if suffix == ".tsv" else ",")
    run(path.name, output=output)
    path = tmp_path / output
    if output.endswith(".jsonl"):
        found = read_jsonl(path)
    elif output.endswith(".parquet"):
        found = parquet.read_table(path).to_pylist()
    else:
        as_text = arrow_csv.ConvertOptions(column_types={"id": pa.string()})
        found = arrow_csv.read_csv(path, convert_options=as_text).to_pylist()
        for row in found:
            row["music_query"] = json.loads(row["music_query"])
    assert [row["text"] for row in found] == TEXTS
    assert [words(row) for row in found] == [QUERIES.get(text, []) for text in TEXTS]
    assert suffix == ".txt" or [row["id"] for row in found] == [f"00{i}" for i in range(6)]


@pytest.mark.slow
def test_a_large_file_in_gb18030(run, tmp_path):
    rows = make_rows(100_000)
    write_csv(tmp_path / "in.csv", rows, encoding="gb18030")
    printed = account(run("in.csv", output="out.parquet"))
    assert "✔ 100,000 messages" in printed and "1 in GB18030" in printed
    assert "bad" not in printed
    out = parquet.read_table(tmp_path / "out.parquet")
    assert out["text"].to_pylist() == [row["text"] for row in rows]
    assert out["id"].to_pylist() == [str(row["id"]) for row in rows]


def test_a_table_in_gb18030(run, tmp_path):
    rows = [{"id": i, "text": f"放一首𠮷{i}"} for i in range(100)]
    write_csv(tmp_path / "in.csv", rows, encoding="gb18030")
    assert "1 in GB18030" in run("in.csv")
    assert [row["text"] for row in read_jsonl(tmp_path / "out.jsonl")] == [
        row["text"] for row in rows
    ]


def test_a_table_in_utf16(run, tmp_path):
    rows = make_rows(100)
    write_csv(tmp_path / "in.csv", rows, encoding="utf-16", delimiter="\t")
    printed = account(run("in.csv"))
    assert "✔ 100 messages" in printed and "1 in UTF-16-LE" in printed
    assert "bad" not in printed
    found = read_jsonl(tmp_path / "out.jsonl")
    assert [(row["id"], row["text"]) for row in found] == [
        (str(row["id"]), row["text"]) for row in rows
    ]
    assert words(found[0]) == ["周杰伦的晴天"]


def test_an_encoding_can_be_named(run, tmp_path):
    (tmp_path / "in.txt").write_bytes("テスト".encode("shift_jis") + b"\n")
    assert "1 in SHIFT_JIS" in run("in.txt", "--encoding", "shift_jis")
    assert read_jsonl(tmp_path / "out.jsonl")[0]["text"] == "テスト"
    assert "MQ052" in run("in.txt", "--encoding", "klingon", code=1)


def test_broken_records_are_set_aside(run, tmp_path):
    choose = random.Random(0)
    rows = make_rows(1000)
    broken = set(choose.sample(range(1000), 30))
    ways = [
        lambda line: line[:-3],
        lambda line: "[1]",
        lambda line: '{"id": 1}',
        lambda line: '{"text": 1}',
        lambda line: '{"text": "\\ud83d"}',
        lambda line: line.replace("id", "\udcff"),
        lambda line: "[" * 100_000,
    ]
    with (tmp_path / "in.jsonl").open("wb") as file:
        for i, row in enumerate(rows):
            line = json.dumps(row, ensure_ascii=False)
            line = choose.choice(ways)(line) if i in broken else line
            file.write(line.encode("utf8", "surrogateescape") + b"\n")
    printed = account(run("in.jsonl", "--bad", "bad.jsonl"))
    first = min(broken) + 1
    assert "✔ 970 messages" in printed and "bad rows: 30 (" in printed
    assert f"in.jsonl:{first}: " in printed
    kept = [row for i, row in enumerate(rows) if i not in broken]
    assert [row["id"] for row in read_jsonl(tmp_path / "out.jsonl")] == [
        row["id"] for row in kept
    ]
    bad = read_jsonl(tmp_path / "bad.jsonl")
    assert [row["row"] for row in bad] == [i + 1 for i in sorted(broken)]
    assert all(row["problem"] and row["file"].endswith("in.jsonl") for row in bad)


def test_bad_rows_that_nobody_keeps_are_mentioned(run, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"text": "听"}\n{', encoding="utf8")
    assert "--bad FILE keeps" in run("in.jsonl")


@pytest.mark.parametrize("name", ["in.jsonl", "in.txt", "in.csv"])
def test_a_line_may_be_too_long(run, tmp_path, name, monkeypatch):
    monkeypatch.setattr(readers, "MAX_LINE_BYTES", 5_000_000)
    before, after = ('{"text": "', '"}') if name == "in.jsonl" else ("", "")
    lines = [
        before + text + after
        for text in (TEXTS[0], "长" * 1_000_001, "长" * 3_000_000, TEXTS[1])
    ]
    head = ["text"] if name == "in.csv" else []
    (tmp_path / name).write_text("\n".join(head + lines) + "\n", encoding="utf8")
    printed = account(run(name, "--bad", "bad.jsonl"))
    assert "✔ 2 messages, 3 queries" in printed and "bad rows: 2" in printed
    bad = read_jsonl(tmp_path / "bad.jsonl")
    assert [row["row"] for row in bad] == [2 + len(head), 3 + len(head)]
    assert all(len(row["text"]) <= 200 for row in bad)
    assert "1,000,001 characters" in bad[0]["problem"]
    assert "5,000,000 bytes" in bad[1]["problem"]


@pytest.mark.parametrize(
    "name", ["in.jsonl", "in.txt", "in.csv", "in.parquet", "in.txt.gz"]
)
def test_empty_files(run, tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    printed = account(run(name, output="out.parquet"))
    assert "✔ 0 messages" in printed and "empty files: 1" in printed
    assert parquet.read_schema(tmp_path / "out.parquet").names == [
        "text",
        "music_query",
        "listen",
    ]


def test_tables_without_rows_keep_their_columns(run, tmp_path):
    empty = pa.table({"id": pa.array([], pa.int64()), "text": pa.array([], pa.string())})
    parquet.write_table(empty, tmp_path / "in.parquet")
    run("in.parquet", output="out.parquet")
    assert parquet.read_schema(tmp_path / "out.parquet").names[:2] == ["id", "text"]
    (tmp_path / "in.csv").write_text("id,text\n", encoding="utf8")
    run("in.csv", output="out.csv")
    header = (tmp_path / "out.csv").read_text(encoding="utf8")
    assert header == '"id","text","music_query","listen"\n'


def test_rows_of_csv_files_that_are_not_quite_right(run, tmp_path):
    lines = [
        "id,text,id",
        '1,"一,二\n三",x',
        '2,他说"好",x',
        "3,少一列",
        '4,"没有关上,x',
        "5,好的,x",
        '6,"里面有""引号""",x',
        "",
        '7,"引号"后面,x',
        "8,听,歌,x",
        "9,最后,x",
    ]
    (tmp_path / "in.csv").write_text("\r\n".join(lines), encoding="utf8", newline="")
    run("in.csv", "--bad", "bad.jsonl")
    rows = read_jsonl(tmp_path / "out.jsonl")
    assert [(row["id"], row["text"]) for row in rows] == [
        ("1", "一,二\n三"),
        ("2", '他说"好"'),
        ("5", "好的"),
        ("6", '里面有"引号"'),
        ("9", "最后"),
    ]
    assert [row["id_3"] for row in rows] == ["x"] * 5
    bad = read_jsonl(tmp_path / "bad.jsonl")
    assert [row["row"] for row in bad] == [5, 6, 10, 11]
    assert "2 columns, and the first row has 3" in bad[0]["problem"]
    assert "never closed" in bad[1]["problem"]


def test_a_quote_that_is_never_closed_costs_its_own_line_only(run, tmp_path):
    lines = ["id,text"] + [f"{i},听{i}" for i in range(5000)]
    lines[2000] = '1999,"听'
    (tmp_path / "in.csv").write_text("\n".join(lines), encoding="utf8")
    assert "✔ 4,999 messages" in run("in.csv")


def test_columns_of_records_need_not_agree(run, tmp_path):
    records = [
        {"text": "听", "a": 1, "b": {"x": 1}},
        {"a": 2.5, "text": "听", "b": [1], "c": "c"},
        {"text": "听", "a": 10**30},
    ]
    write_jsonl(tmp_path / "in.jsonl", records)
    run("in.jsonl", output="out.parquet")
    out = parquet.read_table(tmp_path / "out.parquet")
    assert out.schema.names == ["text", "a", "b", "c", "music_query", "listen"]
    assert out["c"].to_pylist() == [None, "c", None]
    assert out["b"].to_pylist() == ['{"x": 1}', "[1]", None]


def test_columns_of_files_need_not_agree(run, tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "CHUNK_ROWS", 2)
    rows = [{"text": "听", "id": i} for i in range(4)]
    rows += [{"text": "听", "id": "x"}, {"text": "听", "id": [1]}, {"text": "听", "n": 1}]
    write_jsonl(tmp_path / "a.jsonl", rows)
    write_csv(tmp_path / "b.csv", [{"text": "听", "other": "o"}])
    run("*.*", output="sub/out.parquet")
    out = parquet.read_table(tmp_path / "sub" / "out.parquet")
    assert out["id"].to_pylist() == ["0", "1", "2", "3", "x", "[1]", None, None]
    assert out["n"].to_pylist() == [None] * 6 + [1, None]
    assert out["other"].to_pylist() == [None] * 7 + ["o"]


def test_values_of_any_type_can_be_written(run, tmp_path):
    table = pa.table(
        {
            "text": TEXTS[:1],
            "time": [datetime(2026, 1, 2, 3, 4, 5)],
            "bytes": [b"\xff"],
            "list": [[1, 2]],
            "kind": pa.array(["a"]).dictionary_encode(),
        }
    )
    parquet.write_table(table, tmp_path / "in.parquet")
    for output in ("out.jsonl", "out.csv", "out.parquet"):
        run("in.parquet", output=output)
    (row,) = read_jsonl(tmp_path / "out.jsonl")
    assert row["time"] == "2026-01-02T03:04:05" and row["bytes"] == "\\xff"
    assert row["list"] == [1, 2] and row["kind"] == "a"
    out = parquet.read_table(tmp_path / "out.parquet").select(table.schema.names)
    assert out.to_pylist() == table.to_pylist()


def test_parquet_may_hold_text_that_is_none(run, tmp_path):
    data = pa.array([TEXTS[0].encode(), b"\xff\xfe", None])
    broken = pa.StringArray.from_buffers(3, *data.buffers()[1:], data.buffers()[0])
    parquet.write_table(pa.table({"text": broken}), tmp_path / "in.parquet")
    printed = run("in.parquet", "--bad", "bad.jsonl")
    assert "✔ 2 messages, 1 queries" in printed
    (bad,) = read_jsonl(tmp_path / "bad.jsonl")
    assert bad["row"] == 2 and "not UTF-8" in bad["problem"]


def test_a_compressed_file_may_break_off(run, tmp_path):
    data = gzip.compress("".join(f"听{i}\n" for i in range(20_000)).encode())
    (tmp_path / "a.txt.gz").write_bytes(data[: len(data) // 2])
    (tmp_path / "b.txt").write_text("放\n", encoding="utf8")
    printed = run("a.txt.gz", "b.txt")
    assert "breaks off here" in printed
    rows = read_jsonl(tmp_path / "out.jsonl")
    assert len(rows) > 2000 and rows[-1]["text"] == "放"
    assert [row["text"] for row in rows[:-1]] == [f"听{i}" for i in range(len(rows) - 1)]


def test_compressed_files(run, tmp_path):
    rows = make_rows(500)
    text = "".join(f"{row['text']}\n" for row in rows)
    (tmp_path / "a.txt.zst").write_bytes(
        pa.compress(text.encode(), codec="zstd", asbytes=True)
    )
    (tmp_path / "b.TXT.GZ").write_bytes(gzip.compress(text.encode("utf-16")))
    assert "1 in UTF-16-LE, 1 in UTF-8" in run("a.txt.zst", "b.TXT.GZ")
    texts = [row["text"] for row in read_jsonl(tmp_path / "out.jsonl")]
    assert texts == 2 * [row["text"] for row in rows]


def test_folders_and_globs(run, tmp_path):
    folder = tmp_path / "logs" / "2026"
    folder.mkdir(parents=True)
    for name in ("b.txt", "a.txt", "_note.txt", ".hidden.txt", "readme.md"):
        (folder / name).write_text(name, encoding="utf8")
    for names in ([tmp_path / "logs"], [folder / "*.txt", tmp_path / "logs"]):
        run(*map(str, names))
        texts = [row["text"] for row in read_jsonl(tmp_path / "out.jsonl")]
        assert texts[:2] == (
            ["a.txt", "b.txt"] if len(names) == 1 else ["_note.txt", "a.txt"]
        )
        assert len(texts) == len(set(texts))


def test_what_is_no_file_of_messages_is_refused(run, tmp_path):
    write_csv(tmp_path / "in.csv", [{"id": 1, "message": "听"}])
    assert "MQ280" in (said := run("in.csv", code=1)) and "id, message" in said
    parquet.write_table(pa.table({"text": [1]}), tmp_path / "in.parquet")
    assert "MQ281" in run("in.parquet", code=1)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no, it is not")
    assert "MQ287" in run("bad.parquet", code=1)
    (tmp_path / "bad.csv.gz").write_bytes(b"no gzip")
    assert "MQ287" in run("bad.csv.gz", code=1)
    (tmp_path / "in.xlsx").write_bytes(b"PK")
    assert "MQ282" in run("in.xlsx", code=1)
    assert "no such file" in run("none.csv", code=1)
    assert "ends in" in run("in.csv", output="out.xlsx", code=1)
    assert "one of the files" in run("in.csv", output="in.csv", code=1)
    assert run("in.csv", "--column", "message").startswith("✔ 1 messages")


def test_a_file_where_a_message_is_meant_is_noticed(trained_path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs.csv").write_text("text\n听\n", encoding="utf8")
    options = ["--model", str(trained_path)]
    result = CliRunner().invoke(app, ["extract", "logs.csv", *options])
    assert result.exit_code == 1 and "MQ283" in result.output and "--out" in result.output
    result = CliRunner().invoke(app, ["extract", "other.csv", "\0", "听" * 5000, *options])
    assert result.exit_code == 0


def test_workers_find_what_one_process_finds(run, tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "CHUNK_ROWS", 100)
    write_jsonl(tmp_path / "in.jsonl", make_rows(1000))
    run("in.jsonl")
    expected = (tmp_path / "out.jsonl").read_bytes()
    run("in.jsonl", "--workers", 2)
    assert (tmp_path / "out.jsonl").read_bytes() == expected
