"""What a tagger reads of a text, in training as in extraction: not the blanks that separate
words, as translators and speech recognisers write them, and not what a text ends with that
people write or leave out by habit: stops, dots, stickers and laughter. A full stop would tell
it in which corpus a message stands, and not what the message asks for."""

import re
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

_HANZI = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_IS_HANZI = re.compile(f"[{_HANZI}]")
_BETWEEN_WORDS = re.compile(f"(?<=[{_HANZI}])[ \u3000]+(?=[{_HANZI}])")
# Words have about two characters; who separates sentences has longer ones between blanks.
_LEAST_BLANKS = 2
_MOST_CHARS = 2.5
# [微笑].
_STICKER = re.compile(rf"\[[{_HANZI}]{{1,4}}\]")
# (^_^), (づ｡◕‿‿◕｡)づ: signs, with a letter or two of another script between them.
_HANDS = "づノﾉっゞ╯╭و۶"
_FACE = re.compile(rf"[(（]([^()（）{_HANZI}A-Za-z0-9]{{1,12}})[)）][{_HANDS}]{{0,2}}")
_MOST_LETTERS = 2
_LONGEST_STICKER = 16
_LEAST_LAUGHTER = 3
# 233, 23333: the number of a picture of someone who laughs.
_LEAST_THREES = 2
# Not a question mark, which says something.
_STOPS = "。．.｡…!！~～,，、;； \u3000\t\r\n\u200b\ufeff"
# What every text ends with of which the ending is left out.
_LAST_CHARS = frozenset(f"])）{_HANDS}hH3{_STOPS}")

Stretch = Tuple[int, int]


class PlainText(NamedTuple):
    """A text without what says nothing.

    text (str): The text.
    places (Sequence[int]): Where each of its characters stands in the whole text.
    """

    text: str
    places: Sequence[int]


def may_be_shorter(text: str) -> bool:
    """Tell at a glance whether something may be left out of a text.

    text (str): A text.
    RETURNS (bool): False where `plain_text` leaves nothing out.
    """
    return text[-1:] in _LAST_CHARS or " " in text or "\u3000" in text


def plain_text(text: str) -> Optional[PlainText]:
    """Leave out what says nothing of a text.

    text (str): A text.
    RETURNS (Optional[PlainText]): The text without it; None if there is nothing.
    """
    if not may_be_shorter(text):
        return None
    blanks = _blanks_between_words(text)
    left_out = [*blanks, *_ending(text)]
    if not left_out:
        return None
    if not blanks:
        end = left_out[0][0]
        return PlainText(text[:end], range(end))
    places: List[int] = []
    begin = 0
    for start, end in [*left_out, (len(text), len(text))]:
        places += range(begin, start)
        begin = end
    return PlainText("".join(text[place] for place in places), places)


def as_read(text: str) -> str:
    """What is read of a text.

    text (str): A text.
    RETURNS (str): It, without what says nothing.
    """
    shorter = plain_text(text)
    return text if shorter is None else shorter.text


def _blanks_between_words(text: str) -> List[Stretch]:
    if " " not in text and "\u3000" not in text:
        return []
    blanks = [match.span() for match in _BETWEEN_WORDS.finditer(text)]
    n_chars = len(_IS_HANZI.findall(text))
    if len(blanks) < _LEAST_BLANKS or n_chars > _MOST_CHARS * (len(blanks) + 1):
        return []
    return blanks


def _ending(text: str) -> Iterator[Stretch]:
    """The stops, stickers and laughter at the end, read from there, as a pattern would look
    at each of many again from every other."""
    end = len(text)
    while (before := _without_last(text, end)) < end:
        end = before
    if 0 < end < len(text):
        yield end, len(text)


def _without_last(text: str, end: int) -> int:
    """Where what a text ends with begins, if that says nothing; else its end."""
    last, begin = text[end - 1 : end], end
    if last in "])）" + _HANDS:
        for begin in range(max(0, end - _LONGEST_STICKER), end):
            if _is_sticker(text, begin, end):
                return begin
    elif last in ("h", "H"):
        while begin and text[begin - 1] in "hH":
            begin -= 1
        is_laughter = end - begin >= _LEAST_LAUGHTER and _is_apart(text, begin)
        return begin if is_laughter else end
    elif last == "3":
        while begin and text[begin - 1] == "3":
            begin -= 1
        is_laughter = end - begin >= _LEAST_THREES and text[begin - 1 : begin] == "2"
        return begin - 1 if is_laughter and _is_apart(text, begin - 1) else end
    else:
        while begin and text[begin - 1] in _STOPS:
            begin -= 1
        return begin
    return end


def _is_sticker(text: str, begin: int, end: int) -> bool:
    face = _FACE.fullmatch(text, begin, end)
    if face is None:
        return _STICKER.fullmatch(text, begin, end) is not None
    n_letters = sum(map(str.isalpha, face[1]))
    return n_letters <= _MOST_LETTERS and n_letters < len(face[1])


def _is_apart(text: str, begin: int) -> bool:
    """Whether what begins there is no part of a word or number before it."""
    before = text[begin - 1 : begin] if begin else ""
    return bool(before) and (
        before in "])）" + _STOPS or _IS_HANZI.match(before) is not None
    )
