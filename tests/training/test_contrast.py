"""Vectors of utterances of one intent move together, those of others apart."""

import numpy as np
import pytest
import spacy
from spacy.training import Example
from thinc.util import fix_random_seed

from spacy_musicquery.data.docs import record_to_doc
from spacy_musicquery.data.records import Record
from spacy_musicquery.decoding.bio import MISSING
from spacy_musicquery.ml.architectures import get_shim
from spacy_musicquery.training.contrast import Contrast, make_contrast

from ..conftest import FROM_SCRATCH, make_examples

GOLD = np.array([0, 1, 0, MISSING, 1])


def vectors(seed=0):
    return np.random.default_rng(seed).normal(size=(5, 4))


def test_loss_by_hand():
    rows = vectors()
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    within = [(0, 2, 1.0), (1, 4, 1.0)]
    across = [(0, 1, 0.0), (0, 4, 0.0), (1, 2, 0.0), (2, 4, 0.0)]
    expected = sum(
        0.5 * np.mean([(unit[i] @ unit[j] - goal) ** 2 for i, j, goal in pairs])
        for pairs in (within, across)
    )
    loss, _ = Contrast(1, 1.0).of_vectors(rows, GOLD)
    assert loss == pytest.approx(expected, rel=1e-4)


def test_gradient():
    rows, contrast = vectors(), Contrast(1, 1.0)
    _, gradient = contrast.of_vectors(rows, GOLD)
    for place in np.ndindex(rows.shape):
        moved = [rows.copy(), rows.copy()]
        moved[0][place] += 1e-5
        moved[1][place] -= 1e-5
        up, down = (contrast.of_vectors(of, GOLD)[0] for of in moved)
        assert gradient[place] == pytest.approx((up - down) / 2e-5, abs=1e-5)


@pytest.mark.parametrize("gold", [[MISSING, 0], [MISSING, MISSING]])
def test_nothing_without_pairs(gold):
    loss, gradient = Contrast(1, 1.0).of_vectors(vectors()[:2], np.array(gold))
    assert loss == 0.0 and not gradient.any()


def test_vectors_of_nothing():
    rows = np.zeros((2, 4))
    _, gradient = Contrast(1, 1.0).of_vectors(rows, np.array([0, 0]))
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("setting", "value"),
    [("steps", 0), ("steps", 1.5), ("weight", 0.0), ("weight", float("nan"))],
)
def test_settings_are_checked(setting, value):
    with pytest.raises(ValueError, match=setting):
        make_contrast(**{setting: value})


INTENTS = {
    "放首晴天": "Play",
    "播放稻香": "Play",
    "今天下雨吗": "Weather",
    "明天几度": "Weather",
}


def make_pipeline(config=None):
    fix_random_seed(0)
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query", config=FROM_SCRATCH)
    if config:
        nlp.config["initialize"]["components"]["music_query"] = {"contrast": config}
    records = [
        Record(0, text, ((2, 4, "MUSIC_QUERY"),) if intent == "Play" else (), intent)
        for text, intent in INTENTS.items()
    ]
    docs = [record_to_doc(nlp, record, ["Play", "Weather"]) for record in records]
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in docs]
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    return nlp, examples, optimizer


def cosines(nlp):
    emissions, _ = nlp.get_pipe("music_query").model.begin_update(list(INTENTS))
    rows = emissions.utterances / np.linalg.norm(emissions.utterances, axis=1)[:, None]
    return rows @ rows.T


SETTINGS = {"@readers": "spacy_musicquery.Contrast.v1", "steps": 30, "weight": 3.0}


def test_vectors_move_before_intents_are_learnt():
    nlp, examples, optimizer = make_pipeline(SETTINGS)
    before = cosines(nlp)
    kernel = get_shim(nlp.get_pipe("music_query").model).arrays["intents.kernel"]
    for _ in range(30):
        nlp.update(examples, sgd=optimizer)
    shim = get_shim(nlp.get_pipe("music_query").model)
    # Weight decay alone.
    assert np.allclose(shim.arrays["intents.kernel"], kernel, atol=0.01)
    after = cosines(nlp)
    assert after[0, 1] > before[0, 1] and after[0, 2] < before[0, 2] - 0.2
    for _ in range(40):
        nlp.update(examples, sgd=optimizer)
    docs = list(nlp.pipe(INTENTS))
    assert [max(doc.cats, key=doc.cats.get) for doc in docs] == list(INTENTS.values())


def test_without_it_intents_are_learnt_at_once():
    nlp, examples, optimizer = make_pipeline()
    kernel = get_shim(nlp.get_pipe("music_query").model).arrays["intents.kernel"]
    nlp.update(examples, sgd=optimizer)
    shim = get_shim(nlp.get_pipe("music_query").model)
    assert np.abs(shim.arrays["intents.kernel"] - kernel).max() > 0.005


def test_nothing_to_contrast():
    nlp = spacy.blank("zh")
    component = nlp.add_pipe("music_query", config=FROM_SCRATCH)
    with pytest.raises(ValueError, match="contrast"):
        component.initialize(lambda: make_examples(nlp), nlp=nlp, contrast=make_contrast())
