"""MAC-SLU's in-car commands (huggingface.co/datasets/Gatsby1984/MAC_SLU) as records.

A row has a `query` and its `semantics`: for each wish in it, frames by domain, each a list
of slots by name and value, one of which is the intent. Where a value stands is not said,
so it is looked for in the text.
"""

import re
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Union

from .cais import MergeRules, merge_slots
from .text_lines import BadLine

_MUSIC = "音乐"
_ASKS_FOR_MUSIC = ("播放音乐", "播放收藏", "播放列表", "播放历史")
_SINGER = "歌手名"
# Slots that one would search a catalogue by. In a question about music there is no query,
# and neither is whose it is (播放列表), where it comes from (音源) or for whom.
_RULES = MergeRules(
    intents=(*_ASKS_FOR_MUSIC, "播放控制", "sys.用户选择"),
    labels=(
        *("歌曲名", _SINGER, "专辑名", "作词", "作曲", "排行榜", "语种", "民族", "乐器"),
        *("音乐类型", "音乐风格", "音乐场景", "主题", "主题曲类型", "版本", "年代", "年份"),
    ),
    joiners=("", "的", "唱的", "演唱的", "的《", "的（"),
    apart=(_SINGER,),
)
_REFUSES = re.compile("[不别]|停|关|取消|退出")


def to_record(row: Mapping[str, Any]) -> Union[Dict[str, Any], BadLine]:
    """Turn a row into a record.

    row (Mapping): A row of one of its files.
    RETURNS (Union[Dict, BadLine]): The record, with text, music_query, spans and listen:
        whether it asks to hear music; or what is wrong with the row.
    """
    text = row.get("query")
    if not isinstance(text, str):
        return BadLine('"query" must be a text')
    text = text.strip()
    spans: List[Dict[str, Any]] = []
    listen = False
    try:
        for slots in _music_frames(row["semantics"]):
            values = {slot["name"]: slot["value"] for slot in slots}
            operation, intent = values.get("操作", ""), values.get("intent", "")
            if intent not in _RULES.intents or _REFUSES.search(operation):
                continue
            listen = listen or intent in _ASKS_FOR_MUSIC
            located = _locate(text, slots, operation, spans)
            spans += merge_slots(text, located, intent, _RULES)
        spans = _outermost(spans)
    except (AttributeError, KeyError, TypeError):
        return BadLine(
            '"semantics" must hold lists of slots, each with "name" and "value", by wish '
            "and domain"
        )
    except _Unclear as error:
        return BadLine(str(error))
    queries = [text[span["start"] : span["end"]] for span in spans]
    return {"text": text, "music_query": queries, "spans": spans, "listen": listen}


class _Unclear(Exception):
    """Where a query begins and ends cannot be told."""


def _music_frames(semantics: Any) -> Iterator[List[Dict[str, str]]]:
    """The slots of each frame about music; an empty list stands for no wish at all."""
    if semantics:
        for frames in semantics.values():
            if _MUSIC in frames:
                yield frames[_MUSIC]


def _locate(
    text: str,
    slots: List[Dict[str, str]],
    operation: str,
    earlier: List[Dict[str, Any]],
) -> List[Dict[str, Any]]:
    """Find where the names of a wish stand, in order: rather not where an earlier wish has
    a query, and rather behind the verb."""
    verb = text.find(operation) + len(operation)
    located: List[Dict[str, Any]] = []
    # A long name first, as a short one may stand in it as well.
    for slot in sorted(slots, key=lambda slot: -len(slot["value"])):
        name, value = slot["name"], slot["value"]
        if name not in _RULES.labels or not value:
            continue
        places = [
            {"start": match.start(), "end": match.end(), "label": name}
            for match in re.finditer(re.escape(value), text)
            if not _overlaps(match.start(), match.end(), located)
        ]
        if not places:
            raise _Unclear(f"{value!r} ({name}) does not stand in {text!r}")
        located.append(
            min(
                places,
                key=lambda place: (
                    _overlaps(place["start"], place["end"], earlier),
                    place["start"] < verb,
                ),
            )
        )
    return sorted(located, key=lambda place: place["start"])


def _overlaps(start: int, end: int, spans: Iterable[Mapping[str, Any]]) -> bool:
    return any(start < span["end"] and end > span["start"] for span in spans)


def _outermost(spans: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Spans in order, without those that are a part of another: wishes share names."""
    kept: List[Dict[str, Any]] = []
    for span in sorted(spans, key=lambda span: (span["start"], -span["end"])):
        if not kept or span["start"] >= kept[-1]["end"]:
            kept.append(span)
        elif span["end"] > kept[-1]["end"]:
            raise _Unclear("the queries of two wishes overlap")
    return kept
