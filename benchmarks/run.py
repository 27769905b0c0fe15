"""Measure our pipeline and its peers, side by side in one run.

python benchmarks/run.py --cais DIR [--out DIR] [--rounds 5] [--quick]

Every measurement runs in a process of its own, with one thread; rounds go through
all systems in turn, so that whatever else the machine does falls on all alike, and
ratios are taken within a round. Models are trained once and kept in OUT/models.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from importlib import metadata
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any, Dict, List, Sequence, Set

from plots import draw
from systems import SYSTEMS, read_records, train_all
from tqdm import tqdm

HERE = Path(__file__).parent
# Enough for a second or so each; BERT would take hours for what the floor needs.
OURS = ("music_query", "box", "find")
MESSAGES = {
    **dict.fromkeys((*OURS, "floor"), 40_000),
    "crfsuite": 20_000,
    "crfsuite_small": 20_000,
    "bert_base": 64,
}
LATENCIES = {"keras_script": 200, "bert_base": 100}
SCALED = ("music_query", "floor")
_THREADS = ("OMP", "OPENBLAS", "MKL", "TF_NUM_INTRAOP", "TF_NUM_INTEROP")
ENVIRONMENT = {
    **os.environ,
    **{f"{library}_NUM_THREADS": "1" for library in _THREADS},
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cais", type=Path, required=True, help="train.jsonl, valid.jsonl")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--systems", nargs="*", default=list(SYSTEMS))
    parser.add_argument("--quick", action="store_true", help="without the scaling curves")
    options = parser.parse_args()
    models = options.out / "models"
    models.mkdir(parents=True, exist_ok=True)
    train, dev = options.cais / "train.jsonl", options.cais / "valid.jsonl"
    training = train_all(options.systems, train, dev, models)
    texts = [record["text"] for record in read_records(dev)]
    messages = models / "messages.json"
    messages.write_text(json.dumps(texts * 50, ensure_ascii=False), encoding="utf8")
    (models / "first.json").write_text(json.dumps(texts[:50]), encoding="utf8")

    rounds = measure_rounds(options.systems, models, messages, options.rounds)
    results: Dict[str, Any] = {"systems": {}, "rounds": rounds}
    for name in options.systems:
        of_system = [measured[name] for measured in rounds]
        results["systems"][name] = {
            **{key: median(m[key] for m in of_system) for key in of_system[0]},
            "training_seconds": training[name],
            "install_mb": install_mb(SYSTEMS[name].packages),
            "model_mb": model_mb(models / name),
        }
    results["ratios"] = ratios(rounds)
    if not options.quick:
        results["scaling"] = measure_scaling(models, messages)
    path = options.out / "results.json"
    path.write_text(json.dumps(results, indent=2), encoding="utf8")
    table = markdown_table(results)
    (options.out / "table.md").write_text(table, encoding="utf8")
    draw(results, options.out)
    print(table)
    print(f"\nSaved: {path}, table.md and plots beside it")


def work(name: str, action: str, models: Path, messages: Path, number: int) -> Dict:
    """Run a measurement in a process of its own; adds the wall time of all of it."""
    command = [sys.executable, HERE / "worker.py", name, action, models / name, messages]
    began = time.perf_counter()
    result = subprocess.run(
        [*map(str, command), str(number)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - began
    if result.returncode:
        raise RuntimeError(f"{name} {action} failed:\n{result.stderr}")
    return {**json.loads(result.stdout.splitlines()[-1]), "wall": seconds}


def measure_rounds(
    names: List[str], models: Path, messages: Path, n_rounds: int
) -> List[Dict[str, Dict[str, float]]]:
    rounds = []
    progress = tqdm(total=n_rounds * len(names), unit=" systems")
    for _ in range(n_rounds):
        measured = {}
        for name in names:
            cold = work(name, "cold_start", models, models / "first.json", 0)
            late = work(name, "latency", models, messages, LATENCIES.get(name, 2000))
            many = work(name, "throughput", models, messages, MESSAGES.get(name, 5000))
            measured[name] = {
                "cold_start": cold["wall"],
                "cold_peak_mb": cold["peak_mb"],
                "messages": many["messages"],
                "characters": many["characters"],
                "peak_mb": many["peak_mb"],
                **{key: late[key] for key in ("p50", "p95", "p99")},
            }
            progress.update(1)
        rounds.append(measured)
    progress.close()
    return rounds


def ratios(rounds: List[Dict[str, Dict[str, float]]]) -> List[Dict[str, Any]]:
    """Of each of ours to each peer, the median of what each round gives."""
    found: List[Dict[str, Any]] = []
    peers = [name for name in rounds[0] if name not in OURS]
    for ours, peer in product([name for name in OURS if name in rounds[0]], peers):
        row: Dict[str, Any] = {"ours": ours, "peer": peer}
        for key in ("messages", "p50", "cold_start"):
            row[key] = median(m[ours][key] / m[peer][key] for m in rounds)
        row["cold_peak_mb_more"] = median(
            m[ours]["cold_peak_mb"] - m[peer]["cold_peak_mb"] for m in rounds
        )
        found.append(row)
    return found


def measure_scaling(models: Path, messages: Path) -> Dict[str, Any]:
    scaling: Dict[str, Any] = {}
    for name in tqdm(SCALED, desc="scaling", unit=" systems"):
        scaling[name] = {
            "by_length": work(name, "by_length", models, messages, 200_000)["rows"],
            "by_batch_size": work(name, "by_batch_size", models, messages, 20_000)["rows"],
            "by_number": work(name, "by_number", models, messages, 1_000_000)["rows"],
        }
    return scaling


def install_mb(packages: Sequence[str]) -> float:
    """The files of the distributions and of all that they require."""
    seen: Set[str] = set()
    waiting = list(packages)
    total = 0
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # required on another platform
        for file in distribution.files or ():
            path = Path(str(file.locate()))
            total += path.stat().st_size if path.is_file() else 0
        for requirement in distribution.requires or ():
            if "extra ==" not in requirement:
                waiting.append(_requirement_name(requirement))
    return total / 2**20


def _requirement_name(requirement: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else " " for c in requirement).split()[0]


def model_mb(path: Path) -> float:
    saved = path / "model-best"
    if saved.exists():
        files = [file for file in saved.rglob("*") if file.is_file()]
    else:
        files = [file for file in path.glob("*") if file.suffix in (".keras", ".crfsuite")]
    return sum(file.stat().st_size for file in files) / 2**20


def markdown_table(results: Dict[str, Any]) -> str:
    lines = [
        "| system | messages/s | characters/s | p50 | p95 | p99 | cold start | peak memory "
        "| install | model | training |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, m in results["systems"].items():
        late = " | ".join(f"{1000 * m[key]:.2f} ms" for key in ("p50", "p95", "p99"))
        # The floor has no model, and the box is part of what is installed.
        model = f"{m['model_mb']:.1f} MB" if m["model_mb"] else ""
        trained = f"{m['training_seconds']:.0f} s" if model else ""
        lines.append(
            f"| {name} | {m['messages']:,.0f} | {m['characters']:,.0f} | {late} "
            f"| {m['cold_start']:.2f} s | {m['cold_peak_mb']:.0f} MB "
            f"| {m['install_mb']:.0f} MB | {model} | {trained} |"
        )
    lines += ["", "| | peer | messages/s | p50 | cold start | peak memory |"]
    lines.append("|---|---|---|---|---|---|")
    for ratio in results["ratios"]:
        lines.append(
            f"| {ratio['ours']} | {ratio['peer']} | {ratio['messages']:.2f} x "
            f"| {ratio['p50']:.2g} x | {ratio['cold_start']:.2f} x | {ratio['cold_peak_mb_more']:+.0f} MB |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
