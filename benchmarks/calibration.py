"""How far scores can be believed: of the queries with a score of 0.8, are 80 % right?

python benchmarks/calibration.py PIPELINE DATA --out DIR

DATA is a file of annotated messages (.spacy, .json, .jsonl). Prints the expected
calibration error, and precision, recall and false alarms at rising thresholds; writes
calibration.json and reliability.png.
"""

import argparse
import json
from pathlib import Path
from typing import Dict, List, NamedTuple

import numpy as np
import spacy
from plots import draw_reliability

from spacy_musicquery.data.annotated_files import read_any_records, stop_at_problems

N_BINS = 10
THRESHOLDS = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)


class Scored(NamedTuple):
    """What was found in a data set: the score of each query, whether it is right, and
    which message it is in; how many queries each message has."""

    score: np.ndarray
    right: np.ndarray
    message: np.ndarray
    n_gold: np.ndarray


def find(pipeline: str, data: Path, spans_key: str) -> Scored:
    """Run a pipeline over a data set, whatever threshold it was saved with."""
    nlp = spacy.load(pipeline, config={"components": {"music_query": {"threshold": 0.0}}})
    records, problems = read_any_records(data, label="MUSIC_QUERY", spans_key=spans_key)
    stop_at_problems(problems, remedy="Correct the rows.")
    rows = []
    for i, (record, doc) in enumerate(zip(records, nlp.pipe(r.text for r in records))):
        for ent in doc.ents:
            span = (ent.start_char, ent.end_char, ent.label_)
            rows.append((ent._.music_query_score, span in record.spans, i))
    score, right, message = np.array(rows).T
    n_gold = np.array([len(record.spans) for record in records])
    return Scored(score, right.astype(bool), message.astype(int), n_gold)


def reliability(found: Scored) -> List[Dict[str, float]]:
    """Queries in bins of equal width: mean score, share that is right, number."""
    which = np.minimum((found.score * N_BINS).astype(int), N_BINS - 1)
    return [
        {
            "score": float(found.score[which == b].mean()),
            "right": float(found.right[which == b].mean()),
            "n": int((which == b).sum()),
        }
        for b in np.unique(which)
    ]


def expected_calibration_error(bins: List[Dict[str, float]]) -> float:
    """The mean distance of score and share, weighted by number (Naeini et al. 2015)."""
    total = sum(b["n"] for b in bins)
    return sum(b["n"] * abs(b["score"] - b["right"]) for b in bins) / total


def at_threshold(found: Scored, threshold: float) -> Dict[str, float]:
    """What remains when queries with a lower score are dropped."""
    kept = found.score >= threshold
    n_right = int((found.right & kept).sum())
    query_free = np.flatnonzero(found.n_gold == 0)
    alarmed = np.isin(query_free, found.message[kept])
    return {
        "threshold": threshold,
        "precision": n_right / max(kept.sum(), 1),
        "recall": n_right / max(found.n_gold.sum(), 1),
        "false_alarms": float(alarmed.mean()) if len(query_free) else float("nan"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pipeline")
    parser.add_argument("data", type=Path)
    parser.add_argument("--spans-key", default="spans")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    found = find(args.pipeline, args.data, args.spans_key)
    bins = reliability(found)
    error = expected_calibration_error(bins)
    thresholds = [at_threshold(found, threshold) for threshold in THRESHOLDS]
    print(f"expected calibration error: {error:.4f} over {len(found.score)} queries\n")
    print("| score | right | queries |\n|---|---|---|")
    for b in bins:
        print(f"| {b['score']:.3f} | {b['right']:.3f} | {b['n']} |")
    print("\n| threshold | precision | recall | false alarms |\n|---|---|---|---|")
    for row in thresholds:
        shares = (row["precision"], row["recall"], row["false_alarms"])
        print(f"| {row['threshold']} | " + " | ".join(f"{s:.2%}" for s in shares) + " |")
    args.out.mkdir(parents=True, exist_ok=True)
    results = {"error": error, "reliability": bins, "thresholds": thresholds}
    (args.out / "calibration.json").write_text(json.dumps(results, indent=1), "utf8")
    draw_reliability(bins, error, args.out / "reliability.png")


if __name__ == "__main__":
    main()
