"""Load files whose checksums are right and whose content is hostile: what is refused must be
refused clearly, and what loads must find sound queries, in bounded memory and time.

python -m stress.hostile --files 500

Where `stress.damages` lists what somebody thought of, this changes at random: values of the
message, the weights, the characters, the names and the settings, and bytes under them.
"""

import argparse
import json
import random
import shutil
import struct
import sys
import tempfile
import time
import zlib
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

import numpy as np
import srsly
from spacy.language import Language

from .common import component_of, found_in, make_box, make_messages, report
from .damage import is_clear
from .damages import CATALOGUE, CFG, MODEL, change_settings, reseal, unsealed
from .fuzz import invalid_entities
from .isolated import Outcome, count_outcomes, failures_of, run_isolated, shown_counts

COMPONENT = "music_query"
TEXTS = [*make_messages(8), "甲" * 300, "播放" + "乙" * 70 + "的歌", "<script>"]

# What is put in the place of something else, of whatever kind that is.
VALUES: Tuple[Callable[[random.Random], Any], ...] = (
    lambda rng: None,
    lambda rng: rng.choice([True, False]),
    lambda rng: rng.choice([0, 1, -1, 7, 255, 65536, 2**31 - 1, -(2**63), 2**64 - 1]),
    lambda rng: rng.choice([0.0, -0.0, 1e-45, 1e6, 1e308, float("nan"), float("-inf")]),
    lambda rng: rng.choice(
        ["", "\x00", "<script>", "../../x", "/x", "A" * 5000, "😀", "甲"]
    ),
    lambda rng: rng.randbytes(rng.choice([0, 1, 50, 5000])),
    lambda rng: [[] for _ in range(rng.choice([0, 1, 1500]))],
    lambda rng: {f"{i}": i for i in range(rng.choice([0, 1, 1500]))},
    lambda rng: np.zeros(rng.choice([0, 1, 1000]), rng.choice(["f4", "u2", "i4", "f2"])),
    lambda rng: np.full((3, 3), rng.choice([1e30, -1e6, np.nan]), "float32"),
)


def places_in(value: Any) -> Iterator[Tuple[Any, Any]]:
    """YIELDS (Tuple[Any, Any]): Every list or dictionary in a value with each of its keys."""
    if isinstance(value, (dict, list)):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places_in(value[key])


def change_value(rng: random.Random, message: Any) -> None:
    """Put something else into one place of a message: a value, what stands in another place,
    nothing, or an array with other numbers."""
    places = list(places_in(message))
    if not places:
        return
    holder, key = rng.choice(places)
    others, other_key = rng.choice(places)
    value = holder[key]
    kind = rng.random()
    if kind < 0.5:
        holder[key] = rng.choice(VALUES)(rng)
    elif kind < 0.7:
        holder[key], others[other_key] = others[other_key], value
    elif kind < 0.8:
        del holder[key]
    elif isinstance(value, np.ndarray) and value.size:
        changed = value.astype("float64" if rng.random() < 0.1 else value.dtype)
        changed.flat[rng.randrange(value.size)] = rng.choice([-1, 0, 1, 6e4, 1e6, np.inf])
        holder[key] = changed
    elif isinstance(holder, list):
        holder.insert(key, value)
    else:
        holder[f"{key}{key}"] = value


def change_bytes(rng: random.Random, data: bytes) -> bytes:
    """Change some bytes, so that what they declare is no longer what is there."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 3, 20])):
        place = rng.randrange(len(changed) + 1)
        # Most of a model are weights: what is declared stands at the ends.
        if rng.random() < 0.7:
            place = rng.choice([place % 400, len(changed) - place % 400])
        size = struct.pack(">I", rng.choice([0, 1, 2**20, 2**31, 2**32 - 1]))
        new = rng.choice([rng.randbytes(1), rng.choice([b"\xdd", b"\xdf", b"\xc6"]) + size])
        changed[place : place + len(new)] = new
    return bytes(changed)


def hostile_model(rng: random.Random, directory: Path) -> None:
    data = unsealed(directory, MODEL)
    if rng.random() < 0.3:
        return reseal(directory, MODEL, change_bytes(rng, data))
    message = srsly.msgpack_loads(data)
    of_shim = srsly.msgpack_loads(message["shims"][0][0])
    attrs = {k: srsly.msgpack_loads(v) for k, v in message["attrs"][0].items()}
    for _ in range(rng.choice([1, 1, 2, 5])):
        change_value(rng, rng.choice([message, of_shim, of_shim, attrs]))
    parts = ((message, "attrs", attrs), (message, "shims", of_shim))
    for holder, key, value in parts:
        if rng.random() < 0.95 and key in holder:
            packed = value
            if key == "attrs" and isinstance(value, dict):
                packed = {name: srsly.msgpack_dumps(v) for name, v in value.items()}
            holder[key] = [packed] if key == "attrs" else [[srsly.msgpack_dumps(value)]]
    reseal(directory, MODEL, srsly.msgpack_dumps(message))


def hostile_catalogue(rng: random.Random, directory: Path) -> None:
    char = rng.choice("甲乙a ")
    longest = rng.choice([1, 64, 200, 201, 3000])
    nested = [char * n for n in range(1, longest + 1)]
    types = ["artist", "title", "album", "genre", "mood"]
    chosen = rng.sample(types, rng.choice([0, 1, 3, len(types)]))
    chosen += rng.choice([[], [], [], ["x"], [""]])
    names = {t: nested if rng.random() < 0.9 else rng.choice(VALUES)(rng) for t in chosen}
    packed = srsly.msgpack_dumps(names)
    if rng.random() < 0.2:
        packed = change_bytes(rng, packed)
    packed = rng.choice([*[packed] * 5, packed + b"\x00", packed[:-1]])
    compressed = zlib.compress(packed, rng.choice([0, 9]))
    if rng.random() < 0.1:
        compressed = change_bytes(rng, compressed)
    reseal(directory, CATALOGUE, compressed)


def hostile_settings(rng: random.Random, directory: Path) -> None:
    saved = json.loads((directory / CFG).read_text())
    saved.update(threshold=0.0, overwrite=False, spans_key="music_query")
    for _ in range(rng.choice([1, 1, 2, 4])):
        change_value(rng, saved)
    text = json.dumps(saved, default=lambda value: "no JSON")
    (directory / CFG).write_text("{}")
    try:
        change_settings(directory, **{"digests": {}, **json.loads(text)})
    except (KeyError, TypeError, UnicodeEncodeError):
        (directory / CFG).write_text(text, errors="replace")


MAKERS = {MODEL: hostile_model, CATALOGUE: hostile_catalogue, CFG: hostile_settings}


def try_file(nlp: Language, saved: Path, path: Path) -> Callable[[int], Outcome]:
    """nlp (Language): A pipeline that works.
    saved (Path): It, saved.
    path (Path): Where to put hostile files.
    RETURNS (Callable[[int], Outcome]): Makes one by its seed, loads it, and says whether it
        was "refused" or "loads", and what is wrong.
    """
    expected = [found_in(doc) for doc in nlp.pipe(TEXTS)]

    def work(seed: int) -> Outcome:
        rng = random.Random(seed)
        shutil.copytree(saved, path, dirs_exist_ok=True)
        name = sorted(MAKERS)[seed % len(MAKERS)]
        MAKERS[name](rng, path)
        component = component_of(nlp)
        try:
            component.from_disk(path, exclude=["vocab"])
        except ValueError as error:
            wrong = "" if is_clear(str(error)) else f"the error is not clear: {error}"
            if [found_in(doc) for doc in nlp.pipe(TEXTS)] != expected:
                wrong = "the component that had been loaded finds something else"
            return {"file": name, "outcome": "refused", "wrong": wrong}
        problems: List[str] = []
        key = component.cfg["spans_key"]
        for text, doc in zip(TEXTS, nlp.pipe(TEXTS)):
            doc.spans["music_query"] = doc.spans[key]
            problems += invalid_entities(text, doc)
        component.to_bytes()  # which would refuse what could not be read again
        component.from_disk(saved, exclude=["vocab"])
        return {"file": name, "outcome": "loads", "wrong": "; ".join(map(str, problems))}

    return work


def load_hostile(n: int, seed: int = 0) -> Tuple[Dict[str, Counter], List[str], float]:
    """Load hostile files.

    n (int): How many, a third of each kind.
    seed (int): Seeds them.
    RETURNS (Tuple[Dict[str, Counter], List[str], float]): What came of those of each kind,
        what is wrong, and how much memory one took at most, in MB.
    """
    nlp = make_box()
    component_of(nlp).set_catalogue({"artist": ["周杰伦", "五月天"], "title": ["晴天"]})
    seeds = list(range(seed, seed + n))
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / COMPONENT
        component_of(nlp).cfg["listen_threshold"] = 0.0
        component_of(nlp).to_disk(saved, exclude=["vocab"])
        work = try_file(nlp, saved, Path(folder) / "hostile")
        outcomes = run_isolated(seeds, work, "files")
    counts = count_outcomes([outcome.get("file", "died") for outcome in outcomes], outcomes)
    most = max(outcome.get("growth", 0.0) for outcome in outcomes)
    return counts, failures_of(outcomes, [f"seed {seed}" for seed in seeds]), most


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    counts, failures, most = load_hostile(options.files, options.seed)
    shown = shown_counts(dict(sorted(counts.items())))
    shown["most memory"] = f"{most:.0f} MB"
    return report(shown, started, failures)


if __name__ == "__main__":
    sys.exit(main())
