/* Texts, one after the other: a message is too short to share its steps with others, and
 * what one needs stays in the processor's cache. */
#include "tagger.h"

#include <stdlib.h>
#include <string.h>

/* Memory for the longest text, which all others use as well. */
typedef struct {
    void *all;
    mq_rows rows;
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
    size_t codes = reserve(&total, n, sizeof(uint32_t));
    size_t chars = reserve(&total, n, sizeof(int32_t));
    size_t before = reserve(&total, n, sizeof(int32_t));
    size_t after = reserve(&total, n, sizeof(int32_t));
    size_t places = reserve(&total, cells, sizeof(int32_t));
    size_t name_lengths = reserve(&total, cells, sizeof(int32_t));
    size_t vectors = reserve(&total, (n + margins) * network->embed_width, sizeof(float));
    size_t emissions = reserve(&total, n * network->n_tags, sizeof(float));
    size_t of_network = reserve(&total, mq_network_scratch(network, length), sizeof(float));
    size_t of_chain = reserve(&total, mq_chain_scratch(&tagger->chain, length), 1);
    char *all = malloc(total + 64), *begin;
    if (!all)
        return -1;
    begin = all + (64 - (uintptr_t)all % 64) % 64;
    made->all = all;
    made->rows.codes = (uint32_t *)(begin + codes);
    made->rows.chars = (int32_t *)(begin + chars);
    made->rows.before = (int32_t *)(begin + before);
    made->rows.after = (int32_t *)(begin + after);
    made->rows.places = (int32_t *)(begin + places);
    made->rows.name_lengths = (int32_t *)(begin + name_lengths);
    made->vectors = (float *)(begin + vectors);
    made->emissions = (float *)(begin + emissions);
    made->network = (float *)(begin + of_network);
    made->chain = begin + of_chain;
    return 0;
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
    for (i = 0; i < n_texts && !failed; i++, intents += network->n_intents) {
        int32_t length = texts[i].length;
        float *vectors = made.vectors + margin, *scores = emissions ? emissions : made.emissions;
        if (!length)
            continue;
        of_text = (size_t)length * network->embed_width;
        mq_find_rows(&tagger->inventory, names, &texts[i], &made.rows);
        /* Also of what is behind a shorter text, where a longer one was. */
        memset(vectors, 0, (of_text + margin) * sizeof(float));
        add_vectors(tagger, &made.rows, context, length, vectors);
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
