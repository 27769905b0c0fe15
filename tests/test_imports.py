"""TensorFlow is for training: nothing else may import it, nor what it brings."""

import os
import subprocess
import sys

import pytest

HEAVY = ["tensorflow", "keras", "gensim", "onnx", "onnxruntime"]
# What tables, clusters and the service need, and messages do not.
EXTRAS = ["pyarrow", "fastapi", "uvicorn", "prometheus_client", "ray", "pyspark"]

REPORT = f"""
import sys
heavy = [name for name in {HEAVY!r} if name in sys.modules]
print("HEAVY", heavy)
"""


def run(code, *args, **env):
    result = subprocess.run(
        [sys.executable, "-c", code + REPORT, *map(str, args)],
        capture_output=True,
        text=True,
        env={**os.environ, **env},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize(
    "code",
    [
        "import spacy_musicquery",
        "import spacy_musicquery.pipeline.music_query, spacy_musicquery.cli",
        "import spacy; spacy.blank('zh')",
        "import spacy; spacy.blank('zh').add_pipe('music_query')",
        "import spacy, sys; spacy.load(sys.argv[1])",
    ],
)
def test_nothing_heavy_before_the_first_message(code, trained_path):
    assert "HEAVY []" in run(code, trained_path)


def test_messages_need_no_extra(trained_path):
    printed = run(
        f"""
import sys
from spacy_musicquery.cli import app
app(["extract", "听歌", "--model", sys.argv[1]], standalone_mode=False)
print("EXTRAS", [name for name in {EXTRAS!r} if name in sys.modules])
""",
        trained_path,
    )
    assert "EXTRAS []" in printed


USE = """
import sys, spacy
from spacy.training import Example
nlp = spacy.load(sys.argv[1])
doc = nlp("我想听周杰伦的晴天")
print("FOUND", [ent.text for ent in doc.ents])
assert [d.text for d in nlp.pipe(["听歌", "你好"])] == ["听歌", "你好"]
reference = nlp("我想听周杰伦的晴天")
nlp.evaluate([Example(nlp.make_doc(reference.text), reference)])
nlp.get_pipe("music_query").tag_probabilities([doc])
nlp.to_disk(sys.argv[2])
nlp.from_bytes(nlp.to_bytes())
assert [e.text for e in spacy.load(sys.argv[2])(doc.text).ents] == [e.text for e in doc.ents]
"""


def test_extracting_scoring_and_saving_need_nothing_heavy(trained_path, tmp_path):
    printed = run(USE, trained_path, tmp_path / "again")
    assert "FOUND ['周杰伦的晴天']" in printed
    assert "HEAVY []" in printed


WITHOUT_TRAIN = f"""
import sys
class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {HEAVY!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)
sys.meta_path.insert(0, NotInstalled())
"""


def test_everything_but_training_works_without_the_training_extra(trained_path, tmp_path):
    printed = run(WITHOUT_TRAIN + USE, trained_path, tmp_path / "again")
    assert "FOUND ['周杰伦的晴天']" in printed


@pytest.mark.parametrize(
    "action",
    [
        "nlp.initialize(lambda: [example])",
        "nlp.update([example], sgd=nlp.resume_training())",
    ],
)
def test_training_without_the_extra_says_what_to_install(action, trained_path):
    code = f"""
import spacy
from spacy.training import Example
nlp = spacy.load(sys.argv[1])
reference = nlp("我想听周杰伦的晴天")
example = Example(nlp.make_doc(reference.text), reference)
try:
    {action}
except ImportError as error:
    print(error)
print("FOUND", [ent.text for ent in nlp(reference.text).ents])
"""
    printed = run(WITHOUT_TRAIN + code, trained_path)
    assert "FOUND ['周杰伦的晴天']" in printed  # and it goes on working
    assert "[MQ001]" in printed and 'pip install "spacy-musicquery[train]"' in printed


def test_another_keras_backend_is_refused(trained_path):
    code = """
import spacy, sys, types
keras = types.ModuleType("keras")
keras.backend = types.SimpleNamespace(backend=lambda: "jax")
sys.modules["keras"], sys.modules["tensorflow"] = keras, types.ModuleType("tensorflow")
from spacy_musicquery.ml.architectures import build_char_bilstm
try:
    build_char_bilstm(nO=3).initialize(X=["听"])
except ImportError as error:
    print(error)
"""
    assert "[MQ002]" in run(code)
