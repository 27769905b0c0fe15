# The types that Cython compiles readings.py with.
cimport cython

from .entry_table cimport EntryTable
from .search cimport NameSearch

cdef int MOST_READINGS, _MOST_TITLES, _MOST_SPOKEN, _MOST_SPLITS, _LONGEST_PART
cdef int _LONGEST_FILLER
cdef double _DEAREST, _SURE, _PART, _SINGLE, _FILLER, _UNEXPLAINED, _NOT_THEIRS, _NOBODYS
cdef double _SAID_TO_BE_THEIRS, _UNRELATED, _TITLE_AS_SONG, _UNKNOWN_TITLE, _BY_INITIALS
cdef double _TURNED_ROUND
cdef str _AND, _OF
cdef frozenset _FILLERS, _FIRST_OF_FILLERS
cdef tuple _SINGS, _SONGS


@cython.locals(
    key=str, size=int, readings=list, known=list, least=double, by_parts=tuple, best=list,
    seen=set, reading=tuple, parts=tuple,
)
cpdef list find_readings(NameSearch search, EntryTable table, dict syllable_ids, list keys)

@cython.locals(
    key=str, size=int, found=list, way=str, at=int, place=int, least=double, cost=double,
    ranked=list, spoken=list,
)
cdef double _add_whole(
    NameSearch search, EntryTable table, dict syllable_ids, list keys, list readings
) except -1

@cython.locals(
    size=int, costs=list, begins=list, places=list, n_known=int, at=int, start=int,
    here=double, char=str, end=int, place=int, cost=double, parts=list,
)
cdef tuple _by_known_parts(EntryTable table, str key, list known)

@cython.locals(begin=int, until=int, place=int)
cdef int _place_at(list known, int start, int end) except -2

@cython.locals(
    n_parts=int, least=double, of_work=int, of_artist=int, n_names=int, i=int, work=int,
    work_start=int, is_work=bint, whose=list, j=int, artist=int, artist_end=int, here=double,
    is_said=bint, start=int, end=int,
)
cdef double _agree(EntryTable table, str key, list parts) except -1

@cython.locals(size=int, found=dict, at=int, end=int, word=str, head=int, tail=int, start=int)
cdef list _splits(EntryTable table, str key, list known)

@cython.locals(
    said=str, by=str, place=int, titles=list, by_place=int, title_cost=double, whose=list,
    artist_cost=double, artist_key=int,
)
cdef int _add_artist_and_title(
    NameSearch search, EntryTable table, str key, tuple artist, tuple title, list readings
) except -1
