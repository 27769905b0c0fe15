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
from spacy_musicquery.data.generator import generate
from spacy_musicquery.data.generator_settings import GeneratorSettings, checked_settings
from spacy_musicquery.data.grammar import KINDS, Grammar
from spacy_musicquery.data.real_messages import read_real
from spacy_musicquery.data.records import Record, read_records

ASSETS = Path(__file__).parents[2] / "assets"
PHRASES = {
    "carriers": "# said with\n我想听{query}\n放{work}这首歌\n{source}的歌和{work}\n"
    "别放{query!}，放{query}",
    "queries": "work\t2\t{title}\nwork\t1\t《|{artist}的{title}|》\nsource\t1\t{artist}",
    "mentions": "{artist}是谁",
    "requests_without_query": "放首歌",
    "controls": "下一首",
    "other_requests": "开灯\n去{city}",
    "chat": "早上好",
    "openers": "那个",
    "closers": "，谢谢",
    "tails": "{smile}<|！>",
    "words.smile": ":)\n😀",
    "words.city": "<上|下>海",
    "notes": "nobody reads this",
}
NAMES = {"artist": ["周杰伦", "王菲"], "title": ["红豆", "晴天"]}
PLAIN = GeneratorSettings(
    size=400,
    bare=0,
    invented=0,
    opened=0,
    closed=0,
    punctuated=0,
    trailed=0,
    quoted=0,
    spaced=0,
    surrounded=0,
    misheard=0,
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
    expected = {
        "我想听_",
        "放_这首歌",
        "_的歌和_",
        "周杰伦是谁",
        "放首歌",
        "开灯",
        "去下海",
    }
    assert expected <= seen
    refusals = [record for record in records if record.text.startswith("别放")]
    assert len(refusals) > 20
    for text, spans in ((record.text, record.spans) for record in refusals):
        assert len(spans) == 1 and text.rindex("放") < spans[0][0]


def test_shares_are_kept(phrases):
    settings = PLAIN._replace(size=2000, other_requests=0.5, chat=0.0, mentions=0.0)
    (phrases / "other_requests.txt").write_text("开灯\n", encoding="utf8")
    texts = Counter(r.text[-2:] for r in generate(Grammar(phrases, NAMES), settings))
    assert 0.45 < texts["开灯"] / 2000 < 0.55 and not texts["早上好"[-2:]]


def test_intents(phrases):
    settings = PLAIN._replace(size=200, controls=0.1)
    intents = {}
    for record in generate(Grammar(phrases, NAMES), settings):
        intents.setdefault(record.intent, set()).add(record.text[:2])
    assert {"我想", "放首"} <= intents["LISTEN"]
    assert intents["CONTROL"] == {"下一"}
    assert {"早上", "开灯", "周杰", "去上"} <= intents["OTHER"]
    assert not intents["LISTEN"] & {"下一", "早上", "开灯", "去上"}


def test_what_surrounds_a_query_is_no_part_of_it(phrases):
    """Quotation marks, blanks, what is not seen, and tails."""
    around = {"trailed": 1.0, "quoted": 1.0, "spaced": 1.0}
    settings = PLAIN._replace(size=300, bare=0.2, **around)
    tails, marks = set(), set()
    for record in generate(Grammar(phrases, NAMES), settings):
        tails.add("".join(record.text.split())[-1])
        for start, end, _ in record.spans:
            query = record.text[start:end]
            assert query[0] in "周王红晴" and query[-1] in "伦菲豆天", query
            marks.add(record.text[:start][-1:])
    assert {")", "😀", "！"} <= tails
    assert {"《", "“", " ", "\u200b"} <= marks


def test_alternatives_make_a_line_more_frequent(phrases):
    (phrases / "chat.more.txt").write_text("<a|b|c><1|2|3>\n", encoding="utf8")
    settings = PLAIN._replace(chat=1.0, **dict.fromkeys(set(KINDS) - {"chat"}, 0.0))
    counts = Counter(r.text for r in generate(Grammar(phrases, NAMES), settings))
    assert len(counts) == 10
    assert 0.15 < counts["早上好"] / 400 < 0.35


def test_fragments_are_no_names(phrases):
    (phrases / "chat.txt").write_text("红豆和晴天都很好听\n", encoding="utf8")
    only_chat = {"chat": 1.0, **dict.fromkeys(set(KINDS) - {"chat"}, 0.0)}
    settings = PLAIN._replace(fragments=1.0, **only_chat)
    texts = {r.text for r in generate(Grammar(phrases, NAMES), settings)}
    assert not texts & set(NAMES["title"])
    assert len(texts) > 10 and min(map(len, texts)) == 2


def test_clauses_of_real_messages_are_no_names(phrases):
    message = Record(1, "红豆，你在哪里呀？晴天……我们一起走吧", (), "OTHER")
    only_real = {"real": 1.0, **dict.fromkeys(KINDS, 0.1)}
    settings = PLAIN._replace(clauses=1.0, **only_real)
    texts = {r.text for r in generate(Grammar(phrases, NAMES), settings, [message])}
    assert texts == {message.text, "你在哪里呀", "我们一起走吧"}


def test_what_people_say_is_a_title_where_a_pattern_says_so(phrases):
    with (phrases / "queries.txt").open("a", encoding="utf8") as stream:
        stream.write("worded\t1\t{clause}\nworded\t1\t{artist}的{clause}\n")
    (phrases / "carriers.clauses.txt").write_text("播放{worded}\n", encoding="utf8")
    said = Record(1, "你在哪里！走吧，放首歌，一会见，今天的新闻", (), "OTHER")
    settings = PLAIN._replace(common=0.0)
    for real, clauses in (([said], "你在哪里"), ([], "早上好")):
        titles = set()
        for record in generate(Grammar(phrases, NAMES), settings, real):
            queries = {record.text[start:end] for start, end, _ in record.spans}
            if record.text.startswith("播放"):
                titles |= queries
            else:  # {query} stands for no clause
                assert not any(set(query) & set(clauses) for query in queries)
        assert clauses in titles and f"周杰伦的{clauses}" in titles
        words = {title[4:] if title[:4] == "周杰伦的" else title for title in titles}
        assert all(word.replace("王菲的", "") in clauses for word in words)


@pytest.fixture
def real(tmp_path):
    folder = tmp_path / "real"
    folder.mkdir()
    lines = ["周杰伦来了", "他唱《红豆》", "给我放一首歌", "在吗"]
    (folder / "chat.txt").write_text("\n".join(lines), encoding="utf8")
    rows = [
        {"text": "放晴天", "music_query": "晴天", "listen": True},
        {"text": "开门", "music_query": [], "listen": False},
        {"text": "播放", "music_query": [], "listen": False},
    ]
    srsly.write_jsonl(folder / "commands.jsonl", rows)
    return folder


def test_real_messages(phrases, real):
    """Names in those without a query are others, and what asks for music is no such one."""
    names = {"artist": ["周杰伦", "孙燕姿"], "title": ["红豆", "晴天"]}
    grammar = Grammar(phrases, names)
    records = read_real(real, grammar)
    assert records == read_real(real, grammar)
    texts = {record.text for seed in range(9) for record in read_real(real, grammar, seed)}
    assert {"周杰伦来了", "孙燕姿来了", "他唱《红豆》", "他唱《晴天》", "在吗"} <= texts
    assert "给我放一首歌" not in texts
    intents = {record.text: record.intent for record in records}
    assert [intents[text] for text in ("放晴天", "开门", "播放", "在吗")] == [
        "LISTEN", "OTHER", None, "OTHER",
    ]  # fmt: skip
    settings = PLAIN._replace(real=0.5, size=1000)
    shares = Counter(r.text in intents for r in generate(grammar, settings, records))
    assert 0.4 < shares[True] / 1000 < 0.6
    assert not read_real(real / "none", grammar)


@pytest.mark.parametrize("n_annotated, times", [(1, 12), (4, 3), (60, 1)])
def test_few_annotated_messages_count_several_times(phrases, tmp_path, n_annotated, times):
    rows = [{"text": f"放歌{n}", "spans": []} for n in range(n_annotated)]
    (tmp_path / "chat.txt").write_text("".join(f"在吗{n}\n" for n in range(100)), "utf8")
    srsly.write_jsonl(tmp_path / "commands.jsonl", rows)
    records = read_real(tmp_path, Grammar(phrases, NAMES))
    counts = Counter(record.text for record in records)
    assert {counts[row["text"]] for row in rows} == {times}
    assert sum(counts.values()) == 100 + n_annotated * times


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
        ("carriers", "我想听{film!}", "film!"),
        ("carriers", "我想听{clause}", "clause"),
        ("controls", "别放{film}", "film"),
        ("words.city", "{town}海", "town"),
        ("mentions", "{film}好看吗", "film"),
        ("queries", "work {title}", "no place, weight and pattern"),
        ("queries", "work\t0\t{title}", "no place, weight and pattern"),
        ("queries", "work\t1\t《|{title}》", "no place, weight and pattern"),
        ("queries", "work\t1\t{album}\nsource\t1\t{artist}", "'album'"),
        ("chat", "", "chat.txt"),
        ("tails", "", "tails.txt"),
        ("tails", "<:)|<3|!>", "part of no choice"),
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
        ({"real": 1.5}, "real = 1.5"),
        ({"chat": 0.9, "mentions": 0.9}, "no more than 1"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        checked_settings(settings)


def test_command(phrases, real, tmp_path):
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
    assert {record.intent for record in records} == {"LISTEN", "CONTROL", "OTHER"}

    with_real = [*map(str, arguments), "--out", str(out), "--real", str(real)]
    srsly.write_json(tmp_path / "settings.json", {"size": 50, "real": 1.0})
    result = CliRunner().invoke(app, with_real)
    assert result.exit_code == 0 and "all are generated" not in result.output
    assert any("在吗" in record.text for record in read_records(out)[0])
    shutil.rmtree(real)
    result = CliRunner().invoke(app, with_real)
    assert result.exit_code == 0 and "all are generated" in result.output

    shutil.rmtree(catalogue)
    result = CliRunner().invoke(app, [*map(str, arguments), "--out", str(out)])
    assert result.exit_code == 1 and "catalogue" in result.output
