"""Several processes on one job."""

import os
import signal
import threading
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import active_children, get_context, parent_process
from typing import Dict, Iterator, List, Optional, Tuple

from ..errors import Errors
from .extractor import Extractor
from .parts import Counts, Settings, Worker
from .readers import Chunk, Position

# Processes that share a machine take turns with what they have.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# How often workers may die over the same messages.
_MAX_DEATHS = 3


def work_in_processes(
    chunks: Iterator[Chunk], settings: Settings, n_workers: int
) -> Iterator[Tuple[Position, Counts]]:
    """Have processes do chunks. When one dies, others do what it had.

    chunks (Iterator[Chunk]): The chunks.
    settings (Settings): What to do.
    n_workers (int): How many processes.
    YIELDS (Tuple[Position, Counts]): Of each chunk that is done where the next one begins,
        and what came of it.
    RAISES (ValueError): If they die again and again over the same chunk.
    """
    waiting: List[Chunk] = []
    deaths: Counter = Counter()
    exhausted = False
    while not exhausted or waiting:
        pending: Dict[Future, Chunk] = {}
        others = set(active_children())
        pool = _make_pool(settings, n_workers)
        try:
            while True:
                while waiting or (len(pending) < 2 * n_workers and not exhausted):
                    if not waiting:
                        waiting.extend(islice(chunks, 1))
                        exhausted = not waiting
                        continue
                    pending[pool.submit(_work, waiting[-1])] = waiting[-1]
                    waiting.pop()
                if not pending:
                    break
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    counts = future.result()
                    yield pending.pop(future).after, counts
        except BrokenProcessPool as error:
            waiting += pending.values()
            deaths.update(chunk.number for chunk in waiting)
            _give_up_in_time(waiting, deaths, error)
        finally:
            # Whoever stops does not wait for what is being done: it is done again.
            for process in set(active_children()) - others:
                process.terminate()
            pool.shutdown(wait=False, cancel_futures=True)


def _give_up_in_time(chunks: List[Chunk], deaths: Counter, error: Exception) -> None:
    most = max(deaths[chunk.number] for chunk in chunks)
    if most < _MAX_DEATHS:
        return
    first = min(chunk.number for chunk in chunks)
    last = max(chunk.number for chunk in chunks)
    raise ValueError(Errors.MQ286.format(n=most, first=first, last=last)) from error


def _make_pool(settings: Settings, n_workers: int) -> ProcessPoolExecutor:
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    return ProcessPoolExecutor(
        n_workers, get_context("spawn"), initializer=_start, initargs=(settings,)
    )


_worker: Optional[Worker] = None


def _start(settings: Settings) -> None:
    """Ready a worker process."""
    global _worker
    # Ctrl+C reaches all processes of a terminal; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    extractor = Extractor.load(settings.model, settings.threshold, settings.links)
    _worker = Worker(extractor, settings)


def _end_with_parent() -> None:
    """A parent that is killed cannot tell its workers to end."""
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)


def _work(chunk: Chunk) -> Counts:
    assert _worker is not None
    return _worker.work(chunk)
