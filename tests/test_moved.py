"""Import paths of version 0.1.0 go on working, and say where to look now."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from spacy_musicquery._moved import MOVED, RENAMED

NAMES = json.loads(
    (Path(__file__).parent / "saved" / "0.1.0" / "names.json").read_text(encoding="utf8")
)
# What extracted with ONNX Runtime, and a short text in another way than many.
GONE_MODULES = {"onnx_graph", "onnx_proto", "onnx_session", "short_text"}
GONE = {"MAX_PREDICT_CHARS", "MAX_PREDICT_PADDING", "MANY_TEXTS", "ONE_LABEL", "Rows"}


@pytest.mark.parametrize("old", sorted(NAMES.keys() - GONE_MODULES))
def test_every_public_name_is_found_by_its_old_path(old):
    module = importlib.import_module(f"spacy_musicquery.{old}")
    for name in NAMES[old]:
        if name in GONE or name in vars(module):  # `errors` has not moved
            continue
        new_name = RENAMED.get((old, name), name)
        said = rf"\.{old}\.{name} is now \S+\.{new_name}"
        with pytest.warns(DeprecationWarning, match=said):
            found = getattr(module, name)
        modules = [importlib.import_module(f"spacy_musicquery.{m}") for m in MOVED[old]]
        assert any(getattr(module, new_name, None) is found for module in modules)


def test_the_warning_points_to_the_line_that_imports():
    code = "from spacy_musicquery.component import MusicQuery\nprint(MusicQuery.__name__)"
    result = subprocess.run(
        [sys.executable, "-W", "always", "-c", code], capture_output=True, text=True
    )
    assert result.stdout == "MusicQuery\n"
    assert "<string>:1: DeprecationWarning: spacy_musicquery.component.M" in result.stderr


def test_what_was_never_there_is_not_found():
    with pytest.raises(ImportError, match=r"spacy_musicquery\.nothing"):
        importlib.import_module("spacy_musicquery.nothing")
    with pytest.raises(ImportError, match="Nothing"):
        exec("from spacy_musicquery.component import Nothing")


def test_nothing_of_ours_uses_old_paths():
    code = """
import importlib, pkgutil, spacy_musicquery
for module in pkgutil.walk_packages(spacy_musicquery.__path__, "spacy_musicquery."):
    if module.name not in {"spacy_musicquery.ml.keras_network", "spacy_musicquery.cli.try_app"}:
        importlib.import_module(module.name)
"""
    result = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:spacy_musicquery", "-c", code],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
