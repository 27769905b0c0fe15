"""The commands that use a trained pipeline."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser

import pytest
import spacy
import srsly
from typer.testing import CliRunner

from spacy_musicquery.cli import app
from spacy_musicquery.serving import extractor

from ..conftest import MESSAGES

TEXT = "我想听周杰伦的晴天"
EXTRACT = [sys.executable, "-m", "spacy", "music-query", "extract"]


def invoke(*args, stdin=None):
    return CliRunner().invoke(app, [str(arg) for arg in args], input=stdin)


def lines(result):
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_extract_in_a_fresh_process(trained_path):
    command = ["-m", "spacy", "music-query", "extract", TEXT, "今天天气怎么样"]
    result = subprocess.run(
        [sys.executable, *command, "--model", str(trained_path)],
        capture_output=True,
        encoding="utf8",
    )
    assert result.returncode == 0, result.stderr
    first, second = map(json.loads, result.stdout.splitlines())
    (query,) = first["music_query"]
    score = query.pop("score")
    assert first["text"] == TEXT and 0.9 < score <= 1
    assert query == {"text": "周杰伦的晴天", "start": 3, "end": 9, "label": "MUSIC_QUERY"}
    assert second == {"text": "今天天气怎么样", "music_query": []}


def test_extract_with_the_model_in_the_box():
    first, second = lines(invoke("extract", TEXT, "今天天气怎么样"))
    assert [query["text"] for query in first["music_query"]] == ["周杰伦的晴天"]
    assert second["music_query"] == []


def test_extract_leaves_out_what_is_less_sure(trained_path):
    sure, all_of_them = (
        lines(invoke("extract", TEXT, "--model", trained_path, "--threshold", threshold))
        for threshold in (1, 0)
    )
    assert not sure[0]["music_query"] and all_of_them[0]["music_query"]
    assert invoke("extract", TEXT, "--threshold", 2).exit_code != 0


def test_extract_to_a_page(trained_path, tmp_path):
    page = tmp_path / "page.html"
    options = ("--model", trained_path, "--html", page)
    result = invoke("extract", TEXT, "<b>今天</b>天气怎么样", *options)
    assert result.exit_code == 0 and "2 messages" in result.output
    html = page.read_text(encoding="utf8")
    (marked,) = re.findall(r"<mark.*?>\s*(\S+)\s*<span", html, re.DOTALL)
    assert marked == "周杰伦的晴天"
    assert "<b>" not in html and "&lt;b&gt;今天" in html


def test_extract_from_standard_input(trained_path):
    texts = [text for text, _ in MESSAGES] + ["", "😀"]
    result = invoke("extract", "--model", trained_path, stdin="\n".join(texts) + "\n")
    found = lines(result)
    assert [item["text"] for item in found] == texts
    assert [query["text"] for query in found[1]["music_query"]] == ["五月天", "林俊杰"]
    assert "五月天" in result.stdout


def test_extract_survives_bad_bytes_and_any_line_ending(trained_path):
    lines_in = [TEXT.encode() + b"\r", b"", b"  ", b"\xff\xfe", TEXT.encode()]
    result = subprocess.run(
        [*EXTRACT, "--model", str(trained_path)],
        input=b"\n".join(lines_in),
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert result.returncode == 0, result.stderr
    found = [json.loads(line) for line in result.stdout.decode().splitlines()]
    assert [item["text"] for item in found] == [TEXT, "", "  ", "\ufffd\ufffd", TEXT]
    assert found[0]["music_query"] == found[-1]["music_query"] != []


def test_extract_leaves_out_lines_that_are_too_long(trained_path, monkeypatch):
    nlp = spacy.load(trained_path)
    nlp.max_length = 20
    monkeypatch.setattr(extractor, "load_pipeline", lambda path: nlp)
    texts = [
        TEXT,
        "晴" * 20,
        "晴" * 21,
        TEXT,
        "a" * 100_000,
        "😀" * 3_000_000,
        TEXT,
        "b" * 21,
    ]
    result = invoke("extract", stdin="\n".join(texts))
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [item["text"] for item in found] == [TEXT, "晴" * 20, TEXT, TEXT]
    assert all(item["music_query"] for item in found if item["text"] == TEXT)
    told = [line for line in result.stderr.splitlines() if "standard input" in line]
    assert [re.search(r"input:(\d+): the line is longer", line)[1] for line in told] == [
        "3",
        "5",
        "6",
        "8",
    ]
    assert result.exit_code == 1


class Page(HTMLParser):
    """What a browser makes of a page: its elements, what they have, and its text."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.texts = Counter(), []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements[(tag, *(name for name, _ in attrs))] += 1

    def handle_data(self, data):
        self.texts.append(data)


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</style></title><script>alert(1)</script>",
    "&lt;script&gt;",
    "{{7*7}}<iframe src=//evil.example>",
]


def pages_of(label, name, folder):
    """The pages of a message with a query of some label, and of one with an error."""
    nlp = spacy.blank("zh")
    # Whatever else it says, the message has a query.
    component = nlp.add_pipe("music_query", config={"listen_threshold": 0.0})
    component.set_catalogue({"artist": ["周杰伦"]})
    component.parameters = component.parameters.replace(labels=(label,))
    nlp.to_disk(folder / "model")
    text = "播放周杰伦的歌，" + label
    data = folder / name
    srsly.write_jsonl(
        data, [{"text": text, "spans": [{"start": 0, "end": len(text), "label": label}]}]
    )
    pages = folder / "errors.html", folder / "extract.html"
    model = ("--model", folder / "model")
    for result in (
        invoke("errors", data, *model, "--html", pages[0]),
        invoke("extract", text, *model, "--html", pages[1]),
    ):
        assert result.exit_code == 0, result.output
    return [Page(path.read_text(encoding="utf8")) for path in pages]


def test_labels_and_texts_are_no_markup_in_any_page(tmp_path):
    hostile = "".join(HOSTILE)
    (tmp_path / "plain").mkdir()
    plain = pages_of("晴" * len(hostile), "plain.jsonl", tmp_path / "plain")
    pages = pages_of(hostile, "<b onclick=x>.jsonl", tmp_path)
    for page, other in zip(pages, plain):
        # Elements of a page whose label is harmless, and no others.
        assert set(page.elements) <= set(other.elements)
        assert page.elements[("script",)] == other.elements[("script",)]
        # Labels and texts stand there as they are.
        assert "".join(page.texts).count(hostile) >= 2
    assert "<b onclick=x>.jsonl" in "".join(pages[0].texts)


def test_extract_answers_each_line_as_it_comes(trained_path):
    with subprocess.Popen(
        [*EXTRACT, "--model", str(trained_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf8",
    ) as process:
        for text in (TEXT, "你好"):
            process.stdin.write(text + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["text"] == text
    assert process.returncode == 0


@pytest.mark.slow
def test_extract_stops_when_nobody_listens(trained_path):
    process = subprocess.Popen(
        [*EXTRACT, "--model", str(trained_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    _, stderr = process.communicate(TEXT.encode() * 1000)
    assert b"Traceback" not in stderr


def test_two_components_in_one_pipeline(trained_path, tmp_path):
    nlp = spacy.blank("zh")
    for name in ("one", "two"):
        nlp.add_pipe("music_query", source=spacy.load(trained_path), name=name)
    nlp.to_disk(tmp_path)
    (item,) = lines(invoke("extract", TEXT, "--model", tmp_path))
    assert len(item["music_query"]) == 1


def test_extract_from_a_component_of_another_name(trained_path, tmp_path):
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query", source=spacy.load(trained_path), name="queries")
    nlp.to_disk(tmp_path)
    assert len(lines(invoke("extract", TEXT, "--model", tmp_path))[0]["music_query"]) == 1


@pytest.mark.parametrize("command", [["extract", TEXT, "--model"], ["evaluate"]])
def test_no_pipeline_there(command, tmp_path):
    result = invoke(*command, tmp_path / "none", *command[2:0], "data.json")
    assert result.exit_code == 1
    assert "MQ050" in result.output and "music-query train" in result.output


def test_a_file_is_no_pipeline(tmp_path):
    (tmp_path / "music.csv").write_text("id,name\n1,晴天\n", "utf8")
    result = invoke("extract", TEXT, "--model", tmp_path / "music.csv")
    assert result.exit_code == 1 and "MQ050" in result.output


def test_pipeline_without_the_component(tmp_path):
    spacy.blank("zh").to_disk(tmp_path)
    result = invoke("extract", TEXT, "--model", tmp_path)
    assert result.exit_code == 1 and "MQ051" in result.output


@pytest.fixture
def records(tmp_path):
    path = tmp_path / "messages.jsonl"
    spans = [
        [{"start": s, "end": e, "label": label} for s, e, label in spans]
        for _, spans in MESSAGES
    ]
    texts = [text for text, _ in MESSAGES]
    srsly.write_jsonl(path, [{"text": t, "spans": s} for t, s in zip(texts, spans)])
    return path


def test_evaluate(trained_path, records, tmp_path):
    metrics = tmp_path / "metrics" / "test.json"
    result = invoke("evaluate", trained_path, records, "--output", metrics)
    assert result.exit_code == 0, result.output
    assert "100.00%" in result.output
    assert "False alarms: 0.00% of 2 messages without a query" in result.output
    scores = srsly.read_json(metrics)
    assert scores["ents_p"] == scores["ents_r"] == scores["ents_f"] == 1.0
    assert scores["music_query_false_alarms"] == 0.0
    assert set(scores["ents_per_type"]) == {"FILM", "MUSIC_QUERY"}


def test_evaluate_reads_what_convert_wrote(trained_path, records, tmp_path):
    corpus = tmp_path / "corpus.spacy"
    assert invoke("convert", records, corpus).exit_code == 0
    result = invoke("evaluate", trained_path, corpus)
    assert result.exit_code == 0 and "100.00%" in result.output


def test_evaluate_on_bad_data(trained_path, tmp_path):
    bad = tmp_path / "bad.json"
    bad.write_text('[{"text": "听歌", "music_query": "晴天"}]', encoding="utf8")
    result = invoke("evaluate", trained_path, bad)
    assert result.exit_code == 1 and "bad.json:1" in result.output
    bad = tmp_path / "bad.spacy"
    bad.write_bytes(b"no docbin")
    result = invoke("evaluate", trained_path, bad)
    assert result.exit_code == 1 and "MQ047" in result.output


def test_commands_explain_themselves():
    result = invoke("--help")
    for command in ("extract", "convert", "check-data", "vectors", "evaluate"):
        assert command in result.output


def test_a_page_in_chinese(tmp_path):
    page = tmp_path / "pages" / "page.html"
    result = invoke("extract", TEXT, "--html", page, "--html-lang", "zh")
    assert result.exit_code == 0, result.output
    html = page.read_text(encoding="utf8")
    assert 'lang="zh"' in html and "1 条消息，1 个查询" in html
    assert re.search(r"周杰伦的晴天<span>MUSIC_QUERY \d+ %</span>", html)
    result = invoke("extract", TEXT, "--html", page, "--html-lang", "fr")
    assert result.exit_code == 1 and "MQ003" in result.output
