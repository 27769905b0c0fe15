"""Figures about annotated messages, as rows of a table."""

from collections import Counter
from statistics import median
from typing import List, Sequence, Set, Tuple

from ..data.records import Record
from ..features.characters import CharInventory

_MAX_UNSEEN_SHOWN = 20


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
    return rows[:2] + by_label + rows[2:]


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
