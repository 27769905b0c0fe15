"""Annotated messages as other tools write them."""

import json

import pytest

from spacy_musicquery.data.records import read_records
from spacy_musicquery.data.suggestion_files import FORMATS

Q = "MUSIC_QUERY"
TEXT = "😀放周杰伦的晴天"
SPANS = ((2, 8, Q),)


def write(path, content):
    if not isinstance(content, str):
        is_list = path.suffix == ".json"
        lines = (json.dumps(item, ensure_ascii=False) for item in content)
        content = json.dumps(content) if is_list else "\n".join(lines)
    path.write_text(content, encoding="utf8")
    return path


def read(path):
    records, problems = read_records(path)
    assert problems == []
    return [(record.text, record.spans, record.intent) for record in records]


def problems_of(path):
    _, problems = read_records(path)
    return [(problem.row, problem.message) for problem in problems]


def studio(text=TEXT, start=3, end=9, marked="周杰伦的晴天", **more):
    """A task of Label Studio, which counts the emoji as two."""
    value = {"start": start, "end": end, "text": marked, "labels": [Q]}
    result = [{"from_name": "label", "to_name": "text", "type": "labels", "value": value}]
    return {"id": 1, "data": {"text": text}, "annotations": [{"result": result, **more}]}


@pytest.mark.parametrize(
    "item",
    [
        {"id": 1, "text": TEXT, "label": [[2, 8, Q]]},
        {"id": 1, "data": TEXT, "labels": [[2, 8, Q]], "Comments": []},
        {
            "text": TEXT,
            "entities": [{"id": 0, "label": Q, "start_offset": 2, "end_offset": 8}],
            "relations": [],
        },
        studio(),
        {
            "text": TEXT,
            "label": [{"start": 3, "end": 9, "text": "周杰伦的晴天", "labels": [Q]}],
        },
        {
            "tokens": list(TEXT),
            "ner_tags": ["O", "O", f"B-{Q}", *[f"I-{Q}"] * 5],
        },
    ],
)
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_json_of_other_tools(tmp_path, item, name):
    assert read(write(tmp_path / name, [item])) == [(TEXT, SPANS, None)]


def test_intents_of_other_tools(tmp_path):
    task = studio()
    choice = {"type": "choices", "value": {"choices": ["Play"]}}
    task["annotations"][0]["result"].append(choice)
    doccano = {"text": "放晴天", "entities": [], "cats": ["Play"]}
    path = write(tmp_path / "a.json", [task, doccano])
    assert [intent for *_, intent in read(path)] == ["Play", "Play"]


def test_what_an_annotator_skipped_is_left_out(tmp_path):
    path = write(tmp_path / "a.json", [studio(was_cancelled=True), studio()])
    assert read(path) == [(TEXT, SPANS, None)]


def test_words_of_latin_letters_have_blanks_between_them(tmp_path):
    tags = ["O", f"B-{Q}", f"I-{Q}", "O"]
    item = {"tokens": ["来首", "Hey", "Jude", "吧"], "ner_tags": tags}
    assert read(write(tmp_path / "a.jsonl", [item])) == [
        ("来首Hey Jude吧", ((2, 10, Q),), None)
    ]


@pytest.mark.parametrize(
    "item, problem",
    [
        ({"text": "放晴天", "label": [[1, 9, Q]]}, "offsets 1 to 9"),
        ({"text": "放晴天", "label": [["晴天", Q]]}, "[start, end, label]"),
        ({"text": "放晴天", "label": [], "cats": ["A", "B"]}, "one intent, not 2"),
        (studio(start=0, end=2), "does not stand at 0 to 2"),
        ({"data": {"text": "放晴天"}, "annotations": []}, "not annotated"),
        ({"data": {"text": "放晴天"}, "predictions": [{}]}, "not annotated"),
        ({"data": {"a": "x", "b": "y"}, "annotations": [{}]}, 'no "text"'),
        ({"tokens": ["放"], "ner_tags": ["O", "O"]}, "1 tokens, but 2 ner_tags"),
        ({"tokens": ["放"], "ner_tags": [0]}, "are numbers"),
        ({"tokens": ["放"], "ner_tags": ["X"]}, "no token"),
    ],
)
def test_what_is_wrong_in_them_is_said_with_its_row(tmp_path, item, problem):
    path = write(tmp_path / "a.jsonl", [{"text": "你好", "music_query": ""}, item])
    ((row, message),) = problems_of(path)
    assert row == 2 and problem in message


RASA = """version: "3.1"
nlu:
- intent: play
  examples: |
    - 放[周杰伦的晴天](MUSIC_QUERY)
    - 听[红豆]{"entity": "title", "role": "first"}吧
- synonym: 周董
  examples: |
    - 杰伦
- intent: chat
  examples: |
    - 今天好冷
"""
RASA_MARKDOWN = """## intent:play
- 放[周杰伦的晴天](MUSIC_QUERY)
* 听[红豆](title:hongdou)吧
## synonym:周董
- 杰伦
## intent: chat
- 今天好冷
"""


@pytest.mark.parametrize("name, content", [("a.yml", RASA), ("a.md", RASA_MARKDOWN)])
def test_rasa(tmp_path, name, content):
    path = write(tmp_path / name, content)
    assert read(path) == [
        ("放周杰伦的晴天", ((1, 7, Q),), "play"),
        ("听红豆吧", ((1, 3, "title"),), "play"),
        ("今天好冷", (), "chat"),
    ]
    rows = [record.row for record in read_records(path)[0]]
    lines = content.splitlines()
    assert ["放" in lines[rows[0] - 1], "好冷" in lines[rows[2] - 1]] == [True, True]


@pytest.mark.parametrize(
    "content, row, problem",
    [
        ("nlu:\n- intent: a\n  examples: |\n    - 放[晴天]{x}\n", 4, "invalid JSON"),
        ("rules: []\n", 1, 'no list "nlu"'),
        ("nlu: [\n", None, "invalid YAML"),
    ],
)
def test_what_is_wrong_in_rasas_data(tmp_path, content, row, problem):
    ((found, message),) = problems_of(write(tmp_path / "a.yml", content))
    assert problem in message and row in (None, found)


def test_old_json_of_rasa(tmp_path):
    entity = {"start": 1, "end": 3, "value": "晴天", "entity": "title"}
    example = {"text": "放晴天", "intent": "play", "entities": [entity]}
    data = {"rasa_nlu_data": {"common_examples": [example]}}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(data), encoding="utf8")
    assert read(path) == [("放晴天", ((1, 3, "title"),), "play")]


@pytest.mark.parametrize(
    "name, delimiter", [("a.csv", ","), ("a.csv", ";"), ("a.tsv", "\t")]
)
def test_tables(tmp_path, name, delimiter):
    rows = [
        ["id", "text", "query", "intent"],
        ["1", "播放周杰伦和林俊杰的歌", "周杰伦|林俊杰", "play"],
        ["2", '"今天, 好冷; 是吧\t吗"', "", ""],
    ]
    content = "\ufeff" + "\r\n".join(delimiter.join(row) for row in rows)
    (first, second) = read(write(tmp_path / name, content))
    assert first == ("播放周杰伦和林俊杰的歌", ((2, 5, Q), (6, 9, Q)), "play")
    assert second[1:] == ((), None)


@pytest.mark.parametrize(
    "content, row, problem",
    [
        ("message,label\n放晴天,晴天\n", 1, "none of music_query"),
        ("text,query\n放晴天,晴天\n你好\n", 3, "1 cells"),
        ("text,query\n放晴天,红豆\n", 2, "does not occur"),
    ],
)
def test_what_is_wrong_in_a_table(tmp_path, content, row, problem):
    ((found, message),) = problems_of(write(tmp_path / "a.csv", content))
    assert found == row and problem in message


def test_two_columns_may_still_end_in_tsv(tmp_path):
    path = write(tmp_path / "a.tsv", f"放\tO\n晴\tB-{Q}\n天\tI-{Q}\n")
    assert read(path) == [("放晴天", ((1, 3, Q),), None)]


@pytest.mark.parametrize("format_name", ["records", "prodigy"])
@pytest.mark.parametrize("text, spans", [(TEXT, SPANS), ("听听歌", ((1, 2, Q),))])
def test_suggestions_are_read_as_they_were_written(tmp_path, format_name, text, spans):
    item = FORMATS[format_name](text, spans, 0.4)
    assert read(write(tmp_path / "a.jsonl", [item])) == [(text, spans, None)]


def test_what_label_studio_returns_of_a_suggestion_is_read(tmp_path):
    task = FORMATS["label-studio"](TEXT, SPANS, 0.4)
    result = task["predictions"][0]["result"]
    assert result[0]["value"]["start"] == 3  # an emoji is two
    path = write(tmp_path / "a.json", [{**task, "annotations": [{"result": result}]}])
    assert read(path) == [(TEXT, SPANS, None)]
