"""Messages with spans, whose text changes: the spans move with it."""

from typing import List, Mapping, Sequence, Tuple

from .records import Span

Message = Tuple[str, List[Span]]


def behind(before: str, message: Message) -> Message:
    """Put a text before a message.

    before (str): The text.
    message (Message): The message.
    RETURNS (Message): Both.
    """
    text, spans = message
    by = len(before)
    return before + text, [(start + by, end + by, label) for start, end, label in spans]


def inserted(text: str, spans: Sequence[Span], new: Mapping[int, str]) -> Message:
    """Put something in a message; what stands at an edge of a span is outside.

    text (str): The text.
    spans (Sequence[Span]): Its spans.
    new (Mapping[int, str]): What to put before the character at each place.
    RETURNS (Message): The message.
    """
    pieces: List[str] = []
    # Where a character begins now, and where the one before it has ended.
    begins, ends = [], [0]
    length = 0
    for i, char in enumerate([*text, ""]):
        piece = new.get(i, "")
        begins.append(length + len(piece))
        length += len(piece) + len(char)
        ends.append(length)
        pieces += [piece, char]
    moved = [(begins[start], ends[end], label) for start, end, label in spans]
    return "".join(pieces), moved
