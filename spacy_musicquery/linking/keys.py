"""From names and queries to keys: what two ways to write one name have in common.

Case, width, accents, traditional characters, punctuation and blanks do not count; numbers
are written in Chinese (30出头, 三十出头). A name has further keys without what stands in
brackets: 晴天 (Live).
"""

import re
import unicodedata
from functools import lru_cache
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from ..features.characters import normalization_table
from .sounds import N_CODES, PRIVATE

# Longer names are compared by their first characters.
MAX_UNITS = 64
# What no name has: stands for characters beyond the first plane.
_BEYOND = "\ufffd"
_END_OF_LATIN = 0x250

_DIGITS = "零一二三四五六七八九"
_NUMBER = re.compile(r"[0-9]+")
_IN_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】|<[^<>]*>|\{[^{}]*\}")
# What is said of a recording behind a dash: 晴天 - Live.
_BEHIND_DASH = re.compile(
    r"\s[-–—]\s*(?:live|remix|dj|现场|伴奏|翻唱|纯音乐).*$|[-–—]\s*live\b.*$"
)
# More than nine digits are a code.
_MOST_DIGITS = 9


@lru_cache(maxsize=1)
def _table() -> Dict[int, int]:
    normal = normalization_table(fullwidth=True, lowercase=True, simplified=True)
    changed = np.flatnonzero(normal != np.arange(len(normal)))
    table = dict(zip(changed.tolist(), normal[changed].tolist()))
    for code in range(0x80, _END_OF_LATIN):
        base = unicodedata.normalize("NFD", chr(code))[0]
        if base.isascii() and base.isalpha():
            table[code] = ord(base.lower())
    return table


@lru_cache(maxsize=1)
def _plain_text() -> Callable[[str], Optional["re.Match[str]"]]:
    """What matches texts that are their own keys: letters and characters that are not
    folded, and no digits."""
    changed = _table()
    ranges: List[Tuple[int, int]] = []
    for code in range(N_CODES):
        char = chr(code)
        if code in changed or not char.isalnum() or _NUMBER.match(char):
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1] = ranges[-1][0], code
        else:
            ranges.append((code, code))
    chars = "".join(f"{re.escape(chr(a))}-{re.escape(chr(b))}" for a, b in ranges)
    return re.compile(f"[{chars}]{{1,{MAX_UNITS}}}").fullmatch


def fold_text(text: str) -> str:
    """Leave out of account how characters are written, one by one.

    text (str): Any text; names may be joined by line breaks.
    RETURNS (str): A text of the same length: narrow, lower-case, simplified, no accents.
    """
    return text.translate(_table())


def spell(folded: str) -> Tuple[str, ...]:
    """Make the keys of a text.

    folded (str): A text that has been through `fold_text`.
    RETURNS (Tuple[str, ...]): Letters, characters and numerals alone. There are two keys if
        a number may be read in two ways (520), and one that is empty if nothing is left.
    """
    if folded.isalnum() and not _NUMBER.search(folded):
        return (_within_plane(folded),)
    ways = [folded]
    if _NUMBER.search(folded):
        ways = [_in_words(folded, read) for read in _READERS]
    keys = ("".join(filter(str.isalnum, way)) for way in ways)
    # A name may be nothing but signs: !!!
    keys = (key or "".join(way.split()) for key, way in zip(keys, ways))
    return tuple(dict.fromkeys(map(_within_plane, keys)))


def spell_name(folded: str) -> Iterator[Tuple[str, bool]]:
    """Make the keys of a name.

    folded (str): A name that has been through `fold_text`.
    YIELDS (Tuple[str, bool]): Each key, and whether something was left out for it.
    """
    for key in spell(folded):
        yield key, False
    bare = _BEHIND_DASH.sub("", _IN_BRACKETS.sub(" ", folded)).strip()
    if bare and bare != folded:
        for key in spell(bare):
            yield key, True


def _within_plane(key: str) -> str:
    key = key[:MAX_UNITS]
    if key and ord(max(key)) >= N_CODES:
        key = "".join(char if ord(char) < N_CODES else _BEYOND for char in key)
    return key


def spell_query(text: str) -> Tuple[List[str], Sequence[int], Sequence[int]]:
    """Make the keys of a query, and tell where each character of the first comes from.

    text (str): The query.
    RETURNS (Tuple[List[str], Sequence[int], Sequence[int]]): Its keys, as `spell` makes
        them; and for each character of the first key where that which it comes from starts
        and ends.
    """
    if _plain_text()(text):
        return [text], range(len(text)), range(1, len(text) + 1)
    folded = fold_text(text)
    keys = list(spell(folded))
    if keys[0] == folded:
        return keys, list(range(len(text))), list(range(1, len(text) + 1))
    starts: List[int] = []
    ends: List[int] = []
    has_letters = any(map(str.isalnum, folded))
    at = 0
    while at < len(folded):
        number = _NUMBER.match(folded, at)
        end = number.end() if number else at + 1
        n_units = 0
        if number:
            n_units = len(_READERS[0](number.group()))
        elif folded[at].isalnum() or not (has_letters or folded[at].isspace()):
            n_units = 1
        starts.extend([at] * n_units)
        ends.extend([end] * n_units)
        at = end
    size = len(keys[0])
    return keys, starts[:size], ends[:size]


def _in_words(text: str, read: Callable[[str], str]) -> str:
    return _NUMBER.sub(lambda number: read(number.group()), text)


def _read_digits(digits: str) -> str:
    return "".join(_DIGITS[int(digit)] for digit in digits)


def _read_value(digits: str) -> str:
    """Say a number as a number is said: 990 is 九百九十."""
    if len(digits) > _MOST_DIGITS or (len(digits) > 1 and digits[0] == "0"):
        return _read_digits(digits)
    value = int(digits)
    if value >= 10_000:
        low = value % 10_000
        between = "零" if 0 < low < 1000 else ""
        high = _read_value(str(value // 10_000))
        return high + "万" + between + (_read_value(str(low)) if low else "")
    words = ""
    for digit, unit in zip(f"{value:04}", "千百十-"):
        if digit != "0":
            words += _DIGITS[int(digit)] + unit.rstrip("-")
        elif words and not words.endswith("零"):
            words += "零"
    words = words.rstrip("零") or "零"
    return words[1:] if words.startswith("一十") else words


def _read_usual(digits: str) -> str:
    """Up to three digits are a number, more are years and the like."""
    return _read_value(digits) if len(digits) <= 3 else _read_digits(digits)


def _read_other(digits: str) -> str:
    if len(digits) <= 2:
        return _read_value(digits)
    return _read_digits(digits) if len(digits) == 3 else _read_value(digits)


_READERS = (_read_usual, _read_other)


def pinyin_units(spellings: Sequence[str], syllable_ids: Dict[str, int]) -> str:
    """Write syllables as characters that sound so, for queries typed in pinyin.

    spellings (Sequence[str]): The syllables.
    syllable_ids (Dict[str, int]): The ids of all syllables.
    RETURNS (str): A character for each, of the plane's private part.
    """
    return "".join(chr(PRIVATE + syllable_ids[s]) for s in spellings)
