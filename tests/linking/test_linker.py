import random

import pytest

from spacy_musicquery.linking.entries import Entry
from spacy_musicquery.linking.index import LinkIndex
from spacy_musicquery.linking.linker import Linker
from spacy_musicquery.linking.score import probabilities

from ..conftest import HARD_TEXTS


def found(index, text, most=5):
    return [
        (link.id, text[link.start : link.end]) for link in Linker(index).link(text, most)
    ]


@pytest.mark.parametrize(
    "said, best",
    [
        ("周杰伦", "a1"),
        ("周董", "a1"),
        ("jay chou", "a1"),
        ("周杰倫", "a1"),
        ("zjl", "a1"),
        ("zhoujielun", "a1"),
        ("周节伦", "a1"),
        ("大丈", "a3"),
        ("增春年", "a4"),
        ("beyonce", "a5"),
        ("洪厌", "t5"),
        ("30出头", "t6"),
        ("爱情和香烟", "t7"),
        ("拥抱你的离去", "t8"),
        ("常回家", "t9"),
        ("二零七八", "t10"),
        ("天使的翅膀", "t11"),
        ("深深", "t12"),
        ("《鸿雁》", "t5"),
    ],
)
def test_a_name_is_found_as_it_is_said(index, said, best):
    links = found(index, said)
    assert links[0][0] == best


@pytest.mark.parametrize(
    "said, artist, title",
    [
        ("周杰伦的晴天", "周杰伦", "晴天"),
        ("周杰伦晴天", "周杰伦", "晴天"),
        ("晴天周杰伦", "周杰伦", "晴天"),
        ("周杰倫的《晴天》", "周杰倫", "晴天"),
        ("周杰伦唱的晴天", "周杰伦", "晴天"),
        ("周节伦的晴天", "周节伦", "晴天"),
        ("周杰伦的情天", "周杰伦", "情天"),
        ("晴天 - 周节伦", "周节伦", "晴天"),
        ("Jay Chou 的晴天", "Jay Chou", "晴天"),
    ],
)
def test_artist_and_title_are_that_song_by_that_artist(index, said, artist, title):
    links = found(index, said)
    assert links[0] == ("t1", title)
    assert ("a1", artist) in links
    scores = {link.id: link.score for link in Linker(index).link(said, 5)}
    assert scores.get("t2", 0.0) < scores["t1"] / 10


def test_the_artist_decides_who_sings_a_shared_title(index):
    assert found(index, "孙燕姿的晴天")[0][0] == "t2"


def test_without_artist_the_more_popular_comes_first(index):
    assert [entry for entry, _ in found(index, "晴天")] == ["t1", "t2", "t3"]


def test_mood_and_language_are_two_links(index):
    assert set(found(index, "伤感的粤语歌")) == {("m1", "伤感"), ("l1", "粤语")}


def test_titles_that_are_not_there_are_not_put_together_of_others():
    entries = [Entry("1", "title", "樱花树下"), Entry("2", "title", "约定")]
    links = Linker(LinkIndex.build(entries)).link("樱花树下的约定", 5)
    assert all(link.score < 0.8 for link in links)


@pytest.mark.parametrize("text", ["今天天气怎么样", "导航回家", "qwrtp", *HARD_TEXTS])
def test_what_is_not_in_the_catalogue_has_no_sure_link(index, text):
    links = Linker(index).link(text, 5)
    assert all(link.score < 0.5 for link in links)
    assert all(0 <= link.start < link.end <= len(text) for link in links)


def test_at_most_so_many_as_are_wanted(index):
    assert len(Linker(index).link("晴天", 2)) == 2


def test_scores_are_probabilities():
    for costs in ([], [0.0], [0.0, 0.2, 0.9], [1.5, 1.5]):
        shares = probabilities(costs, 4, 1000)
        assert all(0 < share < 1 for share in shares) and sum(shares) < 1
        assert shares == sorted(shares, reverse=True)
    near, far = (probabilities([cost], 4, 1000)[0] for cost in (0.2, 1.0))
    assert near > far
    few, many = (probabilities([0.5], 3, n)[0] for n in (10_000, 1_000_000))
    assert few > many


def test_of_many_shared_titles_the_right_one():
    generator = random.Random(0)
    artists = [f"{a}{b}" for a in "张王李赵孙钱" for b in "伟芳娜敏静强磊洋艳"]
    titles = [f"{a}{b}{c}" for a in "春夏秋冬" for b in "天风雨花" for c in "里曲夜"]
    entries = [Entry(f"a{i}", "artist", name) for i, name in enumerate(artists)]
    for title in titles:
        for artist in generator.sample(artists, 4):
            entries.append(Entry(f"{artist}/{title}", "title", title, artists=(artist,)))
    linker = Linker(LinkIndex.build(entries))
    for entry in generator.sample(entries[len(artists) :], 60):
        query = f"{entry.artists[0]}的{entry.name}"
        assert linker.link(query, 1)[0].id == entry.id


def test_an_artist_of_several_is_found_by_one(index):
    entries = [
        Entry("1", "title", "屋顶", artists=("周杰伦", "温岚")),
        Entry("2", "title", "屋顶", artists=("某人",)),
    ]
    linker = Linker(LinkIndex.build(entries))
    assert linker.link("温岚的屋顶", 1)[0].id == "1"
    assert linker.link("某人的屋顶", 1)[0].id == "2"
    joined = [Entry("1", "title", "屋顶", artists=("周杰伦 & 温岚",)), entries[1]]
    assert Linker(LinkIndex.build(joined)).link("温岚的屋顶", 1)[0].id == "1"
