# The types that Cython compiles score.py with.
cimport cython

cdef int _MOST_CHARS, _LEAST_KEYS


@cython.locals(
    per_cost=double, exact=double, nothing=double, per_char=double, per_tenfold=double,
    something=double, total=double, weights=list, cost=double, weight=double,
)
cpdef list probabilities(object costs, int n_chars, int n_keys, object calibration=*)
