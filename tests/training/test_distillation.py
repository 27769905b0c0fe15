import itertools
import subprocess
import sys

import numpy as np
import pytest
import spacy
from spacy.cli.train import train
from spacy.util import load_config
from thinc.util import fix_random_seed

from spacy_musicquery.decoding import bio
from spacy_musicquery.decoding.emissions import Emissions, log_softmax
from spacy_musicquery.pipeline.load import load_component
from spacy_musicquery.training.distillation import (
    Marginals,
    distillation_gradient,
    load_teacher,
    sequence_marginals,
)

from ..conftest import FROM_SCRATCH, MESSAGES, found, make_examples, make_trained

LENGTHS = np.array([3, 1, 0, 4])


def make_emissions(crf, seed, n_tags=3):
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(LENGTHS.sum(), n_tags), scale=2)
    chain = bio.softmax_chain(n_tags)
    if crf:
        chain = bio.crf_chain(rng.normal(size=(n_tags, n_tags)))
    return Emissions(data, LENGTHS, chain, np.zeros((4, 0)))


def log_probabilities(emissions, temperature):
    """Of all legal tag sequences of each text, by the definition."""
    start, of_texts = 0, []
    transitions = emissions.chain.transitions / temperature
    for length in emissions.lengths:
        rows = emissions.data[start : start + length] / temperature
        start += length
        scores = {}
        for tags in itertools.product(range(rows.shape[1]), repeat=int(length)):
            score = sum(rows[i, tag] for i, tag in enumerate(tags))
            score += sum(transitions[step] for step in zip((0, *tags), tags))
            if np.isfinite(score):
                scores[tags] = score
        log_total = np.log(np.exp(list(scores.values())).sum())
        of_texts.append({tags: score - log_total for tags, score in scores.items()})
    return of_texts


@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("teacher_crf", [True, False])
def test_loss_is_the_cross_entropy_of_tag_sequences(teacher_crf, temperature):
    student, teacher = make_emissions(True, 0), make_emissions(teacher_crf, 1)
    targets = sequence_marginals(teacher, temperature)
    loss, _ = distillation_gradient(student, targets, temperature)
    expected = 0.0
    for of_teacher, of_student in zip(
        log_probabilities(teacher, temperature), log_probabilities(student, temperature)
    ):
        expected -= sum(np.exp(log_q) * of_student[y] for y, log_q in of_teacher.items())
    assert loss == pytest.approx(temperature**2 * expected / LENGTHS.sum())


@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("crf", [True, False])
def test_gradient_is_the_slope_of_the_loss(crf, temperature):
    student = make_emissions(crf, 0)
    targets = sequence_marginals(make_emissions(True, 1), temperature)
    _, gradients = distillation_gradient(student, targets, temperature)

    def loss_of(data, transitions):
        chain = bio.crf_chain(transitions) if crf else student.chain
        moved = student._replace(data=data, chain=chain)
        return distillation_gradient(moved, targets, temperature)[0]

    checked = [(0, gradients.data), (1, gradients.transitions)]
    for which, gradient in checked[: 1 + crf]:
        for index in np.ndindex(gradient.shape):
            slopes = []
            for step in (1e-5, -1e-5):
                moved = [student.data.copy(), student.chain.transitions.copy()]
                moved[which][index] += step
                slopes.append(loss_of(*moved))
            slope = (slopes[0] - slopes[1]) / 2e-5
            assert gradient[index] == pytest.approx(slope, abs=1e-5)


@pytest.mark.parametrize("crf", [True, False])
def test_who_agrees_with_the_teacher_learns_nothing(crf):
    emissions = make_emissions(crf, 0)
    targets = sequence_marginals(emissions)
    if not crf:
        targets = Marginals(np.exp(log_softmax(emissions.data)), *targets[1:])
    _, gradients = distillation_gradient(emissions, targets)
    assert np.allclose(gradients.data, 0.0, atol=1e-9)
    if crf:
        assert np.allclose(gradients.transitions, 0.0, atol=1e-6)


@pytest.fixture(scope="module")
def other_teacher_path(tmp_path_factory):
    """Its labels, and so its tags, stand in another order."""
    path = tmp_path_factory.mktemp("other") / "pipeline"
    nlp = spacy.blank("zh")
    fix_random_seed(1)
    component = nlp.add_pipe("music_query", name="queries", config=FROM_SCRATCH)
    component.add_label("MUSIC_QUERY")
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    assert component.labels == ("MUSIC_QUERY", "FILM")
    optimizer.learn_rate = 0.01
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    nlp.to_disk(path)
    return path


def test_several_teachers_are_their_mean(trained_path, other_teacher_path):
    teacher = load_teacher([trained_path, str(other_teacher_path)])
    teacher.load(("FILM", "MUSIC_QUERY"), load_component, component="music_query")
    text = "播放流浪晴天"
    one, other = (
        spacy.load(path).get_pipe(name).tag_probabilities([spacy.blank("zh")(text)])[0]
        for path, name in ((trained_path, "music_query"), (other_teacher_path, "queries"))
    )
    tags = bio.tag_names(("FILM", "MUSIC_QUERY"))
    found = teacher.marginals([text], tags)
    assert np.allclose(found.tags, (one + other[:, [0, 3, 4, 1, 2]]) / 2)
    # Each character comes after another, or after the beginning, which counts as O.
    assert np.allclose(found.transitions.sum(axis=0), found.tags.sum(axis=0))


@pytest.fixture
def distil(request, corpus, tmp_path, trained_path):
    """`spacy train` on raw text alone, and the teacher's view of it."""

    def run(path=str(trained_path), weight=1.0, texts=tuple(text for text, _ in MESSAGES)):
        raw = tmp_path / "raw.txt"
        raw.write_text("\n".join(texts), encoding="utf8")
        config = load_config(request.config.rootpath / "configs" / "default.cfg")
        config["paths"].update(train=str(corpus), dev=str(corpus), teacher=path)
        config["corpora"]["train"] = {
            "@readers": "spacy_musicquery.RawText.v1",
            "path": str(raw),
        }
        config["training"].update(max_steps=60, eval_frequency=20, dropout=0.0)
        config["training"]["optimizer"].update(learn_rate=0.01)
        options = config["initialize"]["components"]["music_query"]
        options["teacher"]["weight"] = weight
        options["labels"] = ["FILM", "MUSIC_QUERY"]
        config.to_disk(tmp_path / "distil.cfg")
        train(tmp_path / "distil.cfg", tmp_path / "student")
        return tmp_path / "student" / "model-best"

    return run


def test_student_learns_from_raw_text(distil, trained_path, other_teacher_path):
    student = distil([str(trained_path), str(other_teacher_path)])
    # In another process: and the student needs no teacher any more.
    code = """
import sys, spacy
nlp = spacy.load(sys.argv[1])
print([[(e.start_char, e.end_char, e.label_) for e in nlp(t).ents] for t in sys.argv[2:]])
assert nlp.get_pipe("music_query")._objective.teacher is None
"""
    texts = [text for text, _ in MESSAGES]
    result = subprocess.run(
        [sys.executable, "-c", code, str(student), *texts], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == str([spans for _, spans in MESSAGES])


def test_raw_text_without_a_teacher_teaches_nothing():
    nlp = make_trained(steps=0)
    component = nlp.get_pipe("music_query")
    before = {n: a.copy() for n, a in component.model.shims[0].arrays.items()}
    raw = [spacy.training.Example(nlp.make_doc(t), nlp.make_doc(t)) for t, _ in MESSAGES]
    optimizer = nlp.resume_training()
    optimizer.L2 = 0.0
    assert nlp.update(raw, sgd=optimizer)["music_query"] == 0.0
    after = component.model.shims[0].arrays
    assert all(np.array_equal(after[name], before[name]) for name in before)


def test_gold_and_teacher_are_weighed(trained_path):
    """The teacher finds queries in what the gold data say holds none."""
    silent = [(text, []) for text, _ in MESSAGES]
    queries = {}
    for weight in (0.1, 0.9):
        fix_random_seed(0)
        nlp = spacy.blank("zh")
        component = nlp.add_pipe("music_query", config=FROM_SCRATCH)
        examples = make_examples(nlp, silent)
        teacher = load_teacher(trained_path, weight=weight)
        labels = ["FILM", "MUSIC_QUERY"]
        component.initialize(lambda e=examples: e, labels=labels, teacher=teacher)
        optimizer = nlp.resume_training()
        optimizer.learn_rate = 0.01
        for _ in range(60):
            nlp.update(examples, sgd=optimizer)
        queries[weight] = [found(nlp(text)) for text, _ in MESSAGES]
    assert queries[0.1] == [[] for _ in MESSAGES]
    assert queries[0.9] == [spans for _, spans in MESSAGES]


def test_no_path_no_teacher():
    assert load_teacher(None) is None


def test_the_box_teaches():
    teacher = load_teacher("box")
    teacher.load(["MUSIC_QUERY"], load_component, component="music_query")
    found = teacher.marginals(["我想听周杰伦的晴天"], bio.tag_names(["MUSIC_QUERY"]))
    assert found.tags.argmax(axis=1).tolist() == [0, 0, 0, 1, 2, 2, 2, 2, 2]


@pytest.mark.parametrize(
    "setting,value",
    [
        ("weight", 0.0),
        ("weight", 1.5),
        ("temperature", 0),
        ("temperature", "1"),
        ("path", []),
    ],
)
def test_settings_out_of_range(setting, value):
    with pytest.raises(ValueError, match=rf"MQ003.*{setting}"):
        load_teacher(**{"path": "somewhere", setting: value})


def test_no_such_teacher(tmp_path, distil):
    spacy.blank("zh").to_disk(tmp_path / "empty")
    for path in (tmp_path / "none", tmp_path / "empty"):
        with pytest.raises(ValueError, match=rf"MQ070.*{path.name}"):
            distil(str(path))


def test_teacher_of_other_labels(distil):
    with pytest.raises(ValueError, match=r"MQ071.*box.*MUSIC_QUERY.*FILM"):
        distil("box")
