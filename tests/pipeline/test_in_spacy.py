"""What spaCy offers for every component, offered for ours."""

import numpy as np
import pytest
import spacy
import typer
from spacy.cli._util import app as spacy_app
from spacy.cli.init_config import init_config
from spacy.cli.train import train
from spacy.training import Example
from spacy.util import load_config, registry

from ..conftest import FROM_SCRATCH, MESSAGES, found, make_examples, make_trained

TEXTS = [text for text, _ in MESSAGES]
EXPECTED = [spans for _, spans in MESSAGES]


@pytest.fixture
def default_config(request):
    return load_config(request.config.rootpath / "configs" / "default.cfg")


@pytest.fixture
def run_train(corpus, tmp_path, default_config):
    """`spacy train` on the messages, with settings by their dotted names."""

    def run(output="out", config=default_config, **overrides):
        settings = {
            "paths.train": str(corpus),
            "paths.dev": str(corpus),
            "training.max_steps": 60,
            "training.eval_frequency": 20,
            "training.dropout": 0.1,
            "training.optimizer.learn_rate": 0.01,
            **overrides,
        }
        config = config.copy()
        for name, value in settings.items():
            *sections, key = name.split(".")
            section = config
            for part in sections:
                section = section[part]
            section[key] = value
        config.to_disk(tmp_path / f"{output}.cfg")
        train(tmp_path / f"{output}.cfg", tmp_path / output)
        return spacy.load(tmp_path / output / "model-best")

    return run


def arrays(nlp, name="music_query"):
    return nlp.get_pipe(name).model.shims[0].arrays


def test_train(run_train, caplog, capsys):
    caplog.set_level("INFO", "spacy.music_query")
    nlp = run_train()
    assert [found(nlp(text)) for text in TEXTS] == EXPECTED
    assert nlp.meta["performance"]["ents_f"] == 1.0
    assert nlp.meta["performance"]["music_query_false_alarms"] == 0.0
    assert "parameters to train, 0 frozen" in caplog.text
    assert "parameters to train" not in capsys.readouterr().out


@pytest.mark.slow
def test_train_twice_gives_the_same_weights(run_train):
    settings = {"training.max_steps": 20, "training.accumulate_gradient": 2}
    first, second = (run_train(name, **settings) for name in ("one", "two"))
    assert all(np.array_equal(arrays(first)[n], arrays(second)[n]) for n in arrays(first))
    other = run_train("three", **{**settings, "system.seed": 1})
    assert not np.array_equal(
        arrays(first)["output.kernel"], arrays(other)["output.kernel"]
    )


@pytest.mark.slow
def test_averages_are_what_is_saved(run_train, tmp_path):
    run_train("averaged")
    run_train("plain", **{"training.optimizer.use_averages": False})
    averaged, plain = (
        spacy.load(tmp_path / n / "model-last") for n in ("averaged", "plain")
    )
    assert not np.array_equal(arrays(averaged)["output.bias"], arrays(plain)["output.bias"])


@pytest.mark.slow
def test_early_stopping(run_train, tmp_path, capsys):
    run_train(**{"training.patience": 20, "training.max_steps": 1000})
    steps = [
        line.split()[1] for line in capsys.readouterr().out.splitlines() if "100.00" in line
    ]
    assert int(steps[-1]) - int(steps[0]) == 20


@pytest.mark.slow
def test_frozen_component_stays_and_another_trains(run_train, trained_path):
    overrides = {
        "nlp.pipeline": ["music_query", "second"],
        "components.music_query": {"source": str(trained_path)},
        "components.second": {
            **FROM_SCRATCH,
            "factory": "music_query",
            "spans_key": "second",
        },
        "training.frozen_components": ["music_query"],
        "training.annotating_components": ["music_query"],
        "initialize.components": {},
        "training.max_steps": 5,
    }
    nlp = run_train(**overrides)
    before = arrays(spacy.load(trained_path))
    assert all(np.array_equal(arrays(nlp)[name], before[name]) for name in before)
    assert nlp.get_pipe("second").labels == ("FILM", "MUSIC_QUERY")
    assert nlp.pipe_names == ["music_query", "second"]


@pytest.mark.slow
def test_sourced_component_goes_on_training(run_train, trained_path):
    overrides = {
        "components.music_query": {"source": str(trained_path)},
        "initialize.components": {},
        "training.max_steps": 1,
        "training.eval_frequency": 1,
    }
    nlp = run_train(**overrides)
    assert [found(nlp(text)) for text in TEXTS] == EXPECTED
    before = arrays(spacy.load(trained_path))
    assert not np.array_equal(arrays(nlp)["output.bias"], before["output.bias"])
    assert np.allclose(arrays(nlp)["output.bias"], before["output.bias"], atol=0.1)


def test_source_and_rename(trained_path):
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query", source=spacy.load(trained_path), name="queries")
    assert [found(doc) for doc in nlp.pipe(TEXTS)] == EXPECTED
    nlp.rename_pipe("queries", "renamed")
    assert found(nlp(TEXTS[0])) == EXPECTED[0]


def test_resume_training(trained_path):
    nlp = spacy.load(trained_path)
    examples = make_examples(nlp)
    before = {name: array.copy() for name, array in arrays(nlp).items()}
    optimizer = nlp.resume_training()
    for _ in range(3):
        losses = nlp.update(examples, sgd=optimizer)
    assert losses["music_query"] < 0.05
    assert not np.array_equal(arrays(nlp)["embedding"], before["embedding"])
    assert [found(nlp(text)) for text in TEXTS] == EXPECTED


def test_gradients_of_several_batches_add_up():
    """`update` without an optimizer, then one `finish_update`, as spaCy's loop does."""
    nlp = make_trained(steps=0)
    component = nlp.get_pipe("music_query")
    examples = make_examples(nlp)
    for part in (examples[:3], examples[3:]):
        nlp.update(part, sgd=False)
    before = arrays(nlp)["output.bias"]
    assert set(component.model.shims[0]._gradients) == set(arrays(nlp))
    component.finish_update(nlp.create_optimizer())
    assert not np.array_equal(arrays(nlp)["output.bias"], before)


def test_init_config(run_train):
    config = init_config(lang="zh", pipeline=["music_query"])
    model = config["components"]["music_query"]["model"]
    assert model["@architectures"] == "spacy_musicquery.CharBiLSTM.v1"
    nlp = run_train(config=config, **{"training.max_steps": 2})
    assert nlp.pipe_names == ["music_query"]


@pytest.mark.parametrize("name", ["default", "tutorial"])
def test_configs_are_complete(name, request):
    path = request.config.rootpath / "configs" / f"{name}.cfg"
    nlp = spacy.util.load_model_from_config(load_config(path), auto_fill=False)
    assert nlp.pipe_names == ["music_query"]


def test_factory_meta():
    meta = spacy.blank("zh").get_factory_meta("music_query")
    assert "doc.ents" in meta.assigns and "span._.music_query_score" in meta.assigns
    assert meta.requires == []
    assert meta.default_score_weights["ents_f"] == 1.0


@pytest.mark.parametrize(
    "registry_name,name",
    [
        ("architectures", "spacy_musicquery.CharBiLSTM.v1"),
        ("scorers", "spacy_musicquery.music_query_scorer.v1"),
        ("readers", "spacy_musicquery.RecordCorpus.v1"),
        ("readers", "spacy_musicquery.Char2VecLoader.v1"),
        ("displacy_colors", "music_query"),
        ("factories", "music_query"),
        ("cli", "music-query"),
    ],
)
def test_everything_is_registered(registry_name, name):
    assert registry.has(registry_name, name)
    assert registry.get(registry_name, name)


def test_debug_model(corpus, tmp_path, capsys):
    """It initializes, trains a little, and passes Docs to the model."""
    path = tmp_path / "config.cfg"
    config = init_config(lang="zh", pipeline=["music_query"])
    config["paths"].update(train=str(corpus), dev=str(corpus))
    config["components"]["music_query"]["pretrained"] = None
    config.to_disk(path)
    app = typer.main.get_command(spacy_app)
    app(["debug", "model", str(path), "music_query", "-P3"], standalone_mode=False)
    printed = capsys.readouterr().out
    assert "model looks good" in printed


def test_errors_name_the_component():
    nlp = spacy.blank("zh")
    component = nlp.add_pipe("music_query", name="tagger_of_mine", config=FROM_SCRATCH)
    with pytest.raises(ValueError, match=r"MQ004.*tagger_of_mine"):
        component.predict([nlp.make_doc("听歌")])
    component.add_label("MUSIC_QUERY")
    with pytest.raises(ValueError, match=r"MQ011.*tagger_of_mine"):
        nlp.initialize(lambda: [Example(nlp.make_doc(""), nlp.make_doc(""))])


def test_initialize_prints_nothing(capsys):
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query", config=FROM_SCRATCH)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    assert capsys.readouterr().out == ""
