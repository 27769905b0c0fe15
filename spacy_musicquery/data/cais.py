"""The public CAIS corpus (github.com/Adaxry/CM-Net) as records.

CAIS marks slots such as singer and song; a music query is made of neighbouring
slots. How is said in a rules file that users can edit: see `MergeRules`.
"""

import json
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple, Tuple

from ..errors import Errors
from .records import DEFAULT_LABEL, read_tagged

SPLITS = ("train", "valid", "test")


class MergeRules(NamedTuple):
    """Which slots make a query.

    intents (Tuple[str]): Only utterances with one of these intents hold a query.
    labels (Tuple[str]): The slots that queries are made of.
    joiners (Tuple[str]): What may stand between two slots of one query.
    apart (Tuple[str]): Slots that stay apart from a neighbour of the same label.
    """

    intents: Tuple[str, ...]
    labels: Tuple[str, ...]
    joiners: Tuple[str, ...]
    apart: Tuple[str, ...]


def read_rules(path: Path) -> MergeRules:
    """Read the rules by which slots make queries.

    path (Path): A JSON file with the keys of `MergeRules`, each a list of strings.
    RETURNS (MergeRules): The rules.
    RAISES (ValueError): If the file is missing or of another form.
    """
    try:
        data = json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError) as error:
        raise ValueError(Errors.MQ045.format(path=path, problem=error)) from error
    keys = ", ".join(MergeRules._fields)
    if not isinstance(data, dict) or set(data) != set(MergeRules._fields):
        found = ", ".join(data) if isinstance(data, dict) else repr(data)
        problem = f"it must have exactly the keys {keys}, not {found}"
        raise ValueError(Errors.MQ045.format(path=path, problem=problem))
    for key, value in data.items():
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            problem = f'"{key}" must be a list of strings'
            raise ValueError(Errors.MQ045.format(path=path, problem=problem))
    return MergeRules(**{key: tuple(value) for key, value in data.items()})


def merge_slots(
    text: str, slots: Iterable[Dict[str, Any]], intent: str, rules: MergeRules
) -> List[Dict[str, Any]]:
    """Find the queries of an utterance.

    text (str): The utterance.
    slots (Iterable[Dict]): Its slots ("start", "end", "label"), in order.
    intent (str): Its intent.
    rules (MergeRules): The rules.
    RETURNS (List[Dict]): The queries as spans, in order.
    """
    queries: List[Dict[str, Any]] = []
    if intent not in rules.intents:
        return queries
    last_label = None
    for slot in slots:
        if slot["label"] not in rules.labels:
            continue
        apart = slot["label"] in rules.apart and slot["label"] == last_label
        between = text[queries[-1]["end"] : slot["start"]] if queries else None
        if between in rules.joiners and not apart:
            queries[-1]["end"] = slot["end"]
        else:
            queries.append({**slot, "label": DEFAULT_LABEL})
        last_label = slot["label"]
    return queries


def read_split(directory: Path, split: str, rules: MergeRules) -> List[Dict[str, Any]]:
    """Read one split of the raw corpus.

    directory (Path): The corpus's CAIS folder.
    split (str): One of `SPLITS`.
    rules (MergeRules): The rules.
    RETURNS (List[Dict]): Records with text, music_query, spans, slots and intent.
    RAISES (ValueError): If a tag is malformed, or the two files do not fit.
    """
    tags_path = directory / split / f"ch.{split}"
    intents_path = directory / split / f"ch.{split}.intent"
    messages = list(read_tagged(tags_path.read_text(encoding="utf8")))
    intents = intents_path.read_text(encoding="utf8").split()
    if len(messages) != len(intents):
        raise ValueError(
            Errors.MQ046.format(
                tags=tags_path,
                n_tags=len(messages),
                intents=intents_path,
                n_intents=len(intents),
            )
        )
    records: List[Dict[str, Any]] = []
    for (row, message), intent in zip(messages, intents):
        if not isinstance(message, dict):
            raise ValueError(Errors.MQ053.format(path=tags_path, row=row, problem=message))
        text, slots = message["text"], message["spans"]
        spans = merge_slots(text, slots, intent, rules)
        queries = [text[span["start"] : span["end"]] for span in spans]
        records.append(
            {
                "text": text,
                "music_query": queries,
                "spans": spans,
                "slots": slots,
                "intent": intent,
            }
        )
    return records
