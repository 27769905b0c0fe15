"""A long run: memory stays flat, and no thread, process or session is left behind.

python -m stress.soak --messages 1000000
python -m stress.soak --seconds 3600

New words make a pipeline's vocabulary grow, which is spaCy's way; `nlp.memory_zone()` lets
go of them. So every piece of messages, which all are new, stands in a zone. After each piece
the catalogue is another one, and after some the process forks, while a thread goes on adding
names: the child, whatever that thread was doing, must find what its parent finds.
"""

import argparse
import gc
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from spacy.language import Language
from tqdm import tqdm

from .common import (
    component_of,
    found_in,
    make_box,
    make_messages,
    other_threads,
    report,
    resident_mb,
)

PIECE = 2000
MAX_GROWTH_MB = 5.0
# The share of a run after which memory must not grow any more.
WARM_UP = 0.2
# Threads leave memory behind that others after them use: it grows with the first ones.
FORKS_TO_WARM_UP = 15
# Pieces between two forks, and seconds until a child that has not ended hangs.
BETWEEN_FORKS = 5
MAX_SECONDS = 120
# Of so many names a catalogue has, by turns.
SIZES = (0, 10, 1000, 200)


class Progress:
    """How far a run is: of so many messages, or seconds."""

    def __init__(self, n_messages: int, seconds: Optional[float]) -> None:
        self._seconds = seconds
        self._whole = float(seconds if seconds is not None else n_messages)
        self._began = time.monotonic()
        unit = " seconds" if seconds is not None else " messages"
        self._bar = tqdm(total=round(self._whole), unit=unit)
        self.n_done = 0

    def add(self, n: int) -> float:
        """n (int): Messages that are done now. RETURNS (float): The share of the run."""
        self.n_done += n
        passed = time.monotonic() - self._began
        done = self.n_done if self._seconds is None else passed
        self._bar.update(min(round(done), self._bar.total) - self._bar.n)
        return done / self._whole

    def close(self) -> None:
        """End the bar."""
        self._bar.close()


def soak(
    nlp: Language,
    n_messages: int,
    *,
    seconds: Optional[float] = None,
    changes: bool = True,
) -> Tuple[Dict[str, float], List[str]]:
    """Send messages through a pipeline.

    nlp (Language): The pipeline.
    n_messages (int): How many.
    seconds (Optional[float]): How long instead.
    changes (bool): Whether the catalogue changes meanwhile, and the process forks.
    RETURNS (Tuple[Dict[str, float], List[str]]): Messages, entities, changes of the catalogue,
        forks, the memory in MB when warm and at the end, its growth, and that of the number of
        threads; and what was wrong.
    """
    rng = random.Random(0)
    n_entities = n_changes = n_forks = n_pieces = 0
    warm_mb, warm_threads = 0.0, 0
    wrong: List[str] = []
    catalogue = component_of(nlp).catalogue
    if changes:
        wrong += [w for _ in range(FORKS_TO_WARM_UP) for w in fork_while_adding(nlp)]
    progress = Progress(n_messages, seconds)
    share = 0.0
    while share < 1.0:
        n = PIECE if seconds is not None else min(PIECE, n_messages - progress.n_done)
        # Names that no message before has had.
        texts = [f"{text}{rng.random()}" for text in make_messages(n, seed=progress.n_done)]
        with nlp.memory_zone():
            n_entities += sum(len(doc.ents) for doc in nlp.pipe(texts[n // 20 :]))
            n_entities += sum(len(nlp(text).ents) for text in texts[: n // 20])
        n_pieces += 1
        if changes:
            names = [f"乐队{rng.random()}" for _ in range(SIZES[n_pieces % len(SIZES)])]
            component_of(nlp).set_catalogue({**catalogue, "artist": names})
            n_changes += 1
            if n_pieces % BETWEEN_FORKS == 0:
                wrong += fork_while_adding(nlp)
                n_forks += 1
        share = progress.add(n)
        if not warm_threads and share >= WARM_UP:
            gc.collect()
            warm_mb, warm_threads = resident_mb(), _n_threads()
    progress.close()
    component_of(nlp).set_catalogue(catalogue)
    gc.collect()
    last_mb = resident_mb()
    n_new = _n_threads() - warm_threads
    if last_mb - warm_mb > MAX_GROWTH_MB:
        wrong.append(f"the memory grew by {last_mb - warm_mb:.1f} MB")
    if n_new > 0:
        wrong.append(f"{n_new} more threads than after the warm-up")
    wrong += [f"the thread {name} is left" for name in other_threads()]
    figures = {
        "messages": progress.n_done,
        "entities": n_entities,
        "changes": n_changes,
        "forks": n_forks,
        "warm MB": warm_mb,
        "last MB": last_mb,
        "MB": last_mb - warm_mb,
        "threads": n_new,
    }
    return figures, wrong


def fork_while_adding(nlp: Language) -> List[str]:
    """Fork while another thread adds names.

    nlp (Language): The pipeline.
    RETURNS (List[str]): What was wrong with the child: it hangs, dies or finds something else.
    """
    text = "我想听周杰伦的晴天"
    expected = found_in(nlp(text))
    done = threading.Event()

    def add() -> None:
        number = 0
        while not done.is_set():
            component_of(nlp).add_to_catalogue({"title": [f"无名之歌{number % 50}"]})
            number += 1

    adding = threading.Thread(target=add)
    adding.start()
    try:
        child = os.fork()
        if not child:
            signal.alarm(MAX_SECONDS)
            is_right = False
            try:
                component_of(nlp).add_to_catalogue({"title": ["孩子的歌"]})
                found = found_in(nlp(text))
                is_right = [span[:3] for span in found] == [span[:3] for span in expected]
            finally:
                os._exit(not is_right)
    finally:
        done.set()
        adding.join()
    _, status = os.waitpid(child, 0)
    return [f"a child ended with {status}"] if status else []


def _n_threads() -> int:
    """All threads of this process, whoever started them."""
    return len(list(Path("/proc/self/task").iterdir()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, help="how long, instead of how many")
    parser.add_argument(
        "--no-changes", action="store_true", help="leave the catalogue, and do not fork"
    )
    options = parser.parse_args()
    started = time.monotonic()
    figures, wrong = soak(
        make_box(),
        options.messages,
        seconds=options.seconds,
        changes=not options.no_changes,
    )
    counts = {
        "messages": figures["messages"],
        "entities": figures["entities"],
        "changes of the catalogue": figures["changes"],
        "forks": figures["forks"],
        "memory after the warm-up": f"{figures['warm MB']:.1f} MB",
        "memory at the end": f"{figures['last MB']:.1f} MB",
        "growth after the warm-up": f"{figures['MB']:.1f} MB",
        "threads more": figures["threads"],
    }
    return report(counts, started, wrong)


if __name__ == "__main__":
    sys.exit(main())
