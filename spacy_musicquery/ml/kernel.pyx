# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""The compiled tagger: Python's side of what csrc/ computes. See `numpy_tagger`, which does
the same, for what goes in and out; `compiled_tagger` lays the arrays out."""

from libc.math cimport exp
from libc.stdint cimport int32_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc

import numpy as np


cdef extern from "Python.h":
    int PyUnicode_KIND(object text)
    void* PyUnicode_DATA(object text)


cdef extern from *:
    """
    /* Strings of old interfaces are made ready before their characters are read. */
    #if PY_VERSION_HEX < 0x030C0000
    #define mq_ready(text) PyUnicode_READY(text)
    #else
    #define mq_ready(text) 0
    #endif
    """
    int mq_ready(object text) except -1


cdef extern from "csrc/tagger.h" nogil:
    int MQ_LANES, MQ_UNITS

    ctypedef struct mq_text:
        const void* data
        int kind
        int32_t length

    ctypedef struct mq_table:
        const uint64_t* slots
        int shift

    ctypedef struct mq_names:
        mq_table names
        mq_table one_char
        mq_table beginnings
        int32_t longest

    ctypedef struct mq_inventory:
        const int32_t* id_of_code
        int32_t n_codes
        const uint32_t* normal_code
        int32_t n_normal
        const int32_t* pair_starts
        const int32_t* pair_rights
        int32_t n_pairs

    ctypedef struct mq_lstm:
        const float* kernel
        const float* recurrent
        const float* bias

    ctypedef struct mq_network:
        int32_t vector_width
        int32_t embed_width
        int32_t hidden_width
        int32_t depth
        int32_t window
        int32_t n_tags
        int32_t n_intents
        const float* char_vectors
        const float* pair_vectors
        const float* name_vectors
        const mq_lstm* lstms
        const float* output
        const float* output_bias
        const float* window_kernel
        const float* intents
        const float* intent_bias

    ctypedef struct mq_chain:
        int32_t n_tags
        const double* transitions
        const double* factors

    ctypedef struct mq_tagger:
        mq_inventory inventory
        mq_network network
        mq_chain chain

    ctypedef struct mq_span:
        int32_t text, start, end, label
        double score

    ctypedef struct mq_spans:
        mq_span* items
        size_t n, room

    ctypedef void (*mq_network_function)(
        const mq_network*, const float*, int32_t, float*, float*, float*
    )

    ctypedef struct mq_instruction_set:
        const char* name
        mq_network_function run

    const mq_instruction_set* mq_instruction_sets()

    int mq_run(
        const mq_tagger* tagger,
        mq_network_function run,
        const mq_names* names,
        const mq_text* texts,
        size_t n_texts,
        const float* context,
        float* emissions,
        float* intents,
        mq_spans* spans,
    )


# What widths are rounded up to, of vectors and of hidden states.
LANES = MQ_LANES
UNITS = MQ_UNITS


def instruction_sets():
    """List what this processor can.

    RETURNS (List[str]): The names of sets of instructions, the best first.
    """
    cdef const mq_instruction_set* known = mq_instruction_sets()
    names = []
    while known.name != NULL:
        names.append(known.name.decode("ascii"))
        known += 1
    return names


cdef class NameTables:
    """The tables of a `NameIndex`, as the kernel reads them."""

    cdef mq_names names
    cdef object _arrays

    def __init__(self, object tables, int longest):
        """Take tables.

        tables (Sequence[MaskTable]): Of names, of those of one character, and of what
            longer ones begin with.
        longest (int): The length of the longest name.
        """
        names, one_char, beginnings = tables
        self._arrays = [table.slots for table in tables]
        _set_table(&self.names.names, names)
        _set_table(&self.names.one_char, one_char)
        _set_table(&self.names.beginnings, beginnings)
        self.names.longest = longest


cdef int _set_table(mq_table* table, object of) except -1:
    cdef const uint64_t[::1] slots = of.slots
    table.slots = &slots[0]
    table.shift = of.shift
    return 0


cdef class Kernel:
    """Tags texts with weights and inventories of one moment, without holding the GIL."""

    cdef mq_tagger tagger
    cdef mq_network_function run
    cdef mq_lstm* lstms
    cdef object _arrays

    def __cinit__(self):
        self.lstms = NULL

    def __dealloc__(self):
        free(self.lstms)

    def __init__(self, dict sizes, dict arrays, str instruction_set=""):
        """Make a kernel.

        sizes (Dict[str, int]): See `compiled_tagger.laid_out`, which checks what the arrays
            hold: nothing here looks whether a row exists.
        arrays (Dict[str, np.ndarray]): Of the same.
        instruction_set (str): One of `instruction_sets`; the best if empty.
        """
        cdef mq_network* network = &self.tagger.network
        cdef mq_inventory* inventory = &self.tagger.inventory
        cdef const mq_instruction_set* known = mq_instruction_sets()
        cdef int i
        while instruction_set and known.name.decode("ascii") != instruction_set:
            known += 1
        self.run = known.run
        # They live as long as this.
        self._arrays = arrays
        network.vector_width = sizes["vector_width"]
        network.embed_width = sizes["embed_width"]
        network.hidden_width = sizes["hidden_width"]
        network.depth = sizes["depth"]
        network.window = sizes["window"]
        network.n_tags = self.tagger.chain.n_tags = sizes["n_tags"]
        network.n_intents = sizes["n_intents"]
        network.char_vectors = _floats(arrays, "char_vectors")
        network.pair_vectors = _floats(arrays, "pair_vectors")
        network.name_vectors = _floats(arrays, "name_vectors")
        network.output = _floats(arrays, "output")
        network.output_bias = _floats(arrays, "output_bias")
        network.window_kernel = _floats(arrays, "window_kernel")
        network.intents = _floats(arrays, "intents")
        network.intent_bias = _floats(arrays, "intent_bias")
        self.lstms = <mq_lstm*>malloc(2 * network.depth * sizeof(mq_lstm))
        if self.lstms == NULL:
            raise MemoryError()
        for i in range(2 * network.depth):
            self.lstms[i].kernel = _floats(arrays, f"kernel_{i}")
            self.lstms[i].recurrent = _floats(arrays, f"recurrent_{i}")
            self.lstms[i].bias = _floats(arrays, f"bias_{i}")
        network.lstms = self.lstms
        inventory.id_of_code = _ints(arrays, "id_of_code")
        inventory.n_codes = len(arrays["id_of_code"])
        inventory.normal_code = <const uint32_t*>_ints(arrays, "normal_code")
        inventory.n_normal = len(arrays["normal_code"])
        inventory.pair_starts = _ints(arrays, "pair_starts")
        inventory.pair_rights = _ints(arrays, "pair_rights")
        inventory.n_pairs = sizes["n_pairs"]
        self.tagger.chain.transitions = _doubles(arrays, "transitions")
        self.tagger.chain.factors = _doubles(arrays, "factors")

    def emissions(self, list texts, NameTables names=None, context=None):
        """Score the characters of texts.

        texts (List[str]): The texts, some.
        names (Optional[NameTables]): The names of the catalogue.
        context (Optional[Floats2d]): Vectors to add to those of all characters
            (characters, width).
        RETURNS (Tuple[Floats2d, Floats2d]): Emissions of all characters in a row
            (characters, tags), and scores of intents (texts, intents), 0 for empty texts.
        """
        n_chars = sum(map(len, texts))
        data = np.empty((n_chars, self.tagger.network.n_tags), dtype="float32")
        intents = np.zeros((len(texts), self.tagger.network.n_intents), dtype="float32")
        cdef float[:, ::1] rows = data
        cdef float[:, ::1] of_texts = intents
        cdef float* to = &rows[0, 0] if data.size else NULL
        cdef float* intents_to = &of_texts[0, 0] if intents.size else NULL
        self._run(tuple(texts), names, context, to, intents_to, NULL)
        return data, intents

    def find(self, list texts, NameTables names=None, context=None):
        """Find the spans of texts.

        texts, names, context: See `emissions`.
        RETURNS (Tuple[List[Tuple], List[List[float]]]): Text, start, end, label and score
            of each span, by text and start, see `CharSpan`; and the probabilities of the
            intents of each text.
        """
        cdef Py_ssize_t n_texts = len(texts), n_intents = self.tagger.network.n_intents
        cdef Py_ssize_t i
        cdef mq_spans spans
        cdef mq_span* span
        cdef float* intents = <float*>calloc(n_texts * n_intents + 1, sizeof(float))
        spans.items = NULL
        spans.n = spans.room = 0
        found = []
        if intents == NULL:
            raise MemoryError()
        try:
            self._run(tuple(texts), names, context, NULL, intents, &spans)
            for i in range(<Py_ssize_t>spans.n):
                span = &spans.items[i]
                found.append((span.text, span.start, span.end, span.label, span.score))
            return found, [
                _probabilities(intents + i * n_intents, n_intents) for i in range(n_texts)
            ]
        finally:
            free(spans.items)
            free(intents)

    cdef int _run(
        self,
        tuple texts,
        NameTables names,
        object context,
        float* emissions,
        float* intents,
        mq_spans* spans,
    ) except -1:
        cdef Py_ssize_t n_texts = len(texts), i
        cdef const mq_names* tables = NULL if names is None else &names.names
        cdef const float* added = NULL
        cdef const float[:, ::1] rows
        cdef mq_text one_text
        cdef mq_text* all_texts = &one_text
        cdef int failed
        if context is not None and len(context):
            rows = context
            added = &rows[0, 0]
        if n_texts > 1:
            all_texts = <mq_text*>malloc(n_texts * sizeof(mq_text))
            if all_texts == NULL:
                raise MemoryError()
        try:
            for i in range(n_texts):
                _set_text(&all_texts[i], texts[i])
            # The tuple keeps the texts, which nobody can change.
            with nogil:
                failed = mq_run(
                    &self.tagger, self.run, tables, all_texts, n_texts, added, emissions,
                    intents, spans
                )
        finally:
            if all_texts != &one_text:
                free(all_texts)
        if failed:
            raise MemoryError()
        return 0


cdef list _probabilities(const float* logits, Py_ssize_t n):
    """The softmax of some logits, see `probability_rows`."""
    cdef Py_ssize_t i
    cdef double total = 0.0
    cdef float top = logits[0]  # of none as well: there is one more number than intents
    for i in range(1, n):
        if logits[i] > top:
            top = logits[i]
    for i in range(n):
        total += exp(<double>logits[i] - top)
    return [exp(<double>logits[i] - top) / total for i in range(n)]


cdef int _set_text(mq_text* to, str text) except -1:
    mq_ready(text)
    to.data = PyUnicode_DATA(text)
    to.kind = PyUnicode_KIND(text)
    to.length = len(text)
    return 0


cdef const float* _floats(dict arrays, str name) except? NULL:
    cdef const float[::1] values
    if name not in arrays:
        return NULL
    values = arrays[name].reshape(-1)
    return &values[0]


cdef const double* _doubles(dict arrays, str name) except? NULL:
    cdef const double[::1] values = arrays[name].reshape(-1)
    return &values[0]


cdef const int32_t* _ints(dict arrays, str name) except? NULL:
    cdef const int32_t[::1] values
    if name not in arrays or not len(arrays[name]):
        return NULL
    values = arrays[name]
    return &values[0]
