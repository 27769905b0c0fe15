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
cdef int _MOST_POINTS, _MOST_FOUND, _MOST_FEATURES
cdef int _MOST_GATHERED, _MOST_UNITS, _MOST_CELLS
cdef double SAME_SOUND, _STEEPNESS, _SECOND_READING, _OTHER_TONE, _OTHER_LETTER, _SWAP
cdef double _DOUBLED, _FAR, _TOO_FAR
cdef double _LEFT_OUT_AT_EDGE, _EACH_MORE_AT_EDGE, _OTHER_ORDER


@cython.final
cdef class Workspace:
    cdef uint16[::1] points, units, readings, others, numbers, kinds, sounds
    cdef int[::1] touched, worths, chosen, counts, features, places, begins
    cdef uint32[::1] amounts
    cdef double[::1] costs, table, gaps, wording, cells, nearest
    cdef int n_features, n_kinds


@cython.final
cdef class NameSearch:
    cdef const uint16[::1] _units, _readings, _folded, _gap_ids
    cdef const uint32[::1] _starts, _offsets
    cdef const int[::1] _postings
    cdef const uint8[::1] _initials, _lengths, _distances
    cdef const double[::1] _sound_costs, _gap_costs
    cdef const float[::1] _wording
    cdef int _n_syllables, _n_keys
    cdef const int[::1] _exact_keys, _spoken_keys
    cdef const uint32[::1] _exact_offsets, _spoken_offsets
    cdef int _exact_shift, _spoken_shift
    cdef list _free

    @cython.locals(work=Workspace, n_found=int, i=int)
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

    @cython.locals(size=int, i=int, unit=int)
    cdef int _take(self, str key, Workspace work) except -1

    @cython.locals(
        size=int, n_touched=int, n_compared=int, n_chosen=int, i=int, place=int,
        cost=double, dearest=double, n_found=int, at=int, first=int, n_gathered=int,
    )
    cdef int _find(self, str key, int most, Workspace work) except -1

    @cython.locals(
        top=int, least=int, i=int, n=int, n_chosen=int, worth=int, place=int,
        length=int, difference=int,
    )
    cdef int _choose(self, int n_touched, int size, int most, Workspace work) except -1

    @cython.locals(i=int, one=int, two=int, three=int, feature=int)
    cdef void _list_features(self, int size, Workspace work) noexcept

    @cython.locals(n=uint32, at=int, i=int)
    cdef void _add_feature(self, int feature, Workspace work) noexcept

    @cython.locals(
        n_touched=int, room=int, at=int, n=int, worth=int, start=int, i=int, place=int,
    )
    cdef int _collect(self, Workspace work) except -1

    @cython.locals(
        room=int, n=int, at=int, i=int, j=int, place=int, begin=int, length=int, unit=int,
        n_kinds=int, one=uint16, other=uint16,
    )
    cdef int _gather(self, int first, int end, int size, Workspace work) except -1

    @cython.locals(
        begin=int, length=int, i=int, j=int, width=int, row=int, above=int,
        by_one=double, at_edge=double, best=double, swapped=double, least=double,
        cost=double, gap=double, wording=double, before=double, other=int,
    )
    cdef double _compare(self, int size, int slot, double most, Workspace work) noexcept

    @cython.locals(cost=double, i=int, j=int)
    cdef double _compare_doublings(self, int size, int begin, Workspace work) noexcept

    @cython.locals(reading=int)
    cdef int _first_syllable(self, int unit) noexcept

    @cython.locals(total=double, best=double, at=int, i=int, j=int, k=int)
    cdef double _compare_without_order(
        self, int size, int begin, int length, Workspace work
    ) noexcept

    @cython.locals(
        row=int, a=int, b=int, c=int, d=int, unit=int, is_letter=bint, are_letters=bint, j=int,
        first=double, second=double,
    )
    cdef void _replace(self, int at, Workspace work) noexcept

    @cython.locals(syllables=int, is_other_tone=int, row=int)
    cdef inline double _confuse(self, int one, int other, int n_second) noexcept


cdef bint _is_letter(int folded) noexcept

@cython.locals(place=int, folded=int)
cdef int _letters(int one, int two, int three) noexcept
