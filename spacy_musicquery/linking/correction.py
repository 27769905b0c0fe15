"""Moves the ends of queries to where a name is that the catalogue has: 周杰伦的稻 in 周杰伦的稻香."""

from typing import List, Sequence, Tuple

from .keys import spell_query
from .linker import Linker

# What an end may be moved by, in characters.
MOST_MOVED = 2
_MOST_LINKS = 5

Stretch = Tuple[int, int]


def correct_spans(
    linker: Linker, text: str, spans: Sequence[Stretch], threshold: float
) -> List[Stretch]:
    """Move spans that are no name of the catalogue to where one is.

    linker (Linker): What links names.
    text (str): The message.
    spans (Sequence[Stretch]): Where queries begin and end, in order, none in another.
    threshold (float): How sure the link of what takes the place of a span must be.
    RETURNS (List[Stretch]): Where they begin and end then, in order, none in another.
    """
    corrected: List[Stretch] = []
    for i, (start, end) in enumerate(spans):
        least = corrected[-1][1] if corrected else 0
        most = spans[i + 1][0] if i + 1 < len(spans) else len(text)
        best, surest = (start, end), certainty(linker, text[start:end])
        if surest < threshold:
            for first in range(max(least, start - MOST_MOVED), start + MOST_MOVED + 1):
                for last in range(end - MOST_MOVED, min(most, end + MOST_MOVED) + 1):
                    # Single characters are names by chance.
                    if last - first < 2:
                        continue
                    here = certainty(linker, text[first:last])
                    if here >= threshold and here > surest:
                        best, surest = (first, last), here
        corrected.append(best)
    return corrected


def certainty(linker: Linker, text: str) -> float:
    """Tell how sure it is that a text is a name of the catalogue.

    linker (Linker): What links names.
    text (str): The text.
    RETURNS (float): The score of its best link, if it is written as the catalogue has it,
        else 0.
    """
    if text != text.strip() or linker.index.search.place_of(spell_query(text)[0][0]) < 0:
        return 0.0
    links = linker.link(text, _MOST_LINKS)
    return links[0].score if links else 0.0
