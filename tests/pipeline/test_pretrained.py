"""Components that know something before they are trained: the model in the box, or that
of a saved pipeline, and how it grows."""

import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import spacy
from thinc.api import Adam
from thinc.util import fix_random_seed

from spacy_musicquery.errors import SavedModelError
from spacy_musicquery.features.characters import UNK_ID
from spacy_musicquery.saving.pretrained import find_pretrained

from ..conftest import FROM_SCRATCH, HARD_TEXTS, MESSAGES, found, make_examples
from ..conftest import NEW_MESSAGES as NEW

TEXTS = [text for text, _ in MESSAGES] + HARD_TEXTS


@pytest.fixture
def grown(trained_path):
    """Pretrained, and initialized with other messages, but not trained any further."""
    fix_random_seed(0)
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query", config={"pretrained": str(trained_path)})
    nlp.initialize(lambda: make_examples(nlp, NEW))
    return nlp


def arrays(nlp):
    return nlp.get_pipe("music_query").model.shims[0].arrays


def test_the_box_works_at_once():
    nlp = spacy.blank("zh")
    component = nlp.add_pipe("music_query")
    assert component.labels == ("MUSIC_QUERY",)
    assert [ent.text for ent in nlp("我想听周杰伦的晴天").ents] == ["周杰伦的晴天"]
    assert not nlp("今天天气怎么样").ents
    assert "周杰伦" in component.catalogue["artist"]


@pytest.mark.parametrize("kind", ["folder", "bytes", "pickle"])
def test_what_is_saved_before_its_first_use_keeps_settings_of_the_box(kind, tmp_path):
    used = spacy.blank("zh")
    component = used.add_pipe("music_query")
    used("放首歌")
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query")
    if kind == "folder":
        nlp.to_disk(tmp_path)
        other = spacy.load(tmp_path)
    elif kind == "bytes":
        data = nlp.to_bytes()
        other = spacy.blank("zh")
        other.add_pipe("music_query", config=FROM_SCRATCH)
        other.from_bytes(data)
    else:
        other = pickle.loads(pickle.dumps(nlp))
    other("放首歌")
    assert component.cfg["listen_threshold"] > 0
    assert other.get_pipe("music_query").cfg == component.cfg


@pytest.mark.slow
def test_the_first_use_may_be_any(tmp_path):
    def fresh():
        nlp = spacy.blank("zh")
        return nlp, nlp.add_pipe("music_query")

    text = "我想听周杰伦的晴天"
    nlp, _ = fresh()
    expected = found(nlp(text))
    nlp.to_disk(tmp_path)
    assert found(spacy.load(tmp_path)(text)) == expected
    other = spacy.blank("zh")
    other.add_pipe("music_query", config=FROM_SCRATCH)
    assert found(other.from_bytes(fresh()[0].to_bytes())(text)) == expected
    nlp, component = fresh()
    assert component.tag_probabilities([nlp.make_doc(text)])[0].shape == (len(text), 3)
    nlp, component = fresh()
    component.add_to_catalogue({"artist": ["陌上无名氏"]})
    assert "陌上无名氏" in component.catalogue["artist"]
    nlp, component = fresh()
    component.set_catalogue({})
    assert not component.catalogue["artist"]
    nlp, component = fresh()
    examples = make_examples(nlp, NEW[2:])
    assert nlp.update(examples, sgd=Adam(0.001))["music_query"] >= 0


def test_many_threads_may_be_first():
    for _ in range(3):
        nlp = spacy.blank("zh")
        nlp.add_pipe("music_query")
        with ThreadPoolExecutor(8) as pool:
            docs = pool.map(nlp, ["我想听周杰伦的晴天"] * 8)
            assert all(found(doc) == [(3, 9, "MUSIC_QUERY")] for doc in docs)


def test_a_saved_pipeline_needs_nothing_else(trained_path, tmp_path):
    """It holds its own weights, and what it was trained from may be gone."""
    shutil.copytree(trained_path, tmp_path / "old")
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query", config={"pretrained": str(tmp_path / "old")})
    expected = [found(nlp(text)) for text in TEXTS]
    nlp.to_disk(tmp_path / "new")
    shutil.rmtree(tmp_path / "old")
    loaded = spacy.load(tmp_path / "new")
    assert [found(loaded(text)) for text in TEXTS] == expected
    assert expected[0] == MESSAGES[0][1]


def test_growing_adds_behind_what_there_is(grown, trained):
    old, new = trained.get_pipe("music_query"), grown.get_pipe("music_query")
    assert new.labels == (*old.labels, "POEM")
    inventories = [pipe.parameters.characters for pipe in (old, new)]
    n_old = len(inventories[0])
    assert inventories[1].chars[: n_old - 2] == inventories[0].chars
    assert "朗" in inventories[1].chars[n_old - 2 :]
    before, after = arrays(trained), arrays(grown)
    assert np.array_equal(after["embedding"][:n_old], before["embedding"])
    unknown = before["embedding"][UNK_ID]
    assert (after["embedding"][n_old:] == unknown).all()
    n_tags = before["output.bias"].size
    assert np.array_equal(after["output.kernel"][:, :n_tags], before["output.kernel"])
    assert np.array_equal(after["transitions"][:n_tags, :n_tags], before["transitions"])
    for name in before:
        if name.startswith("bilstm"):
            assert np.array_equal(after[name], before[name])


def test_growing_keeps_the_vectors_of_pairs(grown, trained):
    text = "我想听周杰伦的晴天"

    def vectors(nlp):
        known = nlp.get_pipe("music_query").parameters
        pairs = known.bigrams.encode(*known.characters.encode([text]))
        before, after = np.split(arrays(nlp)["bigrams"], 2)
        return np.concatenate([before[pairs[:, 0]], after[pairs[:, 1]]])

    old, new = vectors(trained), vectors(grown)
    is_known = np.any(old != old[-1], axis=1)
    assert is_known.sum() > 4
    assert np.array_equal(new[is_known], old[is_known])


def test_growing_by_nothing_new_changes_no_prediction(trained, trained_path):
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query", config={"pretrained": str(trained_path)})
    nlp.initialize(lambda: make_examples(nlp))
    docs = [trained.make_doc(text) for text in TEXTS]
    before, after = (
        n.get_pipe("music_query").tag_probabilities(docs) for n in (trained, nlp)
    )
    assert all(np.array_equal(a, b) for a, b in zip(before, after))


@pytest.mark.slow
def test_fine_tuning_learns_a_label_and_keeps_the_old_ones(grown):
    examples = make_examples(grown, [*NEW, *MESSAGES])
    for _ in range(60):
        grown.update(examples, sgd=Adam(0.01))
    for text, spans in [*NEW, *MESSAGES]:
        assert found(grown(text)) == spans


@pytest.mark.slow
def test_initialize_starts_from_it_again(grown):
    before = {name: array.copy() for name, array in arrays(grown).items()}
    examples = make_examples(grown, NEW)
    grown.update(examples, sgd=Adam(0.1))
    fix_random_seed(0)
    grown.initialize(lambda: examples)
    for name in before:
        if name.startswith("bilstm"):
            assert np.array_equal(arrays(grown)[name], before[name])


def test_labels_added_by_hand_are_learnt(trained_path):
    nlp = spacy.blank("zh")
    component = nlp.add_pipe("music_query", config={"pretrained": str(trained_path)})
    assert component.add_label("FILM") == 0
    assert component.add_label("ALBUM") == 1
    assert component.add_label("ALBUM") == 0
    with pytest.raises(ValueError, match="non-empty string"):
        component.add_label(3)
    nlp.initialize(lambda: make_examples(nlp, NEW[2:]))
    assert component.labels == ("FILM", "MUSIC_QUERY", "ALBUM")


@pytest.mark.slow
def test_silence_alone_can_be_learnt(trained_path):
    """What a component from scratch refuses, since it would have no label."""
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query", config={"pretrained": str(trained_path)})
    quiet = make_examples(nlp, [("我想听听你的意见", [])])
    nlp.initialize(lambda: quiet)
    for _ in range(30):
        nlp.update(quiet, sgd=Adam(0.01))
    assert not nlp("我想听听你的意见").ents


def test_settings_of_another_network():
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query", config={"model": {"hidden_width": 7}})
    with pytest.raises(SavedModelError, match=r"MQ022.*hidden_width.*pretrained to null"):
        nlp("听歌")


def test_a_component_is_found_in_a_pipeline(trained_path, tmp_path):
    inside = trained_path / "music_query"
    assert find_pretrained(str(trained_path), "music_query") == inside
    assert find_pretrained(str(trained_path), "other_name") == inside
    assert find_pretrained(str(inside), "music_query") == inside


@pytest.mark.parametrize("pretrained", ["", "no/such/pipeline"])
def test_what_is_not_there_is_refused_at_once(pretrained):
    nlp = spacy.blank("zh")
    with pytest.raises(ValueError, match=rf"MQ017.*other.*'{pretrained}'"):
        nlp.add_pipe("music_query", name="other", config={"pretrained": pretrained})
    assert nlp.pipe_names == []
