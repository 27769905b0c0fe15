"""Names: found in texts, turned into features, learnt from, changed without training."""

import copy
import pickle
import random
import threading

import numpy as np
import pytest
import spacy
from hypothesis import example, given
from hypothesis import strategies as st
from spacy.training import Example
from thinc.util import fix_random_seed

from spacy_musicquery.data.docs import record_to_doc
from spacy_musicquery.data.records import Record
from spacy_musicquery.errors import SavedModelError
from spacy_musicquery.features.catalogue import Catalogue
from spacy_musicquery.features.name_index import NameIndex
from spacy_musicquery.features.name_matches import (
    N_COLUMNS,
    N_LENGTHS,
    N_PLACES,
    encode_matches,
    join_matches,
    perturb,
    split_matches,
)

from ..conftest import FROM_SCRATCH

Q = "MUSIC_QUERY"
CHARS = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥金木水火土山石田"


def filled(**names):
    catalogue = Catalogue(sorted(names))
    catalogue.add(names)
    return catalogue


def find(catalogue, text):
    """The names in one text."""
    sizes = np.array([len(text)])
    return split_matches(catalogue.find_all([text], sizes), sizes)[0]


# Finding


def test_names_are_found_wherever_they_are():
    catalogue = filled(artist=["周杰伦", "林俊杰"], title=["晴天", "天", "周杰"])
    assert catalogue.types == ("artist", "title")
    assert find(catalogue, "周杰伦的晴天") == [
        (0, 2, 1),
        (0, 3, 0),
        (4, 2, 1),
        (5, 1, 1),
    ]
    assert find(catalogue, "") == find(catalogue, "今日无歌") == []


def test_names_are_compared_as_messages_are():
    catalogue = filled(title=["Ｈｅｙ Jude "])
    assert len(catalogue) == 1 and catalogue.names() == {"title": ["hey jude"]}
    assert find(catalogue, "放HEY JUDE吧") == [(1, 8, 0)]


def test_no_name_begins_or_ends_inside_a_latin_word():
    catalogue = filled(title=["hello", "say", "1989"])
    assert find(catalogue, "say hello") == [(0, 3, 0), (4, 5, 0)]
    assert find(catalogue, "othello essay 21989") == []
    assert find(catalogue, "听hello歌") == [(1, 5, 0)]


def test_one_name_may_have_several_types():
    catalogue = filled(album=["范特西"], title=["范特西", "范特西", " ", ""])
    assert len(catalogue) == 1
    assert find(catalogue, "范特西") == [(0, 3, 0), (0, 3, 1)]


@example({"a": ["乙", "乙甲"], "b": ["乙", "乙甲", "乙甲丙"]}, "乙甲丙")
@given(
    st.dictionaries(
        st.sampled_from("ab"),
        st.lists(st.text("甲乙丙", min_size=1, max_size=4)),
        min_size=1,
    ),
    st.text("甲乙丙", max_size=12),
)
def test_find_finds_what_a_plain_search_finds(names, text):
    catalogue = filled(**names)
    expected = []
    for start in range(len(text)):
        of_start = [
            (start, end - start, type_id)
            for end in range(len(text), start, -1)
            for type_id, type_name in enumerate(sorted(names))
            if text[start:end] in names[type_name]
        ]
        expected += of_start[:N_COLUMNS]  # the longest, of which no more are seen
    assert sorted(find(catalogue, text)) == sorted(expected)


def test_a_large_catalogue_finds_its_names():
    generator = random.Random(0)
    chars = [chr(code) for code in range(0x4E00, 0x5200)]
    names = {
        "".join(generator.choices(chars, k=generator.randint(2, 9))) for _ in range(9000)
    }
    catalogue = filled(title=names)
    texts = ["听" + name for name in names]
    sizes = np.array([len(text) for text in texts])
    starts, lengths, _ = catalogue.find_all(texts, sizes)
    whole = set(zip(starts.tolist(), lengths.tolist()))
    begins = (np.cumsum(sizes) - sizes + 1).tolist()
    assert all((begin, size - 1) in whole for begin, size in zip(begins, sizes.tolist()))


def test_a_name_of_many_lines_is_many():
    assert filled(title=["晴天\nＡ", "晴天"]).names() == {"title": ["晴天", "a"]}


def test_a_catalogue_is_copied_whole():
    catalogue = filled(artist=["周杰伦"], title=["晴天", "家"])
    for other in (copy.deepcopy(catalogue), pickle.loads(pickle.dumps(catalogue))):
        other.add({"title": ["周杰伦"]})
        assert (
            find(other, "家在晴天") == find(catalogue, "家在晴天") == [(0, 1, 1), (2, 2, 1)]
        )
        assert find(other, "周杰伦") == [(0, 3, 0), (0, 3, 1)]
    assert find(catalogue, "周杰伦") == [(0, 3, 0)]


def test_a_name_that_could_not_be_added_may_be_added_again(monkeypatch):
    catalogue = filled(title=["晴天"])
    with monkeypatch.context() as patch:
        patch.setattr(NameIndex, "joined", None)
        with pytest.raises(TypeError):
            catalogue.add({"title": ["稻香"]})
    assert catalogue.names() == {"title": ["晴天"]}
    catalogue.add({"title": ["稻香"]})
    assert catalogue.names() == {"title": ["晴天", "稻香"]}
    assert find(catalogue, "稻香") == [(0, 2, 0)]


def test_any_kind_of_str_is_looked_up():
    assert find(filled(title=["晴天"]), np.str_("放晴天")) == [(1, 2, 0)]


def test_names_have_so_many_types_and_no_more():
    catalogue = Catalogue([f"t{i}" for i in range(64)])
    catalogue.add({"t63": ["晴天"], "t0": ["晴天"]})
    assert find(catalogue, "晴天") == [(0, 2, 0), (0, 2, 63)]
    assert split_matches(catalogue.find_all(["晴天"], np.array([2])), np.array([2])) == [
        [(0, 2, 0), (0, 2, 63)]
    ]
    with pytest.raises(ValueError, match=r"MQ061.*65.*64"):
        Catalogue([f"t{i}" for i in range(65)])


def test_names_may_be_added_while_others_look():
    catalogue = filled(artist=["周杰伦"])
    stop = threading.Event()
    errors = []

    def look():
        while not stop.is_set():
            if (0, 3, 0) not in find(catalogue, "周杰伦和甲乙丙"):
                errors.append("lost")

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    generator = random.Random(0)
    for _ in range(60):
        catalogue.add({"artist": ["".join(generator.sample(CHARS, 3)) for _ in range(100)]})
        catalogue.names()
    stop.set()
    for thread in threads:
        thread.join()
    assert not errors and len(catalogue) > 5000


# Features


def encode(matches, lengths):
    return encode_matches(join_matches(matches, np.array(lengths)), sum(lengths))


def test_a_character_is_first_inside_or_last_in_a_name():
    features = encode([[(1, 3, 1), (0, 1, 0)]], [5])
    base = (N_LENGTHS + 2) * N_PLACES + 1  # the second type, three characters
    assert features[:, 0].tolist() == [1, base, base + 1, base + 2, 0]
    assert not features[:, 1:].any()


def test_the_longest_names_come_first():
    matches = [(0, length, 0) for length in range(1, 7)]
    row = encode([matches], [6])[0].tolist()
    lengths = [(feature - 1) // N_PLACES + 1 for feature in row]
    assert lengths == [5, 5, 4, 3] and len(row) == N_COLUMNS


def longest_of_each_start(matches):
    """No others are seen, and of many texts at once no others are found."""
    of_start = {}
    for match in sorted(matches, key=lambda m: (-m[1], m[2])):
        of_start.setdefault(match[0], []).append(match)
    return sorted(match for kept in of_start.values() for match in kept[:N_COLUMNS])


@given(
    st.lists(st.text("aAb1 .甲乙", max_size=9), max_size=8),
    st.lists(st.text("aAb1 .甲乙", min_size=1, max_size=3), max_size=9),
)
def test_matches_are_split_by_text_as_each_has_them(texts, names):
    catalogue = filled(artist=names[::2], title=names)
    sizes = np.array([len(text) for text in texts], dtype="int64")
    together = catalogue.find_all(texts, sizes)
    alone = [longest_of_each_start(find(catalogue, text)) for text in texts]
    assert split_matches(together, sizes) == alone
    joined = join_matches(alone, sizes)
    assert sorted(zip(*map(list, joined))) == sorted(zip(*map(list, together)))


def test_training_forgets_names_and_makes_some_up():
    np.random.seed(0)
    matches = [[(0, 2, 0), (3, 3, 1)]] * 2000
    lengths = np.full(2000, 8)
    shares = {"catalogue_dropout": 0.25, "name_dropout": 0.1}
    changed = perturb(matches, lengths, n_types=3, distractors=0.5, **shares)
    kept = sum(
        match in changed[i] for i, of_text in enumerate(matches) for match in of_text
    )
    assert 0.645 < kept / 4000 < 0.705  # 0.9 of the names of 0.75 of the texts
    assert 0.22 < sum(not of_text for of_text in changed) / 2000 < 0.29
    made_up = [m for of_text in changed for m in of_text if m not in matches[0]]
    assert 0.3 < len(made_up) / 2000 < 0.42
    assert all(start >= 0 and start + n <= 8 and of < 3 for start, n, of in made_up)
    assert {of_type for *_, of_type in made_up} == {0, 1, 2}
    none = perturb([[]], np.array([0]), n_types=1, distractors=9.0, **shares)
    assert none == [[]]


# In a pipeline


def invent(generator, n):
    return ["".join(generator.sample(CHARS, generator.choice((2, 3)))) for _ in range(n)]


@pytest.fixture(scope="module")
def pipeline_path(tmp_path_factory):
    """Trained where only a catalogue tells names from other words."""
    generator = random.Random(0)
    artists = invent(generator, 300)
    records = []
    for row, artist in enumerate(artists):
        other = invent(generator, 1)[0]
        for text, start in (
            (f"我想听{artist}的歌", 3),
            (artist, 0),
            (f"来一首{other}{artist}吧", 3 + len(other)),
        ):
            records.append(Record(row, text, ((start, start + len(artist), Q),)))
        records += [Record(row, other, ()), Record(row, f"我想{other}了", ())]
    fix_random_seed(0)
    nlp = spacy.blank("zh")
    model = {"name_dropout": 0.0, "name_distractors": 0.0, "char_dropout": 0.3}
    component = nlp.add_pipe("music_query", config={**FROM_SCRATCH, "model": model})
    examples = [
        Example(nlp.make_doc(record.text), record_to_doc(nlp, record)) for record in records
    ]
    component.initialize(lambda: examples, nlp=nlp, catalogue={"artist": artists})
    optimizer = nlp.create_optimizer()
    optimizer.learn_rate = 0.005
    for _ in range(4):
        generator.shuffle(examples)
        for begin in range(0, len(examples), 64):
            nlp.update(examples[begin : begin + 64], sgd=optimizer, drop=0.2)
    path = tmp_path_factory.mktemp("catalogue") / "pipeline"
    nlp.to_disk(path)
    return path


@pytest.fixture
def nlp(pipeline_path):
    return spacy.load(pipeline_path)


def queries(nlp, text):
    alone = [ent.text for ent in nlp(text).ents]
    together = [[ent.text for ent in doc.ents] for doc in nlp.pipe([text] * 9)]
    assert together == [alone] * 9
    return alone


NEW = "田石壬"


def test_a_name_added_today_is_found_today(nlp, tmp_path):
    texts = [f"我想听{NEW}的歌", NEW, f"来一首火亥{NEW}吧"]
    assert [queries(nlp, text) for text in texts[1:]] != [[NEW]] * 2
    nlp.get_pipe("music_query").add_to_catalogue({"artist": [NEW]})
    assert [queries(nlp, text) for text in texts] == [[NEW]] * 3
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    assert [queries(again, text) for text in texts] == [[NEW]] * 3
    copied = spacy.util.load_model_from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert queries(copied, NEW) == [NEW]
    assert [d.ents[0].text for d in nlp.pipe([NEW] * 4, n_process=2)] == [NEW] * 4


def test_a_catalogue_may_be_replaced(nlp):
    component = nlp.get_pipe("music_query")
    old = component.catalogue["artist"][0]
    assert queries(nlp, old) == [old]
    component.set_catalogue({"artist": [NEW]})
    assert component.catalogue == {"artist": [NEW]}
    assert queries(nlp, NEW) == [NEW]
    component.set_catalogue({})
    assert component.catalogue == {"artist": []} and queries(nlp, "我想甲乙了") == []


def test_what_a_catalogue_is(nlp):
    component = nlp.get_pipe("music_query")
    with pytest.raises(ValueError, match=r"MQ015.*'title'.*artist"):
        component.set_catalogue({"title": ["晴天"]})
    for value in (["周杰伦"], {"artist": "周杰伦"}, {"artist": [3]}, None):
        with pytest.raises(ValueError, match="MQ016"):
            component.add_to_catalogue(value)
    untrained = spacy.blank("zh").add_pipe("music_query", config=FROM_SCRATCH)
    with pytest.raises(ValueError, match=r"MQ014.*initialize\.components\.music_query"):
        untrained.set_catalogue({"artist": ["周杰伦"]})


@pytest.mark.parametrize(
    "damage", [lambda p: p.unlink(), lambda p: p.write_bytes(b"x" * 99)]
)
def test_a_damaged_catalogue_is_reported(nlp, tmp_path, damage):
    nlp.to_disk(tmp_path)
    damage(tmp_path / "music_query" / "catalogue")
    with pytest.raises(SavedModelError, match="catalogue"):
        spacy.load(tmp_path)
