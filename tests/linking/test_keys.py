import pytest

from spacy_musicquery.linking.keys import (
    MAX_UNITS,
    fold_text,
    spell,
    spell_name,
    spell_query,
)
from spacy_musicquery.linking.sounds import N_CODES


@pytest.mark.parametrize(
    "one, other",
    [
        ("周杰倫", "周杰伦"),
        ("Ｂｅｙｏｎｄ", "beyond"),
        ("Let It Go", "letitgo"),
        ("v.a.", "V A"),
        ("加油!AMIGO", "加油，amigo"),
        ("Beyoncé", "beyonce"),
        ("30出头", "三十出头"),
        ("15的月亮", "十五的月亮"),
        ("2018年", "二零一八年"),
        ("990朵", "九百九十朵"),
        ("10086", "一零零八六"),
    ],
)
def test_what_does_not_count(one, other):
    assert spell(fold_text(one))[0] == spell(fold_text(other))[0]


@pytest.mark.parametrize(
    "number, words",
    [
        ("0", "零"),
        ("10", "十"),
        ("12", "十二"),
        ("30", "三十"),
        ("101", "一百零一"),
        ("110", "一百一十"),
        ("2000", "两千".replace("两", "二")),
        ("1001", "一千零一"),
        ("10010", "一万零一十"),
        ("1000000", "一百万"),
    ],
)
def test_a_number_is_said_as_a_number(number, words):
    assert words in spell(number) or words in [
        key.replace("零十", "零一十") for key in spell(number)
    ]


def test_a_number_may_be_read_in_two_ways():
    assert set(spell("520")) == {"五百二十", "五二零"}


def test_a_name_without_its_brackets_is_a_key_as_well():
    assert list(spell_name(fold_text("晴天 (Live版)"))) == [
        ("晴天live版", False),
        ("晴天", True),
    ]
    assert list(spell_name(fold_text("晴天 - Live at 台北"))) == [
        ("晴天liveat台北", False),
        ("晴天", True),
    ]
    assert list(spell_name("晴天")) == [("晴天", False)]


@pytest.mark.parametrize(
    "text", ["", " ", "!!!", "晴天", "《晴天》 - Live", "30出头", "𠮷野家", "\ud800x"]
)
def test_every_character_of_a_key_comes_from_the_text(text):
    keys, starts, ends = spell_query(text)
    assert len(keys[0]) == len(starts) == len(ends)
    for char, start, end in zip(keys[0], starts, ends):
        assert 0 <= start < end <= len(text)
        assert char in (*fold_text(text[start:end]), "\ufffd") or text[start:end].isdigit()


def test_every_character_is_spelt_in_a_query_as_in_a_name():
    for char in map(chr, range(N_CODES)):
        assert spell_query(char)[0] == list(spell(fold_text(char))), ascii(char)


def test_a_name_of_signs_alone_keeps_them():
    assert spell("!!!") == ("!!!",)
    assert spell(" ") == ("",)


def test_long_names_are_cut():
    assert len(spell("听" * 500)[0]) == MAX_UNITS
    keys, starts, ends = spell_query("听," * 500)
    assert len(keys[0]) == len(starts) == len(ends) == MAX_UNITS
