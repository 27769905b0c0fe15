"""Kill a process that saves a pipeline, at random moments: what is left must be the pipeline
from before or the one that was being saved.

python -m stress.kills --kills 200

A process saves two pipelines to one directory in turn, by `spacy_musicquery.save`, again
and again. After each kill the directory is loaded. The same is done with a component's
own directory and its `to_disk`.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, NoReturn, Tuple

import spacy
from spacy.language import Language
from tqdm import tqdm

from spacy_musicquery import save

from .common import (
    Found,
    component_of,
    found_in,
    make_box,
    make_messages,
    make_variant,
    report,
)

# Seconds until a kill, at most. A save takes a part of that.
MAX_DELAY = 1.0


def _save_forever(
    pipelines: List[Language], path: Path, save_one: Callable[[Language, Path], Any]
) -> NoReturn:
    parent = os.getppid()
    try:
        while os.getppid() == parent:  # no longer than whoever kills this one
            for nlp in pipelines:
                save_one(nlp, path)
    finally:
        os._exit(1)


def save_component(nlp: Language, path: Path) -> None:
    """Save the component alone."""
    component_of(nlp).to_disk(path, exclude=["vocab"])


def load_component(path: Path) -> Language:
    """RETURNS (Language): A pipeline of a component that was saved alone."""
    nlp = make_box()
    component_of(nlp).from_disk(path, exclude=["vocab"])
    return nlp


def state_of(nlp: Language) -> Tuple[List[Found], float, int]:
    """RETURNS (Tuple[List[Found], float, int]): What a pipeline finds, its threshold, and the
    number of its names: exactly one of two pipelines has it."""
    component = component_of(nlp)
    n_names = sum(map(len, component.catalogue.values()))
    found = [found_in(doc) for doc in nlp.pipe(make_messages(30))]
    return found, component.cfg["threshold"], n_names


def kill_saves(
    pipelines: List[Language],
    n_kills: int,
    *,
    save_one: Callable[[Language, Path], Any],
    load_one: Callable[[Path], Language],
    max_delay: float = MAX_DELAY,
    seed: int = 0,
) -> Tuple[Dict[str, int], List[str]]:
    """Kill a process that saves, and load what it leaves, again and again.

    pipelines (List[Language]): Two pipelines.
    n_kills (int): How often.
    save_one (Callable): Saves one to a directory.
    load_one (Callable): Loads it.
    max_delay (float): Seconds until a kill, at most.
    seed (int): Seeds the moments.
    RETURNS (Tuple[Dict[str, int], List[str]]): How often each of the two was there, how often
        a save was cut off in the middle; and what was wrong.
    """
    rng = random.Random(seed)
    states = [state_of(nlp) for nlp in pipelines]
    assert states[0] != states[1]
    counts = {"kills": 0, "the first": 0, "the second": 0, "in the middle of a save": 0}
    wrong: List[str] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline"
        save_one(pipelines[0], path)
        for _ in tqdm(range(n_kills), unit=" kills"):
            child = os.fork()
            if child == 0:
                _save_forever(pipelines, path, save_one)
            time.sleep(rng.random() * max_delay)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            counts["kills"] += 1
            counts["in the middle of a save"] += len(list(Path(folder).iterdir())) > 1
            try:
                state = state_of(load_one(path))
                which = states.index(state)
                counts["the second" if which else "the first"] += 1
            except ValueError as error:  # it does not load, or is neither of both
                wrong.append(str(error)[:200])
        save_one(pipelines[0], path)
        left = [p.name for p in Path(folder).iterdir() if p != path]
        if left:
            wrong.append(f"leftovers: {left}")
    return counts, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    pipelines = [make_box(), make_variant()]
    ways = {
        "pipeline": (save, spacy.load, options.kills),
        "component": (save_component, load_component, options.kills // 2),
    }
    shown: Dict[str, object] = {}
    failures: List[str] = []
    for name, (save_one, load_one, n_kills) in ways.items():
        counts, wrong = kill_saves(
            pipelines, n_kills, save_one=save_one, load_one=load_one, seed=options.seed
        )
        shown.update({f"{name}: {what}": n for what, n in counts.items()})
        shown[f"{name}: wrong"] = len(wrong)
        failures += wrong
    return report(shown, started, failures)


if __name__ == "__main__":
    sys.exit(main())
