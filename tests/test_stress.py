"""Short versions of the long runs in `stress/`."""

import os
import signal
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stress.common import component_of, found_in, make_box
from stress.damage import is_clear, run_damages
from stress.damages import DAMAGES, HARMLESS
from stress.flips import flip_bits
from stress.fuzz import POOLS, fuzz, invalid_entities, make_texts, surrogates
from stress.hostile import load_hostile
from stress.isolated import failures_of, run_isolated
from stress.kills import WAYS, Way, kill_saves
from stress.links import load_hostile_indexes
from stress.service import connect, send_requests
from stress.soak import soak
from stress.threads import run_processes, run_threads

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

# Requests in the midst of whatever else there is.
pieces = st.one_of(
    st.sampled_from(["我想听", "周杰伦的晴天", "播放", "Hey Jude", "来一首", "吧"]),
    st.text("".join(POOLS), max_size=4),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
)
texts = st.lists(pieces, max_size=6).map("".join)


@pytest.fixture(scope="module")
def box():
    return make_box()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts)
def test_entities_of_any_text_are_sound(box, text):
    assert invalid_entities(text, box(text)) == []


@settings(max_examples=30)
@given(st.lists(texts, max_size=40), st.integers(1, 50))
def test_any_batch_gives_what_each_text_gives_alone(box, batch, size):
    counts = fuzz(box, batch, seed=size, sample=1.0)
    assert counts.texts == counts.compared == len(batch)
    assert counts.exceptions == counts.invalid == counts.differences == []


def test_fuzz(box):
    counts = fuzz(box, make_texts(1500), sample=0.1)
    assert counts.texts == 1500 and counts.entities > 100 and counts.compared == 150
    assert counts.exceptions == counts.invalid == counts.differences == []
    # The check can tell: an entity that begins with a blank is none.
    doc = box.make_doc("听 歌")
    doc.spans["music_query"] = [doc[0:2]]
    doc.spans["music_query"].attrs["scores"] = [0.5]
    doc.set_ents([doc[0:2]])
    assert invalid_entities("听歌", doc)


def test_half_surrogates(box):
    assert surrogates(box, 10) == {"refused by spaCy": 10, "taken by the model": 10}


@needs_linux
def test_there_are_many_kinds_of_damage():
    assert len(DAMAGES) > 150


SOME = [
    "model is of another pipeline",
    "catalogue is a pipe",
    "model is a link to a device without end",
    "model has 900 MB",
    "cfg is 100,000 records deep",
    "labels are numbers",
    "model has lists of a million, 500 deep",
    "weights with a graph of ../../etc/passwd",
    "a size is 2^63",
    "an array of Python's objects",
    "a weight is infinite",
    "catalogue inflates to 200 MB",
]


@needs_linux
def test_some_kinds_of_damage():
    outcomes = run_damages({name: DAMAGES[name] for name in SOME})
    assert [(name, o["wrong"]) for name, o in outcomes.items() if o["wrong"]] == []
    assert all(map(is_clear, (e for o in outcomes.values() for e in o["errors"])))


@needs_linux
def test_a_saved_graph_is_never_looked_at():
    [outcome] = run_damages(HARMLESS, is_harmless=True).values()
    assert outcome["wrong"] == [] and outcome["errors"] == [None, None]


@pytest.mark.slow
@needs_linux
@pytest.mark.parametrize("name", WAYS)
def test_a_killed_save_leaves_one_thing_or_the_other(name):
    counts, wrong = kill_saves(WAYS[name](), 4)
    assert wrong == []
    assert counts["the first"] + counts["the second"] == counts["kills"] == 4


@needs_linux
def test_kills_can_tell():
    def save_by_halves(rows, path):
        path.write_text(rows[:1], encoding="utf8")
        path.write_text(rows, encoding="utf8")

    way = Way(["aa", "bb"], save_by_halves, lambda path: path.read_text("utf8"), 0.05)
    _, wrong = kill_saves(way, 40)
    assert "is not in list" in wrong[0]


def test_threads_and_processes_find_what_one_finds(box):
    n, wrong = run_threads(box, 4, 300, n_different=100)
    assert (n, wrong) == (1200, [])
    n, wrong = run_processes(box, 2, 200, n_different=100)
    assert (n, wrong) == (200, [])


def test_threads_can_tell(box, monkeypatch):
    monkeypatch.setattr("stress.threads.found_in", lambda doc: [(0, 1, str(id(doc)), 0.5)])
    assert run_threads(box, 1, 30, n_different=10)[1]


@pytest.mark.slow
@needs_linux
def test_soak(box):
    figures, wrong = soak(make_box(), 20_000)
    assert figures["messages"] == 20_000 and figures["entities"] > 100
    assert figures["changes"] == 10 and figures["forks"] == 2 and figures["threads"] == 0
    assert [problem for problem in wrong if "memory" not in problem] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["fuzz", "damage", "kills", "links", "service", "threads", "soak"]
)
def test_help(name):
    result = subprocess.run(
        [sys.executable, "-m", f"stress.{name}", "--help"],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0 and "usage" in result.stdout


def test_only_the_doc_that_fails_is_handed_to_the_error_handler(box, monkeypatch):
    component = component_of(box)
    predict = component.predict

    def fail_on_purpose(docs):
        docs = list(docs)
        if any("坏" in doc.text for doc in docs):
            raise RuntimeError("on purpose")
        return predict(docs)

    failed = []
    monkeypatch.setattr(component, "predict", fail_on_purpose)
    monkeypatch.setattr(component, "error_handler", None, raising=False)
    component.set_error_handler(lambda name, proc, docs, e: failed.append((name, docs, e)))
    batch = ["我想听晴天", "坏", "播放七里香", "坏坏", "你好"]
    docs = list(box.pipe(batch, batch_size=5))
    assert [doc.text for doc in docs] == [text for text in batch if "坏" not in text]
    assert found_in(docs[0]) and found_in(docs[1])
    assert [[doc.text for doc in docs] for _, docs, _ in failed] == [["坏"], ["坏坏"]]
    assert all(name == "music_query" and str(e) == "on purpose" for name, _, e in failed)


@needs_linux
def test_bits_that_are_flipped():
    counts, wrong = flip_bits(40)
    assert wrong == [] and len(counts) > 8 and sum(map(sum_of, counts.values())) == 40
    ours = [of_file for name, of_file in counts.items() if name.startswith("music_query")]
    assert len(ours) == 5 and all(set(of_file) == {"refused"} for of_file in ours)


@needs_linux
def test_hostile_files():
    counts, wrong, _ = load_hostile(24)
    assert wrong == [] and sum(map(sum_of, counts.values())) == 24
    # Some are refused, and some are not.
    assert {outcome for of_file in counts.values() for outcome in of_file} == {
        "refused",
        "loads",
    }


@needs_linux
def test_hostile_indexes():
    counts, wrong, _ = load_hostile_indexes(60)
    assert wrong == [] and sum(map(sum_of, counts.values())) == 60
    assert {*counts} == {"array", "facts", "header", "repeated"}
    assert sum(of_kind["loads"] for of_kind in counts.values()) >= 10


def test_hostile_requests():
    counts, wrong = send_requests(300)
    assert wrong == [] and sum_of(counts) == 300
    assert {"200", "401", "413", "421", "422"} <= {*counts}


@pytest.mark.slow
@needs_linux
def test_hostile_connections():
    counts, wrong = connect(30)
    assert wrong == [] and sum_of(counts) == 30


@needs_linux
def test_isolated_work_can_crash_hang_and_grow():
    def work(item):
        if item == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        if item == "hang":
            signal.alarm(1)
            signal.pause()
        if item == "raise":
            raise ValueError(item)
        data = bytearray(450_000_000) if item == "grow" else b""
        return {"size": len(data)}

    items = ["fine", "crash", "raise", "grow", "hang", "fine"]
    outcomes = run_isolated(items, work, "items")
    assert [outcome.get("size") for outcome in outcomes] == [
        0,
        None,
        None,
        450_000_000,
        None,
        0,
    ]
    told = failures_of(outcomes, items)
    assert [failure.split(":")[0] for failure in told] == ["crash", "raise", "grow", "hang"]


def sum_of(counter):
    return sum(counter.values())
