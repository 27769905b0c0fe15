/* The network, with the best instructions that the processor has. */
#include "tagger.h"

#include <string.h>

/* How many steps of an LSTM are made ready at a time, and how many rows of them at once. */
#define MQ_BLOCK 32
#define MQ_STEPS 4

/* Functions of several sets of instructions in one file, where compilers can: the other
 * ways, IFUNC and target_clones, are for glibc alone, and let no test choose. */
#if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__)
#define MQ_X86 1
#endif

/* What every compiler and processor can: SSE2 on x86-64, NEON on Arm. */
#define MQ_NAME(name) name##_baseline
#ifdef __GNUC__
#define MQ_WIDTH 4
#define MQ_COLUMNS 2
#define MQ_SUMS 8
#else
#define MQ_WIDTH 1
#define MQ_COLUMNS 8
#define MQ_SUMS 32
#endif
#include "network_body.h"
#undef MQ_NAME
#undef MQ_WIDTH
#undef MQ_COLUMNS
#undef MQ_SUMS

#ifdef MQ_X86

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define MQ_NAME(name) name##_avx2
#define MQ_WIDTH 8
#define MQ_COLUMNS 2
#define MQ_SUMS 8
#include "network_body.h"
#undef MQ_NAME
#undef MQ_WIDTH
#undef MQ_COLUMNS
#undef MQ_SUMS
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,avx512bw,avx512dq,fma,prefer-vector-width=512")
#endif
#define MQ_NAME(name) name##_avx512
#define MQ_WIDTH 16
#define MQ_COLUMNS 4
#define MQ_SUMS 8
#include "network_body.h"
#undef MQ_NAME
#undef MQ_WIDTH
#undef MQ_COLUMNS
#undef MQ_SUMS
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif

int32_t mq_margin(const mq_network *network)
{
    int32_t of_window = network->window / 2;
    /* multiply() may read beyond the last row. */
    return of_window < MQ_STEPS - 1 ? MQ_STEPS - 1 : of_window;
}

size_t mq_network_scratch(const mq_network *network, int32_t length)
{
    size_t width = network->hidden_width;
    size_t rows = 2 * ((size_t)length + MQ_STEPS - 1) * 2 * width;
    return rows + 2 * width + 3 * width + 2 * MQ_BLOCK * 4 * width;
}

const mq_instruction_set *mq_instruction_sets(void)
{
    static const mq_instruction_set all[] = {
#ifdef MQ_X86
        {"avx512", run_avx512},
        {"avx2", run_avx2},
#endif
        {"baseline", run_baseline},
        {NULL, NULL},
    };
    const mq_instruction_set *best = all;
#ifdef MQ_X86
    __builtin_cpu_init();
    if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
          __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")))
        best++;
    if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")))
        best = all + 2;
#endif
    return best;
}
