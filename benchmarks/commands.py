"""Run the project's commands, and read what trainings leave."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = ROOT / "configs"
# Of the workflow `cais`, whose catalogue holds the names of the training messages.
TRUST_IN_NAMES = {
    "components.music_query.model.catalogue_dropout": 0.35,
    "components.music_query.model.name_dropout": 0.05,
    "components.music_query.model.name_distractors": 2.5,
}
_POOLS = ("OMP_NUM", "TF_NUM_INTRAOP", "TF_NUM_INTEROP")


def run_spacy(*args: object) -> None:
    """Run `python -m spacy` with these arguments, on one core, without its output."""
    environment = {**os.environ, **{f"{pool}_THREADS": "1" for pool in _POOLS}}
    command = [sys.executable, "-m", "spacy", *map(str, args)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)


def train(config: Path, run: Path, settings: Dict[str, object]) -> Dict[str, Any]:
    """Train, unless that has been done.

    config (Path): The config.
    run (Path): Where to.
    settings (Dict[str, object]): Settings to change, by their dotted names.
    RETURNS (Dict[str, Any]): The scores of the best checkpoint.
    """
    # spaCy saves pipelines all along: they do not tell that the training is over.
    finished = run / "finished"
    if not finished.exists():
        changes = [f"--{name}={value}" for name, value in settings.items()]
        run_spacy("train", config, "--output", run, *changes)
        finished.touch()
    meta = (run / "model-best" / "meta.json").read_text(encoding="utf8")
    return json.loads(meta)["performance"]
