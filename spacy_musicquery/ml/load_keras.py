"""Imports the Keras networks when training starts, or says what is missing."""

import os
import re
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Iterator

from ..errors import Errors

# What there is where TensorFlow may find a GPU: NVIDIA's, AMD's, and that of a Windows host.
_GPU_DEVICES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/kfd", "/dev/dxg")
# What TensorFlow says of itself, before it can be told not to.
_GREETING = re.compile(rb"[IWE]\d{4} |WARNING: All log messages before absl")


def network_module(component: str) -> Any:
    """Import the Keras network.

    component (str): The component's name, for the error.
    RETURNS (Any): The module `keras_network`.
    RAISES (ImportError): Without the training extra, or on another Keras backend.
    """
    _require_keras(component)
    from . import keras_network

    return keras_network


def language_model_module(component: str) -> Any:
    """Import the Keras network that predicts characters.

    component (str): Who needs it, for the error.
    RETURNS (Any): The module `keras_language_model`.
    RAISES (ImportError): As `network_module`.
    """
    _require_keras(component)
    from . import keras_language_model

    return keras_language_model


def _require_keras(component: str) -> None:
    # TensorFlow greets every process with a page about CPU instructions, and where there is
    # no GPU it reports that as an error, in the middle of the first training step.
    has_gpu = any(Path(device).exists() for device in _GPU_DEVICES)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2" if has_gpu else "3")
    # The operations are small: sharing them among threads costs more than it saves.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    try:
        with _greeting_left_out(not has_gpu):
            import keras
            import tensorflow  # noqa: F401
    except ImportError as error:
        module = getattr(error, "name", None) or "tensorflow"
        raise ImportError(
            Errors.MQ001.format(name=component, module=module, error=error)
        ) from error
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise ImportError(Errors.MQ002.format(name=component, backend=backend))


@contextmanager
def _greeting_left_out(wanted: bool) -> Iterator[None]:
    """Leave TensorFlow's greeting out of standard error: its libraries write it there
    themselves, whatever Python's `sys.stderr` is. All else is written when the block ends."""
    try:
        stderr = sys.__stderr__.fileno() if wanted and sys.__stderr__ else None
    except (OSError, ValueError):  # closed, or no file
        stderr = None
    if stderr is None:
        yield
        return
    kept = os.dup(stderr)
    with TemporaryFile() as file:
        os.dup2(file.fileno(), stderr)
        try:
            yield
        finally:
            os.dup2(kept, stderr)
            os.close(kept)
            file.seek(0)
            for line in file:
                if not _GREETING.match(line):
                    os.write(stderr, line)
