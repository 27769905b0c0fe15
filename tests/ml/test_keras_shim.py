import threading

import numpy as np
import pytest
from thinc.api import Adam

from spacy_musicquery.errors import SavedModelError
from spacy_musicquery.features.characters import CharInventory
from spacy_musicquery.ml.keras_shim import KerasShim
from spacy_musicquery.ml.load_keras import network_module
from spacy_musicquery.ml.parameters import Parameters

from ..conftest import make_shim, scores_of_rows

# Characters, of which there are 6; then bigrams before and after, of which there are 4.
IDS = np.array(
    [[[2, 7, 12], [3, 8, 13], [4, 9, 10]], [[5, 6, 11], [2, 7, 10], [0, 0, 0]]],
    dtype="int32",
)
LENGTHS = np.array([3, 2], dtype="int32")
# A gradient that makes the sum of all emissions, without the padding, and of all intents.
D_TOTAL = (
    np.ones((2, 3, 3), dtype="float32"),
    np.ones((2, 2), dtype="float32"),
    np.zeros((2, 6), dtype="float32"),
)
D_TOTAL[0][1, 2] = 0.0
NOTHING = Parameters(CharInventory())
SIZES = {"embed_width": 4, "hidden_width": 3, "depth": 2, "window": 3}


@pytest.fixture
def shim():
    return make_shim(6, 3, n_bigrams=4, n_intents=2, **SIZES)


def step(shim, optimizer, dropout=0.0):
    _, backprop = shim.begin_update((IDS, dropout))
    backprop(*D_TOTAL)
    shim.finish_update(optimizer)


def total(shim):
    """What D_TOTAL is the gradient of."""
    emissions, intents = scores_of_rows(shim.parameters, IDS, LENGTHS)
    return float((emissions * D_TOTAL[0]).sum() + (intents * D_TOTAL[1]).sum())


def test_gradients_are_those_of_the_emissions(shim):
    _, backprop = shim.begin_update((IDS, 0.0))
    backprop(*D_TOTAL)
    gradients = shim._gradients
    assert list(gradients) == list(shim.arrays)
    rng = np.random.default_rng(0)
    for name, array in list(shim.arrays.items()):
        index = tuple(rng.integers(size) for size in array.shape)
        if name == "embedding":
            index = (3, index[1])  # a character that occurs
        if name == "bigrams":
            index = (2, index[1])
        base = total(shim)
        shifted = array.copy()
        shifted[index] += 1e-2
        shim.set_array(name, shifted, trainable=True)
        slope = (total(shim) - base) / 1e-2
        shim.set_array(name, array, trainable=True)
        assert gradients[name][index] == pytest.approx(slope, rel=0.05, abs=2e-3)


def test_gradients_accumulate_until_the_update(shim):
    _, backprop = shim.begin_update((IDS, 0.0))
    backprop(*D_TOTAL)
    once = {name: gradient.copy() for name, gradient in shim._gradients.items()}
    backprop(*D_TOTAL)
    for name, gradient in shim._gradients.items():
        assert np.allclose(gradient, 2 * once[name])
    shim.finish_update(Adam(0.01))
    assert shim._gradients == {}


def test_shims_of_equal_sizes_do_not_touch_each_other(shim):
    def gradients(other):
        begun = shim.begin_update((IDS, 0.0))
        if other:
            others_backprop = other.begin_update((IDS, 0.0))[1]
        begun[1](*D_TOTAL)
        if other:
            others_backprop(*D_TOTAL)
        return [*begun[0], *shim.take_gradients().values()]

    other = make_shim(6, 3, n_bigrams=4, n_intents=2, seed=1, **SIZES)
    assert not np.array_equal(other.arrays["embedding"], shim.arrays["embedding"])
    alone, beside = gradients(None), gradients(other)
    assert all(np.array_equal(*pair) for pair in zip(alone, beside))
    # Threads that train at the same time, too.
    results = {}

    def train(shim):
        for _ in range(30):
            step(shim, Adam(0.01))
        results[shim] = shim.arrays

    apart = [make_shim(6, 3, n_bigrams=4, n_intents=2, seed=i, **SIZES) for i in range(2)]
    together = [
        make_shim(6, 3, n_bigrams=4, n_intents=2, seed=i, **SIZES) for i in range(2)
    ]
    for one in apart:
        train(one)
    threads = [threading.Thread(target=train, args=(one,)) for one in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, two in zip(apart, together):
        for name, array in results[one].items():
            assert np.allclose(array, results[two][name], atol=1e-6), name


def test_a_larger_vocabulary_trains_in_the_same_network(shim):
    """TensorFlow takes seconds to trace one: not again with each character that is learnt."""
    arrays = dict(shim.arrays)
    arrays["embedding"] = np.pad(arrays["embedding"], ((0, 3), (0, 0)))
    halves = np.split(arrays["bigrams"], 2)
    arrays["bigrams"] = np.concatenate([np.pad(half, ((0, 2), (0, 0))) for half in halves])
    larger = make_shim(9, 3, n_bigrams=6, n_intents=2, **SIZES)
    larger.set_arrays(arrays)
    shared_network = network_module("").shared_network
    assert shared_network(larger.sizes) is shared_network(shim.sizes)
    # Three characters more are in front of the pairs, and two pairs more of those behind.
    moved = IDS + np.where(IDS > 0, np.array([0, 3, 5], dtype="int32"), 0)
    results = []
    for one, ids in ((shim, IDS), (larger, moved), (shim, IDS)):
        outputs, backprop = one.begin_update((ids, 0.0))
        backprop(*D_TOTAL)
        results.append((outputs, one.take_gradients()))
    (outputs, gradients), (of_larger, grown), (again, _) = results
    assert all(np.array_equal(*pair) for pair in zip(outputs, of_larger))
    assert all(np.array_equal(*pair) for pair in zip(outputs, again))
    assert {name: array.shape for name, array in grown.items()} == {
        name: array.shape for name, array in arrays.items()
    }
    for name, gradient in gradients.items():
        kept = grown[name]
        if name == "embedding":
            kept, more = kept[:6], kept[6:]
            assert not more.any()
        if name == "bigrams":
            kept = np.concatenate([half[:4] for half in np.split(kept, 2)])
        assert np.array_equal(gradient, kept), name


def test_update_changes_what_is_predicted(shim):
    before = total(shim)
    step(shim, Adam(0.01))
    assert total(shim) < before


def test_frozen_arrays_stay_equal_to_the_bit(shim):
    frozen = shim.arrays["embedding"].copy()
    shim.set_array("embedding", frozen, trainable=False)
    others = {name: array.copy() for name, array in shim.arrays.items()}
    for _ in range(5):
        step(shim, Adam(0.01), dropout=0.3)
    assert np.array_equal(shim.arrays["embedding"], frozen)
    assert not np.array_equal(shim.arrays["output.bias"], others["output.bias"])
    shim.set_array("embedding", frozen, trainable=True)
    step(shim, Adam(0.01))
    assert not np.array_equal(shim.arrays["embedding"], frozen)


def test_dropout_drops_and_predicting_does_not(shim):
    plain, _ = shim.begin_update((IDS, 0.0))
    dropped, _ = shim.begin_update((IDS, 0.5))
    again = [scores_of_rows(shim.parameters, IDS, LENGTHS) for _ in range(2)]
    for i in range(2):
        assert not np.allclose(plain[i], dropped[i])
        assert np.array_equal(again[0][i], again[1][i])


def test_averages_are_used_within_the_block_only(shim):
    optimizer = Adam(0.1, use_averages=True)
    for _ in range(3):
        step(shim, optimizer)
    assert optimizer.averages.keys() == {(shim.id, name) for name in shim.arrays}
    trained = total(shim)
    with shim.use_params(optimizer.averages):
        name = "output.bias"
        assert np.array_equal(shim.arrays[name], optimizer.averages[shim.id, name])
        assert total(shim) != pytest.approx(trained)
        averaged_bytes = shim.to_bytes()
    assert total(shim) == trained
    loaded = KerasShim(NOTHING, **SIZES).from_bytes(averaged_bytes)
    assert total(loaded) != pytest.approx(trained)
    # Training goes on from the weights, not from the averages.
    weights = shim.arrays["output.bias"].copy()
    step(shim, Adam(0.0))
    assert np.array_equal(shim.arrays["output.bias"], weights)


def test_averages_of_one_shim_do_not_touch_its_copy(shim):
    other = shim.copy()
    assert other.id != shim.id
    optimizer = Adam(0.1, use_averages=True)
    step(shim, optimizer)
    before = total(other)
    with other.use_params(optimizer.averages):
        assert total(other) == before


def test_saving(shim):
    step(shim, Adam(0.01))
    shim.set_array("embedding", shim.arrays["embedding"], trainable=False)
    loaded = KerasShim(NOTHING, **SIZES).from_bytes(shim.to_bytes())
    assert loaded.sizes == shim.sizes
    assert loaded.parameters.frozen == ("embedding",)
    assert total(loaded) == total(shim)
    assert loaded.to_bytes() == shim.to_bytes()
    step(loaded, Adam(0.01))
    step(shim, Adam(0.01))
    assert total(loaded) == pytest.approx(total(shim), abs=1e-5)


def test_config_of_another_network_is_refused(shim):
    other = KerasShim(NOTHING, **{**SIZES, "hidden_width": 8})
    with pytest.raises(SavedModelError, match=r"MQ022.*hidden_width = 3.*says 8"):
        other.from_bytes(shim.to_bytes())
    assert other.sizes is None


def test_initialisers_are_independent(shim):
    arrays = shim.arrays
    for part in ("kernel", "recurrent_kernel"):
        forward, backward = (
            arrays[f"bilstm_0.{d}.{part}"] for d in ("forward", "backward")
        )
        assert not np.allclose(forward, backward)
    again = make_shim(6, 3, n_bigrams=4, n_intents=2, **SIZES)
    assert all(np.array_equal(again.arrays[name], arrays[name]) for name in arrays)
