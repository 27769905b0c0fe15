import numpy as np
import pytest
import spacy
from gensim.models import KeyedVectors
from thinc.api import Adam
from typer.testing import CliRunner

from spacy_musicquery.cli import app
from spacy_musicquery.vectors.char_vectors import load_char_vectors

from ..conftest import FROM_SCRATCH, make_examples

WIDTH = 6


def write_vectors(path, vectors, binary=False, width=WIDTH):
    keyed = KeyedVectors(width)
    keyed.add_vectors(list(vectors), [np.asarray(v, "f") for v in vectors.values()])
    keyed.save_word2vec_format(str(path), binary=binary)
    return path


def initialized(char_vectors, width=WIDTH):
    nlp = spacy.blank("zh")
    config = {**FROM_SCRATCH, "model": {"embed_width": width}}
    component = nlp.add_pipe("music_query", config=config)
    examples = make_examples(nlp)
    component.initialize(lambda: examples, nlp=nlp, char_vectors=char_vectors)
    return nlp, component, examples


def embedding(component):
    return component.model.shims[0].arrays["embedding"]


def row(component, char):
    return embedding(component)[component.parameters.characters.chars.index(char) + 2]


@pytest.mark.parametrize(
    "binary,name", [(True, "v.bin"), (False, "v.txt"), (True, "v.w2v")]
)
def test_vectors_become_the_embedding(tmp_path, binary, name):
    vectors = {"听": np.arange(WIDTH) / 4, "歌": np.ones(WIDTH), "鲸": np.zeros(WIDTH)}
    path = write_vectors(tmp_path / name, vectors, binary)
    explicit = binary if name == "v.w2v" else None
    loader = load_char_vectors(path, binary=explicit)
    _, component, _ = initialized(loader)
    assert row(component, "听").tolist() == vectors["听"].tolist()
    assert row(component, "歌").tolist() == [1.0] * WIDTH
    assert not row(component, "周").any()
    assert "鲸" not in component.parameters.characters.chars


def test_characters_without_a_vector_may_start_at_random(tmp_path):
    path = write_vectors(tmp_path / "v.txt", {"听": np.ones(WIDTH)})
    _, component, _ = initialized(load_char_vectors(path, unseen="random"))
    assert row(component, "周").any()
    assert row(component, "听").tolist() == [1.0] * WIDTH


@pytest.mark.parametrize("trainable", [True, False])
def test_frozen_or_trained_on(tmp_path, trainable):
    path = write_vectors(tmp_path / "v.txt", {"听": np.ones(WIDTH), "我": -np.ones(WIDTH)})
    nlp, component, examples = initialized(load_char_vectors(path, trainable=trainable))
    before = embedding(component).copy()
    optimizer = Adam(0.01)
    for _ in range(5):
        nlp.update(examples, sgd=optimizer, drop=0.2)
    assert np.array_equal(embedding(component), before) == (not trainable)

    nlp.to_disk(tmp_path / "saved")
    path.unlink()
    loaded = spacy.load(tmp_path / "saved")
    again = loaded.get_pipe("music_query")
    assert np.array_equal(embedding(again), embedding(component))
    for _ in range(2):
        loaded.update(make_examples(loaded), sgd=Adam(0.01))
    assert np.array_equal(embedding(again), embedding(component)) == (not trainable)


def test_coverage_and_parameters_are_reported(tmp_path, caplog):
    caplog.set_level("INFO", "spacy.music_query")
    path = write_vectors(tmp_path / "v.txt", {"听": np.ones(WIDTH)})
    _, component, _ = initialized(load_char_vectors(path, trainable=False))
    n_chars = len(component.parameters.characters.chars)
    printed = caplog.text
    assert f"1 of {n_chars} characters" in printed
    n_frozen = (n_chars + 2) * WIDTH
    assert f"{n_frozen} frozen" in printed.replace(",", "")


def test_no_path_no_vectors():
    assert load_char_vectors(None) is None


def test_missing_file(tmp_path):
    with pytest.raises(ValueError, match=r"MQ030.*none.txt.*music-query vectors"):
        initialized(load_char_vectors(tmp_path / "none.txt"))


@pytest.mark.parametrize("name", ["v.txt", "v.bin"])
@pytest.mark.parametrize(
    "content", [b"", b"not vectors\n", b"2 6\n\xff\xfe\x00", b"9 6\nx 1 2"]
)
def test_broken_file(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=r"MQ031.*word2vec format"):
        initialized(load_char_vectors(tmp_path / name))


def test_wrong_width(tmp_path):
    path = write_vectors(tmp_path / "v.txt", {"听": np.ones(3)}, width=3)
    with pytest.raises(ValueError, match=r"MQ032.*3 wide.*embed_width is 6"):
        initialized(load_char_vectors(path))


def test_vectors_of_other_characters(tmp_path):
    path = write_vectors(tmp_path / "v.txt", {"hello": np.ones(WIDTH)})
    with pytest.raises(ValueError, match="MQ033"):
        initialized(load_char_vectors(path))


def test_vectors_that_are_not_finite(tmp_path):
    path = write_vectors(tmp_path / "v.txt", {"听": np.full(WIDTH, np.nan)})
    with pytest.raises(ValueError, match=r"MQ034.*'听'"):
        initialized(load_char_vectors(path))


@pytest.mark.parametrize("name", ["vectors.bin", "vectors.txt"])
def test_vectors_command(tmp_path, name):
    text = tmp_path / "chat.txt"
    text.write_text("我想听歌\n今天　天气 ＡBC\n" * 20, encoding="utf8")
    out = tmp_path / "out" / name

    def run(path, *options):
        args = ["vectors", str(text), "--out", str(path), "--width", "6", *options]
        result = CliRunner().invoke(app, args)
        assert result.exit_code == 0, result.output
        return KeyedVectors.load_word2vec_format(str(path), binary=path.suffix == ".bin")

    vectors = run(out)
    assert set(vectors.index_to_key) == set("我想听歌今天气abc")
    again = run(tmp_path / f"again-{name}")
    assert np.array_equal(vectors.vectors, again.vectors)
    _, component, _ = initialized(load_char_vectors(out))
    assert np.allclose(row(component, "听"), vectors["听"])


def test_vectors_command_without_text(tmp_path):
    (tmp_path / "empty.txt").write_text("\n \n")
    out = tmp_path / "v.bin"
    result = CliRunner().invoke(app, ["vectors", str(tmp_path), "--out", str(out)])
    assert result.exit_code == 1 and not out.exists()
    assert "MQ035" in result.output
    result = CliRunner().invoke(app, ["vectors", str(tmp_path / "no"), "--out", str(out)])
    assert result.exit_code == 1 and "MQ054" in result.output
