"""Load link indexes whose checksums are right and whose content is hostile: what is refused
must be refused clearly, and with what loads queries are linked to sound entries or to none.

python -m stress.links --files 2000

The compiled search looks at no bounds. To see whether it would have had to, compile it so
that it does, in a copy of the repository: see the end of `stress/README.md`.
"""

import argparse
import hashlib
import io
import json
import random
import sys
import time
from collections import Counter
from typing import Any, Callable, Dict, List, Tuple

import numpy as np

from spacy_musicquery.errors import SavedModelError
from spacy_musicquery.linking.entries import Entry
from spacy_musicquery.linking.index import LinkIndex
from spacy_musicquery.linking.index_file import BEGINNING, MAGIC, read_index, write_index
from spacy_musicquery.linking.linker import Linker

from .common import NAMES, report
from .fuzz import POOLS, make_texts
from .isolated import Outcome, count_outcomes, failures_of, run_isolated, shown_counts

ALIGNMENT = 64
MOST = 5
N_RANDOM = 12
QUERIES = (
    *NAMES, "zhoujielun", "zjl", "晴天和稻香", "周节伦的情天", "520", "的", "a", "!!!", "",
    "晴" * 64, "周杰伦" * 40, "一首轻松的爵士乐里的歌",
)  # fmt: skip
NUMBERS = (0, 1, -1, 2, 63, 64, 65, 255, 511, 512, 65535, 2**31 - 1, -(2**31), 2**32 - 1)
REALS = (float("nan"), float("inf"), float("-inf"), -0.0, -1.0, -1e300, 1e-300, 1e3, 1e300)
DTYPES = (
    "<u1",
    "<i1",
    "<u2",
    ">u2",
    "<i4",
    "<u4",
    "<u8",
    "<i8",
    "<f2",
    "<f4",
    "<f8",
    "<f2",
)
# What stands in the place of something else in the header.
VALUES: Tuple[Any, ...] = (
    None, True, 0, -1, 2**31, 2**63, 1e308, float("nan"), "", "\x00", "\ud800", "<script>",
    "x" * 5000, [], [[]], {}, {"x": []}, ["artist"] * 3, [""], list(range(9)),
)  # fmt: skip


def make_index() -> LinkIndex:
    """RETURNS (LinkIndex): A small catalogue with all that an index can hold."""
    artists = [
        Entry(f"a{i}", "artist", name, ("周董", "Jay")) for i, name in enumerate(NAMES)
    ]
    titles = [
        Entry(f"t{i}", "title", text, (), (NAMES[i % len(NAMES)], "孙燕姿"), float(i % 7))
        for i, text in enumerate(
            ("晴天", "晴天 (Live)", "稻香", "情天", "2078", "香烟和爱情")
        )
    ]
    strange = [Entry(f"x{i}", "mood", pool) for i, pool in enumerate(POOLS)]
    return LinkIndex.build([*artists, *titles, *strange])


def hostile_facts(rng: random.Random, facts: Dict[str, Any]) -> None:
    """Put something else into the place of a fact, or into one of its lists."""
    name = rng.choice(sorted(facts))
    value = rng.choice(VALUES)
    if rng.random() < 0.5 or not facts[name]:
        facts[name] = value
        return
    changed = list(facts[name])
    place = rng.randrange(len(changed))
    changed[place : place + rng.randint(0, 2)] = rng.choice([[value], [], changed[:1] * 2])
    facts[name] = changed


def hostile_array(rng: random.Random, arrays: Dict[str, np.ndarray]) -> None:
    """Change numbers of an array, its size, its type, or have it be another one."""
    name = rng.choice(sorted(arrays))
    array = arrays[name]
    kind = rng.random()
    if kind < 0.6 and array.size:
        changed = array.copy().reshape(-1)
        numbers = REALS if changed.dtype.kind == "f" else NUMBERS
        for _ in range(rng.choice((1, 1, 3, 100))):
            place = rng.choice(
                (0, -1, rng.randrange(changed.size), rng.randrange(changed.size))
            )
            number = rng.choice((*numbers, changed[rng.randrange(changed.size)]))
            with np.errstate(all="ignore"):
                changed[place] = np.array(number).astype(changed.dtype)
        arrays[name] = changed.reshape(array.shape)
    elif kind < 0.7:
        arrays[name] = np.full_like(array, rng.choice((0, 1, 255)))
    elif kind < 0.8:
        n = rng.choice((0, 1, max(0, len(array) - 1), len(array) // 2))
        arrays[name] = rng.choice((array[:n], np.concatenate([array, array[:n]])))
    elif kind < 0.85:
        arrays[name] = np.repeat(array, rng.choice((2, 50)), axis=0)
    elif kind < 0.95:
        with np.errstate(all="ignore"):
            arrays[name] = array.astype(rng.choice(DTYPES))
    elif kind < 0.98:
        arrays[name] = arrays[rng.choice(sorted(arrays))]
    else:
        del arrays[name]


def repeat_postings(rng: random.Random, arrays: Dict[str, np.ndarray]) -> None:
    """The same names again and again where there is one, as many as offsets allow."""
    for values in rng.sample(["postings", "exact", "spoken", "of_key", "artist_keys"], 2):
        times = rng.choice((2, 40, 3000))
        arrays[values] = np.repeat(arrays[values], times)
        arrays[f"{values}.offsets"] = arrays[f"{values}.offsets"] * np.uint32(times)
        if values == "of_key":
            arrays["of_key.kinds"] = np.repeat(arrays["of_key.kinds"], times)


def hostile_place(rng: random.Random, key: str, at: Any) -> Any:
    """RETURNS (Any): What the header may say of an array that is at some place."""
    numbers = [*NUMBERS, 2**62, 2**64, at]
    if key == "at":
        return rng.choice([*numbers, *VALUES])
    if key == "shape":
        return rng.choice([[rng.choice(numbers)], [-1, 2], [2**32] * 2, 5, [[]], None])
    return rng.choice([*DTYPES, "O", "V8", "M8[s]", "x", ["<u2"], "U4", None])


def hostile_header(rng: random.Random, data: bytes) -> bytes:
    """Change what the header says of the arrays: where they are, and of which shape."""
    header = header_of(data)
    for _ in range(rng.choice((1, 2, 5))):
        place = rng.choice([header["arrays"][name] for name in sorted(header["arrays"])])
        key = rng.choice(sorted(place))
        place[key] = hostile_place(rng, key, place["at"])
    if rng.random() < 0.1:
        header[rng.choice(("facts", "arrays"))] = rng.choice(VALUES)
    text = json.dumps(header).encode()
    if rng.random() < 0.05:
        text = rng.choice(
            (b"[" * 100_000, text[:-1], text + b"x", b'{"facts": 1e999}', b"\xff")
        )
    declared = rng.choice((*[len(text)] * 20, 0, 2**20, 2**63))
    return sealed(declared, text, arrays_in(data))


def header_of(data: bytes) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): The header of a sound index."""
    size = int.from_bytes(data[BEGINNING : BEGINNING + 8], "little")
    return json.loads(data[BEGINNING + 8 : BEGINNING + 8 + size])


def arrays_in(data: bytes) -> bytes:
    """RETURNS (bytes): What stands behind the header of an index."""
    end = BEGINNING + 8 + int.from_bytes(data[BEGINNING : BEGINNING + 8], "little")
    return data[end + -end % ALIGNMENT :]


def sealed(declared: int, header: bytes, arrays: bytes) -> bytes:
    """RETURNS (bytes): An index with the right checksum, of a header and what follows."""
    content = declared.to_bytes(8, "little") + header
    content += bytes(-(BEGINNING + len(content)) % ALIGNMENT) + arrays
    return MAGIC + hashlib.sha256(content).digest() + content


def hostile_index(seed: int, data: bytes) -> Tuple[str, bytes]:
    """Make a hostile index.

    seed (int): Says what it is.
    data (bytes): A sound one.
    RETURNS (Tuple[str, bytes]): What was changed, and the index.
    """
    rng = random.Random(seed)
    kind = ("array", "array", "facts", "repeated", "header")[seed % 5]
    if kind == "header":
        return kind, hostile_header(rng, data)
    facts, arrays = read_index(data, "")
    if kind == "facts":
        hostile_facts(rng, facts)
    elif kind == "repeated":
        repeat_postings(rng, arrays)
    else:
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            hostile_array(rng, arrays)
    file = io.BytesIO()
    write_index(file, {} if kind == "facts" else facts, arrays)
    data = file.getvalue()
    if kind == "facts":  # as escapes: UTF-8 could not hold all of them
        text = json.dumps({**header_of(data), "facts": facts}).encode()
        data = sealed(len(text), text, arrays_in(data))
    return kind, data


def try_index(data: bytes) -> Callable[[int], Outcome]:
    """data (bytes): A sound index.
    RETURNS (Callable[[int], Outcome]): Makes a hostile one by its seed, loads it, and says
        whether it was "refused" or "loads", and what is wrong.
    """

    def work(seed: int) -> Outcome:
        kind, hostile = hostile_index(seed, data)
        try:
            index = LinkIndex.from_bytes(hostile)
        except SavedModelError as error:
            is_clear = "[MQ211]" in str(error) and len(str(error)) < 1000
            return {
                "kind": kind,
                "outcome": "refused",
                "wrong": "" if is_clear else f"the error is not clear: {str(error)[:300]}",
            }
        problems: List[str] = []
        linker = Linker(index)
        for text in (*QUERIES, *make_texts(N_RANDOM, seed)):
            problems += wrong_links(text, linker.link(text, MOST))
        if len(list(index.entries())) != len(index):
            problems.append("entries are missing")
        LinkIndex.from_bytes(index.to_bytes())
        return {"kind": kind, "outcome": "loads", "wrong": "; ".join(problems[:3])}

    return work


def wrong_links(text: str, links: Any) -> List[str]:
    """text (str): A query.
    links (Sequence[Link]): What it was linked to.
    RETURNS (List[str]): What is wrong with them.
    """
    problems = []
    scores = [link.score for link in links]
    if len(links) > MOST or scores != sorted(scores, reverse=True):
        problems.append(f"{text[:30]!r}: {len(links)} links, scores {scores}")
    for link in links:
        strings = (link.id, link.type, link.name, link.artist)
        if not all(isinstance(string, str) for string in strings):
            problems.append(f"{text[:30]!r}: {link}")
        "".join(strings).encode()  # which raises if it is no text
        if not (0.0 <= link.score <= 1.0 and 0 <= link.start < link.end <= len(text)):
            problems.append(f"{text[:30]!r}: {link}")
    return problems


def load_hostile_indexes(
    n: int, seed: int = 0
) -> Tuple[Dict[str, Counter], List[str], float]:
    """Load hostile indexes.

    n (int): How many.
    seed (int): The first one's.
    RETURNS (Tuple[Dict[str, Counter], List[str], float]): What came of those of each kind,
        what is wrong, and how much memory one took at most, in MB.
    """
    seeds = list(range(seed, seed + n))
    outcomes = run_isolated(seeds, try_index(make_index().to_bytes()), "indexes")
    counts = count_outcomes([outcome.get("kind", "died") for outcome in outcomes], outcomes)
    most = max(outcome.get("growth", 0.0) for outcome in outcomes)
    failures = failures_of(outcomes, [f"seed {seed}" for seed in seeds])
    try:  # or nothing behind the checksum was looked at
        LinkIndex.from_bytes(_sealed_anew(make_index().to_bytes()))
    except SavedModelError as error:
        failures.append(f"an index with nothing changed: {error}")
    return counts, failures, most


def _sealed_anew(data: bytes) -> bytes:
    header = json.dumps(header_of(data), ensure_ascii=False).encode()
    return sealed(len(header), header, arrays_in(data))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    counts, failures, most = load_hostile_indexes(options.files, options.seed)
    shown = shown_counts(dict(sorted(counts.items())))
    shown["most memory"] = f"{most:.0f} MB"
    return report(shown, started, failures)


if __name__ == "__main__":
    sys.exit(main())
