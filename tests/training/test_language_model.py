"""Pretraining on raw text: what is learnt, what is not looked at, and what is left of names."""

import numpy as np
import pytest

from spacy_musicquery.features.catalogue import Catalogue
from spacy_musicquery.features.characters import CharInventory
from spacy_musicquery.ml.parameters import Parameters
from spacy_musicquery.training.language_model import (
    MASK,
    MIN_TEXTS,
    Settings,
    mask_names,
    prepare,
    pretrain,
)

WIDTHS = {"embed_width": 16, "hidden_width": 24, "depth": 1, "window": 3, "crf": 1}
WORDS = ["天地玄", "黄宇宙", "洪荒日", "月盈昃", "辰宿列", "张寒来", "暑往秋", "收冬藏"]
ONE, OTHER = ["周杰伦", "陈奕迅", "Hey Jude"], ["林俊", "孙燕姿们", "八三夭"]


def catalogue(*names):
    catalogue = Catalogue(["artist"])
    catalogue.add({"artist": names})
    return catalogue


def made_of_words(n=200, names=(), seed=0):
    random = np.random.default_rng(seed)
    texts = []
    for _ in range(n):
        words = random.choice(WORDS, random.integers(3, 6)).tolist()
        if names:
            words.insert(random.integers(len(words)), names[random.integers(len(names))])
        texts.append("".join(words))
    return texts


def run(texts, names=(), *, seed=0, steps=30, bigram_min_count=5, **widths):
    """What is learnt, and the perplexities on the way."""
    settings = Settings(steps, seed=seed, bigram_min_count=bigram_min_count)
    reports = []
    lines = prepare(texts, catalogue(*names), seed=seed)
    parameters = Parameters(CharInventory())
    learnt = pretrain(parameters, lines, {**WIDTHS, **widths}, settings, reports.append)
    return learnt, [report.perplexity for report in reports]


def test_names_are_masked():
    texts = ["我想听周杰伦的歌", "", "五月天周杰伦", "hey jude吧heyjude", "爱", "林俊杰伦"]
    names = ["周杰伦", "五月天", "Hey Jude", "爱", "林俊杰", "杰伦"]
    assert mask_names(texts, catalogue(*names)) == [
        f"我想听{MASK}的歌",
        "",
        MASK + MASK,
        f"{MASK}吧heyjude",
        "爱",  # as a name of one character is a word of every message
        MASK,
    ]


def test_lines_are_each_once_and_none_is_on_both_sides():
    texts = made_of_words(300, ONE)
    lines = prepare(texts + texts, catalogue(*ONE), seed=3)
    assert not set(lines.train) & set(lines.held_out)
    masked = set(mask_names(texts, catalogue(*ONE)))
    assert sorted([*lines.train, *lines.held_out]) == sorted(masked)
    assert len(lines.held_out) == len(masked) // 20
    assert lines.n_masked == 600
    assert prepare(texts, catalogue(*ONE), seed=4).held_out != lines.held_out


def test_little_text_is_refused():
    texts = [f"第{chr(0x4E00 + i)}句" for i in range(MIN_TEXTS - 1)]
    with pytest.raises(ValueError, match=r"MQ450.* 99 .*100"):
        prepare([*texts, texts[0], " ", "周杰伦"], catalogue("周杰伦"), seed=0)
    prepare([*texts, "再来一句"], catalogue(), seed=0)


@pytest.mark.parametrize(
    "texts, min_count",
    [([f"{chr(0x4E00 + i)}{chr(0x5E00 + i)}" for i in range(MIN_TEXTS)], 3), (None, 10**6)],
)
def test_nothing_to_predict(texts, min_count):
    lines = prepare(texts or made_of_words(), catalogue(), seed=0)
    settings = Settings(1, min_count=min_count)
    with pytest.raises(ValueError, match="MQ451"):
        pretrain(Parameters(CharInventory()), lines, WIDTHS, settings, print)


def test_settings_are_checked():
    lines = prepare(made_of_words(), catalogue(), seed=0)
    for wrong in (Settings(0), Settings(1, seed=-1), Settings(1, char_dropout=1.0)):
        with pytest.raises(ValueError, match="MQ003"):
            pretrain(Parameters(CharInventory()), lines, WIDTHS, wrong, print)


@pytest.fixture(scope="module")
def learnt():
    return run(made_of_words(names=ONE), ONE + OTHER, steps=60)


def test_it_learns_what_follows_what(learnt):
    _, perplexities = learnt
    # That of frequencies: 24 characters that are as frequent, and the ends.
    assert 20 < perplexities[0] < 26
    assert perplexities[-1] < 0.5 * perplexities[0]


def test_only_head_and_transitions_begin_with_nothing(learnt):
    parameters, _ = learnt
    assert parameters.labels == () and parameters.sizes.n_tags == 1
    is_zero = {name for name, array in parameters.arrays.items() if not array.any()}
    assert is_zero == {"output.kernel", "output.bias", "window.kernel", "transitions"}
    assert parameters.disagreement() is None


def test_names_leave_no_trace(learnt):
    """Texts that differ in nothing but which names they hold."""
    parameters, perplexities = learnt
    other, of_other = run(made_of_words(names=OTHER), ONE + OTHER, steps=60)
    assert set("".join(ONE + OTHER)) & set(parameters.characters.chars) == set()
    assert parameters.characters.chars == other.characters.chars
    assert perplexities == of_other
    for name, array in parameters.arrays.items():
        assert np.array_equal(array, other.arrays[name]), name


@pytest.mark.slow
def test_the_seed_decides():
    texts = made_of_words()
    (one, _), (same, _), (other, _) = (run(texts, seed=seed, steps=5) for seed in (1, 1, 2))
    name = "bilstm_0.backward.kernel"
    assert np.array_equal(one.arrays[name], same.arrays[name])
    assert not np.array_equal(one.arrays[name], other.arrays[name])


@pytest.mark.slow
@pytest.mark.parametrize("bigram_min_count, depth", [(2, 1), (2, 2), (0, 2)])
def test_nothing_is_read_that_is_to_be_predicted(bigram_min_count, depth):
    """Where nothing follows from anything, no state knows more than frequencies."""
    random = np.random.default_rng(0)
    alphabet = list("".join(WORDS)[:12])
    lengths = random.geometric(0.1, 600)  # nobody can tell where such a text ends
    texts = ["".join(random.choice(alphabet, length)) for length in lengths]
    _, perplexities = run(texts, steps=60, bigram_min_count=bigram_min_count, depth=depth)
    assert min(perplexities) > 0.95 * perplexities[0]


@pytest.mark.slow
@pytest.mark.parametrize("bigram_min_count, depth", [(0, 1), (5, 2)])
def test_all_shapes_learn(bigram_min_count, depth):
    _, perplexities = run(
        made_of_words(), steps=120, bigram_min_count=bigram_min_count, depth=depth
    )
    assert perplexities[-1] < 0.5 * perplexities[0]
