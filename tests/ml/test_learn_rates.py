"""Which layers learn, and how fast."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
import spacy
from thinc.api import Adam, constant, constant_then
from thinc.util import fix_random_seed

from spacy_musicquery.ml.learn_rates import LearnRates

from ..conftest import FROM_SCRATCH, NEW_MESSAGES, found, make_examples, make_trained

SETTING = "components.music_query.learn_rates"
# Without new pairs of characters, among which the old ones would have other places.
NO_PAIRS = {"components.music_query.model.bigram_min_count": 99}
AFTER_20 = {
    "@schedules": "constant_then.v1",
    "rate": 0.0,
    "steps": 20,
    "schedule": {"@schedules": "constant.v1", "rate": 1.0},
}


def arrays(nlp):
    return nlp.get_pipe("music_query").model.shims[0].arrays


def unchanged(before, after):
    """The layers of which every array begins with what it was, to the bit."""
    same, changed = set(), set()
    for name, array in before.items():
        corner = after[name][tuple(map(slice, array.shape))]
        (same if np.array_equal(corner, array) else changed).add(name.split(".")[0])
    return same - changed


@pytest.fixture
def rates():
    def make(learn_rates, depth=1):
        return LearnRates(learn_rates, component="music_query", depth=depth)

    return make


def test_a_part_counts_more_than_its_layer(rates):
    given = rates({"bilstm": 0.5, "bilstm_1": 0.0, "embedding": 0, "bigrams": 2.0}, depth=2)
    assert given.factor("bilstm_0.forward.kernel", 7) == 0.5
    assert given.factor("bilstm_1.forward.kernel", 7) == 0.0
    assert given.factor("embedding", 0) == given.factor("lexicon", 0) == 0.0
    assert given.factor("bigrams", 0) == 2.0
    assert given.factor("window.kernel", 0) == given.factor("output.bias", 0) == 1.0
    output = rates({"output": 0.0})
    names = ("output.kernel", "window.kernel", "transitions")
    assert all(output.is_frozen(name) for name in names)
    assert not output.is_frozen("intents.kernel")


def test_schedules_and_lists(rates):
    given = rates({"bilstm": constant_then(0.0, 3, constant(0.5)), "output": [0.1, 0.2]})
    name = "bilstm_0.forward.kernel"
    assert [given.factor(name, step) for step in range(5)] == [0.0, 0.0, 0.0, 0.5, 0.5]
    assert [given.factor(name, step) for step in (0, 4)] == [0.0, 0.5]
    assert [given.factor("output.bias", step) for step in range(4)] == [0.1, 0.2, 0.2, 0.2]
    assert not given.is_frozen(name)
    for copy in (deepcopy(given), pickle.loads(pickle.dumps(given))):
        assert copy.factor(name, 2) == 0.0


@pytest.mark.parametrize(
    "bad", [{"lstm": 0.0}, {"bilstm_1": 0.0}, {"bilstm": -1.0}, {"output": []}]
)
def test_what_is_not_allowed(bad):
    with pytest.raises(ValueError, match=r"MQ003.*learn_rates"):
        spacy.blank("zh").add_pipe("music_query", config={"learn_rates": bad})


@pytest.mark.slow
def test_all_but_the_output_is_frozen(fine_tune, trained, trained_path, caplog):
    caplog.set_level("INFO", "spacy.music_query")
    settings = {f"{SETTING}.embedding": 0.0, f"{SETTING}.bilstm": 0.0, **NO_PAIRS}
    nlp = fine_tune(**settings)
    before, after = arrays(trained), arrays(nlp)
    assert unchanged(before, after) == {"embedding", "bigrams", "bilstm_0"}
    frozen = ("embedding", "bigrams", "bilstm")
    n_frozen = sum(a.size for name, a in after.items() if name.startswith(frozen))
    n_trained = sum(array.size for array in after.values()) - n_frozen
    expected = f"{n_trained:,} parameters to train, {n_frozen:,} frozen"
    assert expected in caplog.text
    # What is frozen is not what half precision can hold, and is saved nevertheless.
    kernel = before["bilstm_0.forward.kernel"]
    assert not np.array_equal(kernel, kernel.astype("float16").astype("float32"))
    bias = after["output.bias"]
    assert np.array_equal(bias, bias.astype("float16").astype("float32"))


@pytest.mark.slow
def test_gradual_unfreezing(fine_tune, trained, caplog):
    caplog.set_level("INFO", "spacy.music_query")
    settings = {f"{SETTING}.embedding": 0.0, f"{SETTING}.bilstm": AFTER_20, **NO_PAIRS}
    settings["training.before_to_disk"] = None  # rounds what is only frozen at first
    early = fine_tune("early", **settings, **{"training.max_steps": 19})
    before = arrays(trained)
    assert unchanged(before, arrays(early)) == {"embedding", "bigrams", "bilstm_0"}
    n_bilstm = sum(a.size for name, a in before.items() if name.startswith("bilstm"))
    assert f"of those to train, {n_bilstm:,} are frozen at first" in caplog.text
    late = fine_tune("late", **settings, **{"training.max_steps": 30})
    assert unchanged(before, arrays(late)) == {"embedding", "bigrams"}


@pytest.mark.slow
def test_schedules_start_over_with_training():
    fix_random_seed(0)
    nlp = spacy.blank("zh")
    rates = {"bilstm": [0.0, 0.0, 1.0]}
    nlp.add_pipe("music_query", config={**FROM_SCRATCH, "learn_rates": rates})
    examples = make_examples(nlp)
    for _ in range(2):
        optimizer = nlp.initialize(lambda: examples)
        before = dict(arrays(nlp))
        for _ in range(2):
            nlp.update(examples, sgd=optimizer)
        assert unchanged(before, arrays(nlp)) == {"bilstm_0"}
        nlp.update(examples, sgd=optimizer)
        assert unchanged(before, arrays(nlp)) == set()


@pytest.mark.slow
def test_a_lower_rate_is_that_of_the_optimizer():
    """With plain steps, half the rate goes half as far."""
    moved = []
    for rate in (1.0, 0.5):
        nlp = make_trained(steps=0, learn_rates={"output": rate})
        before = arrays(nlp)["output.kernel"]
        sgd = Adam(0.1, beta1=0.0, beta2=0.0, L2=0.0, grad_clip=0.0)
        fix_random_seed(0)
        nlp.update(make_examples(nlp), sgd=sgd)
        moved.append(arrays(nlp)["output.kernel"] - before)
    assert np.abs(moved[0]).max() > 1e-4
    assert np.allclose(moved[0] * 0.5, moved[1], atol=1e-6)


@pytest.mark.slow
def test_it_learns_with_the_output_alone(fine_tune):
    settings = {f"{SETTING}.embedding": 0.0, f"{SETTING}.bilstm": 0.0}
    nlp = fine_tune(**settings, **{"training.max_steps": 150})
    assert [found(nlp(text)) for text, _ in NEW_MESSAGES] == [s for _, s in NEW_MESSAGES]
