"""Measure one system in a process of its own; prints one JSON object.

python worker.py SYSTEM ACTION MODEL_DIR MESSAGES [NUMBER]
"""

import json
import resource
import sys
import time
from itertools import islice
from pathlib import Path

from systems import SYSTEMS


def cold_start(system, path, texts, number):
    """From here to the first entity; the caller adds the start of the process."""
    system.load(path)
    found = next(filter(None, (system.one(text) for text in texts)), None)
    return {"found": bool(found)}


def latency(system, path, texts, number):
    system.load(path)
    texts = texts[:number]
    for text in texts[:100]:
        system.one(text)
    seconds = []
    for text in texts:
        began = time.perf_counter()
        system.one(text)
        seconds.append(time.perf_counter() - began)
    seconds.sort()
    return {
        f"p{share}": seconds[min(len(seconds) - 1, len(seconds) * share // 100)]
        for share in (50, 95, 99)
    }


def throughput(system, path, texts, number):
    system.load(path)
    texts = texts[:number]
    system.many(texts[:200])
    began = time.perf_counter()
    system.many(texts)
    seconds = time.perf_counter() - began
    n_chars = sum(map(len, texts))
    return {"messages": len(texts) / seconds, "characters": n_chars / seconds}


def by_length(system, path, texts, number):
    """Time of one call against the length of the message."""
    system.load(path)
    text = "".join(texts)
    rows = []
    for exponent in range(3, 16):
        length = 2**exponent
        message = (text * (1 + length // len(text)))[:length]
        repeats = max(1, number // length)
        system.one(message)
        began = time.perf_counter()
        for _ in range(repeats):
            system.one(message)
        rows.append((length, (time.perf_counter() - began) / repeats))
    return {"rows": rows, "peak_mb": peak_mb()}


def by_batch_size(system, path, texts, number):
    system.load(path)
    texts = texts[:number]
    rows = []
    for size in (1, 4, 16, 64, 256, 1024, 4096):
        system.nlp.batch_size = size
        system.many(texts[:200])
        began = time.perf_counter()
        system.many(texts)
        rows.append((size, len(texts) / (time.perf_counter() - began)))
    return {"rows": rows}


def by_number(system, path, texts, number):
    """Memory and time against the number of messages, streamed in one process."""
    system.load(path)

    def stream():
        while True:
            yield from texts

    messages = stream()
    rows = []
    done = 0
    spent = 0.0
    for target in (1_000, 10_000, 50_000, 100_000, 300_000, 1_000_000):
        if target > number:
            break
        began = time.perf_counter()
        system.many(islice(messages, target - done))
        spent += time.perf_counter() - began
        done = target
        rows.append((target, spent, resident_mb()))
    return {"rows": rows}


def peak_mb():
    """Of this process alone: getrusage starts from what its parent had."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def resident_mb():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


ACTIONS = (cold_start, latency, throughput, by_length, by_batch_size, by_number)


def main(name, action, model, messages, number="1000"):
    if "torch" not in SYSTEMS[name].packages:
        # thinc imports it wherever it is installed, and here it is, for BERT.
        sys.modules["torch"] = None
    texts = json.loads(Path(messages).read_text(encoding="utf8"))
    actions = {function.__name__: function for function in ACTIONS}
    result = actions[action](SYSTEMS[name](), Path(model), texts, int(number))
    result.setdefault("peak_mb", peak_mb())
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
