"""Import paths of version 0.1.0, when all modules lay in one folder: they go on working, and
say where what they had is now."""

import importlib
import sys
import warnings
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Callable, Dict, Optional, Sequence, Tuple

# Where the names of each old module are now: the first that has one.
MOVED: Dict[str, Tuple[str, ...]] = {
    "alignment": ("tokens.alignment",),
    "analysis": ("reports.error_analysis",),
    "architectures": ("ml.architectures",),
    "atomic": ("saving.atomic",),
    "augment": ("data.augment", "data.homophones"),
    "bigrams": ("features.bigrams",),
    "bio": ("decoding.bio", "decoding.emissions"),
    "cais": ("data.cais",),
    "callbacks": ("pipeline.callbacks",),
    "catalogue": ("features.catalogue",),
    "catalogue_files": ("data.catalogue_files",),
    "char_vectors": ("vectors.char_vectors",),
    "colors": ("reports.colors",),
    "component": ("pipeline.music_query",),
    "consolidation": ("training.consolidation",),
    "corpus": ("data.corpus", "data.docs"),
    "data_report": ("reports.data_report",),
    "distillation": ("training.distillation",),
    "encoder": ("vectors.encoder",),
    "encoding": ("features.characters", "features.batches"),
    "error_page": ("reports.error_page",),
    "finder": ("pipeline.query_finder",),
    "generator": ("data.generator", "data.generator_settings", "data.grammar"),
    "growth": ("ml.growth", "tokens.gold"),
    "intents": ("tokens.intents", "data.records"),
    "keras_shim": ("ml.keras_shim",),
    "layout": ("ml.shapes",),
    "learn_rates": ("ml.learn_rates",),
    "linear_chain": ("decoding.linear_chain",),
    "losses": ("training.losses",),
    "messages": ("saving.limited_msgpack",),
    "name_features": ("features.name_matches",),
    "name_hashes": ("features.name_hashes",),
    "name_index": ("features.name_index",),
    "network": ("ml.keras_network",),
    "pretrained": ("saving.pretrained",),
    "raw_text": ("data.raw_text",),
    "records": ("data.records",),
    "rehearsal": ("training.rehearsal",),
    "replay": ("data.replay",),
    "retokenization": ("tokens.retokenization",),
    "saved_weights": ("ml.saved_weights",),
    "saving": ("saving.sealed_files",),
    "scorer": ("pipeline.scorer",),
    "settings": ("pipeline.settings",),
    "targets": ("tokens.gold",),
    "text_lines": ("data.text_lines",),
    "tokenizer": ("tokens.tokenizer",),
    "try_page": ("cli.try_app",),
    "types": ("decoding.emissions",),
    "vector_files": ("vectors.vector_files",),
}
# What has another name now.
RENAMED: Dict[Tuple[str, str], str] = {
    ("distillation", "MAX_REMEMBERED"): "MAX_CACHED",
    ("encoder", "MAX_REMEMBERED"): "MAX_CACHED",
    ("linear_chain", "Messages"): "ForwardBackward",
}
_PACKAGE = __name__.rpartition(".")[0]


def names_of(old: str) -> Callable[[str], Any]:
    """Make the `__getattr__` of an old module, or of a new one that has its name.

    old (str): The old module, without the package.
    RETURNS (Callable): Finds what it had, by name, or raises AttributeError.
    """

    def find(name: str) -> Any:
        # The import system asks for names such as `__path__` by itself.
        if name.startswith("__"):
            raise AttributeError(name)
        return _find_moved(old, name)

    return find


def _find_moved(old: str, name: str) -> Any:
    new_name = RENAMED.get((old, name), name)
    for new in MOVED[old]:
        module = importlib.import_module(f"{_PACKAGE}.{new}")
        found = getattr(module, new_name, None)
        if found is not None and not isinstance(found, ModuleType):
            message = f"{_PACKAGE}.{old}.{name} is now {_PACKAGE}.{new}.{new_name}"
            # Past both functions.
            warnings.warn(message, DeprecationWarning, stacklevel=3)
            return found
    raise AttributeError(f"module {_PACKAGE}.{old!r} has no attribute {name!r}")


class MovedFinder(MetaPathFinder, Loader):
    """Finds the old modules, of which each name is looked up when it is asked for."""

    def find_spec(
        self, fullname: str, path: Optional[Sequence[str]], target: Any = None
    ) -> Optional[ModuleSpec]:
        """Find an old module.

        fullname (str): Its name, with the package.
        path, target: What the import system passes, and this does not need.
        RETURNS (Optional[ModuleSpec]): How to make it; None if it is none of ours.
        """
        package, _, name = fullname.rpartition(".")
        if package != _PACKAGE or name not in MOVED:
            return None
        return ModuleSpec(fullname, self)

    def exec_module(self, module: ModuleType) -> None:
        """Let the names of a module be looked up where they are now.

        module (ModuleType): The module, empty.
        """
        old = module.__name__.rpartition(".")[2]
        module.__getattr__ = names_of(old)  # type: ignore[method-assign]


def install() -> None:
    """Find old modules from now on, after all that is there has been looked for."""
    if not any(isinstance(finder, MovedFinder) for finder in sys.meta_path):
        sys.meta_path.append(MovedFinder())
