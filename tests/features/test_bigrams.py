import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spacy_musicquery.features.bigrams import BigramInventory
from spacy_musicquery.features.characters import CharInventory

CHARS = CharInventory("abcd")


def encode(texts):
    ids, lengths = CHARS.encode(texts)
    return ids, lengths


def learn(texts, min_count=1):
    return BigramInventory.learnt_from(*encode(texts), min_count=min_count)


def test_pairs_at_the_edges_and_inside_are_known():
    bigrams = learn(["ab"])
    assert len(bigrams) == 1 + 3  # unknown; start-a, a-b, b-end
    before, after = bigrams.encode(*encode(["ab"])).T
    assert before[1] == after[0]
    assert len({before[0], before[1], after[1]} - {0}) == 3


def test_pairs_do_not_reach_into_the_next_text():
    bigrams = learn(["ab"])
    ids = bigrams.encode(*encode(["a", "", "b"]))
    assert ids[0, 1] == ids[1, 0] == 0  # a-end and start-b, not a-b
    assert ids[0, 0] and ids[1, 1]


def test_rare_pairs_and_pairs_with_unknown_characters_are_unknown():
    bigrams = learn(["abab", "cx"], min_count=2)
    before, after = bigrams.encode(*encode(["abcx"])).T
    assert before.tolist()[0] == 0
    assert before[1] != 0  # a-b occurs twice
    assert before.tolist()[2:] == [0, 0] and after.tolist()[1:] == [0, 0, 0]
    assert len(learn(["x"])) == 1


@given(st.lists(st.text("abcdx", max_size=100), min_size=1, max_size=6))
def test_a_text_is_encoded_as_if_alone(texts):
    bigrams = learn(["abcd", "dcba", "aabb"])
    together = bigrams.encode(*encode(texts))
    apart = [bigrams.encode(*encode([text])) for text in texts]
    assert together.tolist() == np.concatenate(apart).tolist()


def test_an_inventory_survives_saving():
    bigrams = learn(["abcd"])
    loaded = BigramInventory.from_dict(bigrams.to_dict())
    ids = encode(["dabc"])
    assert loaded.encode(*ids).tolist() == bigrams.encode(*ids).tolist()
    assert len(BigramInventory(np.zeros((0, 2)))) == 1
