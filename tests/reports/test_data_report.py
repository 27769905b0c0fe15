import pytest

from spacy_musicquery.data.records import Record
from spacy_musicquery.reports.data_report import overlap_rows, records_rows


def make_records(*marked):
    """Records of texts such as 放[红豆]; F after the bracket is another label."""
    records = []
    for row, message in enumerate(marked, start=1):
        text, spans = "", []
        for part in message.split("["):
            query, closed, rest = part.partition("]")
            if closed:
                label = "FILM" if rest.startswith("F") else "SONG"
                spans.append((len(text), len(text) + len(query), label))
            text += query + rest.removeprefix("F")
        records.append(Record(row, text, tuple(spans)))
    return records


TRAIN = make_records("放[红豆]", "放[晴空]和[青山]", "早", "早", "看[红楼梦]F吧")


def figures(*corpora):
    return {name.strip(): cells for name, *cells in records_rows(corpora)}


def overlap(train, dev):
    return dict(overlap_rows(make_records(*train), make_records(*dev)))


@pytest.mark.parametrize(
    "name, value",
    [
        ("messages", "5"),
        ("queries", "4"),
        ("SONG", "3"),
        ("FILM", "1"),
        ("messages without a query", "2 (40.0%)"),
        ("repeated messages", "1 (20.0%)"),
        ("characters a message: median, longest", "3, 6"),
        ("characters a query: median, longest", "2, 3"),
        # 放 红 豆 晴 空 和 青 山 早 看 楼 梦 吧
        ("different characters", "13"),
    ],
)
def test_figures_of_one_file(name, value):
    assert figures(TRAIN)[name] == [value]


def test_the_median_of_an_even_number_is_between_the_two_in_the_middle():
    records = make_records("早", "放[红豆]")
    assert figures(records)["characters a message: median, longest"] == ["2, 3"]


def test_two_files_stand_beside_each_other():
    found = figures(TRAIN, make_records("放[红豆]", "听[晴]"))
    assert found["messages"] == ["5", "2"]
    assert found["SONG"] == ["3", "2"]
    assert found["FILM"] == ["1", "0"]


def test_all_labels_stand_below_the_queries():
    rows = [name for name, *_ in records_rows([make_records("放[红豆]"), TRAIN])]
    assert [name.strip() for name in rows[1:4]] == ["queries", "SONG", "FILM"]


def test_files_without_any_record_or_query_have_figures_too():
    found = figures([], make_records("早"))
    assert found["messages"] == ["0", "1"]
    assert found["messages without a query"] == ["0 (0.0%)", "1 (100.0%)"]
    assert found["characters a query: median, longest"] == ["0, 0", "0, 0"]


def test_full_width_and_upper_case_are_no_other_characters():
    assert figures(make_records("AＡaａ"))["different characters"] == ["1"]


@pytest.mark.parametrize(
    "train, dev, leaked",
    [
        (["放[红豆]", "早"], ["放[晴空]", "晚"], "0 (0.0%)"),
        (["放[红豆]", "早"], ["放[红豆]", "晚"], "1 (50.0%)"),
        (["放[红豆]", "早"], ["放红豆", "晚"], "1 (50.0%)"),
        (["早", "早"], ["早", "早"], "2 (100.0%)"),
        (["早"], [], "0 (0.0%)"),
    ],
)
def test_leaked_messages_are_counted(train, dev, leaked):
    assert overlap(train, dev)["messages also in train"] == leaked


def test_new_queries_are_counted_once_each():
    found = overlap(["放[红豆]"], ["听[红豆]", "听[晴空]", "要[晴空]", "[青山]"])
    assert found["queries not in train"] == "2 (66.7%)"


@pytest.mark.parametrize(
    "train, dev, shown, share",
    [
        (["放[红豆]"], ["红豆放"], "0", "0.0%"),
        (["放[红豆]"], ["放晴晴空"], "2 晴空", "75.0%"),
        (["放a"], ["放ＡA"], "0", "0.0%"),
        (["放"], [], "0", "0.0%"),
    ],
)
def test_unseen_characters_are_shown_with_their_share_of_the_text(train, dev, shown, share):
    found = overlap(train, dev)
    assert found["characters not in train"] == shown
    assert found["share of text they make"] == share


def test_of_many_unseen_characters_only_some_are_shown():
    found = overlap(["放"], ["".join(chr(0x4E00 + i) for i in range(500))])
    assert found["characters not in train"].startswith("500 ")
    assert len(found["characters not in train"]) < 30


@pytest.mark.parametrize("char", ["\n", "\r", "\x1b", "\u2028", "\u202e"])
def test_unseen_characters_cannot_break_the_table(char):
    shown = overlap(["放"], [f"放{char}晴"])["characters not in train"]
    assert shown.startswith("2 ")
    assert char not in shown
