# The types that Cython compiles short_text.py with.
cimport cython

ctypedef unsigned long long uint64

cdef int FIRST, INSIDE, LAST, N_COLUMNS, N_LENGTHS, N_PLACES, UNK_ID
cdef uint64 MIX, P, _ALL_BITS
cdef int _IDEOGRAPHS, _END_OF_IDEOGRAPHS


cdef class NameFinder:
    cdef const uint64[::1] _names, _one_char, _lengths
    cdef int _names_shift, _one_char_shift, _lengths_shift
    cdef dict _normal
    cdef bint _simplifies

    @cython.locals(
        found=list, size=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t, length=Py_ssize_t,
        total=uint64, power=uint64, lengths=uint64, types=uint64,
    )
    cpdef list find(self, str text)

    @cython.locals(code=int)
    cdef int _code(self, str text, Py_ssize_t place) except -1

    cdef bint _is_in_word(self, str text, Py_ssize_t place)

    @cython.locals(type_id=Py_ssize_t)
    cdef object _add(
        self, str text, Py_ssize_t start, Py_ssize_t length, uint64 types, list found
    )


@cython.locals(
    size=Py_ssize_t, n=Py_ssize_t, i=Py_ssize_t, cells="int[::1]", left="long long",
    char_id=int, pair=int, matches=list, pairs_before=int, pairs_after=int, names=int,
    has_pairs=bint,
)
cpdef encode_short(
    str text, dict char_ids, dict pair_ids, object layout, NameFinder finder
)

@cython.locals(
    n_columns=Py_ssize_t, n_names=list, start=Py_ssize_t, length=Py_ssize_t,
    type_id=Py_ssize_t, feature=int, i=Py_ssize_t, column=Py_ssize_t, place=int,
)
cdef Py_ssize_t _encode_matches(
    list matches, Py_ssize_t size, int before, Py_ssize_t first_cell, int[::1] cells
) except -1

@cython.locals(key=uint64, slot=Py_ssize_t)
cdef uint64 _mask_of(const uint64[::1] slots, int shift, uint64 total)

cdef bint _is_latin(int code)
