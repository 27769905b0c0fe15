import gzip
import json

import numpy as np
import pytest
import spacy
from gensim.models import FastText, KeyedVectors
from gensim.models.fasttext import save_facebook_model
from safetensors.numpy import save_file
from spacy.cli.train import train
from spacy.util import load_config
from typer.testing import CliRunner

from spacy_musicquery.cli import app
from spacy_musicquery.vectors.char_vectors import load_char_vectors
from spacy_musicquery.vectors.vector_files import project, read_checkpoint

from ..conftest import MESSAGES, found
from .test_char_vectors import WIDTH, embedding, initialized, row, write_vectors

TOKENS = ["[PAD]", "[UNK]", "我", "听", "歌", "##歌", "hello", "h", "!"]


def write_checkpoint(
    path,
    name="bert.embeddings.word_embeddings.weight",
    width=WIDTH,
    dtype="float32",
    **more,
):
    path.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    matrix = rng.normal(0.0, 0.04, (len(TOKENS) + 2, width)).astype(dtype)
    positions = np.zeros((4, width), "f")
    tensors = {name: matrix, "bert.embeddings.position_embeddings.weight": positions}
    save_file({**tensors, **more}, path / "model.safetensors")
    (path / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf8")
    return matrix


def correlation(one, other):
    return np.corrcoef(one, other)[0, 1]


@pytest.mark.parametrize(
    "name,dtype",
    [
        ("bert.embeddings.word_embeddings.weight", "float32"),
        ("albert.embeddings.word_embeddings.weight", "float16"),
        ("embeddings.word_embeddings.weight", "float32"),
    ],
)
def test_checkpoint_becomes_the_embedding(tmp_path, name, dtype):
    matrix = write_checkpoint(tmp_path / "bert", name, dtype=dtype).astype("float32")
    _, component, _ = initialized(load_char_vectors(tmp_path / "bert"))
    # Scaled, but all alike; and ##歌, which stands behind 歌, is not what is meant.
    factor = row(component, "听")[0] / matrix[3, 0]
    for char in "我听歌h":
        expected = matrix[TOKENS.index(char)] * factor
        assert np.allclose(row(component, char), expected, rtol=1e-4)
    assert 0.1 < np.abs(row(component, "听")).mean() < 1.0
    assert not row(component, "周").any()


def test_wide_checkpoint_is_projected(tmp_path, caplog):
    caplog.set_level("INFO", "spacy.music_query")
    write_checkpoint(tmp_path / "bert", width=40)
    _, component, _ = initialized(load_char_vectors(tmp_path / "bert"))
    printed = caplog.text
    assert f"made them {WIDTH} wide instead of 40" in printed
    vectors = read_checkpoint(tmp_path / "bert")
    chars = [c for c in component.parameters.characters.chars if c in vectors]
    assert f"{len(chars)} of" in printed and len(chars) == 4
    before = np.stack([vectors[char] for char in chars])
    after = np.stack([row(component, char) for char in chars])
    # So few rows fit into the width, so no distance between them is lost.
    for one in range(len(chars)):
        was = np.linalg.norm(before - before[one], axis=1)
        assert np.allclose(np.linalg.norm(after - after[one], axis=1), was, rtol=1e-4)
    again = initialized(load_char_vectors(tmp_path / "bert"))[1]
    assert np.array_equal(embedding(again)[2:], embedding(component)[2:])


def test_projection_keeps_what_varies_most():
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(200, 2)) * [5.0, 2.0]
    vectors = hidden @ np.linalg.qr(rng.normal(size=(30, 2)))[0].T + 7.0
    vectors += rng.normal(0, 0.01, vectors.shape)
    projected, kept = project(vectors, 2)
    assert projected.shape == (200, 2) and kept > 0.999
    assert np.allclose(projected.mean(axis=0), 0.0, atol=1e-5)
    for column in range(2):
        assert abs(correlation(projected[:, column], hidden[:, column])) > 0.99
    mirrored, _ = project(vectors, 2)
    assert np.array_equal(projected, mirrored)


def test_train_with_a_checkpoint(tmp_path, corpus, request):
    write_checkpoint(tmp_path / "albert", "albert.embeddings.word_embeddings.weight", 64)
    config = load_config(request.config.rootpath / "configs" / "default.cfg")
    config["paths"].update(
        train=str(corpus), dev=str(corpus), char_vectors=str(tmp_path / "albert")
    )
    config["training"].update(max_steps=60, eval_frequency=30, dropout=0.1)
    config["training"]["optimizer"]["learn_rate"] = 0.01
    config.to_disk(tmp_path / "config.cfg")
    train(tmp_path / "config.cfg", tmp_path / "out")
    (tmp_path / "albert" / "vocab.txt").unlink()  # no longer needed
    nlp = spacy.load(tmp_path / "out" / "model-best")
    assert [found(nlp(text)) for text, _ in MESSAGES] == [spans for _, spans in MESSAGES]


@pytest.mark.parametrize("width,name", [(None, "v.bin"), (4, "v.txt")])
def test_checkpoint_vectors_command(tmp_path, width, name):
    matrix = write_checkpoint(tmp_path / "bert")
    out = tmp_path / "out" / name
    options = [] if width is None else ["--width", str(width)]
    args = ["checkpoint-vectors", str(tmp_path / "bert"), str(out), *options]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0, result.output
    vectors = KeyedVectors.load_word2vec_format(str(out), binary=out.suffix == ".bin")
    assert set(vectors.index_to_key) == set("我听歌h!")
    assert vectors.vector_size == (width or WIDTH)
    if width is None:
        assert correlation(vectors["听"], matrix[3]) > 0.9999
    _, component, _ = initialized(load_char_vectors(out), width=vectors.vector_size)
    assert np.allclose(row(component, "听"), vectors["听"], atol=1e-6)


def test_checkpoint_vectors_command_refuses_a_greater_width(tmp_path):
    write_checkpoint(tmp_path / "bert")
    args = [
        "checkpoint-vectors",
        str(tmp_path / "bert"),
        str(tmp_path / "v.bin"),
        "-w",
        "9",
    ]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 1 and "MQ052" in result.output and "6 wide" in result.output
    assert not (tmp_path / "v.bin").exists()


def break_checkpoint(path, how):
    write_checkpoint(path)
    if how.startswith("no file"):
        (path / how.split()[-1]).unlink()
    elif how == "no tensor":
        write_checkpoint(path, "encoder.layer.0.attention.weight")
    elif how == "2 tensors":
        write_checkpoint(path, other=np.zeros(2, "f"), **{
            "decoder.embeddings.word_embeddings.weight": np.zeros((20, WIDTH), "f")
        })  # fmt: skip
    elif how == "12 tokens":
        (path / "vocab.txt").write_text("\n".join(map(str, range(12))), encoding="utf8")
    elif how == "cannot be read":
        (path / "model.safetensors").write_bytes(b"\x08" * 50)
    elif how == "too large":
        name = "bert.embeddings.word_embeddings.weight"
        header = {
            name: {"dtype": "F32", "shape": [2**21, 2**10], "data_offsets": [0, 2**33]}
        }
        header = json.dumps(header).encode()
        with (path / "model.safetensors").open("wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            file.truncate(8 + len(header) + 2**33)  # sparse: it takes no space
    elif how == "single character":
        (path / "vocab.txt").write_text("[PAD]\nhello\n", encoding="utf8")


@pytest.mark.parametrize(
    "how",
    [
        "no file model.safetensors",
        "no file vocab.txt",
        "no tensor",
        "2 tensors",
        "12 tokens",
        "cannot be read",
        "too large",
        "single character",
    ],
)
def test_no_checkpoint(tmp_path, how):
    break_checkpoint(tmp_path / "bert", how)
    with pytest.raises(ValueError, match=rf"MQ036.*bert.*{how}"):
        initialized(load_char_vectors(tmp_path / "bert"))


@pytest.fixture(scope="module")
def fasttext_model():
    sentences = [list("我想听歌"), list("播放晴天"), ["周杰"]] * 20
    return FastText(
        sentences, vector_size=WIDTH, min_count=1, min_n=1, max_n=2, bucket=500, seed=0,
        workers=1, epochs=1,
    )  # fmt: skip


def test_packed_fasttext_file(tmp_path, fasttext_model):
    save_facebook_model(fasttext_model, str(tmp_path / "ft.bin"))
    with gzip.open(tmp_path / "ft.bin.gz", "wb") as file:
        file.write((tmp_path / "ft.bin").read_bytes())
    with pytest.raises(ValueError, match=r"MQ031.*unpacked first"):
        initialized(load_char_vectors(tmp_path / "ft.bin.gz"))


def test_fasttext_knows_parts_of_words(tmp_path, fasttext_model, caplog):
    caplog.set_level("INFO", "spacy.music_query")
    save_facebook_model(fasttext_model, str(tmp_path / "ft.bin"))
    _, component, _ = initialized(load_char_vectors(tmp_path / "ft.bin"))
    assert np.allclose(row(component, "听"), fasttext_model.wv["听"])
    assert "杰" not in fasttext_model.wv.key_to_index
    assert np.allclose(row(component, "杰"), fasttext_model.wv["杰"])
    assert row(component, "杰").any()
    assert "of them from parts of words" in caplog.text


def test_characters_that_fasttext_has_no_part_of(tmp_path):
    model = FastText(
        [["我", "听"]] * 9, vector_size=WIDTH, min_count=1, min_n=5, max_n=5, workers=1
    )
    save_facebook_model(model, str(tmp_path / "ft.bin"))
    _, component, _ = initialized(load_char_vectors(tmp_path / "ft.bin", unseen="random"))
    assert np.allclose(row(component, "听"), model.wv["听"])
    assert row(component, "杰").any()  # drawn, as the setting says


def test_fasttext_text_file(tmp_path, fasttext_model):
    fasttext_model.wv.save_word2vec_format(str(tmp_path / "ft.vec"))
    _, component, _ = initialized(load_char_vectors(tmp_path / "ft.vec"))
    assert np.allclose(row(component, "听"), fasttext_model.wv["听"], atol=1e-6)
    assert not row(component, "杰").any()


def test_broken_fasttext_file(tmp_path, fasttext_model):
    path = tmp_path / "ft.bin"
    save_facebook_model(fasttext_model, str(path))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"MQ031.*fastText"):
        initialized(load_char_vectors(path))


def test_pickles_are_not_read(tmp_path, fasttext_model):
    fasttext_model.wv.save(str(tmp_path / "native.kv"))
    with pytest.raises(ValueError, match=r"MQ031.*pickle.*save_word2vec_format"):
        initialized(load_char_vectors(tmp_path / "native.kv"))


def test_wide_vectors_are_projected_whatever_their_format(tmp_path):
    vectors = {char: np.eye(20)[i] for i, char in enumerate("我想听周杰伦的晴天")}
    path = write_vectors(tmp_path / "v.txt", vectors, width=20)
    _, component, _ = initialized(load_char_vectors(path))
    rows = np.stack([row(component, char) for char in vectors])
    assert np.allclose(rows.mean(axis=0), 0.0, atol=1e-5) and rows.any()
