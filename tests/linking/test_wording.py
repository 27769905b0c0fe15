import numpy as np

from spacy_musicquery.linking.entries import Entry
from spacy_musicquery.linking.index import LinkIndex
from spacy_musicquery.linking.linker import Linker


def wording(*names):
    index = LinkIndex.build(Entry(name, "title", name) for name in names)
    costs = index.arrays["wording"]
    return [float(costs[index.search.place_of(name)]) for name in names]


def test_what_reads_like_a_name_costs_less():
    """All of them are made up: none of these names is one that the box knows."""
    for natural, odd in (
        ("爱的星空", "的空星爱"),
        ("小小的心愿", "愿的心小小"),
        ("李小明", "明小李"),
    ):
        one, other = wording(natural, odd)
        assert 0 <= one < other


def test_of_what_sounds_alike_the_one_that_reads_like_a_name_comes_first():
    entries = [Entry("odd", "title", "晴田"), Entry("name", "title", "情天")]
    for order in (entries, entries[::-1]):
        best = Linker(LinkIndex.build(order)).link("青天", 1)[0]
        assert best.id == "name"


def test_what_was_said_costs_nothing_however_it_reads():
    index = LinkIndex.build([Entry("1", "title", "田晴"), Entry("2", "title", "甜情")])
    place = index.search.place_of("田晴")
    assert index.arrays["wording"][place] > 0 and index.search.cost("田晴", place) == 0
    assert Linker(index).link("田晴", 1)[0].id == "1"


def test_the_more_names_are_little_known_the_likelier_is_one_that_is_known():
    made_up = [f"{a}{b}的{c}" for a in "爱情青春" for b in "星雨月" for c in "心梦花海"]
    few = [wording("稻香", *made_up[:n]) for n in (1, 12, 47)]
    known, unknown = zip(*(costs[:2] for costs in few))
    assert known[0] == known[1] == known[2]
    assert unknown[0] < unknown[1] < unknown[2]
    # Nor is any likelier than others where none is known.
    assert wording(*made_up)[0] == unknown[0]


def test_without_names_there_is_nothing_to_tell():
    assert LinkIndex.build([]).arrays["wording"].shape == (0,)
    assert np.isfinite(wording("!!!", "𠮷野家", "听" * 90)[:2]).all()
