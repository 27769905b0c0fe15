"""Annotated messages as files: the forms we read, and what can be wrong in them.

Reading never stops at the first fault. It returns the records that are sound and
a list of problems, each with its file, its row and what to do.
"""

import json
import random
from itertools import chain
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from ..errors import Errors, excerpt, is_name, is_utf8
from .other_formats import (
    Invalid,
    is_table,
    is_tag,
    table_rows,
    tagged_record,
    to_own_form,
)
from .rasa import ROW_READERS
from .text_lines import BadLine, Line, read_file_lines

Span = Tuple[int, int, str]

DEFAULT_LABEL = "MUSIC_QUERY"
DEFAULT_SPANS_KEY = "spans"

# A list of records is held in memory, several times larger than the file.
MAX_JSON_BYTES = 1 << 28
# What a problem may quote of a row.
_MAX_MESSAGE = 500


class Record(NamedTuple):
    """One annotated message.

    row (int): Its line in the file, or its place in a .json list, from 1.
    text (str): The message.
    spans (Tuple[Span]): Start, end (exclusive) and label of each entity, in
        characters, in order and without overlap.
    intent (Optional[str]): What the message wants, if the file says.
    """

    row: int
    text: str
    spans: Tuple[Span, ...]
    intent: Optional[str] = None


class Problem(NamedTuple):
    """A row that cannot be used, and why."""

    path: Path
    row: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.row}: {self.message}"


def read_records(
    path: Path,
    *,
    label: str = DEFAULT_LABEL,
    spans_key: str = DEFAULT_SPANS_KEY,
    need_spans: bool = True,
) -> Tuple[List[Record], List[Problem]]:
    """Read a file of annotated messages.

    path (Path): A `.json` list of records or a `.jsonl` file with one record a line
        (ours, or Prodigy's, doccano's, Label Studio's, or the tokens and tags of Hugging
        Face's datasets); Rasa's `.yml` or `.md`; a `.csv` table; or, with any other
        ending, a two-column file: a character and its BIO or BIOES tag a line, a blank
        line between messages.
    label (str): The label of `music_query` strings, and of spans that have none.
    spans_key (str): The key of a record's exact offsets.
    need_spans (bool): Whether it is wrong that a record says nothing of its queries;
        otherwise it has none.
    RETURNS (Tuple[List[Record], List[Problem]]): The sound records, and what is
        wrong with the others.
    RAISES (ValueError): If the file does not exist or holds no message at all.
    """
    if not path.is_file():
        raise ValueError(Errors.MQ041.format(path=path))
    problems: List[Problem] = []
    records: List[Record] = []
    first_rows: Dict[str, Record] = {}
    for row, item in _rows(path):
        try:
            if isinstance(item, Invalid):
                raise item
            record = _parse(row, item, label, spans_key, need_spans)
            if record is None:
                continue
            first = first_rows.setdefault(record.text, record)
            if first.spans != record.spans:
                raise Invalid(
                    f"{excerpt(record.text)!r} stands with other labels in row "
                    f"{first.row}; make them agree or remove one"
                )
            records.append(record)
        except Invalid as error:
            problems.append(Problem(path, row, excerpt(str(error), _MAX_MESSAGE)))
        except RecursionError:
            problems.append(Problem(path, row, "invalid JSON: it is nested too deeply"))
    if not records and not problems:
        raise ValueError(Errors.MQ042.format(path=path))
    return records, problems


def describe_problems(problems: List[Problem], remedy: str) -> str:
    """Describe what is wrong in a file, a problem a line.

    problems (List[Problem]): What is wrong, at least one.
    remedy (str): What to do about it.
    RETURNS (str): All of it, as an error message.
    """
    listed = "\n".join(map(str, problems))
    return Errors.MQ040.format(n=len(problems), problems=listed, remedy=remedy)


def list_intents(records: Iterable[Record]) -> List[str]:
    """List the intents of records.

    records (Iterable[Record]): The records.
    RETURNS (List[str]): Their different intents, sorted.
    """
    return sorted({record.intent for record in records if record.intent is not None})


def split_records(
    records: List[Record], dev_share: float, seed: int
) -> Tuple[List[Record], List[Record]]:
    """Divide records by chance; records of equal text stay on one side.

    records (List[Record]): The records.
    dev_share (float): The share of different texts for the second part, between
        0 and 1.
    seed (int): Seeds the choice.
    RETURNS (Tuple[List[Record], List[Record]]): The two parts, in the old order.
    RAISES (ValueError): If a part would be empty.
    """
    texts = sorted({record.text for record in records})
    random.Random(seed).shuffle(texts)
    n_dev = round(len(texts) * dev_share)
    for side, n_side in (("dev", n_dev), ("train", len(texts) - n_dev)):
        if n_side < 1:
            raise ValueError(Errors.MQ043.format(share=dev_share, side=side, n=len(texts)))
    dev_texts = set(texts[:n_dev])
    train = [record for record in records if record.text not in dev_texts]
    dev = [record for record in records if record.text in dev_texts]
    return train, dev


def read_tagged(content: str) -> Iterator[Tuple[int, Any]]:
    """Read two-column messages. Each line is a character (or a piece of several),
    a blank or tab, and a tag; a missing character, one that the corpus lost, is
    read as a blank, which no span begins or ends with.

    As in the CoNLL evaluation, an I or E that continues nothing begins a span.

    content (str): The file's text.
    YIELDS (Tuple[int, Any]): The row where a message starts, and it as a record
        with "text" and "spans"; or a row and what is wrong with it.
    """
    lines = (line.rstrip("\r") for line in content.split("\n"))
    return _tagged_rows(enumerate(lines, start=1))


def _tagged_rows(lines: Iterable[Line]) -> Iterator[Tuple[int, Any]]:
    start_row = 1
    pieces: List[Tuple[str, str]] = []
    invalid: Optional[Invalid] = None
    for row, line in chain(lines, [(0, "")]):  # a message ends where the file ends
        if isinstance(line, BadLine):
            invalid = invalid or Invalid(f"line {row}: {line}")
            pieces.append(("", "O"))
            continue
        if line.strip():
            piece, _, tag = line.rpartition("\t" if "\t" in line else " ")
            if not is_tag(tag):
                invalid = invalid or Invalid(
                    f"{tag!r} (line {row}) is no tag: expected O, or B-, I-, E- or S- "
                    "and a label, after the character and a blank"
                )
            pieces.append((piece or " ", tag))
            continue
        if pieces:
            yield start_row, invalid or tagged_record(pieces)
        start_row, pieces, invalid = row + 1, [], None


def _rows(path: Path) -> Iterator[Tuple[int, Any]]:
    suffix = path.suffix.lower()
    if suffix == ".json":
        return _json_rows(path)
    if suffix in ROW_READERS:
        return ROW_READERS[suffix](path)
    if is_table(path):
        return table_rows(path)
    lines = read_file_lines(path)
    return _jsonl_rows(lines) if suffix == ".jsonl" else _tagged_rows(lines)


def _json_rows(path: Path) -> Iterator[Tuple[int, Any]]:
    n_bytes = path.stat().st_size
    if n_bytes > MAX_JSON_BYTES:
        message = (
            f"the file has {n_bytes:,} bytes, and is read as a whole only up to "
            f"{MAX_JSON_BYTES:,}; write one record a line, in a file named .jsonl"
        )
        yield 1, Invalid(message)
        return
    try:
        items = _load_json(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        row = error.object[: error.start].count(b"\n") + 1
        yield row, Invalid(f"not UTF-8 ({error.reason}); save the file as UTF-8")
        return
    except (ValueError, RecursionError) as error:
        row = getattr(error, "lineno", 1)
        yield row, Invalid(f"invalid JSON: {error}")
        return
    if isinstance(items, dict) and isinstance(items.get("rasa_nlu_data"), dict):
        items = items["rasa_nlu_data"].get("common_examples", [])
    if not isinstance(items, list):
        yield (
            1,
            Invalid(
                f"a list of records was expected, not {_type_name(items)}; for one record "
                "a line, name the file .jsonl"
            ),
        )
        return
    yield from enumerate(items, start=1)


def _jsonl_rows(lines: Iterable[Line]) -> Iterator[Tuple[int, Any]]:
    for row, line in lines:
        if isinstance(line, BadLine):
            yield row, Invalid(line)
        elif line.strip():
            try:
                yield row, _load_json(line)
            except (ValueError, RecursionError) as error:
                yield row, Invalid(f"invalid JSON: {error}")


def _load_json(content: str) -> Any:
    """Like `json.loads`, but a record in which a key stands twice is an `Invalid`: one of
    the two values would be lost."""
    return json.loads(content, object_pairs_hook=_as_record)


def _as_record(pairs: List[Tuple[str, Any]]) -> Any:
    record = dict(pairs)
    if len(record) == len(pairs):
        return record
    keys = [key for key, _ in pairs]
    twice = next(key for key in keys if keys.count(key) > 1)
    return Invalid(f"the key {twice!r} stands twice in a record")


def _parse(
    row: int, item: Any, label: str, spans_key: str, need_spans: bool
) -> Optional[Record]:
    """Make a record of a JSON value; None for what an annotator rejected."""
    if not isinstance(item, dict):
        raise Invalid(f"a record {{...}} was expected, not {_type_name(item)}")
    if item.get("answer", "accept") != "accept":  # Prodigy's "reject" and "ignore"
        return None
    is_own = spans_key != DEFAULT_SPANS_KEY or item.keys() & {spans_key, "music_query"}
    own = item if is_own else to_own_form(item)
    if own is None:
        return None
    item = own
    text = _checked_text(item)
    spans: List[Span] = []
    if spans_key in item:
        spans = _offset_spans(text, item[spans_key], spans_key, label)
    elif "music_query" in item and spans_key == DEFAULT_SPANS_KEY:
        spans = find_queries(text, item["music_query"], label)
    elif need_spans and "answer" not in item:  # that Prodigy found no entity is no problem
        wanted = f"{spans_key!r}"
        if spans_key == DEFAULT_SPANS_KEY:
            wanted = '"music_query" (a string or a list) or "spans" (offsets)'
        raise Invalid(f"the record has no {wanted}; its keys are {list(item)}")
    _check_spans(text, spans)
    intent = item.get("intent")
    if intent is not None and not is_name(intent):
        shown = excerpt(ascii(intent)) if isinstance(intent, str) else _type_name(intent)
        raise Invalid(
            f'"intent" must be a string that is not empty, not {shown}; leave it out, or '
            "write null, if the message has none"
        )
    return Record(row, text, tuple(spans), intent)


def _checked_text(item: Dict[str, Any]) -> str:
    if "text" not in item:
        raise Invalid(f'the record has no "text"; its keys are {list(item)}')
    text = item["text"]
    if not isinstance(text, str):
        raise Invalid(f'"text" must be a string, not {_type_name(text)}')
    if not text:
        raise Invalid('"text" is empty; remove the record')
    if not is_utf8(text):
        raise Invalid(f'"text" holds half a surrogate pair: {excerpt(text)!a}')
    return text


def find_queries(text: str, queries: Any, label: str) -> List[Span]:
    """Find query strings from left to right, each after the one before.

    text (str): The message.
    queries (Any): A string or a list of strings.
    label (str): Their label.
    RETURNS (List[Span]): Where they stand.
    RAISES (Invalid): If one does not occur, or it is something else.
    """
    if isinstance(queries, str):
        queries = [queries] if queries else []
    if not isinstance(queries, list) or not all(isinstance(q, str) for q in queries):
        raise Invalid(
            '"music_query" must be a string or a list of strings, not '
            f"{excerpt(json.dumps(queries, ensure_ascii=False))}"
        )
    spans: List[Span] = []
    position = 0
    for query in queries:
        if not query:
            raise Invalid('"music_query" holds an empty string; leave it out')
        start = text.find(query, position)
        if start < 0:
            where = f" after character {position}" if position else ""
            raise Invalid(
                f"the query {excerpt(query)!r} does not occur in {excerpt(text)!r}{where}"
            )
        position = start + len(query)
        spans.append((start, position, label))
    return spans


def _offset_spans(text: str, items: Any, spans_key: str, label: str) -> List[Span]:
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Invalid(f'"{spans_key}" must be a list of {{"start", "end", "label"}}')
    spans: List[Span] = []
    for item in items:
        start, end, name = item.get("start"), item.get("end"), item.get("label", label)
        if type(start) is not int or type(end) is not int:
            raise Invalid(
                f'"start" and "end" must be whole numbers, not {start!r}, {end!r}'
            )
        if not 0 <= start < end <= len(text):
            raise Invalid(
                f"the offsets {start} to {end} are not in the text of {len(text)} "
                "characters (the end is exclusive)"
            )
        if not is_name(name):
            raise Invalid(
                f'"label" must be a string that is not empty, not {excerpt(ascii(name))}'
            )
        spans.append((start, end, name))
    return sorted(spans)


def _check_spans(text: str, spans: List[Span]) -> None:
    last_end = 0
    for start, end, _ in spans:
        query = text[start:end]
        if start < last_end:
            raise Invalid(f"{query!r} ({start} to {end}) overlaps the one before it")
        if query != query.strip():
            raise Invalid(f"{query!r} ({start} to {end}) begins or ends with a blank")
        last_end = end


def _type_name(value: Any) -> str:
    names = {dict: "a record", list: "a list", str: "a string", bool: "true or false"}
    return "null" if value is None else names.get(type(value), "a number")
