"""Work that may crash, hang or fill the memory, done in a process of its own."""

import json
import os
import resource
import signal
import traceback
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Sequence, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
Outcome = Dict[str, Any]

# For one item, in seconds; and how much the memory may grow, in MB.
MAX_SECONDS = 60
MAX_GROWTH_MB = 400


def run_isolated(
    items: Sequence[Item], work: Callable[[Item], Outcome], unit: str
) -> List[Outcome]:
    """Do some work in a process that is made anew when it dies.

    items (Sequence[Item]): What to work on, one after the other.
    work (Callable): Returns what came of an item.
    unit (str): What an item is, for the progress bar.
    RETURNS (List[Outcome]): What came of each: what `work` returned, with the "growth" of the
        memory in MB; or "died", how the process ended, or "wrong", if it raised.
    """
    outcomes: List[Outcome] = []
    with tqdm(total=len(items), unit=f" {unit}") as progress:
        while len(outcomes) < len(items):
            reader, writer = os.pipe()
            child = os.fork()
            if not child:
                os.close(reader)
                _work_through(items[len(outcomes) :], work, writer)
            os.close(writer)
            with os.fdopen(reader) as stream:
                for line in stream:
                    outcomes.append(json.loads(line))
                    progress.update()
            _, status = os.waitpid(child, 0)
            if len(outcomes) < len(items):
                outcomes.append({"died": f"the process ended with {status}"})
                progress.update()
    return outcomes


def _work_through(items: Sequence[Any], work: Callable, writer: int) -> None:
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        limit = (_memory_mb("VmSize") + 8 * MAX_GROWTH_MB) * 1_000_000
        resource.setrlimit(resource.RLIMIT_AS, (int(limit), int(limit)))
        for item in items:
            signal.alarm(MAX_SECONDS)
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
            before = _memory_mb("VmRSS")
            try:
                outcome = work(item)
            except Exception:
                outcome = {"wrong": traceback.format_exc(limit=-3)}
            outcome["growth"] = _memory_mb("VmHWM") - before
            os.write(writer, json.dumps(outcome).encode() + b"\n")
    finally:
        os._exit(0)


def _memory_mb(what: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what + ":"):
            return int(line.split()[1]) / 1e3
    raise ValueError(what)


def count_outcomes(kinds: Iterable[str], outcomes: Iterable[Outcome]) -> Dict[str, Counter]:
    """Count what came of the items of each kind.

    kinds (Iterable[str]): The kind of each item.
    outcomes (Iterable[Outcome]): What came of each item.
    RETURNS (Dict[str, Counter]): By the kind, how often there was each "outcome".
    """
    counts: Dict[str, Counter] = {}
    for kind, outcome in zip(kinds, outcomes):
        counts.setdefault(kind, Counter())[outcome.get("outcome", "died")] += 1
    return counts


def shown_counts(counts: Dict[str, Counter]) -> Dict[str, object]:
    """Write what `count_outcomes` returned as `report` prints it.

    counts (Dict[str, Counter]): By the kind, how often there was each outcome.
    RETURNS (Dict[str, object]): The same as words, by the kind.
    """
    return {
        kind: ", ".join(f"{n:,} {outcome}" for outcome, n in of_kind.items())
        for kind, of_kind in counts.items()
    }


def failures_of(outcomes: Sequence[Outcome], names: Sequence[str]) -> List[str]:
    """List what is wrong whatever was done.

    outcomes (Sequence[Outcome]): What came of each item.
    names (Sequence[str]): What to call each.
    RETURNS (List[str]): Crashes, unexpected errors, and what took too much memory.
    """
    failures = []
    for name, outcome in zip(names, outcomes):
        for key in ("died", "wrong"):
            if outcome.get(key):
                failures.append(f"{name}: {outcome[key]}")
        if outcome.get("growth", 0) > MAX_GROWTH_MB:
            failures.append(f"{name}: it took {outcome['growth']:.0f} MB")
    return failures
