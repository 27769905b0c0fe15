/* From the characters of texts to their queries, in one call that needs no Python.
 *
 *   characters -> rows of vectors -> BiLSTM and window -> emissions -> spans and scores
 *   (rows.c)                         (network.c)                       (chain.c)
 *
 * ml/numpy_tagger.py does the same in numpy, and says what is computed; here is how.
 * Whoever calls lays the weights out and keeps them alive: ml/kernel.pyx.
 */
#ifndef MQ_TAGGER_H
#define MQ_TAGGER_H

#include <stddef.h>
#include <stdint.h>

/* Widths of arrays are rounded up to multiples of these, so that no loop over them has a
 * remainder: of vectors, and of the hidden states of one direction. */
#define MQ_LANES 16
#define MQ_UNITS 32

/* How many of the names that a character is part of are seen, as in name_matches.py. */
#define MQ_NAME_COLUMNS 4

/* Ask for what is at an address, where processors can be asked: it comes meanwhile. */
#define MQ_CACHE_LINE 64
#ifdef __GNUC__
#define mq_fetch(address) __builtin_prefetch(address)
#else
#define mq_fetch(address) ((void)0)
#endif

/* A text where Python keeps it: its code points take 1, 2 or 4 bytes each. */
typedef struct {
    const void *data;
    int kind;
    int32_t length;
} mq_text;

/* Hashes and 64 bits for each, see MaskTable in features/name_hashes.py. */
typedef struct {
    const uint64_t *slots;
    int shift;
} mq_table;

/* The names of a catalogue, see NameIndex. */
typedef struct {
    mq_table names;      /* their types */
    mq_table one_char;   /* those of names of one character */
    mq_table beginnings; /* the lengths of longer ones, by their first two characters */
    int32_t longest;     /* the length of the longest name; 0 for no names */
} mq_names;

/* Which rows the characters of a text have. */
typedef struct {
    const int32_t *id_of_code; /* 0 for none; the last one is that of all further ones */
    int32_t n_codes;
    const uint32_t *normal_code; /* of those below n_normal; the others are normal */
    int32_t n_normal;
    /* The pairs, in order: those with the left character c are number pair_starts[c] to
     * pair_starts[c + 1] (exclusive), and have pair_rights on their right. */
    const int32_t *pair_starts;
    const int32_t *pair_rights;
    int32_t n_pairs; /* with the unknown one; 0 for a network that knows no pairs */
} mq_inventory;

/* One direction of an LSTM. Its gates stand side by side: input, forget, new, output; times
 * -1 / log 2, new times twice that, so that 2 raised to them is what activations need. */
typedef struct {
    const float *kernel;    /* (in_width, 4 hidden_width) */
    const float *recurrent; /* (hidden_width, 4 hidden_width) */
    const float *bias;      /* (4 hidden_width) */
} mq_lstm;

/* Widths are rounded. What arrays have more than the network is zero, and adds nothing. */
typedef struct {
    int32_t vector_width; /* of the three kinds of vectors, not rounded */
    int32_t embed_width;
    int32_t hidden_width; /* in each direction */
    int32_t depth;
    int32_t window; /* 0 for none */
    int32_t n_tags;
    int32_t n_intents;
    const float *char_vectors; /* (characters, vector_width) */
    const float *pair_vectors; /* (2 n_pairs, vector_width): before, then after */
    const float *name_vectors; /* (places in names, vector_width) */
    const mq_lstm *lstms;       /* (depth, 2): forward, backward */
    const float *output;        /* (n_tags, 2 hidden_width) */
    const float *output_bias;   /* (n_tags) */
    const float *window_kernel; /* (n_tags, window embed_width) */
    const float *intents;       /* (n_intents, 2 hidden_width) */
    const float *intent_bias;   /* (n_intents) */
} mq_network;

/* Scores of neighbouring tags and their exponentials: (n_tags, n_tags), [before, after]. */
typedef struct {
    int32_t n_tags;
    const double *transitions;
    const double *factors;
} mq_chain;

typedef struct {
    mq_inventory inventory;
    mq_network network;
    mq_chain chain;
} mq_tagger;

typedef struct {
    int32_t text, start, end, label;
    double score;
} mq_span;

typedef struct {
    mq_span *items;
    size_t n, room;
} mq_spans;

/* The rows of one text: of the characters and pairs, and of up to four places in names.
 * -1 is none. */
typedef struct {
    uint32_t *codes; /* normalised */
    int32_t *chars;
    int32_t *before;
    int32_t *after;
    int32_t *places;       /* (length, MQ_NAME_COLUMNS), the longest names first */
    int32_t *name_lengths; /* the same, and 0 for none */
} mq_rows;

/* What runs a network with one set of instructions. Takes the vectors (length, embed_width)
 * of one text that is not empty, with mq_margin(...) rows of zeros before and behind them,
 * and scratch of mq_network_scratch(...) floats. Writes emissions (length, n_tags) and
 * intents (n_intents). */
typedef void (*mq_network_function)(const mq_network *network, const float *vectors,
                                    int32_t length, float *scratch, float *emissions,
                                    float *intents);

int32_t mq_margin(const mq_network *network);
size_t mq_network_scratch(const mq_network *network, int32_t length);

/* The sets of instructions that this processor has, the best first: their names, and the
 * functions. Ends with NULL. */
typedef struct {
    const char *name;
    mq_network_function run;
} mq_instruction_set;

const mq_instruction_set *mq_instruction_sets(void);

void mq_find_rows(const mq_inventory *inventory, const mq_names *names, const mq_text *text,
                  const mq_rows *rows);

/* Decode the emissions of one text that is not empty. Scratch: mq_chain_scratch(...) bytes.
 * Returns 0, or -1 if there is no memory for one more span. */
int mq_decode(const mq_chain *chain, const float *emissions, int32_t text, int32_t length,
              void *scratch, mq_spans *spans);

size_t mq_chain_scratch(const mq_chain *chain, int32_t length);

/* Tag texts.
 *
 * names: NULL for none.
 * context: Vectors to be added to those of all characters in a row (characters,
 *     vector_width); NULL for none.
 * emissions: Of all characters in a row (characters, n_tags); NULL to keep none.
 * intents: (n_texts, n_intents), zero for empty texts.
 * spans: To which those of each text are added, in order; NULL not to decode.
 *
 * Returns 0, or -1 if memory is short. The caller frees spans->items in any case. */
int mq_run(const mq_tagger *tagger, mq_network_function run, const mq_names *names,
           const mq_text *texts, size_t n_texts, const float *context, float *emissions,
           float *intents, mq_spans *spans);

#endif
