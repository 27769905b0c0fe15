/* Texts, one after the other: a message is too short to share its steps with others, and
 * what one needs stays in the processor's cache. */
#include "tagger.h"

#include <stdlib.h>
#include <string.h>

/* Characters whose vectors come while the network runs over another text: of more, the first
 * would have left the nearest cache again. */
#define MOST_FETCHED 64

/* Memory for the longest text, which all others use as well. */
typedef struct {
    void *all;
    mq_rows rows[2]; /* of a text and of the next one */
    float *vectors;
    float *emissions;
    float *network;
    void *chain;
} scratch;

/* Sizes are rounded up so that all that follows is aligned. */
static size_t reserve(size_t *total, size_t n, size_t size)
{
    size_t at = *total;
    *total += (n * size + 63) / 64 * 64;
    return at;
}

static int make_scratch(const mq_tagger *tagger, int32_t length, scratch *made)
{
    const mq_network *network = &tagger->network;
    size_t n = (size_t)length, total = 0, cells = n * MQ_NAME_COLUMNS;
    size_t margins = 2 * (size_t)mq_margin(network);
    /* Four numbers a character, and two for each of its names, of two texts. */
    size_t of_rows = reserve(&total, 2 * (4 * n + 2 * cells), sizeof(int32_t));
    size_t vectors = reserve(&total, (n + margins) * network->embed_width, sizeof(float));
    size_t emissions = reserve(&total, n * network->n_tags, sizeof(float));
    size_t of_network = reserve(&total, mq_network_scratch(network, length), sizeof(float));
    size_t of_chain = reserve(&total, mq_chain_scratch(&tagger->chain, length), 1);
    char *all = malloc(total + 64), *begin;
    int32_t *of_row;
    int i;
    if (!all)
        return -1;
    begin = all + (64 - (uintptr_t)all % 64) % 64;
    of_row = (int32_t *)(begin + of_rows);
    made->all = all;
    for (i = 0; i < 2; i++) {
        made->rows[i].codes = (uint32_t *)of_row;
        made->rows[i].chars = of_row + n;
        made->rows[i].before = of_row + 2 * n;
        made->rows[i].after = of_row + 3 * n;
        made->rows[i].places = of_row + 4 * n;
        made->rows[i].name_lengths = of_row + 4 * n + cells;
        of_row += 4 * n + 2 * cells;
    }
    made->vectors = (float *)(begin + vectors);
    made->emissions = (float *)(begin + emissions);
    made->network = (float *)(begin + of_network);
    made->chain = begin + of_chain;
    return 0;
}

static void fetch_vector(const float *vector, int32_t width)
{
    int32_t i;
    for (i = 0; i < width; i += MQ_CACHE_LINE / (int32_t)sizeof(float))
        mq_fetch(vector + i);
    mq_fetch(vector + width - 1);
}

/* Find the rows of a text that is not empty, and let their vectors come: they lie anywhere in
 * some megabytes, and are there when the network is through with the text before. */
static void find_rows(const mq_tagger *tagger, const mq_names *names, const mq_text *text,
                      const mq_rows *rows)
{
    const mq_network *network = &tagger->network;
    int32_t t, width = network->vector_width, n_pairs = tagger->inventory.n_pairs;
    mq_find_rows(&tagger->inventory, names, text, rows);
    for (t = 0; t < text->length && t < MOST_FETCHED; t++) {
        fetch_vector(network->char_vectors + (size_t)rows->chars[t] * width, width);
        if (n_pairs) {
            const float *pairs = network->pair_vectors;
            fetch_vector(pairs + (size_t)rows->before[t] * width, width);
            fetch_vector(pairs + ((size_t)n_pairs + rows->after[t]) * width, width);
        }
    }
}

static void add_vector(float *sum, const float *vector, int32_t width)
{
    int32_t i;
    for (i = 0; i < width; i++)
        sum[i] += vector[i];
}

/* Sum up the vectors of each character. */
static void add_vectors(const mq_tagger *tagger, const mq_rows *rows, const float *context,
                        int32_t length, float *sums)
{
    const mq_network *network = &tagger->network;
    int32_t t, column, width = network->vector_width, n_pairs = tagger->inventory.n_pairs;
    for (t = 0; t < length; t++, sums += network->embed_width) {
        const int32_t *places = rows->places + (size_t)t * MQ_NAME_COLUMNS;
        memcpy(sums, network->char_vectors + (size_t)rows->chars[t] * width,
               width * sizeof(float));
        if (n_pairs) {
            const float *pairs = network->pair_vectors;
            add_vector(sums, pairs + (size_t)rows->before[t] * width, width);
            add_vector(sums, pairs + ((size_t)n_pairs + rows->after[t]) * width, width);
        }
        for (column = 0; column < MQ_NAME_COLUMNS && places[column] >= 0; column++)
            add_vector(sums, network->name_vectors + (size_t)places[column] * width, width);
        if (context)
            add_vector(sums, context + (size_t)t * width, width);
    }
}

int mq_run(const mq_tagger *tagger, mq_network_function run, const mq_names *names,
           const mq_text *texts, size_t n_texts, const float *context, float *emissions,
           float *intents, mq_spans *spans)
{
    const mq_network *network = &tagger->network;
    size_t margin = (size_t)mq_margin(network) * network->embed_width, i, of_text;
    int32_t longest = 0;
    int failed = 0;
    scratch made;
    for (i = 0; i < n_texts; i++)
        if (texts[i].length > longest)
            longest = texts[i].length;
    if (make_scratch(tagger, longest, &made))
        return -1;
    memset(made.vectors, 0, margin * sizeof(float));
    if (n_texts && texts[0].length)
        find_rows(tagger, names, &texts[0], &made.rows[0]);
    for (i = 0; i < n_texts && !failed; i++, intents += network->n_intents) {
        int32_t length = texts[i].length;
        float *vectors = made.vectors + margin, *scores = emissions ? emissions : made.emissions;
        of_text = (size_t)length * network->embed_width;
        /* Also of what is behind a shorter text, where a longer one was. */
        memset(vectors, 0, (of_text + margin) * sizeof(float));
        add_vectors(tagger, &made.rows[i % 2], context, length, vectors);
        if (i + 1 < n_texts && texts[i + 1].length)
            find_rows(tagger, names, &texts[i + 1], &made.rows[(i + 1) % 2]);
        if (!length)
            continue;
        run(network, vectors, length, made.network, scores, intents);
        if (spans)
            failed = mq_decode(&tagger->chain, scores, (int32_t)i, length, made.chain, spans);
        if (emissions)
            emissions += (size_t)length * network->n_tags;
        if (context)
            context += (size_t)length * network->vector_width;
    }
    free(made.all);
    return failed;
}
