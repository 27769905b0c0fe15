"""How much better the box becomes by messages of one's own, and what it loses.

python benchmarks/own_messages.py --data DIR [--sizes 20 50 ...] [--kinds car cais] [--numpy] [--out DIR]

DIR holds real/ (car_music.jsonl, car_other.jsonl, sms.txt), cais/ (train.jsonl, valid.jsonl)
and chat/ (.txt files), see README.md. Draws so many messages of a kind, half of them in-car
requests and half other commands, or of CAIS; trains the box on them as `music-query train`
does, with nothing set apart; and measures F1 on unseen messages of the same kind and on those
of others, and the share of ordinary messages in which a query was found. Adds its figures to
OUT/own_messages.json, prints those of all runs that are there as changes in points, a mean
over draws, and leaves OUT/own_messages.md and .png.
"""

import argparse
import json
import random
import tempfile
import time
from pathlib import Path
from statistics import mean
from typing import Any, Dict, List, Tuple

from numpy_network import use_numpy
from plots import draw_own_messages
from spacy.language import Language
from spacy.training import Example

from spacy_musicquery.data.box_messages import check_examples
from spacy_musicquery.data.docs import record_to_doc, save_docs
from spacy_musicquery.data.raw_text import read_lines
from spacy_musicquery.data.records import DEFAULT_LABEL, Record, read_records
from spacy_musicquery.pipeline.fine_tuning import (
    fine_tune,
    fine_tuning_config,
    most_lost,
    score,
)
from spacy_musicquery.pipeline.load import box_pipeline

HERE = Path(__file__).resolve().parent
SIZES = (20, 50, 200, 1000)
N_UNSEEN = 1500
N_ORDINARY = 4000
Sets = Dict[str, List[Record]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--kinds", nargs="*", default=["car", "cais"])
    parser.add_argument("--draws", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--numpy", action="store_true", help="Train with numpy_network.py")
    options = parser.parse_args()
    if options.numpy:
        use_numpy()
    path = options.out / "own_messages.json"
    rows = json.loads(path.read_text()) if path.exists() else []
    options.out.mkdir(parents=True, exist_ok=True)
    kinds = {kind: read_kind(options.data, kind) for kind in ("car", "cais")}
    ordinary = read_ordinary(options.data)
    for kind in options.kinds:
        for size in options.sizes:
            for draw in options.draws:
                row = run(kind, size, draw, kinds, ordinary)
                print(json.dumps(row), flush=True)
                rows.append(row)
                path.write_text(json.dumps(rows, indent=1))
    means = means_of(rows)
    table = markdown_table(means)
    (options.out / "own_messages.md").write_text(table, encoding="utf8")
    draw_own_messages(means, options.out / "own_messages.png")
    print(table)


def read_kind(data: Path, kind: str) -> Tuple[List[Record], List[Record]]:
    """The messages to draw from, and those that are never trained on."""
    if kind == "cais":
        train, valid = (
            read(data / "cais" / f"{part}.jsonl") for part in ("train", "valid")
        )
        return train, valid
    parts = [read(data / "real" / f"car_{name}.jsonl") for name in ("music", "other")]
    for part in parts:
        random.Random(0).shuffle(part)
    unseen = [record for part in parts for record in part[:N_UNSEEN]]
    texts = {record.text for record in unseen}
    half = min(len(part) for part in parts)
    pairs = zip(*(part[N_UNSEEN:half] for part in parts))
    return [r for pair in pairs for r in pair if r.text not in texts], unseen


def read(path: Path) -> List[Record]:
    return [record._replace(intent=None) for record in read_records(path)[0]]


def read_ordinary(data: Path) -> Sets:
    """Text messages, and people talking of films, music and travel."""
    sets = {"sms": read_lines(data / "real" / "sms.txt"), "chat": read_lines(data / "chat")}
    return {
        name: [Record(0, t, ()) for t in random.Random(0).sample(texts, N_ORDINARY)]
        for name, texts in sets.items()
    }


def drawn(kind: str, pool: List[Record], size: int, draw: int) -> List[Record]:
    """So many messages; of in-car ones as many requests as other commands."""
    generator = random.Random(draw)
    if kind == "cais":
        return generator.sample(pool, size)
    chosen: List[Record] = []
    for has_query in (True, False):
        of_kind = [record for record in pool if bool(record.spans) == has_query]
        chosen += generator.sample(of_kind, size // 2)
    return chosen


def run(kind: str, size: int, draw: int, kinds: Any, ordinary: Sets) -> Dict[str, Any]:
    """Train on a draw, and measure before and after."""
    box = box_pipeline()
    assets = read(HERE.parent / "assets" / "train.json")
    sets = {name: unseen for name, (_, unseen) in kinds.items()}
    sets = {**sets, "assets": assets, **ordinary}
    records = drawn(kind, kinds[kind][0], size, draw)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.spacy"
        save_docs((record_to_doc(box, record) for record in records), path)
        config = fine_tuning_config(train=path, dev=path, n_messages=size, seed=draw)
        check = check_examples(box, [DEFAULT_LABEL])
        trained = fine_tune(config, Path(folder) / "training", [], check, most_lost(size))
    seconds = time.perf_counter() - start
    before, after = (measure(nlp, sets) for nlp in (box, trained.nlp))
    change = {name: round(100 * (after[name] - before[name]), 2) for name in before}
    row = {"kind": kind, "size": size, "draw": draw, "share": trained.share}
    return {**row, "seconds": round(seconds), "before": before, "change": change}


def measure(nlp: Language, sets: Sets) -> Dict[str, float]:
    """F1 where there are queries, the share of false alarms where there are none."""
    scores = {}
    for name, records in sets.items():
        examples = [Example(nlp.make_doc(r.text), record_to_doc(nlp, r)) for r in records]
        of_set = score(nlp, examples)
        scores[name] = of_set.false_alarms if of_set.f is None else of_set.f
    return scores


def means_of(rows: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """A row for each kind and size."""
    groups = sorted({(row["kind"], row["size"]) for row in rows})
    means = []
    for kind, size in groups:
        alike = [row for row in rows if (row["kind"], row["size"]) == (kind, size)]
        change = {n: mean(r["change"][n] for r in alike) for n in alike[0]["change"]}
        means.append({"kind": kind, "size": size, "draws": len(alike), "change": change})
    return means


def markdown_table(means: List[Dict[str, Any]]) -> str:
    names = list(means[0]["change"])
    lines = [f"| messages | draws | {' | '.join(names)} |", "|---" * (2 + len(names)) + "|"]
    for row in means:
        cells = [f"{row['size']:,} {row['kind']}", str(row["draws"])]
        cells += [f"{row['change'][name]:+.2f}" for name in names]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
