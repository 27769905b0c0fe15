# The types that Cython compiles entry_table.py with.
cimport cython

ctypedef unsigned char uint8
ctypedef unsigned short uint16
ctypedef unsigned int uint32

cdef int ARTIST, WORK, NO_POPULARITY, _MOST_ENTRIES, _MOST_OF_KEY, _ENOUGH
cdef tuple _BY_KIND


@cython.final
cdef class Strings:
    cdef object _bytes
    cdef const uint32[::1] _places

    @cython.locals(begin=uint32, end=uint32)
    cpdef str get(self, int place)


@cython.final
cdef class EntryTable:
    cdef list _type_names
    cdef const int[::1] _of_key, _artist_keys
    cdef const uint32[::1] _of_key_offsets, _artist_offsets
    cdef const uint8[::1] _kinds, _roles, _popularity
    cdef const uint16[::1] _types
    cdef Strings _ids, _names, _artists

    cpdef bint is_artist(self, int key) noexcept

    cpdef bint is_work(self, int key) noexcept

    @cython.locals(found=dict, begin=uint32, end=uint32, at=uint32, entry=int, i=uint32)
    cpdef list artists_of(self, int key)

    @cython.locals(i=uint32)
    cpdef bint is_by(self, int entry, int artist) noexcept

    @cython.locals(rank=int)
    cpdef double popularity_of(self, int entry) noexcept

    @cython.locals(begin=uint32)
    cpdef double popularity_of_key(self, int key) noexcept

    cpdef tuple describe(self, int entry)

    @cython.locals(
        seen=set, rows=list, ranked=list, links=list, i=int, n_kept=int, share=double,
        parts=tuple, part=tuple, rank=int, entry=int, kind=int, score=double, least=double,
        popularity=double, name=str, artist=str, id=str,
    )
    cpdef list link(
        self, str text, list readings, list shares, object starts, object ends, int most
    )

    @cython.locals(found=list, begin=uint32, end=uint32, kind=int, at=uint32, entry=int)
    cdef list _entries_of(self, int key, int artist)
