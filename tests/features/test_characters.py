import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_musicquery.features.batches import padded_batches, split_by_length
from spacy_musicquery.features.characters import PAD_ID, UNK_ID, CharInventory

EVERY_CHAR = [chr(code) for code in range(sys.maxunicode + 1)]


def test_ids_of_padding_and_unknown_are_reserved():
    inventory = CharInventory("ab")
    ids, lengths = inventory.encode(["abc", "", "ba"])
    assert (PAD_ID, UNK_ID) == (0, 1)
    assert ids.tolist() == [2, 3, UNK_ID, 3, 2]
    assert lengths.tolist() == [3, 0, 2]
    assert len(inventory) == 4


@pytest.mark.slow
def test_normalisation_maps_every_character_to_one():
    inventory = CharInventory()
    for char in EVERY_CHAR:
        normal = inventory.normalize(char)
        lower = char.lower()
        if "\uff01" <= char <= "\uff5e":
            lower = unicodedata.normalize("NFKC", char).lower()
        elif char == "\u3000":
            lower = " "
        assert normal == (lower if len(lower) == 1 else char)


@pytest.mark.parametrize("fullwidth", [True, False])
@pytest.mark.parametrize("lowercase", [True, False])
def test_encoding_sees_what_normalisation_makes(fullwidth, lowercase):
    chars = "aA\uff21\uff411\uff11 \u3000听\U00010428😀"
    inventory = CharInventory(fullwidth=fullwidth, lowercase=lowercase)
    inventory = inventory.learnt_from([chars], min_count=1)
    ids, _ = inventory.encode([chars])
    normal = [inventory.normalize(char) for char in chars]
    expected = [inventory.chars.index(char) + 2 for char in normal]
    assert ids.tolist() == expected
    assert ("A" in inventory.chars) == (not lowercase)
    assert ("\uff41" in inventory.chars) == (not fullwidth)


def test_traditional_characters_are_simplified_ones():
    inventory = CharInventory(simplified=True)
    assert inventory.normalize("我想聽周杰倫的髮如雪、著名臺灣專輯") == (
        "我想听周杰伦的发如雪、着名台湾专辑"
    )
    # What is written in simplified text stays, and one step is enough.
    common = "".join(
        bytes((row, cell)).decode("gb2312", "ignore")
        for row in range(0xB0, 0xF8)
        for cell in range(0xA1, 0xFF)
    )
    changed = [char for char in common if inventory.normalize(char) != char]
    assert set(changed) == set("著乾")
    once = inventory.normalize("".join(EVERY_CHAR))
    assert len(once) == len(EVERY_CHAR) and inventory.normalize(once) == once
    learnt = inventory.learnt_from(["听聽"], min_count=2)
    assert learnt.chars == ("听",)
    assert learnt.encode(["聽听"])[0].tolist() == [2, 2]


def test_symbols_are_one():
    inventory = CharInventory(symbols=True)
    symbols = "😀🎵🥹👍♪★→∀▽❤\ufe0f"
    assert set(inventory.normalize(symbols)) == {"😀"}
    for text in ("①②", "晴天, ok!", "《》…", "\u200d"):
        assert inventory.normalize(text) == text
    assert CharInventory().normalize(symbols) == symbols


def test_inventory_counts_after_normalisation_and_ranks_by_frequency():
    inventory = CharInventory().learnt_from(["AaＡ听听b"], min_count=2)
    assert inventory.chars == ("a", "听")


@pytest.mark.parametrize("simplified", [True, False])
@pytest.mark.parametrize("symbols", [True, False])
def test_inventory_survives_saving(simplified, symbols):
    settings = {"simplified": simplified, "symbols": symbols}
    inventory = CharInventory("听a😀", fullwidth=False, **settings)
    loaded = CharInventory.from_dict(inventory.to_dict())
    assert loaded.to_dict() == inventory.to_dict()
    text = ["听聽Ａ😀🎵?"]
    assert loaded.encode(text)[0].tolist() == inventory.encode(text)[0].tolist()


def test_inventory_of_before_it_could_simplify():
    old = {"chars": "听聽😀", "fullwidth": True, "lowercase": True}
    inventory = CharInventory.from_dict(old)
    assert not inventory.simplified and not inventory.symbols
    assert inventory.encode(["听聽😀🎵"])[0].tolist() == [2, 3, 4, UNK_ID]


@given(st.lists(st.text(st.characters(exclude_categories=[])), max_size=8))
def test_any_text_has_one_id_a_character(texts):
    ids, lengths = CharInventory("听a").encode(texts)
    assert lengths.tolist() == [len(text) for text in texts]
    assert len(ids) == sum(map(len, texts))
    assert set(ids.tolist()) <= {UNK_ID, 2, 3}


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=20),
    st.integers(1, 100),
    st.integers(0, 30),
)
def test_padded_batches_hold_every_text_once_and_stay_small(
    lengths, max_chars, max_padding
):
    lengths = np.array(lengths, dtype="int32")
    ids = np.arange(2, 2 + lengths.sum(), dtype="int32")[:, None]
    out = np.full((len(ids), 1), -1, dtype="int32")
    n_texts = 0
    for batch in padded_batches(ids, lengths, max_chars, max_padding):
        assert (batch.ids == PAD_ID).sum() <= max_padding
        assert batch.ids.size <= max(max_chars, batch.lengths.max())
        assert len(batch.ids) == 1 or batch.ids.size <= max_chars
        assert ((batch.ids[..., 0] != PAD_ID).sum(axis=1) == batch.lengths).all()
        assert (batch.lengths > 0).all()
        batch.scatter(batch.ids, out)
        n_texts += len(batch.lengths)
    assert n_texts == (lengths > 0).sum()
    assert out.tolist() == ids.tolist()


def test_one_long_text_does_not_pad_the_short_ones():
    lengths = np.array([5, 50_000, 6, 7], dtype="int32")
    ids = np.ones((lengths.sum(), 3), dtype="int32")
    sizes = [batch.ids.shape for batch in padded_batches(ids, lengths, 1000, 1000)]
    assert sorted(sizes) == [(1, 50_000, 3), (3, 7, 3)]


def test_split_by_length():
    parts = split_by_length(np.arange(5), np.array([2, 0, 3]))
    assert [part.tolist() for part in parts] == [[0, 1], [], [2, 3, 4]]
    assert split_by_length(np.arange(0), np.array([], dtype=int)) == []
