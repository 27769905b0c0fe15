"""What a model predicted stays what it predicts."""

import itertools

import numpy as np
import pytest
import spacy
from spacy.training import Example
from thinc.api import Adam
from thinc.util import fix_random_seed

from spacy_musicquery.decoding import bio
from spacy_musicquery.decoding.emissions import Emissions
from spacy_musicquery.training.rehearsal import Rehearser, divergence, make_rehearsal

from ..conftest import FROM_SCRATCH, MESSAGES, NEW_MESSAGES, found, make_examples

SETTING = "initialize.components.music_query.rehearsal"
TEXTS = [text for text, _ in MESSAGES]


def make_emissions(n_tags, n_intents, crf, seed):
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(5, n_tags))
    chain = bio.softmax_chain(n_tags)
    if crf:
        chain = bio.crf_chain(rng.normal(size=(n_tags, n_tags)))
    lengths = np.array([3, 2], dtype="int32")
    intents = rng.normal(size=(2, n_intents))
    return Emissions(data, lengths, chain, intents)


def probabilities_of_sequences(emissions, text):
    """Every tag sequence of a text, by brute force."""
    rows = np.split(emissions.data, [3])[text]
    transitions = emissions.chain.transitions
    scores = {}
    for tags in itertools.product(range(rows.shape[1]), repeat=len(rows)):
        steps = zip((0, *tags), tags)
        scores[tags] = sum(row[tag] for row, tag in zip(rows, tags))
        scores[tags] += sum(transitions[step] for step in steps)
    total = sum(np.exp(score) for score in scores.values())
    return {tags: np.exp(score) / total for tags, score in scores.items()}


def test_divergence_of_sequences():
    former = make_emissions(3, 0, crf=True, seed=0)
    now = make_emissions(5, 0, crf=True, seed=1)
    expected = 0.0
    for text in range(2):
        before, after = (probabilities_of_sequences(e, text) for e in (former, now))
        expected += sum(p * np.log(p / after[tags]) for tags, p in before.items() if p)
    assert divergence(former, now)[0] == pytest.approx(expected / 5, rel=1e-5)


@pytest.mark.parametrize("crf", [True, False])
def test_gradients_of_the_divergence(crf):
    former = make_emissions(3, 2, crf, seed=0)
    now = make_emissions(5, 3, crf, seed=1)
    loss, gradients = divergence(former, now)
    assert loss > 0
    for part in ("data", "intents"):
        array, gradient = getattr(now, part), getattr(gradients, part)
        for index in np.ndindex(array.shape):
            shifted = array.astype("float64")
            shifted[index] += 1e-4
            slope = (divergence(former, now._replace(**{part: shifted}))[0] - loss) / 1e-4
            assert gradient[index] == pytest.approx(slope, abs=1e-4)
    if crf:
        transitions = now.chain.transitions
        for index in zip(*np.nonzero(np.isfinite(transitions))):
            shifted = transitions.copy()
            shifted[index] += 1e-4
            chain = bio.crf_chain(shifted)
            slope = (divergence(former, now._replace(chain=chain))[0] - loss) / 1e-4
            assert gradients.transitions[index] == pytest.approx(slope, abs=1e-4)


def test_nothing_has_moved_yet():
    same = make_emissions(3, 2, crf=True, seed=0)
    loss, gradients = divergence(same, same)
    assert loss == pytest.approx(0.0, abs=1e-6)
    assert np.abs(gradients.data).max() < 1e-6


def test_rehearse_brings_back_what_was_forgotten(trained_path):
    fix_random_seed(0)
    nlp = spacy.load(trained_path)
    optimizer = nlp.resume_training()
    silence = make_examples(nlp, [(text, []) for text in TEXTS])
    for _ in range(15):
        nlp.update(silence, sgd=optimizer)
    assert [found(nlp(text)) for text in TEXTS] != [spans for _, spans in MESSAGES]
    raw = [Example.from_dict(nlp.make_doc(text), {}) for text in [*TEXTS, ""]]
    losses = [nlp.rehearse(raw, sgd=optimizer)["music_query"] for _ in range(60)]
    assert losses[-1] < 0.5 * losses[0]
    assert [found(nlp(text)) for text in TEXTS] == [spans for _, spans in MESSAGES]


def test_rehearse_without_resuming_does_nothing(trained_path):
    nlp = spacy.load(trained_path)
    before = nlp.to_bytes()
    raw = [Example.from_dict(nlp.make_doc(text), {}) for text in TEXTS]
    assert nlp.rehearse(raw, sgd=Adam(0.01)) == {}
    assert nlp.to_bytes() == before


def test_the_box_is_rehearsed_though_it_was_not_read_yet():
    nlp = spacy.blank("zh")
    component = nlp.add_pipe("music_query")
    optimizer = nlp.resume_training()
    raw = [Example.from_dict(nlp.make_doc(text), {}) for text in TEXTS]
    component.predict([nlp.make_doc("听歌")])
    # It is the same but for what training does at random.
    assert 0.0 <= nlp.rehearse(raw, sgd=optimizer)["music_query"] < 0.5


def test_training_rehearses(fine_tune, tmp_path):
    (tmp_path / "raw.txt").write_text("\n".join(TEXTS), encoding="utf8")
    corpus = {"@readers": "spacy_musicquery.RawText.v1", "path": str(tmp_path / "raw.txt")}
    rehearsal = {
        "@readers": "spacy_musicquery.Rehearsal.v1",
        "corpus": corpus,
        "weight": 2.0,
        "size": 6,
    }
    # What is learnt is that nothing is a query: the worst for what is known.
    silence = [("来首夜曲", []), ("朗诵一首春晓", []), ("我要听", [])]
    plain = fine_tune("plain", silence)
    expected = [spans for _, spans in MESSAGES]
    assert [found(plain(text)) for text in TEXTS] != expected
    nlp = fine_tune("rehearsed", silence, **{SETTING: rehearsal})
    assert [found(nlp(text)) for text in TEXTS] == expected
    assert [found(nlp(text)) for text, _ in silence] == [[], [], []]


def test_settings_that_are_not_allowed(tmp_path):
    for bad in ({"weight": 0.0}, {"size": 0}, {"weight": "1"}):
        with pytest.raises(ValueError, match="MQ003"):
            make_rehearsal(lambda nlp: [], **bad)
    nlp = spacy.blank("zh")
    component = nlp.add_pipe("music_query")
    examples = make_examples(nlp, NEW_MESSAGES)
    with pytest.raises(ValueError, match="MQ018"):
        component.initialize(lambda: examples, rehearsal=make_rehearsal(lambda nlp: []))
    scratch = spacy.blank("zh").add_pipe("music_query", config=FROM_SCRATCH)
    with pytest.raises(ValueError, match=r"MQ003.*pretrained"):
        scratch.initialize(lambda: examples, rehearsal=make_rehearsal(lambda nlp: []))


def test_each_text_comes_once_a_round_and_like_lengths_together():
    texts = ["听" * n for n in range(1, 41)]
    rehearser = Rehearser(None, texts, make_rehearsal(None, 1.0, 4))
    order = rehearser._new_order(4)
    assert sorted(order) == list(range(40))
    batches = [
        [len(texts[i]) for i in order[start : start + 4]] for start in range(0, 40, 4)
    ]
    assert np.mean([max(batch) - min(batch) for batch in batches]) < 10
