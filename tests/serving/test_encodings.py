"""Files say in which encoding they are, or it is found out."""

import json
from pathlib import Path

import pytest

from spacy_musicquery.serving.encodings import as_utf8, find_encoding, known_encoding

TRAIN = Path(__file__).parents[2] / "assets" / "train.json"
CHINESE = [record["text"] for record in json.loads(TRAIN.read_text(encoding="utf8"))]
TRADITIONAL = [
    "我想聽周杰倫的晴天",
    "播放五月天的歌",
    "今天天氣怎麼樣",
    "來一首鄧麗君的月亮代表我的心",
]


@pytest.mark.parametrize("n", [1, 3, 100])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16-le", "utf-16-be"])
def test_chinese_chat(encoding, n):
    for first in range(0, 100, n):
        text = "id,text\n" + "\n".join(f"1,{t}" for t in CHINESE[first : first + n]) + "\n"
        assert find_encoding(text.encode(encoding)) == (encoding, 0), text


@pytest.mark.parametrize("n", range(1, 5))
def test_traditional_characters(n):
    text = "\n".join(TRADITIONAL[:n])
    assert find_encoding(text.encode("cp950")) == ("cp950", 0)
    assert find_encoding(text.encode("gb18030")) == ("gb18030", 0)


@pytest.mark.parametrize(
    "encoding, found, n",
    [("utf-8-sig", "utf-8", 3), ("utf-16", "utf-16-le", 2), ("utf-32", "utf-32-le", 4)],
)
def test_marks(encoding, found, n):
    assert find_encoding("听歌".encode(encoding)) == (found, n)


def test_a_few_broken_lines_change_nothing():
    lines = [text.encode() for text in CHINESE[:90]] + ["听歌".encode("gbk")] * 10
    assert find_encoding(b"\n".join(lines))[0] == "utf-8"
    lines = [text.encode("gb18030") for text in CHINESE[:90]] + [b"\xff\xff"] * 3
    assert find_encoding(b"\n".join(lines))[0] == "gb18030"


@pytest.mark.parametrize(
    "sample", [b"", b"abc", b"\x00", b"\xff\xff\xff", bytes(range(256))]
)
def test_whatever_the_bytes_there_is_an_answer(sample):
    assert find_encoding(sample)[0] in ("utf-8", "gb18030")


def test_encodings_are_known_by_many_names():
    assert known_encoding("GBK") == known_encoding("gb2312") == "gb18030"
    assert known_encoding("UTF8") == known_encoding("utf-8-sig") == "utf-8"
    for name in ("no-such", "base64"):
        with pytest.raises(ValueError, match=r"MQ052.*--encoding.*gb18030"):
            known_encoding(name)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_wide_encodings_are_read_piece_by_piece(size):
    text = "听😀歌\n放\n"
    data = text.encode("utf-16-le") + b"\x00\xd8" + "好\n".encode("utf-16-le") + b"x"
    pieces = (data[i : i + size] for i in range(0, len(data), size))
    lines = b"".join(as_utf8("utf-16-le", pieces)).split(b"\n")
    assert lines[:2] == text.encode().split(b"\n")[:2]
    with pytest.raises(UnicodeDecodeError):
        lines[2].decode()
    with pytest.raises(UnicodeDecodeError):
        lines[3].decode()
