"""An exported tagger finds the same: with what docs/onnx.md shows, and nothing else."""

import re
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from spacy_musicquery.cli import app
from spacy_musicquery.ml.onnx_export import export_onnx
from spacy_musicquery.ml.parameters import Parameters
from spacy_musicquery.pipeline.load import box_pipeline

from ..conftest import HARD_TEXTS, MESSAGES

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

TEXTS = [
    *(text for text, _ in MESSAGES),
    *HARD_TEXTS,
    "播放周杰伦的晴天和林俊杰的江南",
    "play a song by Coldplay, 聽周杰倫",
    "来一首Hey Jude吧 放running",
]


@pytest.fixture(scope="module")
def reader(request):
    """The reader in the docs."""
    page = (request.config.rootpath / "docs" / "onnx.md").read_text(encoding="utf8")
    code = re.findall(r"```python\n(import .*?)```", page, re.DOTALL)
    namespace = {}
    exec(code[0], namespace)
    return namespace["MusicQueries"]


def export(component, path):
    path.write_bytes(export_onnx(component.parameters, component.name))
    return path


def assert_finds_the_same(component, exported, texts):
    predictions = component.find(texts)
    for text, (spans, _) in zip(texts, predictions):
        assert exported.find(text) == [span[:3] for span in spans], text
    return sum(len(spans) for spans, _ in predictions)


def test_the_box_finds_the_same(reader, tmp_path):
    result = CliRunner().invoke(app, ["export-onnx", "--out", str(tmp_path / "box.onnx")])
    assert result.exit_code == 0, result.output
    component = box_pipeline().get_pipe("music_query")
    component.cfg["listen_threshold"] = None
    exported = reader(str(tmp_path / "box.onnx"))
    assert assert_finds_the_same(component, exported, TEXTS) >= 5
    # The probabilities of intents, too.
    text = "我想听周杰伦的晴天"
    of_chars = exported.rows(text)
    rows = np.zeros((1, len(text), max(map(len, of_chars))), dtype="int64")
    for i, of_char in enumerate(of_chars):
        rows[0, i, : len(of_char)] = of_char
    inputs = {"rows": rows, "lengths": np.array([len(text)], dtype="int32")}
    (logits,) = exported.session.run(["intents"], inputs)[0]
    weights = np.exp(logits - logits.max())
    expected = component.find([text])[0].cats
    assert list(expected) == exported.data["intents"]
    assert weights / weights.sum() == pytest.approx(list(expected.values()), abs=1e-4)


def test_a_pipeline_of_several_labels_finds_the_same(reader, trained, tmp_path):
    component = trained.get_pipe("music_query")
    exported = reader(str(export(component, tmp_path / "trained.onnx")))
    assert assert_finds_the_same(component, exported, TEXTS) >= 5


def test_texts_together_are_as_alone(reader, trained, tmp_path):
    component = trained.get_pipe("music_query")
    exported = reader(str(export(component, tmp_path / "trained.onnx")))
    texts = [text for text in TEXTS if text]
    of_texts = [exported.rows(text) for text in texts]
    n = max(len(row) for rows in of_texts for row in rows)
    padded = np.zeros((len(texts), max(map(len, texts)), n), dtype="int64")
    for text, rows in zip(padded, of_texts):
        for place, row in zip(text, rows):
            place[: len(row)] = row
    lengths = np.array([len(text) for text in texts], dtype="int32")
    (together,) = exported.session.run(["emissions"], {"rows": padded, "lengths": lengths})
    expected = component.emissions(texts)
    rows = np.concatenate([row[:n] for row, n in zip(together, lengths)])
    assert np.abs(rows - expected.data).max() < 1e-4


def test_what_cannot_be_exported_is_said(trained, tmp_path):
    parameters = trained.get_pipe("music_query").parameters
    with_encoder = parameters.replace(sizes=parameters.sizes._replace(context_width=4))
    with pytest.raises(ValueError, match=r"\[MQ201\] q: "):
        export_onnx(with_encoder, "q")
    with pytest.raises(ValueError, match=r"\[MQ004\] q: "):
        export_onnx(Parameters(parameters.characters), "q")


def test_without_the_extra_the_command_says_what_to_install(tmp_path):
    code = """
import sys
sys.modules["onnx"] = None
from spacy_musicquery.cli import app
app(["export-onnx", "--out", sys.argv[1]])
"""
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "box.onnx")],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert (
        "[MQ202]" in result.stderr
        and 'pip install "spacy-musicquery[onnx]"' in result.stderr
    )
    assert not (tmp_path / "box.onnx").exists()
