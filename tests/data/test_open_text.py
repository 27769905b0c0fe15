"""Public text in the forms in which its sources publish it, a few rows of each."""

import bz2
import json
from pathlib import Path
from zipfile import ZipFile

import pytest
import srsly

from spacy_musicquery.data.open_text import SOURCES, convert_source
from spacy_musicquery.data.records import read_records

ROOT = Path(__file__).parents[2]
BY_OUTPUT = {source.output: source for source in SOURCES}

COLD_TRAIN = """\
,split,topic,label,TEXT
7089,train,race,1,宁愿等着，慢就慢吧
10983,train,race,0,"说的好,也属于"
2453,train,region,1,"最排外的是\\""新上海人\\""，别问"
12,train,region,0,"第一行
第二行"
13,train,region,0,
5,train,gender
"""
COLD_DEV = """\
,split,topic,label,TEXT
8168,dev,race,1,宁愿等着，慢就慢吧
2079,dev,region,1, 哈哈。我也是新疆人
"""
TATOEBA = (
    "1\tcmn\t我們試試看！\n2\tcmn\t我该去睡觉了。\n3\t没有语言\n4\tcmn\t我该去睡觉了。\n"
).encode() + b"5\tcmn\t\xff\n"
PERSONA = {
    "persona": ["我有两只狗。", "我最喜欢的音乐是乡村。"],
    "dialogue": [["嗨！", "我很好 。"], ["好极了。", "嗨！"]],
}
KDCONV = [
    {
        "messages": [
            {"message": "知道李宗盛这个吗？"},
            {
                "attrs": [{"attrname": "职业", "attrvalue": "歌手", "name": "李宗盛"}],
                "message": "知道呀。",
            },
        ],
        "name": "李宗盛",
    },
    {"messages": [{"text": "别的"}], "name": "别的"},
]
CROSSWOZ = {
    "10550": {
        "sys-usr": [60, 63],
        "messages": [
            {"content": "你好，推荐一家餐馆吧。", "role": "usr", "dialog_act": []},
            {"content": "您可以去御玺贵。", "role": "sys", "sys_state": {}},
            {"content": "它的地址在哪啊？", "role": "usr", "user_state": []},
        ],
        "type": "单领域",
    }
}


def wish(domain, intent, **slots):
    listed = [{"name": name, "value": value} for name, value in slots.items()]
    return {domain: [*listed, {"value": intent, "name": "intent"}]}


def command(query, *wishes):
    """A row of MAC-SLU; without a wish, its semantics is an empty list."""
    semantics = {f"意图{n}": frames for n, frames in enumerate(wishes, start=1)}
    return {"id": 1, "query": query, "split_sens": [query], "semantics": semantics or []}


def music(intent="播放音乐", **slots):
    return wish("音乐", intent, **slots)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        content = content.encode()
    path.write_bytes(content)


def convert(output, folder):
    """What has become of a source, as lines or records."""
    account = convert_source(BY_OUTPUT[output], folder / "raw", folder / "out")
    path = folder / "out" / output
    if not path.exists():
        return account, None
    if path.suffix == ".jsonl":
        return account, list(srsly.read_jsonl(path))
    return account, path.read_text(encoding="utf8").splitlines()


def convert_commands(folder, *rows):
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write(folder / "raw" / "mac_slu" / "train_set.jsonl", lines)
    return convert("car_commands.jsonl", folder)


def problems(account, folder):
    return [
        (problem.path.relative_to(folder / "raw").as_posix(), problem.row)
        for problem in account.problems
    ]


def test_coldataset(tmp_path):
    write(tmp_path / "raw" / "coldataset" / "train.csv", COLD_TRAIN)
    write(tmp_path / "raw" / "coldataset" / "dev.csv", "\ufeff" + COLD_DEV)
    account, lines = convert("weibo_zhihu.txt", tmp_path)
    assert lines == [
        "宁愿等着，慢就慢吧",
        "说的好,也属于",
        '最排外的是\\"新上海人\\"，别问',
        "第一行 第二行",
        "哈哈。我也是新疆人",
    ]
    assert (account.n_read, account.n_kept, account.missing) == (8, 5, ())
    # Rows are lines of the file, as an editor shows them.
    assert problems(account, tmp_path) == [("coldataset/train.csv", 8)]
    assert "3 columns" in account.problems[0].message


def test_tatoeba(tmp_path):
    name = "tatoeba/cmn_sentences.tsv.bz2"
    write(tmp_path / "raw" / name, bz2.compress(TATOEBA))
    account, lines = convert("tatoeba.txt", tmp_path)
    assert lines == ["我們試試看！", "我该去睡觉了。"]
    assert (account.n_read, account.n_kept) == (5, 2)
    assert problems(account, tmp_path) == [(name, 3), (name, 5)]


def test_xpersona(tmp_path):
    (folder,) = {Path(file).parent for file in BY_OUTPUT["xpersona.txt"].files}
    name = "Zh_persona_split_valid_human_annotated.json"
    rows = [PERSONA, {"persona": ["孤独"]}]
    write(tmp_path / "raw" / folder / name, json.dumps(rows, ensure_ascii=False))
    account, lines = convert("xpersona.txt", tmp_path)
    assert lines == [*PERSONA["persona"], "嗨！", "我很好 。", "好极了。"]
    assert (account.n_read, account.n_kept) == (7, 5)
    assert problems(account, tmp_path) == [((folder / name).as_posix(), 2)]
    assert account.missing == ((folder / name.replace("valid", "test")).as_posix(),)


def test_kdconv(tmp_path):
    write(tmp_path / "raw" / "kdconv" / "music" / "dev.json", json.dumps(KDCONV))
    account, lines = convert("kdconv_music.txt", tmp_path)
    assert lines == ["知道李宗盛这个吗？", "知道呀。"]
    assert problems(account, tmp_path) == [("kdconv/music/dev.json", 2)]


def test_crosswoz_has_what_people_ask_for(tmp_path):
    (tmp_path / "raw" / "crosswoz").mkdir(parents=True)
    with ZipFile(tmp_path / "raw" / "crosswoz" / "val.json.zip", "w") as archive:
        archive.writestr("val.json", json.dumps(CROSSWOZ))
    account, lines = convert("crosswoz.txt", tmp_path)
    assert lines == ["你好，推荐一家餐馆吧。", "它的地址在哪啊？"]
    assert account.problems == ()


@pytest.mark.parametrize(
    "query, wishes, queries, listen",
    [
        # As the development set has them.
        (
            "放一首苏鑫的歌打开内循环",
            [
                music(操作="放", 歌手名="苏鑫", 对象="歌"),
                wish("车载控制", "提供信息", 操作="打开", 模式="内循环", 调节内容="模式"),
            ],
            ["苏鑫"],
            True,
        ),
        ("不想听歌了", [music("播放控制", 操作="不想听", 对象="歌")], [], False),
        (
            "播放英文摇篮曲",
            [music(操作="播放", 语种="英文", 音乐类型="摇篮曲")],
            ["英文摇篮曲"],
            True,
        ),
        (
            "我要听琅琊榜的插曲",
            [music(操作="听", 主题="琅琊榜", 主题曲类型="插曲")],
            ["琅琊榜的插曲"],
            True,
        ),
        (
            "循环播放歌曲何时才能",
            [music("播放控制", 操作="循环播放", 歌曲名="何时才能")],
            ["何时才能"],
            False,
        ),
        ("播放收藏歌曲", [music("播放收藏", 操作="播放", 对象="歌曲")], [], True),
        ("我要吃小鸡炖蘑菇", [], [], False),
        (
            "播放一年一度喜剧大会",
            [wish("影视", "播放影视", 片名="一年一度喜剧大会")],
            [],
            False,
        ),
        (
            "播放EVA播放歌曲座位",
            [music(操作="播放", 歌曲名="EVA"), music(操作="播放", 歌曲名="座位")],
            ["EVA", "座位"],
            True,
        ),
        # Slots in another order, and one behind which the verb stands.
        (
            "张学友的吻别让我听下吧",
            [music(操作="听", 歌曲名="吻别", 歌手名="张学友")],
            ["张学友的吻别"],
            True,
        ),
        # A name that other words hold as well is behind the verb; in a longer one it is not.
        ("我要听我", [music(操作="听", 歌曲名="我")], ["我"], True),
        (
            "放歌手的歌手之歌",
            [music(操作="放", 歌手名="歌手", 歌曲名="歌手之歌")],
            ["歌手的歌手之歌"],
            True,
        ),
        # The same twice, and what two wishes share.
        (
            "播放晴天然后再来一遍晴天",
            [music(操作="播放", 歌曲名="晴天"), music(操作="播放", 歌曲名="晴天")],
            ["晴天", "晴天"],
            True,
        ),
        (
            "放周杰伦的晴天和稻香",
            [
                music(操作="放", 歌手名="周杰伦", 歌曲名="晴天"),
                music(操作="放", 歌手名="周杰伦", 歌曲名="稻香"),
            ],
            ["周杰伦的晴天", "稻香"],
            True,
        ),
        # What is refused or asked about is no query; what is wanted instead is.
        (
            "别放晴天了放七里香",
            [
                music("播放控制", 操作="别放", 歌曲名="晴天"),
                music(操作="放", 歌曲名="七里香"),
            ],
            ["七里香"],
            True,
        ),
        (
            "晴天是谁唱的",
            [music("查询音乐信息", 歌曲名="晴天", __tgt__="歌手名")],
            [],
            False,
        ),
        (
            "用网易云放张杰林俊杰的歌",
            [music(操作="放", 应用名称="网易云", 歌手名="张杰")],
            ["张杰"],
            True,
        ),
    ],
)
def test_mac_slu(tmp_path, query, wishes, queries, listen):
    account, [record] = convert_commands(tmp_path, command(query, *wishes))
    assert record["text"] == query
    assert record["music_query"] == queries
    assert record["listen"] is listen
    assert account.problems == ()
    [read], wrong = read_records(tmp_path / "out" / "car_commands.jsonl")
    assert [query[start:end] for start, end, _ in read.spans] == queries
    assert not wrong


def test_singers_in_a_row_are_queries_of_their_own(tmp_path):
    both = music(操作="放", 歌手名="张杰")
    both["音乐"].append({"name": "歌手名", "value": "林俊杰"})
    _, [record] = convert_commands(tmp_path, command("放张杰林俊杰的歌", both))
    assert record["music_query"] == ["张杰", "林俊杰"]


def test_rows_of_mac_slu_that_cannot_be_used(tmp_path):
    rows = [
        command("播放二零一零年的歌", music(操作="播放", 年份="2010")),
        command("放晴天", music(操作="放", 歌曲名="晴天")),
        command("放晴天", music(操作="放", 专辑名="晴天")),
        {**command("放晴天"), "semantics": [{"domain": "音乐", "slots": {}}]},
        {**command("放晴天"), "semantics": {"意图1": {"音乐": [{"value": "晴天"}]}}},
        command(7),
        ["放晴天"],
        command("放周杰伦的歌", music(歌手名="周杰"), music(歌曲名="杰伦")),
        {"query": "放晴天"},
    ]
    account, records = convert_commands(tmp_path, *rows)
    assert [record["text"] for record in records] == ["放晴天"]
    assert (account.n_read, account.n_kept) == (9, 1)
    assert [row for _, row in problems(account, tmp_path)] == [1, 4, 5, 6, 7, 8, 9]
    assert "'2010' (年份) does not stand in" in account.problems[0].message
    with (tmp_path / "raw" / "mac_slu" / "dev_set.jsonl").open("wb") as stream:
        stream.write(b'{"query": \n\n\xff\n{{"a": [], "": "b"}: 1}\n')
    account, _ = convert("car_commands.jsonl", tmp_path)
    assert [row for name, row in problems(account, tmp_path) if "dev" in name] == [1, 3, 4]


@pytest.mark.parametrize(
    "output, content",
    [
        ("weibo_zhihu.txt", ",split,topic,label,text\n1,train,race,0,好\n"),
        ("weibo_zhihu.txt", ""),
        ("weibo_zhihu.txt", b",split,topic,label,TEXT\n1,train,race,0,\xff\n"),
        ("tatoeba.txt", b"<html>404</html>"),
        ("tatoeba.txt", bz2.compress(TATOEBA)[:-20]),
        ("xpersona.txt", '[{"persona": ['),
        ("kdconv_film.txt", "5"),
        ("crosswoz.txt", b"PK\x03\x04 and no more"),
    ],
)
def test_files_that_are_not_what_they_should_be(tmp_path, output, content):
    path = tmp_path / "raw" / BY_OUTPUT[output].files[0]
    write(path, content)
    with pytest.raises(ValueError, match="MQ331") as error:
        convert(output, tmp_path)
    assert str(path) in str(error.value)
    assert not (tmp_path / "out").exists()


def test_archive_of_something_else(tmp_path):
    (tmp_path / "raw" / "crosswoz").mkdir(parents=True)
    with ZipFile(tmp_path / "raw" / "crosswoz" / "val.json.zip", "w") as archive:
        archive.writestr("train.json", "{}")
    with pytest.raises(ValueError, match=r"MQ331.*val\.json"):
        convert("crosswoz.txt", tmp_path)


@pytest.mark.parametrize("output", BY_OUTPUT)
def test_without_a_source_nothing_is_written(tmp_path, output):
    account, written = convert(output, tmp_path)
    assert written is None
    assert (account.n_read, account.n_kept) == (0, 0)
    assert account.missing == BY_OUTPUT[output].files


def test_the_project_fetches_every_file():
    assets = {asset["dest"] for asset in srsly.read_yaml(ROOT / "project.yml")["assets"]}
    files = {f"assets/open_raw/{file}" for source in SOURCES for file in source.files}
    assert files == {dest for dest in assets if dest.startswith("assets/open_raw/")}
