/* The arithmetic of the network, compiled once for each set of instructions: network.c
 * includes this file with MQ_NAME(name); MQ_WIDTH, the numbers of a register; MQ_COLUMNS and
 * MQ_SUMS, how many registers sums take up, so that no other value has to leave them.
 *
 * Inner loops are over outputs: each sum is added up in order, and compilers need no
 * permission to reorder it (-ffast-math). Where sums must stay in registers, vectors are
 * spelt out in the notation of GCC and Clang, whose `vec[i] * number` is every lane's;
 * other compilers get numbers for vectors of one. */
#ifdef __GNUC__
typedef float MQ_NAME(vec) __attribute__((vector_size(4 * MQ_WIDTH), aligned(4), may_alias));
#else
typedef float MQ_NAME(vec);
#endif

/* out = rows @ kernel + bias, for MQ_STEPS rows and MQ_COLUMNS registers of columns: each
 * weight that is read serves several rows. */
static inline void MQ_NAME(multiply_block)(const float *rows, int32_t in_width,
                                           const float *kernel, const float *bias,
                                           int32_t out_width, float *out)
{
    MQ_NAME(vec) sums[MQ_STEPS][MQ_COLUMNS];
    int32_t k;
    int r, c;
    for (r = 0; r < MQ_STEPS; r++)
        for (c = 0; c < MQ_COLUMNS; c++)
            sums[r][c] = ((const MQ_NAME(vec) *)bias)[c];
    for (k = 0; k < in_width; k++) {
        const MQ_NAME(vec) *weights =
            (const MQ_NAME(vec) *)(kernel + (size_t)k * out_width);
        for (r = 0; r < MQ_STEPS; r++)
            for (c = 0; c < MQ_COLUMNS; c++)
                sums[r][c] += weights[c] * rows[(size_t)r * in_width + k];
    }
    for (r = 0; r < MQ_STEPS; r++)
        for (c = 0; c < MQ_COLUMNS; c++)
            ((MQ_NAME(vec) *)(out + (size_t)r * out_width))[c] = sums[r][c];
}

/* gates = rows @ kernel + bias. There is room for MQ_STEPS - 1 more rows behind both. */
static void MQ_NAME(multiply)(const float *rows, int32_t n_rows, int32_t in_width,
                              const mq_lstm *lstm, int32_t out_width, float *gates)
{
    int32_t row, column;
    for (column = 0; column < out_width; column += MQ_COLUMNS * MQ_WIDTH)
        for (row = 0; row < n_rows; row += MQ_STEPS)
            MQ_NAME(multiply_block)(rows + (size_t)row * in_width, in_width,
                                    lstm->kernel + column, lstm->bias + column, out_width,
                                    gates + (size_t)row * out_width + column);
}

/* gates += hidden @ recurrent. */
static inline void MQ_NAME(add_recurrent)(const float *hidden, int32_t width,
                                          const float *recurrent, float *gates)
{
    int32_t k, column, out_width = 4 * width;
    int c;
    for (column = 0; column < out_width; column += MQ_SUMS * MQ_WIDTH) {
        MQ_NAME(vec) sums[MQ_SUMS], *to = (MQ_NAME(vec) *)(gates + column);
        for (c = 0; c < MQ_SUMS; c++)
            sums[c] = to[c];
        for (k = 0; k < width; k++) {
            const MQ_NAME(vec) *weights =
                (const MQ_NAME(vec) *)(recurrent + (size_t)k * out_width + column);
            for (c = 0; c < MQ_SUMS; c++)
                sums[c] += weights[c] * hidden[k];
        }
        for (c = 0; c < MQ_SUMS; c++)
            to[c] = sums[c];
    }
}

/* 2^x to 2e-7 of it, for |x| up to LARGE, to which others are cut: products of three are
 * still finite. x = n + r, and a polynomial of r, its Taylor series, whose next term is
 * 1.2e-7 at most. Adding MAGIC leaves n + 127, the exponent of 2^n, in the lowest bits. NaN
 * stays NaN. */
static inline float MQ_NAME(power_of_2)(float x)
{
    const float LARGE = 40.0f, MAGIC = 12582912.0f + 127.0f;
    float shifted, r, power;
    uint32_t bits;
    x = x > LARGE ? LARGE : x;
    x = x < -LARGE ? -LARGE : x;
    shifted = x + MAGIC;
    r = x - (shifted - MAGIC);
    memcpy(&bits, &shifted, sizeof bits);
    bits <<= 23;
    memcpy(&power, &bits, sizeof power);
    x = 1.54035304e-4f;
    x = x * r + 1.33335581e-3f;
    x = x * r + 9.61812911e-3f;
    x = x * r + 5.55041087e-2f;
    x = x * r + 2.40226507e-1f;
    x = x * r + 6.93147181e-1f;
    x = x * r + 1.0f;
    return x * power;
}

/* cell = sigmoid(forget) cell + sigmoid(input) tanh(new), hidden = sigmoid(output) tanh(cell),
 * where sigmoid(x) = 1 / (1 + e^-x) and tanh(x) = (1 - e^-2x) / (1 + e^-2x): on common
 * denominators, as a division takes as long as all else. The gates are what 2 is raised to,
 * which their weights see to. For MQ_UNITS of `width` units. */
static inline void MQ_NAME(activate)(const float *restrict gates, int32_t width,
                                     float *restrict cell, float *restrict hidden)
{
    const float MINUS_2_PER_LOG2 = -2.88539008f;
    const float *input = gates, *forget = gates + width;
    const float *new = gates + 2 * width, *output = gates + 3 * width;
    int i;
    for (i = 0; i < MQ_UNITS; i++) {
        float in = 1.0f + MQ_NAME(power_of_2)(input[i]);
        float keep = 1.0f + MQ_NAME(power_of_2)(forget[i]);
        float n = MQ_NAME(power_of_2)(new[i]);
        float out = 1.0f + MQ_NAME(power_of_2)(output[i]);
        float added = in * (1.0f + n), c;
        cell[i] = (cell[i] * added + (1.0f - n) * keep) / (added * keep);
        c = MQ_NAME(power_of_2)(cell[i] * MINUS_2_PER_LOG2);
        hidden[i] = (1.0f - c) / (out * (1.0f + c));
    }
}

/* One step of one direction. */
static inline void MQ_NAME(step)(const mq_lstm *lstm, int32_t width, const float *before,
                                 float *gates, float *cell, float *hidden)
{
    int32_t i;
    MQ_NAME(add_recurrent)(before, width, lstm->recurrent, gates);
    for (i = 0; i < width; i += MQ_UNITS)
        MQ_NAME(activate)(gates + i, width, cell + i, hidden + i);
}

/* Both directions of a layer, a step of one and a step of the other, as neither waits for
 * the other: rows (length, in_width) to out (length, 2 hidden_width). */
static void MQ_NAME(run_layer)(const float *rows, int32_t length, int32_t in_width,
                               const mq_lstm *lstms, int32_t width, float *scratch,
                               float *out)
{
    float *cells = scratch, *none = scratch + 2 * width;
    float *forward = scratch + 3 * width, *backward = forward + MQ_BLOCK * 4 * width;
    int32_t begin, n, i;
    for (i = 0; i < 3 * width; i++)
        scratch[i] = 0.0f;
    for (begin = 0; begin < length; begin += n) {
        /* The next steps of the forward direction, and as many from the end. */
        int32_t back = length - begin;
        n = back < MQ_BLOCK ? back : MQ_BLOCK;
        MQ_NAME(multiply)(rows + (size_t)begin * in_width, n, in_width, &lstms[0], 4 * width,
                          forward);
        MQ_NAME(multiply)(rows + (size_t)(back - n) * in_width, n, in_width, &lstms[1],
                          4 * width, backward);
        for (i = 0; i < n; i++) {
            float *at = out + (size_t)(begin + i) * 2 * width;
            float *at_back = out + (size_t)(back - 1 - i) * 2 * width + width;
            int is_first = begin + i == 0;
            MQ_NAME(step)(&lstms[0], width, is_first ? none : at - 2 * width,
                          forward + i * 4 * width, cells, at);
            MQ_NAME(step)(&lstms[1], width, is_first ? none : at_back + 2 * width,
                          backward + (n - 1 - i) * 4 * width, cells + width, at_back);
        }
    }
}

/* The sum of products of two rows, in as many parts as there are lanes. */
static inline float MQ_NAME(dot)(const float *a, const float *b, int32_t length)
{
    MQ_NAME(vec) sums[MQ_LANES / MQ_WIDTH];
    float parts[MQ_LANES];
    int32_t i;
    int c, lane, half;
    for (c = 0; c < MQ_LANES / MQ_WIDTH; c++)
        sums[c] = *(const MQ_NAME(vec) *)(a + c * MQ_WIDTH) *
                  *(const MQ_NAME(vec) *)(b + c * MQ_WIDTH);
    for (i = MQ_LANES; i < length; i += MQ_LANES)
        for (c = 0; c < MQ_LANES / MQ_WIDTH; c++)
            sums[c] += *(const MQ_NAME(vec) *)(a + i + c * MQ_WIDTH) *
                       *(const MQ_NAME(vec) *)(b + i + c * MQ_WIDTH);
    memcpy(parts, sums, sizeof parts);
    for (half = MQ_LANES / 2; half; half /= 2)
        for (lane = 0; lane < half; lane++)
            parts[lane] += parts[lane + half];
    return parts[0];
}

/* See mq_network_function. */
static void MQ_NAME(run)(const mq_network *network, const float *vectors, int32_t length,
                         float *scratch, float *emissions, float *intents)
{
    int32_t layer, t, tag, intent, i, width = 2 * network->hidden_width;
    int32_t in_width = network->embed_width, window_width = network->window * in_width;
    size_t side = ((size_t)length + MQ_STEPS - 1) * width;
    float *out = scratch, *other = scratch + side, *strongest = scratch + 2 * side;
    const float *rows = vectors;
    const float *around = vectors - (size_t)(network->window / 2) * in_width;
    for (layer = 0; layer < network->depth; layer++) {
        float *swapped = other;
        MQ_NAME(run_layer)(rows, length, layer ? width : in_width, network->lstms + 2 * layer,
                           network->hidden_width, strongest + width, out);
        rows = out;
        other = out;
        out = swapped;
    }
    for (t = 0; t < length; t++)
        for (tag = 0; tag < network->n_tags; tag++) {
            float score = network->output_bias[tag];
            score += MQ_NAME(dot)(rows + (size_t)t * width,
                                  network->output + (size_t)tag * width, width);
            if (window_width)
                score += MQ_NAME(dot)(around + (size_t)t * in_width,
                                      network->window_kernel + (size_t)tag * window_width,
                                      window_width);
            emissions[(size_t)t * network->n_tags + tag] = score;
        }
    if (!network->n_intents)
        return;
    for (i = 0; i < width; i++)
        strongest[i] = 0.0f;
    for (t = 0; t < length; t++)
        for (i = 0; i < width; i++) {
            float value = rows[(size_t)t * width + i];
            strongest[i] = value > strongest[i] ? value : strongest[i];
        }
    for (intent = 0; intent < network->n_intents; intent++)
        intents[intent] =
            network->intent_bias[intent] +
            MQ_NAME(dot)(strongest, network->intents + (size_t)intent * width, width);
}
