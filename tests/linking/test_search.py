"""The same is found by the module that Cython compiles and as Python runs it, and by the
inverted index and by looking at every key."""

import importlib.util
import random
import sys
from pathlib import Path

import pytest

from spacy_musicquery.linking import search as installed
from spacy_musicquery.linking.entries import Entry
from spacy_musicquery.linking.index import LinkIndex, search_arrays
from spacy_musicquery.linking.keys import spell_query
from spacy_musicquery.linking.linker import Linker

SOURCES = Path(installed.__file__).parent
CHARS = "大壮晴天稻香鸿雁周杰伦孙燕姿的了爱情海舞草生说散就人abcdefgh曾长乐"


def interpreted(of):
    """A module as Python runs it, even if Cython has compiled it."""
    name = f"spacy_musicquery.linking._{of}_as_source"
    spec = importlib.util.spec_from_file_location(name, SOURCES / f"{of}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def names():
    generator = random.Random(0)
    lengths = [1, 2, 3, 4, 5, 6, 7, 8, 12]
    return list(
        dict.fromkeys(
            "".join(generator.choices(CHARS, k=generator.choice(lengths)))
            for _ in range(300)
        )
    )


@pytest.fixture(scope="module")
def large(names):
    return LinkIndex.build(Entry(str(i), "title", name) for i, name in enumerate(names))


def test_compiled_and_interpreted_find_the_same(large, names):
    arrays = search_arrays(large.arrays)
    one, other = large.search, interpreted("search").NameSearch(**arrays)
    generator = random.Random(1)
    for name in generator.sample(names, 25):
        heard = name[:-1] + generator.choice(CHARS)
        found = other.find(heard, 20)
        assert one.find(heard, 20) == [
            (pytest.approx(cost), place) for cost, place in found
        ]
        assert one.place_of(heard) == other.place_of(heard)
        assert one.spoken_by(heard[:3], 9) == other.spoken_by(heard[:3], 9)


def test_compiled_and_interpreted_link_the_same(names):
    generator = random.Random(2)
    artists, titles = names[:100], names[100:]
    index = LinkIndex.build(
        [
            *(Entry(f"a{i}", "artist", name) for i, name in enumerate(artists)),
            *(
                Entry(f"t{i}", "title", f"{name} (Live)", (name[::-1],), (artist,), i)
                for i, name in enumerate(titles)
                for artist in generator.sample(artists, 2)
            ),
        ]
    )
    table = interpreted("entry_table").EntryTable(index.arrays, index.types)
    find_readings = interpreted("readings").find_readings
    probabilities = interpreted("score").probabilities
    linker = Linker(index)
    for artist, title in zip(artists, titles):
        heard = title[:-1] + generator.choice(CHARS)
        for text in (
            f"{artist}的{heard}",
            title[::-1] + artist,
            heard,
            f"{title}的歌",
            "zjl",
        ):
            keys, starts, ends = spell_query(text)
            readings = find_readings(index.search, table, index.syllable_ids, keys)
            costs = [cost for cost, _ in readings]
            shares = probabilities(costs, len(keys[0]), index.n_keys)
            rows = table.link(text, readings, shares, starts, ends, 5)
            assert linker.rows(text, 5) == tuple(
                (*row[:4], pytest.approx(row[4]), *row[5:]) for row in rows
            )


def test_what_lacks_a_character_finds_its_name_among_all(large, names):
    search = large.search
    generator = random.Random(2)
    for name in names:
        if len(name) < 4:
            continue
        at = generator.randrange(len(name))
        heard = name[:at] + name[at + 1 :]
        place = search.place_of(name)
        assert (search.cost(heard, place), place) in search.find(heard, 20)


def test_every_key_is_looked_up(large, names):
    places = [large.search.place_of(name) for name in names]
    assert sorted(places) == list(range(large.n_keys))
    assert large.search.place_of("没有") == -1
    assert large.search.place_of("") == -1
    assert large.search.place_of("听" * 100) == -1


def test_equal_keys_cost_nothing_and_others_something(large, names):
    for name in names[:50]:
        place = large.search.place_of(name)
        assert large.search.cost(name, place) == 0
        assert large.search.cost(name + "国", place) > 0


@pytest.mark.parametrize(
    "heard, nearer, farther",
    [
        ("红雁", "鸿雁", "海燕"),
        ("深深", "生生", "省身"),
        ("常回家", "常回家看看", "常回家吧吧吧吧吧吧"),
        ("大丈", "大壮", "大海"),
        ("天晴", "晴天", "天空"),
        ("拥抱的你离去", "拥抱你离去", "拥抱山离去"),
    ],
)
def test_what_sounds_alike_is_nearer(heard, nearer, farther):
    index = LinkIndex.build([Entry("1", "title", nearer), Entry("2", "title", farther)])
    near, far = (
        index.search.cost(heard, index.search.place_of(k)) for k in (nearer, farther)
    )
    assert near < far


def test_none_are_found_where_none_are_wanted(large, names):
    assert large.search.find(names[0], 0) == []
    assert len(large.search.find(names[0], 1)) == 1


def test_more_postings_than_are_read():
    """Of names that share everything with a query there may be any number."""
    chars = [chr(0x4E00 + i) for i in range(190)]
    names = ("晴天" + one + other for one in chars for other in chars)
    crowded = LinkIndex.build(Entry(str(i), "title", name) for i, name in enumerate(names))
    for module in (installed, interpreted("search")):
        assert module.NameSearch(**search_arrays(crowded.arrays)).find("晴天好吗", 5)
    assert Linker(crowded).link("晴天好吗", 5)
