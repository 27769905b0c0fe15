"""A long run: memory stays flat, and no thread or session is left behind.

python -m stress.soak --messages 1000000

New words make a pipeline's vocabulary grow, which is spaCy's way; `nlp.memory_zone()` lets
go of them. So every piece of messages, which all are new, stands in a zone.
"""

import argparse
import gc
import random
import sys
import time
from pathlib import Path
from typing import Dict, List, Tuple

from spacy.language import Language
from tqdm import tqdm

from .common import make_box, make_messages, other_threads, report, resident_mb

PIECE = 2000
MAX_GROWTH_MB = 5.0
# The share of a run after which memory must not grow any more.
WARM_UP = 0.2


def soak(nlp: Language, n_messages: int) -> Tuple[Dict[str, float], List[str]]:
    """Send messages through a pipeline.

    nlp (Language): The pipeline.
    n_messages (int): How many.
    RETURNS (Tuple[Dict[str, float], List[str]]): Messages, entities, growth of the memory in
        MB and of the number of threads after the warm-up; and what was wrong.
    """
    rng = random.Random(0)
    n_done = n_entities = 0
    warm_mb, warm_threads = 0.0, 0
    with tqdm(total=n_messages, unit=" messages") as progress:
        while n_done < n_messages:
            n = min(PIECE, n_messages - n_done)
            # Names that no message before has had.
            texts = [f"{text}{rng.random()}" for text in make_messages(n, seed=n_done)]
            with nlp.memory_zone():
                n_entities += sum(len(doc.ents) for doc in nlp.pipe(texts[n // 20 :]))
                n_entities += sum(len(nlp(text).ents) for text in texts[: n // 20])
            n_done += n
            progress.update(n)
            if not warm_threads and n_done >= n_messages * WARM_UP:
                gc.collect()
                warm_mb, warm_threads = resident_mb(), _n_threads()
    gc.collect()
    growth, n_new = resident_mb() - warm_mb, _n_threads() - warm_threads
    wrong = []
    if growth > MAX_GROWTH_MB:
        wrong.append(f"the memory grew by {growth:.1f} MB")
    if n_new > 0:
        wrong.append(f"{n_new} more threads than after the warm-up")
    wrong += [f"the thread {name} is left" for name in other_threads()]
    figures = {"messages": n_done, "entities": n_entities, "MB": growth, "threads": n_new}
    return figures, wrong


def _n_threads() -> int:
    """All threads of this process, whoever started them."""
    return len(list(Path("/proc/self/task").iterdir()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    options = parser.parse_args()
    started = time.monotonic()
    figures, wrong = soak(make_box(), options.messages)
    counts = {
        "messages": figures["messages"],
        "entities": figures["entities"],
        "growth after the warm-up": f"{figures['MB']:.1f} MB",
        "threads more": figures["threads"],
    }
    return report(counts, started, wrong)


if __name__ == "__main__":
    sys.exit(main())
