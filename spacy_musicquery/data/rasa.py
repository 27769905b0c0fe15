"""Rasa NLU's training data, turned into records: messages under an intent, in which entities are
marked."""

import json
import re
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

import srsly

from .other_formats import Invalid, Rows, with_intent
from .text_lines import BadLine, read_file_lines

_ENTITY = re.compile(r"\[(?P<text>[^\[\]]+)\](?:\((?P<name>[^()]*)\)|(?P<more>\{[^{}]*\}))")
_SECTION = re.compile(r"\s*##\s*(?P<kind>\w+)\s*:\s*(?P<name>.*\S)\s*$")
_ITEM = re.compile(r"\s*[-*+]\s+(?P<text>.*\S)\s*$")


def rasa_yaml_rows(path: Path) -> Rows:
    """Read Rasa's training data as of version 2: intents with examples in which entities
    are marked, [晴天](MUSIC_QUERY) or [晴天]{"entity": "MUSIC_QUERY"}.

    path (Path): A .yml file.
    YIELDS (Tuple[int, Any]): The row in the file, and the message as a record of ours, or
        what is wrong with it.
    """
    lines = _sound_lines(path)
    if isinstance(lines, tuple):
        yield lines
        return
    try:
        content = srsly.yaml_loads("\n".join(lines))
    except Exception as error:  # the parser's own, of many kinds
        reason = error.__context__ or error  # srsly's error does not say where
        mark = getattr(reason, "problem_mark", None)
        yield (mark.line + 1 if mark else 1), Invalid(f"invalid YAML: {reason}")
        return
    items = content.get("nlu") if isinstance(content, dict) else None
    if not isinstance(items, list):
        yield 1, Invalid('it has no list "nlu", as Rasa\'s training data have')
        return
    row = 0
    for item in items:
        if not isinstance(item, dict) or "intent" not in item:
            continue  # synonyms, lookup tables and regular expressions
        intent = None if item["intent"] is None else str(item["intent"])
        for example in _examples(item.get("examples")):
            row = _row_of(example, lines, row)
            yield row, _message(example, intent)


def _examples(examples: Any) -> Iterator[str]:
    if isinstance(examples, str):
        for line in examples.splitlines():
            if match := _ITEM.match(line):
                yield match["text"]
    elif isinstance(examples, list):
        for example in examples:
            text = example.get("text") if isinstance(example, dict) else example
            if isinstance(text, str) and text.strip():
                match = _ITEM.match(text)
                yield match["text"] if match else text.strip()


def _row_of(example: str, lines: Sequence[str], after: int) -> int:
    """The next line that holds an example; YAML's parser has forgotten which."""
    for row in range(after + 1, len(lines) + 1):
        if example in lines[row - 1]:
            return row
    return max(after, 1)


def rasa_markdown_rows(path: Path) -> Rows:
    """Read Rasa's training data as of version 1: sections `## intent:NAME` of items, with
    entities marked as in `rasa_yaml_rows`.

    path (Path): A .md file.
    YIELDS (Tuple[int, Any]): As `rasa_yaml_rows`.
    """
    lines = _sound_lines(path)
    if isinstance(lines, tuple):
        yield lines
        return
    intent: Optional[str] = None
    for row, line in enumerate(lines, start=1):
        if section := _SECTION.match(line):
            intent = section["name"] if section["kind"] == "intent" else None
        elif intent and (item := _ITEM.match(line)):
            yield row, _message(item["text"], intent)


def _message(marked: str, intent: Optional[str]) -> Any:
    text, spans, last = "", [], 0
    for match in _ENTITY.finditer(marked):
        text += marked[last : match.start()]
        name = (match["name"] or "").split(":")[0].strip()
        if match["more"]:
            try:
                name = json.loads(match["more"]).get("entity", "")
            except (ValueError, RecursionError) as error:
                return Invalid(f"invalid JSON behind [{match['text']}]: {error}")
        if not name:
            return Invalid(f"[{match['text']}] has no entity's name behind it")
        span = {"start": len(text), "end": len(text) + len(match["text"]), "label": name}
        spans.append(span)
        text += match["text"]
        last = match.end()
    return with_intent(text + marked[last:], spans, intent)


def _sound_lines(path: Path) -> Any:
    """All lines of a file, or the first row that cannot be read and why."""
    lines: List[str] = []
    for row, line in read_file_lines(path):
        if isinstance(line, BadLine):
            return row, Invalid(str(line))
        lines.append(line)
    return lines


# By the ending of a file's name; others are in `records`.
ROW_READERS: Dict[str, Callable[[Path], Rows]] = {
    ".yml": rasa_yaml_rows,
    ".yaml": rasa_yaml_rows,
    ".md": rasa_markdown_rows,
}
