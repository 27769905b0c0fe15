"""Pipelines that released versions saved: they load, and find what they found then.

python -m tests.pipeline.test_compatibility VERSION

adds one of the version at hand, when it is released. None is ever made anew.
"""

import sys
from pathlib import Path

import pytest
import spacy
import srsly

from spacy_musicquery.features.plain_text import as_read

SAVED = Path(__file__).parents[1] / "saved"


def describe(nlp, texts):
    return [
        {
            "text": doc.text,
            "found": doc.spans["music_query"].attrs["char_spans"],
            "cats": doc.cats,
        }
        for doc in nlp.pipe(texts)
    ]


@pytest.mark.parametrize("version", sorted(path.name for path in SAVED.glob("*")))
def test_it_loads_and_finds_the_same(version):
    expected = srsly.read_json(SAVED / version / "found.json")
    nlp = spacy.load(SAVED / version / "pipeline")
    results = describe(nlp, [row["text"] for row in expected])
    assert sum(len(row["found"]) for row in expected) >= 4
    # Version 0.1.0 read what a text ends with by habit: there, the spans are those that it
    # found, and the scores those of the text without it.
    of_read = describe(nlp, [as_read(row["text"]) for row in expected])
    for row, result, plain in zip(expected, results, of_read):
        assert len(result["found"]) == len(row["found"]), row["text"]
        scored = row if as_read(row["text"]) == row["text"] else plain
        for span, saved_span, of_plain in zip(
            result["found"], row["found"], scored["found"]
        ):
            score = pytest.approx(of_plain["score"], abs=1e-4)
            assert span == {**saved_span, "score": score}
        if row["text"]:  # of an empty message that version said nothing
            assert result["cats"] == pytest.approx(scored["cats"], abs=1e-4)


def save(version):
    """A small pipeline with all that one can have: two labels, intents, a catalogue."""
    from .conftest import HARD_TEXTS, MESSAGES, make_examples, make_trained

    sizes = {"embed_width": 8, "hidden_width": 8, "bigram_min_count": 1}
    nlp = make_trained(steps=0, model=sizes)
    component = nlp.get_pipe("music_query")
    examples = make_examples(nlp, MESSAGES)
    for example in examples:
        is_request = bool(example.reference.ents)
        example.reference.cats = {"Play": float(is_request), "Other": float(not is_request)}
    component.initialize(
        lambda: examples, nlp=nlp, catalogue={"artist": ["周杰伦", "林俊杰"]}
    )
    optimizer = nlp.create_optimizer()
    optimizer.learn_rate = 0.01
    for _ in range(150):
        nlp.update(examples, sgd=optimizer)
    texts = [text for text, _ in MESSAGES] + HARD_TEXTS
    (SAVED / version).mkdir(parents=True)
    nlp.to_disk(SAVED / version / "pipeline")
    srsly.write_json(SAVED / version / "found.json", describe(nlp, texts))


if __name__ == "__main__":
    save(sys.argv[1])
