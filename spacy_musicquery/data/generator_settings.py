"""How much of what is generated: what a file of `music-query generate --settings` says."""

from typing import Mapping, NamedTuple

from ..errors import bad_setting
from .grammar import KINDS


class GeneratorSettings(NamedTuple):
    """How much of what is generated. All but `size` and `seed` are shares, 0 to 1.

    size (int): How many messages.
    seed (int): Seeds the draws.
    requests_without_query, controls, mentions, other_requests, chat (float): Share of the
        messages of this kind; the others are requests with a query.
    real (float): Share of the messages that people have written, if there are any: all
        else is less by that.
    common (float): Share of the requests that are said with one of the first phrases.
    bare (float): Share of the requests that are a query and no more; such a name is one
        of the catalogue.
    clauses (float): Share of the messages that people have written of which one clause is
        taken, if that is no name of the catalogue.
    fragments (float): Share of the messages of chat that are no more than a few characters
        of it, which are no name of the catalogue.
    invented (float): Share of titles and artists that are made up, so that no catalogue
        has them.
    opened (float): Share of the messages that get an opener.
    closed (float): Share of the requests that get a closer.
    punctuated (float): Share of the messages that get a punctuation mark at the end.
    trailed (float): Share of the messages that get a tail: emoji, laughter, a link.
    quoted (float): Share of the requests with quotation marks around a query.
    spaced (float): Share of the messages with blanks, or what is not seen, in them.
    surrounded (float): Share of the messages that stand among ordinary chat.
    misheard (float): Share of the messages with wrong characters of the same sound.
    """

    size: int = 60_000
    seed: int = 0
    requests_without_query: float = 0.05
    controls: float = 0.0
    mentions: float = 0.15
    other_requests: float = 0.2
    chat: float = 0.15
    real: float = 0.0
    common: float = 0.4
    bare: float = 0.08
    clauses: float = 0.0
    fragments: float = 0.0
    invented: float = 0.15
    opened: float = 0.06
    closed: float = 0.1
    punctuated: float = 0.3
    trailed: float = 0.1
    quoted: float = 0.05
    spaced: float = 0.05
    surrounded: float = 0.08
    misheard: float = 0.12


def checked_settings(values: Mapping[str, object]) -> GeneratorSettings:
    """Check settings.

    values (Mapping[str, object]): Settings by name, for instance from a JSON file;
        what is not named has its default.
    RETURNS (GeneratorSettings): The settings.
    RAISES (ValueError): If a setting is unknown or outside its range.
    """
    unknown = sorted(set(values) - set(GeneratorSettings._fields))
    if unknown:
        expected = "one of " + ", ".join(GeneratorSettings._fields)
        raise bad_setting("generate", "settings", ", ".join(unknown), expected)
    settings = GeneratorSettings(**values)  # type: ignore[arg-type]
    for name, value in settings._asdict().items():
        if name in ("size", "seed"):
            if type(value) is not int or value < 0:
                raise bad_setting("generate", name, value, "a whole number of at least 0")
        elif type(value) not in (int, float) or not 0.0 <= value <= 1.0:
            raise bad_setting("generate", name, value, "a number from 0 to 1")
    of_kinds = sum(getattr(settings, kind) for kind in KINDS)
    if of_kinds > 1.0:
        expected = "shares that make no more than 1 together"
        raise bad_setting("generate", ", ".join(KINDS), of_kinds, expected)
    return settings
