"""Compare what extracts with what was trained: the compiled tagger and the one of numpy with
Keras.

python benchmarks/parity.py PIPELINE RECORDS

Prints the largest difference of the emissions and how many tag sequences differ, on
the messages and on random strings; then the speed of each tagger.
"""

import sys
import time
from pathlib import Path

import numpy as np
import spacy

from spacy_musicquery.data.records import read_records
from spacy_musicquery.decoding.bio import best_tags
from spacy_musicquery.ml import kernel
from spacy_musicquery.ml.architectures import forward
from spacy_musicquery.ml.compiled_tagger import CompiledTagger
from spacy_musicquery.ml.numpy_tagger import NumpyTagger

LENGTHS = (1, 2, 3, 5, 8, 13, 50, 100, 500, 1000, 2000)
BATCH_SIZE = 128


def random_texts(chars: str, n_each: int = 10) -> list:
    """Strings of known and unknown characters, of 1 to 2,000 characters."""
    rng = np.random.default_rng(0)
    alphabet = list(chars) + [chr(code) for code in range(0x20, 0x3000, 37)]
    return [
        "".join(rng.choice(alphabet, size=length))
        for length in LENGTHS
        for _ in range(n_each)
    ]


def compare_with_keras(name: str, model, taggers: dict, texts: list) -> None:
    catalogue = model.shims[0].parameters.catalogue
    largest, n_different = dict.fromkeys(taggers, 0.0), dict.fromkeys(taggers, 0)
    for begin in range(0, len(texts), BATCH_SIZE):
        batch = texts[begin : begin + BATCH_SIZE]
        expected, _ = forward(model, batch, is_train=True)
        tags = best_tags(*expected[:3])
        ends = np.cumsum(expected.lengths)
        for kind, tagger in taggers.items():
            data, _ = tagger.emissions(batch, catalogue)
            difference = float(np.abs(data - expected.data).max())
            largest[kind] = max(largest[kind], difference)
            different = best_tags(data, *expected[1:3]) != tags
            n_different[kind] += len(
                set(np.searchsorted(ends, different.nonzero()[0], "right"))
            )
    for kind in taggers:
        print(
            f"{name}, {kind}: {len(texts)} texts, largest difference {largest[kind]:.1e}, "
            f"{n_different[kind]} tag sequences differ"
        )


def messages_per_second(tagger, catalogue, texts: list) -> float:
    batches = [texts[i : i + BATCH_SIZE] for i in range(0, len(texts), BATCH_SIZE)]
    speeds = []
    for _ in range(5):
        began = time.perf_counter()
        for batch in batches:
            tagger.find(batch, catalogue)
        speeds.append(len(texts) / (time.perf_counter() - began))
    return sorted(speeds)[2]


def main(path: str, records_path: str) -> None:
    nlp = spacy.load(path)
    model = nlp.get_pipe("music_query").model
    # Neither dropout: the same function is compared.
    model.attrs.update(dropout_rate=0.0, char_dropout=0.0, catalogue_dropout=0.0)
    model.attrs.update(name_dropout=0.0, name_distractors=0.0)
    parameters = model.shims[0].parameters.trained
    chain = parameters.chain()
    taggers = {
        name: CompiledTagger(parameters, chain, name) for name in kernel.instruction_sets()
    }
    taggers["numpy"] = NumpyTagger(parameters, chain)
    texts = [record.text for record in read_records(Path(records_path))[0]]
    compare_with_keras("messages", model, taggers, texts)
    chars = "".join(parameters.characters.chars)
    compare_with_keras("random strings", model, taggers, random_texts(chars))
    for kind, tagger in taggers.items():
        speed = messages_per_second(tagger, parameters.catalogue, texts)
        print(f"{kind}: {speed:,.0f} messages/s")


if __name__ == "__main__":
    main(*sys.argv[1:])
