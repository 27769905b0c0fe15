"""Saved components: written whole or not at all, and read with clear errors."""

import shutil
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List

import srsly
from thinc.api import Model

from .architectures import get_shim
from .errors import Errors, SavedModelError
from .types import Emissions


@contextmanager
def replaced_directory(path: Path) -> Iterator[Path]:
    """Fill a directory that takes another's place only when it is complete.

    path (Path): The directory to make or replace.
    YIELDS (Path): An empty directory beside it, to be filled. If filling it raises,
        it is removed and `path` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new, old = (path.parent / f".{path.name}-{uuid.uuid4().hex}" for _ in range(2))
    new.mkdir()
    try:
        yield new
        if path.exists():
            path.rename(old)
        new.rename(path)
    except BaseException:
        if old.exists() and not path.exists():
            old.rename(path)
        raise
    finally:
        for leftover in (new, old):
            shutil.rmtree(leftover, ignore_errors=True)


def read_bytes(path: Path, component: str) -> bytes:
    """Read one file of a saved component.

    path (Path): The file.
    component (str): The component's name, for the error.
    RETURNS (bytes): Its content.
    RAISES (SavedModelError): If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        problem = f"the file '{path.name}' cannot be read ({error.strerror})"
        raise SavedModelError(
            Errors.MQ020.format(name=component, path=path.parent, problem=problem)
        ) from error


def read_settings(data: bytes, component: str) -> Dict[str, Any]:
    """Read a component's saved settings.

    data (bytes): JSON.
    component (str): The component's name, for the error.
    RETURNS (Dict[str, Any]): The settings; the labels are among them.
    RAISES (SavedModelError): If they are damaged.
    """
    try:
        settings = srsly.json_loads(data)
    except ValueError as error:
        raise SavedModelError(
            Errors.MQ021.format(name=component, problem=f"its settings: {error}")
        ) from error
    if not isinstance(settings, dict) or not _is_str_list(settings.get("labels")):
        problem = "its settings hold no list of labels"
        raise SavedModelError(Errors.MQ021.format(name=component, problem=problem))
    return settings


def load_model(
    model: Model[List[str], Emissions], data: bytes, *, component: str, n_tags: int
) -> None:
    """Load a model's weights and inventory.

    model (Model[List[str], Emissions]): The model to load into.
    data (bytes): What `model.to_bytes` returned.
    component (str): The component's name, for the error.
    n_tags (int): The number of tags that the component's labels make.
    RAISES (SavedModelError): If the data are damaged or do not fit.
    """
    try:
        model.from_bytes(data)
        sizes = get_shim(model).sizes
        n_chars = len(model.attrs["inventory"])
    except SavedModelError:
        raise
    except Exception as error:  # whatever msgpack and thinc make of damaged bytes
        problem = f"{type(error).__name__}: {error}"
        raise SavedModelError(
            Errors.MQ021.format(name=component, problem=problem)
        ) from error
    if sizes is not None and (sizes.n_chars, sizes.n_tags) != (n_chars, n_tags):
        problem = (
            f"its weights are for {sizes.n_chars} characters and {sizes.n_tags} tags, "
            f"its inventory has {n_chars} and its labels make {n_tags}"
        )
        raise SavedModelError(Errors.MQ021.format(name=component, problem=problem))


def _is_str_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
