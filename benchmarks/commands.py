"""Run the project's commands, and read what trainings leave."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import srsly

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = ROOT / "configs"
SPACY = ("-m", "spacy")
_POOLS = ("OMP_NUM", "TF_NUM_INTRAOP", "TF_NUM_INTEROP")


def trust_in_names() -> Dict[str, str]:
    """RETURNS (Dict[str, str]): The settings by which the project trusts the names of CAIS."""
    options = srsly.read_yaml(ROOT / "project.yml")["vars"]["trust_in_names"].split()
    names = (option.removeprefix("--") for option in options[::2])
    return dict(zip(names, options[1::2]))


def run_spacy(*args: object) -> None:
    """Run `python -m spacy` with these arguments, on one core, without its output."""
    run_python(*SPACY, *args)


def run_python(*args: object) -> None:
    """Run Python with these arguments, on one core, without its output."""
    environment = {**os.environ, **{f"{pool}_THREADS": "1" for pool in _POOLS}}
    command = [sys.executable, *map(str, args)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)


def train(
    config: Path, run: Path, settings: Dict[str, object], *, with_numpy: bool = False
) -> Dict[str, Any]:
    """Train, unless that has been done.

    config (Path): The config.
    run (Path): Where to.
    settings (Dict[str, object]): Settings to change, by their dotted names.
    with_numpy (bool): With `numpy_network`, in a process of its own as well.
    RETURNS (Dict[str, Any]): The scores of the best checkpoint.
    """
    # spaCy saves pipelines all along: they do not tell that the training is over.
    finished = run / "finished"
    if not finished.exists():
        changes = [f"--{name}={value}" for name, value in settings.items()]
        program = [ROOT / "benchmarks" / "numpy_network.py"] if with_numpy else SPACY
        run_python(*program, "train", config, "--output", run, *changes)
        finished.touch()
    meta = (run / "model-best" / "meta.json").read_text(encoding="utf8")
    return json.loads(meta)["performance"]
