"""Flip single bits in every file of a saved pipeline: a component must not load, and no file
may crash the process or hang it.

python -m stress.flips --flips 2000

What spaCy itself reads (its config, meta.json, the vocabulary, the tokenizer) has no
checksums: there, what loads may find something else, which is counted.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import spacy
from spacy.language import Language

from spacy_musicquery.errors import SavedModelError
from spacy_musicquery.pipeline.music_query_linker import MusicQueryLinker

from .common import component_of, found_in, make_box, make_messages, report
from .isolated import Outcome, count_outcomes, failures_of, run_isolated, shown_counts
from .links import make_index

COMPONENTS = ("music_query", "music_query_linker")
TEXTS = list(make_messages(20))


class Flip(NamedTuple):
    """A bit of a file, which is named from the pipeline's directory on."""

    file: str
    place: int
    bit: int


def choose_flips(path: Path, n: int, seed: int = 0) -> List[Flip]:
    """path (Path): A saved pipeline.
    n (int): How many: half of them in the component's files, and as many in each of those
        as in each other; the same of the other files.
    seed (int): Seeds them.
    RETURNS (List[Flip]): Different bits.
    """
    rng = random.Random(seed)
    files = [file for file in path.rglob("*") if file.is_file()]
    # Small ones first, as they may have too few bits for their share.
    files = sorted(files, key=lambda file: (file.stat().st_size, file))
    flips: List[Flip] = []
    for is_ours in (False, True):
        chosen = [file for file in files if (file.parent.name in COMPONENTS) == is_ours]
        n_left = n - len(flips) if is_ours else n // 2
        for i, file in enumerate(chosen):
            n_bits = 8 * file.stat().st_size
            share = min(n_left // (len(chosen) - i), n_bits)
            n_left -= share
            name = file.relative_to(path).as_posix()
            for place in sorted(rng.sample(range(n_bits), share)):
                flips.append(Flip(name, place // 8, place % 8))
    return flips


def what_is(nlp: Language) -> Any:
    """RETURNS (Any): What a pipeline knows and finds."""
    component, linker = component_of(nlp), linker_of(nlp)
    docs = list(nlp.pipe(TEXTS))
    return [
        component.labels,
        component.intents,
        component.cfg,
        component.catalogue,
        [found_in(doc, component.cfg["spans_key"]) for doc in docs],
        linker.cfg,
        [[ent.kb_id_ for ent in doc.ents] for doc in docs],
    ]


def linker_of(nlp: Language) -> MusicQueryLinker:
    """RETURNS (MusicQueryLinker): The pipeline's."""
    linker = nlp.get_pipe("music_query_linker")
    assert isinstance(linker, MusicQueryLinker)
    return linker


def try_flip(path: Path) -> Callable[[Flip], Outcome]:
    """path (Path): A saved pipeline, which is changed and changed back.
    RETURNS (Callable[[Flip], Outcome]): Says whether what was saved is "refused", loads
        as the "same", or is "changed".
    """
    nlp = spacy.load(path)
    expected = what_is(nlp)

    def load(flip: Flip) -> Tuple[str, bool]:
        """What came of loading, and whether the error is ours."""
        loaded = nlp
        try:
            component = Path(flip.file).parent.name
            if component in COMPONENTS:
                pipe: Any = nlp.get_pipe(component)
                pipe.from_disk(path / component, exclude=["vocab"])
            else:
                loaded = spacy.load(path)
        except MemoryError:
            raise
        except Exception as error:
            return "refused", isinstance(error, SavedModelError)
        return "same" if what_is(loaded) == expected else "changed", False

    def work(flip: Flip) -> Outcome:
        file = path / flip.file
        data = bytearray(file.read_bytes())
        data[flip.place] ^= 1 << flip.bit
        for whole in path.rglob("*.whole"):  # of a process that died
            whole.replace(whole.with_suffix(""))
        # Another file: who has mapped the old one keeps it.
        whole = file.with_name(f"{file.name}.whole")
        file.replace(whole)
        file.write_bytes(data)
        try:
            outcome, is_ours = load(flip)
        finally:
            whole.replace(file)
        if Path(flip.file).parent.name in COMPONENTS and not is_ours:
            return {"outcome": outcome, "wrong": f"{outcome}, without an error of ours"}
        return {"outcome": outcome}

    return work


def flip_bits(n: int, seed: int = 0) -> Tuple[Dict[str, Counter], List[str]]:
    """Flip bits, each in a pipeline that is otherwise as saved.

    n (int): How many.
    seed (int): Seeds them.
    RETURNS (Tuple[Dict[str, Counter], List[str]]): What came of the flips in each file, and
        what is wrong.
    """
    nlp = make_box()
    component_of(nlp).set_catalogue({"artist": ["周杰伦", "五月天"], "title": ["晴天"]})
    nlp.add_pipe("music_query_linker")
    linker_of(nlp).set_index(make_index())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline"
        nlp.to_disk(path)
        flips = choose_flips(path, n, seed)
        outcomes = run_isolated(flips, try_flip(path), "flips")
    counts = count_outcomes([flip.file for flip in flips], outcomes)
    return counts, failures_of(outcomes, [str(tuple(flip)) for flip in flips])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flips", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    counts, failures = flip_bits(options.flips, options.seed)
    shown = shown_counts(counts)
    shown["flips"] = sum(sum(of_file.values()) for of_file in counts.values())
    return report(shown, started, failures)


if __name__ == "__main__":
    sys.exit(main())
