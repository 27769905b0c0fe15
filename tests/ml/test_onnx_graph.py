"""What is extracted with must equal what is trained."""

import copy
import pickle
import threading

import numpy as np
import pytest
import spacy

from spacy_musicquery.decoding import bio
from spacy_musicquery.ml.architectures import build_char_bilstm, forward
from spacy_musicquery.ml.onnx_graph import (
    build_graph,
    graph_weights,
    quantize,
    stacked_vectors,
)
from spacy_musicquery.ml.onnx_session import EmissionSession
from spacy_musicquery.ml.shapes import NetworkSizes, array_shapes

from ..conftest import MESSAGES, make_shim

N_CHARS, N_BIGRAMS = 50, 30


def random_shim(depth, n_bigrams=N_BIGRAMS, n_intents=0, window=3):
    """Weights large enough for gates to saturate now and then."""
    sizes = {"embed_width": 7, "hidden_width": 6, "depth": depth, "window": window}
    shim = make_shim(N_CHARS, 5, n_bigrams=n_bigrams, n_intents=n_intents, **sizes)
    rng = np.random.default_rng(1)
    for name, array in shim.arrays.items():
        noise = rng.normal(scale=0.5, size=array.shape)
        shim.set_array(name, array + noise, trainable=True)
    return shim


def make_session(shim, **options):
    graph = build_graph(shim.sizes, "float32")
    weights = graph_weights(shim.arrays, "float32")
    return EmissionSession(graph, weights, stacked_vectors(shim.arrays), **options)


def random_batch(n_bigrams=N_BIGRAMS):
    rng = np.random.default_rng(2)
    lengths = np.array([1, 2, 3, 17, 100, 2000], dtype="int32")
    shape = (len(lengths), lengths.max())
    columns = [rng.integers(1, N_CHARS, size=shape)]
    if n_bigrams:
        for start in (N_CHARS, N_CHARS + n_bigrams):
            columns.append(rng.integers(start, start + n_bigrams, size=shape))
    ids = np.stack(columns, axis=2).astype("int32")
    ids[np.arange(lengths.max()) >= lengths[:, None]] = 0
    return ids, lengths


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("n_bigrams", [0, N_BIGRAMS])
@pytest.mark.parametrize("n_intents, window", [(0, 0), (4, 0), (0, 1), (4, 5)])
def test_scores_equal_those_of_keras(depth, n_bigrams, n_intents, window):
    shim = random_shim(depth, n_bigrams, n_intents, window)
    ids, lengths = random_batch(n_bigrams)
    (expected, expected_intents), _ = shim.begin_update((ids, 0.0))
    emissions, *intents = shim.predict((ids, lengths))
    assert len(intents) == bool(n_intents)
    for scores in intents:
        assert scores.shape == (len(lengths), n_intents)
        assert np.abs(scores - expected_intents).max() < 1e-4
    for row, length in enumerate(lengths):
        difference = np.abs(emissions[row, :length] - expected[row, :length])
        assert difference.max() < 1e-4
        best, expected_best = (
            bio.best_tags(rows[row, :length], np.array([length]), bio.softmax_chain(5))
            for rows in (emissions, expected)
        )
        assert np.array_equal(best, expected_best)


def test_padding_changes_nothing():
    shim = random_shim(depth=2, n_intents=4)
    ids, lengths = random_batch()
    together, intents = shim.predict((ids, lengths))
    for row, length in enumerate(lengths):
        alone, intents_alone = shim.predict(
            (ids[row : row + 1, :length], lengths[row : row + 1])
        )
        assert np.allclose(alone[0], together[row, :length], atol=1e-5)
        assert np.allclose(intents_alone[0], intents[row], atol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_graph_holds_no_weights(precision):
    small = build_graph(NetworkSizes(10, 3, 4, 4, 1), precision)
    large = build_graph(NetworkSizes(100_000, 3, 64, 64, 1), precision)
    assert len(large) < len(small) + 100 < 2000


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("depth, n_intents, window", [(1, 0, 0), (2, 4, 7)])
def test_onnx_reads_the_graph(precision, depth, n_intents, window):
    onnx = pytest.importorskip("onnx")
    sizes = NetworkSizes(1000, 300, 4, 200, depth, n_intents=n_intents, window=window)
    graph = build_graph(sizes, precision)
    model = onnx.load_from_string(graph)
    # Nothing is lost, nothing is unknown, and all is written as onnx writes it.
    assert model.SerializeToString(deterministic=True) == graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    arrays = {name: np.ones(shape) for name, shape in array_shapes(sizes).items()}
    for name, array in graph_weights(arrays, precision).items():
        assert shapes.pop(name) == array.shape
    assert shapes.keys() == {"joined_shape"}
    lstm = next(node for node in model.graph.node if "LSTM" in node.op_type)
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in lstm.attribute}
    assert attributes == {"hidden_size": 200, "direction": b"bidirectional"}
    assert [node.op_type for node in model.graph.node].count(lstm.op_type) == depth


def test_graph_weights_follow_the_array_shapes():
    sizes = NetworkSizes(9, 5, 3, 4, 2)
    arrays = {name: np.ones(shape) for name, shape in array_shapes(sizes).items()}
    weights = graph_weights(arrays, "float32")
    assert weights["bilstm_0.W"].shape == (2, 16, 3)
    assert weights["bilstm_1.W"].shape == (2, 16, 8)
    assert weights["bilstm_1.B"].shape == (2, 32)
    assert all(w.dtype == np.float32 and w.flags["C_CONTIGUOUS"] for w in weights.values())


@pytest.mark.parametrize("options", [{}, {"threads": 2, "spinning": True}])
def test_session_is_made_again_in_copies(options):
    shim = random_shim(depth=1)
    session = make_session(shim, **options)
    batch = random_batch()
    expected = session(*batch)
    for other in (copy.deepcopy(session), pickle.loads(pickle.dumps(session))):
        assert np.array_equal(other(*batch), expected)


def test_session_is_safe_to_start_from_many_threads():
    shim = random_shim(depth=1)
    session = make_session(shim)
    batch = random_batch()
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(session(*batch))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert all(np.array_equal(result, results[0]) for result in results)


def test_training_and_predicting_agree_through_the_whole_model(trained):
    model = trained.get_pipe("music_query").model
    texts = [text for text, _ in MESSAGES] + ["", "unknown ☃ characters"]
    model.attrs.update(dropout_rate=0.0, char_dropout=0.0)
    expected, _ = forward(model, texts, is_train=True)
    emissions = model.predict(texts)
    assert np.abs(emissions.data - expected.data).max() < 1e-4
    assert emissions.lengths.tolist() == [len(text) for text in texts]


def test_quantized_weights_are_close_to_the_originals():
    matrices = np.random.default_rng(0).normal(size=(2, 7, 12)).astype("float32")
    matrices[:, :, 3] = 0.0
    quantized, scale = quantize(matrices)
    assert quantized.dtype == np.int8 and scale.shape == (2, 12)
    error = np.abs(quantized * scale[:, np.newaxis] - matrices)
    assert (error <= scale[:, np.newaxis] / 2 + 1e-6).all()


def test_int8_finds_what_float32_finds(trained, trained_path):
    override = {"components": {"music_query": {"model": {"precision": "int8"}}}}
    nlp = spacy.load(trained_path, config=override)
    docs = [nlp.make_doc(text) for text, _ in MESSAGES]
    expected = trained.get_pipe("music_query").tag_probabilities(docs)
    probabilities = nlp.get_pipe("music_query").tag_probabilities(docs)
    for one, other in zip(expected, probabilities):
        assert np.array_equal(one.argmax(axis=1), other.argmax(axis=1))
        assert 0 < np.abs(one - other).max() < 0.1


def test_architecture_is_registered():
    build = spacy.registry.get("architectures", "spacy_musicquery.CharBiLSTM.v1")
    assert build is build_char_bilstm
