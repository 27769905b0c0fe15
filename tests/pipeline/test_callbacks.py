"""Callbacks of the training config."""

import numpy as np
import spacy

from spacy_musicquery.pipeline.callbacks import make_half_precision

from ..conftest import MESSAGES, found, make_trained


def size(path):
    return (path / "music_query" / "model").stat().st_size


def test_half_precision_takes_half_the_space_and_changes_little(tmp_path):
    nlp = make_trained()
    nlp.to_disk(tmp_path / "float32")
    arrays = dict(nlp.get_pipe("music_query").model.shims[0].arrays)
    make_half_precision()(nlp).to_disk(tmp_path / "half")
    assert size(tmp_path / "half") < 0.6 * size(tmp_path / "float32")
    loaded = spacy.load(tmp_path / "half")
    rounded = loaded.get_pipe("music_query").model.shims[0].arrays
    for name, array in arrays.items():
        assert rounded[name].dtype == np.float32
        np.testing.assert_allclose(rounded[name], array, rtol=1e-3, atol=1e-6)
        assert np.array_equal(
            rounded[name], nlp.get_pipe("music_query").model.shims[0].arrays[name]
        )
    for text, spans in MESSAGES:
        assert found(loaded(text)) == spans


def test_training_goes_on_with_what_was_not_rounded():
    nlp = make_trained(steps=2)
    shim = nlp.get_pipe("music_query").model.shims[0]
    before = shim.arrays
    averages = {(shim.id, name): array + 0.1 for name, array in before.items()}
    with nlp.use_params(averages):
        make_half_precision()(nlp)
    assert shim.arrays is before
