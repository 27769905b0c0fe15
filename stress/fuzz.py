"""Random, adversarial and damaged texts through the model in the box.

python -m stress.fuzz --texts 1000000

Every entity must be sound, and a text must give the same result alone, in any batch and
in any order.
"""

import argparse
import random
import sys
import time
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Tuple

from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm

from .common import (
    Found,
    are_equal,
    component_of,
    found_in,
    make_box,
    make_messages,
    report,
)

BATCH_SIZES = (1, 2, 7, 64, 128, 1000)
CHUNK = 4096
LONG = 50_000

# What makes trouble elsewhere, a kind a row.
POOLS = (
    "我想听放播来一首歌曲的吧周杰伦晴天七里香五月天林俊杰",
    "\t\n\r\x0b\x0c \x85\xa0\u1680\u2000\u2003\u2028\u2029\u202f\u205f\u3000\ufeff",
    "\x00\x01\x02\x07\x08\x1b\x1c\x1d\x1e\x1f\x7f\x80\x9f",
    "\u0300\u0301\u0308\u0328\u0338\u20dd\u20e3\u3099\ufe0f\ufe0e",
    "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    "שלום עולם مرحبا بالعالم ﷽",
    "😀🎵👨👩👧\u200d🏽🇨🇳🏴\U000e0067\U000e007f",
    "𠮷𡃁𪚥\U0002f800\U0001d4d0\U00010000\U0010ffff\ufffd\ufffe\uffff",
    "ＡＢＣａｂｃ１２３！？（）　ｦﾞ",
    "ABCxyz0123456789_-.,!?'\"\\/<>&%${}[]()",
    "İıßſŉǰΐﬃẞΣςÅKΩ",
    "한국어ひらがなカタカナไทยहिन्दी",
)


class Counts(NamedTuple):
    """What a run has seen."""

    texts: int
    characters: int
    entities: int
    exceptions: List[str]
    invalid: List[str]
    compared: int
    differences: List[str]


def make_texts(n: int, seed: int = 0) -> Iterator[str]:
    """n (int): How many.
    seed (int): Seeds them.
    YIELDS (str): Texts of all kinds; a few of them of 50,000 characters.
    """
    rng = random.Random(seed)
    requests = make_messages(n, seed)
    makers: Tuple[Callable[[random.Random, str], str], ...] = (
        _mutated, _mutated, _mutated, _truncated, _random, _of_pools, _of_one_pool, _spaced,
    )  # fmt: skip
    for i, request in enumerate(requests):
        if i % 100_000 == 99:
            yield ((_of_pools(rng, "") + request) * LONG)[:LONG]
        else:
            yield rng.choice(makers)(rng, request)


def _mutated(rng: random.Random, text: str) -> str:
    """A request with some characters replaced, inserted, repeated or removed."""
    chars = list(text)
    for _ in range(rng.randint(0, 3)):
        place = rng.randrange(len(chars) + 1)
        strange = rng.choice(rng.choice(POOLS))
        chars[place : place + rng.randint(0, 2)] = strange * rng.choice((0, 1, 1, 3))
    return "".join(chars)


def _truncated(rng: random.Random, text: str) -> str:
    """What is left of a request whose bytes were cut somewhere."""
    data = text.encode("utf8")
    start, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[start:end].decode("utf8", errors="replace")


def _random(rng: random.Random, text: str) -> str:
    """Any code points but surrogates, which spaCy takes in no text."""
    codes = (rng.randrange(0x110000) for _ in range(rng.randint(0, 12)))
    return "".join(chr(code) for code in codes if not 0xD800 <= code < 0xE000)


def _of_pools(rng: random.Random, text: str) -> str:
    return "".join(rng.choice(rng.choice(POOLS)) for _ in range(rng.randint(0, 20)))


def _of_one_pool(rng: random.Random, text: str) -> str:
    return "".join(rng.choices(rng.choice(POOLS), k=rng.randint(1, 10)))


def _spaced(rng: random.Random, text: str) -> str:
    """A request with blanks of all kinds around and inside it."""
    blanks = POOLS[1]
    return "".join(char + rng.choice(blanks) * rng.randint(0, 2) for char in " " + text)


def invalid_entities(text: str, doc: Doc) -> List[str]:
    """text (str): A text.
    doc (Doc): What the pipeline made of it.
    RETURNS (List[str]): What is wrong with its entities.
    """
    problems = [] if doc.text == text else [f"the text of {text[:60]!r} has changed"]
    last_end = 0
    group = doc.spans["music_query"]
    for ent, span, score in zip(doc.ents, group, group.attrs["scores"]):
        start, end = ent.start_char, ent.end_char
        if not 0 <= last_end <= start < end <= len(text):
            problems.append(f"{start} to {end} in {text[:60]!r}")
        if ent.text != text[start:end] or ent.text != ent.text.strip():
            problems.append(f"{ent.text!r} in {text[:60]!r}")
        if (span.start_char, span.end_char) != (start, end) or not 0.0 <= score <= 1.00001:
            problems.append(f"the span {span.text!r} or its score {score}")
        last_end = end
    if not len(doc.ents) == len(group) == len(group.attrs["scores"]):
        problems.append(f"entities and spans of {text[:60]!r} differ")
    return problems


def fuzz(
    nlp: Language, texts: Iterable[str], *, seed: int = 0, sample: float = 0.02
) -> Counts:
    """Send texts through a pipeline.

    nlp (Language): The pipeline.
    texts (Iterable[str]): The texts.
    seed (int): Seeds batch sizes, order and sample.
    sample (float): The share of the texts that are read again, alone and in other batches.
    RETURNS (Counts): What came of it.
    """
    rng = random.Random(seed)
    n_texts = n_chars = n_entities = n_compared = 0
    exceptions: List[str] = []
    invalid: List[str] = []
    differences: List[str] = []
    for chunk in _chunks(texts):
        size = rng.choice(BATCH_SIZES)
        try:
            found: List[Found] = []
            for text, doc in zip(chunk, nlp.pipe(chunk, batch_size=size)):
                n_entities += len(doc.ents)
                invalid += invalid_entities(text, doc)
                found.append(found_in(doc))
            if len(found) != len(chunk):
                invalid.append(f"{len(chunk)} texts gave {len(found)} docs")
            sampled = rng.sample(range(len(chunk)), k=max(1, round(len(chunk) * sample)))
            again = _found_again(nlp, [chunk[i] for i in sampled], rng.choice(BATCH_SIZES))
            for i, others in zip(sampled, again):
                n_compared += 1
                if not all(are_equal(found[i], other) for other in others):
                    differences.append(f"{chunk[i][:60]!r}: {found[i]}, {others}")
        except Exception as error:
            exceptions.append(f"{type(error).__name__}: {error}")
        n_texts += len(chunk)
        n_chars += sum(map(len, chunk))
    return Counts(
        n_texts, n_chars, n_entities, exceptions, invalid, n_compared, differences
    )


def _found_again(
    nlp: Language, texts: List[str], batch_size: int
) -> Iterator[Tuple[Found, Found]]:
    """What is found in each text alone, and in another batch and order."""
    alone = [found_in(nlp(text)) for text in texts]
    other = [found_in(doc) for doc in nlp.pipe(texts[::-1], batch_size=batch_size)]
    return zip(alone, other[::-1])


def _chunks(texts: Iterable[str]) -> Iterator[List[str]]:
    chunk: List[str] = []
    for text in texts:
        chunk.append(text)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def surrogates(nlp: Language, n: int, seed: int = 0) -> Dict[str, int]:
    """Texts with half surrogate pairs, which spaCy's own tokenizers refuse: the model takes
    them, should they come from elsewhere.

    nlp (Language): The pipeline.
    n (int): How many texts.
    seed (int): Seeds them.
    RETURNS (Dict[str, int]): How many spaCy refused, and how many the model took.
    """
    rng = random.Random(seed)
    model = component_of(nlp).model
    n_refused = n_taken = 0
    for text in make_messages(n, seed):
        place = rng.randrange(len(text) + 1)
        text = text[:place] + chr(rng.randrange(0xD800, 0xE000)) + text[place:]
        try:
            nlp.make_doc(text)
        except UnicodeEncodeError:
            n_refused += 1
        n_taken += len(model.predict([text]).data) == len(text)
        n_taken += len(model.predict([text, "听歌"]).data) == len(text) + 2
    return {"refused by spaCy": n_refused, "taken by the model": n_taken // 2}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    nlp = make_box()
    texts = tqdm(
        make_texts(options.texts, options.seed), total=options.texts, unit=" texts"
    )
    counts = fuzz(nlp, texts, seed=options.seed)
    n_halves = 1000
    halves = surrogates(nlp, n_halves, options.seed)
    failures = [*counts.exceptions, *counts.invalid, *counts.differences]
    if counts.texts != options.texts or not counts.entities:
        failures.append("texts are missing, or entities")
    if set(halves.values()) != {n_halves}:
        failures.append(f"of {n_halves} texts with half surrogates: {halves}")
    shown = {
        "texts": counts.texts,
        "characters": counts.characters,
        "entities": counts.entities,
        "exceptions": len(counts.exceptions),
        "invalid spans": len(counts.invalid),
        "compared": counts.compared,
        "differences": len(counts.differences),
        **{f"half surrogates {name}": n for name, n in halves.items()},
    }
    return report(shown, started, failures)


if __name__ == "__main__":
    sys.exit(main())
