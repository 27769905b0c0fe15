"""What a tagger reads of a text, and where it stands there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_musicquery.features.plain_text import plain_text


@pytest.mark.parametrize(
    "text, plain",
    [
        ("播放 周杰伦 的 晴天", "播放周杰伦的晴天"),
        ("我 想 听 歌", "我想听歌"),
        ("播放\u3000周杰伦\u3000的 \u3000晴天", "播放周杰伦的晴天"),
        ("来一首晴天[微笑]", "来一首晴天"),
        ("来一首晴天[旺柴][旺柴]", "来一首晴天"),
        ("来一首晴天hhhh", "来一首晴天"),
        ("来 一首 晴天 吧[微笑]HHH", "来一首晴天吧"),
        ("播放晴天。", "播放晴天"),
        ("播放晴天......", "播放晴天"),
        ("播放晴天……！！~", "播放晴天"),
        ("播放晴天。[微笑]，hhh!\n", "播放晴天"),
        ("播放晴天？。", "播放晴天？"),
        ("播放晴天(^_^)", "播放晴天"),
        ("播放晴天（T▽T）~", "播放晴天（T▽T）"),
        ("播放晴天（*＾▽＾*）~", "播放晴天"),
        ("play Hey Jude.", "play Hey Jude"),
        ("播放晴天\u200b", "播放晴天"),
        ("播放晴天233", "播放晴天"),
        ("播放晴天(づ｡◕‿‿◕｡)づ", "播放晴天"),
        ("播放晴天(ಥ_ಥ)", "播放晴天"),
        ("播放晴天（´Д｀）ノ~", "播放晴天"),
        ("播放晴天[微笑]23333。", "播放晴天"),
    ],
)
def test_what_says_nothing_is_left_out(text, plain):
    shorter, places = plain_text(text)
    assert shorter == plain
    assert "".join(text[place] for place in places) == plain


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "播放晴天",
        "周杰伦 晴天",  # an artist and a title
        "来吧 我等你 一起去吃饭好不好",  # sentences
        "play Shape of You by Ed Sheeran",
        "听 Hey Jude",
        "[微笑]",
        "hhh",
        "播放ahhh",
        "播放[晴天]的歌",
        "播放hh",
        "播放晴天(live)",
        "播放晴天(2003)",
        "播放晴天(カバー)",
        "播放晴天（さくら・ソング）",
        "播放晴天ノ",
        "播放晴天(周杰伦)",
        "()",
        "播放晴天？",
        "你好。播放晴天",
        "……",
        "233",
        "播放123",
        "播放1233",
        "播放3",
        "播放333",
        "play MH233",
    ],
)
def test_what_is_read_as_it_is(text):
    assert plain_text(text) is None


@given(st.text("听晴天的 \u3000[]()^Дづ23hH笑a，。.？", max_size=20))
def test_characters_keep_their_order_and_place(text):
    found = plain_text(text)
    if found is not None:
        assert list(found.places) == sorted(set(found.places))
        assert 0 < len(found.text) < len(text)
        assert "".join(text[place] for place in found.places) == found.text


def test_very_many_stickers_are_left_out_too():
    stickers = "[微笑]" * 20_000
    assert plain_text("晴" + stickers).text == "晴"
    assert plain_text("晴" + stickers + "天") is None
