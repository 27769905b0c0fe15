import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from spacy_musicquery.features.catalogue import Catalogue
from spacy_musicquery.features.name_index import NameLines

CHARS = "aA乙國国 \n\u3000\x1cＡ😀"
lists = st.lists(st.text(CHARS, max_size=4), max_size=6)


def as_read(text):
    normal = {"A": "a", "Ａ": "a", "國": "国", "\u3000": " "}
    return "".join(normal.get(char, char) for char in text)


def lines_of(names):
    """The names of one type as the definition gives them."""
    lines = [line.strip() for name in names for line in name.split("\n")]
    return list(dict.fromkeys(filter(None, (as_read(line).strip() for line in lines))))


@given(first=lists, second=lists)
@example(first=["a", "b"], second=["b", "b", " a"])
@example(first=["", ""], second=[])
def test_names_are_normal_different_and_in_order(first, second):
    catalogue = Catalogue(["x", "y"], simplified=True)
    catalogue.add({"x": first, "y": second})
    catalogue.add({"x": second})
    expected = {"x": lines_of([*first, *second]), "y": lines_of(second)}
    assert catalogue.names() == expected
    # As they are saved, they are taken as they are; and find the same.
    again = Catalogue(["x", "y"], simplified=True)
    again.add(expected)
    assert again.names() == expected
    assert again.index.longest == catalogue.index.longest
    for one, other in zip(again.index.tables, catalogue.index.tables):
        assert np.array_equal(one.slots, other.slots)


@given(st.lists(st.text("ab乙😀", min_size=1, max_size=3), max_size=5000))
@example(["ab", "乙"] * 3000)
def test_a_name_has_one_hash_wherever_it_stands(names):
    lines = NameLines.of("\n".join(names))
    assert lines.lengths.tolist() == list(map(len, names))
    for i in {0, len(names) // 2, len(names) - 1} if names else ():
        alone = NameLines.of(names[i])
        assert alone.hashes[0] == lines.hashes[i]
        assert alone.beginnings[0] == lines.beginnings[i]
        assert NameLines.of(names[i][:2]).hashes[0] == lines.beginnings[i]


@given(known=lists, asked=lists)
def test_a_name_is_one_of_the_catalogue_or_not(known, asked):
    catalogue = Catalogue(["x"], simplified=True)
    catalogue.add({"x": known})
    names = set(lines_of(known))
    for one in [*known, *asked, ""]:
        assert (one in catalogue) == (as_read(one) in names)


def test_names_explain_a_query_alone_or_with_a_particle_between_two():
    catalogue = Catalogue(["artist", "title"])
    catalogue.add({"artist": ["周杰伦"], "title": ["晴天", "我的天空", "Ｂ"]})
    for query in (
        "周杰伦",
        "周杰伦的晴天",
        "周杰伦的我的天空",
        "我的天空的晴天",
        "b",
        "Ｂ的晴天",
    ):
        assert catalogue.explains(query), query
    for query in (
        "",
        "的",
        "周杰伦的",
        "的晴天",
        "周杰伦晴天",
        "周杰伦的雨天",
        "雨天的晴天",
    ):
        assert not catalogue.explains(query), query
