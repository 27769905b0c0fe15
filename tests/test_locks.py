"""A process that is forked while other threads work inherits no lock that they hold."""

import os
import re
import threading
import time
from pathlib import Path

import pytest
import spacy

from spacy_musicquery import locks
from spacy_musicquery.features import catalogue
from spacy_musicquery.locks import fork_safe_lock
from spacy_musicquery.ml import keras_shim
from spacy_musicquery.pipeline import music_query_linker, query_finder

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")

LOCKS = {
    "adding names": catalogue._ADDING,
    "changing": keras_shim._CHANGING,
    "reading": query_finder.READING,
    "counting": query_finder._COUNTING,
    "reading an index": music_query_linker._READING,
    "another one": fork_safe_lock(),
}
TEXT = "播放周杰伦的晴天"
# How long a child may take, in seconds, on a busy machine.
PATIENCE = 60


def in_a_child(work):
    """The exit code of a process that is forked here and does some work."""
    child = os.fork()
    if not child:
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return "it hangs"


@pytest.mark.parametrize("name", LOCKS)
def test_a_child_finds_locks_open(name):
    lock, held, let_go = LOCKS[name], threading.Event(), threading.Event()

    def hold():
        with lock:
            held.set()
            let_go.wait(0.2)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    assert in_a_child(lambda: lock.acquire(timeout=PATIENCE / 2)) == 0
    thread.join()
    # Nor is it held here, after the fork.
    other = threading.Thread(
        target=lambda: lock.acquire(timeout=PATIENCE) and lock.release()
    )
    other.start()
    other.join(PATIENCE)
    assert not other.is_alive()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_children_of_a_process_at_work_find_what_it_finds():
    nlp = spacy.blank("zh")
    component = nlp.add_pipe("music_query")
    component.set_catalogue({"artist": ["周杰伦"]})
    expected = [query[:3] for query in component.find([TEXT])[0].spans]
    stop = threading.Event()

    def add():
        n = 0
        while not stop.is_set():
            n += 1
            component.add_to_catalogue({"title": [f"歌{n}之{i}" for i in range(50)]})

    def look():
        while not stop.is_set():
            component.find([TEXT, "今天天气怎么样", *[TEXT * 20] * 9])

    threads = [threading.Thread(target=work) for work in (add, look, look)]
    for thread in threads:
        thread.start()
    try:

        def work():
            component.add_to_catalogue({"title": ["会飞的土豆丝"]})
            return [query[:3] for query in component.find([TEXT])[0].spans] == expected

        assert {in_a_child(work) for _ in range(10)} == {0}
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_the_package_has_no_other_locks():
    """Any that stands for a whole process must be in `LOCKS`, and made in `locks`."""
    package = Path(locks.__file__).parent
    others = [
        path.name
        for path in package.rglob("*.py")
        if path.name != "locks.py" and re.search(r"\bR?Lock\(\)", path.read_text("utf8"))
    ]
    assert others == []
