import json
from pathlib import Path

import pytest

from spacy_musicquery.data.cais import MergeRules, merge_slots, read_rules, read_split

SHIPPED = Path(__file__).parents[2] / "assets" / "cais_rules.json"
RULES = {
    "intents": ["PlayMusic"],
    "labels": ["song_name", "singer_name", "list"],
    "joiners": ["", "的", "的《"],
    "apart": ["singer_name"],
}
SLOTS = {"歌": "song_name", "手": "singer_name", "单": "list", "日": "date"}


def bioes(marked):
    """放[手王菲]的[歌红豆] as the lines of CAIS; _ is a character it lost."""
    lines, label, inside = [], None, []
    chars = iter(marked)
    for char in chars:
        if char == "[":
            label, inside = SLOTS[next(chars)], []
        elif char == "]":
            tags = ["I"] * len(inside)
            tags[0], tags[-1] = "B", "E"
            tags = ["S"] if len(inside) == 1 else tags
            lines += [f"{c} {tag}-{label}" for c, tag in zip(inside, tags)]
            label = None
        elif label:
            inside.append(char)
        else:
            lines.append(f"{char.replace('_', ' ')} O")
    return "\n".join(lines) + "\n"


def write_split(root, split, utterances, intents):
    directory = root / split
    directory.mkdir(parents=True)
    content = "\n".join(bioes(marked) for marked in utterances)
    (directory / f"ch.{split}").write_text(content, encoding="utf8")
    (directory / f"ch.{split}.intent").write_text(
        "\n".join(intents) + "\n", encoding="utf8"
    )


def write_rules(path, **changed):
    rules = {key: value for key, value in {**RULES, **changed}.items() if value != "absent"}
    path.write_text(json.dumps(rules, ensure_ascii=False), encoding="utf8")
    return path


def read_one(tmp_path, marked, intent="PlayMusic", **changed):
    write_split(tmp_path / "CAIS", "train", [marked], [intent])
    rules = read_rules(write_rules(tmp_path / "rules.json", **changed))
    [record] = read_split(tmp_path / "CAIS", "train", rules)
    return record


@pytest.mark.parametrize(
    "marked, queries",
    [
        ("放[手王菲]的[歌红豆]", ["王菲的红豆"]),
        ("放[手王菲][歌红豆]吧", ["王菲红豆"]),
        ("放[手王菲]的《[歌红豆]》", ["王菲的《红豆"]),
        ("放[手王菲]唱过[歌红豆]", ["王菲", "红豆"]),
        ("放[手王菲][手那英]", ["王菲", "那英"]),
        ("放[手王菲]的[手那英]", ["王菲", "那英"]),
        ("放[手王菲][手那英]的[歌红豆]", ["王菲", "那英的红豆"]),
        ("放[歌红豆][歌晴空]", ["红豆晴空"]),
        ("放[手王菲]的[歌红豆][单榜单]", ["王菲的红豆榜单"]),
        ("放[日今天]的[歌红豆]", ["红豆"]),
        ("放[手王菲]的[日今天][歌红豆]", ["王菲", "红豆"]),
        ("放[手王]的[歌豆]", ["王的豆"]),
        ("放[日今天]", []),
        ("放点好听的", []),
    ],
)
def test_neighbouring_slots_make_one_query(tmp_path, marked, queries):
    record = read_one(tmp_path, marked)
    assert record["music_query"] == queries
    cut = [record["text"][span["start"] : span["end"]] for span in record["spans"]]
    assert cut == queries
    assert {span["label"] for span in record["spans"]} <= {"MUSIC_QUERY"}


def test_the_slots_themselves_are_kept(tmp_path):
    record = read_one(tmp_path, "放[手王菲]的[歌豆]")
    assert record["slots"] == [
        {"start": 1, "end": 3, "label": "singer_name"},
        {"start": 4, "end": 5, "label": "song_name"},
    ]


@pytest.mark.parametrize("intent", ["PlayStory", "playmusic", "PlayMusicX"])
def test_other_intents_hold_no_query(tmp_path, intent):
    record = read_one(tmp_path, "放[歌红豆]", intent)
    assert (record["intent"], record["music_query"], record["spans"]) == (intent, [], [])
    assert len(record["slots"]) == 1


def test_a_lost_character_is_a_blank_that_joins_nothing(tmp_path):
    record = read_one(tmp_path, "放[手王菲]_[歌红豆]")
    assert record["text"] == "放王菲 红豆"
    assert record["music_query"] == ["王菲", "红豆"]


def test_utterances_keep_their_order_and_their_intents(tmp_path):
    write_split(
        tmp_path, "valid", ["放[歌红豆]", "早", "放[歌晴空]"], ["PlayMusic", "Hi", "Stop"]
    )
    records = read_split(tmp_path, "valid", MergeRules(**RULES))
    assert [(r["text"], r["intent"], r["music_query"]) for r in records] == [
        ("放红豆", "PlayMusic", ["红豆"]),
        ("早", "Hi", []),
        ("放晴空", "Stop", []),
    ]


@pytest.mark.parametrize(
    "marked, changed, queries",
    [
        ("放[手王菲]的[歌红豆]", {"joiners": [""]}, ["王菲", "红豆"]),
        ("放[手王菲]唱过[歌红豆]", {"joiners": ["唱过"]}, ["王菲唱过红豆"]),
        ("放[手王菲][手那英]", {"apart": []}, ["王菲那英"]),
        ("放[歌红豆][歌晴空]", {"apart": ["song_name"]}, ["红豆", "晴空"]),
        ("放[手王菲]的[歌红豆]", {"labels": ["song_name"]}, ["红豆"]),
        ("放[日今天]的[歌红豆]", {"labels": ["song_name", "date"]}, ["今天的红豆"]),
        ("放[手王菲]的[歌红豆]", {"intents": ["Hi"]}, []),
        ("放[手王菲]的[歌红豆]", {"intents": []}, []),
    ],
)
def test_edited_rules_change_the_queries(tmp_path, marked, changed, queries):
    assert read_one(tmp_path, marked, **changed)["music_query"] == queries


def test_the_shipped_rules_merge_a_singer_and_a_song():
    slots = [
        {"start": 1, "end": 3, "label": "singer_name"},
        {"start": 4, "end": 6, "label": "song_name"},
    ]
    [query] = merge_slots("放王菲的红豆", slots, "PlayMusic", read_rules(SHIPPED))
    assert (query["start"], query["end"]) == (1, 6)


@pytest.mark.parametrize("n_intents", [0, 1, 3])
def test_intents_that_do_not_fit_the_utterances_are_an_error(tmp_path, n_intents):
    write_split(tmp_path, "test", ["放[歌红豆]", "早"], ["Hi"] * n_intents)
    with pytest.raises(
        ValueError, match=rf"2 messages.*ch\.test\.intent.*{n_intents} intents"
    ):
        read_split(tmp_path, "test", MergeRules(**RULES))


def test_a_malformed_tag_is_an_error_with_file_and_row(tmp_path):
    write_split(tmp_path, "train", ["早", "放[歌红豆]"], ["Hi", "PlayMusic"])
    path = tmp_path / "train" / "ch.train"
    path.write_text(path.read_text(encoding="utf8").replace("E-", "?-"), encoding="utf8")
    with pytest.raises(ValueError, match=r"ch\.train:3: .*\?-song_name"):
        read_split(tmp_path, "train", MergeRules(**RULES))


@pytest.mark.parametrize(
    "changed, told",
    [
        ({"intents": "absent"}, "intents"),
        ({"joiner": ["和"]}, "joiner"),
        ({"labels": [1]}, "labels"),
        ({"labels": 5}, ""),
        ({"intents": None}, ""),
        ({"intents": "PlayMusic"}, "intents"),
        ({"joiners": {"的": 1}}, "joiners"),
    ],
)
def test_rules_of_another_form_are_refused(tmp_path, changed, told):
    path = write_rules(tmp_path / "rules.json", **changed)
    with pytest.raises(ValueError, match=rf"rules\.json.*{told}"):
        read_rules(path)


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe"])
def test_a_broken_rules_file_is_named(tmp_path, content):
    path = tmp_path / "rules.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"rules\.json"):
        read_rules(path)
