"""Load damaged pipelines: each must give a clear error, in little memory and time.

python -m stress.damage

Each kind of damage is done to a copy, which a process of its own loads, as a pipeline and
into a component that works already, and must go on working.
"""

import argparse
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

import spacy
from spacy.language import Language
from tqdm import tqdm

from .common import component_of, found_in, make_box, make_messages, make_variant, report
from .damages import DAMAGES, HARMLESS, SENTINEL, Damage

MAX_GROWTH_MB = 200
MAX_CPU_SECONDS = 60
MAX_SECONDS = 600


class Outcome(Dict[str, Any]):
    """What came of a damage: "errors" of both ways to load, what is "wrong", and "growth"
    of the memory in MB."""


def try_damage(nlp: Language, saved: Path, other: Path, damage: Damage) -> Outcome:
    """Do a damage to a copy of a pipeline, and load that in another process.

    nlp (Language): A pipeline that works, of the same component.
    saved (Path): A saved pipeline.
    other (Path): Another one.
    damage (Callable): Does it.
    RETURNS (Outcome): What came of it.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline"
        shutil.copytree(saved, path)
        damage(path / "music_query", other / "music_query")
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            _run_child(nlp, path, writer)
        os.close(writer)
        with os.fdopen(reader) as stream:
            answer = stream.read()
        _, status = os.waitpid(child, 0)
    if not answer:
        return Outcome(errors=[], growth=0.0, wrong=[f"the process died: {status}"])
    return Outcome(json.loads(answer))


def _run_child(nlp: Language, path: Path, writer: int) -> None:
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(MAX_SECONDS)
        used = int(resource.getrusage(resource.RUSAGE_SELF).ru_utime)
        resource.setrlimit(resource.RLIMIT_CPU, (used + MAX_CPU_SECONDS,) * 2)
        outcome = _load(nlp, path)
        os.write(writer, json.dumps(outcome).encode())
    finally:
        os._exit(0)


def _load(nlp: Language, path: Path) -> Outcome:
    texts = list(make_messages(20))
    component = component_of(nlp)
    expected = [found_in(doc) for doc in nlp.pipe(texts)]
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _memory_mb("VmRSS")
    errors: List[Optional[str]] = []
    wrong: List[str] = []
    for load in (
        lambda: component.from_disk(path / "music_query", exclude=["vocab"]),
        lambda: spacy.load(path),
    ):
        try:
            load()
            errors.append(None)
        except ValueError as error:
            errors.append(str(error))
        except BaseException as error:
            wrong.append(f"{type(error).__name__}: {error}")
    growth = _memory_mb("VmHWM") - before
    if growth > MAX_GROWTH_MB:
        wrong.append(f"it took {growth:.0f} MB")
    if (path / "music_query" / SENTINEL).exists():
        wrong.append("code was run")
    if [found_in(doc) for doc in nlp.pipe(texts)] != expected:
        wrong.append("the component that had been loaded finds something else")
    return Outcome(errors=errors, growth=growth, wrong=wrong)


def _memory_mb(what: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what + ":"):
            return int(line.split()[1]) / 1e3
    raise ValueError(what)


def is_clear(error: Optional[str]) -> bool:
    """RETURNS (bool): Whether an error is one of ours, and says where it is from."""
    return error is not None and error.startswith("[MQ") and "music_query" in error


def run_damages(
    damages: Dict[str, Damage], is_harmless: bool = False
) -> Dict[str, Outcome]:
    """Try kinds of damage.

    damages (Dict[str, Callable]): By name.
    is_harmless (bool): Whether what is damaged must load as if nothing had been.
    RETURNS (Dict[str, Outcome]): What came of each.
    """
    outcomes: Dict[str, Outcome] = {}
    nlp = make_box()
    with tempfile.TemporaryDirectory() as folder:
        saved, other = Path(folder) / "saved", Path(folder) / "other"
        nlp.to_disk(saved)
        make_variant().to_disk(other)
        for name, damage in tqdm(damages.items(), unit=" damages"):
            outcome = outcomes[name] = try_damage(nlp, saved, other, damage)
            for error in outcome["errors"]:
                if is_harmless and error is not None:
                    outcome["wrong"].append(f"it does not load: {error}")
                # The config is no business of a component that is loaded by itself.
                elif not is_harmless and error is None and not name.startswith("config"):
                    outcome["wrong"].append("it loads")
                elif not is_harmless and error is not None and not is_clear(error):
                    outcome["wrong"].append(f"the error is not clear: {error}")
            if not is_harmless and not any(outcome["errors"]):
                outcome["wrong"].append("no error")
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="damages whose name contains this")
    parser.add_argument("--show", action="store_true", help="print every error")
    options = parser.parse_args()
    started = time.monotonic()
    chosen = {name: d for name, d in DAMAGES.items() if options.only in name}
    outcomes = run_damages(chosen)
    harmless = run_damages(HARMLESS, is_harmless=True) if not options.only else {}
    failures = [
        f"{name}: {problem}"
        for name, outcome in {**outcomes, **harmless}.items()
        for problem in outcome["wrong"]
    ]
    if options.show:
        for name, outcome in outcomes.items():
            print(f"{name}: {outcome['growth']:.1f} MB\n  {outcome['errors'][-1:]}")
    counts = {
        "kinds of damage": len(outcomes),
        "clear errors": sum(not outcome["wrong"] for outcome in outcomes.values()),
        "ignored, as it must be": sum(
            not outcome["wrong"] for outcome in harmless.values()
        ),
        "most memory": f"{max(outcome['growth'] for outcome in outcomes.values()):.0f} MB",
    }
    return report(counts, started, failures)


if __name__ == "__main__":
    sys.exit(main())
