"""Contextual vectors, from a random ALBERT made here. To run these tests:
pip install "spacy-musicquery[transformers]"."""

import subprocess
import sys

import numpy as np
import pytest
import spacy
from spacy.cli.train import train
from spacy.util import load_config

from spacy_musicquery.errors import SavedModelError
from spacy_musicquery.ml.architectures import build_char_bilstm
from spacy_musicquery.vectors.encoder import FrozenEncoder

from ..conftest import FROM_SCRATCH, HARD_TEXTS, MESSAGES, found, make_examples

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")

WIDTH = 16
MAX_LENGTH = 30


def make_encoder(path, seed=0):
    """As `save_pretrained` leaves it, with BERT's vocabulary."""
    chars = sorted({c for text, _ in MESSAGES for c in text.lower() if not c.isspace()})
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens = [*special, *chars, "hey", "##de", "ju"]
    torch.manual_seed(seed)
    config = transformers.AlbertConfig(
        vocab_size=len(tokens),
        embedding_size=8,
        hidden_size=WIDTH,
        num_attention_heads=2,
        num_hidden_layers=2,
        intermediate_size=16,
        max_position_embeddings=MAX_LENGTH,
        initializer_range=0.5,
    )
    transformers.AlbertModel(config).save_pretrained(path)
    (path / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf8")
    return path


@pytest.fixture(scope="module")
def encoder_path(tmp_path_factory):
    return make_encoder(tmp_path_factory.mktemp("albert"))


@pytest.fixture(scope="module")
def trained_path(tmp_path_factory, encoder_path, request):
    path = tmp_path_factory.mktemp("contextual")
    docs = [example.reference for example in make_examples(spacy.blank("zh"))]
    spacy.tokens.DocBin(docs=docs).to_disk(path / "corpus.spacy")
    config = load_config(request.config.rootpath / "configs" / "default.cfg")
    config["paths"].update(train=f"{path}/corpus.spacy", dev=f"{path}/corpus.spacy")
    config["components"]["music_query"]["model"]["encoder"] = str(encoder_path)
    config["training"].update(max_steps=60, eval_frequency=20, dropout=0.1)
    config["training"]["optimizer"]["learn_rate"] = 0.01
    config.to_disk(path / "config.cfg")
    train(path / "config.cfg", path / "out")
    return path / "out" / "model-best"


def test_one_vector_a_character(encoder_path):
    encoder = FrozenEncoder(str(encoder_path))
    text = "听 Hey Jude歌"
    vectors = encoder([text], cache=False)
    assert vectors.shape == (len(text), WIDTH)
    # The pieces of words are for all of their characters: hey, ju, ##de.
    for start, end in ((2, 5), (6, 8), (8, 10)):
        assert (vectors[start:end] == vectors[start]).all()
    rows = [tuple(vectors[i]) for i in (0, 2, 6, 8, 10)]
    assert len(set(rows)) == 5
    assert not vectors[[1, 5]].any()  # blanks have no token
    ids = transformers.BertTokenizerFast.from_pretrained(encoder_path)(text)["input_ids"]
    with torch.inference_mode():
        model = transformers.AlbertModel.from_pretrained(encoder_path).eval()
        hidden = model(torch.tensor([ids])).last_hidden_state[0].numpy()
    assert np.allclose(vectors[[0, 2, 6, 8, 10]], hidden[1:-1], atol=0.01)


def test_vectors_depend_on_the_context_and_not_on_the_batch(encoder_path):
    encoder = FrozenEncoder(str(encoder_path))
    alone = encoder(["听歌"], cache=False)
    other = encoder(["看歌"], cache=False)
    assert not np.allclose(alone[1], other[1], atol=0.01)
    together = encoder(["我想听周杰伦的晴天", "听歌", "", "听歌"], cache=True)
    assert np.allclose(together[9:11], alone, atol=0.01)
    assert np.array_equal(together[9:11], together[11:])
    assert np.array_equal(encoder(["听歌"], cache=True), together[11:])


def test_no_text_is_too_long_or_too_strange(encoder_path):
    encoder = FrozenEncoder(str(encoder_path))
    texts = [*HARD_TEXTS, "听\ud800歌", "我想听" * MAX_LENGTH]
    vectors = encoder(texts, cache=False)
    assert vectors.shape == (sum(map(len, texts)), WIDTH)
    assert np.isfinite(vectors).all()
    assert vectors[-3:].any(axis=1).all()


def test_train_save_load_extract(trained_path):
    """In another process, since nothing of the training may be needed."""
    code = """
import sys, spacy
nlp = spacy.load(sys.argv[1])
for docs in (list(nlp.pipe(sys.argv[2:])), [nlp(text) for text in sys.argv[2:]]):
    print([[(e.start_char, e.end_char, e.label_) for e in doc.ents] for doc in docs])
assert "tensorflow" not in sys.modules
"""
    texts = [text for text, _ in MESSAGES]
    result = subprocess.run(
        [sys.executable, "-c", code, str(trained_path), *texts],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    expected = str([spans for _, spans in MESSAGES])
    assert result.stdout.splitlines() == [expected, expected]


def test_what_extracts_is_what_was_trained(trained_path):
    nlp = spacy.load(trained_path)
    model = nlp.get_pipe("music_query").model
    texts = [text for text, _ in MESSAGES]
    model.attrs.update(char_dropout=0.0, dropout_rate=0.0)
    predicted = model.predict(texts)
    trained, _ = model.begin_update(texts)
    assert np.allclose(predicted.data, trained.data, atol=1e-3)
    model.shims[0].arrays["context.kernel"][:] = 0.0
    model.shims[0].set_arrays(model.shims[0].arrays)
    assert not np.allclose(model.predict(texts).data, predicted.data, atol=1e-3)


def test_the_box_with_an_encoder_knows_what_it_knew(encoder_path):
    nlp = spacy.blank("zh")
    config = {"model": {"encoder": str(encoder_path)}}
    component = nlp.add_pipe("music_query", config=config)
    text = "我想听周杰伦的晴天"
    assert found(nlp(text)) == [(3, 9, "MUSIC_QUERY")]
    messages = [(text, [(3, 9, "MUSIC_QUERY")]), ("今天天气怎么样", [])]
    examples = make_examples(nlp, messages)
    optimizer = nlp.initialize(lambda: examples)
    assert found(nlp(text)) == [(3, 9, "MUSIC_QUERY")]
    kernel = component.model.shims[0].arrays["context.kernel"]
    assert kernel.shape == (WIDTH, 48) and not kernel.any()
    nlp.update(examples, sgd=optimizer)
    assert component.model.shims[0].arrays["context.kernel"].any()


def test_encoder_that_has_moved(trained_path, tmp_path):
    make_encoder(tmp_path / "other", seed=1)
    make_encoder(tmp_path / "same")

    def load(path):
        config = {"components": {"music_query": {"model": {"encoder": str(path)}}}}
        return spacy.load(trained_path, config=config)

    text, spans = MESSAGES[0]
    assert found(load(tmp_path / "same")(text)) == spans
    with pytest.raises(ValueError, match=r"MQ072.*nowhere.*config\.json"):
        load(tmp_path / "nowhere")(text)
    with pytest.raises(ValueError, match=r"MQ073.*other"):
        load(tmp_path / "other")(text)
    with pytest.raises(SavedModelError, match=r"MQ022.*encoder"):
        config = {"components": {"music_query": {"model": {"encoder": None}}}}
        spacy.load(trained_path, config=config)


def test_without_transformers(encoder_path):
    code = """
import sys
sys.modules["transformers"] = None
from spacy_musicquery.vectors.encoder import FrozenEncoder
try:
    FrozenEncoder(sys.argv[1])(["听歌"], cache=False)
except ImportError as error:
    print(error)
"""
    command = [sys.executable, "-c", code, str(encoder_path)]
    printed = subprocess.run(command, capture_output=True, text=True).stdout
    assert "[MQ074]" in printed and "spacy-musicquery[transformers]" in printed


def test_ordinary_pipelines_import_no_transformers(tmp_path):
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query")
    nlp.to_disk(tmp_path / "box")
    code = """
import sys, spacy
nlp = spacy.load(sys.argv[1])
assert nlp("我想听周杰伦的晴天").ents
nlp.to_bytes()
assert "transformers" not in sys.modules
"""
    command = [sys.executable, "-c", code, str(tmp_path / "box")]
    subprocess.run(command, check=True)


def test_ordinary_models_have_no_encoder():
    assert "encoder" not in build_char_bilstm().attrs
    nlp = spacy.blank("zh")
    component = nlp.add_pipe("music_query", config=FROM_SCRATCH)
    component.initialize(lambda: make_examples(nlp))
    assert "context.kernel" not in component.model.shims[0].arrays
