/* Emissions to spans and their scores: what decoding/ does in numpy, with the formulas that
 * linear_chain.py and bio.py explain. */
#include "tagger.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_WEIGHT 1e-90

/* For each character and tag: first the best score of a sequence up to there, or a weight;
 * then what is passed forward and backward. */
size_t mq_chain_scratch(const mq_chain *chain, int32_t length)
{
    size_t cells = (size_t)length * chain->n_tags;
    return (3 * cells + length) * sizeof(double) +
           (cells + (size_t)length + 1) * sizeof(int32_t);
}

static int is_inside(int32_t tag)
{
    return tag > 0 && tag % 2 == 0;
}

static int all_finite(const float *values, size_t n)
{
    size_t i;
    float sum = 0.0f;
    /* Zero times a number is zero, unless it is infinite or none. */
    for (i = 0; i < n; i++)
        sum += values[i] * 0.0f;
    return sum == 0.0f;
}

/* The best tag sequence, by the Viterbi algorithm; of equal ones, the lowest tags. */
static void best_tags(const mq_chain *chain, const float *emissions, int32_t length,
                      double *best, int32_t *came_from, int32_t *tags)
{
    int32_t t, before, after, n = chain->n_tags;
    const double *transitions = chain->transitions;
    for (after = 0; after < n; after++)
        best[after] = emissions[after] + transitions[after];
    for (t = 1; t < length; t++) {
        const double *last = best + (size_t)(t - 1) * n;
        double *now = best + (size_t)t * n;
        int32_t *from = came_from + (size_t)t * n;
        for (after = 0; after < n; after++) {
            now[after] = last[0] + transitions[after];
            from[after] = 0;
        }
        for (before = 1; before < n; before++)
            for (after = 0; after < n; after++) {
                double score = last[before] + transitions[before * n + after];
                if (score > now[after]) {
                    now[after] = score;
                    from[after] = before;
                }
            }
        for (after = 0; after < n; after++)
            now[after] += emissions[(size_t)t * n + after];
    }
    best += (size_t)(length - 1) * n;
    tags[length - 1] = 0;
    for (after = 1; after < n; after++)
        if (best[after] > best[tags[length - 1]])
            tags[length - 1] = after;
    for (t = length - 1; t > 0; t--)
        tags[t - 1] = came_from[(size_t)t * n + tags[t]];
}

/* The forward-backward algorithm. */
static void forward_backward(const mq_chain *chain, const float *emissions, int32_t length,
                             double *weights, double *forward, double *backward,
                             double *scale)
{
    int32_t t, before, after, n = chain->n_tags;
    const double *factors = chain->factors;
    for (t = 0; t < length; t++) {
        const float *scores = emissions + (size_t)t * n;
        double *weight = weights + (size_t)t * n, *now = forward + (size_t)t * n;
        const double *last = now - n;
        float top = scores[0];
        double sum = 0.0;
        for (after = 1; after < n; after++)
            if (scores[after] > top)
                top = scores[after];
        for (after = 0; after < n; after++) {
            weight[after] = exp((double)scores[after] - top) + LEAST_WEIGHT;
            now[after] = t ? 0.0 : factors[after];
        }
        if (t)
            for (before = 0; before < n; before++)
                for (after = 0; after < n; after++)
                    now[after] += last[before] * factors[before * n + after];
        for (after = 0; after < n; after++)
            sum += now[after] *= weight[after];
        scale[t] = sum;
        for (after = 0; after < n; after++)
            now[after] /= sum;
    }
    for (after = 0; after < n; after++)
        backward[(size_t)(length - 1) * n + after] = 1.0;
    for (t = length - 1; t > 0; t--) {
        const double *now = backward + (size_t)t * n, *weight = weights + (size_t)t * n;
        for (before = 0; before < n; before++) {
            double sum = 0.0;
            for (after = 0; after < n; after++)
                sum += factors[before * n + after] * (weight[after] / scale[t] * now[after]);
            backward[(size_t)(t - 1) * n + before] = sum;
        }
    }
}

static int add_span(mq_spans *spans, const mq_span *span)
{
    if (spans->n == spans->room) {
        size_t room = spans->room ? 2 * spans->room : 16;
        mq_span *items = realloc(spans->items, room * sizeof(mq_span));
        if (!items)
            return -1;
        spans->items = items;
        spans->room = room;
    }
    spans->items[spans->n++] = *span;
    return 0;
}

int mq_decode(const mq_chain *chain, const float *emissions, int32_t text, int32_t length,
              void *scratch, mq_spans *spans)
{
    int32_t n = chain->n_tags, t, start;
    size_t cells = (size_t)length * n;
    double *weights = scratch, *forward = weights + cells, *backward = forward + cells;
    double *scale = backward + cells;
    const double *factors = chain->factors;
    int32_t *came_from = (int32_t *)(scale + length), *tags = came_from + cells;
    /* No number is no reason to find anything. */
    if (!all_finite(emissions, cells))
        return 0;
    best_tags(chain, emissions, length, weights, came_from, tags);
    for (start = 0; start < length && !tags[start];)
        start++;
    if (start == length)
        return 0;
    forward_backward(chain, emissions, length, weights, forward, backward, scale);
    tags[length] = 0;
    while (start < length) {
        int32_t begin_tag = tags[start], inside_tag = begin_tag + 1, tag = begin_tag;
        double score, ending;
        mq_span span;
        if (begin_tag == 0 || is_inside(begin_tag)) {
            start++;
            continue;
        }
        score = forward[(size_t)start * n + begin_tag];
        for (t = start + 1; tags[t] == inside_tag; t++) {
            score *= factors[tag * n + inside_tag] * weights[(size_t)t * n + inside_tag] /
                     scale[t];
            tag = inside_tag;
        }
        ending = backward[(size_t)(t - 1) * n + tag];
        if (t < length && inside_tag < n)
            ending -= factors[tag * n + inside_tag] * weights[(size_t)t * n + inside_tag] /
                      scale[t] * backward[(size_t)t * n + inside_tag];
        score *= ending;
        span.text = text;
        span.start = start;
        span.end = t;
        span.label = begin_tag / 2;
        /* Rounding may push a score out of its range. */
        span.score = score > 1.0 ? 1.0 : score > 0.0 ? score : 0.0;
        if (add_span(spans, &span))
            return -1;
        start = t;
    }
    return 0;
}
