"""How good the model in the box is on messages of people it has never heard.

python benchmarks/box.py --cais DIR --chat DIR [--model PATH] [--out DIR]

Prints F1 of music queries on CAIS train and valid, of which it saw nothing, the share of
their other utterances in which one was found, and the share of the messages of each chat
file in which one was found; leaves OUT/box.json and box.md.
"""

import argparse
import json
from pathlib import Path
from typing import Any, Dict, List, Optional

import spacy

from spacy_musicquery.cli._util import predict
from spacy_musicquery.data.annotated_files import read_examples
from spacy_musicquery.data.records import DEFAULT_LABEL, DEFAULT_SPANS_KEY
from spacy_musicquery.pipeline.load import box_pipeline
from spacy_musicquery.pipeline.scorer import music_query_score

HERE = Path(__file__).resolve().parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cais", type=Path, required=True, help="train.jsonl, valid.jsonl")
    parser.add_argument("--chat", type=Path, required=True, help=".txt files")
    parser.add_argument("--model", help="another pipeline than the box")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    options = parser.parse_args()
    rows = measure(options.model, options.cais, options.chat)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "box.json").write_text(json.dumps(rows, indent=1), encoding="utf8")
    table = markdown_table(rows)
    (options.out / "box.md").write_text(table, encoding="utf8")
    print(table)


def measure(model: Optional[str], cais: Path, chat: Path) -> List[Dict[str, Any]]:
    nlp = spacy.load(model) if model else box_pipeline()
    rows: List[Dict[str, Any]] = []
    for part in ("valid", "train"):
        options = {"label": DEFAULT_LABEL, "spans_key": DEFAULT_SPANS_KEY}
        examples = read_examples(nlp, cais / f"{part}.jsonl", **options)
        predict(nlp, examples)
        scores = music_query_score(examples)
        names = ("ents_p", "ents_r", "ents_f", "music_query_false_alarms")
        rows.append({"data": f"CAIS {part}", **{name: scores[name] for name in names}})
    for path in sorted(chat.glob("*.txt")):
        lines = path.read_text(encoding="utf8").splitlines()
        n_alarms = sum(bool(doc.ents) for doc in nlp.pipe(lines))
        rows.append({"data": path.stem, "music_query_false_alarms": n_alarms / len(lines)})
    return rows


def markdown_table(rows: List[Dict[str, Any]]) -> str:
    columns = ("ents_p", "ents_r", "ents_f", "music_query_false_alarms")
    lines = ["| data | precision | recall | F1 | false alarms |", "|---|---|---|---|---|"]
    for row in rows:
        cells = [f"{row[key]:.2%}" if key in row else "" for key in columns]
        lines.append(f"| {row['data']} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
