"""Names in texts: found as the definition says, whatever the tables."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_musicquery.features.characters import CharInventory
from spacy_musicquery.features.name_index import NameIndex, NameLines
from spacy_musicquery.features.name_matches import N_COLUMNS, split_matches

CHARS = "aAb1 .甲乙丙听Ｂİ\x00\ud800😀"
names = st.lists(st.text(CHARS, min_size=1, max_size=5), max_size=30)


def make_index(types, simplified=False):
    inventory = CharInventory(simplified=simplified)
    index = NameIndex.empty()
    for type_id, of_type in enumerate(types):
        normal = map(inventory.normalize, of_type)
        for name in dict.fromkeys(normal):  # one by one, as they come in
            index = joined(index, name, type_id)
    return index


def joined(index, name, type_id):
    index, is_new = index.joined(NameLines.of(name), np.array([type_id]))
    assert is_new.tolist() == [True]
    return index


def find(index, texts, **normalization):
    sizes = np.array([len(text) for text in texts], dtype="int64")
    normal = CharInventory(**normalization).normal_codes("".join(texts))
    return split_matches(index.find(normal, sizes), sizes)


def names_in(text, types):
    """Start, length and type of the names in a text: the definition."""
    normalize = CharInventory().normalize
    text, types = normalize(text), [set(map(normalize, of_type)) for of_type in types]

    def is_in_word(place):
        around = text[place - 1 : place + 1]
        return 0 < place < len(text) and around.isascii() and around.isalnum()

    def names_at(start):
        return [
            (start, length, type_id)
            for length in range(min(5, len(text) - start), 0, -1)
            for type_id, of_type in enumerate(types)
            if text[start : start + length] in of_type
            and not is_in_word(start)
            and not is_in_word(start + length)
        ]

    # The longest few of each start: no others are seen.
    return sorted(name for at in range(len(text)) for name in names_at(at)[:N_COLUMNS])


@settings(deadline=None)
@given(types=st.lists(names, max_size=3), texts=st.lists(st.text(CHARS, max_size=30)))
def test_the_names_of_texts_are_those_that_the_definition_gives(types, texts):
    assert find(make_index(types), texts) == [names_in(text, types) for text in texts]


def test_what_begins_like_a_longer_name_is_found():
    index = make_index([["甲乙" * 40, "甲乙丙"], ["甲乙丁"]])
    for table in index.tables:  # every hash once, in order
        assert (np.diff(table.hashes) > 0).all()
    assert find(index, ["甲乙丙甲乙丁"]) == [[(0, 3, 0), (3, 3, 1)]]
    assert index.longest == 80


def test_traditional_names_are_found_as_simplified_ones():
    index = make_index([["周杰倫", "听海"]], simplified=True)
    for text in ("聽海和周杰倫", "听海和周杰伦"):
        assert find(index, [text], simplified=True) == [[(0, 2, 0), (3, 3, 0)]]
    assert find(make_index([["周杰倫", "听海"]]), ["聽海和周杰倫"]) == [[(3, 3, 0)]]


def test_what_is_known_already_is_not_new():
    index = make_index([["甲", "甲乙"], ["甲乙"]])
    same, is_new = index.joined(NameLines.of("甲\n甲乙"), np.array([0, 1]))
    assert same is index and not is_new.any()
    other, is_new = index.joined(NameLines.of("甲\n甲\n丙"), np.array([0, 1, 1]))
    assert is_new.tolist() == [False, True, True]
    assert find(other, ["甲丙"]) == [[(0, 1, 0), (0, 1, 1), (1, 1, 1)]]
    assert find(index, ["甲丙"]) == [[(0, 1, 0)]]
