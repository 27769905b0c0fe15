import json
import os
import re
import subprocess
import sys

import pytest
import spacy
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_musicquery.cli import app

from ..conftest import found

Q = "MUSIC_QUERY"
SOUND = [
    {"text": "播放周杰伦和林俊杰的歌", "music_query": ["周杰伦", "林俊杰"]},
    {"text": "来首 Hey Jude 吧 😀", "music_query": "Hey Jude"},
    {"text": "今天好冷", "music_query": ""},
]
SOUND_SPANS = [[(2, 5, Q), (6, 9, Q)], [(3, 11, Q)], []]
WRONG = [
    SOUND[0],
    {"text": "放红豆", "music_query": "晴空"},
    {"text": "放红豆", "spans": [{"start": 1, "end": 9}]},
    {"text": "放红豆", "spans": [{"start": 0, "end": 2}, {"start": 1, "end": 3}]},
    {"text": 5, "music_query": ""},
    {**SOUND[0], "music_query": "周杰伦"},
    SOUND[2],
]


@pytest.fixture(autouse=True)
def working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*args):
    """The exit code of a command, and its output without colours and line breaks."""
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, " ".join(plain(result.output).split())


def run_spacy(*args):
    command = [sys.executable, "-m", "spacy", "music-query", *map(str, args)]
    env = {**os.environ, "PYTHONUTF8": "1"}
    return subprocess.run(command, capture_output=True, encoding="utf8", env=env)


def plain(output):
    return re.sub(r"\x1b\[[\d;]*m", "", output)


def table(output):
    """The cells of a printed table's rows, by the first cell."""
    rows = [re.split(r"\s{2,}", line.strip()) for line in plain(output).splitlines()]
    return {name: cells for name, *cells in rows}


def write(path, items):
    lines = [json.dumps(item, ensure_ascii=False) for item in items]
    content = "\n".join(lines) if path.suffix == ".jsonl" else f"[{', '.join(lines)}]"
    path.write_text(content, encoding="utf8")
    return path


def read(path, lang="zh"):
    return list(DocBin().from_disk(path).get_docs(spacy.blank(lang).vocab))


def numbered(n):
    return [{"text": f"播放第{i}首", "music_query": f"第{i}首"} for i in range(n)]


# convert


@pytest.mark.parametrize("name", ["in.json", "in.jsonl"])
def test_convert_end_to_end(tmp_path, name):
    write(tmp_path / name, SOUND)
    done = run_spacy("convert", name, "new/folder/out.spacy")
    assert done.returncode == 0, done.stdout + done.stderr
    docs = read(tmp_path / "new" / "folder" / "out.spacy")
    assert [doc.text for doc in docs] == [item["text"] for item in SOUND]
    assert [found(doc) for doc in docs] == SOUND_SPANS
    assert "3 messages with 3 entities" in done.stdout


@pytest.mark.parametrize(
    "options, lang, words",
    [
        ([], "zh", ["我", "想", "听", "音", "乐", "会", "现", "场"]),
        (["--tokenizer", "char"], "zh", ["我", "想", "听", "音", "乐", "会", "现", "场"]),
        (["--tokenizer", "jieba"], "zh", ["我", "想", "听", "音乐", "会", "现场"]),
        (["-l", "en"], "en", ["我想听", "音乐", "会现场"]),
        (["--lang", "xx"], "xx", ["我想听", "音乐", "会现场"]),
    ],
)
def test_language_and_tokenizer_make_the_tokens(tmp_path, options, lang, words):
    write(
        tmp_path / "in.json", [{"text": "我想听音乐会现场", "music_query": "音乐"}, *SOUND]
    )
    assert run("convert", "in.json", "out.spacy", *options)[0] == 0
    docs = read(tmp_path / "out.spacy", lang)
    assert [token.text for token in docs[0]] == words
    assert [doc.text for doc in docs[1:]] == [item["text"] for item in SOUND]
    assert [found(doc) for doc in docs] == [[(3, 5, Q)], *SOUND_SPANS]


@pytest.mark.parametrize("options", [["--lang", "qq"], ["--tokenizer", "scissors"]])
def test_an_unknown_tokenizer_is_named_and_nothing_is_written(tmp_path, options):
    write(tmp_path / "in.json", SOUND)
    code, output = run("convert", "in.json", "out.spacy", *options)
    assert code == 1
    assert options[1] in output
    assert not (tmp_path / "out.spacy").exists()


def test_all_problems_are_told_at_once_and_nothing_is_written(tmp_path):
    write(tmp_path / "in.jsonl", WRONG)
    done = run_spacy("convert", "in.jsonl", "out.spacy", "--dev-share", "0.5")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    told = " ".join(plain(done.stdout + done.stderr).split())
    assert re.findall(r"in\.jsonl:(\d+): ", told) == ["2", "3", "4", "5", "6"]
    assert "--skip-invalid" in told
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


@pytest.mark.parametrize("command", [["convert"], ["check-data"]])
def test_each_problem_has_a_line_of_its_own(tmp_path, command):
    write(tmp_path / "in.json", WRONG)
    args = [*command, "in.json", *(["out.spacy"] if command == ["convert"] else [])]
    lines = plain(CliRunner().invoke(app, args).output).splitlines()
    starts = [re.match(r"\W*in\.json:(\d+): ", line) for line in lines]
    assert [match[1] for match in starts if match] == ["2", "3", "4", "5", "6"]


@pytest.mark.parametrize("command", ["convert", "check-data"])
def test_a_long_list_of_problems_is_told_to_the_end(tmp_path, command):
    write(
        tmp_path / "in.jsonl",
        [{"text": f"放{i}", "music_query": "红豆"} for i in range(150)],
    )
    args = [command, "in.jsonl", *(["out.spacy"] if command == "convert" else [])]
    code, output = run(*args)
    assert code == 1
    assert len(re.findall(r"in\.jsonl:\d+: ", output)) == 150


def test_wrong_rows_do_not_touch_an_older_file(tmp_path):
    write(tmp_path / "old.json", SOUND)
    run("convert", "old.json", "out.spacy")
    before = (tmp_path / "out.spacy").read_bytes()
    write(tmp_path / "in.json", WRONG)
    assert run("convert", "in.json", "out.spacy")[0] == 1
    assert (tmp_path / "out.spacy").read_bytes() == before


def test_skip_invalid_tells_the_problems_and_writes_the_rest(tmp_path):
    write(tmp_path / "in.json", WRONG)
    code, output = run("convert", "in.json", "out.spacy", "--skip-invalid")
    assert code == 0
    assert re.findall(r"in\.json:(\d+): ", output) == ["2", "3", "4", "5", "6"]
    docs = read(tmp_path / "out.spacy")
    assert [doc.text for doc in docs] == [SOUND[0]["text"], SOUND[2]["text"]]


@pytest.mark.parametrize(
    "content",
    [
        b'[{"text": "ok", "music_query": ""},]',
        '[{"text": "放", "music_query": ""}]'.encode("gbk"),
        b'[{"text": "ok", "music_query": "no"}]',
    ],
)
def test_skip_invalid_never_writes_a_file_without_messages(tmp_path, content):
    (tmp_path / "in.json").write_bytes(content)
    assert run("convert", "in.json", "out.spacy", "--skip-invalid")[0] == 1
    assert not (tmp_path / "out.spacy").exists()


@pytest.mark.parametrize("content", [None, "[]"])
def test_no_file_or_no_message_is_a_plain_error(tmp_path, content):
    if content is not None:
        (tmp_path / "in.json").write_text(content)
    code, output = run("convert", "in.json", "out.spacy")
    assert code == 1
    assert "in.json" in output
    assert not (tmp_path / "out.spacy").exists()


def test_label_and_spans_key_choose_the_entities(tmp_path):
    slots = [
        {"start": 1, "end": 3, "label": "singer"},
        {"start": 4, "end": 6, "label": "song"},
    ]
    items = [{"text": "放王菲的红豆", "music_query": "王菲的红豆", "slots": slots}]
    write(tmp_path / "in.json", items)
    run("convert", "in.json", "a.spacy", "--label", "MUSIC")
    run("convert", "in.json", "b.spacy", "--spans-key", "slots")
    assert found(read(tmp_path / "a.spacy")[0]) == [(1, 6, "MUSIC")]
    assert found(read(tmp_path / "b.spacy")[0]) == [(1, 3, "singer"), (4, 6, "song")]


def test_two_column_files_and_prodigys_jsonl_are_converted(tmp_path):
    columns = "放 O\n  O\n红 B-song\n豆 E-song\n\n早 O\n"
    (tmp_path / "in.bioes").write_text(columns, encoding="utf8")
    span = {"start": 1, "end": 3, "label": "song", "token_start": 1, "token_end": 2}
    prodigy = [
        {"text": "放红豆", "spans": [span], "answer": "accept", "_task_hash": 1},
        {"text": "放晴空", "spans": [span], "answer": "reject", "_task_hash": 2},
    ]
    write(tmp_path / "in.jsonl", prodigy)
    assert run("convert", "in.bioes", "a.spacy")[0] == 0
    assert run("convert", "in.jsonl", "b.spacy")[0] == 0
    docs = read(tmp_path / "a.spacy")
    assert [doc.text for doc in docs] == ["放 红豆", "早"]
    assert [found(doc) for doc in docs] == [[(2, 4, "song")], []]
    assert [doc.text for doc in read(tmp_path / "b.spacy")] == ["放红豆"]


# convert --dev-share


def test_one_file_is_split_end_to_end(tmp_path):
    write(tmp_path / "in.json", [*numbered(20), *numbered(20)])
    options = ["--dev-share", "0.2", "--seed", "42"]
    done = run_spacy("convert", "in.json", "out.spacy", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    train = [doc.text for doc in read(tmp_path / "out.spacy")]
    dev = [doc.text for doc in read(tmp_path / "dev.spacy")]
    assert (len(train), len(dev)) == (32, 8)
    assert not set(train) & set(dev)
    assert sorted(train + dev) == sorted(item["text"] for item in [*numbered(20)] * 2)


def test_the_seed_decides_the_split(tmp_path):
    write(tmp_path / "in.json", numbered(30))
    parts = []
    for seed in (42, 42, 43):
        options = ["--dev-share", "0.2", "--seed", seed, "--dev", "set/apart.spacy"]
        assert run("convert", "in.json", "out.spacy", *options)[0] == 0
        parts.append([doc.text for doc in read(tmp_path / "set" / "apart.spacy")])
    assert parts[0] == parts[1] != parts[2]


def test_without_a_share_there_is_one_file(tmp_path):
    write(tmp_path / "in.json", numbered(10))
    run("convert", "in.json", "out.spacy")
    assert len(read(tmp_path / "out.spacy")) == 10
    assert not (tmp_path / "dev.spacy").exists()


def test_training_messages_named_dev_are_refused(tmp_path):
    write(tmp_path / "in.json", numbered(10))
    assert run("convert", "in.json", "dev.spacy", "--dev-share", "0.2")[0] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["in.json"]


def test_both_parts_in_one_file_are_refused(tmp_path):
    write(tmp_path / "in.json", numbered(10))
    options = ["--dev-share", "0.2", "--dev", "out.spacy"]
    assert run("convert", "in.json", "out.spacy", *options)[0] != 0
    assert not (tmp_path / "out.spacy").exists()


def test_the_input_is_never_overwritten(tmp_path):
    before = write(tmp_path / "in.json", SOUND).read_bytes()
    assert run("convert", "in.json", "in.json")[0] != 0
    assert (tmp_path / "in.json").read_bytes() == before


@pytest.mark.parametrize("share", ["0", "1", "0.01", "1.5", "-0.2", "some"])
def test_a_share_that_cannot_be_is_refused(tmp_path, share):
    write(tmp_path / "in.json", numbered(10))
    assert run("convert", "in.json", "out.spacy", "--dev-share", share)[0] != 0
    assert [path.name for path in tmp_path.iterdir()] == ["in.json"]


# check-data


def test_check_data_prints_a_table_end_to_end(tmp_path):
    write(tmp_path / "train.json", [*SOUND, SOUND[2]])
    dev = [SOUND[0], {"text": "放林俊杰的红豆", "music_query": "林俊杰的红豆"}]
    write(tmp_path / "dev.jsonl", dev)
    done = run_spacy("check-data", "train.json", "dev.jsonl")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = table(done.stdout)
    assert rows["messages"] == ["4", "2"]
    assert rows["queries"] == ["3", "3"]
    assert rows[Q] == ["3", "3"]
    assert rows["messages without a query"] == ["2 (50.0%)", "0 (0.0%)"]
    assert rows["repeated messages"] == ["1 (25.0%)", "0 (0.0%)"]
    assert rows["characters a message: median, longest"][1] == "9, 11"
    assert rows["messages also in train"] == ["1 (50.0%)"]
    assert rows["queries not in train"] == ["1 (33.3%)"]
    assert rows["characters not in train"] == ["2 红豆"]
    assert "No problems found" in done.stdout


def test_the_columns_of_the_table_are_aligned(tmp_path):
    write(tmp_path / "a.json", SOUND)
    output = plain(CliRunner().invoke(app, ["check-data", "a.json", "a.json"]).output)
    lines = output.split("Dev against train")[0].strip("\n").splitlines()
    assert len({len(line) for line in lines if line.strip()}) == 1


def test_check_data_of_one_file_compares_nothing(tmp_path):
    write(tmp_path / "a.json", SOUND)
    code, output = run("check-data", "a.json")
    assert code == 0
    assert "Train" in output
    assert "Dev" not in output


def test_check_data_reads_what_convert_wrote(tmp_path):
    write(tmp_path / "a.json", SOUND)
    run("convert", "a.json", "a.spacy")
    first, second = (
        table(CliRunner().invoke(app, ["check-data", name]).output)
        for name in ("a.json", "a.spacy")
    )
    assert first == second
    assert first["queries"] == ["3"]


@pytest.mark.parametrize("place", [0, 1])
def test_check_data_tells_the_problems_of_both_files_and_fails(tmp_path, place):
    write(tmp_path / "good.json", SOUND)
    write(tmp_path / "bad.jsonl", WRONG)
    names = ["good.json", "good.json"]
    names[place] = "bad.jsonl"
    code, output = run("check-data", *names)
    assert code == 1
    assert re.findall(r"bad\.jsonl:(\d+): ", output) == ["2", "3", "4", "5", "6"]
    assert "5 problem(s)" in output
    assert "No problems" not in output


@pytest.mark.parametrize("name", ["a.json", "a.spacy"])
def test_check_data_names_a_missing_or_broken_file(tmp_path, name):
    code, output = run("check-data", name)
    assert (code, name in output) == (1, True)
    (tmp_path / name).write_bytes(b"\x00broken")
    code, output = run("check-data", name)
    assert (code, name in output) == (1, True)


# vectors


def read_vectors(path, binary=False):
    from gensim.models import KeyedVectors

    return KeyedVectors.load_word2vec_format(str(path), binary=binary)


def test_vectors_end_to_end(tmp_path):
    (tmp_path / "raw.txt").write_text("放红豆\n\n放 晴空\n", encoding="utf8")
    done = run_spacy("vectors", "raw.txt", "--out", "new/chars.txt", "--width", "8")
    assert done.returncode == 0, done.stdout + done.stderr
    vectors = read_vectors(tmp_path / "new" / "chars.txt")
    assert set(vectors.key_to_index) == set("放红豆晴空")
    assert vectors.vector_size == 8


def test_vectors_are_trained_on_records_and_on_folders(tmp_path):
    write(tmp_path / "a.json", [{"text": "放红豆", "music_query": "红豆"}])
    write(tmp_path / "a.jsonl", [{"text": "听晴", "music_query": ""}])
    (tmp_path / "chat").mkdir()
    (tmp_path / "chat" / "b.txt").write_text("早安", encoding="utf8")
    (tmp_path / "chat" / "notes.md").write_text("不", encoding="utf8")
    code, output = run("vectors", "a.json", "a.jsonl", "chat", "-o", "chars.bin", "-w", 4)
    assert code == 0
    assert "from 3 texts" in output
    vectors = read_vectors(tmp_path / "chars.bin", binary=True)
    assert set(vectors.key_to_index) == set("放红豆听晴早安")


def test_the_same_texts_and_seed_give_the_same_vectors(tmp_path):
    (tmp_path / "raw.txt").write_text("放红豆\n听晴空\n", encoding="utf8")
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run("vectors", "raw.txt", "--out", name, "--width", 4, "--seed", seed)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b != c


def test_min_count_leaves_rare_characters_out(tmp_path):
    (tmp_path / "raw.txt").write_text("放红豆\n放晴空\n", encoding="utf8")
    run("vectors", "raw.txt", "--out", "a.txt", "--min-count", 2)
    assert set(read_vectors(tmp_path / "a.txt").key_to_index) == {"放"}
    code, output = run("vectors", "raw.txt", "--out", "b.txt", "--min-count", 3)
    assert (code, "--min-count" in output) == (1, True)
    assert not (tmp_path / "b.txt").exists()


@pytest.mark.parametrize("content", [None, "放红豆".encode("gbk")])
def test_vectors_names_a_text_it_cannot_read(tmp_path, content):
    if content is not None:
        (tmp_path / "raw.txt").write_bytes(content)
    code, output = run("vectors", "raw.txt", "--out", "a.txt")
    assert code == 1
    assert "raw.txt" in output


def test_vectors_tells_wrong_records_and_names_no_option_it_lacks(tmp_path):
    write(tmp_path / "a.json", WRONG)
    code, output = run("vectors", "a.json", "--out", "a.txt")
    assert code == 1
    assert re.findall(r"a\.json:(\d+): ", output) == ["2", "3", "4", "5", "6"]
    assert "--skip-invalid" not in output


# cais-records


@pytest.fixture
def corpus(tmp_path):
    for split in ("train", "valid", "test"):
        directory = tmp_path / "CAIS" / split
        directory.mkdir(parents=True)
        tags = "放 O\n王 B-singer_name\n菲 E-singer_name\n的 O\n红 B-song_name\n豆 E-song_name\n"
        (directory / f"ch.{split}").write_text(f"{tags}\n早 O\n  O\n", encoding="utf8")
        (directory / f"ch.{split}.intent").write_text("PlayMusic\nHi\n", encoding="utf8")
    rules = {
        "intents": ["PlayMusic"],
        "labels": ["singer_name", "song_name"],
        "joiners": ["的"],
        "apart": ["singer_name"],
    }
    (tmp_path / "rules.json").write_text(json.dumps(rules), encoding="utf8")
    return tmp_path / "CAIS"


CAIS_RECORDS = ["cais-records", "CAIS", "records", "--rules", "rules.json"]


def test_cais_records_are_what_convert_takes(tmp_path, corpus):
    done = run_spacy(*CAIS_RECORDS)
    assert done.returncode == 0, done.stdout + done.stderr
    names = sorted(path.name for path in (tmp_path / "records").iterdir())
    assert names == ["rules.json", "test.jsonl", "train.jsonl", "valid.jsonl"]
    run("convert", "records/train.jsonl", "a.spacy")
    run("convert", "records/train.jsonl", "b.spacy", "--spans-key", "slots")
    merged, slots = read(tmp_path / "a.spacy"), read(tmp_path / "b.spacy")
    assert [doc.text for doc in merged] == ["放王菲的红豆", "早 "]
    assert [found(doc) for doc in merged] == [[(1, 6, Q)], []]
    assert found(slots[0]) == [(1, 3, "singer_name"), (4, 6, "song_name")]


def test_other_rules_make_other_records(tmp_path, corpus):
    assert run(*CAIS_RECORDS)[0] == 0
    train = tmp_path / "records" / "train.jsonl"
    before = train.read_bytes()
    assert "already there" in run(*CAIS_RECORDS)[1]
    rules = json.loads((tmp_path / "rules.json").read_text(encoding="utf8"))
    (tmp_path / "rules.json").write_text(json.dumps({**rules, "joiners": []}))
    assert run(*CAIS_RECORDS)[0] == 0
    assert train.read_bytes() != before


def test_records_that_are_there_stay(tmp_path):
    (tmp_path / "records").mkdir()
    for split in ("train", "valid"):
        write(tmp_path / "records" / f"{split}.jsonl", SOUND)
    before = (tmp_path / "records" / "train.jsonl").read_bytes()
    code, output = run(*CAIS_RECORDS)  # neither the corpus nor the rules are there
    assert code == 0
    assert "already there" in output
    assert (tmp_path / "records" / "train.jsonl").read_bytes() == before


def test_half_of_the_records_are_made_anew(tmp_path, corpus):
    (tmp_path / "records").mkdir()
    write(tmp_path / "records" / "train.jsonl", SOUND)
    assert run(*CAIS_RECORDS)[0] == 0
    assert (tmp_path / "records" / "valid.jsonl").is_file()


def test_without_records_and_corpus_the_error_says_how_to_fetch_it(tmp_path):
    (tmp_path / "rules.json").write_text("{}")
    code, output = run(*CAIS_RECORDS)
    assert code == 1
    assert "spacy project assets" in output
    assert "CAIS" in output


@pytest.mark.parametrize(
    "path, content, told",
    [
        ("rules.json", "{", "rules.json"),
        ("rules.json", None, "rules.json"),
        ("CAIS/valid/ch.valid.intent", "PlayMusic\n", "2 messages"),
        ("CAIS/test/ch.test", None, "ch.test"),
        ("CAIS/test/ch.test", "早 O\n\n早 oops\n", "ch.test:3"),
    ],
)
def test_a_broken_corpus_or_rules_write_nothing(tmp_path, corpus, path, content, told):
    if content is None:
        (tmp_path / path).unlink()
    else:
        (tmp_path / path).write_text(content, encoding="utf8")
    code, output = run(*CAIS_RECORDS)
    assert code == 1
    assert told in output
    assert not (tmp_path / "records").exists()


# All of them


def test_every_data_command_is_listed_and_has_help():
    done = run_spacy("--help")
    for command in ("convert", "check-data", "vectors", "cais-records"):
        assert command in done.stdout
        assert run(command, "--help")[0] == 0
