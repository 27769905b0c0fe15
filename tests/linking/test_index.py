import pickle

import pytest

from spacy_musicquery.errors import SavedModelError
from spacy_musicquery.linking.entries import Entry
from spacy_musicquery.linking.index import LinkIndex
from spacy_musicquery.linking.index_file import MAGIC
from spacy_musicquery.linking.linker import Linker

from .conftest import ENTRIES


def test_an_index_tells_what_it_was_made_from(index):
    assert list(index.entries()) == ENTRIES
    assert len(index) == len(ENTRIES)


def test_saved_and_loaded_it_is_the_same(index, tmp_path):
    index.to_disk(tmp_path / "index")
    for again in (
        LinkIndex.from_disk(tmp_path / "index"),
        LinkIndex.from_bytes(index.to_bytes()),
        pickle.loads(pickle.dumps(index)),
    ):
        assert list(again.entries()) == ENTRIES
        assert again.to_bytes() == index.to_bytes()
        assert Linker(again).link("周节伦的晴天", 3) == Linker(index).link(
            "周节伦的晴天", 3
        )
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


def test_a_file_that_is_replaced_stays_with_who_has_loaded_it(index, tmp_path):
    path = tmp_path / "index"
    index.to_disk(path)
    loaded = LinkIndex.from_disk(path)
    LinkIndex.build([Entry("x", "title", "别的")]).to_disk(path)
    assert list(loaded.entries()) == ENTRIES
    assert [entry.name for entry in LinkIndex.from_disk(path).entries()] == ["别的"]


def test_wherever_a_file_is_damaged_it_is_refused(index, tmp_path):
    path = tmp_path / "index"
    data = index.to_bytes()
    for at in [0, 20, 60, 100, *range(200, len(data), len(data) // 20), len(data) - 1]:
        path.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        with pytest.raises(SavedModelError, match=r"MQ211.*link-index TABLE"):
            LinkIndex.from_disk(path)


@pytest.mark.parametrize("size", [0, 10, 47, 48, 60, 5000])
def test_a_file_that_is_cut_short_is_refused(index, tmp_path, size):
    path = tmp_path / "index"
    path.write_bytes(index.to_bytes()[:size])
    with pytest.raises(SavedModelError, match="MQ211"):
        LinkIndex.from_disk(path)


def test_what_is_no_file_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(SavedModelError, match="there is no such file"):
            LinkIndex.from_disk(path)


def test_what_has_a_checksum_and_is_no_index_is_refused():
    import hashlib

    content = (30).to_bytes(8, "little") + b'{"facts": {}, "arrays": {}}   '
    data = MAGIC + hashlib.sha256(content).digest() + content
    with pytest.raises(SavedModelError, match="damaged"):
        LinkIndex.from_bytes(data)


def test_an_update_changes_adds_and_removes():
    old = LinkIndex.build(ENTRIES)
    changed = Entry("t5", "title", "鸿雁", (), ("呼斯楞",))
    new = old.updated([changed, Entry("t99", "title", "新歌")], removed=["t4"])
    names = {entry.id: entry for entry in new.entries()}
    assert names["t5"] == changed and "t99" in names and "t4" not in names
    assert len(new) == len(ENTRIES)
    assert len(old) == len(ENTRIES)


def test_an_index_without_entries_finds_nothing():
    empty = LinkIndex.build([])
    assert Linker(empty).link("晴天", 5) == ()
    assert LinkIndex.from_bytes(empty.to_bytes()).n_keys == 0


@pytest.mark.parametrize(
    "name, value",
    [
        ("postings", 2**30),
        ("postings", -1),
        ("postings.offsets", 2**31),
        ("starts", 2**31),
        ("exact", 2**30),
        ("spoken.offsets", 2**31),
        ("of_key", 2**30),
        ("artist_keys", -5),
        ("types", 999),
        ("readings", 65535),
        ("wording", -1e9),
        ("folded", 65535),
        ("names.offsets", 2**31),
    ],
)
def test_numbers_that_point_nowhere_are_refused(index, name, value):
    """A checksum tells that a file is as it was written, not who wrote it."""
    arrays = dict(index.arrays)
    array = arrays[name].copy()
    array.reshape(-1)[len(array) // 2] = value
    arrays[name] = array
    with pytest.raises(SavedModelError, match="MQ211"):
        LinkIndex.from_bytes(LinkIndex(index.facts, arrays).to_bytes())
