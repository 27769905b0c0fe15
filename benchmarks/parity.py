"""Compare what extracts with what was trained: ONNX Runtime with Keras, int8 with float32.

python benchmarks/parity.py PIPELINE RECORDS

Prints the largest difference of the emissions and how many tag sequences differ, on
the messages and on random strings; then F1, size and speed of each precision.
"""

import sys
import time
from pathlib import Path

import numpy as np
import spacy
from spacy.training import Example
from spacy_musicquery.ml.onnx_graph import graph_weights

from spacy_musicquery.data.docs import record_to_doc
from spacy_musicquery.data.records import read_records
from spacy_musicquery.decoding.bio import best_tags
from spacy_musicquery.ml.architectures import forward

LENGTHS = (1, 2, 3, 5, 8, 13, 50, 100, 500, 1000, 2000)


def random_texts(chars: str, n_each: int = 10) -> list:
    """Strings of known and unknown characters, of 1 to 2,000 characters."""
    rng = np.random.default_rng(0)
    alphabet = list(chars) + [chr(code) for code in range(0x20, 0x3000, 37)]
    return [
        "".join(rng.choice(alphabet, size=length))
        for length in LENGTHS
        for _ in range(n_each)
    ]


def compare_with_keras(name: str, model, texts: list) -> None:
    largest, n_different = 0.0, 0
    for begin in range(0, len(texts), 64):
        batch = texts[begin : begin + 64]
        expected, _ = forward(model, batch, is_train=True)
        emissions = model.predict(batch)
        largest = max(largest, float(np.abs(emissions.data - expected.data).max()))
        different = best_tags(*emissions[:3]) != best_tags(*expected[:3])
        ends = np.cumsum(emissions.lengths)
        n_different += len(set(np.searchsorted(ends, different.nonzero()[0], "right")))
    print(
        f"{name}: {len(texts)} texts, largest difference {largest:.1e}, "
        f"{n_different} tag sequences differ"
    )


def main(path: str, records_path: str) -> None:
    nlp = spacy.load(path)
    model = nlp.get_pipe("music_query").model
    # Neither dropout: the same function is compared.
    model.attrs.update(dropout_rate=0.0, char_dropout=0.0)
    records, _ = read_records(Path(records_path))
    texts = [record.text for record in records]
    compare_with_keras("messages", model, texts)
    chars = "".join(model.shims[0].parameters.characters.chars)
    compare_with_keras("random strings", model, random_texts(chars))
    for precision in ("float32", "int8"):
        override = {"components": {"music_query": {"model": {"precision": precision}}}}
        nlp = spacy.load(path, config=override)
        docs = [record_to_doc(nlp, record) for record in records]
        scores = nlp.evaluate([Example(nlp.make_doc(doc.text), doc) for doc in docs])
        weights = graph_weights(
            nlp.get_pipe("music_query").model.shims[0].arrays, precision
        )
        size = sum(array.nbytes for array in weights.values()) / 1024
        speeds = []
        for _ in range(5):
            began = time.perf_counter()
            for _ in nlp.pipe(texts * 5):
                pass
            speeds.append(len(texts) * 5 / (time.perf_counter() - began))
        print(
            f"{precision}: F1 {scores['ents_f']:.2%}, weights {size:.0f} KB, "
            f"{sorted(speeds)[2]:,.0f} messages/s"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
