"""Characters that sound alike, as speech recognition confuses them."""

import random
from collections import defaultdict
from functools import lru_cache
from typing import DefaultDict, Dict, List

from ..errors import Errors


def mishear(text: str, share: float, generator: random.Random) -> str:
    """Replace characters by others of the same sound.

    text (str): The text.
    share (float): Share of the characters to replace.
    generator (random.Random): Draws them.
    RETURNS (str): A text of the same length.
    RAISES (ImportError): `pypinyin` is not installed.
    """
    same_sound = homophones()
    return "".join(
        generator.choice(same_sound[char])
        if char in same_sound and generator.random() < share
        else char
        for char in text
    )


@lru_cache(maxsize=1)
def homophones() -> Dict[str, List[str]]:
    """The other characters of the same sound and tone, among the 3,755 of the first
    level of GB 2312, which are the common ones."""
    try:
        from pypinyin import Style, lazy_pinyin
    except ImportError as error:
        message = Errors.MQ001.format(name="homophones.v1", module="pypinyin", error=error)
        raise ImportError(message) from error

    codes = ((row, cell) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
    # The last row holds 89 characters only.
    chars = [bytes(code).decode("gb2312") for code in codes if code <= (0xD7, 0xF9)]
    by_sound: DefaultDict[str, List[str]] = defaultdict(list)
    for char in chars:
        by_sound[lazy_pinyin(char, style=Style.TONE3)[0]].append(char)
    return {
        char: [other for other in same if other != char]
        for same in by_sound.values()
        for char in same
        if len(same) > 1
    }
