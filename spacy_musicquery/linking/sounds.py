"""How Chinese characters sound, and how easily one syllable is heard as another.

A syllable is an initial, a glide, a vowel and an ending (zhuang: zh + u + a + ng). What is
confused most often, by recognisers and by speakers whose dialect does not tell them apart,
costs least: n/l, f/h, zh/z, ch/c, sh/s, and the endings n/ng. Tones do not count.
"""

import unicodedata
from functools import lru_cache
from typing import Container, Dict, List, NamedTuple, Tuple

import numpy as np

from ..errors import Errors

# Characters beyond the first plane are taken for one that no text has.
N_CODES = 1 << 16
# A character has up to so many readings: 了 le, liao. Rarer ones would make too much alike.
N_READINGS = 2
# Common ones that are nearly always read the same way: looking their names up by the other
# reading would cost more than it finds.
_ONE_READING = "的了着得地大不一是个什么没有都还在会看家"
# 1 to 4, and 0 for the neutral one.
TONE_BITS = 3
N_TONES = 1 << TONE_BITS
# What `SoundTable.folded` holds: of syllables up to here, of Latin letters from here, and
# of other characters, which share what is left.
FIRST_LETTER = 400
_FIRST_OTHER = FIRST_LETTER + 26
N_FOLDED = 512

# Characters from here, of the plane's private part, stand for syllables without a tone, by
# their ids: what was typed in pinyin.
PRIVATE = 0xE000

_INITIALS = ("zh", "ch", "sh", *"bpmfdtnlgkhjqxrzcs")
# The distance of two initials that are confused, from 0 to 1; of all others 1.
_CLOSE_INITIALS: Dict[str, float] = {
    "n l": 0.1,
    "f h": 0.15,
    "z zh": 0.05,
    "c ch": 0.05,
    "s sh": 0.05,
    "l r": 0.25,
    "b p": 0.35,
    "d t": 0.35,
    "g k": 0.35,
    "j q": 0.35,
    "z c": 0.4,
    "zh ch": 0.4,
    "z ch": 0.45,
    "zh c": 0.45,
    "j zh": 0.4,
    "q ch": 0.4,
    "x sh": 0.4,
    "j z": 0.45,
    "q c": 0.45,
    "x s": 0.45,
    "zh sh": 0.6,
    "ch sh": 0.5,
    "z s": 0.6,
    "c s": 0.5,
    "j x": 0.6,
    "q x": 0.5,
    "m n": 0.45,
    "m l": 0.6,
    "b m": 0.6,
    "h k": 0.5,
    "h g": 0.6,
    "h -": 0.45,
    "m -": 0.6,
    "n -": 0.6,
    "l -": 0.6,
    "r -": 0.4,
    "g -": 0.7,
    "d z": 0.7,
    "t c": 0.7,
    "d l": 0.6,
    "f b": 0.7,
    "f p": 0.6,
    "f s": 0.7,
    "h s": 0.7,
    "h x": 0.6,
    "d b": 0.6,
    "d g": 0.6,
    "t p": 0.6,
    "t k": 0.6,
}
_CLOSE_VOWELS: Dict[str, float] = {
    "a e": 0.55,
    "a o": 0.6,
    "e o": 0.35,
    "e -": 0.45,
    "o -": 0.6,
    "e i": 0.5,
    "i -": 0.3,
}
_CLOSE_ENDINGS: Dict[str, float] = {
    "n ng": 0.15,
    "i -": 0.5,
    "u -": 0.5,
    "n -": 0.6,
    "ng -": 0.6,
    "n i": 0.7,
    "ng u": 0.7,
}
_CLOSE_GLIDES: Dict[str, float] = {"i v": 0.35, "u v": 0.5, "i -": 0.6, "u -": 0.45}
# What each part of a syllable weighs; together 1.
_WEIGHTS = (0.4, 0.15, 0.27, 0.18)
# Spellings that leave out a vowel, or write a glide as an initial.
_FULL_FINALS = {
    "iu": "iou",
    "ui": "uei",
    "un": "uen",
    "in": "ien",
    "ing": "ieng",
    "vn": "ven",
    "ong": "ueng",
    "iong": "veng",
}


class Syllable(NamedTuple):
    """The four parts of a syllable; "-" is an empty one."""

    initial: str
    glide: str
    vowel: str
    ending: str


class SoundTable(NamedTuple):
    """How characters sound, as arrays by code point.

    readings (np.ndarray): Their readings, first the commonest (N_CODES, N_READINGS): a
        syllable times N_TONES and the tone; 0 is none.
    folded (np.ndarray): The first of them, confusions folded (N_CODES,); see N_FOLDED.
    folded_other (np.ndarray): The second of them, or the first where there is no other.
    initials (np.ndarray): The first letter of its spelling, 1 to 26 (N_CODES,); 0 is none.
    distances (np.ndarray): How far apart syllables are, 0 to 255 (syllables, syllables).
    syllables (Tuple[str, ...]): Their spellings, the first an empty one.
    """

    readings: np.ndarray
    folded: np.ndarray
    folded_other: np.ndarray
    initials: np.ndarray
    distances: np.ndarray
    syllables: Tuple[str, ...]


def parse_syllable(spelling: str) -> Syllable:
    """Take a syllable apart.

    spelling (str): Pinyin without a tone, ü as v: zhuang.
    RETURNS (Syllable): Its parts: zh, u, a, ng.
    """
    initial = next((i for i in _INITIALS if spelling.startswith(i)), "-")
    final = spelling[len(initial) :] if initial != "-" else spelling
    if initial == "-":
        if final[:1] == "y":
            final = final[1:] if final[1:2] == "i" else "i" + final[1:]
            # yu, yue, yuan, yun
            final = "v" + final[2:] if final[:2] == "iu" else final
        elif final[:1] == "w":
            final = final[1:] if final[1:2] == "u" else "u" + final[1:]
    elif initial in "jqx" and final[:1] == "u":
        final = "v" + final[1:]
    elif initial in ("zh", "ch", "sh", "r", "z", "c", "s") and final == "i":
        return Syllable(initial, "-", "i", "-")
    final = _FULL_FINALS.get(final, final)
    glide = final[0] if final[:1] in ("i", "u", "v") else "-"
    rest = final if glide == "-" else final[1:]
    # "ve" is what "ue" is after j, and "uo" what "o" is after b.
    vowel = next((char for char in rest if char in "aoe"), "-")
    ending = rest.replace(vowel, "", 1) if vowel != "-" else rest
    if ending == "o":
        ending = "u"
    if vowel == "o" and glide == "u" and not ending:
        glide = "-" if initial in ("b", "p", "m", "f") else glide
    return Syllable(initial, glide, vowel, ending or "-")


def fold_syllable(spelling: str) -> str:
    """Write a syllable as one who hears no difference between what is often confused.

    spelling (str): Pinyin without a tone: zhuang.
    RETURNS (str): What stands for all that sound nearly like it.
    """
    initial, glide, vowel, ending = parse_syllable(spelling)
    initial = {"n": "l", "f": "h", "zh": "z", "ch": "c", "sh": "s"}.get(initial, initial)
    ending = {"ng": "n"}.get(ending, ending)
    if (initial, glide) == ("h", "u"):
        glide = "-"  # fa, hua
    return f"{initial} {glide} {vowel} {ending}"


def syllable_distance(one: Syllable, other: Syllable) -> float:
    """Tell how far apart two syllables sound.

    one, other (Syllable): The syllables.
    RETURNS (float): From 0, the same, to 1.
    """
    close = (_CLOSE_INITIALS, _CLOSE_GLIDES, _CLOSE_VOWELS, _CLOSE_ENDINGS)
    return sum(
        weight * _part_distance(of_part, a, b)
        for weight, of_part, a, b in zip(_WEIGHTS, close, one, other)
    )


def _part_distance(close: Dict[str, float], one: str, other: str) -> float:
    if one == other:
        return 0.0
    return close.get(f"{one} {other}", close.get(f"{other} {one}", 1.0))


@lru_cache(maxsize=1)
def make_sound_table() -> SoundTable:
    """Make the table from what pypinyin knows.

    RETURNS (SoundTable): The table.
    RAISES (ImportError): pypinyin is not installed.
    """
    of_chars = _read_pypinyin()
    spellings = {spelling for of_char in of_chars.values() for spelling, _ in of_char}
    syllables = ("", *sorted(spellings))
    id_of = {spelling: i for i, spelling in enumerate(syllables)}
    readings = np.zeros((N_CODES, N_READINGS), dtype="uint16")
    initials = np.zeros(N_CODES, dtype="uint8")
    folds: Dict[str, int] = {}
    fold_of = {s: folds.setdefault(fold_syllable(s), len(folds) + 1) for s in syllables[1:]}
    folded = np.arange(N_CODES) % (N_FOLDED - _FIRST_OTHER) + _FIRST_OTHER
    others: Dict[int, int] = {}
    for code, of_char in of_chars.items():
        for i, (spelling, tone) in enumerate(of_char):
            readings[code, i] = id_of[spelling] * N_TONES + tone
        first, last = of_char[0][0], of_char[-1][0]
        folded[code] = fold_of[first]
        if chr(code) not in _ONE_READING:
            others[code] = fold_of[last]
        initials[code] = ord(first[0]) - ord("a") + 1
    for spelling, syllable in id_of.items():
        if spelling:
            readings[PRIVATE + syllable, 0] = syllable * N_TONES
            folded[PRIVATE + syllable] = fold_of[spelling]
            initials[PRIVATE + syllable] = ord(spelling[0]) - ord("a") + 1
    letters = np.arange(26)
    folded[ord("a") + letters] = FIRST_LETTER + letters
    initials[ord("a") + letters] = letters + 1
    folded_other = folded.copy()
    folded_other[list(others)] = list(others.values())
    parts = [parse_syllable(s) for s in syllables[1:]]
    distances = np.full((len(syllables), len(syllables)), 255, dtype="uint8")
    distances[1:, 1:] = [
        [round(255 * syllable_distance(a, b)) for b in parts] for a in parts
    ]
    return SoundTable(
        readings,
        folded.astype("uint16"),
        folded_other.astype("uint16"),
        initials,
        distances,
        syllables,
    )


def _read_pypinyin() -> Dict[int, List[Tuple[str, int]]]:
    """The readings of characters: syllables that differ, each with the tone of the first."""
    try:
        from pypinyin.constants import PINYIN_DICT
    except ImportError as error:
        raise ImportError(Errors.MQ210.format(error=error)) from error
    of_chars: Dict[int, List[Tuple[str, int]]] = {}
    for code, marked in PINYIN_DICT.items():
        if code >= N_CODES:
            continue
        tones: Dict[str, int] = {}
        for reading in marked.split(","):
            spelling, tone = _split_tone(reading)
            # What has no vowel is a grunt (ng, hm), not a word in a name.
            if set(spelling) & set("aeiouv"):
                tones.setdefault(spelling, tone)
        if tones:
            of_chars[code] = list(tones.items())[:N_READINGS]
    return of_chars


_TONE_MARKS = {"\u0304": 1, "\u0301": 2, "\u030c": 3, "\u0300": 4}


def _split_tone(marked: str) -> Tuple[str, int]:
    """Take a syllable as dictionaries write it apart: lǜ is lv and 4."""
    letters = unicodedata.normalize("NFD", marked).replace("u\u0308", "v")
    tone = next((_TONE_MARKS[char] for char in letters if char in _TONE_MARKS), 0)
    return "".join(char for char in letters if char.isascii() and char.isalpha()), tone


def split_pinyin(letters: str, syllables: Container[str]) -> List[str]:
    """Split what was typed in pinyin.

    letters (str): Lower-case letters without blanks: zhoujielun.
    syllables (Container[str]): Those that there are.
    RETURNS (List[str]): The syllables, as few as can be; none if it is no pinyin.
    """
    best: List[List[str]] = [[]]
    for end in range(1, len(letters) + 1):
        ways = [
            [*best[start], letters[start:end]]
            for start in range(max(0, end - 6), end)
            if letters[start:end] in syllables and (best[start] or start == 0)
        ]
        best.append(min(ways, key=len, default=[]))
    return best[-1]
