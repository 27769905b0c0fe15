"""Kill a process that saves, at random moments: what is left must be what was there before or
what was being saved.

python -m stress.kills --kills 300
python -m stress.kills --kills 300 --only index

A process saves two things to one place in turn, again and again. After each kill what is there
is loaded. This is done with every kind of save: `spacy_musicquery.save`, the `to_disk` of both
components and of an index, the commands `catalogue` and `extract`, and files of records and
Docs.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, NoReturn, Sequence, Tuple

import spacy
from spacy.language import Language
from tqdm import tqdm

from spacy_musicquery import save
from spacy_musicquery.cli._util import write_jsonl
from spacy_musicquery.cli.catalogue import catalogue
from spacy_musicquery.data.docs import read_docs, save_docs
from spacy_musicquery.linking.entries import Entry
from spacy_musicquery.linking.index import LinkIndex
from spacy_musicquery.pipeline.music_query_linker import MusicQueryLinker
from spacy_musicquery.serving.extractor import Extractor
from spacy_musicquery.serving.jobs import run
from spacy_musicquery.serving.parts import Settings
from spacy_musicquery.serving.sources import find_sources

from .common import (
    Found,
    component_of,
    found_in,
    make_box,
    make_messages,
    make_variant,
    report,
)

# Seconds until a kill, at most. A save takes a part of that.
MAX_DELAY = 1.0
N_ROWS = 3000


class Way(NamedTuple):
    """A kind of save.

    things (Sequence): Two that are saved in turn.
    save_one (Callable): Saves one to a path.
    state_at (Callable): Loads what is at a path, and tells it from the other one.
    max_delay (float): Seconds until a kill, at most.
    name (str): What the path is called.
    """

    things: Sequence[Any]
    save_one: Callable[[Any, Path], Any]
    state_at: Callable[[Path], Any]
    max_delay: float = MAX_DELAY
    name: str = "saved"


def _save_forever(way: Way, path: Path) -> NoReturn:
    parent = os.getppid()
    try:
        while os.getppid() == parent:  # no longer than whoever kills this one
            for thing in way.things:
                way.save_one(thing, path)
    finally:
        os._exit(1)


def kill_saves(way: Way, n_kills: int, seed: int = 0) -> Tuple[Dict[str, int], List[str]]:
    """Kill a process that saves, and load what it leaves, again and again.

    way (Way): What it saves.
    n_kills (int): How often.
    seed (int): Seeds the moments.
    RETURNS (Tuple[Dict[str, int], List[str]]): How often each of the two was there, how often
        a save was cut off in the middle; and what was wrong.
    """
    rng = random.Random(seed)
    counts = {"kills": 0, "the first": 0, "the second": 0, "in the middle of a save": 0}
    wrong: List[str] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / way.name
        states = []
        for thing in way.things:
            way.save_one(thing, path)
            states.append(way.state_at(path))
        assert states[0] != states[1]
        for _ in tqdm(range(n_kills), unit=" kills"):
            child = os.fork()
            if child == 0:
                _save_forever(way, path)
            time.sleep(rng.random() * way.max_delay)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            counts["kills"] += 1
            counts["in the middle of a save"] += len(list(Path(folder).iterdir())) > 1
            try:
                state = way.state_at(path)
                which = states.index(state)
                counts["the second" if which else "the first"] += 1
            except (
                ValueError,
                OSError,
            ) as error:  # it does not load, or is neither of both
                wrong.append(str(error)[:200])
        way.save_one(way.things[0], path)
        left = [p.name for p in Path(folder).iterdir() if p != path]
        if left:
            wrong.append(f"leftovers: {left}")
    return counts, wrong


def state_of(nlp: Language) -> Tuple[List[Found], float, int]:
    """RETURNS (Tuple[List[Found], float, int]): What a pipeline finds, its threshold, and the
    number of its names: exactly one of two pipelines has it."""
    component = component_of(nlp)
    n_names = sum(map(len, component.catalogue.values()))
    found = [found_in(doc) for doc in nlp.pipe(make_messages(30))]
    return found, component.cfg["threshold"], n_names


def of_pipelines() -> Way:
    """RETURNS (Way): Whole pipelines, by `spacy_musicquery.save`."""
    things = [make_box(), make_variant()]
    return Way(things, save, lambda path: state_of(spacy.load(path)))


def of_components() -> Way:
    """RETURNS (Way): The component alone, by `to_disk`."""

    def save_one(nlp: Language, path: Path) -> None:
        component_of(nlp).to_disk(path, exclude=["vocab"])

    def state_at(path: Path) -> Any:
        nlp = make_box()
        component_of(nlp).from_disk(path, exclude=["vocab"])
        return state_of(nlp)

    return Way([make_box(), make_variant()], save_one, state_at)


def of_catalogues() -> Way:
    """RETURNS (Way): The command `catalogue`, with one file of names or another."""
    folder = Path(tempfile.mkdtemp())
    names = [folder / "first" / "artist.txt", folder / "second" / "artist.txt"]
    for number, path in enumerate(names):
        path.parent.mkdir()
        lines = "".join(f"乐队{number}{i}\n" for i in range(500))
        path.write_text(lines, encoding="utf8")

    def save_one(path: Path, output: Path) -> None:
        catalogue([str(path)], None, output, False, True, None, "name")

    def state_at(path: Path) -> Any:
        return component_of(spacy.load(path)).catalogue

    return Way(names, save_one, state_at, 2 * MAX_DELAY)


def make_indexes(n: int = 300) -> List[LinkIndex]:
    """n (int): How many entries each has. RETURNS (List[LinkIndex]): Two indexes."""
    return [
        LinkIndex.build(Entry(f"{side}{i}", "title", f"第{i}首歌") for i in range(n))
        for side in ("a", "b")
    ]


def of_indexes() -> Way:
    """RETURNS (Way): Indexes of catalogues, by `LinkIndex.to_disk`."""

    def state_at(path: Path) -> Any:
        return list(LinkIndex.from_disk(path).entries())

    return Way(make_indexes(), LinkIndex.to_disk, state_at, 0.3)


def of_linkers() -> Way:
    """RETURNS (Way): The linker with its settings and its index, by `to_disk`."""
    vocab = spacy.blank("zh").vocab
    linkers = [MusicQueryLinker(vocab, n=n) for n in (1, 2)]
    for linker, index in zip(linkers, make_indexes()):
        linker.set_index(index)

    def state_at(path: Path) -> Any:
        linker = MusicQueryLinker(vocab).from_disk(path)
        return linker.cfg["n"], linker.link(["第7首歌"])

    return Way(linkers, MusicQueryLinker.to_disk, state_at, 0.3)


def of_records() -> Way:
    """RETURNS (Way): Files of records, as `generate`, `convert` and others write them."""
    things = [
        [{"text": f"{side}{text}"} for text in make_messages(N_ROWS)] for side in ("a", "b")
    ]

    def state_at(path: Path) -> Any:
        return [json.loads(line) for line in path.read_text("utf8").splitlines()]

    return Way(things, lambda rows, path: write_jsonl(path, rows), state_at, 0.1)


def of_docs() -> Way:
    """RETURNS (Way): .spacy files."""
    nlp = spacy.blank("zh")
    things = [
        [nlp.make_doc(f"{side}{text}") for text in make_messages(300)]
        for side in ("a", "b")
    ]

    def state_at(path: Path) -> Any:
        return [doc.text for doc in read_docs(path, nlp.vocab)]

    return Way(things, save_docs, state_at, 0.1)


def of_extracts() -> Way:
    """RETURNS (Way): What `extract --out` writes, of one file of messages or another."""
    folder, extractor = Path(tempfile.mkdtemp()), Extractor(make_box())
    inputs = [folder / "first.txt", folder / "second.txt"]
    for seed, path in enumerate(inputs):
        text = "\n".join(make_messages(N_ROWS, seed=seed))
        path.write_text(text, encoding="utf8")

    def save_one(path: Path, output: Path) -> None:
        settings = Settings(None, None, None, "text", None, output, None)
        run(find_sources([str(path)]), settings, extractor)

    return Way(inputs, save_one, lambda path: path.read_text("utf8"), 3.0, "saved.jsonl")


WAYS: Dict[str, Callable[[], Way]] = {
    "pipeline": of_pipelines,
    "component": of_components,
    "catalogue": of_catalogues,
    "index": of_indexes,
    "linker": of_linkers,
    "records": of_records,
    "docs": of_docs,
    "extract": of_extracts,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=300, help="in every kind of save")
    parser.add_argument("--only", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    shown: Dict[str, object] = {}
    failures: List[str] = []
    for name in options.only:
        counts, wrong = kill_saves(WAYS[name](), options.kills, options.seed)
        # At once, as all kinds take long.
        print(f"{name}: {dict(counts)}, {len(wrong)} wrong", flush=True)
        shown.update({f"{name}: {what}": n for what, n in counts.items()})
        shown[f"{name}: wrong"] = len(wrong)
        failures += wrong
    return report(shown, started, failures)


if __name__ == "__main__":
    sys.exit(main())
