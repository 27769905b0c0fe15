"""Trained models grow, and nothing that they know moves."""

import numpy as np
import pytest
import spacy
from thinc.api import Adam
from thinc.util import fix_random_seed

from spacy_musicquery.data.raw_text import read_lines

from ..conftest import (
    HARD_TEXTS,
    MESSAGES,
    NEW_MESSAGES,
    found,
    make_examples,
    make_trained,
)


@pytest.fixture(scope="module")
def old_texts(request):
    """Messages of the kinds that the model in the box was trained on."""
    folder = request.config.rootpath / "assets" / "corpus"
    return [
        *read_lines(folder / "other_requests.txt")[:500],
        *HARD_TEXTS,
        "我想听周杰伦的晴天",
    ]


def box():
    nlp = spacy.blank("zh")
    return nlp, nlp.add_pipe("music_query")


def predictions(nlp, texts):
    """Spans and scores, of all texts at once and of some one by one."""
    component = nlp.get_pipe("music_query")
    docs = [nlp.make_doc(text) for text in texts]
    return component.predict(docs), [component.predict([doc]) for doc in docs[-50:]]


def arrays(nlp):
    return nlp.get_pipe("music_query").model.shims[0].arrays


def test_a_new_label_changes_nothing_before_an_update(old_texts, tmp_path):
    nlp, component = box()
    before = predictions(nlp, old_texts)
    assert any(spans for spans, _ in before[0])
    assert component.add_label("POEM") == 1
    assert component.add_label("POEM") == 0
    nlp.resume_training()
    assert component.labels == ("MUSIC_QUERY", "POEM")
    assert predictions(nlp, old_texts) == before
    (probabilities,) = component.tag_probabilities([nlp.make_doc("听晴天")])
    assert probabilities.shape == (3, 5)
    assert not probabilities[:, 3:].any()
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert loaded.get_pipe("music_query").labels == component.labels
    assert predictions(loaded, old_texts) == before


def test_initializing_with_new_data_changes_nothing_before_an_update(old_texts):
    nlp, component = box()
    before = predictions(nlp, old_texts)
    # All of the old texts have pairs of characters, and some characters, that are new.
    texts = [(text, []) for text in dict.fromkeys(old_texts) if text.strip()]
    n_pairs = len(component.parameters.bigrams)
    nlp.initialize(lambda: make_examples(nlp, [*texts, *texts, *NEW_MESSAGES]))
    assert len(component.parameters.bigrams) > n_pairs
    assert component.labels == ("MUSIC_QUERY", "POEM")
    assert predictions(nlp, old_texts) == before


def test_new_labels_begin_improbable(old_texts):
    """An update that teaches nothing leaves them out of what is found."""
    nlp, component = box()
    component.cfg = {**component.cfg, "listen_threshold": 0.0}  # what the tags say alone
    before = [[span[:3] for span in spans] for spans, _ in predictions(nlp, old_texts)[0]]
    component.add_label("POEM")
    nlp.update(make_examples(nlp, NEW_MESSAGES), sgd=Adam(1e-9))
    docs = [nlp.make_doc(text) for text in old_texts]
    assert [[span[:3] for span in spans] for spans, _ in component.predict(docs)] == before
    probabilities = np.concatenate(component.tag_probabilities(docs))
    assert 0 < probabilities[:, 3:].mean() < 0.01


@pytest.mark.slow
def test_resumed_training_learns_a_new_label_and_new_characters(trained_path):
    fix_random_seed(0)
    nlp = spacy.load(trained_path)
    component = nlp.get_pipe("music_query")
    n_chars = len(component.parameters.characters)
    component.add_label("POEM")
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.01
    old, new = make_examples(nlp), make_examples(nlp, NEW_MESSAGES)
    for step in range(80):
        # The new ones come later, when the optimizer knows the arrays already.
        nlp.update(old if step < 3 else [*old, *new], sgd=optimizer)
    for text, spans in [*MESSAGES, *NEW_MESSAGES]:
        assert found(nlp(text)) == spans
    inventory = component.parameters.characters
    assert "朗" in inventory.chars[n_chars - 2 :]
    with nlp.use_params(optimizer.averages):
        assert found(nlp(MESSAGES[0][0])) == MESSAGES[0][1]


def test_a_label_must_be_added_before_it_is_learnt(trained_path):
    nlp = spacy.load(trained_path)
    sgd = nlp.resume_training()
    with pytest.raises(ValueError, match=r"MQ006.*POEM.*add_label"):
        nlp.update(make_examples(nlp, NEW_MESSAGES), sgd=sgd)


@pytest.mark.slow
def test_labels_added_to_a_trained_model_stay_when_training_starts_over():
    nlp = make_trained(steps=1)
    component = nlp.get_pipe("music_query")
    component.add_label("POEM")
    nlp.initialize(lambda: make_examples(nlp))
    assert component.labels == ("POEM", "FILM", "MUSIC_QUERY")


def test_intents_that_are_new_are_not_predicted_before_an_update(trained_path):
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query", config={"pretrained": str(trained_path)})
    examples = make_examples(nlp)
    for example in examples:
        example.reference.cats = {"Play": 1.0, "Chat": 0.0}
    nlp.initialize(lambda: examples)
    assert nlp("听歌").cats == {}
    nlp.update(examples, sgd=Adam(0.001))
    assert nlp("听歌").cats.keys() == {"Play", "Chat"}


def test_without_transitions():
    nlp = make_trained(model={"crf": False})
    before = predictions(nlp, [text for text, _ in MESSAGES])
    nlp.get_pipe("music_query").add_label("POEM")
    nlp.resume_training()
    assert predictions(nlp, [text for text, _ in MESSAGES]) == before


@pytest.mark.slow
def test_sourced_pipelines_learn_new_characters(fine_tune, trained_path, trained):
    nlp = fine_tune(
        messages=[("来首夜曲", [(2, 4, "MUSIC_QUERY")])],
        **{
            "components.music_query": {"source": str(trained_path)},
            "initialize.components": {},
        },
    )
    inventories = [n.get_pipe("music_query").parameters.characters for n in (trained, nlp)]
    assert set(inventories[1].chars) - set(inventories[0].chars) == set("夜曲")
    assert found(nlp("来首夜曲")) == [(2, 4, "MUSIC_QUERY")]
