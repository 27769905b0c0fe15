"""How many messages of one's own it takes: from the model in the box, and from nothing.

python benchmarks/learning_curve.py --cais DIR [--sizes 10 50 ...] [--out DIR] [--seed 0]

Trains on the first so many utterances of CAIS in a fixed random order, with
configs/cais.cfg and with configs/default.cfg. Prints F1 of music queries on CAIS
valid, and the share of its other utterances in which one was found; leaves
OUT/learning_curve.json, .md and .png.
"""

import argparse
import json
import random
from pathlib import Path
from typing import Any, Dict, List

import spacy
from commands import CONFIGS, run_spacy, train
from plots import draw_learning_curve
from spacy.tokens import DocBin
from spacy.training import Example
from tqdm import tqdm

HERE = Path(__file__).resolve().parent
STARTS = {"from the box": "cais.cfg", "from nothing": "default.cfg"}
SCORES = ("ents_f", "music_query_false_alarms")
SIZES = (10, 50, 100, 500, 1000, 2000, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cais", type=Path, required=True, help="train.jsonl, valid.jsonl")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="0: all")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    runs = options.out / "learning_curve"
    for part in ("train", "valid"):
        source = options.cais / f"{part}.jsonl"
        run_spacy("music-query", "convert", source, "--out", runs / f"{part}.spacy")
    docs = list(DocBin().from_disk(runs / "train.spacy").get_docs(spacy.blank("zh").vocab))
    random.Random(0).shuffle(docs)
    rows: List[Dict[str, Any]] = [{"messages": 0, "from the box": score_box(runs)}]
    for size in tqdm(options.sizes, desc="sizes", unit=""):
        some = docs[: size or None]
        DocBin(docs=some).to_disk(runs / f"train_{len(some)}.spacy")
        row = {"messages": len(some)}
        for start, config in STARTS.items():
            row[start] = train_on(runs, config, len(some), options.seed)
        rows.append(row)
        (options.out / "learning_curve.json").write_text(json.dumps(rows, indent=1))
    table = markdown_table(rows)
    (options.out / "learning_curve.md").write_text(table, encoding="utf8")
    draw_learning_curve(rows, list(STARTS), options.out / "learning_curve.png")
    print(table)


def score_box(runs: Path) -> Dict[str, float]:
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query")
    docs = DocBin().from_disk(runs / "valid.spacy").get_docs(nlp.vocab)
    scores = nlp.evaluate([Example(nlp.make_doc(doc.text), doc) for doc in docs])
    return {key: scores[key] for key in SCORES}


def train_on(runs: Path, config: str, size: int, seed: int) -> Dict[str, float]:
    performance = train(
        CONFIGS / config,
        runs / f"{Path(config).stem}_{size}.{seed}",
        {
            "paths.train": runs / f"train_{size}.spacy",
            "paths.dev": runs / "valid.spacy",
            "system.seed": seed,
            "components.music_query.learn_intents": "false",
        },
    )
    return {key: performance[key] for key in SCORES}


def markdown_table(rows: List[Dict[str, Any]]) -> str:
    lines = [f"| messages | {' | '.join(f'F1 {name} | false alarms' for name in STARTS)} |"]
    lines.append("|---" * (1 + 2 * len(STARTS)) + "|")
    for row in rows:
        cells = [f"{row['messages']:,}"]
        for name in STARTS:
            cells += [f"{value:.2%}" for value in row.get(name, {}).values()] or ["", ""]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
