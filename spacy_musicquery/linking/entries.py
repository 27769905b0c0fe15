"""What a catalogue's table holds."""

from typing import NamedTuple, Optional, Tuple


class Entry(NamedTuple):
    """A row of a table: something that a query may mean.

    id (str): What your system knows it by; it becomes `span.kb_id_`.
    type (str): artist, title, album, or another word of yours.
    name (str): How it is written.
    aliases (Tuple[str, ...]): Other ways to write or say it.
    artists (Tuple[str, ...]): Of a title or an album, whose it is.
    popularity (Optional[float]): The larger, the oftener it is meant; None if not known.
    """

    id: str
    type: str
    name: str
    aliases: Tuple[str, ...] = ()
    artists: Tuple[str, ...] = ()
    popularity: Optional[float] = None
