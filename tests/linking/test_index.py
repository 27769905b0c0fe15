import hashlib
import io
import pickle

import numpy as np
import pytest

from spacy_musicquery.errors import SavedModelError
from spacy_musicquery.linking import sound_arrays
from spacy_musicquery.linking.entries import Entry
from spacy_musicquery.linking.index import LinkIndex
from spacy_musicquery.linking.index_file import MAGIC, digest_of, write_index
from spacy_musicquery.linking.keys import MAX_UNITS
from spacy_musicquery.linking.linker import Linker
from spacy_musicquery.linking.sound_arrays import (
    N_KINDS,
    STRINGS,
    require_sound_arrays,
    require_sound_facts,
)

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


def require_sound(index, **changed):
    """changed: Arrays, with __ for the dots of their names."""
    arrays = {**index._arrays}
    for name, array in changed.items():
        arrays[name.replace("__", ".")] = array
    require_sound_arrays(arrays, len(index.types), len(index.syllables))


def refuses(index, name, array, told=None):
    with pytest.raises(ValueError, match=f"its {told or name} are not those of an index"):
        require_sound(index, **{name.replace(".", "__"): array})
    return True


def with_one(array, value, at=0):
    array = array.copy()
    array.reshape(-1)[at] = value
    return array


def longer(array):
    return np.concatenate([array, array[-1:]])


ARRAYS = [*sound_arrays._DTYPES, "wording"]
OFFSETS = [name for name in ARRAYS if name.endswith(".offsets")]


def test_the_arrays_of_an_index_are_sound(index):
    require_sound(index)
    assert {*ARRAYS} == {*index._arrays}


@pytest.mark.parametrize("name", ARRAYS)
def test_every_array_has_its_type_and_its_dimensions(index, name):
    array = index._arrays[name]
    assert refuses(index, name, array.astype("<f4" if array.dtype != "<f4" else "<f8"))
    assert refuses(index, name, array[..., np.newaxis])


@pytest.mark.parametrize("name", [*OFFSETS, "starts"])
def test_lists_follow_each_other_from_the_first_number_to_the_last(index, name):
    array = index._arrays[name]
    end = int(array[-1])
    assert refuses(index, name, with_one(array, 1))
    assert refuses(index, name, with_one(array, end - 1, -1))
    assert refuses(index, name, with_one(array, end + 1, -1))
    assert refuses(index, name, with_one(array, end + 1, len(array) // 2))
    # There are as many as there are names, entries or features, of which these tell.
    if name not in ("starts", "ids.offsets"):
        assert refuses(index, name, longer(array))


@pytest.mark.parametrize("name", ["exact.offsets", "spoken.offsets"])
def test_buckets_are_a_power_of_two_and_more_than_one(index, name):
    array = index._arrays[name]
    end = array[-1]
    for n in (2, 4, 8):
        buckets = np.array([0] * n + [end], dtype="<u4")
        require_sound(index, **{name.replace(".", "__"): buckets})
    for n in (1, 3, 6, 7, 12):
        assert refuses(index, name, np.array([0] * n + [end], dtype="<u4"))
    assert refuses(index, name, array[:0])


def test_a_name_has_as_many_units_as_a_query_can_have(index):
    starts, units = index._arrays["starts"], index._arrays["units"]
    last = int(starts[-1] - starts[-2])
    for more, is_sound in ((MAX_UNITS - last, True), (MAX_UNITS - last + 1, False)):
        changed = {
            "units": np.concatenate([units, np.ones(more, dtype="<u2")]),
            "starts": with_one(starts, starts[-1] + more, -1),
        }
        if is_sound:
            require_sound(index, **changed)
        else:
            with pytest.raises(ValueError, match="its starts are not"):
                require_sound(index, **changed)


LIMITS = {
    "exact": lambda index: index.n_keys,
    "spoken": lambda index: index.n_keys,
    "artist_keys": lambda index: index.n_keys,
    "of_key": lambda index: len(index),
    "of_key.kinds": lambda index: N_KINDS,
    "types": lambda index: len(index.types),
    "folded": lambda index: sound_arrays.N_FOLDED,
    "initials": lambda index: sound_arrays.N_INITIALS,
    "readings": lambda index: len(index.syllables) * sound_arrays.N_TONES,
}


@pytest.mark.parametrize("name", LIMITS)
def test_what_is_pointed_to_is_there(index, name):
    array, limit = index._arrays[name], LIMITS[name](index)
    for value in (0, limit - 1):
        require_sound(index, **{name.replace(".", "__"): with_one(array, value)})
    assert refuses(index, name, with_one(array, limit))
    if array.dtype.kind == "i":
        assert refuses(index, name, with_one(array, -1))


def test_names_of_a_feature_rise(index):
    """A name that stood in the list of a feature twice would have more points than fit."""
    postings, offsets = index._arrays["postings"], index._arrays["postings.offsets"]
    lists = (np.diff(offsets.astype("i8")) > 1).nonzero()[0]
    begin, end = (int(offsets[i]) for i in (lists[0], lists[0] + 1))
    assert postings[begin] < postings[begin + 1]
    for values in ([postings[begin]] * 2, postings[begin : begin + 2][::-1]):
        changed = postings.copy()
        changed[begin : begin + 2] = values
        assert refuses(index, "postings", changed)
    assert refuses(index, "postings", with_one(postings, index.n_keys, end - 1))
    # The last of all may be the last name.
    require_sound(index, postings=with_one(postings, index.n_keys - 1, -1))
    assert refuses(index, "postings", with_one(postings, index.n_keys, -1))
    assert refuses(index, "postings", with_one(postings, -1))


@pytest.mark.parametrize(
    "name, least, most, beyond",
    [
        ("gaps", 0.0, 1000.0, [-1e-9, np.nextafter(1000.0, 2000.0), np.nan, np.inf]),
        (
            "wording",
            0.0,
            np.nextafter(np.float32(1e3), np.float32(0)),
            [-1e-9, 1e3, np.nan],
        ),
    ],
)
def test_costs_are_in_bounds(index, name, least, most, beyond):
    array = index._arrays[name]
    for value in (least, most):
        require_sound(index, **{name: with_one(array, value)})
    for value in beyond:
        assert refuses(index, name, with_one(array, value))


@pytest.mark.parametrize("change", [lambda array: array[:-1], longer])
@pytest.mark.parametrize(
    "name",
    [
        *("roles", "wording", "of_key.kinds", "types", "popularity", "popularities"),
        *("distances", "readings", "folded", "initials", "gaps"),
    ],
)
def test_there_is_as_much_as_there_are_names_entries_or_sounds(index, name, change):
    assert refuses(index, name, change(index._arrays[name]))
    if index._arrays[name].ndim == 2:
        assert refuses(index, name, change(index._arrays[name].T).T.copy())


@pytest.mark.parametrize("piece", [1, 2, 3, 4, 5, 7, 1 << 20])
@pytest.mark.parametrize("name", STRINGS)
def test_strings_are_read_in_pieces_that_cut_no_character(index, monkeypatch, name, piece):
    monkeypatch.setattr(sound_arrays, "_PIECE", piece)
    require_sound(index)
    array = index._arrays[name]
    for at in (0, len(array) // 2, len(array) - 1):
        assert refuses(index, name, with_one(array, 0xFF, at))
    # A character that begins and does not end.
    assert refuses(index, name, with_one(array, 0xE6, -1))


@pytest.mark.parametrize("name", STRINGS)
def test_no_character_begins_in_one_string_and_ends_in_the_next(index, name):
    array, offsets = index._arrays[name], index._arrays[f"{name}.offsets"]
    data = np.tile(np.array([0xC3, 0xA9], dtype="|u1"), len(array) // 2)  # é
    ends = np.full_like(offsets, len(data))
    ends[0] = 0
    for end in (0, 2, 4, len(data)):
        require_sound(index, **{name: data, f"{name}__offsets": with_one(ends, end, 1)})
    for end in (1, 3, len(data) - 1):
        with pytest.raises(ValueError, match=f"its {name} are not"):
            require_sound(index, **{name: data, f"{name}__offsets": with_one(ends, end, 1)})


def test_there_are_at_most_a_thousand_types_and_as_many_syllables_as_sounds(index):
    most = sound_arrays.N_CODES - sound_arrays.PRIVATE
    types, syllables = ([f"x{i}" for i in range(n)] for n in (1000, most))
    require_sound_facts({"types": types, "syllables": ["", *syllables[1:]]})
    require_sound_facts({"types": [], "syllables": []})
    for facts, name in (
        ({"types": [*types, "y"], "syllables": [""]}, "types"),
        ({"types": types, "syllables": ["", *syllables]}, "syllables"),
        ({"types": "abc", "syllables": [""]}, "types"),
        ({"types": ["", "a"], "syllables": [""]}, "types"),
        ({"types": ["a", "a"], "syllables": [""]}, "types"),
        ({"types": ["a"], "syllables": ["a", ""]}, "syllables"),
        ({"types": ["a"], "syllables": ["", "a", "a"]}, "syllables"),
    ):
        with pytest.raises(ValueError, match=f"its {name} are not those of an index"):
            require_sound_facts(facts)


def test_a_file_that_cannot_be_opened_is_refused(index, tmp_path, monkeypatch):
    path = tmp_path / "index"
    index.to_disk(path)

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(
        SavedModelError, match=r"MQ211.*cannot be read \(Permission denied\)"
    ):
        LinkIndex.from_disk(path)


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


@pytest.mark.parametrize("header", [b"{", b"[]", b'{"arrays": 7}', b"\xff"])
def test_a_header_that_is_none_is_reported_whatever_its_checksum(header):
    body = len(header).to_bytes(8, "little") + header
    digest = hashlib.sha256(body).digest()
    with pytest.raises(SavedModelError, match="damaged"):
        LinkIndex.from_bytes(MAGIC + digest + body)
