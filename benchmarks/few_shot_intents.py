"""Whether contrast helps to learn intents from few messages of each.

python benchmarks/few_shot_intents.py --cais DIR [--sizes 8 16 32 64] [--seeds 0] [--numpy] [--out DIR]

Draws so many messages of each intent of CAIS train that has at least as many, trains the box
on them twice, with `spacy_musicquery.Contrast.v1` for the first half of the updates and
without, and prints the share of CAIS valid (of those intents) whose intent is right. Adds its
figures to OUT/few_shot_intents.json.
"""

import argparse
import json
import random
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any, DefaultDict, Dict, List

from numpy_network import use_numpy
from spacy.language import Language
from spacy.training.initialize import init_nlp
from spacy.training.loop import train

from spacy_musicquery.data.docs import record_to_doc, save_docs
from spacy_musicquery.data.records import Record, read_records
from spacy_musicquery.pipeline.fine_tuning import fine_tuning_config
from spacy_musicquery.pipeline.load import box_pipeline

HERE = Path(__file__).resolve().parent
LARGEST = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cais", type=Path, required=True, help="train.jsonl, valid.jsonl")
    parser.add_argument("--sizes", type=int, nargs="*", default=[8, 16, 32, LARGEST])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--steps", type=int, default=200, help="Updates of a training")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--numpy", action="store_true", help="Train with numpy_network.py")
    options = parser.parse_args()
    if options.numpy:
        use_numpy()
    of_intents: DefaultDict[str, List[Record]] = defaultdict(list)
    for record in read_records(options.cais / "train.jsonl")[0]:
        of_intents[str(record.intent)].append(record)
    # The same intents at each size, so that the sizes compare.
    intents = sorted(i for i, records in of_intents.items() if len(records) >= LARGEST)
    valid = read_records(options.cais / "valid.jsonl")[0]
    valid = [record for record in valid if record.intent in intents]
    print(f"{len(intents)} intents, {len(valid)} messages of CAIS valid")
    path = options.out / "few_shot_intents.json"
    options.out.mkdir(parents=True, exist_ok=True)
    rows: List[Dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    for size in options.sizes:
        for seed in options.seeds:
            draw = random.Random(seed)
            chosen = [r for i in intents for r in draw.sample(of_intents[i], size)]
            row: Dict[str, Any] = {"size": size, "seed": seed, "steps": options.steps}
            for name, steps in (("plain", 0), ("contrast", options.steps // 2)):
                nlp = trained(chosen, intents, options.steps, seed, steps)
                row[name] = accuracy(nlp, valid, intents)
            print(json.dumps(row), flush=True)
            rows.append(row)
            path.write_text(json.dumps(rows, indent=1))


def trained(
    records: List[Record], intents: List[str], steps: int, seed: int, contrast_steps: int
) -> Language:
    """Train the box, by the recommended settings but for the number of updates."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.spacy"
        nlp = box_pipeline()
        save_docs((record_to_doc(nlp, record, intents) for record in records), path)
        config = fine_tuning_config(
            train=path, dev=path, n_messages=len(records), seed=seed
        )
        config["training"].update(max_steps=steps, eval_frequency=steps)
        config["training"]["optimizer"]["learn_rate"].update(total_steps=steps)
        # Score tags alone, of few messages: the last model is taken, not the best.
        config["corpora"]["dev"] = {
            "@readers": "spacy.Corpus.v1",
            "path": str(path),
            "limit": 10,
        }
        if contrast_steps:
            config["initialize"]["components"]["music_query"]["contrast"] = {
                "@readers": "spacy_musicquery.Contrast.v1",
                "steps": contrast_steps,
            }
        nlp = init_nlp(config)
        train(nlp)
        return nlp


def accuracy(nlp: Language, records: List[Record], intents: List[str]) -> float:
    """The share of messages whose most probable intent, among CAIS' own, is right."""
    n_right = 0
    for record, found in zip(
        records, nlp.get_pipe("music_query").find([record.text for record in records])
    ):
        n_right += max(intents, key=lambda intent: found.cats[intent]) == record.intent
    return round(n_right / len(records), 4)


if __name__ == "__main__":
    main()
