"""Where the weights are that a component begins with, and what they were made from."""

import hashlib
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional

from ..errors import Errors
from .sealed_files import read_settings_file

BOX = "box"
BOX_PATH = Path(__file__).parents[1] / "box"


def find_pretrained(pretrained: str, component: str) -> Path:
    """Find a saved component.

    pretrained (str): "box" for the one that comes with this package; or the path of a
        saved pipeline, or of a component in it.
    component (str): The name of the component that wants it, which is that of the one
        in the pipeline, unless that is called `music_query`.
    RETURNS (Path): Its directory.
    RAISES (ValueError): If there is none.
    """
    if pretrained == BOX:
        return BOX_PATH
    path = Path(pretrained)
    for candidate in (path, path / component, path / "music_query"):
        if pretrained and (candidate / "model").is_file():
            return candidate
    raise ValueError(Errors.MQ017.format(name=component, path=pretrained))


def known_labels(pretrained: Optional[str], component: str) -> Dict[str, List[str]]:
    """What a component has learnt to find, without its weights.

    pretrained (Optional[str]): See `find_pretrained`.
    component (str): The name of the component that wants it.
    RETURNS (Dict[str, List[str]]): "labels" and "intents"; nothing if there is no such
        component, since whoever loads a saved pipeline may not have what it was trained from.
    """
    if pretrained is None:
        return {}
    try:
        path = find_pretrained(pretrained, component) / "cfg"
    except ValueError:
        return {}
    settings = read_settings_file(path, component)
    return {key: settings.get(key, []) for key in ("labels", "intents")}


def make_record(
    path: Path, sources: Iterable[Path], scores: Mapping[str, Any]
) -> Dict[str, Any]:
    """A record of a saved component, by which one can tell later whether it still belongs
    to what it was made from.

    path (Path): The saved component.
    sources (Iterable[Path]): Files and folders that it was made from.
    scores (Mapping[str, Any]): How good it is.
    RETURNS (Dict[str, Any]): "sources" and "files" with their digests, and "scores".
    """
    return {
        "sources": {source.as_posix(): digest(source) for source in sources},
        "files": {name: digest(path / name) for name in ("cfg", "model", "catalogue")},
        "scores": {key: value for key, value in scores.items() if value is not None},
    }


def digest(path: Path) -> str:
    """Compute what tells a file or folder from others.

    path (Path): A file or a folder.
    RETURNS (str): The SHA-256 of its content; of a folder's files, with their names.
    """
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    total = hashlib.sha256()
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        total.update(f"{file.relative_to(path).as_posix()} {digest(file)}\n".encode())
    return total.hexdigest()
