"""Whether links are worth correcting spans by: 周杰伦的稻 in 周杰伦的稻香.

python benchmarks/linking_correction.py --data DIR

DIR is that of `benchmarks/real.py`. The box finds queries; `correct_spans` moves them. The
catalogue has the names that are asked for in the same messages, which the box knows as well, and
the project's own; then only the latter. Prints the precision, recall and F1 of whole queries
before and after.
"""

import argparse
import json
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, Set, Tuple

from linking_data import project_names

from spacy_musicquery.linking.correction import correct_spans
from spacy_musicquery.linking.entries import Entry
from spacy_musicquery.linking.index import LinkIndex
from spacy_musicquery.linking.linker import DEFAULT_THRESHOLD, Linker
from spacy_musicquery.pipeline.load import box_pipeline
from spacy_musicquery.serving.extractor import Extractor

SETS = ("cais/valid.jsonl", "real/car_music.jsonl")
# Of the slots of CAIS, those that are names.
NAMES = ("song_name", "singer_name", "album_name")
Span = Tuple[int, int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    for name in SETS:
        lines = (options.data / name).read_text(encoding="utf8").splitlines()
        records = [json.loads(line) for line in lines]
        names = sorted(set(names_of(records)))
        extractor = Extractor(box_pipeline())
        # Else it would be the names that pay, not the links.
        extractor.finders[0].add_to_catalogue({"title": names})
        linker, other = (
            Linker(LinkIndex.build(Entry(n, "title", n) for n in dict.fromkeys(of)))
            for of in ([*names, *project_names()], project_names())
        )
        texts = [record["text"] for record in records]
        found = [
            [(span.start, span.end) for span in prediction.spans]
            for prediction in extractor.find(texts)
        ]
        gold = [{(s["start"], s["end"]) for s in record["spans"]} for record in records]
        row: Dict[str, object] = {
            "set": name,
            "names": len(names),
            "before": score(found, gold),
        }
        for kind, of in (("corrected", linker), ("without_these_names", other)):
            fixed = [
                correct_spans(of, text, spans, DEFAULT_THRESHOLD)
                for text, spans in zip(texts, found)
            ]
            row[kind] = score(fixed, gold)
            row[f"{kind}_changed"] = sum(a != b for a, b in zip(found, fixed))
        print(json.dumps(row, ensure_ascii=False), flush=True)


def names_of(records: Sequence[Dict]) -> Iterator[str]:
    """The names in messages: their slots, or the queries where there are none."""
    for record in records:
        slots = [slot for slot in record.get("slots", ()) if slot["label"] in NAMES]
        for span in slots or record["spans"]:
            yield record["text"][span["start"] : span["end"]]


def score(found: Sequence[List[Span]], gold: Sequence[Set[Span]]) -> Dict[str, float]:
    right = sum(len(set(of) & meant) for of, meant in zip(found, gold))
    n_found, n_gold = sum(map(len, found)), sum(map(len, gold))
    precision, recall = right / max(1, n_found), right / max(1, n_gold)
    f1 = 2 * precision * recall / max(1e-9, precision + recall)
    return {"p": round(precision, 4), "r": round(recall, 4), "f1": round(f1, 4)}


if __name__ == "__main__":
    main()
