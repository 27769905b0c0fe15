"""What extracts must equal what is trained, and the compiled tagger the one of numpy."""

import copy
import pickle
import shutil
import sysconfig
import threading
from pathlib import Path

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_musicquery.decoding import bio
from spacy_musicquery.features.bigrams import BigramInventory
from spacy_musicquery.features.characters import CharInventory
from spacy_musicquery.features.name_matches import n_features
from spacy_musicquery.ml import predictor
from spacy_musicquery.ml.architectures import build_char_bilstm, forward
from spacy_musicquery.ml.numpy_tagger import NumpyTagger
from spacy_musicquery.ml.parameters import Parameters
from spacy_musicquery.ml.predictor import Predictor
from spacy_musicquery.ml.shapes import NetworkSizes, array_shapes

from ..conftest import MESSAGES, make_shim, scores_of_rows

try:
    from spacy_musicquery.ml import kernel
    from spacy_musicquery.ml.compiled_tagger import CompiledTagger
except ImportError:
    kernel = None

compiled = pytest.mark.skipif(kernel is None, reason="nothing was compiled")

N_CHARS, N_BIGRAMS = 50, 30
CHARS = "aAb1 .甲乙丙听Ｂİ\x00\ud800😀倫"
names = st.lists(st.text(CHARS, min_size=1, max_size=5), max_size=20)
texts = st.lists(st.text(CHARS, max_size=40), min_size=1, max_size=8)


def can_compile():
    compiler = (sysconfig.get_config_var("CC") or "none").split()[0]
    header = Path(sysconfig.get_path("include"), "Python.h")
    return shutil.which(compiler) is not None and header.exists()


@pytest.mark.skipif(not can_compile(), reason="no C compiler, or no headers of Python")
def test_installing_has_compiled_it():
    # setup.py lets pip go on when compiling fails.
    assert kernel is not None and predictor.Tagger is CompiledTagger


# What is trained


def random_shim(depth, n_bigrams=N_BIGRAMS, n_intents=0, window=3):
    """Weights large enough for gates to saturate now and then."""
    sizes = {"embed_width": 7, "hidden_width": 6, "depth": depth, "window": window}
    shim = make_shim(N_CHARS, 5, n_bigrams=n_bigrams, n_intents=n_intents, **sizes)
    rng = np.random.default_rng(1)
    for name, array in shim.arrays.items():
        noise = rng.normal(scale=0.5, size=array.shape)
        shim.set_array(name, array + noise, trainable=True)
    return shim


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
    (expected, expected_intents, _), _ = shim.begin_update((ids, 0.0))
    emissions, intents = scores_of_rows(shim.parameters, ids, lengths)
    assert intents.shape == (len(lengths), n_intents)
    assert np.abs(intents - expected_intents).max(initial=0.0) < 1e-4
    for row, length in enumerate(lengths):
        difference = np.abs(emissions[row, :length] - expected[row, :length])
        assert difference.max() < 1e-4
        best, expected_best = (
            bio.best_tags(rows[row, :length], np.array([length]), bio.softmax_chain(5))
            for rows in (emissions, expected)
        )
        assert np.array_equal(best, expected_best)


def test_training_and_predicting_agree_through_the_whole_model(trained):
    model = trained.get_pipe("music_query").model
    texts = [text for text, _ in MESSAGES] + ["", "unknown ☃ characters"]
    model.attrs.update(dropout_rate=0.0, char_dropout=0.0)
    expected, _ = forward(model, texts, is_train=True)
    emissions = model.predict(texts)
    assert np.abs(emissions.data - expected.data).max() < 1e-4
    assert emissions.lengths.tolist() == [len(text) for text in texts]


# The two taggers


@st.composite
def parameters_of_all_kinds(draw, scale=1.0, longest=5):
    """What a component might have learnt, with weights drawn at random."""
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    characters = CharInventory("ab1甲乙丙听.伦", simplified=draw(st.booleans()))
    learnt = draw(st.lists(st.text("ab甲乙", max_size=6), max_size=3))
    bigrams = BigramInventory.learnt_from(*characters.encode(learnt), min_count=1)
    types = draw(st.sampled_from([(), ("artist",), ("artist", "title")]))
    n_labels = draw(st.integers(0, 3))
    sizes = NetworkSizes(
        n_chars=len(characters),
        n_tags=1 + 2 * n_labels,
        embed_width=draw(st.integers(1, 40)),
        hidden_width=draw(st.integers(1, 40)),
        depth=draw(st.integers(1, 2)),
        n_bigrams=draw(st.sampled_from([0, len(bigrams)])),
        crf=draw(st.integers(0, 1)),
        n_intents=draw(st.integers(0, 3)),
        window=draw(st.sampled_from([0, 1, 3, 7, 11])),
        n_lexicon=n_features(len(types)),
    )
    arrays = {
        name: rng.normal(scale=scale, size=shape).astype("float32")
        for name, shape in array_shapes(sizes).items()
    }
    parameters = Parameters(
        characters,
        bigrams,
        labels=tuple("ABC"[:n_labels]),
        intents=tuple("XYZ"[: sizes.n_intents]),
        sizes=sizes,
        arrays=arrays,
    )
    of_types = {type_name: draw(names) for type_name in types}
    return parameters.replace(catalogue=parameters.new_catalogue(types, of_types))


def taggers(parameters):
    chain = parameters.chain()
    return [
        NumpyTagger(parameters, chain),
        *(CompiledTagger(parameters, chain, name) for name in kernel.instruction_sets()),
    ]


def probabilities_of(emissions, texts, parameters):
    lengths = np.array([len(text) for text in texts])
    return bio.decode(emissions, lengths, parameters.chain())


@compiled
@settings(deadline=None)
@given(parameters_of_all_kinds(), texts, st.booleans())
def test_the_compiled_tagger_computes_what_numpy_does(parameters, texts, has_context):
    context = None
    if has_context:
        shape = (sum(map(len, texts)), parameters.sizes.embed_width)
        context = np.random.default_rng(0).normal(size=shape).astype("float32")
    catalogue = parameters.catalogue
    reference, *others = taggers(parameters)
    expected, expected_intents = reference.emissions(texts, catalogue, context)
    for tagger in others:
        emissions, intents = tagger.emissions(texts, catalogue, context)
        # Of sums of up to a hundred numbers; a deep network takes rounding further.
        assert np.allclose(emissions, expected, atol=2e-3)
        assert np.allclose(intents, expected_intents, atol=2e-3)
        spans, probabilities = tagger.find(texts, catalogue, context)
        decoded = probabilities_of(emissions, texts, parameters)
        assert [span[:4] for span in spans] == [span[:4] for span in decoded]
        scores = [span[4] for span in spans]
        assert scores == pytest.approx([span.score for span in decoded], abs=1e-6)
        _, expected_probabilities = reference.find(texts, catalogue, context)
        for row, expected_row in zip(probabilities, expected_probabilities):
            assert row == pytest.approx(expected_row, abs=1e-3)


@compiled
@settings(deadline=None)
@given(parameters_of_all_kinds(scale=0.1), texts)
def test_instruction_sets_agree(parameters, texts):
    _, *others = taggers(parameters)
    results = [tagger.emissions(texts, parameters.catalogue) for tagger in others]
    for emissions, intents in results[1:]:
        assert np.allclose(emissions, results[0][0], atol=1e-5)
        assert np.allclose(intents, results[0][1], atol=1e-5)


@compiled
@settings(deadline=None)
@given(
    parameters_of_all_kinds(),
    texts,
    st.sampled_from([0.0, 1e4, 1e18, 3e38, np.inf, np.nan]),
    st.integers(0, 100),
)
def test_whatever_the_weights_spans_are_in_the_text(parameters, texts, value, seed):
    rng = np.random.default_rng(seed)
    arrays = dict(parameters.arrays)
    name = rng.choice(list(arrays))
    arrays[name] = arrays[name].copy()
    arrays[name].flat[rng.integers(arrays[name].size)] = value
    parameters = parameters.replace(arrays=arrays)
    with np.errstate(all="ignore"):
        for tagger in taggers(parameters):
            emissions, _ = tagger.emissions(texts, parameters.catalogue)
            spans, _ = tagger.find(texts, parameters.catalogue)
            lengths = [len(text) for text in texts]
            is_sound = np.isfinite(emissions).all(axis=1)
            sound = [part.all() for part in np.split(is_sound, np.cumsum(lengths)[:-1])]
            for text, start, end, label, score in spans:
                assert 0 <= start < end <= lengths[text]
                assert 0 <= label < len(parameters.labels)
                assert 0.0 <= score <= 1.0 and sound[text]


def named(catalogue_names, **normalization):
    """Parameters whose emissions tell what characters are in names."""
    characters = CharInventory("甲", **normalization)
    types = tuple(catalogue_names)
    sizes = NetworkSizes(3, 3, 20, 4, 1, crf=1, window=1, n_lexicon=n_features(len(types)))
    rng = np.random.default_rng(0)
    arrays = {n: rng.normal(size=s).astype("f") for n, s in array_shapes(sizes).items()}
    parameters = Parameters(characters, labels=("A",), sizes=sizes, arrays=arrays)
    return parameters.replace(catalogue=parameters.new_catalogue(types, catalogue_names))


def assert_names_matter(parameters, text, *, elsewhere=()):
    """All taggers see the same names in a text, and there are some; not so elsewhere."""
    reference, *others = taggers(parameters)
    without = parameters.new_catalogue(parameters.catalogue.types, {})
    expected, _ = reference.emissions([text], parameters.catalogue)
    assert not np.allclose(expected, reference.emissions([text], without)[0], atol=1e-3)
    for tagger in others:
        assert np.allclose(
            tagger.emissions([text], parameters.catalogue)[0], expected, atol=1e-4
        )
    for other in elsewhere:
        for tagger in (reference, *others):
            found, _ = tagger.emissions([other], parameters.catalogue)
            assert np.allclose(found, tagger.emissions([other], without)[0], atol=1e-4)


@compiled
def test_names_of_every_length_are_found():
    # Up to those that have no length of their own in the tables, and beyond.
    text = "".join(chr(0x4E00 + i) for i in range(150))
    for length in (1, 2, 3, 62, 63, 64, 65, 66, 67, 100, 150):
        parameters = named({"title": [text[:length]]})
        assert_names_matter(parameters, text, elsewhere=[text[1:], text[: length - 1]])
        assert_names_matter(parameters, "听" + text[:length])
    many = [text[:n] for n in range(1, 151)]
    assert_names_matter(named({"title": many, "artist": many[::3]}), text * 2)


@compiled
def test_what_begins_like_a_longer_name_is_found():
    parameters = named({"artist": ["甲乙" * 40, "甲乙丙"], "title": ["甲乙丁"]})
    assert_names_matter(parameters, "甲乙丙甲乙丁", elsewhere=["甲乙", "甲乙" * 39])


@compiled
def test_names_end_where_words_do():
    parameters = named({"title": ["run", "r"]})
    assert_names_matter(parameters, "听RUN吧", elsewhere=["听running吧", "1run"])


@compiled
def test_traditional_names_are_found_as_simplified_ones():
    assert_names_matter(named({"artist": ["周杰倫"]}, simplified=True), "听周杰伦")
    parameters = named({"artist": ["周杰倫"]})
    assert_names_matter(parameters, "听周杰倫", elsewhere=["听周杰伦"])


@compiled
def test_names_may_be_added_to_a_catalogue_that_is_in_use():
    parameters = named({"artist": ["周杰伦"]})
    tagger = CompiledTagger(parameters, parameters.chain())
    before, _ = tagger.emissions(["听林俊杰"], parameters.catalogue)
    parameters.catalogue.add({"artist": ["林俊杰"]})
    after, _ = tagger.emissions(["听林俊杰"], parameters.catalogue)
    assert not np.allclose(before, after, atol=1e-3)


# The predictor


@pytest.mark.parametrize("kind", ["numpy", pytest.param("compiled", marks=compiled)])
@pytest.mark.parametrize("threads", [1, 3])
def test_texts_together_are_as_alone(kind, threads, trained, monkeypatch):
    if kind == "numpy":
        monkeypatch.setattr(predictor, "Tagger", NumpyTagger)
    monkeypatch.setattr(predictor, "_LEAST_CHARS", 20)
    parameters = trained.get_pipe("music_query").parameters
    texts = [text for text, _ in MESSAGES] + ["", "听" * 3000, "x" * 70, ""]
    together = Predictor(parameters, "q", threads=threads)
    alone = Predictor(parameters, "q", threads=1)
    emissions = together.emissions(parameters, texts)
    of_each = [alone.emissions(parameters, [text]) for text in texts]
    assert emissions.lengths.tolist() == [len(text) for text in texts]
    assert np.allclose(emissions.data, np.concatenate([e.data for e in of_each]), atol=1e-5)
    spans, probabilities = together.find(parameters, texts)
    found = [alone.find(parameters, [text]) for text in texts]
    expected = [(i, *span[1:]) for i, (spans, _) in enumerate(found) for span in spans]
    assert len(spans) >= 5 and [span[:4] for span in spans] == [e[:4] for e in expected]
    assert [s[4] for s in spans] == pytest.approx([e[4] for e in expected], abs=1e-5)
    assert len(probabilities) == len(texts)


def test_a_tagger_serves_many_threads(trained):
    component = trained.get_pipe("music_query")
    texts = [text for text, _ in MESSAGES] * 20
    expected = component.find(texts)
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(component.find(texts)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8 and all(result == expected for result in results)


def test_copies_make_a_tagger_of_their_own(trained):
    component = trained.get_pipe("music_query")
    texts = [text for text, _ in MESSAGES]
    expected = component.find(texts)
    for other in (copy.deepcopy(component), pickle.loads(pickle.dumps(component))):
        assert other.find(texts) == expected


def test_parameters_that_do_not_belong_together_are_refused(trained):
    parameters = trained.get_pipe("music_query").parameters
    others = parameters.characters.grown_by(["龘靐齉"], min_count=1)
    pairs = np.concatenate([parameters.bigrams.pairs, [[10**6, 1]]])
    types = parameters.replace(catalogue=parameters.new_catalogue(["x", "y"], {}))
    for wrong, problem in (
        (parameters.replace(characters=others), "characters and"),
        (parameters.replace(bigrams=BigramInventory(pairs)), "pairs of characters and"),
        (types, "places in names and"),
    ):
        with pytest.raises(ValueError, match=rf"\[MQ200\] q: .*{problem}"):
            Predictor(wrong, "q", threads=1)


def test_settings_of_version_0_1_0_change_nothing(trained, trained_path):
    settings = {"precision": "int8", "spinning": True, "threads": 2}
    override = {"components": {"music_query": {"model": settings}}}
    nlp = spacy.load(trained_path, config=override)
    texts = [text for text, _ in MESSAGES]
    expected = trained.get_pipe("music_query").find(texts)
    assert nlp.get_pipe("music_query").find(texts) == expected


def test_architecture_is_registered():
    build = spacy.registry.get("architectures", "spacy_musicquery.CharBiLSTM.v1")
    assert build is build_char_bilstm
