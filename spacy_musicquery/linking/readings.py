"""What a query may mean: one name, heard rightly or not, or several, as 周杰伦的晴天 is an
artist and a title."""

from typing import Dict, List, NamedTuple, Optional, Set, Tuple

from .index import LinkIndex
from .keys import pinyin_units
from .sounds import split_pinyin

# How many names are looked at for a query as a whole, and for a part of one.
_MOST_WHOLE = 16
_MOST_TITLES = 6
_MOST_ENTRIES = 300
_MOST_SPLITS = 4
# A dearer reading is none.
_DEAREST = 4.0
# What is nearer than this needs no search by parts.
_SURE = 0.3
# No part is longer.
_LONGEST_PART = 40

# What a reading of parts costs: for each part, one of a single character, a word that goes
# without saying, and a character that nothing explains.
_PART = 0.08
_SINGLE = 0.5
_FILLER = 0.03
_UNEXPLAINED = 0.8
# A title that the artist does not have, one of which the catalogue does not say whose it is
# (less if the query does: X的Y), a further name that has nothing to do with the first, and a
# title that is called a song: 长大的歌 is rather another title.
_NOT_THEIRS = 0.7
_NOBODYS = 0.6
_SAID_TO_BE_THEIRS = 0.1
_UNRELATED = 1.2
_TITLE_AS_SONG = 1.2
# A title that the catalogue does not have, behind an artist that it has.
_UNKNOWN_TITLE = 1.0
_BY_INITIALS = 0.35
# 香烟和爱情, 爱情和香烟
_TURNED_ROUND = 0.1
_AND = "和与跟同"

_FILLERS = frozenset(
    [
        "的",
        "之",
        "和",
        "与",
        "跟",
        "及",
        "歌",
        "歌曲",
        "音乐",
        "曲",
        "曲子",
        "首",
        "一首",
        "那首",
        "这首",
        "唱",
        "唱的",
        "演唱",
        "演唱的",
        "版",
        "版本",
        "的版本",
        "现场",
        "现场版",
        "live",
        "live版",
        "伴奏",
        "原唱",
        "翻唱",
        "主题曲",
        "片头曲",
        "片尾曲",
        "插曲",
        "专辑",
        "单曲",
        "新歌",
        "老歌",
        "经典",
        "歌单",
        "里",
        "里的",
        "类",
        "风格",
        "系列",
        "作品",
        "排行榜",
        "原声",
        "原声带",
        "的歌",
        "mv",
        "dj",
        "dj版",
        "by",
        "feat",
    ]
)
_LONGEST_FILLER = max(map(len, _FILLERS))
_OF = "的"
# What may stand between an artist and 的.
_SINGS = ("演唱", "唱", "版")
_SONGS = ("歌", "曲", "音乐", "曲子")


class Part(NamedTuple):
    """What a stretch of a query means.

    key (int): The place of a key.
    start, end (int): The characters of the query's key.
    artist (int): The key of the artist whose entries alone are meant; -1 for all.
    """

    key: int
    start: int
    end: int
    artist: int = -1


class Reading(NamedTuple):
    """One way to understand a query.

    cost (float): How far it is from what was said.
    parts (Tuple[Part, ...]): What it means, the most particular first.
    """

    cost: float
    parts: Tuple[Part, ...]


def find_readings(index: LinkIndex, keys: List[str]) -> List[Reading]:
    """Find what a query may mean.

    index (LinkIndex): The catalogue.
    keys (List[str]): The query, as `spell_query` makes it.
    RETURNS (List[Reading]): The readings, the nearest first.
    """
    key = keys[0]
    if not key:
        return []
    readings = _whole(index, keys)
    size = len(key)
    if size > 2:
        known = _known_parts(index, key)
        by_parts = _by_known_parts(index, key, known)
        if by_parts is not None:
            readings.append(by_parts)
        if min((reading.cost for reading in readings), default=_DEAREST) > _SURE:
            for artist, title in _splits(index, key, known):
                readings.extend(_artist_and_title(index, key, artist, title))
    best: Dict[Tuple[Part, ...], float] = {}
    for cost, parts in readings:
        if cost < best.get(parts, _DEAREST):
            best[parts] = cost
    return sorted(Reading(cost, parts) for parts, cost in best.items())


def _whole(index: LinkIndex, keys: List[str]) -> List[Reading]:
    """The query as one name."""
    search = index.search
    found = [pair for key in keys for pair in search.find(key, _MOST_WHOLE)]
    key = keys[0]
    if key.isascii() and key.isalpha():
        syllables = split_pinyin(key, index.syllable_ids)
        if syllables:
            typed = pinyin_units(syllables, index.syllable_ids)
            found.extend(search.find(typed, _MOST_WHOLE))
        if 1 < len(key) <= 8:
            spoken = search.spoken_by(key, _MOST_ENTRIES)
            spoken.sort(key=lambda place: -_popularity(index, place))
            found.extend((_BY_INITIALS, place) for place in spoken[:_MOST_WHOLE])
    size = len(key)
    for at in range(1, size - 1):
        if key[at] in _AND:
            place = search.place_of(key[at + 1 :] + key[at] + key[:at])
            if place >= 0:
                found.append((_TURNED_ROUND, place))
    return [Reading(cost, (Part(place, 0, size),)) for cost, place in found]


def _popularity(index: LinkIndex, place: int) -> float:
    entries = index.entries_of(place)
    return index.popularity_of(entries[0][0]) if entries else 0.0


def _known_parts(index: LinkIndex, key: str) -> Dict[Tuple[int, int], int]:
    """The stretches of a query that are names, less than the whole."""
    place_of, size = index.search.place_of, len(key)
    known = {}
    for start in range(size):
        for end in range(start + 1, min(size, start + _LONGEST_PART) + 1):
            if end - start < size and (place := place_of(key[start:end])) >= 0:
                known[start, end] = place
    return known


def _by_known_parts(
    index: LinkIndex, key: str, known: Dict[Tuple[int, int], int]
) -> Optional[Reading]:
    """The cheapest way to make a query of names and words that go without saying."""
    size = len(key)
    costs = [0.0] + [_DEAREST] * size
    # Of each place the part that ends there, or where a filler begins.
    ways: List[Tuple[int, int]] = [(0, -1)] * (size + 1)
    for start in range(size):
        here = costs[start]
        steps = [(start + 1, here + _UNEXPLAINED, -1)]
        if key[start] == _OF and index.is_artist(known.get((0, start), -1)):
            steps.append((size, here + _UNKNOWN_TITLE, -1))
        for end in range(start + 1, size + 1):
            place = known.get((start, end), -1)
            if place >= 0:
                cost = _PART if end - start > 1 else _SINGLE
                steps.append((end, here + cost, place))
            if end - start <= _LONGEST_FILLER and key[start:end] in _FILLERS:
                steps.append((end, here + _FILLER, -1))
        for end, cost, place in steps:
            if cost < costs[end]:
                costs[end], ways[end] = cost, (start, place)
    parts: List[Part] = []
    end = size
    while end:
        start, place = ways[end]
        if place >= 0:
            parts.insert(0, Part(place, start, end))
        end = start
    if not parts or costs[size] >= _DEAREST:
        return None
    cost, agreeing = _agreed(index, key, parts)
    if len(parts) == 1 and key.endswith(_SONGS) and index.is_work(parts[0].key):
        cost += _TITLE_AS_SONG
    return Reading(costs[size] + cost, tuple(agreeing))


def _agreed(index: LinkIndex, key: str, parts: List[Part]) -> Tuple[float, List[Part]]:
    """Take artists and their titles together. RETURNS (Tuple): What it costs that parts do
    not belong together, and the parts, titles of artists first."""
    artists = [part for part in parts if index.is_artist(part.key)]
    works = [part for part in parts if index.is_work(part.key)]
    related, cost, least = parts, 0.0, _DEAREST
    for work in works:
        whose = _artists_of(index, work.key)
        for artist in artists:
            if artist is work:
                continue
            here, agreed = _NOT_THEIRS if whose else _NOBODYS, work
            if not whose and key[artist.end : work.start].endswith(_OF):
                here = _SAID_TO_BE_THEIRS
            if artist.key in whose:
                here, agreed = 0.0, work._replace(artist=artist.key)
            if here < least:
                least = cost = here
                related = [agreed, *(part for part in parts if part is not work)]
    n_names = sum(part in artists or part in works for part in parts)
    n_related = 2 if least < _DEAREST else 1
    return cost + _UNRELATED * max(0, n_names - n_related), related


def _artists_of(index: LinkIndex, key: int) -> Set[int]:
    """The keys of those whose the titles with a key are."""
    entries = index.entries_of(key)[:_MOST_ENTRIES]
    return {artist for entry, _ in entries for artist in index.artist_keys_of(entry)}


Stretch = Tuple[int, int]


def _splits(
    index: LinkIndex, key: str, known: Dict[Tuple[int, int], int]
) -> List[Tuple[Stretch, Stretch]]:
    """Where a query may be parted into an artist and a title, of which one at least is not
    written as the catalogue has it."""
    size = len(key)
    found: Dict[Tuple[Stretch, Stretch], None] = {}
    for at in range(1, size - 1):
        if key[at] == _OF:
            end = at
            for word in _SINGS:
                if key[:end].endswith(word) and end > len(word):
                    end -= len(word)
                    break
            found[(0, end), (at + 1, size)] = None
    if not found:
        # The longest that begin and end it.
        heads = [end for (start, end) in known if start == 0 and 1 < end < size]
        tails = [start for (start, end) in known if end == size and 0 < start < size - 1]
        if heads:
            head = max(heads)
            if index.is_artist(known[0, head]):
                found[(0, head), (head, size)] = None
            found[(head, size), (0, head)] = None
        if tails:
            tail = min(tails)
            found[(0, tail), (tail, size)] = None
            if index.is_artist(known[tail, size]):
                found[(tail, size), (0, tail)] = None
    return list(found)[:_MOST_SPLITS]


def _artist_and_title(
    index: LinkIndex, key: str, artist: Stretch, title: Stretch
) -> List[Reading]:
    """Readings of a query whose parts are an artist and a title."""
    search = index.search
    said = key[slice(*title)]
    place = search.place_of(said)
    titles = [(0.0, place)] if place >= 0 else search.find(said, _MOST_TITLES)
    by = key[slice(*artist)]
    by_place = search.place_of(by)
    readings = []
    for title_cost, place in titles:
        whose = _artists_of(index, place)
        if by_place in whose:
            artist_cost, artist_key = 0.0, by_place
        elif whose:
            artist_cost, artist_key = min(
                (search.cost(by, other), other) for other in whose
            )
        else:
            continue
        cost = title_cost + artist_cost + 2 * _PART
        parts = (Part(place, *title, artist_key), Part(artist_key, *artist))
        readings.append(Reading(cost, parts))
    return readings
