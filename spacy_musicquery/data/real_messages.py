"""Messages that people have written, between those that are generated."""

import random
import re
from pathlib import Path
from typing import List, Mapping

import srsly

from ..tokens.intents import LISTEN, OTHER
from .grammar import HANZI, Grammar
from .raw_text import read_negatives
from .records import Record, describe_problems, read_records

# Names of these types are drawn anew in what people have written.
_TYPES_TO_DRAW = ("album", "screen", "title", "artist")
_LONGEST_NAME = 10
# Annotated messages to each without a query: few are there more than once, so that they
# count, and many are not, so that other talk counts.
_SHARE_ANNOTATED = 0.12
_ASKS_FOR_MUSIC = re.compile(
    "(播放|[放来唱播点听换]|推荐|分享|求)(一下|[一几两三那])?[首支曲点些个段][^，。！？,.!? ]{0,10}"
    "([歌曲]|音乐)|播放[^，。,!！？ ]*(歌|音乐|专辑)|(我想|我要|想要|好想)听"
)
# Whether a message is to a player that plays is not annotated.
_MAY_CONTROL = re.compile("[歌曲首]|音乐|播放|暂停|声音|音量|循环|收藏")


def read_real(folder: Path, grammar: Grammar, seed: int = 0) -> List[Record]:
    """Read messages that people have written: `.txt` files, a message a line, none of which
    holds a query, and `.jsonl` files of annotated messages, in which `listen` says whether
    one asks to hear music. Names of the catalogue in those without a query are drawn anew,
    as famous ones would be learnt to be silence; and those are left out that do ask for
    music, by what they say.

    folder (Path): The folder.
    grammar (Grammar): Has the names.
    seed (int): Seeds the draws.
    RETURNS (List[Record]): The messages, annotated ones several times if there are few;
        none if there is no such folder.
    RAISES (ValueError): If a file cannot be read, or an annotation is wrong.
    """
    messages: List[Record] = []
    if any(folder.glob("*.txt")):
        generator = random.Random(seed)
        types_of = {
            name: type_name
            for type_name in _TYPES_TO_DRAW
            for name in grammar.names.get(type_name, ())
        }
        for record in read_negatives(folder):
            if not _ASKS_FOR_MUSIC.search(record.text):
                text = _with_other_names(record.text, types_of, grammar, generator)
                messages.append(record._replace(text=text, intent=OTHER))
    annotated: List[Record] = []
    for path in sorted(folder.glob("*.jsonl")):
        records, problems = read_records(path)
        if problems:
            raise ValueError(describe_problems(problems, "Correct the rows."))
        listens = [row.get("listen") for row in srsly.read_jsonl(path)]
        for record in records:
            intent = record.intent
            if listens[record.row - 1]:
                intent = LISTEN
            elif not record.spans and not _MAY_CONTROL.search(record.text):
                intent = OTHER
            annotated.append(record._replace(intent=intent))
    share = len(messages) / len(annotated) if annotated else 0.0
    times = max(1, round(_SHARE_ANNOTATED * share))
    return messages + [record for record in annotated for _ in range(times)]


def _with_other_names(
    text: str, types_of: Mapping[str, str], grammar: Grammar, generator: random.Random
) -> str:
    """A text whose names, as far as they can be told from other words, are others."""
    pieces: List[str] = []
    start = 0
    while start < len(text):
        is_quoted = text[start - 1 : start] == "《"
        for length in range(min(_LONGEST_NAME, len(text) - start), 1, -1):
            name = text[start : start + length]
            type_name = types_of.get(name)
            is_whole = is_quoted and text[start + length : start + length + 1] == "》"
            shortest = 3 if type_name == "artist" else 4
            if type_name and (is_whole or (length >= shortest and HANZI.fullmatch(name))):
                pieces.append(generator.choice(grammar.names[type_name]))
                start += length
                break
        else:
            pieces.append(text[start])
            start += 1
    return "".join(pieces)
