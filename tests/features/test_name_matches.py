"""What finding names takes, and what is seen of them, is bounded by the text."""

import tracemalloc

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spacy_musicquery.features import name_index, name_matches
from spacy_musicquery.features.catalogue import Catalogue
from spacy_musicquery.features.name_matches import (
    N_COLUMNS,
    N_LENGTHS,
    N_PLACES,
    encode_matches,
)

TYPES = "abcdef"


def plainly(texts, names):
    """What each character is within the first N_COLUMNS names that have it: the longest
    first, then the first that begins, then the first type."""
    rows = []
    for text in texts:
        matches = sorted(
            (-len(name), start, TYPES.index(type_name))
            for type_name, of_type in names.items()
            for name in set(of_type)
            for start in range(len(text))
            if text.startswith(name, start)
        )
        for place in range(len(text)):
            row = []
            for minus, start, type_id in matches:
                inside = place - start
                if 0 <= inside < -minus and len(row) < N_COLUMNS:
                    where = 0 if inside == 0 else 2 if inside == -minus - 1 else 1
                    length = min(-minus, N_LENGTHS) - 1
                    row.append(1 + (type_id * N_LENGTHS + length) * N_PLACES + where)
            rows.append(row + [0] * (N_COLUMNS - len(row)))
    return rows


def encoded(texts, names):
    catalogue = Catalogue(TYPES)
    catalogue.add(names)
    sizes = np.array([len(text) for text in texts], dtype="int64")
    matches = catalogue.find_all(texts, sizes)
    assert np.bincount(matches.starts, minlength=1).max() <= N_COLUMNS
    features = encode_matches(matches, int(sizes.sum()))
    return np.pad(features, ((0, 0), (0, N_COLUMNS - features.shape[1]))).tolist()


some_names = st.lists(st.text("甲乙", min_size=1, max_size=12), max_size=20)


@given(
    st.lists(st.text("甲乙", max_size=30), max_size=4),
    st.dictionaries(st.sampled_from(TYPES), some_names),
    st.integers(1, 8),
)
def test_few_at_a_time_give_what_a_plain_search_gives(texts, names, at_a_time):
    before = name_index._AT_A_TIME, name_matches._AT_A_TIME
    name_index._AT_A_TIME = name_matches._AT_A_TIME = at_a_time / 4
    try:
        assert encoded(texts, names) == plainly(texts, names)
    finally:
        name_index._AT_A_TIME, name_matches._AT_A_TIME = before


def test_memory_is_bounded_by_the_text():
    catalogue = Catalogue(TYPES)
    catalogue.add({t: ["甲" * n for n in range(1, 201)] for t in TYPES})
    size = 3000
    tracemalloc.start()
    matches = catalogue.find_all(["甲" * size], np.array([size]))
    features = encode_matches(matches, size)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert features.shape == (size, N_COLUMNS) and features.all()
    assert peak < 6000 * size
