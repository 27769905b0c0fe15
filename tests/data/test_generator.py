"""Messages that are generated from phrases and names."""

import shutil
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
import srsly
from typer.testing import CliRunner

from spacy_musicquery.cli import app
from spacy_musicquery.data.catalogue_files import read_catalogue
from spacy_musicquery.data.generator import (
    KINDS,
    GeneratorSettings,
    Grammar,
    checked_settings,
    generate,
)
from spacy_musicquery.data.records import read_records

ASSETS = Path(__file__).parents[2] / "assets"
PHRASES = {
    "carriers": "# said with\n我想听{query}\n放{work}这首歌\n{source}的歌和{work}",
    "queries": "work\t2\t{title}\nwork\t1\t《|{artist}的{title}|》\nsource\t1\t{artist}",
    "mentions": "{artist}是谁",
    "requests_without_query": "放首歌",
    "other_requests": "开灯",
    "chat": "早上好",
    "openers": "那个",
    "closers": "，谢谢",
    "notes": "nobody reads this",
}
NAMES = {"artist": ["周杰伦", "王菲"], "title": ["红豆", "晴天"]}
PLAIN = GeneratorSettings(
    size=400, invented=0, opened=0, closed=0, punctuated=0, surrounded=0, misheard=0, bare=0
)


@pytest.fixture
def phrases(tmp_path):
    folder = tmp_path / "phrases"
    folder.mkdir()
    for kind, text in PHRASES.items():
        (folder / f"{kind}.txt").write_text(text + "\n", encoding="utf8")
    return folder


def test_queries_are_what_the_patterns_say(phrases):
    records = list(generate(Grammar(phrases, NAMES), PLAIN))
    titles = [f"{a}{t}" for a in ("", "周杰伦的", "王菲的") for t in NAMES["title"]]
    seen = set()
    for record in records:
        queries = [record.text[start:end] for start, end, _ in record.spans]
        assert set(queries) <= {*titles, *NAMES["artist"]}
        bare = record.text
        for query in queries:
            bare = bare.replace(query, "_", 1)
        seen.add(bare.replace("《_》", "_").replace("，", "").replace(" ", ""))
    fillers = {bare for bare in seen if not bare.startswith(("我想听", "放", "_"))}
    assert {"我想听_", "放_这首歌", "_的歌和_", "周杰伦是谁", "放首歌", "开灯"} <= seen
    assert all(bare.endswith(tuple("_歌灯好谁：,")) for bare in fillers)


def test_shares_are_kept(phrases):
    settings = PLAIN._replace(size=2000, other_requests=0.5, chat=0.0, mentions=0.0)
    texts = Counter(r.text[-2:] for r in generate(Grammar(phrases, NAMES), settings))
    assert 0.45 < texts["开灯"] / 2000 < 0.55 and not texts["早上好"[-2:]]


def test_the_same_seed_gives_the_same_messages():
    names = read_catalogue([ASSETS / "catalogue"])
    grammar = Grammar(ASSETS / "corpus", names)
    settings = GeneratorSettings(size=300, seed=1)
    first = list(generate(grammar, settings))
    assert first == list(generate(grammar, settings))
    assert first != list(generate(grammar, settings._replace(seed=2)))
    for text, spans in ((r.text, r.spans) for r in first):
        ends = [0, *(end for _, end, _ in spans)]
        for end_before, (start, end, _) in zip(ends, spans):
            assert end_before <= start < end <= len(text)
            assert text[start:end].strip() == text[start:end]


def test_equal_texts_have_equal_queries(phrases):
    """A line of chat that is a title as well."""
    (phrases / "chat.more.txt").write_text("红豆\n", encoding="utf8")
    settings = PLAIN._replace(size=1000, chat=0.3, bare=0.9)
    spans = {}
    for record in generate(Grammar(phrases, NAMES), settings):
        assert spans.setdefault(record.text, record.spans) == record.spans
    assert "红豆" in spans


def test_invented_names_are_in_no_catalogue():
    names = read_catalogue([ASSETS / "catalogue"])
    settings = GeneratorSettings(invented=1.0, misheard=0.0)
    known = {name for of_type in names.values() for name in of_type}
    records = islice(generate(Grammar(ASSETS / "corpus", names), settings), 500)
    queries = [r.text[s:e] for r in records for s, e, _ in r.spans]
    assert sum(query not in known for query in queries) > 0.5 * len(queries)


@pytest.mark.parametrize(
    "kind,text,message",
    [
        ("carriers", "我想听", "我想听"),
        ("carriers", "我想听{film}", "film"),
        ("mentions", "{film}好看吗", "film"),
        ("queries", "work {title}", "no place, weight and pattern"),
        ("queries", "work\t0\t{title}", "no place, weight and pattern"),
        ("queries", "work\t1\t《|{title}》", "no place, weight and pattern"),
        ("queries", "work\t1\t{album}\nsource\t1\t{artist}", "'album'"),
        ("chat", "", "chat.txt"),
    ],
)
def test_wrong_phrases(phrases, kind, text, message):
    (phrases / f"{kind}.txt").write_text(text, encoding="utf8")
    with pytest.raises(ValueError, match=f"(?s)MQ057.*{message}"):
        Grammar(phrases, NAMES)


@pytest.mark.parametrize(
    "settings,message",
    [
        ({"sise": 3}, "sise"),
        ({"size": -1}, "size = -1"),
        ({"seed": 0.5}, "seed"),
        ({"bare": 2}, "bare = 2"),
        ({"chat": "much"}, "chat"),
        ({"chat": 0.9, "mentions": 0.9}, "no more than 1"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        checked_settings(settings)


def test_command(phrases, tmp_path):
    catalogue = tmp_path / "catalogue"
    catalogue.mkdir()
    for type_name, names in NAMES.items():
        (catalogue / f"{type_name}.txt").write_text("\n".join(names), encoding="utf8")
    shares = dict.fromkeys(KINDS, 0.1)
    srsly.write_json(tmp_path / "settings.json", {"size": 50, **shares})
    out = tmp_path / "out" / "messages.jsonl"
    arguments = ["generate", phrases, catalogue, "--settings", tmp_path / "settings.json"]
    result = CliRunner().invoke(app, [*map(str, arguments), "--out", str(out)])
    assert result.exit_code == 0, result.output
    records, problems = read_records(out)
    assert not problems and 10 < len(records) <= 50

    shutil.rmtree(catalogue)
    result = CliRunner().invoke(app, [*map(str, arguments), "--out", str(out)])
    assert result.exit_code == 1 and "catalogue" in result.output
