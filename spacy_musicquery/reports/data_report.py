"""Figures about annotated messages, as rows of a table."""

import re
from collections import Counter, defaultdict
from pathlib import Path
from statistics import median
from typing import DefaultDict, Iterable, List, Sequence, Set, Tuple

from ..data.records import DEFAULT_LABEL, Record
from ..errors import Warnings
from ..features.characters import CharInventory

_MAX_UNSEEN_SHOWN = 20
# Shorter names may be two things that differ in a letter.
_LEAST_FOR_A_SLIP = 5


def records_rows(corpora: Sequence[Sequence[Record]]) -> List[Tuple[str, ...]]:
    """What each of some sets of records holds.

    corpora (Sequence[Sequence[Record]]): The sets.
    RETURNS (List[Tuple[str, ...]]): Rows: a name, and a cell a set.
    """
    counts = [Counter(name for r in c for *_, name in r.spans) for c in corpora]
    labels = sum(counts, Counter())
    columns = [dict(_figures(records)) for records in corpora]
    rows = [(name, *(column[name] for column in columns)) for name in columns[0]]
    by_label = [
        (f"  {label}", *(str(count[label]) for count in counts))
        for label, _ in labels.most_common()
    ]
    intents = [Counter(r.intent for r in c if r.intent is not None) for c in corpora]
    by_intent = [
        (f"  intent {intent}", *(str(count[intent]) for count in intents))
        for intent, _ in sum(intents, Counter()).most_common()
    ]
    return rows[:2] + by_label + rows[2:3] + by_intent + rows[3:]


def data_warnings(path: Path, records: Sequence[Record]) -> List[str]:
    """What is allowed in records and is seldom meant.

    path (Path): Their file.
    records (Sequence[Record]): The records.
    RETURNS (List[str]): Warnings: of labels and intents that differ only in spelling, and
        of labels for queries as a whole beside those for their parts.
    """
    labels = Counter(name for record in records for *_, name in record.spans)
    intents = Counter(r.intent for r in records if r.intent is not None)
    found = []
    for counts in (labels, intents):
        for alike in _spelt_alike(counts):
            names = " and ".join(f"{name} ({counts[name]})" for name in alike)
            found.append(Warnings.MQ258.format(path=path, names=names))
    if len(labels) > 1 and DEFAULT_LABEL in labels:
        others = ", ".join(sorted(set(labels) - {DEFAULT_LABEL}))
        found.append(Warnings.MQ259.format(path=path, label=DEFAULT_LABEL, others=others))
    return found


def _spelt_alike(names: Iterable[str]) -> List[List[str]]:
    """Groups of names that are the same but for case and separators, or one slip."""
    groups: DefaultDict[str, List[str]] = defaultdict(list)
    for name in sorted(names):
        groups[re.sub(r"[\W_]+", "", name).casefold()].append(name)
    keys = sorted(groups)
    for i, key in enumerate(keys):
        for other in keys[i + 1 :]:
            if groups[key] and groups[other] and _differ_by_a_slip(key, other):
                groups[key] += groups.pop(other)
                groups[other] = []
    return [group for group in groups.values() if len(group) > 1]


def _differ_by_a_slip(one: str, other: str) -> bool:
    """Whether a letter is another one, too many, or two have changed places."""
    if min(len(one), len(other)) < _LEAST_FOR_A_SLIP or abs(len(one) - len(other)) > 1:
        return False
    if len(one) != len(other):
        short, long = sorted((one, other), key=len)
        return any(long[:i] + long[i + 1 :] == short for i in range(len(long)))
    differing = [i for i, (a, b) in enumerate(zip(one, other)) if a != b]
    if len(differing) == 1:
        # Names that count, such as SLOT1 and SLOT2, are meant.
        return not (one[differing[0]].isdigit() or other[differing[0]].isdigit())
    return (
        len(differing) == 2
        and differing[1] == differing[0] + 1
        and one[differing[0]] == other[differing[1]]
        and one[differing[1]] == other[differing[0]]
    )


def overlap_rows(train: Sequence[Record], dev: Sequence[Record]) -> List[Tuple[str, ...]]:
    """What evaluation data share with training data, and what they do not.

    train (Sequence[Record]): The training data.
    dev (Sequence[Record]): The evaluation data.
    RETURNS (List[Tuple[str, ...]]): Rows: a name and a value.
    """
    train_texts = {record.text for record in train}
    leaked = sum(record.text in train_texts for record in dev)
    train_queries, dev_queries = _queries(train), _queries(dev)
    unseen_queries = sum(query not in train_queries for query in dev_queries)
    train_chars, dev_chars = _chars(train), _chars(dev)
    unseen = sorted(char for char in dev_chars if char not in train_chars)
    # A line break or an escape among them would break the table.
    visible = [char for char in unseen if char.isprintable()]
    shown = "".join(visible[:_MAX_UNSEEN_SHOWN])
    if len(visible) > _MAX_UNSEEN_SHOWN:
        shown += "…"
    return [
        ("messages also in train", _share(leaked, len(dev))),
        ("queries not in train", _share(unseen_queries, len(dev_queries))),
        ("characters not in train", f"{len(unseen)} {shown}".strip()),
        (
            "share of text they make",
            _percent(sum(dev_chars[c] for c in unseen), sum(dev_chars.values())),
        ),
    ]


def _figures(records: Sequence[Record]) -> List[Tuple[str, str]]:
    lengths = sorted(len(record.text) for record in records) or [0]
    query_lengths = sorted(e - s for record in records for s, e, _ in record.spans) or [0]
    n_empty = sum(not record.spans for record in records)
    n_repeated = len(records) - len({record.text for record in records})
    return [
        ("messages", str(len(records))),
        ("queries", str(sum(len(record.spans) for record in records))),
        ("messages without a query", _share(n_empty, len(records))),
        ("repeated messages", _share(n_repeated, len(records))),
        ("characters a message: median, longest", _median_and_max(lengths)),
        ("characters a query: median, longest", _median_and_max(query_lengths)),
        ("different characters", str(len(_chars(records)))),
    ]


def _chars(records: Sequence[Record]) -> Counter:
    normalize = CharInventory().normalize
    return Counter(char for record in records for char in normalize(record.text))


def _queries(records: Sequence[Record]) -> Set[str]:
    return {r.text[start:end] for r in records for start, end, _ in r.spans}


def _median_and_max(values: List[int]) -> str:
    return f"{median(values):g}, {values[-1]}"


def _share(n: int, total: int) -> str:
    return f"{n} ({_percent(n, total)})"


def _percent(n: int, total: int) -> str:
    return f"{n / total if total else 0:.1%}"
