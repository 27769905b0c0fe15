import os
import shutil
from contextlib import suppress
from importlib import metadata
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Both bring an LLVM of their own, and a process that has TensorFlow's first ends with a
# segmentation fault as soon as transformers imports PyTorch's compiler.
with suppress(ImportError):
    import triton  # noqa: F401

import numpy as np
import pytest
import spacy
from hypothesis import settings
from spacy.cli.train import train
from spacy.tokens import DocBin
from spacy.training import Example
from spacy.util import load_config
from thinc.util import fix_random_seed
from weasel.cli.run import project_run

from spacy_musicquery.data.docs import record_to_doc
from spacy_musicquery.data.records import Record
from spacy_musicquery.features.characters import CharInventory
from spacy_musicquery.ml.keras_shim import KerasShim
from spacy_musicquery.ml.numpy_tagger import NumpyTagger
from spacy_musicquery.ml.parameters import Parameters
from spacy_musicquery.ml.shapes import NetworkSizes

# No test measures time, on however busy a machine.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# For values of a wrong type that can be cast to the right one.
STRICT_CONFIG = pytest.mark.skipif(
    metadata.version("confection").startswith("0."),
    reason="before 1.0, spaCy's config system casts values to the types of settings",
)

# Four messages with queries of two labels, one of them twice, and two without any.
MESSAGES = [
    ("我想听周杰伦的晴天", [(3, 9, "MUSIC_QUERY")]),
    ("播放五月天和林俊杰的歌", [(2, 5, "MUSIC_QUERY"), (6, 9, "MUSIC_QUERY")]),
    ("来一首 Hey Jude 吧", [(4, 12, "MUSIC_QUERY")]),
    ("看电影流浪地球", [(3, 7, "FILM")]),
    ("今天天气怎么样", []),
    ("明天早上叫我起床", []),
]

# Others, with characters and a label that these have not.
NEW_MESSAGES = [
    ("朗诵一首静夜思", [(4, 7, "POEM")]),
    ("朗诵一首春晓", [(4, 6, "POEM")]),
    ("来首夜曲", [(2, 4, "MUSIC_QUERY")]),
]

# Components that shall know nothing yet.
FROM_SCRATCH = {"pretrained": None}

PROJECT_FILES = ["project.yml", "assets", "configs"]

HARD_TEXTS = [
    "",
    " ",
    "\n\t \u3000",
    "听",
    "😀🎵👨‍👩‍👧",
    "\x00\x01我想听\x7f晴天\u200b",
    "我想听" * 200,
    "𠮷𡃁 听",
    "A" * 5000,
]


def make_examples(nlp, messages=MESSAGES):
    examples = []
    for row, (text, spans) in enumerate(messages, start=1):
        reference = record_to_doc(nlp, Record(row, text, tuple(spans)))
        examples.append(Example(nlp.make_doc(text), reference))
    return examples


def make_trained(steps=60, lang="zh", seed=0, messages=MESSAGES, drop=0.0, **config):
    """A pipeline that has learnt the messages by heart."""
    fix_random_seed(seed)
    nlp = spacy.blank(lang)
    nlp.add_pipe("music_query", config={**FROM_SCRATCH, **config})
    examples = make_examples(nlp, messages)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer, drop=drop)
    return nlp


def make_shim(n_chars, n_tags, *, n_bigrams=0, n_intents=0, seed=0, **settings):
    """A network of these sizes, with weights drawn at random."""
    shim = KerasShim(Parameters(CharInventory()), **settings)
    sizes = NetworkSizes(
        n_chars, n_tags, n_bigrams=n_bigrams, n_intents=n_intents, **shim.settings
    )
    shim.initialize(shim.parameters, sizes, seed=seed)
    return shim


def scores_of_rows(parameters, ids, lengths):
    """What a network makes of padded rows (texts, longest, n), as training encodes them:
    padded emissions, and scores of intents."""
    is_char = np.arange(ids.shape[1]) < lengths[:, np.newaxis]
    tagger = NumpyTagger(parameters, parameters.chain())
    data, intents = tagger.scores(ids[is_char], lengths)
    emissions = np.zeros((*is_char.shape, data.shape[1]), dtype="float32")
    emissions[is_char] = data
    return emissions, intents


def found(doc):
    return [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]


@pytest.fixture
def corpus(tmp_path):
    """The messages as `spacy train` reads them."""
    docs = [example.reference for example in make_examples(spacy.blank("zh"))]
    DocBin(docs=docs).to_disk(tmp_path / "corpus.spacy")
    return tmp_path / "corpus.spacy"


@pytest.fixture(scope="session")
def trained_path(tmp_path_factory):
    """A pipeline that has learnt the messages; one that exists already if the
    environment names it, since there may be nothing to train with."""
    if "MUSIC_QUERY_PIPELINE" in os.environ:
        return Path(os.environ["MUSIC_QUERY_PIPELINE"])
    path = tmp_path_factory.mktemp("trained") / "pipeline"
    make_trained().to_disk(path)
    return path


@pytest.fixture(scope="session")
def trained(trained_path):
    """Shared by tests that only read from it."""
    return spacy.load(trained_path)


@pytest.fixture
def fine_tune(request, trained_path, tmp_path):
    """`spacy train` on the new messages, from the pipeline that has learnt the others,
    with settings by their dotted names."""

    def run(output="out", messages=NEW_MESSAGES, **settings):
        docs = [example.reference for example in make_examples(spacy.blank("zh"), messages)]
        DocBin(docs=docs).to_disk(tmp_path / f"{output}.spacy")
        config = load_config(request.config.rootpath / "configs" / "cais.cfg")
        settings = {
            "paths.train": str(tmp_path / f"{output}.spacy"),
            "paths.dev": str(tmp_path / f"{output}.spacy"),
            "components.music_query.pretrained": str(trained_path),
            "system.replay_size": 50,
            "training.max_steps": 40,
            "training.eval_frequency": 20,
            "training.dropout": 0.1,
            "training.optimizer.learn_rate": 0.01,
            **settings,
        }
        for name, value in settings.items():
            *sections, key = name.split(".")
            section = config
            for part in sections:
                section = section.setdefault(part, {})
            section[key] = value
        config.to_disk(tmp_path / f"{output}.cfg")
        train(tmp_path / f"{output}.cfg", tmp_path / output)
        return spacy.load(tmp_path / output / "model-last")

    return run


@pytest.fixture
def project(request, tmp_path):
    """A copy of the project, to run its workflows in."""
    root = tmp_path / "project"
    root.mkdir()
    for name in PROJECT_FILES:
        source = request.config.rootpath / name
        if source.is_dir():
            ignore = shutil.ignore_patterns("cais_raw", "cais", "open_raw", "open")
            shutil.copytree(source, root / name, ignore=ignore)
        else:
            shutil.copy(source, root / name)
    config = load_config(root / "configs" / "default.cfg")
    config["training"]["max_steps"] = 200
    config["training"]["eval_frequency"] = 100
    config["training"]["optimizer"]["learn_rate"] = 0.01
    config["components"]["music_query"]["model"].update(embed_width=16, hidden_width=16)
    config.to_disk(root / "configs" / "quick.cfg")
    return root


_CONFIGS = ("vars.config", "vars.cais_config", "vars.labels_config")


def run_workflow(project, workflow, **variables):
    """Run a workflow of the project, with a config that trains little."""
    overrides = dict.fromkeys(_CONFIGS, "configs/quick.cfg")
    overrides.update({f"vars.{name}": value for name, value in variables.items()})
    project_run(project, workflow, overrides=overrides, capture=True)
