"""Many threads, and several processes, on one pipeline.

python -m stress.threads --threads 16 --messages 100000

Every thread sends its messages through `nlp.pipe` and `nlp` in turn, in an order of its own;
what is found must equal what one thread finds, one message at a time.
"""

import argparse
import random
import sys
import threading
import time
from typing import Dict, List, Tuple

from spacy.language import Language
from tqdm import tqdm

from .common import (
    Found,
    are_equal,
    found_in,
    make_box,
    make_messages,
    other_threads,
    report,
)

N_DIFFERENT = 3000
PIECE = 500
# Of each piece, so many messages go through `nlp`, one by one.
ONE_BY_ONE = 25


def run_threads(
    nlp: Language, n_threads: int, n_messages: int, n_different: int = N_DIFFERENT
) -> Tuple[int, List[str]]:
    """Send messages through a pipeline from many threads.

    nlp (Language): The pipeline.
    n_threads (int): How many threads.
    n_messages (int): How many messages each sends.
    n_different (int): How many different messages there are.
    RETURNS (Tuple[int, List[str]]): How many messages came back, and what differed.
    """
    texts = list(make_messages(n_different))
    expected = [found_in(nlp(text)) for text in texts]
    counts: Dict[int, int] = dict.fromkeys(range(n_threads), 0)
    wrong: List[str] = []
    progress = tqdm(total=n_threads * n_messages, unit=" messages")

    def work(thread: int) -> None:
        rng = random.Random(thread)
        try:
            while counts[thread] < n_messages:
                n = min(PIECE, n_messages - counts[thread])
                chosen = [rng.randrange(n_different) for _ in range(n)]
                size = rng.choice((1, 16, 128, 256))
                found = [found_in(nlp(texts[i])) for i in chosen[:ONE_BY_ONE]]
                rest = [texts[i] for i in chosen[ONE_BY_ONE:]]
                found += [found_in(doc) for doc in nlp.pipe(rest, batch_size=size)]
                wrong.extend(_differences(texts, expected, chosen, found))
                counts[thread] += len(found)
                progress.update(len(found))
        except Exception as error:
            wrong.append(f"thread {thread}: {type(error).__name__}: {error}")

    threads = [threading.Thread(target=work, args=(i,)) for i in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    progress.close()
    return sum(counts.values()), wrong


def run_processes(
    nlp: Language, n_process: int, n_messages: int, n_different: int = N_DIFFERENT
) -> Tuple[int, List[str]]:
    """Send messages through copies of a pipeline in several processes.

    nlp (Language): The pipeline.
    n_process (int): How many processes.
    n_messages (int): How many messages they share.
    n_different (int): How many different messages there are.
    RETURNS (Tuple[int, List[str]]): How many messages came back, and what differed.
    """
    texts = list(make_messages(n_different))
    expected = [found_in(nlp(text)) for text in texts]
    chosen = [i % n_different for i in range(n_messages)]
    docs = nlp.pipe((texts[i] for i in chosen), n_process=n_process, batch_size=1000)
    found = [found_in(doc) for doc in tqdm(docs, total=n_messages, unit=" messages")]
    return len(found), _differences(texts, expected, chosen, found)


def _differences(
    texts: List[str], expected: List[Found], chosen: List[int], found: List[Found]
) -> List[str]:
    return [
        f"{texts[i]!r}: {here}, not {expected[i]}"
        for i, here in zip(chosen, found)
        if not are_equal(here, expected[i])
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--messages", type=int, default=100_000, help="of each thread")
    parser.add_argument("--processes", type=int, default=4)
    options = parser.parse_args()
    started = time.monotonic()
    by_threads, wrong = run_threads(make_box(), options.threads, options.messages)
    by_processes, wrong_there = run_processes(
        make_box(), options.processes, options.messages
    )
    failures = [*wrong, *wrong_there]
    if by_threads != options.threads * options.messages or by_processes != options.messages:
        failures.append("messages are missing")
    failures += [f"the thread {name} is left" for name in other_threads()]
    counts = {
        f"messages of {options.threads} threads": by_threads,
        "differences there": len(wrong),
        f"messages of {options.processes} processes": by_processes,
        "differences there too": len(wrong_there),
    }
    return report(counts, started, failures)


if __name__ == "__main__":
    sys.exit(main())
