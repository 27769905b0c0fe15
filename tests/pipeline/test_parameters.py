"""What has been learnt has one owner: exchanged whole, or not at all."""

import threading

import numpy as np
import pytest
import spacy
from spacy.training import Example
from thinc.api import Adam

from spacy_musicquery.features.catalogue import Catalogue
from spacy_musicquery.ml.predictor import Predictor
from spacy_musicquery.pipeline import query_finder
from spacy_musicquery.training.distillation import load_teacher
from spacy_musicquery.training.rehearsal import make_rehearsal

from ..conftest import FROM_SCRATCH, MESSAGES, found, make_examples, make_trained

TEXT, SPANS = MESSAGES[0]
NEW = [("朗诵一首静夜思", [(4, 7, "MUSIC_QUERY")])]


@pytest.fixture
def from_trained(trained_path):
    """A pipeline that starts from one that is trained, and has not read it yet."""
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query", config={"pretrained": str(trained_path)})
    return nlp


def component(nlp):
    return nlp.get_pipe("music_query")


def test_an_optimizer_outlives_a_set_up(from_trained):
    """What it keeps of an array of another size is forgotten."""
    nlp, optimizer = from_trained, Adam(0.01, use_averages=True)
    for messages in (MESSAGES, NEW):
        examples = make_examples(nlp, messages)
        nlp.initialize(lambda: examples, sgd=optimizer)  # noqa: B023
        nlp.update(examples, sgd=optimizer)
    shim = component(nlp).model.shims[0]
    for (_, name), average in optimizer.averages.items():
        assert average.shape == shim.arrays[name].shape


def test_settings_and_names_leave_training_as_it_is():
    nlp = make_trained(steps=2)
    optimizer = Adam(0.01)
    component(nlp).add_label("POEM")
    nlp.update(make_examples(nlp), sgd=optimizer)
    shim = component(nlp).model.shims[0]
    steps, arrays = shim._n_steps, shim.arrays
    component(nlp).from_bytes(component(nlp).to_bytes(exclude=["model"]))
    assert shim._n_steps == steps > 0 and shim.arrays is arrays
    nlp.update(make_examples(nlp), sgd=optimizer)


def test_what_is_assigned_stays(from_trained, trained):
    """Also if what the component started from has not been read yet."""
    theirs = component(trained).parameters
    assert theirs.labels == ("FILM", "MUSIC_QUERY")
    nlp = spacy.blank("zh")
    other = nlp.add_pipe("music_query")
    other.parameters = theirs
    assert found(nlp(TEXT)) == SPANS
    assert other.labels == theirs.labels and other.parameters is theirs


FAILING = {
    "MQ070": lambda path: {"teacher": load_teacher(str(path))},
    "MQ018": lambda path: {"rehearsal": make_rehearsal(lambda nlp: [])},
}


@pytest.mark.parametrize("error", FAILING)
def test_a_set_up_that_fails_leaves_all_as_it_was(error, from_trained, tmp_path):
    nlp = from_trained
    component(nlp).add_label("POEM")
    nlp.update(make_examples(nlp, NEW), sgd=Adam(0.01))
    before, steps = component(nlp).parameters, component(nlp).model.shims[0]._n_steps
    examples = make_examples(nlp)
    with pytest.raises(ValueError, match=error):
        component(nlp).initialize(lambda: examples, nlp=nlp, **FAILING[error](tmp_path))
    assert component(nlp).parameters is before
    assert component(nlp).model.shims[0]._n_steps == steps
    assert component(nlp).labels == ("FILM", "MUSIC_QUERY", "POEM")


def test_another_catalogue_takes_nothing_back(trained_path, monkeypatch):
    """What is learnt while a large catalogue is read stays."""
    nlp = spacy.blank("zh")
    box = nlp.add_pipe("music_query")
    shim, add = box.model.shims[0], Catalogue.add
    box.parameters  # noqa: B018 - read it

    def learn_meanwhile(catalogue, names):
        add(catalogue, names)
        shim.set_array("output.bias", shim.arrays["output.bias"] + 1.0, trainable=True)

    before = shim.arrays["output.bias"]
    monkeypatch.setattr(Catalogue, "add", learn_meanwhile)
    box.set_catalogue({"artist": ["某某乐队"]})
    assert np.array_equal(shim.arrays["output.bias"], before + 1.0)
    assert box.catalogue["artist"] == ["某某乐队"]


def test_a_first_message_does_not_take_a_set_up_back(from_trained, monkeypatch):
    """Another thread reads what the component started from, while this one grows it."""
    nlp, is_reading, go_on = from_trained, threading.Event(), threading.Event()
    read_model = query_finder.read_model

    def read_slowly(*args, **kwargs):
        is_reading.set()
        go_on.wait(2)
        return read_model(*args, **kwargs)

    monkeypatch.setattr(query_finder, "read_model", read_slowly)
    message = threading.Thread(target=nlp, args=(TEXT,))
    message.start()
    assert is_reading.wait(60)
    monkeypatch.setattr(query_finder, "read_model", read_model)
    examples = make_examples(nlp, NEW)
    set_up = threading.Thread(target=nlp.initialize, args=(lambda: examples,))
    set_up.start()
    go_on.set()
    message.join()
    set_up.join()
    assert "诵" in component(nlp).parameters.characters.chars


def test_a_message_is_read_with_the_labels_of_its_weights(trained_path, monkeypatch):
    nlp = spacy.load(trained_path)
    pipe, find = component(nlp), Predictor.find

    def exchange_meanwhile(predictor, parameters, texts):
        spans = find(predictor, parameters, texts)
        pipe.parameters = parameters.replace(labels=("A", "B"))
        return spans

    monkeypatch.setattr(Predictor, "find", exchange_meanwhile)
    assert found(nlp(TEXT)) == SPANS
    assert pipe.labels == ("A", "B")


def test_errors_of_a_sourced_component_name_it_as_it_is_called_now():
    source = spacy.blank("zh")
    source.add_pipe("music_query", config=FROM_SCRATCH)
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query", source=source, name="mq")
    with pytest.raises(ValueError, match=r"\[MQ004\] mq:"):
        nlp(TEXT)


def test_what_is_left_out_of_a_load_stays():
    nlp = spacy.blank("zh")
    box = nlp.add_pipe("music_query")
    n_names = sum(map(len, box.catalogue.values()))
    box.from_bytes(box.to_bytes(), exclude=["catalogue"])
    assert sum(map(len, box.catalogue.values())) == n_names > 40_000
    unread = spacy.blank("zh").add_pipe("music_query")
    unread.from_bytes(box.to_bytes(exclude=["model", "catalogue"]))
    assert [ent.text for ent in nlp("播放七里香").ents] == ["七里香"]
    assert unread.parameters.sizes is not None


def test_an_encoder_takes_no_part_before_a_set_up(trained_path):
    """A character that is new in the middle of training makes room for itself alone."""
    nlp = spacy.load(trained_path)
    nlp.resume_training()
    sizes = component(nlp).parameters.sizes
    text = "听鱻"
    nlp.update([Example(nlp.make_doc(text), nlp.make_doc(text))], sgd=Adam(0.01))
    assert component(nlp).parameters.sizes == sizes._replace(n_chars=sizes.n_chars + 1)


def test_two_components_around_merged_tokens(trained_path):
    nlp = spacy.load(trained_path)
    nlp.add_pipe("merge_entities")
    nlp.add_pipe("music_query", name="box")
    component(nlp).parameters = component(nlp).parameters.replace(labels=("FILM", "SONG"))
    doc = nlp(TEXT)
    assert [ent.text for ent in doc.ents] == ["周杰伦的晴天"]
    assert {span.label_ for span in doc.spans["music_query"]} == {"SONG", "MUSIC_QUERY"}


def test_a_pipeline_made_from_a_config_is_loaded_from_bytes(from_trained, tmp_path):
    """What it was trained from may be gone."""
    from_trained(TEXT)
    config = from_trained.config.copy()
    config["components"]["music_query"]["pretrained"] = str(tmp_path / "gone")
    nlp = spacy.lang.zh.Chinese.from_config(config)
    nlp.from_bytes(from_trained.to_bytes())
    assert found(nlp(TEXT)) == SPANS
