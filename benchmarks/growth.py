"""Growing changes no prediction: spans and scores before and after, compared to the bit.

python benchmarks/growth.py --cais DIR [--model PATH]

Adds two labels to the model in the box, or to that of another pipeline, and then starts it
anew with all utterances of CAIS train, which bring characters, pairs, labels and intents.
After each, compares what it finds in CAIS valid, together and one by one, with what it
found before.
"""

import argparse
import json
from pathlib import Path
from typing import Any, List

import spacy
from spacy.language import Language
from spacy.training import Example

from spacy_musicquery.data.docs import record_to_doc
from spacy_musicquery.data.records import list_intents, read_records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cais", type=Path, required=True, help="train.jsonl, valid.jsonl")
    parser.add_argument("--model", default="box", help="a saved pipeline")
    options = parser.parse_args()
    nlp = spacy.blank("zh")
    component = nlp.add_pipe("music_query", config={"pretrained": options.model})
    lines = (options.cais / "valid.jsonl").read_text(encoding="utf8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    before = predictions(nlp, texts)
    print(f"{len(texts)} messages, {sum(len(p.spans) for p in before[0])} spans")
    component.add_label("FILM")
    component.add_label("STORY")
    nlp.resume_training()
    report("labels added, training resumed", nlp, texts, before)
    records, _ = read_records(options.cais / "train.jsonl", spans_key="slots")
    intents = list_intents(records)
    examples = [
        Example(nlp.make_doc(record.text), record_to_doc(nlp, record, intents))
        for record in records
    ]
    nlp.initialize(lambda: examples)
    report("initialized with CAIS' slots", nlp, texts, before)


def report(after: str, nlp: Language, texts: List[str], before: Any) -> None:
    model = nlp.get_pipe("music_query").model
    sizes = model.shims[0].sizes
    same = predictions(nlp, texts) == before
    print(f"{after}: {'identical' if same else 'DIFFERENT'}; {sizes}")


def predictions(nlp: Language, texts: List[str]) -> Any:
    component = nlp.get_pipe("music_query")
    docs = [nlp.make_doc(text) for text in texts]
    return component.predict(docs), [component.predict([doc])[0] for doc in docs]


if __name__ == "__main__":
    main()
