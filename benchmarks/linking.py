"""What linking is worth and what it costs.

python benchmarks/linking.py --pairs FILE [--sizes 36000 100000 1000000] [--systems ...] [--parts ...]
    [--keep DIR] [--out DIR]

FILE has names as they were recognised and as they were meant, one JSON object a line: said,
name, type. The catalogues hold all these names, the project's own, and made-up ones. Prints
for each size and system the share of misheard names, and of those heard rightly, whose name is
the first of the list, and among the first five; the share of names that get no link at the
default threshold, of 400 that are not in the catalogue; of 500 queries 「artist的title」, of
titles that several artists have, those that get the right one; and what it takes. --keep has the
indexes of whole catalogues in files, which are read if they are there: then no time to build is told.
Leaves OUT/linking.json.
"""

import argparse
import json
import math
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Tuple

import numpy as np
from commands import ROOT
from linking_data import Pair, make_catalogue, project_names, read_pairs
from spacy.language import Language
from tqdm import tqdm
from worker import peak_mb

from spacy_musicquery.linking.entries import Entry
from spacy_musicquery.linking.index import LinkIndex
from spacy_musicquery.linking.keys import fold_text, spell
from spacy_musicquery.linking.linker import DEFAULT_THRESHOLD, Linker
from spacy_musicquery.pipeline.load import box_pipeline

HERE = Path(__file__).resolve().parent
SYSTEMS = ("ours", "characters", "pinyin", "both", "exact")
PARTS = ("names", "absent", "shared", "cost", "pipe")
# What the slow ones are measured on.
MOST_RIGHT = 300
N_ABSENT = 400
N_SHARED = 500
N_PIPE = 100_000
ROUNDS = 7
# The names found for a query, the best first, each with its score.
Found = List[Tuple[str, float]]
System = Callable[[str], Found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[36_000, 100_000, 1_000_000]
    )
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS), choices=SYSTEMS)
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    options = parser.parse_args()
    pairs, parts, rows = read_pairs(options.pairs), options.parts, []
    with tempfile.TemporaryDirectory() as folder:
        keep = options.keep or Path(folder)
        for size in options.sizes:
            if "names" in parts:
                rows.extend(measure(size, pairs, options.systems, keep))
            if "absent" in parts:
                add(
                    rows,
                    size=size,
                    system="ours",
                    absent_linked=measure_absent(size, pairs),
                )
            if "cost" in parts:
                add(rows, size=size, system="ours", **measure_cost(size, pairs, keep))
        if "shared" in parts:
            add(rows, system="ours", shared_titles=measure_shared())
        if "pipe" in parts:
            add(rows, system="pipe", **measure_pipe(pairs, keep))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "linking.json").write_text(json.dumps(rows, indent=1), encoding="utf8")


def add(rows: List[Dict[str, Any]], **row: Any) -> None:
    """Print a row, and keep it."""
    rows.append(row)
    print(json.dumps(row), flush=True)


def whole_index(size: int, pairs: List[Pair], keep: Path) -> Tuple[Path, float]:
    """Build the index of a catalogue of all names, unless it is there. RETURNS (Tuple[Path,
    float]): Its file, and the seconds of processor time that it took to build."""
    path = keep / f"{size}.mql"
    if path.exists():
        return path, math.nan
    entries = make_catalogue(size, {pair.name: pair.type for pair in pairs})
    started = time.process_time()
    LinkIndex.build(entries).to_disk(path)
    return path, time.process_time() - started


def measure(
    size: int, pairs: List[Pair], systems: Sequence[str], keep: Path
) -> List[Dict[str, Any]]:
    """Measure systems on a catalogue of all names."""
    generator = random.Random(0)
    misheard = [pair for pair in pairs if pair.said != pair.name]
    right = [pair for pair in pairs if pair.said == pair.name]
    rows: List[Dict[str, Any]] = []
    for name in systems:
        some_right = right if name == "ours" else generator.sample(right, MOST_RIGHT)
        if name == "ours":
            system = our_system(LinkIndex.from_disk(whole_index(size, pairs, keep)[0]))
        else:
            names = {pair.name: pair.type for pair in pairs}
            system = make_system(name, make_catalogue(size, names))
        row: Dict[str, Any] = {"size": size, "system": name}
        row.update(_shares(system, misheard, "misheard"))
        row.update(_shares(system, some_right, "right"))
        add(rows, **row)
    return rows


def measure_absent(size: int, pairs: List[Pair]) -> float:
    """The share of names that are linked, of some that are not in the catalogue."""
    names = {pair.name: pair.type for pair in pairs}
    absent = set(random.Random(0).sample(sorted(names), N_ABSENT))
    rest = {name: type_name for name, type_name in names.items() if name not in absent}
    system = our_system(LinkIndex.build(make_catalogue(size, rest, without=absent)))
    said = [pair.said for pair in pairs if pair.name in absent]
    return round(statistics.mean(bool(_sure(system(text))) for text in said), 4)


def _shares(system: System, pairs: List[Pair], kind: str) -> Dict[str, float]:
    first, among, sure, times = [], [], [], []
    for pair in tqdm(pairs, desc=kind, leave=False, disable=None):
        started = time.process_time()
        found = system(pair.said)
        times.append(time.process_time() - started)
        names = [_plain(name) for name, _ in found]
        meant = _plain(pair.name)
        first.append(names[:1] == [meant])
        among.append(meant in names[:5])
        sure.append(first[-1] and bool(_sure(found)))
    return {
        f"{kind}_top1": round(statistics.mean(first), 4),
        f"{kind}_top5": round(statistics.mean(among), 4),
        f"{kind}_linked": round(statistics.mean(sure), 4),
        f"{kind}_ms": round(1000 * statistics.median(times), 4),
    }


def _plain(name: str) -> str:
    return spell(fold_text(name))[0]


def _sure(found: Found) -> Found:
    return [pair for pair in found if pair[1] >= DEFAULT_THRESHOLD]


def our_system(index: LinkIndex) -> System:
    """Make a function from a query to the best names of an index."""
    linker = Linker(index)
    return lambda said: [(link.name, link.score) for link in linker.link(said, 5)]


def make_system(name: str, entries: List[Entry]) -> System:
    """Make another one of `SYSTEMS`."""
    names = list(dict.fromkeys(entry.name for entry in entries))
    keys = [_plain(name) for name in names]
    if name == "exact":
        of_key = dict(zip(keys, names))
        return lambda said: [(of_key[key], 1.0) for key in [_plain(said)] if key in of_key]
    return _rapidfuzz(name, names, keys)


def _rapidfuzz(name: str, names: List[str], keys: List[str]) -> System:
    from pypinyin import lazy_pinyin
    from rapidfuzz import fuzz, process

    sounds = [" ".join(lazy_pinyin(key)) for key in keys] if name != "characters" else []

    def search(said: str) -> Found:
        key = _plain(said)
        scores = np.zeros(len(names))
        if name in ("characters", "both"):
            scores += process.cdist([key], keys, scorer=fuzz.ratio)[0]
        if name in ("pinyin", "both"):
            sound = " ".join(lazy_pinyin(key))
            scores += process.cdist([sound], sounds, scorer=fuzz.ratio)[0]
        best = np.argsort(-scores, kind="stable")[:5]
        return [(names[i], scores[i] / (200 if name == "both" else 100)) for i in best]

    return search


def measure_shared() -> float:
    """The share of queries 「artist的title」, of titles that several artists have, whose first
    entry is the title by this artist."""
    generator = random.Random(1)
    names = project_names()
    artists = [name for name, type_name in names.items() if type_name == "artist"]
    titles = [name for name, type_name in names.items() if type_name == "title"]
    entries = [Entry(f"a{i}", "artist", name) for i, name in enumerate(artists)]
    queries = []
    for title in generator.sample(titles, N_SHARED):
        whose = generator.sample(artists, generator.randint(2, 6))
        for artist in whose:
            entries.append(Entry(f"t{len(entries)}", "title", title, artists=(artist,)))
        queries.append((f"{whose[0]}的{title}", entries[-len(whose)].id))
    for title in titles:
        by = (generator.choice(artists),)
        entries.append(Entry(f"t{len(entries)}", "title", title, artists=by))
    linker = Linker(LinkIndex.build(entries))
    return statistics.mean(
        [link.id for link in linker.link(query, 1)] == [meant] for query, meant in queries
    )


def measure_cost(size: int, pairs: List[Pair], keep: Path) -> Dict[str, float]:
    """Time and memory of an index, in a process of its own."""
    path, built = whole_index(size, pairs, keep)
    said = json.dumps([pair.said for pair in pairs])
    command = [sys.executable, __file__, "--one", str(path)]
    done = subprocess.run(command, input=said, text=True, capture_output=True, check=True)
    times = {} if math.isnan(built) else {"build_s": round(built, 1)}
    return {**times, **json.loads(done.stdout)}


def measure_pipe(pairs: List[Pair], keep: Path) -> Dict[str, float]:
    """The speed of nlp.pipe with linking to 100,000 entries, as a share of that without: of
    all messages of the project's own data, in rounds of both: with nothing remembered, and
    when the same has been asked before."""
    records = json.loads((ROOT / "assets" / "train.json").read_text("utf8"))
    texts = list(dict.fromkeys(record["text"] for record in records))
    index = LinkIndex.from_disk(whole_index(N_PIPE, pairs, keep)[0])
    nlp = box_pipeline()
    nlp.add_pipe("music_query_linker")
    linker = nlp.get_pipe("music_query_linker")
    linker.set_index(index)
    n_queries = sum(len(doc.ents) for doc in nlp.pipe(texts))
    shares: Dict[str, List[float]] = {"cold": [], "remembered": []}
    for _ in range(ROUNDS):
        without = _pipe_time(nlp, texts, ["music_query_linker"])
        linker.set_index(index)
        for state in shares:
            shares[state].append(without / _pipe_time(nlp, texts, []))
    return {
        "messages": len(texts),
        "queries": n_queries,
        "entries": N_PIPE,
        **{state: round(statistics.median(of), 3) for state, of in shares.items()},
        "us_a_message_without": round(1e6 * without / len(texts), 1),
    }


def _pipe_time(nlp: Language, texts: List[str], disabled: List[str]) -> float:
    started = time.process_time()
    for _ in nlp.pipe(texts, disable=disabled):
        pass
    return time.process_time() - started


def measure_one(path: str) -> None:
    """Load an index and link the queries of standard input, in this process. All times are of
    the processor: what else runs does not count."""
    before = peak_mb()
    started = time.process_time()
    linker = Linker(LinkIndex.from_disk(path))
    loaded = time.process_time() - started
    queries = list(dict.fromkeys(json.load(sys.stdin)))
    times = []
    for query in queries:
        started = time.process_time()
        linker.link(query, 5)
        times.append(time.process_time() - started)
    grown = peak_mb() - before
    facts = {
        "load_s": loaded,
        "memory_mb": grown,
        "file_mb": Path(path).stat().st_size / 1e6,
        "p50_ms": 1000 * statistics.median(times),
        "p99_ms": 1000 * float(np.quantile(times, 0.99)),
    }
    print(json.dumps({name: round(value, 3) for name, value in facts.items()}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measure_one(sys.argv[2])
    else:
        main()
