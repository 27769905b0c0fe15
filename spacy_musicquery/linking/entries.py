"""What a catalogue's table holds."""

from typing import NamedTuple, Optional, Tuple

# How an entry has a key: as its name, as an alias, or without what stands in brackets.
NAME, ALIAS, BARE = range(3)
# What an entry of a type is to others; those of other types (mood, language, genre) are at
# home with all. Whatever has an artist is a work as well.
ARTIST, WORK = 1, 2
# The rank of an entry whose popularity is not known.
NO_POPULARITY = 0


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
