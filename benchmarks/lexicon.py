"""What a catalogue is worth and what it costs.

python benchmarks/lexicon.py --cais DIR --chat DIR PIPELINE [PLAIN] [--out DIR]

PIPELINE is what `spacy project run cais` leaves, PLAIN the same without a catalogue:

    python -m spacy project run cais . --vars.cais DIR --vars.cais_catalogue null
        --vars.cais_config configs/default.cfg

Prints F1, recall on queries that training never saw, and false alarms on ordinary chat,
with no names, those it was trained with (of the box and of CAIS train), and the names of
CAIS valid among 100,000 invented ones; then time and memory with up to a million names.
Leaves OUT/lexicon.json, .md and .png.
"""

import argparse
import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import spacy
from commands import ROOT
from plots import draw_lexicon
from tqdm import tqdm

HERE = Path(__file__).resolve().parent
N_OTHERS = 100_000
# What the box calls the slots of CAIS.
TYPES = json.loads((ROOT / "assets" / "cais_types.json").read_text("utf8"))
SIZES = (0, 1_000, 100_000, 1_000_000)
ROUNDS = 100
Names = Dict[str, List[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pipeline")
    parser.add_argument("plain", nargs="?")
    parser.add_argument("--cais", type=Path, required=True)
    parser.add_argument("--chat", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    options = parser.parse_args()
    records = {
        part: read_jsonl(options.cais / f"{part}.jsonl") for part in ("train", "valid")
    }
    chat = [
        line
        for path in sorted(options.chat.glob("*.txt"))
        for line in path.read_text(encoding="utf8").splitlines()
    ]
    worth = measure_worth(options.pipeline, options.plain, records, chat)
    cost = measure_cost(options.pipeline, records)
    options.out.mkdir(parents=True, exist_ok=True)
    results = {"worth": worth, "cost": cost}
    (options.out / "lexicon.json").write_text(json.dumps(results, indent=1), "utf8")
    table = markdown_table(worth) + "\n\n" + markdown_table(cost)
    (options.out / "lexicon.md").write_text(table, "utf8")
    draw_lexicon(worth, options.out / "lexicon.png")
    print(table)


def measure_worth(
    pipeline: str, plain: str, records: Dict[str, List[Dict]], chat: List[str]
) -> List[Dict[str, Any]]:
    seen = {
        record["text"][span["start"] : span["end"]]
        for record in records["train"]
        for span in record["spans"]
    }
    rows = []
    if plain:
        nlp = spacy.load(plain)
        rows.append({"catalogue": "trained without", **score(nlp, records, seen, chat)})
    nlp = spacy.load(pipeline)
    component = nlp.get_pipe("music_query")
    saved = component.catalogue
    of_train, of_valid = (slot_names(records[part]) for part in ("train", "valid"))
    others = invent(of_train, N_OTHERS)
    for name, catalogue in (
        ("empty", {}),
        ("saved with it", saved),
        (f"that and {N_OTHERS:,} others", joined(saved, others)),
        (f"names of valid among {N_OTHERS:,} others", joined(others, of_valid)),
        ("all of these", joined(saved, others, of_valid)),
    ):
        component.set_catalogue(catalogue)
        rows.append({"catalogue": name, **score(nlp, records, seen, chat)})
    return rows


def score(nlp: Any, records: Any, seen: set, chat: List[str]) -> Dict[str, str]:
    n_right = n_found = n_gold = n_new = n_new_right = 0
    valid = records["valid"]
    for record, doc in zip(valid, nlp.pipe(record["text"] for record in valid)):
        gold = {(span["start"], span["end"]) for span in record["spans"]}
        found = {(ent.start_char, ent.end_char) for ent in doc.ents}
        n_right += len(gold & found)
        n_found += len(found)
        n_gold += len(gold)
        new = {span for span in gold if record["text"][slice(*span)] not in seen}
        n_new += len(new)
        n_new_right += len(new & found)
    alarms = sum(bool(doc.ents) for doc in nlp.pipe(chat))
    return {
        "F1": f"{200 * n_right / (n_found + n_gold):.2f}",
        "recall on new queries": f"{100 * n_new_right / n_new:.1f}",
        "false alarms on chat": f"{100 * alarms / len(chat):.2f} %",
    }


def measure_cost(pipeline: str, records: Any) -> List[Dict[str, str]]:
    """Each size in a process of its own. As the machine is not always equally fast, they
    have short turns: medians of all, and of each turn compared with none's in the same round."""
    of_train = slot_names(records["train"])
    texts = [record["text"] for record in records["valid"]]
    rows, workers = [], []
    with tempfile.TemporaryDirectory() as directory:
        for size in tqdm(SIZES, unit=""):
            path = Path(directory) / str(size)
            row = save_with_names(pipeline, invent(of_train, size), texts, path)
            workers.append(start_worker(path, texts))
            loaded = json.loads(workers[-1].stdout.readline())
            row["load"] = f"{loaded['seconds']:.2f} s"
            row["memory"] = f"{loaded['memory']:.0f} MB"
            rows.append({"names": f"{size:,}", **row})
        rounds = [
            ask_in_turn(workers, first=turn % len(workers))
            for turn in tqdm(range(ROUNDS), unit="round")
        ]
    none, *_ = zip(*rounds)
    for row, of_worker in zip(rows, zip(*rounds)):
        pairs = list(zip(of_worker, none))
        rate = statistics.median(speed["rate"] for speed in of_worker)
        share = statistics.median(speed["rate"] / base["rate"] for speed, base in pairs)
        p50 = statistics.median(speed["p50"] for speed in of_worker)
        more = statistics.median(speed["p50"] - base["p50"] for speed, base in pairs)
        row["messages/s"] = f"{rate:,.0f} ({share:.2f} x)"
        row["p50"] = f"{1e6 * p50:.0f} µs ({1e6 * more:+.0f})"
    for it in workers:
        it.communicate()
    return rows


def save_with_names(
    pipeline: str, names: Names, texts: List[str], path: Path
) -> Dict[str, str]:
    nlp = spacy.load(pipeline)
    component = nlp.get_pipe("music_query")
    began = time.perf_counter()
    component.set_catalogue(names)
    built = time.perf_counter() - began
    nlp.to_disk(path)
    sizes = np.array([len(text) for text in texts])
    n_found = len(component.parameters.catalogue.find_all(texts, sizes).starts) / len(texts)
    return {"in a message": f"{n_found:.1f}", "build": f"{built:.1f} s"}


def start_worker(path: Path, texts: List[str]) -> subprocess.Popen:
    command = [sys.executable, __file__, "--worker", str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    started = subprocess.Popen(command, **pipes, text=True, bufsize=1)
    started.stdin.write(json.dumps(texts) + "\n")
    return started


def ask_in_turn(workers: List[subprocess.Popen], first: int) -> List[Dict[str, float]]:
    """Another one first each time, so that none always follows the same."""
    answers = [ask(worker) for worker in workers[first:] + workers[:first]]
    last = len(workers) - first
    return answers[last:] + answers[:last]


def ask(worker: subprocess.Popen) -> Dict[str, float]:
    worker.stdin.write("\n")
    return json.loads(worker.stdout.readline())


def work(path: str) -> None:
    texts = json.loads(sys.stdin.readline())
    began = time.perf_counter()
    nlp = spacy.load(path)
    seconds = time.perf_counter() - began
    for text in texts[:100]:
        nlp(text)
    status = Path("/proc/self/status").read_text()
    memory = int(status.split("VmRSS:")[1].split()[0]) / 1024
    print(json.dumps({"seconds": seconds, "memory": memory}), flush=True)
    for turn, _ in enumerate(sys.stdin):
        print(json.dumps(measure_speed(nlp, texts[turn % 5 :: 5])), flush=True)


def measure_speed(nlp: Any, texts: List[str]) -> Dict[str, float]:
    began = time.perf_counter()
    for _ in nlp.pipe(texts * 5):
        pass
    rate = 5 * len(texts) / (time.perf_counter() - began)
    seconds = []
    for text in texts:
        began = time.perf_counter()
        nlp(text)
        seconds.append(time.perf_counter() - began)
    return {"rate": rate, "p50": statistics.median(seconds)}


def read_jsonl(path: Path) -> List[Dict]:
    lines = path.read_text(encoding="utf8").splitlines()
    return [json.loads(line) for line in lines]


def slot_names(records: List[Dict]) -> Names:
    names = defaultdict(set)
    for record in records:
        for slot in record["slots"]:
            if slot["label"] in TYPES:
                name = record["text"][slot["start"] : slot["end"]]
                names[TYPES[slot["label"]]].add(name)
    return {label: sorted(of_label) for label, of_label in names.items()}


def invent(names: Names, n: int) -> Names:
    """Names that look like those of singers, songs and albums, by chance: chains of
    characters that follow each other in them, a third with one character replaced."""
    generator = random.Random(0)
    labels = ("artist", "title", "album")
    known = [name for label in labels for name in names[label]]
    after = defaultdict(list)
    for name in known:
        for char, following in itertools.pairwise(name):
            after[char].append(following)
    chars = [char for name in known for char in name]
    made = set()
    while len(made) < n:
        name = generator.choice(known)[0]
        for _ in range(generator.choice((1, 1, 2, 2, 3, 4, 6))):
            name += generator.choice(after[name[-1]] or chars)
        if generator.random() < 0.33:
            place = generator.randrange(len(name))
            name = name[:place] + generator.choice(chars) + name[place + 1 :]
        made.add(name)
    ordered = sorted(made)
    generator.shuffle(ordered)
    return {label: ordered[i::3] for i, label in enumerate(labels)}


def joined(*catalogues: Names) -> Names:
    result: Names = defaultdict(list)
    for catalogue in catalogues:
        for label, names in catalogue.items():
            result[label] += names
    return dict(result)


def markdown_table(rows: List[Dict[str, Any]]) -> str:
    header = list(rows[0])
    lines = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    lines += [f"| {' | '.join(str(row[key]) for key in header)} |" for row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        work(sys.argv[2])
    else:
        main()
