# The types that Cython compiles search.py with.
cimport cython

ctypedef unsigned char uint8
ctypedef unsigned short uint16
ctypedef unsigned int uint32
ctypedef unsigned long long uint64

cdef uint64 PRIME, ALL_BITS

cdef int MAX_UNITS, FIRST_LETTER, N_FOLDED, N_INITIALS, N_LETTERS, SHORT
cdef int N_TONES, TONE_BITS, PAIRS, SKIPS, PLACED, INITIALS, LETTERS
cdef int _MOST_POSTINGS, _MOST_COMPARED, _FEW_COMPARED, _LEAST_COMPARED, _POINTS_PER_LENGTH
cdef int _MOST_POINTS, _MOST_FOUND
cdef double SAME_SOUND, _STEEPNESS, _SECOND_READING, _OTHER_TONE, _OTHER_LETTER, _SWAP, _DOUBLED, _FAR, _TOO_FAR
cdef double _LEFT_OUT_AT_EDGE, _EACH_MORE_AT_EDGE, _OTHER_ORDER


cdef class Workspace:
    cdef uint16[::1] points, units
    cdef int[::1] touched, chosen, counts
    cdef double[::1] costs, table, nearest


cdef class NameSearch:
    cdef const uint16[::1] _units, _readings, _folded
    cdef const uint32[::1] _starts, _offsets
    cdef const int[::1] _postings
    cdef const uint8[::1] _initials, _lengths
    cdef const double[::1] _distances, _gaps
    cdef const float[::1] _wording
    cdef int _n_readings, _n_syllables, _n_keys
    cdef const int[::1] _exact_keys, _spoken_keys
    cdef const uint32[::1] _exact_offsets, _spoken_offsets
    cdef int _exact_shift, _spoken_shift
    cdef list _free

    @cython.locals(work=Workspace)
    cpdef list find(self, str key, int most)

    @cython.locals(work=Workspace, size=int)
    cpdef double cost(self, str key, int place) except -1

    @cython.locals(size=int, i=int, total=uint64)
    cpdef int place_of(self, str key) except -2

    @cython.locals(size=int, i=int, at=uint32, place=int, first=uint32)
    cdef int _place_in(self, uint64 bucket, str key, int begin, int end) except -2

    @cython.locals(size=int, total=uint64, begin=int, end=int, place=int, found=list)
    cpdef list known_in(self, str key, int longest)

    @cython.locals(
        size=int, i=int, total=uint64, bucket=uint64, at=uint32, place=int,
        begin=uint32, found=list,
    )
    cpdef list spoken_by(self, str letters, int most)

    @cython.locals(size=int, i=int)
    cdef int _take(self, str key, Workspace work) except -1

    @cython.locals(
        size=int, n_touched=int, n_compared=int, n_chosen=int, i=int, place=int,
        cost=double, dearest=double, found=list, n_found=int, at=int, chosen=int[::1],
        nearest=double[::1],
    )
    cdef list _find(self, str key, int most, Workspace work)

    @cython.locals(
        least=int, i=int, n=int, n_chosen=int, worth=int, counts=int[::1],
        touched=int[::1], points=uint16[::1],
    )
    cdef int _choose(self, int n_touched, int size, int most, Workspace work) except -1

    @cython.locals(
        features=list, found=list, i=int, one=int, two=int,
        three=int, place=int, feature=int, n=int,
    )
    cdef list _ranges(self, int size, Workspace work)

    @cython.locals(
        n_touched=int, room=int, n=int, feature=int, worth=int, start=int, i=int, place=int,
    )
    cdef int _collect(self, list ranges, Workspace work) except -1

    @cython.locals(length=int, difference=int, worth=int)
    cdef int _points_of(self, int place, int size, uint16[::1] points) except -1

    @cython.locals(i=int, n=int)
    cdef int _least_points(
        self, int n_touched, int size, int most, Workspace work
    ) except -1

    @cython.locals(
        begin=int, length=int, i=int, j=int,
        width=int, row=int, above=int, by_one=double, at_edge=double, best=double,
        swapped=double, least=double, cost=double,
    )
    cdef double _compare(
        self, int size, int place, double most, Workspace work
    ) except -1

    @cython.locals(cost=double, i=int, j=int, is_double=bint, are_double=bint)
    cdef double _compare_doublings(
        self, int size, int begin, int length, Workspace work
    ) except -1

    @cython.locals(reading=int)
    cdef int _first_syllable(self, int unit) except? -1

    @cython.locals(
        total=double, n_left=int, best=double, at=int, i=int, j=int,
        k=int,
    )
    cdef double _compare_without_order(
        self, int size, int begin, int length, Workspace work
    ) except -1

    @cython.locals(
        width=int, nearest=double, i=int, j=int, a=int, b=int,
        syllables=int, distance=double,
    )
    cdef double _replace(self, int one, int other) except -1


cdef bint _is_letter(int folded)

@cython.locals(place=int, folded=int)
cdef int _letters(int one, int two, int three) except -1
