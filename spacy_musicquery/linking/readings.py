"""What a query may mean: one name, heard rightly or not, or several, as 周杰伦的晴天 is an
artist and a title.

Cython compiles this module like `search`, with the types that readings.pxd declares.
"""

from typing import Dict, List, Optional, Tuple

from .entry_table import EntryTable, Part, Reading
from .keys import pinyin_units
from .search import NameSearch
from .sounds import split_pinyin

# How many readings there are at most, how many names are looked at for a part of a query,
# and how many that were typed by initials.
MOST_READINGS = 12
_MOST_TITLES = 6
_MOST_SPOKEN = 300
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
_FIRST_OF_FILLERS = frozenset(filler[0] for filler in _FILLERS)
_OF = "的"
# What may stand between an artist and 的.
_SINGS = ("演唱", "唱", "版")
_SONGS = ("歌", "曲", "音乐", "曲子")


def find_readings(
    search: NameSearch, table: EntryTable, syllable_ids: Dict[str, int], keys: List[str]
) -> List[Reading]:
    """Find what a query may mean.

    search (NameSearch): The names of the catalogue.
    table (EntryTable): Its entries.
    syllable_ids (Dict[str, int]): The ids of all syllables.
    keys (List[str]): The query, as `spell_query` makes it.
    RETURNS (List[Reading]): The readings, the nearest first.
    """
    key = keys[0]
    size = len(key)
    if size == 0:
        return []
    readings: List[Reading] = []
    known: List[Tuple[int, int, int]] = []
    least = _DEAREST
    if size > 2:
        known = search.known_in(key, _LONGEST_PART)
        by_parts = _by_known_parts(table, key, known)
        if by_parts is not None:
            readings.append(by_parts)
            least = by_parts[0]
    # Names that are written as they are in the catalogue need no search.
    if not readings or least > _SURE or search.place_of(key) >= 0:
        least = min(least, _add_whole(search, table, syllable_ids, keys, readings))
    if size > 2 and least > _SURE:
        for artist, title in _splits(table, key, known):
            _add_artist_and_title(search, table, key, artist, title, readings)
    readings.sort()
    best: List[Reading] = []
    seen = set()
    for reading in readings:
        if reading[0] >= _DEAREST or len(best) == MOST_READINGS:
            break
        parts = reading[1]
        if parts not in seen:
            seen.add(parts)
            best.append(reading)
    return best


def _add_whole(
    search: NameSearch,
    table: EntryTable,
    syllable_ids: Dict[str, int],
    keys: List[str],
    readings: List[Reading],
) -> float:
    """Add the query as one name. RETURNS (float): The least cost."""
    key = keys[0]
    size = len(key)
    found: List[Tuple[float, int]] = []
    for way in keys:
        found.extend(search.find(way, MOST_READINGS))
    if key.isascii() and key.isalpha():
        syllables = split_pinyin(key, syllable_ids)
        if syllables:
            typed = pinyin_units(syllables, syllable_ids)
            found.extend(search.find(typed, MOST_READINGS))
        if 1 < size <= 8:
            spoken = search.spoken_by(key, _MOST_SPOKEN)
            ranked = [(-table.popularity_of_key(place), place) for place in spoken]
            ranked.sort()
            found.extend([(_BY_INITIALS, place) for _, place in ranked[:MOST_READINGS]])
    for at in range(1, size - 1):
        if key[at] in _AND:
            place = search.place_of(key[at + 1 :] + key[at] + key[:at])
            if place >= 0:
                found.append((_TURNED_ROUND, place))
    least = _DEAREST
    for cost, place in found:
        readings.append((cost, ((place, 0, size, -1),)))
        least = min(least, cost)
    return least


def _by_known_parts(
    table: EntryTable, key: str, known: List[Tuple[int, int, int]]
) -> Optional[Reading]:
    """The cheapest way to make a query of names and words that go without saying."""
    if not known:
        return None
    size = len(key)
    # Of each place what it costs to get there, and the part that ends there, or where a
    # filler begins.
    costs = [_DEAREST] * (size + 1)
    costs[0] = 0.0
    begins = [0] * (size + 1)
    places = [-1] * (size + 1)
    n_known = len(known)
    at = 0
    for start in range(size):
        here = costs[start]
        char = key[start]
        if here + _UNEXPLAINED < costs[start + 1]:
            costs[start + 1] = here + _UNEXPLAINED
            begins[start + 1], places[start + 1] = start, -1
        if (
            char == _OF
            and here + _UNKNOWN_TITLE < costs[size]
            and table.is_artist(_place_at(known, 0, start))
        ):
            costs[size] = here + _UNKNOWN_TITLE
            begins[size], places[size] = start, -1
        while at < n_known and known[at][0] == start:
            _, end, place = known[at]
            cost = here + (_PART if end - start > 1 else _SINGLE)
            if cost < costs[end]:
                costs[end] = cost
                begins[end], places[end] = start, place
            at += 1
        if char in _FIRST_OF_FILLERS:
            for end in range(start + 1, min(size, start + _LONGEST_FILLER) + 1):
                if here + _FILLER < costs[end] and key[start:end] in _FILLERS:
                    costs[end] = here + _FILLER
                    begins[end], places[end] = start, -1
    if costs[size] >= _DEAREST:
        return None
    parts: List[Part] = []
    end = size
    while end:
        start = begins[end]
        if places[end] >= 0:
            parts.append((places[end], start, end, -1))
        end = start
    if not parts:
        return None
    parts.reverse()
    cost = _agree(table, key, parts)
    if len(parts) == 1 and key.endswith(_SONGS) and table.is_work(parts[0][0]):
        cost += _TITLE_AS_SONG
    return costs[size] + cost, tuple(parts)


def _place_at(known: List[Tuple[int, int, int]], start: int, end: int) -> int:
    """The place of a stretch of a query; -1 if the catalogue does not have it."""
    for begin, until, place in known:
        if begin == start and until == end:
            return place
    return -1


def _agree(table: EntryTable, key: str, parts: List[Part]) -> float:
    """Take artists and their titles together: put the title of an artist first, and say
    whose it is. RETURNS (float): What it costs that parts do not belong together."""
    n_parts = len(parts)
    if n_parts == 1:
        return 0.0
    least, of_work, of_artist = _DEAREST, -1, -1
    n_names = 0
    for i in range(n_parts):
        work, work_start = parts[i][0], parts[i][1]
        is_work = table.is_work(work)
        if is_work or table.is_artist(work):
            n_names += 1
        if not is_work:
            continue
        whose = table.artists_of(work)
        for j in range(n_parts):
            if j == i or not table.is_artist(parts[j][0]):
                continue
            artist, artist_end = parts[j][0], parts[j][2]
            if whose:
                here = 0.0 if artist in whose else _NOT_THEIRS
            else:
                is_said = key[artist_end:work_start].endswith(_OF)
                here = _SAID_TO_BE_THEIRS if is_said else _NOBODYS
            if here < least:
                least, of_work = here, i
                of_artist = artist if whose and here == 0 else -1
    if of_work < 0:
        return _UNRELATED * max(0, n_names - 1)
    work, start, end, _ = parts.pop(of_work)
    parts.insert(0, (work, start, end, of_artist))
    return least + _UNRELATED * max(0, n_names - 2)


Stretch = Tuple[int, int]


def _splits(
    table: EntryTable, key: str, known: List[Tuple[int, int, int]]
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
            # One of them at least must be written as the catalogue has it.
            is_artist_known = _place_at(known, 0, end) >= 0
            if is_artist_known or _place_at(known, at + 1, size) >= 0:
                found[(0, end), (at + 1, size)] = None
    if not found:
        # The longest that begin and end it.
        head, tail = 1, size - 1
        for start, end, _ in known:
            if start == 0:
                head = max(head, end)
            if end == size:
                tail = min(tail, start)
        if head > 1:
            if table.is_artist(_place_at(known, 0, head)):
                found[(0, head), (head, size)] = None
            found[(head, size), (0, head)] = None
        if tail < size - 1:
            found[(0, tail), (tail, size)] = None
            if table.is_artist(_place_at(known, tail, size)):
                found[(tail, size), (0, tail)] = None
    return list(found)[:_MOST_SPLITS]


def _add_artist_and_title(
    search: NameSearch,
    table: EntryTable,
    key: str,
    artist: Stretch,
    title: Stretch,
    readings: List[Reading],
) -> None:
    """Add readings of a query whose parts are an artist and a title."""
    said = key[title[0] : title[1]]
    by = key[artist[0] : artist[1]]
    place = search.place_of(said)
    titles = [(0.0, place)] if place >= 0 else search.find(said, _MOST_TITLES)
    by_place = search.place_of(by)
    for title_cost, place in titles:
        whose = table.artists_of(place)
        if not whose:
            continue
        artist_cost, artist_key = 0.0, by_place
        if by_place not in whose:
            artist_cost, artist_key = min(
                [(search.cost(by, other), other) for other in whose]
            )
        of_title = (place, title[0], title[1], artist_key)
        of_artist = (artist_key, artist[0], artist[1], -1)
        readings.append((title_cost + artist_cost + 2 * _PART, (of_title, of_artist)))
