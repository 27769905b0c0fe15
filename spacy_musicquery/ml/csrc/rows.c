/* Characters to rows of vectors: what features/ does in numpy, a character at a time. */
#include "tagger.h"

/* Those of features/characters.py, name_hashes.py and name_matches.py. */
#define UNKNOWN 1
#define P 0x9E3779B97F4A7C15ull
#define MIX 0xD6E8FEB86659FD93ull
#define N_LENGTHS 5
#define N_PLACES 3
enum { FIRST, INSIDE, LAST };

/* A mask of lengths has a bit for each from 2; the last one stands for all others. */
#define LONGER_BIT 63

static uint32_t code_at(const mq_text *text, int32_t i)
{
    switch (text->kind) {
    case 1:
        return ((const uint8_t *)text->data)[i];
    case 2:
        return ((const uint16_t *)text->data)[i];
    default:
        return ((const uint32_t *)text->data)[i];
    }
}

/* The number of a pair, 0 if it is not known: a search among those of its left character. */
static int32_t find_pair(const mq_inventory *inventory, int32_t left, int32_t right)
{
    int32_t begin = inventory->pair_starts[left], end = inventory->pair_starts[left + 1];
    while (begin < end) {
        int32_t middle = begin + (end - begin) / 2;
        if (inventory->pair_rights[middle] < right)
            begin = middle + 1;
        else
            end = middle;
    }
    if (begin < inventory->pair_starts[left + 1] && inventory->pair_rights[begin] == right)
        return begin + 1;
    return 0;
}

/* The hash of a stretch by the sum of its characters. */
static uint64_t key_of(uint64_t sum)
{
    sum = (sum ^ (sum >> 32)) * MIX;
    return ((sum ^ (sum >> 32)) * MIX) | 1;
}

/* Its bits, 0 if it is not in the table. */
static uint64_t mask_of(const mq_table *table, uint64_t sum)
{
    uint64_t key = key_of(sum);
    const uint64_t *slot = table->slots + 2 * (key >> table->shift);
    while (slot[0] < key && slot[0])
        slot += 2;
    return slot[0] == key ? slot[1] : 0;
}

static int is_latin(uint32_t code)
{
    return (code - '0' < 10u) || ((code | 0x20) - 'a' < 26u);
}

/* Whether both sides of a place belong to one word of Latin letters or digits. */
static int is_in_word(const uint32_t *codes, int32_t length, int32_t place)
{
    return place > 0 && place < length && is_latin(codes[place - 1]) &&
           is_latin(codes[place]);
}

/* Note a place in a name, if it is among the longest of its character. Of equal length,
 * those that came first stay first. */
static void add_place(int32_t *places, int32_t *lengths, int32_t place, int32_t length)
{
    int column = MQ_NAME_COLUMNS - 1;
    if (lengths[column] >= length)
        return;
    for (; column > 0 && lengths[column - 1] < length; column--) {
        places[column] = places[column - 1];
        lengths[column] = lengths[column - 1];
    }
    places[column] = place;
    lengths[column] = length;
}

/* Note a name of one type. */
static void add_name(const mq_rows *rows, int32_t start, int32_t length, int32_t type)
{
    int32_t class_of_length = (length < N_LENGTHS ? length : N_LENGTHS) - 1;
    int32_t first = (type * N_LENGTHS + class_of_length) * N_PLACES;
    int32_t i, end = start + length;
    for (i = start; i < end; i++) {
        size_t cell = (size_t)i * MQ_NAME_COLUMNS;
        int32_t place = i == start ? FIRST : i == end - 1 ? LAST : INSIDE;
        add_place(rows->places + cell, rows->name_lengths + cell, first + place, length);
    }
}

/* The names that begin with one character: of all of them, the longest few, as no character
 * is seen to be in others. */
typedef struct {
    int32_t lengths[MQ_NAME_COLUMNS];
    uint64_t types[MQ_NAME_COLUMNS];
    int n;
} longest_names;

/* Keep a name of some types, longer than those before, if it ends where one may end. */
static void keep_name(longest_names *kept, const uint32_t *codes, int32_t size, int32_t start,
                      int32_t length, uint64_t types)
{
    if (!types || is_in_word(codes, size, start + length))
        return;
    kept->lengths[kept->n % MQ_NAME_COLUMNS] = length;
    kept->types[kept->n % MQ_NAME_COLUMNS] = types;
    kept->n++;
}

static void add_names(const mq_rows *rows, int32_t start, const longest_names *kept)
{
    int last, left = MQ_NAME_COLUMNS;
    for (last = kept->n - 1; last >= 0 && left > 0; last--) {
        uint64_t types = kept->types[last % MQ_NAME_COLUMNS];
        int32_t type;
        for (type = 0; types && left > 0; types >>= 1, type++)
            if (types & 1) {
                add_name(rows, start, kept->lengths[last % MQ_NAME_COLUMNS], type);
                left--;
            }
    }
}

/* Keep the names that begin with a character. */
static void find_names_at(const mq_names *names, const uint32_t *codes, int32_t size,
                          int32_t start, longest_names *kept)
{
    uint64_t sum = (uint64_t)codes[start] + 1, power = P, lengths;
    int32_t length, room = size - start;
    keep_name(kept, codes, size, start, 1, mask_of(&names->one_char, sum));
    if (room == 1)
        return;
    sum += ((uint64_t)codes[start + 1] + 1) * power;
    lengths = mask_of(&names->beginnings, sum);
    if (room > names->longest)
        room = names->longest;
    for (length = 2; lengths; length++) {
        if (lengths & 1)
            keep_name(kept, codes, size, start, length, mask_of(&names->names, sum));
        if (length >= room)
            return;
        power *= P;
        sum += ((uint64_t)codes[start + length] + 1) * power;
        /* The last bit stays. */
        if (length < LONGER_BIT + 2)
            lengths >>= 1;
    }
}

/* Find the names of a text. In the middle of a word of Latin letters or digits no name
 * begins or ends. */
static void find_names(const mq_names *names, const mq_rows *rows, int32_t size)
{
    int32_t start;
    /* No place in a table is near another one. */
    for (start = 0; start + 1 < size; start++) {
        uint64_t sum = (uint64_t)rows->codes[start] + 1;
        sum += ((uint64_t)rows->codes[start + 1] + 1) * P;
        mq_fetch(names->beginnings.slots + 2 * (key_of(sum) >> names->beginnings.shift));
    }
    for (start = 0; start < size; start++) {
        longest_names kept;
        kept.n = 0;
        if (is_in_word(rows->codes, size, start))
            continue;
        find_names_at(names, rows->codes, size, start, &kept);
        add_names(rows, start, &kept);
    }
}

void mq_find_rows(const mq_inventory *inventory, const mq_names *names, const mq_text *text,
                  const mq_rows *rows)
{
    int32_t i, size = text->length, last = inventory->n_codes - 1;
    size_t cell;
    for (i = 0; i < size; i++) {
        uint32_t code = code_at(text, i);
        int32_t id = inventory->id_of_code[code < (uint32_t)last ? code : (uint32_t)last];
        rows->chars[i] = id ? id : UNKNOWN;
        rows->codes[i] =
            code < (uint32_t)inventory->n_normal ? inventory->normal_code[code] : code;
    }
    if (inventory->n_pairs) {
        int32_t left = 0; /* padding stands at both edges */
        for (i = 0; i < size; i++) {
            int32_t pair = find_pair(inventory, left, rows->chars[i]);
            rows->before[i] = pair;
            if (i)
                rows->after[i - 1] = pair;
            left = rows->chars[i];
        }
        rows->after[size - 1] = find_pair(inventory, left, 0);
    }
    for (cell = 0; cell < (size_t)size * MQ_NAME_COLUMNS; cell++) {
        rows->places[cell] = -1;
        rows->name_lengths[cell] = 0;
    }
    if (names)
        find_names(names, rows, size);
}
