"""A short text alone: found and encoded as in a batch, by the module that Cython compiles
and by the same as Python runs it."""

import importlib.util
import shutil
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_musicquery.features import short_text as installed
from spacy_musicquery.features.bigrams import BigramInventory
from spacy_musicquery.features.characters import CharInventory, normalization_table
from spacy_musicquery.features.name_index import NameIndex
from spacy_musicquery.features.name_matches import (
    encode_matches,
    join_matches,
    split_matches,
)
from spacy_musicquery.features.row_layout import RowLayout

SOURCE = Path(installed.__file__).with_name("short_text.py")


def interpreted():
    """The module as Python runs it, even if Cython has compiled it."""
    name = "spacy_musicquery.features._short_text_as_source"
    spec = importlib.util.spec_from_file_location(name, SOURCE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=["installed", "interpreted"])
def module(request):
    return installed if request.param == "installed" else interpreted()


CHARS = "aAb1 .甲乙丙听Ｂİ\x00\ud800😀"
names = st.lists(st.text(CHARS, min_size=1, max_size=5), max_size=30)


def make_index(types, simplified=False):
    inventory = CharInventory(simplified=simplified)
    index = NameIndex.empty(normalization_table(**inventory.normalization))
    for type_id, of_type in enumerate(types):
        normal = map(inventory.normalize, of_type)
        for name in dict.fromkeys(normal):  # one by one, as they come in
            index = index.joined([name], type_id)
    return index


def make_finder(module, index):
    _, (names, one_char, beginnings, _, normal) = index.__reduce__()
    return module.NameFinder(names, one_char, beginnings, normal)


@given(types=st.lists(names, max_size=3), texts=st.lists(st.text(CHARS, max_size=40)))
def test_the_names_of_a_text_are_those_of_a_batch(module, types, texts):
    index = make_index(types)
    finder = make_finder(module, index)
    sizes = np.array([len(text) for text in texts], dtype="int64")
    normal = CharInventory().normal_codes("".join(texts))
    together = split_matches(index.find(normal, sizes), sizes)
    assert [finder.find(text) for text in texts] == together


@given(
    types=st.lists(names, max_size=3),
    texts=st.lists(st.text(CHARS, min_size=1, max_size=40), min_size=1),
    n_learnt=st.integers(0, 20),
)
def test_the_rows_of_a_text_are_those_of_a_batch(module, types, texts, n_learnt):
    inventory = CharInventory("ab1甲乙丙听.")
    bigrams = BigramInventory(np.zeros((0, 2)))
    if n_learnt:
        learnt = ["甲乙丙ab1听." * 3, *texts][:n_learnt]
        bigrams = BigramInventory.learnt_from(*inventory.encode(learnt), min_count=1)
    n_chars, n_bigrams = len(inventory), len(bigrams) if n_learnt else 0
    index = make_index(types)
    finder = make_finder(module, index) if len(index) else None
    for text in texts:
        ids, lengths = inventory.encode([text])
        columns = [ids[:, np.newaxis]]
        if n_bigrams:
            columns.append(
                np.add(bigrams.encode(ids, lengths), [n_chars, n_chars + n_bigrams])
            )
        matches = join_matches([finder.find(text) if finder else []], lengths)
        before_names = n_chars + 2 * n_bigrams - 1
        columns.append(encode_matches(matches, len(text), before_names))
        layout = RowLayout.of(n_chars, n_bigrams)
        rows = module.encode_short(
            text, inventory.id_of_char, bigrams.id_of_key, layout, finder
        )
        assert rows.tolist() == np.concatenate(columns, axis=1).tolist()


def test_a_text_as_long_as_short_ones_get(module):
    # Every length that a short text has room for, and one more.
    size = installed.FEW_CHARS - 1
    text = "".join(chr(0x4E00 + i) for i in range(size))
    index = make_index([[text[:n] for n in range(1, size + 1)], [text + "甲"]])
    found = make_finder(module, index).find(text)
    assert found == [(0, n, 0) for n in range(1, size + 1)]


def test_what_begins_like_a_longer_name_is_found(module):
    index = make_index([["甲乙" * 40]]).joined(["甲乙丙"], 0).joined(["甲乙丁"], 1)
    _, (names, _, beginnings, _, _) = index.__reduce__()
    for table in (names, beginnings):  # every hash once, in order
        assert (np.diff(table.hashes) > 0).all()
    assert make_finder(module, index).find("甲乙丙甲乙丁") == [(0, 3, 0), (3, 3, 1)]


def test_traditional_names_are_found_as_simplified_ones(module):
    finder = make_finder(module, make_index([["周杰倫", "听海"]], simplified=True))
    for text in ("聽海和周杰倫", "听海和周杰伦"):
        assert finder.find(text) == [(0, 2, 0), (3, 3, 0)]
    finder = make_finder(module, make_index([["周杰倫", "听海"]]))
    assert finder.find("聽海和周杰倫") == [(3, 3, 0)]


def can_compile():
    compiler = (sysconfig.get_config_var("CC") or "none").split()[0]
    header = Path(sysconfig.get_path("include"), "Python.h")
    return shutil.which(compiler) is not None and header.exists()


@pytest.mark.skipif(not can_compile(), reason="no C compiler, or no headers of Python")
def test_installing_has_compiled_it():
    # setup.py lets pip go on when compiling fails.
    assert Path(installed.__file__).suffix != ".py"
