"""What it is worth to annotate what `music-query suggest` chooses.

python benchmarks/suggestions.py --cais DIR [--sizes 50 100 200] [--seeds 0] [--numpy] [--out DIR]

Takes the training part of CAIS for a log. Chooses so many of its messages as `suggest` does,
and as many by chance; trains the box on each as `music-query train` does; and prints F1 on
CAIS valid of both, and of the box. Adds its figures to OUT/suggestions.json.
"""

import argparse
import json
import random
import tempfile
from pathlib import Path
from typing import Any, Dict, List

from numpy_network import use_numpy
from own_messages import measure, read

from spacy_musicquery.data.box_messages import check_examples
from spacy_musicquery.data.docs import record_to_doc, save_docs
from spacy_musicquery.data.records import DEFAULT_LABEL, Record
from spacy_musicquery.pipeline.fine_tuning import fine_tune, fine_tuning_config, most_lost
from spacy_musicquery.pipeline.load import box_pipeline
from spacy_musicquery.pipeline.suggestions import suggest_messages

HERE = Path(__file__).resolve().parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cais", type=Path, required=True, help="train.jsonl, valid.jsonl")
    parser.add_argument("--sizes", type=int, nargs="*", default=[50, 100, 200])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--numpy", action="store_true", help="Train with numpy_network.py")
    options = parser.parse_args()
    if options.numpy:
        use_numpy()
    pool = {record.text: record for record in read(options.cais / "train.jsonl")}
    valid = read(options.cais / "valid.jsonl")
    box = box_pipeline()
    path = options.out / "suggestions.json"
    options.out.mkdir(parents=True, exist_ok=True)
    rows: List[Dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    of_box = measure(box, {"cais": valid})["cais"]
    for size in options.sizes:
        for seed in options.seeds:
            chosen = suggest_messages(box.get_pipe("music_query"), pool, n=size, seed=seed)
            choices = {
                "suggested": [pool[suggestion.text] for suggestion in chosen],
                "by chance": random.Random(seed).sample(list(pool.values()), size),
            }
            row = {"size": size, "seed": seed, "box": of_box}
            for name, records in choices.items():
                row[name] = f_after(records, valid, seed)
            print(json.dumps(row), flush=True)
            rows.append(row)
            path.write_text(json.dumps(rows, indent=1))


def f_after(records: List[Record], valid: List[Record], seed: int) -> float:
    """F1 on other messages once the box is trained on these."""
    nlp = box_pipeline()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.spacy"
        save_docs((record_to_doc(nlp, record) for record in records), path)
        config = fine_tuning_config(
            train=path, dev=path, n_messages=len(records), seed=seed
        )
        check = check_examples(nlp, [DEFAULT_LABEL])
        most = most_lost(len(records))
        trained = fine_tune(config, Path(folder) / "training", [], check, most)
    return measure(trained.nlp, {"cais": valid})["cais"]


if __name__ == "__main__":
    main()
