import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_musicquery.data import records as records_module
from spacy_musicquery.data.records import (
    MAX_JSON_BYTES,
    Problem,
    Record,
    describe_problems,
    find_queries,
    list_intents,
    read_records,
    read_tagged,
    split_records,
)

Q = "MUSIC_QUERY"


def write_jsonl(path, items):
    lines = (json.dumps(item, ensure_ascii=False) for item in items)
    path.write_text("\n".join(lines), encoding="utf8")
    return path


def write_json(path, items):
    path.write_text(json.dumps(items, ensure_ascii=False), encoding="utf8")
    return path


def spans_of(path, **settings):
    records, problems = read_records(path, **settings)
    assert problems == []
    return [list(record.spans) for record in records]


def texts_of(spans, text):
    return [text[start:end] for start, end, _ in spans]


# What a record may look like


@pytest.mark.parametrize(
    "text, queries, expected",
    [
        ("今天好冷", "", []),
        ("今天好冷", [], []),
        ("来首红豆", "红豆", [(2, 4, Q)]),
        ("播放周杰伦和林俊杰的歌", ["周杰伦", "林俊杰"], [(2, 5, Q), (6, 9, Q)]),
        ("放红豆再放红豆", "红豆", [(1, 3, Q)]),
        ("放红豆再放红豆", ["红豆", "红豆"], [(1, 3, Q), (5, 7, Q)]),
        ("听Taylor Swift的歌", ["Taylor Swift"], [(1, 13, Q)]),
        ("🎵放红豆🎵", ["红豆"], [(2, 4, Q)]),
        ("红豆", ["红", "豆"], [(0, 1, Q), (1, 2, Q)]),
    ],
)
@pytest.mark.parametrize("write, name", [(write_json, "a.json"), (write_jsonl, "a.jsonl")])
def test_query_strings_are_found_from_left_to_right(
    tmp_path, text, queries, expected, write, name
):
    path = write(tmp_path / name, [{"text": text, "music_query": queries}])
    assert spans_of(path) == [expected]


@given(st.lists(st.text("ab", min_size=1, max_size=3), max_size=6))
def test_queries_cut_from_a_text_in_order_are_found_in_order(tmp_path_factory, pieces):
    text, queries = "x" + "".join(pieces), pieces[::2]
    path = tmp_path_factory.mktemp("cut") / "a.json"
    [spans] = spans_of(write_json(path, [{"text": text, "music_query": queries}]))
    assert texts_of(spans, text) == queries
    assert spans == sorted(spans)


def test_label_names_the_entities_that_have_none(tmp_path):
    items = [
        {"text": "来首红豆", "music_query": "红豆"},
        {"text": "看红楼梦", "spans": [{"start": 1, "end": 4}]},
        {"text": "看西游记", "spans": [{"start": 1, "end": 4, "label": "FILM"}]},
    ]
    path = write_jsonl(tmp_path / "a.jsonl", items)
    assert spans_of(path, label="SONG") == [
        [(2, 4, "SONG")],
        [(1, 4, "SONG")],
        [(1, 4, "FILM")],
    ]


def test_exact_offsets_may_come_in_any_order(tmp_path):
    spans = [{"start": 4, "end": 6, "label": "B"}, {"start": 1, "end": 3, "label": "A"}]
    path = write_jsonl(tmp_path / "a.jsonl", [{"text": "放红豆和晴空", "spans": spans}])
    assert spans_of(path) == [[(1, 3, "A"), (4, 6, "B")]]


def test_exact_offsets_are_preferred_to_query_strings(tmp_path):
    item = {
        "text": "放红豆再放红豆",
        "music_query": "红豆",
        "spans": [{"start": 5, "end": 7}],
    }
    assert spans_of(write_jsonl(tmp_path / "a.jsonl", [item])) == [[(5, 7, Q)]]


def test_spans_key_picks_the_offsets(tmp_path):
    item = {
        "text": "放王菲的红豆",
        "music_query": "王菲的红豆",
        "spans": [{"start": 1, "end": 6}],
        "slots": [
            {"start": 1, "end": 3, "label": "singer"},
            {"start": 4, "end": 6, "label": "song"},
        ],
    }
    path = write_jsonl(tmp_path / "a.jsonl", [item])
    assert spans_of(path, spans_key="slots") == [[(1, 3, "singer"), (4, 6, "song")]]


def test_another_spans_key_never_falls_back_on_query_strings(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", [{"text": "放红豆", "music_query": "红豆"}])
    records, [problem] = read_records(path, spans_key="slots")
    assert records == []
    assert "slots" in problem.message


def test_intent_is_kept(tmp_path):
    items = [
        {"text": "放红豆", "music_query": "红豆", "intent": "Play"},
        {"text": "好", "music_query": ""},
    ]
    records, _ = read_records(write_json(tmp_path / "a.json", items))
    assert [record.intent for record in records] == ["Play", None]


def test_intents_are_listed_once_and_in_order():
    intents = ["b", None, "a", "b"]
    records = [Record(row, "好", (), intent) for row, intent in enumerate(intents)]
    assert list_intents(records) == ["a", "b"]
    assert list_intents(records[1:2]) == []


@pytest.mark.parametrize(
    "more", [{"label": [[0, 1, "x"]]}, {"tokens": ["放"], "tags": ["O"]}]
)
def test_our_own_keys_are_preferred_to_those_of_other_tools(tmp_path, more):
    items = [
        {"text": "放红豆", "music_query": "红豆", **more},
        {"text": "放晴天", "spans": [{"start": 1, "end": 3}], **more},
    ]
    path = write_jsonl(tmp_path / "a.jsonl", items)
    assert spans_of(path) == [[(1, 3, Q)], [(1, 3, Q)]]


def test_records_without_queries_are_read_where_none_are_needed(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", [{"text": "放红豆"}])
    assert spans_of(path, need_spans=False) == [[]]
    assert spans_of(path, need_spans=False, spans_key="slots") == [[]]


def test_what_was_accepted_without_spans_has_none(tmp_path):
    items = [{"text": "你好", "answer": "accept"}, {"text": "好", "answer": "other"}]
    path = write_jsonl(tmp_path / "a.jsonl", items)
    assert read_records(path) == ([Record(1, "你好", ())], [])


def test_problems_are_described_a_line_each(tmp_path):
    problems = [Problem(tmp_path / "a", row, "wrong") for row in (3, 14)]
    described = describe_problems(problems, "Correct them.")
    assert "MQ040" in described and "Correct them." in described and "2" in described
    lines = described.splitlines()
    assert [line for line in lines if "wrong" in line][-1].endswith("a:14: wrong")


def test_prodigy_records_are_read_and_only_accepted_ones_kept(tmp_path):
    extra = {
        "_input_hash": -12,
        "_task_hash": 7,
        "_view_id": "ner_manual",
        "meta": {"n": 1},
    }
    span = {"start": 1, "end": 3, "token_start": 1, "token_end": 2, "label": "SONG"}
    tokens = [
        {"text": char, "start": i, "end": i + 1, "id": i} for i, char in enumerate("放红豆")
    ]
    items = [
        {"text": "放红豆", "tokens": tokens, "spans": [span], "answer": "accept", **extra},
        {"text": "放晴空", "spans": [span], "answer": "reject", **extra},
        {"text": "放青山", "spans": [span], "answer": "ignore", **extra},
        {"text": "你好呀", "spans": [], "answer": "accept", **extra},
    ]
    records, problems = read_records(write_jsonl(tmp_path / "a.jsonl", items))
    assert problems == []
    assert [(r.row, r.text, r.spans) for r in records] == [
        (1, "放红豆", ((1, 3, "SONG"),)),
        (4, "你好呀", ()),
    ]


# What can be wrong with one


@pytest.mark.parametrize(
    "item, told",
    [
        ({"text": "放红豆", "music_query": "晴空"}, "'晴空' does not occur in '放红豆'"),
        (
            {"text": "放红豆红", "music_query": ["豆", "红豆"]},
            "'红豆' does not occur in '放红豆红' after character 3",
        ),
        ({"text": "放红豆", "music_query": "红豆", "intent": []}, "not a list;"),
        ({"text": None, "music_query": ""}, "not null"),
        ({"text": {}, "music_query": ""}, "not a record"),
        ({"text": False, "music_query": ""}, "not true or false"),
        ({"text": "放红豆", "spans": [{"start": 1, "end": 3.0}]}, "not 1, 3.0"),
        (
            {"text": "放红豆", "spans": [{"start": 1, "end": 4}]},
            "1 to 4 are not in the text of 3",
        ),
        (
            {"text": "放红豆", "spans": [{"start": 0, "end": 2}, {"start": 1, "end": 3}]},
            "'红豆' (1 to 3) overlaps",
        ),
        ({"text": "放红豆 ", "spans": [{"start": 1, "end": 4}]}, "'红豆 ' (1 to 4) begins"),
        ({"text": "放红豆", "music_query": "红", "x": 1, "spans": None}, '"spans" must'),
        ({"text": "放" * 9000, "music_query": ["x" * 9000]}, "does not occur"),
        ({"text": "放红豆", "x" * 9000: ""}, "its keys are ['text', 'xxx"),
        ({"text": "放红豆", "lyrics": "红豆"}, "its keys are ['text', 'lyrics']"),
        ({"music_query": "红豆"}, "its keys are ['music_query']"),
        ({"text": "放周杰伦和林俊杰", "music_query": ["林俊杰", "周杰伦"]}, "周杰伦"),
        ({"text": "放红豆", "music_query": ["红豆", "豆"]}, "豆"),
        ({"text": "放红豆", "music_query": ["红豆", "红豆"]}, "红豆"),
        ({"text": "放红豆", "music_query": [""]}, "empty"),
        ({"text": "放红豆", "music_query": 7}, "7"),
        ({"text": "放红豆", "music_query": ["红豆", 7]}, "7"),
        ({"text": "放红豆", "music_query": {"红豆": 1}}, "红豆"),
        ({"text": "放红豆", "music_query": None}, "null"),
        ({"text": "放 红豆", "music_query": " 红豆"}, "blank"),
        ({"text": 5, "music_query": ""}, "a number"),
        ({"text": None, "music_query": ""}, "null"),
        ({"text": ["放"], "music_query": ""}, "a list"),
        ({"text": "", "music_query": ""}, "empty"),
        ({"text": "放\ud83d", "music_query": ""}, "surrogate"),
        ({"music_query": "红豆"}, '"text"'),
        ({"text": "放红豆"}, "music_query"),
        ({"text": "放红豆", "query": "红豆"}, "query"),
        ({"text": "放红豆", "spans": [{"start": 1, "end": 4}]}, "4"),
        ({"text": "放红豆", "spans": [{"start": -2, "end": 3}]}, "-2"),
        ({"text": "放红豆", "spans": [{"start": 2, "end": 2}]}, "2"),
        ({"text": "放红豆", "spans": [{"start": 2, "end": 1}]}, "2 to 1"),
        ({"text": "放红豆", "spans": [{"start": 1.0, "end": 3}]}, "1.0"),
        ({"text": "放红豆", "spans": [{"start": True, "end": 3}]}, "True"),
        ({"text": "放红豆", "spans": [{"start": "1", "end": "3"}]}, "'1'"),
        ({"text": "放红豆", "spans": [{"end": 3}]}, "None"),
        ({"text": "放红豆", "spans": [{"start": 1, "end": 3, "label": ""}]}, "label"),
        ({"text": "放红豆", "spans": [{"start": 1, "end": 3, "label": 4}]}, "label"),
        ({"text": "放红豆", "spans": [[1, 3, "SONG"]]}, "spans"),
        ({"text": "放红豆", "spans": {"start": 1, "end": 3}}, "spans"),
        ({"text": "放 红豆", "spans": [{"start": 1, "end": 4}]}, "blank"),
        (
            {"text": "放红豆", "spans": [{"start": 1, "end": 3}, {"start": 2, "end": 3}]},
            "overlaps",
        ),
        (
            {"text": "放红豆", "spans": [{"start": 1, "end": 3}, {"start": 1, "end": 3}]},
            "overlaps",
        ),
        ({"text": "放红豆", "music_query": "红豆", "intent": 3}, "intent"),
        ({"text": "放红豆", "music_query": "红豆", "intent": ""}, "not empty"),
        ({"text": "放红豆", "music_query": "红豆", "intent": "\ud800"}, "ud800"),
        (
            {"text": "放红豆", "spans": [{"start": 1, "end": 3, "label": "a\udfff"}]},
            "udfff",
        ),
        (["放红豆", "红豆"], "a list"),
        ("放红豆", "a string"),
        (None, "null"),
        (3, "a number"),
        (True, "true or false"),
    ],
)
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_a_wrong_row_is_reported_and_its_neighbours_are_read(tmp_path, item, told, name):
    items = [{"text": "早", "music_query": ""}, item, {"text": "晚安", "music_query": ""}]
    path = tmp_path / name
    lines = [json.dumps(row) for row in items]
    path.write_text("\n".join(lines) if name == "a.jsonl" else f"[{', '.join(lines)}]")
    records, [problem] = read_records(path)
    assert [(record.row, record.text) for record in records] == [(1, "早"), (3, "晚安")]
    assert str(problem).startswith(f"{path}:2: ")
    assert told in problem.message and len(problem.message) <= 510


def test_a_query_that_does_not_occur_is_told_with_where_it_was_looked_for():
    for queries, ending in (("x", "in 'ab'"), (["a", "a"], "in 'ab' after character 1")):
        with pytest.raises(records_module.Invalid) as error:
            find_queries("ab", queries, Q)
        assert str(error.value).endswith(ending)


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_a_key_that_stands_twice_is_reported(tmp_path, name):
    twice = '{"text": "放红豆", "x": 1, "music_query": "", "music_query": "红豆"}'
    sound = '{"text": "好", "music_query": ""}'
    content = f"[{twice}, {sound}]" if name == "a.json" else f"{twice}\n{sound}\n"
    (tmp_path / name).write_text(content, encoding="utf8")
    records, [problem] = read_records(tmp_path / name)
    assert [record.row for record in records] == [2]
    assert problem.row == 1 and "the key 'music_query' stands twice" in problem.message


def test_all_wrong_rows_are_reported_at_once(tmp_path):
    path = tmp_path / "a.jsonl"
    rows = ['{"text": "放红豆", "music_query": "晴空"}', "{oops", "", "7", '{"text": "好"}']
    path.write_text("\n".join(rows * 50), encoding="utf8")
    _, problems = read_records(path)
    expected = [5 * i + row for i in range(50) for row in (1, 2, 4, 5)]
    assert [problem.row for problem in problems] == expected


@pytest.mark.parametrize(
    "other, agrees",
    [
        ({"text": "放红豆", "music_query": ["红豆"]}, True),
        ({"text": "放红豆", "spans": [{"start": 1, "end": 3, "label": Q}]}, True),
        ({"text": "放红豆", "music_query": ""}, False),
        ({"text": "放红豆", "music_query": "红"}, False),
        ({"text": "放红豆", "spans": [{"start": 1, "end": 3, "label": "FILM"}]}, False),
    ],
)
def test_equal_texts_must_have_equal_labels(tmp_path, other, agrees):
    items = [
        {"text": "早", "music_query": ""},
        {"text": "放红豆", "music_query": "红豆"},
        {"text": "晚安", "music_query": ""},
        other,
    ]
    records, problems = read_records(write_jsonl(tmp_path / "a.jsonl", items))
    assert len(records) == 3 + agrees
    assert [problem.row for problem in problems] == ([] if agrees else [4])
    assert all("row 2" in problem.message for problem in problems)


# What can be wrong with a file


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.txt"])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(ValueError, match=name):
        read_records(tmp_path / name)


@pytest.mark.parametrize(
    "name, content",
    [("a.json", "[]"), ("a.jsonl", ""), ("a.jsonl", "\n \n"), ("a.txt", "\n\n")],
)
def test_a_file_without_messages_is_an_error(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=name):
        read_records(tmp_path / name)


@pytest.mark.parametrize(
    "content, row",
    [
        ('[\n{"text": "早", "music_query": ""},\n{"text": oops}\n]', 3),
        ('[{"text": "早", "music_query": ""}', 1),
        ("", 1),
        ('{"text": "早", "music_query": ""}', 1),
        ('"早"', 1),
    ],
)
def test_a_json_file_that_is_no_list_is_one_problem(tmp_path, content, row):
    path = tmp_path / "a.json"
    path.write_text(content, encoding="utf8")
    records, [problem] = read_records(path)
    assert records == []
    assert (problem.path, problem.row) == (path, row)


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_json_nested_beyond_reason_is_a_problem_not_a_crash(tmp_path, name):
    (tmp_path / name).write_text("[" * 200_000)
    records, problems = read_records(tmp_path / name)
    assert records == []
    assert [problem.row for problem in problems] == [1]


def test_a_list_is_read_up_to_a_size(tmp_path, monkeypatch):
    path = write_json(tmp_path / "a.json", [{"text": "ok", "music_query": ""}])
    size = path.stat().st_size
    monkeypatch.setattr(records_module, "MAX_JSON_BYTES", size)
    assert spans_of(path) == [[]]
    monkeypatch.setattr(records_module, "MAX_JSON_BYTES", size - 1)
    records, [problem] = read_records(path)
    assert records == [] and problem.row == 1
    assert f"{size} bytes" in problem.message and f"up to {size - 1};" in problem.message


def test_a_list_of_more_than_a_quarter_of_a_gibibyte_is_not_read(tmp_path):
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.truncate(2**28 + 1)  # takes no room on the disk
    _, [problem] = read_records(path)
    assert MAX_JSON_BYTES == 2**28 and "268,435,457 bytes" in problem.message


def test_a_list_in_another_encoding_is_reported_with_its_row(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes('[\n{"text":\n"放"}]'.encode("gbk"))
    records, [problem] = read_records(path)
    assert (records, problem.row) == ([], 3) and "UTF-8" in problem.message


def test_a_line_in_another_encoding_is_a_problem_of_its_message(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"a O\n\nb O\n\xff O\nc X\n\nd O\n")
    records, [problem] = read_records(path)
    assert [(record.row, record.text) for record in records] == [(1, "a"), (7, "d")]
    assert problem.row == 3 and problem.message.startswith("line 4: not UTF-8")


@pytest.mark.parametrize("data", [{"rules": []}, {"common_examples": None}])
def test_old_json_of_rasa_without_a_list_of_examples(tmp_path, data):
    path = write_json(tmp_path / "a.json", {"rasa_nlu_data": data})
    if "common_examples" in data:
        _, [problem] = read_records(path)
        assert problem.row == 1 and "not null" in problem.message
    else:
        with pytest.raises(ValueError, match="MQ042"):
            read_records(path)


def test_a_file_in_another_encoding_is_reported_with_its_row(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        b'{"text": "ok", "music_query": ""}\n' + '{"text": "放"}'.encode("gbk")
    )
    records, [problem] = read_records(path)
    assert [record.text for record in records] == ["ok"]
    assert problem.row == 2
    assert "UTF-8" in problem.message


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_named_and_only_where_a_file_begins(tmp_path, encoding):
    content = "\ufeff" + '{"text": "放"}\n' * 3
    path = tmp_path / "a.jsonl"
    path.write_bytes(content.encode(encoding))
    assert [problem.message for problem in read_records(path)[1]] == [
        "not UTF-8 but UTF-16; save the file as UTF-8"
    ]
    sound = b'{"text": "ok", "music_query": ""}\n'
    path.write_bytes(sound + "\ufeff放\n".encode(encoding)[:3] + b"\n" + sound)
    records, [problem] = read_records(path)
    assert [record.row for record in records] == [1, 3]
    assert problem.row == 2 and "UTF-16" not in problem.message


def test_a_line_has_at_most_sixteen_mebibytes(tmp_path):
    path = tmp_path / "a.jsonl"
    begin, end = b'{"text": "ok", "music_query": "", "x": "', b'"}'
    for n, is_read in ((2**24 - 1, True), (2**24, False)):
        line = begin + b"x" * (n - len(begin) - len(end)) + end
        path.write_bytes(line + b"\n" + b'{"text": "ok", "music_query": ""}')
        records, problems = read_records(path)
        assert [record.row for record in records] == ([1, 2] if is_read else [2])
        assert [problem.row for problem in problems] == ([] if is_read else [1])


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_windows_files_are_read(tmp_path, name):
    item = json.dumps({"text": "放红豆", "music_query": "红豆"}, ensure_ascii=False)
    text = f"[\r\n{item}\r\n]\r\n" if name == "a.json" else f"{item}\r\n\r\n"
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert spans_of(tmp_path / name) == [[(1, 3, Q)]]


@pytest.mark.parametrize("char", ["\u2028", "\x85", "\x0c", "\u3000"])
def test_only_newlines_end_a_jsonl_row(tmp_path, char):
    text = f"放{char}红豆"
    path = write_jsonl(tmp_path / "a.jsonl", [{"text": text, "music_query": "红豆"}] * 2)
    records, problems = read_records(path)
    assert problems == []
    assert [(r.row, r.text, r.spans) for r in records] == [
        (1, text, ((2, 4, Q),)),
        (2, text, ((2, 4, Q),)),
    ]


# Two columns


def tagged(text, spans, scheme, separator=" "):
    """The lines of a message in BIO or BIOES."""
    tags = ["O"] * len(text)
    for start, end, label in spans:
        tags[start:end] = [f"I-{label}"] * (end - start)
        tags[start] = f"B-{label}"
        if scheme == "BIOES":
            tags[end - 1] = f"E-{label}"
            if end - start == 1:
                tags[start] = f"S-{label}"
    return "".join(f"{char}{separator}{tag}\n" for char, tag in zip(text, tags))


@st.composite
def messages(draw):
    text = draw(st.text("放红豆aZ1，。😀 ", min_size=1, max_size=12).filter(str.strip))
    edges = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    pairs = [
        edges[i : i + 2] for i in range(0, len(edges) - 1, draw(st.sampled_from([1, 2])))
    ]
    return text, [
        (start, end, draw(st.sampled_from(["song", "singer-name"])))
        for start, end in pairs
        if text[start:end] == text[start:end].strip()
    ]


@given(
    st.lists(messages(), min_size=1, max_size=4),
    st.sampled_from(["BIO", "BIOES"]),
    st.sampled_from([" ", "\t"]),
    st.sampled_from(["\n", "\n\n\n"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_spans_written_in_two_columns_are_read_back(cases, scheme, separator, gap, newline):
    content = gap.join(tagged(*case, scheme, separator) for case in cases)
    read = [item for _, item in read_tagged(content.replace("\n", newline))]
    assert [
        (item["text"], [(s["start"], s["end"], s["label"]) for s in item["spans"]])
        for item in read
    ] == cases


@pytest.mark.parametrize("name", ["ch.train", "a.txt", "a.bio", "plain"])
def test_any_other_ending_is_two_columns(tmp_path, name):
    content = tagged("早", [], "BIO") + "\n\n" + tagged("放红豆", [(1, 3, "song")], "BIOES")
    (tmp_path / name).write_text(content, encoding="utf8")
    records, problems = read_records(tmp_path / name)
    assert problems == []
    assert records == [Record(1, "早", ()), Record(4, "放红豆", ((1, 3, "song"),))]


@pytest.mark.parametrize("line", ["  O", " O", "\tO", " \tO"])
def test_a_lost_character_is_a_blank(tmp_path, line):
    path = tmp_path / "a.txt"
    path.write_text(f"放 O\n{line}\n红 B-song\n豆 I-song\n", encoding="utf8")
    records, problems = read_records(path)
    assert problems == []
    assert records == [Record(1, "放 红豆", ((2, 4, "song"),))]


def test_a_lost_character_inside_a_query_stays_in_it(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("红 B-song\n  I-song\n豆 E-song\n", encoding="utf8")
    assert spans_of(path) == [[(0, 3, "song")]]


@pytest.mark.parametrize(
    "tags, expected",
    [
        ("O I-a I-a", [(1, 3)]),
        ("I-a I-a O", [(0, 2)]),
        ("O E-a O", [(1, 2)]),
        ("B-a I-b I-b", [(0, 1), (1, 3)]),
        ("B-a B-a I-a", [(0, 1), (1, 3)]),
        ("S-a S-a S-a", [(0, 1), (1, 2), (2, 3)]),
        ("B-a E-a I-a", [(0, 2), (2, 3)]),
        ("B-a M-a E-a", [(0, 3)]),
    ],
)
def test_tags_out_of_order_are_read_as_conll_does(tmp_path, tags, expected):
    lines = [f"{char} {tag}" for char, tag in zip("红豆汤", tags.split())]
    (tmp_path / "a.txt").write_text("\n".join(lines), encoding="utf8")
    [spans] = spans_of(tmp_path / "a.txt")
    assert [(start, end) for start, end, _ in spans] == expected


@pytest.mark.parametrize(
    "lines, expected",
    [
        ("放 O\nHey B-song\nJude I-song", ("放HeyJude", [(1, 8)])),
        ("放 O\nHey S-song", ("放Hey", [(1, 4)])),
        ("放 O\n红 B-song\nbean E-song", ("放红bean", [(1, 6)])),
        ("放 O\n❤️ S-song", ("放❤️", [(1, 3)])),
        ("红 B-SUB-song\nbean I-SUB-song", ("红bean", [(0, 5)])),
    ],
)
def test_a_line_of_several_characters_is_one_piece(lines, expected):
    [(_, item)] = read_tagged(lines)
    spans = [(span["start"], span["end"]) for span in item["spans"]]
    assert (item["text"], spans) == expected


@pytest.mark.parametrize(
    "line", ["红 X-song", "红", "红 song", "红 B-", "红 b-song", "红 B"]
)
def test_a_wrong_tag_is_reported_and_the_other_messages_are_read(tmp_path, line):
    path = tmp_path / "a.txt"
    path.write_text(f"早 O\n\n放 O\n{line}\n豆 O\n\n晚 O\n", encoding="utf8")
    records, [problem] = read_records(path)
    assert [record.text for record in records] == ["早", "晚"]
    assert (problem.path, problem.row) == (path, 3)
    assert f"{line.split(' ')[-1]!r} (line 4) is no tag" in problem.message


# The split


def make_records(texts):
    return [Record(row, text, ()) for row, text in enumerate(texts, start=1)]


@given(
    st.lists(st.text("红豆汤", min_size=1, max_size=3), min_size=1, max_size=30),
    st.floats(0, 1),
    st.integers(0, 5),
)
def test_split_is_complete_disjoint_by_text_and_of_the_right_size(texts, share, seed):
    records = make_records(texts)
    try:
        train, dev = split_records(records, share, seed)
    except ValueError:
        assert round(len(set(texts)) * share) in (0, len(set(texts)))
        return
    assert sorted(train + dev) == sorted(records)
    assert train == sorted(train) and dev == sorted(dev)
    dev_texts = {record.text for record in dev}
    assert not dev_texts & {record.text for record in train}
    assert abs(len(dev_texts) - share * len(set(texts))) <= 0.5 + 1e-9


def test_split_depends_on_the_seed_and_the_texts_only():
    records = make_records(f"第{i}首" for i in range(40))
    dev = split_records(records, 0.25, seed=42)[1]
    assert split_records(records, 0.25, seed=42)[1] == dev
    assert sorted(split_records(records[::-1], 0.25, seed=42)[1]) == dev
    assert split_records(records, 0.25, seed=43)[1] != dev


@pytest.mark.parametrize(
    "n, share, empty",
    [(10, 0.0, "dev"), (10, 0.04, "dev"), (1, 0.6, "train"), (10, 1.0, "train")],
)
def test_a_share_that_leaves_one_side_empty_is_an_error(n, share, empty):
    with pytest.raises(ValueError, match=f"no message for {empty}"):
        split_records(make_records(map(str, range(n))), share, 0)
