import json
from collections import Counter

import pytest
import spacy
from spacy.util import registry
from thinc.api import Config

from spacy_musicquery.data.generator import generate
from spacy_musicquery.data.generator_settings import GeneratorSettings
from spacy_musicquery.data.grammar import Grammar
from spacy_musicquery.data.replay import make_generated_corpus, make_replay_corpus
from spacy_musicquery.tokens.gold import new_examples

from ..conftest import found
from .test_generator import NAMES, PHRASES

CONFIG = """
[corpus]
@readers = "spacy_musicquery.ReplayCorpus.v1"
share = {share}
seed = {seed}

[corpus.new]
@readers = "spacy_musicquery.RecordCorpus.v1"
path = "{new}"

[corpus.old]
@readers = "spacy_musicquery.Negatives.v1"
path = "{old}"
"""


@pytest.fixture
def make_corpus(tmp_path):
    """Writes messages and makes the reader that a config describes."""

    def make(n_new, n_old, share=0.5, seed=0):
        records = [{"text": f"放晴天{i}", "music_query": "晴天"} for i in range(n_new)]
        (tmp_path / "new.json").write_text(json.dumps(records))
        (tmp_path / "old.txt").write_text("\n".join(f"闲聊{i}" for i in range(n_old)))
        text = CONFIG.format(
            share=share, seed=seed, new=tmp_path / "new.json", old=tmp_path / "old.txt"
        )
        return registry.resolve(Config().from_str(text))["corpus"]

    return make


def texts(corpus):
    return [example.reference.text for example in corpus(spacy.blank("zh"))]


@pytest.mark.parametrize(
    "n_new, n_old, share, expected_new, expected_old",
    [
        (3, 30, 0.5, 30, 30),
        (30, 3, 0.5, 30, 30),
        (4, 30, 0.75, 10, 30),
        (12, 4, 0.25, 12, 4),
    ],
)
def test_the_fewer_come_again_until_the_share_is_right(
    make_corpus, n_new, n_old, share, expected_new, expected_old
):
    counts = Counter(texts(make_corpus(n_new, n_old, share)))
    of_new = [counts[f"放晴天{i}"] for i in range(n_new)]
    of_old = [counts[f"闲聊{i}"] for i in range(n_old)]
    assert (sum(of_new), sum(of_old)) == (expected_new, expected_old)
    for of_kind in (of_new, of_old):
        assert min(of_kind) >= 1 and max(of_kind) - min(of_kind) <= 1


def test_order_is_mixed_and_seeded(make_corpus):
    once = texts(make_corpus(10, 10))
    assert once == texts(make_corpus(10, 10))
    assert once != texts(make_corpus(10, 10, seed=1))
    assert {text[0] for text in once[:10]} == {"放", "闲"}


def test_annotations_stay(make_corpus):
    for example in make_corpus(2, 4)(spacy.blank("zh")):
        expected = ["晴天"] if example.reference.text[0] == "放" else []
        assert [ent.text for ent in example.reference.ents] == expected


@pytest.mark.parametrize("share", [0.0, 1.0, -1, 2])
def test_a_share_of_all_or_nothing_is_refused(make_corpus, share):
    with pytest.raises(ValueError, match=r"MQ003.*share"):
        make_corpus(1, 1, share)


@pytest.mark.parametrize("name", ["new", "old"])
def test_a_reader_that_gives_nothing_is_named(make_corpus, name):
    full = make_corpus(2, 2)
    readers = {"new": full, "old": full, name: lambda nlp: []}
    with pytest.raises(ValueError, match=rf"MQ059.*{name}"):
        list(make_replay_corpus(**readers)(spacy.blank("zh")))


@pytest.fixture
def sources(tmp_path):
    """A folder of phrases, and one of names."""
    folders = tmp_path / "phrases", tmp_path / "names"
    for folder, files in zip(
        folders, (PHRASES, {n: "\n".join(v) for n, v in NAMES.items()})
    ):
        folder.mkdir()
        for name, text in files.items():
            (folder / f"{name}.txt").write_text(text + "\n", encoding="utf8")
    return folders


def test_generated_messages_are_what_the_generator_makes(sources):
    phrases, names = sources
    corpus = make_generated_corpus(phrases, names, {"size": 40, "seed": 3})
    expected = generate(Grammar(phrases, NAMES), GeneratorSettings(size=40, seed=3))
    examples = list(corpus(spacy.blank("en")))
    assert [(e.reference.text, found(e.reference)) for e in examples] == [
        (record.text, list(record.spans)) for record in expected
    ]


def test_generated_silence_holds_no_query(sources):
    settings = {"size": 40, "mentions": 0.5, "other_requests": 0.25, "chat": 0.25}
    settings["requests_without_query"] = 0
    for example in make_generated_corpus(*sources, settings)(spacy.blank("zh")):
        assert not example.reference.ents


@pytest.mark.parametrize("settings", [{"chats": 0.1}, {"chat": 2.0}])
def test_settings_that_are_not_allowed_are_refused_before_reading(settings):
    with pytest.raises(ValueError, match="MQ003"):
        make_generated_corpus("nowhere", "nowhere", settings)


def test_a_pretrained_component_grows_by_new_messages_only(make_corpus, trained_path):
    nlp = spacy.blank("zh")
    component = nlp.add_pipe("music_query", config={"pretrained": str(trained_path)})
    corpus = make_corpus(2, 6)
    known = set(
        spacy.load(trained_path).get_pipe("music_query").parameters.characters.chars
    )
    assert not known & set("闲聊05")
    assert [e.reference.text for e in new_examples(corpus(nlp))].count("放晴天0") == 1
    nlp.initialize(lambda: corpus(nlp))
    grown = set(component.parameters.characters.chars) - known
    assert grown == set("放晴天01") - known
    # Starting from nothing, all are new.
    fresh = spacy.blank("zh").add_pipe("music_query", config={"pretrained": None})
    fresh.initialize(lambda: corpus(nlp))
    assert set("闲聊05") <= set(fresh.parameters.characters.chars)
