"""What `benchmarks/real.py` counts, and the messages that it makes."""

import random
import sys
from pathlib import Path

import numpy as np
import pytest

from spacy_musicquery.data.catalogue_files import read_catalogue

# The modules of that folder import each other as the scripts beside them do.
sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))

import real_checks as checks
import real_famous as names
from real_scores import (
    Found,
    Message,
    binary_f1,
    exact,
    f1,
    false_alarms,
    is_exact,
    reliability,
    share,
)

CATALOGUE = Path(__file__).parent.parent / "assets" / "catalogue"


def make_case(seed, n=400):
    """Messages, a third of them without a query, and what somebody found in them."""
    choose = random.Random(seed)
    gold, found = [], []
    for _ in range(n):
        spans = tuple((i, i + 2) for i in range(0, 9, 3) if choose.random() < 0.3)
        kept = [span for span in spans if choose.random() < 0.8]
        extra = [(i, i + 1) for i in range(0, 9, 3) if choose.random() < 0.1]
        gold.append(Message("一二三四五六七八九", spans))
        found.append(Found(tuple(sorted({*kept, *extra}))))
    return gold, found


def count(gold, found):
    """F1, false alarms and the exact share, each in the plainest way."""
    hits = misses = wrong = alarms = silent = right = 0
    for message, one in zip(gold, found):
        for span in message.spans:
            hits += span in one.spans
            misses += span not in one.spans
        wrong += sum(span not in message.spans for span in one.spans)
        right += sorted(message.spans) == sorted(one.spans)
        if len(message.spans) == 0:
            silent += 1
            alarms += len(one.spans) > 0
    precision, recall = hits / (hits + wrong), hits / (hits + misses)
    score = 2 * precision * recall / (precision + recall)
    return score, alarms / silent, right / len(gold)


@pytest.mark.parametrize("seed", range(5))
def test_figures_are_those_of_plain_counting(seed):
    gold, found = make_case(seed)
    measured = [of(gold, found).value for of in (f1, false_alarms, exact)]
    assert measured == pytest.approx(count(gold, found))


@pytest.mark.parametrize("seed", range(3))
def test_intervals_are_those_of_resampled_messages(seed):
    gold, found = make_case(seed, n=150)
    generator = np.random.default_rng(seed)
    samples = []
    for _ in range(2000):
        places = generator.integers(len(gold), size=len(gold))
        samples.append(count([gold[i] for i in places], [found[i] for i in places]))
    lows, highs = np.quantile(samples, (0.025, 0.975), axis=0)
    for of, low, high in zip((f1, false_alarms, exact), lows, highs):
        measured = of(gold, found)
        # Both are drawn by chance: within a tenth of the interval's width.
        assert measured.low == pytest.approx(low, abs=0.1 * (high - low))
        assert measured.high == pytest.approx(high, abs=0.1 * (high - low))


def test_a_share_is_the_same_twice_and_has_its_number():
    assert share([1, 0, 1, 1]) == share([1, 0, 1, 1])
    assert share([1, 0, 1, 1]).value == 0.75
    assert share([2, 0, 4], [4, 0, 4]).n == 2
    assert share([1, 1])[1:3] == (1, 1)


def test_there_is_no_share_of_nothing():
    assert share([]) is None
    assert share([0, 0], [0, 0]) is None
    assert f1([Message("你好")], [Found(((0, 1),))]) is None
    assert false_alarms([Message("晴天", ((0, 2),))], [Found(())]) is None


def test_binary_f1_is_that_of_precision_and_recall():
    gold = [True, True, True, False, False]
    predicted = [True, False, True, True, False]
    assert binary_f1(gold, predicted).value == pytest.approx(2 / 3)


def test_thresholds_keep_what_reaches_them():
    found = Found(((0, 2), (3, 5)), (0.5, 0.9))
    assert found.above(0.5) == found
    assert found.above(0.6) == Found(((3, 5),), (0.9,))
    assert Found(((0, 2),)).above(0.9) == Found(((0, 2),))


def test_bins_are_those_of_plain_counting():
    choose = random.Random(0)
    scores = [0.0, 1.0, *(choose.random() for _ in range(500))]
    right = [choose.random() < score for score in scores]
    bins = reliability(scores, right, 15)
    assert sum(b["n"] for b in bins) == len(scores)
    for i, measured in enumerate(bins):
        inside = [
            (score, is_right)
            for score, is_right in zip(scores, right)
            if i / 15 <= score < (i + 1) / 15 or (i == 14 and score == 1.0)
        ]
        assert measured["n"] == len(inside)
        assert measured["score"] == pytest.approx(sum(s for s, _ in inside) / len(inside))
        assert measured["right"] == pytest.approx(sum(r for _, r in inside) / len(inside))


REQUEST = Message("我想听周杰伦和晴天", ((3, 6), (7, 9)))
ONE_NAME = Message("播放晴天吧", ((2, 4),))


def queries(message):
    return [message.text[start:end] for start, end in message.spans]


def test_queries_stay_known_when_pieces_change_their_length():
    changed = checks.rebuild(REQUEST, lambda piece: piece * 2, " ")
    assert changed.text == "我想听我想听 周杰伦周杰伦 和和 晴天晴天"
    assert queries(changed) == ["周杰伦周杰伦", "晴天晴天"]
    assert checks.rebuild(REQUEST, str) == REQUEST


def test_endings_leave_the_query_as_it_is():
    endings = checks.endings({"晴天"})
    assert len({ending.name for ending in endings}) == len(endings) == 30
    for ending in endings:
        changed = ending.change(ONE_NAME)
        assert changed.text != ONE_NAME.text
        assert queries(changed) == ["晴天"]


def test_marks_are_put_around_single_names_only():
    around = checks.put_around("《", "》", {"晴天"})
    assert around(ONE_NAME).text == "播放《晴天》吧"
    assert around(REQUEST) is None
    assert around(Message("播放稻香", ((2, 4),))) is None
    assert checks.put_around("“", "”")(Message("放周杰伦的晴天", ((1, 7),))) is None
    assert around(Message("播放《晴天》", ((3, 5),))) is None


def test_the_requests_are_right_and_their_order_is_that_of_all():
    messages = [Message(f"播放{i}晴天", ((3 + (i > 9), 5 + (i > 9)),)) for i in range(50)]
    messages.append(Message("晴天。", ((0, 2),)))
    messages.append(Message("你好"))
    chosen = checks.sample_requests(messages, [True] * len(messages), 20)
    assert len(chosen) == 20
    assert all(message in messages[:50] for message in chosen)
    fewer = [message != chosen[0] for message in messages]
    assert checks.sample_requests(messages, fewer, 20)[:19] == chosen[1:]


def test_famous_names_are_in_the_catalogue():
    catalogue = read_catalogue([CATALOGUE])
    assert {*names.ARTISTS} <= {*catalogue["artist"]}
    assert {*names.TITLES} <= {*catalogue["title"]}
    assert len({*names.ARTISTS, *names.TITLES}) == 500


def test_famous_names_are_asked_for_in_sixty_carriers():
    cases = checks.famous()
    assert len(checks.by(cases, "carrier")) == 60
    assert [*checks.by(cases, "ending")] == [*checks.FAMOUS_ENDINGS]
    assert all(len(case.message.spans) == 1 for case in cases)
    asked = {text for case in cases for text in queries(case.message)}
    assert {"周杰伦", "晴天", "周杰伦的晴天", "周杰伦晴天"} <= asked


def test_what_is_refused_is_no_query():
    by_form = checks.by(cases := checks.refusals(), "form")
    assert not any(cases[i].message.spans for i in by_form["refused"])
    for i in by_form["instead"]:
        [(start, end)] = cases[i].message.spans
        # What is refused comes first.
        assert cases[i].carrier.index("{}") < start
        assert cases[i].message.text[start:end] in {*names.ARTISTS, *names.TITLES}


def test_polite_words_stand_before_verbs():
    cases = checks.polite([ONE_NAME, REQUEST])
    assert [case.message.text for case in cases][:2] == ["请播放晴天吧", "帮我播放晴天吧"]
    assert all(queries(case.message) == ["晴天"] for case in cases)


def test_exact_is_all_and_nothing_else():
    assert is_exact(REQUEST, Found(((7, 9), (3, 6))))
    assert not is_exact(REQUEST, Found(((3, 6),)))
    assert is_exact(Message("你好"), Found(()))
