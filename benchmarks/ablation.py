"""What each part of the settings is worth: without it, over several seeds.

python benchmarks/ablation.py --cais DIR [--seeds 3] [--jobs 2] [--out DIR]

DIR holds CAIS' train.jsonl and valid.jsonl. Trains configs/cais.cfg, and
configs/default.cfg with one part changed at a time, on music queries and on the 24 slot labels, and prints the mean and
the standard deviation of the entity F1 on valid. What has been trained before is not
trained again. Leaves OUT/ablation.json, ablation.md and ablation.png.
"""

import argparse
import json
import statistics
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Dict, List

from commands import CONFIGS, ROOT, run_spacy, train
from plots import draw_ablation
from tqdm import tqdm

HERE = Path(__file__).resolve().parent
MODEL = "components.music_query.model"
TASKS = {"queries": "spans", "slots": "slots"}
# "from nothing" is configs/default.cfg, which the other ones but the first change.
VARIANTS: Dict[str, Dict[str, object]] = {
    "from the box": {"config": "cais.cfg"},
    "from nothing": {},
    "with the catalogue": {"paths.catalogue": ROOT / "assets" / "catalogue"},
    "without bigrams": {f"{MODEL}.bigram_min_count": 0},
    "without the window": {f"{MODEL}.window": 0},
    "without CRF (softmax)": {f"{MODEL}.crf": "false"},
    "without dropped characters": {f"{MODEL}.char_dropout": 0.0},
    "without dropout": {"training.dropout": 0.0},
    "without averaged weights": {"training.optimizer.use_averages": "false"},
    "without weight decay": {"training.optimizer.L2": 0.0},
    "twice the widths": {f"{MODEL}.embed_width": 96, f"{MODEL}.hidden_width": 96},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cais", type=Path, required=True, help="train.jsonl, valid.jsonl")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--jobs", type=int, default=2, help="Trainings at a time")
    options = parser.parse_args()
    runs = options.out / "ablation"
    for task in options.tasks:
        for part in ("train", "valid"):
            source = options.cais / f"{part}.jsonl"
            run_spacy("music-query", "convert", source, "--out", runs / task / f"{part}.spacy",
                  "--spans-key", TASKS[task])  # fmt: skip
    tasks = list(product(options.variants, options.tasks, range(options.seeds)))
    with ThreadPoolExecutor(options.jobs) as pool:
        futures = [pool.submit(measure, runs, *task) for task in tasks]
        scores = [future.result() for future in tqdm(futures, unit=" trainings")]
    results: Dict[str, Dict[str, List[float]]] = {}
    for (variant, task, _), score in zip(tasks, scores):
        results.setdefault(variant, {}).setdefault(task, []).append(score)
    (options.out / "ablation.json").write_text(json.dumps(results, indent=1), "utf8")
    table = markdown_table(results)
    (options.out / "ablation.md").write_text(table, "utf8")
    draw_ablation(results, options.out / "ablation.png")
    print(table)


def measure(runs: Path, variant: str, task: str, seed: int) -> float:
    """Train a variant. The best F1 on valid."""
    changes = dict(VARIANTS[variant])
    performance = train(
        CONFIGS / str(changes.pop("config", "default.cfg")),
        runs / task / f"{variant.replace(' ', '_')}.{seed}",
        {
            "paths.train": runs / task / "train.spacy",
            "paths.dev": runs / task / "valid.spacy",
            "system.seed": seed,
            "components.music_query.learn_intents": "false",
            **changes,
        },
    )
    return performance["ents_f"]


def markdown_table(results: Dict[str, Dict[str, List[float]]]) -> str:
    first = next(iter(results.values()))
    tasks = list(first)
    n_seeds = len(first[tasks[0]])
    lines = [
        f"| F1 on CAIS valid, mean of {n_seeds} seeds | {' | '.join(tasks)} |",
        "|---" * (len(tasks) + 1) + "|",
    ]
    for variant, by_task in results.items():
        cells = [
            f"{100 * statistics.mean(scores):.2f} ± {100 * statistics.pstdev(scores):.2f}"
            for scores in by_task.values()
        ]
        lines.append(f"| {variant} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
