"""Every name that becomes part of a model is checked where it comes in: what could not be
saved, or not be told from another one, is refused before anything is learnt."""

import pytest
import spacy
from spacy.training import Example

from spacy_musicquery.pipeline.music_query import MAX_LABELS

from ..conftest import FROM_SCRATCH

HALF = "\ud83d"
NO_NAMES = ["", 7, None, HALF, "a" + HALF]


def make_component(**config):
    nlp = spacy.blank("zh")
    return nlp, nlp.add_pipe("music_query", config={**FROM_SCRATCH, **config})


def examples_of(nlp, cats=None):
    example = Example.from_dict(
        nlp.make_doc("播放晴天"), {"entities": [(2, 4, "MUSIC_QUERY")]}
    )
    if cats is not None:
        example.reference.cats = cats
    return lambda: [example]


@pytest.mark.parametrize("name", NO_NAMES)
def test_labels(name):
    nlp, component = make_component()
    with pytest.raises(ValueError, match=r"MQ008.*a label must be"):
        component.add_label(name)
    with pytest.raises(ValueError, match=r"MQ008.*a label must be"):
        component.initialize(examples_of(nlp), nlp=nlp, labels=["MUSIC_QUERY", name])
    assert component.labels == () and component.parameters.sizes is None


@pytest.mark.parametrize("name", NO_NAMES)
def test_intents(name):
    nlp, component = make_component()
    labels = {"labels": ["MUSIC_QUERY"], "intents": ["Play", name]}
    with pytest.raises(ValueError, match=r"MQ008.*an intent must be"):
        component.initialize(examples_of(nlp), nlp=nlp, labels=labels)
    assert component.intents == () and component.parameters.sizes is None


@pytest.mark.parametrize("name", ["", HALF])
def test_intents_in_training_data(name):
    nlp, component = make_component()
    with pytest.raises(ValueError, match=r"MQ008.*an intent must be"):
        component.initialize(examples_of(nlp, {name: 1.0}), nlp=nlp)


@pytest.mark.parametrize("name", NO_NAMES)
def test_types_of_names(name):
    nlp, component = make_component()
    with pytest.raises(ValueError, match=r"MQ008.*a type of names must be"):
        component.initialize(examples_of(nlp), nlp=nlp, catalogue={name: ["晴天"]})


def test_names_of_a_catalogue():
    _nlp, component = make_component(pretrained="box")
    before = component.catalogue
    for change in (component.set_catalogue, component.add_to_catalogue):
        with pytest.raises(ValueError, match=r"MQ008.*a name of the type 'title'"):
            change({"title": ["晴天", "七里香" + HALF]})
        with pytest.raises(ValueError, match=r"MQ265.*201 characters"):
            change({"title": ["晴天", "天" * 201]})
    assert component.catalogue == before
    component.set_catalogue({"title": ["天" * 200, "a" * 150 + "\n" + "b" * 150]})
    assert len(component.catalogue["title"]) == 3


def test_names_given_twice_are_one(tmp_path):
    nlp, component = make_component()
    labels = {"labels": ["MUSIC_QUERY"] * 2, "intents": ["Play", "Play"]}
    component.initialize(
        examples_of(nlp), nlp=nlp, labels=labels, catalogue={"title": ["晴天"] * 2}
    )
    component.add_label("MUSIC_QUERY")
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path).get_pipe("music_query")
    assert (again.labels, again.intents) == (("MUSIC_QUERY",), ("Play",))
    assert again.catalogue == {"title": ["晴天"]}


def test_as_many_labels_as_a_component_can_learn():
    nlp, component = make_component()
    labels = [f"L{i}" for i in range(MAX_LABELS + 1)]
    with pytest.raises(ValueError, match=r"MQ262.*1,001 labels"):
        component.initialize(examples_of(nlp), nlp=nlp, labels=labels)
    component.parameters = component.parameters.replace(labels=tuple(labels[1:]))
    with pytest.raises(ValueError, match="MQ262"):
        component.add_label("one more")
