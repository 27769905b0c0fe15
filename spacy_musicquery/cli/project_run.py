"""What `spacy project run` does not say of this project: that a variable is misspelt, which it
takes as a new one, and that steps at the end need what is not installed."""

import sys
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Tuple

import srsly
import typer

from ..errors import Errors

_VARS = "--vars."
_OURS = "spacy music-query"
_TRAINING = "spacy train"


def check_project_run(arguments: Sequence[str]) -> None:
    """Stop `spacy project run` where it would go wrong later. Every command of spaCy's imports
    this package's: other commands, and projects without a step of ours, are left alone.

    arguments (Sequence[str]): What the process was called with, `sys.argv`.
    RAISES (SystemExit): If a variable is unknown, or the training extra is missing.
    """
    if list(arguments[1:3]) != ["project", "run"]:
        return
    places, variables = _parse(arguments[3:])
    path = Path(places[1] if len(places) > 1 else ".") / "project.yml"
    try:
        project = srsly.read_yaml(path)
        scripts = _scripts(project, places[0])
        known = list(project.get("vars", {}))
    except Exception:  # spaCy says what is wrong with a project, or with what is run of it
        return
    if not any(
        _OURS in line
        for command in project["commands"]
        for line in command.get("script", [])
    ):
        return
    for name in variables:
        if name not in known:
            near = get_close_matches(name, known, n=1) or known
            _stop(Errors.MQ312.format(path=path, name=name, known=", ".join(near)))
    if any(_TRAINING in line for line in scripts) and not find_spec("tensorflow"):
        _stop(Errors.MQ313.format(run=places[0]))


def _parse(arguments: Sequence[str]) -> Tuple[List[str], List[str]]:
    """What is run and where; and the names of the variables that are set."""
    places, variables = [], []
    rest = iter(arguments)
    for argument in rest:
        if argument.startswith(("--vars.", "--env.")):
            name, is_joined, _ = argument.partition("=")
            if name.startswith(_VARS):
                variables.append(name[len(_VARS) :])
            if not is_joined:
                next(rest, None)
        elif not argument.startswith("-"):
            places.append(argument)
    return places, variables


def _scripts(project: Dict[str, Any], name: str) -> List[str]:
    """The lines that are run of a command or workflow."""
    steps = project.get("workflows", {}).get(name, [name])
    return [line for step in _commands(project, steps) for line in step.get("script", [])]


def _commands(project: Dict[str, Any], names: Sequence[str]) -> Iterator[Dict[str, Any]]:
    return (command for command in project["commands"] if command["name"] in names)


def _stop(message: str) -> None:
    typer.echo(f"✘ {message}", err=True)
    sys.exit(1)
