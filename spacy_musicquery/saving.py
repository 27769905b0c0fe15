"""Saved components: written whole or not at all, and read with clear errors."""

import hashlib
import shutil
import uuid
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List

import srsly
from thinc.api import Model

from .architectures import get_shim
from .encoder import FrozenEncoder
from .errors import Errors, SavedModelError
from .types import Emissions

_TRAINING_ONLY = (
    "min_count",
    "bigram_min_count",
    "char_dropout",
    "name_dropout",
    "name_distractors",
)


# A small file must not fill the memory when it is inflated.
_MAX_NAMES_BYTES = 1 << 29


@contextmanager
def complete_files(directory: Path) -> Iterator[Path]:
    """Write files to a directory only when all of them are complete. Other files
    there are left alone.

    directory (Path): Where the files go; made if need be.
    YIELDS (Path): An empty directory to write them to. If writing raises, `directory`
        stays as it was.
    """
    directory.mkdir(parents=True, exist_ok=True)
    unfinished = directory / f".{uuid.uuid4().hex}"
    unfinished.mkdir()
    try:
        yield unfinished
        for file in sorted(unfinished.rglob("*")):
            target = directory / file.relative_to(unfinished)
            if file.is_dir():
                target.mkdir(exist_ok=True)
            else:
                file.replace(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def seal(data: bytes) -> bytes:
    """data (bytes): Anything.
    RETURNS (bytes): It with a checksum in front, for `unseal`.
    """
    return hashlib.sha256(data).digest() + data


def unseal(sealed: bytes, component: str) -> bytes:
    """sealed (bytes): What `seal` returned.
    component (str): The component's name, for the error.
    RETURNS (bytes): The data.
    RAISES (SavedModelError): If they are not what was sealed.
    """
    size = hashlib.sha256().digest_size
    digest, data = sealed[:size], sealed[size:]
    if hashlib.sha256(data).digest() != digest:
        problem = "its checksum is wrong"
        raise SavedModelError(Errors.MQ021.format(name=component, problem=problem))
    return data


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
    RETURNS (Dict[str, Any]): The settings; labels and intents are among them.
    RAISES (SavedModelError): If they are damaged.
    """
    try:
        settings = srsly.json_loads(data)
    except ValueError as error:
        raise SavedModelError(
            Errors.MQ021.format(name=component, problem=f"its settings: {error}")
        ) from error
    # Pipelines from before there were intents have no list of them.
    for key, default in (("labels", None), ("intents", [])):
        if not isinstance(settings, dict) or not _is_str_list(settings.get(key, default)):
            problem = f"its settings hold no list of {key}"
            raise SavedModelError(Errors.MQ021.format(name=component, problem=problem))
    return settings


def write_names(names: Dict[str, List[str]]) -> bytes:
    """names (Dict[str, List[str]]): Names by type.
    RETURNS (bytes): What `read_names` reads: msgpack, compressed and sealed.
    """
    return seal(zlib.compress(srsly.msgpack_dumps(names), 9))


def read_names(data: bytes, component: str) -> Dict[str, List[str]]:
    """Read a component's saved catalogue.

    data (bytes): What `write_names` returned.
    component (str): The component's name, for the error.
    RETURNS (Dict[str, List[str]]): The names by type.
    RAISES (SavedModelError): If they are damaged.
    """
    try:
        inflater = zlib.decompressobj()
        message = inflater.decompress(unseal(data, component), _MAX_NAMES_BYTES)
        if not inflater.eof:
            raise ValueError("it is cut short, or larger than any catalogue")
        return srsly.msgpack_loads(message)
    except (SavedModelError, ValueError, zlib.error) as error:
        problem = "its catalogue is damaged"
        raise SavedModelError(
            Errors.MQ021.format(name=component, problem=problem)
        ) from error


def load_model(
    model: Model[List[str], Emissions],
    data: bytes,
    *,
    component: str,
    n_tags: int,
    n_intents: int,
) -> None:
    """Load a model's weights and inventory.

    model (Model[List[str], Emissions]): The model to load into.
    data (bytes): What `model.to_bytes` returned, sealed.
    component (str): The component's name, for the error.
    n_tags (int): The number of tags that the component's labels make.
    n_intents (int): The number of intents it has.
    RAISES (SavedModelError): If the data are damaged or do not fit.
    """
    training_only = {name: model.attrs[name] for name in _TRAINING_ONLY}
    try:
        model.from_bytes(unseal(data, component))
        model.attrs.update(training_only)  # the config's count, not the saved ones
        sizes = get_shim(model).sizes
        n_chars = len(model.attrs["inventory"])
        n_bigrams = len(model.attrs["bigrams"])
    except SavedModelError:
        raise
    except Exception as error:  # whatever msgpack and thinc make of damaged bytes
        problem = f"{type(error).__name__}: {error}"
        raise SavedModelError(
            Errors.MQ021.format(name=component, problem=problem)
        ) from error
    if sizes is None:
        return
    if sizes.context_width and not isinstance(model.attrs.get("encoder"), FrozenEncoder):
        raise SavedModelError(
            Errors.MQ022.format(
                name=component, setting="encoder", saved="a folder", configured=None
            )
        )
    for what, in_weights, elsewhere in (
        ("characters", sizes.n_chars, n_chars),
        ("pairs of characters", sizes.n_bigrams or 1, n_bigrams),
        ("tags", sizes.n_tags, n_tags),
        ("intents", sizes.n_intents, n_intents),
    ):
        if in_weights != elsewhere:
            problem = f"its weights are for {in_weights} {what}, but there are {elsewhere}"
            raise SavedModelError(Errors.MQ021.format(name=component, problem=problem))


def _is_str_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
