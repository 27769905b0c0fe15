"""Weights that matter for what is known change little."""

import numpy as np
import pytest
import spacy
from thinc.util import fix_random_seed

from spacy_musicquery.ml.architectures import get_shim
from spacy_musicquery.training.consolidation import (
    Consolidator,
    fisher_information,
    make_consolidation,
)

from ..conftest import MESSAGES, found, make_trained

SETTING = "initialize.components.music_query.consolidation"
TEXTS = [text for text, _ in MESSAGES]


@pytest.fixture
def model(trained_path):
    fix_random_seed(0)
    return spacy.load(trained_path).get_pipe("music_query").model


def test_information_is_the_variance_of_a_tag():
    """Of a text of one character, the score of a tag enters as its bias does, and the
    square of the gradient, p - 1 or p, is p(1 - p) on average."""
    nlp = make_trained(steps=1)
    component = nlp.get_pipe("music_query")
    (probabilities,) = component.tag_probabilities([nlp.make_doc("播")])
    variance = probabilities[0] * (1 - probabilities[0])
    assert variance.max() > 0.05
    fix_random_seed(0)
    information = fisher_information(component.model, ["播"] * 300)
    assert information["output.bias"] == pytest.approx(variance, rel=0.3, abs=1e-6)


def test_what_does_not_occur_has_no_information(model):
    information = fisher_information(model, ["我想听"])
    inventory = model.shims[0].parameters.characters
    ids, _ = inventory.encode(["我想听"])
    rows = information["embedding"].any(axis=1)
    assert set(np.flatnonzero(rows)) <= set(ids.tolist())
    assert rows.any()
    assert get_shim(model).take_gradients() == {}
    assert model.attrs["char_dropout"] > 0


def test_the_penalty_is_half_a_square(model):
    consolidation = make_consolidation(lambda nlp: [], strength=3.0)
    consolidator = Consolidator(model, TEXTS, consolidation)
    shim = get_shim(model)
    assert consolidator(model, 0.5) == 0.0
    shim.take_gradients()
    moved = shim.arrays["output.kernel"] + 0.1
    shim.set_arrays({**shim.arrays, "output.kernel": moved})
    information = consolidator.information["output.kernel"]
    penalty = consolidator(model, 0.5)
    assert penalty == pytest.approx(0.5 * 3.0 * 0.01 * information.sum(), rel=1e-3)
    gradients = shim.take_gradients()
    assert np.allclose(gradients["output.kernel"], 3.0 * 0.1 * information, rtol=1e-3)
    assert not gradients["output.bias"].any()


def test_training_consolidates(fine_tune, trained, tmp_path):
    (tmp_path / "raw.txt").write_text("\n".join(TEXTS), encoding="utf8")
    corpus = {"@readers": "spacy_musicquery.RawText.v1", "path": str(tmp_path / "raw.txt")}
    consolidation = {
        "@readers": "spacy_musicquery.Consolidation.v1",
        "corpus": corpus,
        "strength": 1e5,
        "size": 4,
    }
    new = [("来首夜曲", [(2, 4, "POEM")]), ("朗诵一首春晓", [(4, 6, "POEM")])]
    plain = fine_tune("plain", new)
    nlp = fine_tune("consolidated", new, **{SETTING: consolidation})

    def distance(other):
        """How far the tags of the old texts have moved."""
        probabilities = [
            n.get_pipe("music_query").tag_probabilities([n.make_doc(t) for t in TEXTS])
            for n in (trained, other)
        ]
        n_tags = probabilities[0][0].shape[1]
        return sum(np.abs(a - b[:, :n_tags]).sum() for a, b in zip(*probabilities))

    assert distance(nlp) < 0.5 * distance(plain)
    assert [found(nlp(text)) for text, _ in new] == [spans for _, spans in new]


def test_settings_that_are_not_allowed():
    for bad in ({"strength": 0.0}, {"size": 0}, {"strength": True}):
        with pytest.raises(ValueError, match="MQ003"):
            make_consolidation(lambda nlp: [], **bad)
