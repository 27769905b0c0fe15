"""Annotated messages as other tools write them."""

import csv
import json

import pytest

from spacy_musicquery.data import other_formats
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


def spans_of(path):
    ((_, spans, _),) = read(path)
    return [list(span) for span in spans]


@pytest.mark.parametrize("key", ["label", "labels", "entities"])
@pytest.mark.parametrize(
    "label",
    [
        [1, 3, "song"],
        {"start_offset": 1, "end_offset": 3, "label": "song"},
        {"start": 1, "end": 3, "label": "song"},
        {"start": 1, "end": 3, "entity": "song", "value": "晴天"},
        {"start": 1, "end": 3, "text": "晴天", "labels": ["song"]},
    ],
)
def test_spans_are_read_by_any_of_their_keys(tmp_path, key, label):
    path = write(tmp_path / "a.jsonl", [{"text": "放晴天", key: [label]}])
    assert spans_of(path) == [[1, 3, "song"]]


@pytest.mark.parametrize(
    "more, intent",
    [
        ({"cats": ["play"]}, "play"),
        ({"cats": []}, None),
        ({"cats": "play"}, "play"),
        ({"intent": "play"}, "play"),
        ({"intent": ["play"]}, "play"),
        ({}, None),
    ],
)
def test_an_intent_is_a_string_or_a_list_of_one(tmp_path, more, intent):
    item = {"text": "放晴天", "label": [[1, 3, Q]], **more}
    assert read(write(tmp_path / "a.jsonl", [item])) == [("放晴天", ((1, 3, Q),), intent)]


def test_tokens_without_tags_are_no_tagged_tokens(tmp_path):
    item = {"text": "放晴天", "tokens": ["放", "晴天"], "label": [[1, 3, Q]]}
    assert spans_of(write(tmp_path / "a.jsonl", [item])) == [[1, 3, Q]]


@pytest.mark.parametrize("key", ["ner_tags", "tags", "labels"])
def test_tags_are_read_by_any_of_their_keys_and_with_an_intent(tmp_path, key):
    item = {"tokens": ["放", "晴天"], key: ["O", "S-song"], "intent": "play"}
    path = write(tmp_path / "a.jsonl", [item])
    assert read(path) == [("放晴天", ((1, 3, "song"),), "play")]


@pytest.mark.parametrize(
    "tokens, tags, text, spans",
    [
        # Blanks at the edges of a span are none of it, and a span of blanks is no span.
        (["放", " ", "晴", " "], ["O", "B-a", "I-a", "I-a"], "放 晴 ", [(2, 3)]),
        ([" ", "晴"], ["B-a", "I-a"], " 晴", [(1, 2)]),
        (["放", "  ", "晴"], ["O", "S-a", "O"], "放  晴", []),
        # Between words there is a blank, not beside other characters.
        (["Hey", "J.", "Z"], ["B-a", "I-a", "I-a"], "Hey J.Z", [(0, 7)]),
        (["(a", "b", ")c"], ["B-a", "E-a", "O"], "(a b)c", [(0, 4)]),
        (["U", "2"], ["B-a", "M-a"], "U 2", [(0, 3)]),
        (["U", "2"], ["S-a", "S-a"], "U 2", [(0, 1), (2, 3)]),
        (["U", "2"], ["B-a", "B-a"], "U 2", [(0, 1), (2, 3)]),
        (["é", "a", ""], ["B-a", "I-a", "O"], "éa", [(0, 2)]),
        (["晴", "天", "好"], ["B-a", "M-a", "E-a"], "晴天好", [(0, 3)]),
        (["晴", "天"], ["B-a", "O"], "晴天", [(0, 1)]),
    ],
)
def test_tokens_are_joined_as_they_are_written(tmp_path, tokens, tags, text, spans):
    path = write(tmp_path / "a.jsonl", [{"tokens": tokens, "ner_tags": tags}])
    assert read(path) == [(text, tuple((*span, "a") for span in spans), None)]


def test_the_text_of_a_task_is_called_so_or_is_the_only_string(tmp_path):
    task = studio()
    for data in ({"text": TEXT, "source": "web"}, {"query": TEXT, "number": 1}):
        path = write(tmp_path / "a.json", [{**task, "data": data}])
        assert read(path) == [(TEXT, SPANS, None)]


@pytest.mark.parametrize("predictions", [{}, {"predictions": []}])
def test_a_task_may_hold_the_result_of_its_only_annotation(tmp_path, predictions):
    task = studio()
    task["result"] = task.pop("annotations")[0]["result"]
    path = write(tmp_path / "a.json", [{**task, **predictions}])
    assert read(path) == [(TEXT, SPANS, None)]


@pytest.mark.parametrize(
    "result", [None, [], [None], [{"type": "relation", "from_id": "a"}]]
)
def test_an_annotator_who_found_nothing_says_that_there_is_nothing(tmp_path, result):
    task = studio()
    task["annotations"][0]["result"] = result
    assert read(write(tmp_path / "a.json", [task])) == [(TEXT, (), None)]


def two_annotators(*orders):
    """A task in which spans are marked twice, each time in an order."""
    marked = [(1, 3, "红豆"), (4, 12, "abcdefgh")]
    values = [
        {"value": {"start": start, "end": end, "text": text, "labels": [Q]}}
        for start, end, text in marked
    ]
    done = [{"result": [values[i] for i in order]} for order in orders]
    return {"data": {"text": "放红豆和abcdefgh"}, "annotations": done}


def test_annotators_may_mark_spans_in_another_order(tmp_path):
    path = write(tmp_path / "a.json", [two_annotators([0, 1], [1, 0])])
    assert spans_of(path) == [[1, 3, Q], [4, 12, Q]]


@pytest.mark.parametrize(
    "text, start",
    [("😀放晴天", 3), ("\U00010000放晴天", 3), ("😀\uffff放晴天", 4), ("晴😀天晴天", 4)],
)
def test_label_studio_counts_what_is_beyond_four_digits_twice(tmp_path, text, start):
    task = studio(text=text, start=start, end=start + 2, marked="晴天")
    n = len(text)
    assert spans_of(write(tmp_path / "a.json", [task])) == [[n - 2, n, Q]]


def test_offsets_in_characters_are_read_if_they_hold_the_marked_text(tmp_path):
    path = write(tmp_path / "a.json", [studio(start=2, end=8)])
    assert spans_of(path) == [[2, 8, Q]]
    # What is not said cannot be compared.
    path = write(tmp_path / "a.json", [studio(start=2, end=4, marked=None)])
    assert spans_of(path) == [[2, 4, Q]]


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
        ({"tokens": [1], "ner_tags": ["O"]}, "1 with the tag"),
        ({"tokens": ["放"], "ner_tags": [None]}, "with the tag null"),
        ({"tokens": "放晴", "tags": ["O", "O"]}, '"tokens" must be a list, not "放晴"'),
        ({"tokens": ["放"], "tags": "O"}, '"tags" must be a list, not "O"'),
        ({"tokens": ["放"], "labels": [1]}, "features['labels'].feature.names"),
        (
            {"text": "放晴天", "label": [[1, 3]]},
            "[start, end, label] was expected, not [1, 3]",
        ),
        ({"text": "放晴天", "label": ["晴天"]}, 'was expected, not "晴天"'),
        ({"text": "放晴天", "label": "晴天"}, "no "),
        ({"text": "放晴天", "intent": ["甲", "乙"], "label": []}, 'not 2: ["甲", "乙"]'),
        (studio(start=4, end=10), '"周杰伦的晴天" does not stand at 4 to 10'),
        ({"data": {"text": "放晴天"}, "annotations": None}, "not annotated"),
        ({"data": {"text": "放晴天"}, "annotations": 1}, "not annotated"),
        ({"data": {"a": "x", "b": "y"}, "annotations": [{}]}, "its keys: ['a', 'b']"),
        ({"data": {"text": 1}, "annotations": [{}]}, 'no "text"'),
        (two_annotators([0, 1], [0]), "annotators disagree"),
        ({"data": {"text": "放晴"}, "label": []}, "must be a string, not a record"),
        (studio(start="2"), "must be whole numbers, not '2', 9"),
        (studio(end=None), "must be whole numbers, not 3, None"),
        (
            {"text": 1, "label": [{"start": 0, "end": 1, "text": "a", "labels": ["b"]}]},
            '"text" must be a string, not a number',
        ),
        (
            {"text": "放晴", "label": [{"start": 0, "end": 1, "labels": []}]},
            "one label, not []",
        ),
        (
            {"text": "放晴", "label": [{"start": 0, "end": 1, "labels": ["a", "b"]}]},
            'one label, not ["a", "b"]',
        ),
        ({"text": "放晴", "label": [{"labels": ["a"]}, [0, 1, "b"]]}, "not [0, 1,"),
        ({"label": [{"start": 0, "end": 1, "labels": ["a"]}]}, '"text" must be a string'),
        ({"text": "放", "label": ["x" * 58]}, 'not "' + "x" * 58 + '"'),
        ({"text": "放", "label": ["x" * 59]}, 'not "' + "x" * 58 + "…"),
    ],
)
def test_what_is_wrong_in_them_is_said_with_its_row(tmp_path, item, problem):
    sound = {"text": "你好", "music_query": ""}
    path = write(tmp_path / "a.jsonl", [sound, item, {**sound, "text": "再见"}])
    ((row, message),) = problems_of(path)
    assert row == 2 and problem in message
    assert [record.row for record in read_records(path)[0]] == [1, 3]


def test_a_message_of_a_task_has_one_intent(tmp_path):
    task = studio()
    task["annotations"][0]["result"].append({"value": {"choices": ["甲", "乙"]}})
    ((_, message),) = problems_of(write(tmp_path / "a.json", [task]))
    assert 'one intent, not 2: ["甲", "乙"]' in message


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


@pytest.mark.parametrize(
    "name, content",
    [
        ("a.yml", RASA),
        ("a.yaml", RASA),
        ("a.YML", RASA),
        ("a.md", RASA_MARKDOWN),
        ("a.md", "- 无关\n" + RASA_MARKDOWN.replace("- ", "  + ").replace("##", " ##")),
    ],
)
def test_rasa(tmp_path, name, content):
    path = write(tmp_path / name, content)
    assert read(path) == [
        ("放周杰伦的晴天", ((1, 7, Q),), "play"),
        ("听红豆吧", ((1, 3, "title"),), "play"),
        ("今天好冷", (), "chat"),
    ]
    rows = [record.row for record in read_records(path)[0]]
    lines = content.splitlines()
    for row, text in zip(rows, ("放[周杰伦", "听[红豆", "今天好冷")):
        assert text in lines[row - 1]


def test_examples_of_rasa_may_be_a_list(tmp_path):
    examples = """nlu:
- intent: play
  examples:
  - text: |
      - 放[晴天](song)
    metadata: {a: 1}
  - 听[红豆](song)
  - "放\\t天"
  - metadata: {a: 1}
  - 5
  - "  "
  - 听[红豆](song)
- intent:
  examples: [你好]
- intent: none
"""
    path = write(tmp_path / "a.yml", examples)
    records, problems = read_records(path)
    assert problems == []
    assert [tuple(record) for record in records] == [
        (5, "放晴天", ((1, 3, "song"),), "play"),
        (7, "听红豆", ((1, 3, "song"),), "play"),
        (7, "放\t天", (), "play"),  # written otherwise, it stands nowhere
        (12, "听红豆", ((1, 3, "song"),), "play"),
        (14, "你好", (), None),
    ]


@pytest.mark.parametrize(
    "content, row, problem",
    [
        ("nlu:\n- intent: a\n  examples: |\n    - 放[晴天]{x}\n", 4, "invalid JSON"),
        ("rules: []\n", 1, 'no list "nlu"'),
        ("- nlu\n", 1, 'no list "nlu"'),
        ('nlu:\n- intent: a\n  examples: ["[晴](a)\\t[天]()"]\n', 1, "[天] has no entity"),
        ("nlu: {}\n", 1, 'no list "nlu"'),
        ("nlu: []\n\nrules: ]\n", 3, "invalid YAML: while"),
        ("nlu: \x07\n", 1, "invalid YAML"),
        ("nlu:\n- intent: a\n  examples: |\n    - [晴天]()\n", 4, "[晴天] has no entity"),
        (
            'nlu:\n- intent: a\n  examples: |\n    - [晴天]{"role": "x"}\n',
            4,
            "[晴天] has no entity's name behind it",
        ),
        (
            "nlu:\n- intent: a\n  examples: |\n    - [晴]{" + "[" * 100_000 + "}\n",
            4,
            "invalid JSON",
        ),
        ("## intent:a\n- [晴天](:x)\n", 2, "[晴天] has no entity"),
    ],
)
def test_what_is_wrong_in_rasas_data(tmp_path, content, row, problem):
    name = "a.md" if content.startswith("##") else "a.yml"
    ((found, message),) = problems_of(write(tmp_path / name, content))
    assert problem in message and row == found


@pytest.mark.parametrize("name", ["a.yml", "a.md", "a.csv"])
def test_a_file_in_another_encoding_is_reported_with_its_row(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"text,query\n" + "放晴天,晴天\n".encode("gbk"))
    ((row, message),) = problems_of(path)
    assert row == 2 and "UTF-8" in message


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
        ("text,query\n放晴天,晴天,红豆\n", 2, "3 cells, where the header has 2"),
        ("query,label\n晴天,a\n", 1, "no column text or message or utterance"),
        ("", 1, "it has: nothing"),
        ("text,query\n放晴天,晴天\n放\r红豆,红豆\n", 3, "no table"),
        ("te\rxt,query\n放晴天,晴天\n", 1, "no table"),
    ],
)
def test_what_is_wrong_in_a_table(tmp_path, content, row, problem):
    ((found, message),) = problems_of(write(tmp_path / "a.csv", content))
    assert found == row and problem in message


@pytest.mark.parametrize("text", ["text", "message", " Utterance "])
@pytest.mark.parametrize("query", ["music_query", "QUERY", "queries"])
@pytest.mark.parametrize("name, delimiter", [("a.csv", ","), ("a.TSV", "\t")])
def test_columns_may_have_any_of_their_names(tmp_path, text, query, name, delimiter):
    content = f"{query},x,{text},Intent\n晴天 | 红豆|, 1 , 放晴天和红豆 , play \n"
    path = write(tmp_path / name, content.replace(",", delimiter))
    assert read(path) == [("放晴天和红豆", ((1, 3, Q), (4, 6, Q)), "play")]


def test_what_follows_an_empty_or_a_wrong_row_is_read(tmp_path):
    rows = ["text,query,intent", "", ",,", "放晴天", '"放', '红豆",红豆,', ",,a", "好,, "]
    path = write(tmp_path / "a.csv", "\n".join(rows))
    records, problems = read_records(path)
    assert [tuple(record) for record in records] == [
        (5, "放\n红豆", ((2, 4, Q),), None),
        (8, "好", (), None),
    ]
    assert [(problem.row, problem.message[:7]) for problem in problems] == [
        (4, "1 cells"),
        (7, '"text" '),
    ]


@pytest.fixture
def of_ten_characters(monkeypatch):
    """A cell of a table has at most ten."""
    limit = csv.field_size_limit()
    monkeypatch.setattr(other_formats, "_MAX_TABLE_FIELD", 10)
    yield
    csv.field_size_limit(limit)


def test_cells_have_a_limit(tmp_path, of_ten_characters):
    path = write(tmp_path / "a.csv", f"text,query\n{'好' * 10},\n{'好' * 11},\n")
    records, [problem] = read_records(path)
    assert [record.row for record in records] == [2]
    assert problem.row == 3 and "no table: field larger" in problem.message


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
