"""How right, and how silent, on what people really write.

python benchmarks/real.py --data DIR [--model PATH ...] [--crf] [--out DIR] [--docs DIR]

DIR of --data holds cais/{train,valid}.jsonl, chat/*.txt, open/car_commands.jsonl, and
real/{car_music,car_bare,car_other,cases}.jsonl and sms.txt. Measures the model in the box,
each --model, and with --crf a CRF that is trained on CAIS train: F1 of exact queries, false
alarms, and the share of messages that are exactly right, with 95 % intervals; how far
scores can be believed; and behavioural tests. Prints the tables; leaves OUT/real.json,
real.md and pictures, and the tables and pictures in the folder of --docs as well.
"""

import argparse
import json
import time
from collections import Counter
from importlib import metadata
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

import srsly
from calibration import THRESHOLDS, expected_calibration_error
from commands import ROOT
from real_checks import (
    FAMOUS_ENDINGS,
    Case,
    by,
    endings,
    famous,
    polite,
    rebuild,
    refusals,
    sample_requests,
)
from real_pictures import draw
from real_scores import (
    Found,
    Message,
    Share,
    binary_f1,
    exact,
    f1,
    false_alarms,
    is_exact,
    reliability,
    share,
)
from real_tables import document
from systems import SYSTEMS, train_all
from tqdm import tqdm

from spacy_musicquery.data.annotated_files import stop_at_problems
from spacy_musicquery.data.catalogue_files import read_catalogue
from spacy_musicquery.data.raw_text import read_lines
from spacy_musicquery.data.records import read_records
from spacy_musicquery.pipeline.load import load_pipeline
from spacy_musicquery.saving.pretrained import BOX_PATH

HERE = Path(__file__).resolve().parent
N_BINS = 15
N_REQUESTS = 550
# A kind with fewer cases says nothing by itself.
SMALLEST_KIND = 5
CONVERSIONS = ("s2t", "s2tw", "s2twp", "s2hk")
LISTEN = "LISTEN"
_SPLIT = {
    "car_other over 6": (7, 1_000),
    "car_other 5 to 6": (5, 6),
    "car_other up to 4": (0, 4),
}


class Data(NamedTuple):
    """All that is measured on.

    sets (Dict[str, List[Message]]): The messages of each set.
    kinds (List[str]): The kind of each of the cases.
    listens (Dict[str, List[bool]]): Whether each message asks for music, in the sets of
        which it is known.
    """

    sets: Dict[str, List[Message]]
    kinds: List[str]
    listens: Dict[str, List[bool]]


class Tagger:
    """What finds queries, and the threshold that it was saved with."""

    name: str
    made_from: str
    threshold = 0.0

    def find(self, texts: Iterable[str]) -> List[Found]:
        """texts (Iterable[str]): Messages.
        RETURNS (List[Found]): What is in them, by whatever threshold.
        """
        raise NotImplementedError


class Pipeline(Tagger):
    """A spaCy pipeline with a `music_query` component; None for the box."""

    def __init__(self, path: Optional[str]) -> None:
        self.nlp = load_pipeline(path)
        metas = {name: self.nlp.get_pipe_meta(name) for name in self.nlp.pipe_names}
        [name, *_] = [name for name, meta in metas.items() if meta.factory == "music_query"]
        component: Any = self.nlp.get_pipe(name)
        self.threshold = component.cfg["threshold"]
        self.key = component.cfg["spans_key"]
        # Scores are measured of what it would drop as well.
        component.cfg["threshold"] = 0.0
        if path is None:
            weights = srsly.read_json(BOX_PATH / "record.json")["files"]["model"]
            self.name = "box"
            version = metadata.version("spacy-musicquery")
            self.made_from = f"the model in the box of {version}, weights {weights[:12]}"
        else:
            saved = Path(path)
            # Trainings leave NAME/model-best.
            self.name = saved.parent.name if saved.name == "model-best" else saved.name
            self.made_from = f"a pipeline that was trained as `{self.name}`"

    def find(self, texts: Iterable[str]) -> List[Found]:
        found = []
        for doc in self.nlp.pipe(texts, batch_size=256):
            spans = doc.spans[self.key].attrs["char_spans"]
            found.append(
                Found(
                    tuple((span["start"], span["end"]) for span in spans),
                    tuple(span["score"] for span in spans),
                    doc.cats.get(LISTEN),
                )
            )
        return found


class Crf(Tagger):
    """The most accurate CRF of `systems.py`, trained on CAIS train."""

    name = "crfsuite"
    made_from = "python-crfsuite on character n-grams, trained on CAIS train"

    def __init__(self, cais: Path, models: Path) -> None:
        train_all([self.name], cais / "train.jsonl", cais / "valid.jsonl", models)
        self.system = SYSTEMS[self.name]()
        self.system.load(models / self.name)

    def find(self, texts: Iterable[str]) -> List[Found]:
        return [Found(tuple(self.system.one(text))) for text in texts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="cais, chat, open, real")
    parser.add_argument("--model", nargs="*", default=[], help="pipelines beside the box")
    parser.add_argument("--crf", action="store_true", help="a CRF trained on CAIS, too")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--docs", type=Path, help="another folder for tables and pictures")
    options = parser.parse_args()
    data = read_data(options.data)
    taggers: List[Tagger] = [Pipeline(path) for path in (None, *options.model)]
    if options.crf:
        taggers.append(Crf(options.data / "cais", options.out / "models"))
    command = "python benchmarks/real.py --data DIR"
    named = [tagger.name for tagger in taggers[1 : 1 + len(options.model)]]
    command += f" --model {' '.join(named)}" if named else ""
    command += " --crf" * options.crf + " --docs docs"
    results: Dict[str, Any] = {
        "command": command,
        "made_from": {tagger.name: tagger.made_from for tagger in taggers},
        "shapes": {ending.name: ending.shown for ending in endings(())},
        "systems": {tagger.name: measure(tagger, data) for tagger in taggers},
    }
    options.out.mkdir(parents=True, exist_ok=True)
    content = json.dumps(results, indent=1, ensure_ascii=False)
    (options.out / "real.json").write_text(content, encoding="utf8")
    for folder in filter(None, (options.out, options.docs)):
        folder.mkdir(parents=True, exist_ok=True)
        pictures = draw(results, folder)
        (folder / "real.md").write_text(document(results, pictures), encoding="utf8")
    print(document(results, []))


def read_data(folder: Path) -> Data:
    """folder (Path): Laid out as said above. RETURNS (Data): All that is in it."""
    real = folder / "real"
    other = read_messages(real / "car_other.jsonl")
    sets = {
        name: read_messages(real / f"{name}.jsonl") for name in ("car_music", "car_bare")
    }
    for name, (least, most) in _SPLIT.items():
        sets[name] = [m for m in other if least <= len(m.text) <= most]
    sets["sms"] = [Message(line) for line in read_lines(real / "sms.txt")]
    sets["cases"] = read_messages(real / "cases.jsonl")
    sets["car_commands"] = read_messages(folder / "open" / "car_commands.jsonl")
    chats = sorted((folder / "chat").glob("*.txt"))
    for path in chats:
        sets[path.stem] = [Message(line) for line in read_lines(path)]
    sets["CAIS valid"] = read_messages(folder / "cais" / "valid.jsonl")
    silent = [*_SPLIT, "sms", *(path.stem for path in chats)]
    listens = {name: [False] * len(sets[name]) for name in silent}
    listens["car_music"] = [True] * len(sets["car_music"])
    listens["car_commands"] = _column(folder / "open" / "car_commands.jsonl", "listen")
    return Data(sets, _column(real / "cases.jsonl", "kind"), listens)


def read_messages(path: Path) -> List[Message]:
    """path (Path): A file of records.
    RETURNS (List[Message]): Their texts and queries.
    RAISES (ValueError): If anything in the file is wrong.
    """
    records, problems = read_records(path)
    stop_at_problems(problems, remedy="Correct the rows.")
    return [
        Message(record.text, tuple((start, end) for start, end, _ in record.spans))
        for record in records
    ]


def _column(path: Path, key: str) -> List[Any]:
    return [row[key] for row in srsly.read_jsonl(path)]


def measure(tagger: Tagger, data: Data) -> Dict[str, Any]:
    """tagger (Tagger): What to measure. data (Data): On what.
    RETURNS (Dict[str, Any]): All figures, most as value, lowest, highest and number.
    """
    began = time.perf_counter()
    progress = tqdm(total=len(data.sets) + 13, desc=tagger.name, unit=" sets", leave=False)

    def find(messages: Sequence[Message]) -> List[Found]:
        found = tagger.find(message.text for message in messages)
        progress.update(1)
        return found

    def find_sure(messages: Sequence[Message]) -> List[Found]:
        return [found.above(tagger.threshold) for found in find(messages)]

    unsure = {name: find(messages) for name, messages in data.sets.items()}
    found = {
        name: [one.above(tagger.threshold) for one in of_set]
        for name, of_set in unsure.items()
    }
    requests = [*data.sets["CAIS valid"], *data.sets["car_music"]]
    are_right = map(is_exact, requests, [*found["CAIS valid"], *found["car_music"]])
    right = sample_requests(requests, list(are_right), N_REQUESTS)
    results = {
        "threshold": tagger.threshold,
        "sets": {
            name: {
                "n": len(messages),
                "f1": f1(messages, found[name]),
                "false_alarms": false_alarms(messages, found[name]),
                "exact": exact(messages, found[name]),
            }
            for name, messages in data.sets.items()
        },
        "kinds": measure_kinds(data, found["cases"]),
        "listening": measure_listening(data, found),
        "calibration": measure_calibration(data, unsure),
        "thresholds": measure_thresholds(data, unsure),
        "endings": measure_endings(right, find_sure),
        "famous": measure_famous(find_sure),
        "converted": measure_converted(data, find_sure),
        **measure_wishes(right, find_sure),
    }
    progress.close()
    return {**results, "seconds": time.perf_counter() - began}


def measure_kinds(data: Data, found: List[Found]) -> Dict[str, Optional[Share]]:
    """The share of cases that are exactly right, of each kind that has enough of them."""
    cases = data.sets["cases"]
    rights = [is_exact(message, one) for message, one in zip(cases, found)]
    numbers = Counter(data.kinds)
    return {
        kind: share(
            [right for right, of_kind in zip(rights, data.kinds) if of_kind == kind]
        )
        for kind, n in numbers.most_common()
        if n >= SMALLEST_KIND
    }


def measure_listening(data: Data, found: Dict[str, List[Found]]) -> Optional[Share]:
    """F1 of messages that ask for music; None if the system does not say."""
    said = [one.listen for name in data.listens for one in found[name]]
    gold = [asks for of_set in data.listens.values() for asks in of_set]
    known = [probability for probability in said if probability is not None]
    return binary_f1(gold, [p >= 0.5 for p in known]) if len(known) == len(gold) else None


def measure_calibration(
    data: Data, unsure: Dict[str, List[Found]]
) -> Optional[Dict[str, Any]]:
    """How far scores can be believed on `real/`; None if there are none."""
    names = ("car_music", "car_bare", *_SPLIT, "sms", "cases")
    scored = [
        (score, span in message.spans)
        for name in names
        for message, found in zip(data.sets[name], unsure[name])
        for span, score in zip(found.spans, found.scores)
    ]
    if not scored:
        return None
    scores, rights = zip(*scored)
    bins = reliability(scores, rights, N_BINS)
    return {"error": expected_calibration_error(bins), "n": len(scored), "bins": bins}


def measure_thresholds(
    data: Data, unsure: Dict[str, List[Found]]
) -> Optional[List[Dict[str, Any]]]:
    """What other thresholds would give; None if there are no scores."""
    measures: Tuple[Tuple[str, Callable[..., Optional[Share]]], ...] = (
        ("car_music", f1),
        ("CAIS valid", f1),
        ("cases", exact),
        ("sms", false_alarms),
        ("car_other over 6", false_alarms),
        ("car_other up to 4", false_alarms),
    )
    if not any(found.scores for found in unsure["car_music"]):
        return None
    return [
        {
            "threshold": threshold,
            **{
                name: of(
                    data.sets[name], [found.above(threshold) for found in unsure[name]]
                )
                for name, of in measures
            },
        }
        for threshold in THRESHOLDS
    ]


Find = Callable[[Sequence[Message]], List[Found]]


def measure_endings(requests: List[Message], find: Find) -> Dict[str, Optional[Share]]:
    """Of requests that are right, how many are still right with each ending."""
    titles = read_catalogue([ROOT / "assets" / "catalogue"])["title"]
    changed = [
        (ending.name, message)
        for ending in endings(set(titles))
        for message in map(ending.change, requests)
        if message is not None
    ]
    found = find([message for _, message in changed])
    rights: Dict[str, List[bool]] = {}
    for (name, message), one in zip(changed, found):
        rights.setdefault(name, []).append(is_exact(message, one))
    return {name: share(of_ending) for name, of_ending in rights.items()}


def measure_famous(find: Find) -> Dict[str, Any]:
    """In how many plain requests famous names are exactly right."""
    cases = famous()
    rights = _rights(cases, find)

    def share_of(places: Iterable[int]) -> Optional[Share]:
        # Samples are drawn of names: the requests with one of them are no chance of their own.
        hits, totals = _by_name(cases, rights, places)
        return share([hits[name] for name in totals], list(totals.values()))

    hits, totals = _by_name(cases, rights, range(len(cases)))
    worst = sorted(totals, key=lambda name: (hits[name] / totals[name], name))[:20]
    return {
        "all": share_of(range(len(cases))),
        "forms": {
            form: {
                ending: share_of(i for i in places if cases[i].ending == ending)
                for ending in FAMOUS_ENDINGS
            }
            for form, places in by(cases, "form").items()
        },
        "carriers": {key: share_of(places) for key, places in by(cases, "carrier").items()},
        "worst_names": {name: hits[name] / totals[name] for name in worst},
    }


def _by_name(
    cases: Sequence[Case], rights: Sequence[bool], places: Iterable[int]
) -> Tuple[Dict[str, int], Dict[str, int]]:
    """Of the requests in these places, how many are right, and how many there are, by name."""
    hits: Dict[str, int] = {}
    totals: Dict[str, int] = {}
    for i in places:
        [(start, end)] = cases[i].message.spans
        name = cases[i].message.text[start:end]
        hits[name] = hits.get(name, 0) + rights[i]
        totals[name] = totals.get(name, 0) + 1
    return hits, totals


def measure_converted(data: Data, find: Find) -> Dict[str, Dict[str, Optional[Share]]]:
    """F1 in traditional characters, and in the wording of Taiwan and Hong Kong."""
    # Not needed for anything else: only this benchmark requires it.
    from opencc import OpenCC

    sets = {
        "assets/train.json": read_messages(ROOT / "assets" / "train.json"),
        "CAIS valid": data.sets["CAIS valid"],
    }
    results: Dict[str, Dict[str, Optional[Share]]] = {}
    for name, messages in sets.items():
        results[name] = {"simplified": f1(messages, find(messages))}
        for conversion in CONVERSIONS:
            convert = OpenCC(conversion).convert
            converted = [rebuild(message, convert) for message in messages]
            results[name][conversion] = f1(converted, find(converted))
    return results


def measure_wishes(requests: List[Message], find: Find) -> Dict[str, Any]:
    """What is refused must not be found; polite words must change nothing."""
    cases = [*refusals(), *polite(requests)]
    rights = _rights(cases, find)
    return {
        form: _shares([cases[i] for i in places], [rights[i] for i in places], "carrier")
        for form, places in by(cases, "form").items()
    }


def _rights(cases: Sequence[Case], find: Find) -> List[bool]:
    messages = [case.message for case in cases]
    return [is_exact(message, found) for message, found in zip(messages, find(messages))]


def _shares(
    cases: Sequence[Case], rights: Sequence[bool], field: str
) -> Dict[str, Optional[Share]]:
    return {
        value: share([rights[i] for i in places])
        for value, places in by(cases, field).items()
    }


if __name__ == "__main__":
    main()
