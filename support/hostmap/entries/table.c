/* SPDX-License-Identifier: Apache-2.0 */

/*
 * table.c: entries in one array, sorted.  Comparing keys is what costs time,
 * because they are scattered in memory: so each entry gets eight bytes of its
 * key, taken after the prefix that all keys share, as a number.  A radix sort
 * puts the numbers in order, and only runs of equal ones have to be compared.
 */

#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "message.h"

static apr_status_t table_free(void *data)
{
    table *t = data;

    free(t->entries);
    t->entries = NULL;

    return APR_SUCCESS;
}

table *table_create(apr_pool_t *pool)
{
    table *t = apr_pcalloc(pool, sizeof(*t));

    t->sorted = 1;
    apr_pool_cleanup_register(pool, t, table_free, apr_pool_cleanup_null);

    return t;
}

void table_clear(table *t)
{
    t->count = 0;
    t->sorted = 1;
}

void table_release(table *t)
{
    table_clear(t);
    free(t->entries);
    t->entries = NULL;
    t->capacity = 0;
}

int table_compare(const table_entry *a, const table_entry *b)
{
    int diff;

    diff = memcmp(a->key, b->key,
                  a->key_len < b->key_len ? a->key_len : b->key_len);
    if (diff == 0 && a->key_len != b->key_len) {
        diff = a->key_len < b->key_len ? -1 : 1;
    }

    return diff;
}

void table_add(table *t, const table_entry *entry)
{
    if (t->count == t->capacity) {
        t->capacity = t->capacity ? 2 * t->capacity : 1024;
        t->entries = tool_realloc(t->entries,
                                  t->capacity * sizeof(*t->entries));
    }
    if (t->count && t->sorted
        && table_compare(&t->entries[t->count - 1], entry) > 0) {
        t->sorted = 0;
    }
    t->entries[t->count++] = *entry;
}

/* How many bytes do all keys begin with? */
static apr_size_t table_prefix(const table *t)
{
    const table_entry *first = t->entries;
    apr_size_t len = first->key_len;
    apr_size_t i, j;

    for (i = 1; i < t->count && len; i++) {
        const table_entry *e = &t->entries[i];

        if (e->key_len < len) {
            len = e->key_len;
        }
        for (j = 0; j < len && e->key[j] == first->key[j]; j++) {
            continue;
        }
        len = j;
    }

    return len;
}

/* Eight bytes as a number that compares as they do; what a key lacks counts
 * as zero. */
static apr_uint64_t table_head(const table_entry *e, apr_size_t at)
{
    apr_uint64_t head = 0;
    apr_size_t i;

    for (i = at; i < at + 8; i++) {
        head <<= 8;
        if (i < e->key_len) {
            head |= (unsigned char)e->key[i];
        }
    }

    return head;
}

static int table_order(const void *va, const void *vb)
{
    const table_entry *a = va;
    const table_entry *b = vb;
    int diff = table_compare(a, b);

    if (diff == 0) {
        diff = a->line < b->line ? -1 : a->line > b->line;
    }

    return diff;
}

#define DIGIT_BITS  11
#define DIGITS      (1 << DIGIT_BITS)
#define PASSES      ((64 + DIGIT_BITS - 1) / DIGIT_BITS)

typedef struct table_mark {
    apr_uint64_t head;
    apr_size_t index;
} table_mark;

static apr_size_t table_digit(apr_uint64_t head, int pass)
{
    return (head >> (pass * DIGIT_BITS)) & (DIGITS - 1);
}

/* Put the marks in the order of one digit, those that are equal in the order
 * they have.  Returns 0, and moves nothing, when all are equal. */
static int table_radix_pass(table_mark *to, const table_mark *from,
                            apr_size_t count, int pass)
{
    apr_size_t at[DIGITS] = { 0 };
    apr_size_t i, sum = 0;

    for (i = 0; i < count; i++) {
        at[table_digit(from[i].head, pass)]++;
    }
    if (at[table_digit(from[0].head, pass)] == count) {
        return 0;
    }
    for (i = 0; i < DIGITS; i++) {
        apr_size_t here = at[i];

        at[i] = sum;
        sum += here;
    }
    for (i = 0; i < count; i++) {
        to[at[table_digit(from[i].head, pass)]++] = from[i];
    }

    return 1;
}

/* The entries in the order of their heads. */
static void table_sort_heads(table *t)
{
    table_mark *marks = tool_realloc(NULL, t->count * sizeof(*marks));
    table_mark *other = tool_realloc(NULL, t->count * sizeof(*other));
    table_entry *sorted = tool_realloc(NULL, t->count * sizeof(*sorted));
    apr_size_t i;
    int pass;

    for (i = 0; i < t->count; i++) {
        marks[i].head = t->entries[i].head;
        marks[i].index = i;
    }
    for (pass = 0; pass < PASSES; pass++) {
        if (table_radix_pass(other, marks, t->count, pass)) {
            table_mark *full = other;

            other = marks;
            marks = full;
        }
    }
    for (i = 0; i < t->count; i++) {
        sorted[i] = t->entries[marks[i].index];
    }
    free(marks);
    free(other);
    free(t->entries);
    t->entries = sorted;
    t->capacity = t->count;
}

void table_sort(table *t)
{
    apr_size_t prefix, i, run;

    if (t->sorted || !t->count) {
        return;
    }
    prefix = table_prefix(t);
    for (i = 0; i < t->count; i++) {
        t->entries[i].head = table_head(&t->entries[i], prefix);
    }
    table_sort_heads(t);
    for (i = 0; i < t->count; i = run) {
        for (run = i + 1; run < t->count
             && t->entries[run].head == t->entries[i].head; run++) {
            continue;
        }
        if (run - i > 1) {
            qsort(t->entries + i, run - i, sizeof(*t->entries), table_order);
        }
    }
    t->sorted = 1;
}
