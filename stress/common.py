"""What the long runs share: a pipeline, messages, and how a run ends."""

import random
import sys
import threading
import time
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

import numpy as np
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from tqdm import TMonitor

from spacy_musicquery.ml.architectures import get_shim
from spacy_musicquery.pipeline.music_query import MusicQuery

# Spans and their scores: start, end, label, score.
Found = List[Tuple[int, int, str, float]]

PHRASES = (
    "我想听{}", "播放{}", "来一首{}吧", "放{}的歌", "有没有{}", "附近有什么好吃的，再来一首{}",
    "今天天气怎么样", "明天早上叫我起床", "帮我订一张去北京的火车票", "{}是谁唱的",
)  # fmt: skip
NAMES = (
    "周杰伦的晴天", "五月天", "林俊杰", "Hey Jude", "七里香", "一首轻松的爵士乐", "流浪地球",
    "邓紫棋的泡沫", "Taylor Swift", "月亮代表我的心", "儿歌", "陈奕迅十年",
)  # fmt: skip


def make_box() -> Language:
    """RETURNS (Language): spaCy's blank Chinese pipeline and the model in the box."""
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query")
    return nlp


def make_variant() -> Language:
    """RETURNS (Language): The box with other weights, another threshold and other names: a
    file of the one does not fit those of the other, and their results differ."""
    nlp = make_box()
    component = component_of(nlp)
    component.cfg["threshold"] = 0.2
    component.add_to_catalogue({"artist": ["某某某乐队"], "title": ["明天早上"]})
    shim = get_shim(component.model)
    kernel = shim.arrays["output.kernel"]
    shim.set_array("output.kernel", kernel * np.float32(0.5), trainable=True)
    return nlp


def component_of(nlp: Language) -> MusicQuery:
    """RETURNS (MusicQuery): The pipeline's component."""
    component = nlp.get_pipe("music_query")
    assert isinstance(component, MusicQuery)
    return component


def make_messages(n: int, seed: int = 0) -> Iterator[str]:
    """n (int): How many.
    seed (int): Seeds them.
    YIELDS (str): Requests and ordinary messages.
    """
    rng = random.Random(seed)
    for _ in range(n):
        text = rng.choice(PHRASES).format(rng.choice(NAMES))
        yield (
            text
            + rng.choice(("", "", "！", "，谢谢", " ok", "😀"))
            + rng.choice(("", "吧"))
        )


def found_in(doc: Doc, key: str = "music_query") -> Found:
    """RETURNS (Found): What was found in a doc, and stands under a key of `doc.spans`."""
    group = doc.spans[key]
    return [
        (span.start_char, span.end_char, span.label_, score)
        for span, score in zip(group, group.attrs["scores"])
    ]


def are_equal(one: Found, other: Found, tolerance: float = 1e-5) -> bool:
    """RETURNS (bool): Whether the same spans were found, with scores that differ by no more
    than rounding does."""
    return [span[:3] for span in one] == [span[:3] for span in other] and all(
        abs(a[3] - b[3]) <= tolerance for a, b in zip(one, other)
    )


def other_threads() -> List[str]:
    """RETURNS (List[str]): The threads of Python's beside this one and the one that tqdm
    keeps to the end."""
    return [
        thread.name
        for thread in threading.enumerate()
        if thread is not threading.current_thread() and not isinstance(thread, TMonitor)
    ]


def resident_mb() -> float:
    """RETURNS (float): The memory of this process now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def report(counts: Dict[str, object], started: float, failures: List[str]) -> int:
    """Print the counts of a run.

    counts (Dict[str, object]): What was counted.
    started (float): When the run began, by `time.monotonic`.
    failures (List[str]): What was wrong.
    RETURNS (int): The exit code: 1 if anything was.
    """
    for name, count in counts.items():
        shown = f"{count:,}" if isinstance(count, int) else count
        print(f"{name}: {shown}")
    print(f"seconds: {time.monotonic() - started:,.0f}")
    for failure in failures[:20]:
        print(f"WRONG: {failure}", file=sys.stderr)
    print("failed" if failures else "passed")
    return 1 if failures else 0
