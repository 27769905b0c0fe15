"""TensorFlow is quiet where there is no GPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spacy_musicquery.ml import load_keras

CODE = """
import sys
print("before", file=sys.stderr)
from spacy_musicquery.ml.load_keras import network_module
network_module("music_query")
import tensorflow
tensorflow.constant([1.0]) + 1
print("after", file=sys.stderr)
"""


@pytest.mark.skipif(
    any(Path(device).exists() for device in load_keras._GPU_DEVICES),
    reason="TensorFlow may speak of the GPU",
)
def test_a_training_begins_without_noise():
    env = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    result = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, env=env
    )
    assert result.stderr.split() == ["before", "after"]


def test_only_the_greeting_is_left_out(capfd):
    with load_keras._greeting_left_out(True):
        os.write(2, b"I0000 00:00:1 port.cc:153] oneDNN\nsomething is wrong\n")
        os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called\n")
    with load_keras._greeting_left_out(False):
        os.write(2, b"I0000 00:00:2 cuda.cc:1] a GPU\n")
    assert capfd.readouterr().err == "something is wrong\nI0000 00:00:2 cuda.cc:1] a GPU\n"
