"""Annotated messages as other tools write them, turned into records: doccano, Label Studio,
tables of a text and its queries, and the tokens and tags of Hugging Face's datasets. Rasa's
are in `rasa`. How our own records are read, and what can be wrong in them, is in `records`."""

import csv
import json
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from .text_lines import BadLine, read_file_lines

Rows = Iterator[Tuple[int, Any]]

# A column of queries may hold several, with this between them.
QUERY_SEPARATOR = "|"
_TEXT_COLUMNS = ("text", "message", "utterance")
_QUERY_COLUMNS = ("music_query", "query", "queries")
_TAG_KEYS = ("ner_tags", "tags", "labels")
# What a task of Label Studio has beside its data: predictions alone, before it is annotated.
_STUDIO_KEYS = {"annotations", "predictions", "result"}
_MAX_TABLE_FIELD = 1 << 24


class Invalid(Exception):
    """What is wrong with the row that is being read."""


# JSON, a record a message


def to_own_form(item: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """Turn the JSON record of another tool into one of ours.

    item (Dict[str, Any]): A record that says nothing by the keys of ours.
    RETURNS (Optional[Dict[str, Any]]): "text", "spans" and, if it is told, "intent"; the
        record itself if no other tool's is recognised; None for what an annotator skipped.
    RAISES (Invalid): If it is another tool's, and wrong.
    """
    if isinstance(item.get("data"), dict) and _STUDIO_KEYS & item.keys():
        return _label_studio_task(item)
    if "tokens" in item and any(key in item for key in _TAG_KEYS):
        return _tokens_and_tags(item)
    labels = next((item[k] for k in ("label", "labels", "entities") if k in item), None)
    if isinstance(labels, list):
        if any(isinstance(label, dict) and "labels" in label for label in labels):
            text = item.get("text")
            return with_intent(text, _studio_spans(text, labels), None)
        return _doccano(item, labels)
    return item


def _doccano(item: Dict[str, Any], labels: List[Any]) -> Dict[str, Any]:
    """Its spans are [start, end, label]; or, with relations, objects; Rasa's old JSON has
    objects as well."""
    spans = []
    for label in labels:
        if isinstance(label, list) and len(label) == 3:
            start, end, name = label
        elif isinstance(label, dict):
            start = label.get("start_offset", label.get("start"))
            end = label.get("end_offset", label.get("end"))
            name = label.get("label", label.get("entity"))
        else:
            raise Invalid(f"[start, end, label] was expected, not {_shown(label)}")
        spans.append({"start": start, "end": end, "label": name})
    text = item.get("text", item.get("data"))
    cats = item.get("cats", item.get("intent"))
    if isinstance(cats, list):
        if len(cats) > 1:
            raise Invalid(f"a message has one intent, not {len(cats)}: {_shown(cats)}")
        cats = cats[0] if cats else None
    return with_intent(text, spans, cats)


def _label_studio_task(item: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    texts = [value for value in item["data"].values() if isinstance(value, str)]
    text = item["data"].get("text", texts[0] if len(texts) == 1 else None)
    if not isinstance(text, str):
        keys = list(item["data"])
        raise Invalid(f'"data" has no "text", and no other single string; its keys: {keys}')
    # Without annotations, the task may hold the result of the only one.
    done = item.get("annotations", [item] if "result" in item else None)
    done = [a for a in _as_list(done) if isinstance(a, dict)]
    if not done:
        raise Invalid("the task is not annotated; export annotated tasks only")
    done = [annotation for annotation in done if not annotation.get("was_cancelled")]
    if not done:
        return None
    read = []
    for annotation in done:
        results = _as_list(annotation.get("result"))
        # A relation between spans has no value.
        found = [result.get("value") for result in results if isinstance(result, dict)]
        values = [value for value in found if isinstance(value, dict)]
        spans = _studio_spans(text, [value for value in values if "labels" in value])
        choices = [name for value in values for name in _as_list(value.get("choices"))]
        if len(choices) > 1:
            raise Invalid(
                f"a message has one intent, not {len(choices)}: {_shown(choices)}"
            )
        read.append(with_intent(text, spans, choices[0] if choices else None))
    if any(record != read[0] for record in read):
        raise Invalid("its annotators disagree; keep one annotation of the task")
    return read[0]


def _studio_spans(text: Any, values: Sequence[Any]) -> List[Dict[str, Any]]:
    """Label Studio counts as browsers do, in UTF-16: an emoji is two. It says as well what
    stands there."""
    spans = []
    for value in values:
        if not isinstance(value, dict):
            raise Invalid(f"a span with its labels was expected, not {_shown(value)}")
        start, end, names = value.get("start"), value.get("end"), value.get("labels")
        if not isinstance(names, list) or len(names) != 1:
            raise Invalid(f"a span has one label, not {_shown(names)}")
        marked = value.get("text")
        if isinstance(text, str) and type(start) is int and type(end) is int and marked:
            if text[start:end] != marked:
                places = _utf16_places(text)
                start, end = places.get(start, start), places.get(end, end)
            if text[start:end] != marked:
                start, end = value["start"], value["end"]
                raise Invalid(f"{_shown(marked)} does not stand at {start} to {end}")
        spans.append({"start": start, "end": end, "label": names[0]})
    # In whatever order annotators mark them, they agree.
    return sorted(spans, key=str)


def _utf16_places(text: str) -> Dict[int, int]:
    places, n_units = {}, 0
    for i, char in enumerate(text):
        places[n_units] = i
        n_units += 1 + (ord(char) > 0xFFFF)
    places[n_units] = len(text)
    return places


def _tokens_and_tags(item: Dict[str, Any]) -> Dict[str, Any]:
    tokens = item["tokens"]
    key = next(key for key in _TAG_KEYS if key in item)
    tags = item[key]
    for name, values in (("tokens", tokens), (key, tags)):
        if not isinstance(values, list):
            raise Invalid(f'"{name}" must be a list, not {_shown(values)}')
    if len(tokens) != len(tags):
        raise Invalid(f"{len(tokens)} tokens, but {len(tags)} {key}; they belong together")
    if any(type(tag) is int for tag in tags):
        raise Invalid(
            f'"{key}" are numbers; write their names, which the dataset has: '
            f"features[{key!r}].feature.names"
        )
    pieces: List[Tuple[str, str]] = []
    for token, tag in zip(tokens, tags):
        if not isinstance(token, str) or not is_tag(tag):
            raise Invalid(
                f"{_shown(token)} with the tag {_shown(tag)} is no token with one"
            )
        if pieces and _is_word(pieces[-1][0][-1:]) and _is_word(token[:1]):
            inside = tag[:2] in ("I-", "E-", "M-")
            pieces.append((" ", "I-" + tag[2:] if inside else "O"))
        pieces.append((token, tag))
    return with_intent(**tagged_record(pieces), intent=item.get("intent"))


def _is_word(char: str) -> bool:
    """Whether there is a blank between words that begin or end like this."""
    return char.isascii() and char.isalnum()


def is_tag(tag: Any) -> bool:
    """Tell whether something is a tag of the schemes BIO, BIOES or BMES.

    tag (Any): Anything.
    RETURNS (bool): Whether it is.
    """
    return isinstance(tag, str) and (
        tag == "O" or (tag[:2] in ("B-", "I-", "E-", "S-", "M-") and len(tag) > 2)
    )


def tagged_record(pieces: Sequence[Tuple[str, str]]) -> Dict[str, Any]:
    """Join tagged pieces of a text.

    pieces (Sequence[Tuple[str, str]]): A piece of one or several characters and its tag,
        see `is_tag`. An I or E that continues nothing begins a span.
    RETURNS (Dict[str, Any]): "text" and "spans".
    """
    text = ""
    spans: List[Dict[str, Any]] = []
    continues = False
    for piece, tag in pieces:
        start, text = len(text), text + piece
        prefix, _, label = tag.partition("-")
        if prefix == "O":
            continues = False
        elif continues and prefix not in "BS" and spans[-1]["label"] == label:
            spans[-1]["end"] = len(text)
            continues = prefix != "E"
        else:
            spans.append({"start": start, "end": len(text), "label": label})
            continues = prefix not in "ES"
    for span in spans:
        while span["start"] < span["end"] and text[span["start"]].isspace():
            span["start"] += 1
        while span["start"] < span["end"] and text[span["end"] - 1].isspace():
            span["end"] -= 1
    return {"text": text, "spans": [s for s in spans if s["start"] < s["end"]]}


# Tables


def table_rows(path: Path) -> Rows:
    """Read a table: a header that names a column of texts and one of queries, maybe one of
    intents; and a message a row, several queries with | between them.

    path (Path): A file with commas or tabs between the columns.
    YIELDS (Tuple[int, Any]): The row in the file, and the message as a record of ours, or
        what is wrong with it.
    """
    lines = list(read_file_lines(path))
    for row, line in lines:
        if isinstance(line, BadLine):
            yield row, Invalid(str(line))
            return
    header_line = str(lines[0][1]) if lines else ""
    delimiter = max(",\t;", key=header_line.count)
    csv.field_size_limit(_MAX_TABLE_FIELD)
    reader = csv.reader((f"{line}\n" for _, line in lines), delimiter=delimiter)
    row = 1
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        text, query, intent = (
            next((header.index(name) for name in names if name in header), None)
            for names in (_TEXT_COLUMNS, _QUERY_COLUMNS, ("intent",))
        )
        if text is None or query is None:
            yield (
                1,
                Invalid(
                    f"the header names no column {' or '.join(_TEXT_COLUMNS)}, or none of "
                    f"{', '.join(_QUERY_COLUMNS)}; it has: {', '.join(header) or 'nothing'}"
                ),
            )
            return
        row = reader.line_num + 1
        for cells in reader:
            first, row = row, reader.line_num + 1
            if not any(cells):
                continue
            if len(cells) != len(header):
                problem = f"{len(cells)} cells, where the header has {len(header)}"
                yield first, Invalid(problem + "; put text with commas into quotes")
                continue
            queries = [q.strip() for q in cells[query].split(QUERY_SEPARATOR)]
            record: Dict[str, Any] = {"text": cells[text].strip()}
            record["music_query"] = [q for q in queries if q]
            if intent is not None and cells[intent].strip():
                record["intent"] = cells[intent].strip()
            yield first, record
    except csv.Error as error:
        yield row, Invalid(f"no table: {error}")


def is_table(path: Path) -> bool:
    """Tell a table from a two-column file of characters and tags, which may end in .tsv too.

    path (Path): The file.
    RETURNS (bool): Whether its first line is a header that names a column of texts.
    """
    suffix = path.suffix.lower()
    if suffix != ".tsv":
        return suffix == ".csv"
    _, first = next(read_file_lines(path), (1, ""))
    return any(name.strip().lower() in _TEXT_COLUMNS for name in first.split("\t"))


def with_intent(text: Any, spans: Any, intent: Any) -> Dict[str, Any]:
    """Make a record of ours.

    text, spans, intent (Any): What it holds; no intent if that is None.
    RETURNS (Dict[str, Any]): The record.
    """
    record = {"text": text, "spans": spans}
    return record if intent is None else {**record, "intent": intent}


def _as_list(value: Any) -> List[Any]:
    return value if isinstance(value, list) else []


def _shown(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return shown if len(shown) <= 60 else shown[:59] + "…"
