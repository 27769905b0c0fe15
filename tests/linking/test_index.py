import io
import pickle

import numpy as np
import pytest

from spacy_musicquery.errors import SavedModelError
from spacy_musicquery.linking.entries import Entry
from spacy_musicquery.linking.index import LinkIndex
from spacy_musicquery.linking.index_file import MAGIC, digest_of, write_index
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
        ("names.offsets", 1),
        ("names", 0xFF),
        ("ids", 0x80),
        ("gaps", float("nan")),
        ("gaps", float("inf")),
        ("gaps", -1.0),
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


@pytest.mark.parametrize("dtype", ["<f8", "<i8", ">u2"])
@pytest.mark.parametrize("name", ["of_key", "types", "popularity", "roles", "units"])
def test_arrays_of_another_type_are_refused(index, name, dtype):
    arrays = {**index._arrays, name: index._arrays[name].astype(dtype)}
    with pytest.raises(SavedModelError, match=f"MQ211.*{name}"):
        LinkIndex.from_bytes(with_arrays(index, arrays))


@pytest.mark.parametrize("times", [2, 60_000])
def test_a_name_that_has_a_feature_twice_is_refused(index, times):
    """Its points would be more than there is room for."""
    arrays = dict(index._arrays)
    arrays["postings"] = np.repeat(arrays["postings"], times)
    arrays["postings.offsets"] = arrays["postings.offsets"] * np.uint32(times)
    with pytest.raises(SavedModelError, match=r"MQ211.*postings"):
        LinkIndex.from_bytes(with_arrays(index, arrays))


def with_arrays(index, arrays, facts=None):
    file = io.BytesIO()
    write_index(file, index.facts if facts is None else facts, arrays)
    return file.getvalue()


@pytest.mark.parametrize(
    "name, value",
    [
        ("types", "artist"),
        ("types", None),
        ("types", ["artist", 7, "x", "y", "z"]),
        ("types", ["artist", "artist", "x", "y"]),
        ("types", ["artist", "", "x", "y"]),
        ("syllables", []),
        ("syllables", {"": 0}),
        ("syllables", ["", "a", "", "b"]),
    ],
)
def test_facts_of_another_kind_are_refused(index, name, value):
    facts = {**index.facts, name: value}
    with pytest.raises(SavedModelError, match=r"MQ211.*damaged"):
        LinkIndex.from_bytes(with_arrays(index, index._arrays, facts))


def test_more_syllables_than_sounds_are_refused(index):
    facts = {**index.facts, "syllables": [*index.syllables, "xyz"]}
    with pytest.raises(SavedModelError, match="MQ211"):
        LinkIndex.from_bytes(with_arrays(index, index._arrays, facts))


def test_what_could_not_be_read_again_is_not_built():
    with pytest.raises(ValueError, match="MQ411"):
        LinkIndex.build(Entry(str(i), f"type {i}", "晴天") for i in range(1001))
    with pytest.raises(ValueError, match="MQ411"):
        LinkIndex.build([Entry("1", "", "晴天")])
    with pytest.raises(ValueError, match="MQ410"):
        LinkIndex.build(
            Entry(str(i), "x" * 2000 + str(i), "晴") for i in range(900)
        ).to_bytes()
    for entry in (
        Entry("\ud800", "title", "晴天"),
        Entry("1", "title", "\ud83d晴天"),
        Entry("1", "title", "晴天", ("\udfff",)),
        Entry("1", "title", "晴天", (), ("\udfff",)),
    ):
        with pytest.raises(ValueError, match=r"MQ412.*ud"):
            LinkIndex.build([entry])


def test_a_save_that_fails_leaves_the_old_one_alone(index, tmp_path, monkeypatch):
    path = tmp_path / "index"
    index.to_disk(path)

    def fail(file, facts, arrays):
        file.write(b"half")
        raise OSError("the disk is full")

    monkeypatch.setattr("spacy_musicquery.linking.index.write_index", fail)
    with pytest.raises(OSError, match="full"):
        index.to_disk(path)
    assert list(LinkIndex.from_disk(path).entries()) == ENTRIES
    assert [file.name for file in tmp_path.iterdir()] == ["index"]


def test_another_index_than_the_one_that_was_meant_is_refused(index, tmp_path):
    digest = digest_of(index.to_bytes())
    assert len(LinkIndex.from_bytes(index.to_bytes(), digest=digest)) == len(ENTRIES)
    with pytest.raises(SavedModelError, match=r"MQ211.*not saved together"):
        LinkIndex.from_bytes(LinkIndex.build([]).to_bytes(), digest=digest)
