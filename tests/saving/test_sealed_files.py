"""What a saved component consists of is read as it was written, or not at all."""

import json
import zlib

import pytest
import srsly
from hypothesis import given
from hypothesis import strategies as st

from spacy_musicquery.errors import SavedModelError
from spacy_musicquery.saving import sealed_files

SETTINGS = {
    "threshold": 0.30000000000000004,
    "overwrite": False,
    "labels": ["MUSIC_QUERY", "电影"],
    "intents": ["Play", "0" * 64],
}
KNOWN = {"threshold", "overwrite"}
DIGESTS = {
    name: sealed_files.digest_of(sealed_files.seal(name.encode()))
    for name in ("model", "catalogue")
}


def read(data):
    settings = sealed_files.read_settings(data, "music_query")
    sealed_files.require_known(settings, KNOWN, "music_query")
    return settings


def test_settings_are_read_as_they_were_written():
    written = sealed_files.write_settings(SETTINGS, DIGESTS)
    settings = read(written)
    digests = settings.pop("digests")
    assert settings == SETTINGS
    assert {name: digests[name] for name in DIGESTS} == DIGESTS
    assert json.loads(written)["labels"] == SETTINGS["labels"]


def test_no_bit_of_the_settings_changes_unseen():
    written = sealed_files.write_settings(SETTINGS, DIGESTS)
    for place in range(len(written)):
        for bit in range(8):
            data = bytearray(written)
            data[place] ^= 1 << bit
            with pytest.raises(SavedModelError):
                read(bytes(data))


def test_settings_of_versions_without_a_checksum_are_read():
    old = json.dumps({**SETTINGS, "digests": DIGESTS}).encode()
    assert read(old) == {**SETTINGS, "digests": DIGESTS}
    for unknown in ({"thresholds": 0.5}, {"digests": {**DIGESTS, "cfh": "0"}}):
        with pytest.raises(SavedModelError, match="unknown"):
            read(json.dumps({**SETTINGS, "digests": DIGESTS, **unknown}).encode())


def test_what_a_json_parser_breaks_at_is_refused():
    # srsly's raises a SystemError for this object in the place of a key.
    with pytest.raises(SavedModelError, match="settings"):
        read(b'{"labels": [], "digests": {{"labels": [], "": "x"}: 1}}')


@pytest.mark.parametrize("setting", [float("nan"), float("inf"), {1, 2}, "\ud800", b"x"])
def test_settings_that_cannot_be_read_are_not_written(setting):
    with pytest.raises(ValueError, match="settings"):
        sealed_files.write_settings({**SETTINGS, "threshold": setting}, DIGESTS)


names = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1)),
)


@given(names)
def test_names_are_read_as_they_were_written(names):
    assert sealed_files.read_names(sealed_files.write_names(names), "music_query") == names


@pytest.mark.parametrize(
    "name", ["第%d集", "一千零一夜的故事" * 4 + "第%d集", "甲" * 200 + "%d"]
)
def test_many_alike_names_are_read_as_they_were_written(name):
    names = {"title": [name % i for i in range(20_000)]}
    assert sealed_files.read_names(sealed_files.write_names(names), "music_query") == names


@pytest.mark.parametrize(
    "names", [{"artist": [7]}, {"artist": ["周杰伦", None]}, {3: ["x"]}]
)
def test_what_is_no_name_is_refused_whatever_its_checksum(names):
    data = sealed_files.seal(zlib.compress(srsly.msgpack_dumps(names)))
    with pytest.raises(SavedModelError, match="is no name"):
        sealed_files.read_names(data, "music_query")
