import pytest

from spacy_musicquery.linking.sounds import (
    N_TONES,
    fold_syllable,
    make_sound_table,
    parse_syllable,
    split_pinyin,
    syllable_distance,
)


def distance(one, other):
    return syllable_distance(parse_syllable(one), parse_syllable(other))


@pytest.mark.parametrize(
    "spelling, parts",
    [
        ("zhuang", ("zh", "u", "a", "ng")),
        ("xue", ("x", "v", "e", "-")),
        ("yuan", ("-", "v", "a", "n")),
        ("ying", ("-", "i", "e", "ng")),
        ("wo", ("-", "u", "o", "-")),
        ("liu", ("l", "i", "o", "u")),
        ("hui", ("h", "u", "e", "i")),
        ("shi", ("sh", "-", "i", "-")),
        ("er", ("-", "-", "e", "r")),
    ],
)
def test_a_syllable_has_four_parts(spelling, parts):
    assert parse_syllable(spelling) == parts


@pytest.mark.parametrize(
    "one, other",
    [
        ("ni", "li"),
        ("fa", "hua"),
        ("zhang", "zang"),
        ("shi", "si"),
        ("xin", "xing"),
        ("cheng", "chen"),
    ],
)
def test_what_is_confused_is_folded_and_near(one, other):
    assert fold_syllable(one) == fold_syllable(other)
    assert 0 < distance(one, other) < 0.15
    assert distance(one, other) < distance(one, "gu")


def test_distances_are_symmetric_and_from_0_to_1():
    table = make_sound_table()
    assert (table.distances == table.distances.T).all()
    assert (table.distances.diagonal()[1:] == 0).all()
    assert len(table.syllables) > 400


def test_readings_are_of_the_character():
    table = make_sound_table()
    read = [table.syllables[r // N_TONES] for r in table.readings[ord("乐")].tolist()]
    assert read == ["le", "yue"]
    assert table.readings[ord("好"), 0] % N_TONES == 3
    assert table.readings[ord("a"), 0] == 0


def test_pinyin_is_split_into_as_few_syllables_as_can_be():
    known = make_sound_table().syllables[1:]
    assert split_pinyin("zhoujielun", known) == ["zhou", "jie", "lun"]
    assert split_pinyin("zjl", known) == []
