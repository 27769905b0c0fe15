import tempfile
from pathlib import Path
from typing import Any, List, NamedTuple, Optional, Tuple

import spacy
import typer
from spacy.language import Language
from spacy.training import Example
from spacy.util import ensure_path
from wasabi import msg

from ..data.annotated_files import read_any_records, stop_at_problems
from ..data.box_messages import check_examples
from ..data.catalogue_files import read_catalogue
from ..data.docs import record_to_doc
from ..data.raw_text import read_negatives
from ..data.records import DEFAULT_LABEL, Record, list_intents, split_records
from ..errors import Errors, Warnings
from ..ml.load_keras import network_module
from ..pipeline.fine_tuning import (
    MIN_DEV_QUERIES,
    Scores,
    fine_tune,
    fine_tuning_config,
    most_lost,
    score,
)
from ..pipeline.load import load_pipeline
from ..reports.data_report import data_warnings
from ..saving.atomic import require_replaceable, save
from ._util import (
    LABEL_OPTION,
    SPANS_KEY_OPTION,
    blank_pipeline,
    percent,
    plain_errors,
    save_records,
)

# From so many messages on, a fifth can be spared.
_LEAST_TO_SPLIT = 100
_DEV_SHARE = 0.2
_CHAT_SHARE = 0.1
# What a figure may lose before it is said, where few messages decide it.
_LOSS_TO_TELL = 0.005


class _Set(NamedTuple):
    """Messages to score before and after.

    name (str): For the table.
    examples (List[Example]): The messages.
    is_unseen (bool): Whether none of them is trained on.
    """

    name: str
    examples: List[Example]
    is_unseen: bool


def train(
    train_path: Path = typer.Argument(
        ...,
        metavar="FILE",
        help="Your annotated messages: .json, .jsonl, .csv, Rasa's .yml, two-column or .spacy",
    ),
    output_path: Path = typer.Option(..., "--out", "-o", help="Where to save the pipeline"),
    dev_path: Optional[Path] = typer.Option(
        None, "--dev", help="Messages of yours that are not trained on, to measure by"
    ),
    chat_path: Optional[Path] = typer.Option(
        None, "--chat", help="Ordinary messages that ask for no music, one a line"
    ),
    catalogue_path: Optional[Path] = typer.Option(
        None, "--catalogue", help="A file or folder of names to train with"
    ),
    label: str = LABEL_OPTION,
    spans_key: str = SPANS_KEY_OPTION,
    seed: int = typer.Option(0, help="Seed of the training"),
) -> None:
    """Train the model in the box further on messages of your own, few or many.

    Checks them, trains, takes back what would cost too much of what the box knows, and
    prints how good it is on your messages and on the box's own check, before and after.
    """
    with plain_errors():
        network_module("music-query train")
        require_replaceable(output_path)
        records = _read(train_path, label, spans_key)
        if not any(record.spans for record in records):
            raise ValueError(Errors.MQ241.format(path=train_path, n=len(records)))
        dev = _read(dev_path, label, spans_key) if dev_path else []
        if dev_path:
            records = _without_leaks(records, dev, train_path, dev_path)
        elif len({record.text for record in records}) >= _LEAST_TO_SPLIT:
            records, dev = split_records(records, _DEV_SHARE, seed)
        chat = read_negatives(chat_path) if chat_path else []
        chat, chat_dev = _split_chat(chat, seed)
        if catalogue_path:
            read_catalogue([catalogue_path])  # rather an error here than after a while
        _tell_at_the_start(records, dev, bool(chat), train_path, dev_path)
        nlp = blank_pipeline("zh", "char")
        intents = list_intents([*records, *dev])
        labels = {name for record in records for *_, name in record.spans}
        sets = [
            _Set("your messages, trained on", _examples(nlp, records, intents), False),
            _Set("your messages, not trained on", _examples(nlp, dev, intents), True),
            _Set("your chat, not trained on", _examples(nlp, chat_dev, intents), True),
            _Set("the box's check", check_examples(nlp, labels), True),
        ]
        sets = [of_kind for of_kind in sets if of_kind.examples]
        box = load_pipeline(None)
        before = [score(box, of_kind.examples) for of_kind in sets]
        with tempfile.TemporaryDirectory() as folder:
            paths = {}
            for name, part in (("train", records), ("dev", dev or records), ("chat", chat)):
                if part:
                    paths[name] = Path(folder) / f"{name}.spacy"
                    save_records(nlp, part, paths[name])
            config = fine_tuning_config(
                **paths,
                n_messages=len(records),
                has_new_labels=DEFAULT_LABEL not in labels,
                catalogue=ensure_path(catalogue_path) if catalogue_path else None,
                seed=seed,
            )
            trained = fine_tune(
                config,
                Path(folder) / "training",
                _examples(nlp, [*dev, *chat_dev], intents),
                sets[-1].examples,
                most_lost(len(records)),
            )
        after = [score(trained.nlp, of_kind.examples) for of_kind in sets]
        trained.nlp.meta["performance"] = _performance(sets, after)
        save(trained.nlp, output_path)
        spacy.load(output_path)
    _print_table(sets, before, after)
    _tell_at_the_end(sets, before, after, trained.share, output_path)
    msg.good(f"Saved the pipeline: {output_path}")


def _read(path: Path, label: str, spans_key: str) -> List[Record]:
    records, problems = read_any_records(path, label=label, spans_key=spans_key)
    stop_at_problems(problems, remedy="Correct the rows; nothing was trained.")
    return records


def _without_leaks(
    records: List[Record], dev: List[Record], path: Path, dev_path: Path
) -> List[Record]:
    dev_texts = {record.text for record in dev}
    kept = [record for record in records if record.text not in dev_texts]
    if not any(record.spans for record in kept):
        raise ValueError(Errors.MQ242.format(path=path, dev=dev_path))
    if len(kept) < len(records):
        n = len(records) - len(kept)
        msg.warn(Warnings.MQ254.format(n=n, path=path, dev=dev_path))
    return kept


def _split_chat(chat: List[Record], seed: int) -> Tuple[List[Record], List[Record]]:
    if len(chat) * _CHAT_SHARE < 1:
        return chat, []
    return split_records(chat, _CHAT_SHARE, seed)


def _examples(nlp: Language, records: List[Record], intents: List[str]) -> List[Example]:
    docs = (record_to_doc(nlp, record, intents) for record in records)
    return [Example(nlp.make_doc(doc.text), doc) for doc in docs]


def _tell_at_the_start(
    records: List[Record],
    dev: List[Record],
    has_chat: bool,
    path: Path,
    dev_path: Optional[Path],
) -> None:
    n_dev_queries = sum(len(record.spans) for record in dev)
    measured = dev_path or path
    if not dev:
        msg.warn(Warnings.MQ252.format(least=_LEAST_TO_SPLIT))
    elif not n_dev_queries:
        msg.warn(Warnings.MQ250.format(path=measured, n=len(dev)))
    elif n_dev_queries < MIN_DEV_QUERIES:
        warning = Warnings.MQ251.format(
            path=measured, n=n_dev_queries, least=MIN_DEV_QUERIES
        )
        msg.warn(warning)
    if all(record.spans for record in records) and not has_chat:
        msg.warn(Warnings.MQ253.format(path=path, n=len(records)))
    for warning in data_warnings(path, records):
        msg.warn(warning)


def _performance(sets: List[_Set], scores: List[Scores]) -> Any:
    return {
        of_kind.name: {"ents_f": of.f, "music_query_false_alarms": of.false_alarms}
        for of_kind, of in zip(sets, scores)
    }


def _print_table(sets: List[_Set], before: List[Scores], after: List[Scores]) -> None:
    rows = []
    for of_kind, old, new in zip(sets, before, after):
        of_alarms = (percent(old.false_alarms), percent(new.false_alarms))
        of_f = (percent(old.f), percent(new.f))
        rows.append((of_kind.name, str(len(of_kind.examples)), *of_f, *of_alarms))
    header = ("", "messages", "F1 before", "after", "false alarms before", "after")
    aligns = ("l", "r", "r", "r", "r", "r")
    msg.table(rows, header=header, aligns=aligns, divider=True, max_col=60)


def _tell_at_the_end(
    sets: List[_Set],
    before: List[Scores],
    after: List[Scores],
    share: float,
    output_path: Path,
) -> None:
    if share == 0.0:
        msg.warn(Warnings.MQ257)
    elif share < 1.0:
        msg.warn(Warnings.MQ256.format(share=share))
    for of_kind, old, new in zip(sets, before, after):
        losses = (
            ("F1", old.f, new.f, 1),
            ("false alarms", old.false_alarms, new.false_alarms, -1),
        )
        for name, was, now, sign in losses:
            if was is not None and now is not None and sign * (was - now) > _LOSS_TO_TELL:
                warning = Warnings.MQ255.format(
                    what=f"{name} on {of_kind.name}",
                    before=percent(was),
                    after=percent(now),
                    output=output_path,
                )
                msg.warn(warning)
