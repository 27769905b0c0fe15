"""Weights, messages and batches that nobody sends by accident."""

import math

import numpy as np
import pytest
import spacy
from thinc.util import fix_random_seed

from spacy_musicquery.decoding.bio import crf_chain, decode, tag_probabilities
from spacy_musicquery.errors import SavedModelError
from spacy_musicquery.ml import architectures
from spacy_musicquery.ml.architectures import get_shim
from spacy_musicquery.ml.predictor import Predictor
from spacy_musicquery.pipeline import query_finder

from ..conftest import FROM_SCRATCH, make_examples

TEXTS = ["播放周杰伦的晴天", "今天天气怎么样", "a", "放" * 300, "", "听\n😀"]


def make_box(**config):
    component = spacy.blank("zh").add_pipe("music_query", config=config)
    component.set_catalogue({"artist": ["周杰伦"]})
    return component


@pytest.fixture(scope="module", params=["float32", "int8"])
def component(request):
    """One whose weights are replaced."""
    name = "spacy_musicquery.CharBiLSTM.v1"
    return make_box(model={"@architectures": name, "precision": request.param})


@pytest.fixture(scope="module")
def box():
    return make_box()


def with_weights(component, draw):
    arrays = component.parameters.arrays
    new = {name: draw(array).astype("float32") for name, array in arrays.items()}
    component.parameters = component.parameters.replace(arrays=new)
    return component


DRAWS = {
    "the largest": lambda array, rng: rng.choice([-1e6, 1e6], array.shape),
    "the largest and none": lambda array, rng: rng.choice([-1e6, 0, 1e6], array.shape),
    "of every size": lambda array, rng: (
        rng.choice([-1, 1], array.shape) * 10 ** rng.uniform(-40, 6, array.shape)
    ),
    "the smallest": lambda array, rng: np.full(array.shape, 1e-45),
    "none": lambda array, rng: np.zeros(array.shape),
}


@pytest.mark.parametrize("draw", DRAWS)
def test_any_weights_that_are_loaded_give_numbers(draw, component):
    rng = np.random.default_rng(0)
    with_weights(component, lambda array: DRAWS[draw](array, rng))
    data = component.to_bytes(exclude=["vocab"])
    component.from_bytes(data, exclude=["vocab"])  # which is not refused
    for batch in (TEXTS, TEXTS * 3, *([text] for text in TEXTS)):
        for text, found in zip(batch, component.find(batch)):
            for start, end, _, score in found.spans:
                assert 0 <= start < end <= len(text) and 0 <= score <= 1
            assert all(0 <= p <= 1 for p in found.cats.values())
            assert not found.cats or math.isclose(sum(found.cats.values()), 1, rel_tol=1e-5)


@pytest.mark.parametrize("weight", [1.01e6, -1e30, 3e38])
def test_weights_that_might_overflow_are_refused(weight, box):
    component = box
    arrays = dict(component.parameters.arrays)
    arrays["intents.bias"] = np.full_like(arrays["intents.bias"], weight)
    parameters = component.parameters.replace(arrays=arrays)
    data = query_finder.write_model(component.model, parameters)
    with pytest.raises(SavedModelError, match=r"'intents.bias' has the weight"):
        query_finder.read_model(
            component.model, data, component="a", **component.label_data
        )


@pytest.mark.parametrize("n_tags", [3, 5])
def test_extreme_transitions_and_emissions_give_probabilities(n_tags):
    rng = np.random.default_rng(0)
    for _ in range(100):
        transitions = rng.choice([-3e38, -1e4, -90, 0, 90, 1e4, 3e38], (n_tags, n_tags))
        chain = crf_chain(transitions)
        lengths = rng.integers(0, 6, rng.choice([1, 20])).astype("int32")
        emissions = rng.choice([-1e30, -1e3, 0, 1e3, 1e30], (lengths.sum(), n_tags))
        emissions = emissions.astype("float32")
        for span in decode(emissions, lengths, chain):
            assert 0 <= span.score <= 1
        if lengths.any():
            sums = tag_probabilities(emissions, lengths, chain).sum(axis=1)
            assert np.allclose(sums, 1)


def test_a_large_batch_is_worked_on_in_portions(box, monkeypatch):
    component = box
    batch = [text * n for n in (1, 7, 40) for text in TEXTS]
    expected = component.find(batch)
    sizes = []
    find = Predictor.find

    def watched(predictor, parameters, texts):
        sizes.append((len(texts), sum(map(len, texts))))
        return find(predictor, parameters, texts)

    monkeypatch.setattr(Predictor, "find", watched)
    for max_chars, max_scores in ((100, 1 << 25), (1 << 17, 18), (100, 18), (1, 1)):
        monkeypatch.setattr(query_finder, "MAX_CHARS", max_chars)
        monkeypatch.setattr(query_finder, "MAX_SCORES", max_scores)
        sizes.clear()
        for one, other in zip(component.find(batch), expected):
            assert [span[:3] for span in one.spans] == [span[:3] for span in other.spans]
            scores = [span.score for span in one.spans]
            assert np.allclose(scores, [span.score for span in other.spans], atol=1e-5)
            assert one.cats.keys() == other.cats.keys()
            assert np.allclose([*one.cats.values()], [*other.cats.values()], atol=1e-5)
        assert len(sizes) > 1
        for n, n_chars in sizes:
            assert n <= max(1, max_scores // 9) and (n == 1 or n_chars <= max_chars)


@pytest.mark.slow
def test_a_long_message_is_learnt_in_pieces(monkeypatch):
    monkeypatch.setattr(architectures, "MAX_TRAIN_LENGTH", 20)
    fix_random_seed(0)
    nlp = spacy.blank("zh")
    model = {"@architectures": "spacy_musicquery.CharBiLSTM.v1", "hidden_width": 16}
    component = nlp.add_pipe("music_query", config={**FROM_SCRATCH, "model": model})
    text = "今天天气真好" * 4 + "播放周杰伦的晴天" + "明天早上叫我起床" * 3
    examples = make_examples(nlp, [(text, [(26, 32, "MUSIC_QUERY")]), ("你好", [])])
    for example, intent in zip(examples, ("Play", "Other")):
        example.reference.cats = {"Play": intent == "Play", "Other": intent == "Other"}
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    longest = []
    begin_update = get_shim(component.model).begin_update

    def watched(inputs):
        longest.append(inputs[0].shape[1])
        return begin_update(inputs)

    monkeypatch.setattr(get_shim(component.model), "begin_update", watched)
    for _ in range(45):
        nlp.update(examples, sgd=optimizer)
    assert max(longest) <= 20
    doc, other = nlp(text), nlp("你好")
    assert [ent.text for ent in doc.ents] == ["周杰伦的晴天"] and not other.ents
    assert doc.cats["Play"] > 0.9 and other.cats["Other"] > 0.9
