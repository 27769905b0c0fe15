"""Imports the Keras network when training starts, or says what is missing."""

import os
from typing import Any

from ..errors import Errors


def network_module(component: str) -> Any:
    """Import the Keras network.

    component (str): The component's name, for the error.
    RETURNS (Any): The module `keras_network`.
    RAISES (ImportError): Without the training extra, or on another Keras backend.
    """
    # TensorFlow greets every process with a page about CPU instructions.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # The operations are small: sharing them among threads costs more than it saves.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    try:
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
    from . import keras_network

    return keras_network
