import pytest
from typer.testing import CliRunner

from spacy_musicquery.cli import app
from spacy_musicquery.data.docs import save_docs
from spacy_musicquery.reports.error_analysis import (
    Message,
    SpanError,
    confusion,
    count_kinds,
    rates_by_label,
    rates_by_length,
    rates_by_novelty,
)

from ..conftest import make_examples

TEXT = "放周杰伦的晴天和红豆"
A, B, C = (1, 4, "SINGER"), (5, 7, "SONG"), (8, 10, "SONG")


@pytest.mark.parametrize(
    "gold, found, errors",
    [
        ((A, B), (A, B), []),
        ((A,), (), [("missed", A, None)]),
        ((A,), (A, B), [("false alarm", None, B)]),
        ((), (B,), [("false alarm, no query", None, B)]),
        ((A,), ((1, 3, "SINGER"),), [("boundary", A, (1, 3, "SINGER"))]),
        ((A,), ((1, 4, "SONG"),), [("label", A, (1, 4, "SONG"))]),
        (
            (A,),
            ((4, 5, "SINGER"),),
            [("missed", A, None), ("false alarm", None, (4, 5, "SINGER"))],
        ),
        # Two queries found as one: it is paired with the one it shares most with.
        (
            (A, B),
            ((1, 7, "SINGER"),),
            [("boundary", A, (1, 7, "SINGER")), ("missed", B, None)],
        ),
    ],
)
def test_errors_of_a_message(gold, found, errors):
    assert Message(TEXT, gold, found).errors == [SpanError(*error) for error in errors]


MESSAGES = [
    Message(TEXT, (A, B, C), (A, B)),
    Message(TEXT, (A,), ((1, 4, "SONG"),)),
    Message("今天天气", (), ((2, 4, "SONG"),)),
]


def test_rates():
    by_label = rates_by_label(MESSAGES)
    assert by_label == {"SINGER": (2, 1, 1), "SONG": (2, 3, 1)}
    assert by_label["SONG"].precision == 1 / 3 and by_label["SONG"].recall == 1 / 2
    by_length = rates_by_length(MESSAGES)
    assert by_length["2"] == (2, 2, 1) and by_length["3"] == (2, 2, 1)
    assert by_length["10+"] == (0, 0, 0) and by_length["10+"].recall is None
    by_novelty = rates_by_novelty(MESSAGES, {"周杰伦"})
    assert by_novelty == {"never seen": (2, 2, 1), "seen in training": (2, 2, 1)}


def test_counts():
    counts = count_kinds(MESSAGES)
    assert counts == {
        "boundary": 0,
        "label": 1,
        "missed": 1,
        "false alarm": 0,
        "false alarm, no query": 1,
    }
    assert confusion(MESSAGES) == {
        ("SINGER", "SINGER"): 1,
        ("SONG", "SONG"): 1,
        ("SINGER", "SONG"): 1,
        ("SONG", None): 1,
        (None, "SONG"): 1,
    }


def test_command(trained, trained_path, tmp_path):
    """Gold data that a pipeline, right about all of it, seems wrong about."""
    wrong = [
        ("我想听周杰伦的晴天", [(3, 6, "MUSIC_QUERY")]),
        ("播放五月天和林俊杰的歌", [(2, 5, "MUSIC_QUERY"), (6, 9, "MUSIC_QUERY")]),
        ("看电影流浪地球", []),
        ("今天天气怎么样", [(2, 4, "MUSIC_QUERY")]),
        ("<b>来一首 Hey Jude 吧", [(7, 15, "FILM")]),
    ]
    data = tmp_path / "gold.spacy"
    save_docs((example.reference for example in make_examples(trained, wrong)), data)
    train = tmp_path / "train.spacy"
    save_docs((example.reference for example in make_examples(trained)), train)
    page = tmp_path / "pages" / "errors.html"
    arguments = [trained_path, data, "--train", train, "--html", page]
    result = CliRunner().invoke(app, ["errors", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.output.splitlines()]
    assert ["right", "2", "of", "5"] in rows
    assert ["boundary", "1"] in [row[:2] for row in rows]
    assert ["missed", "1"] in [row[:2] for row in rows]
    assert "我想听周杰伦的晴天   [周杰伦] -> [周杰伦的晴天]" in result.output
    assert "今天天气怎么样   [天气] -> nothing" in result.output
    assert "seen in training" in result.output
    html = page.read_text(encoding="utf8")
    assert "周杰伦的晴天" in html and "False alarm, no query: 1 messages" in html
    assert "<b>来一首" not in html and "&lt;b&gt;来一首" in html
