/* SPDX-License-Identifier: Apache-2.0 */

/*
 * hostmap_table.c: entries in one array, sorted with qsort().  What costs is
 * going to the keys, which lie all over memory: so each entry carries eight
 * bytes of its key, taken behind what all keys begin with, and most
 * comparisons end there.
 */

#include "hostmap_table.h"

#include <stdlib.h>
#include <string.h>

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
    if (t->count == t->room) {
        t->room = t->room ? 2 * t->room : 1024;
        t->entries = realloc(t->entries, t->room * sizeof(*t->entries));
        if (!t->entries) {
            abort();
        }
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
    int diff;

    if (a->head != b->head) {
        return a->head < b->head ? -1 : 1;
    }
    diff = table_compare(a, b);
    if (diff == 0) {
        diff = a->line < b->line ? -1 : a->line > b->line;
    }

    return diff;
}

void table_sort(table *t)
{
    apr_size_t prefix, i;

    if (t->sorted || !t->count) {
        return;
    }
    prefix = table_prefix(t);
    for (i = 0; i < t->count; i++) {
        t->entries[i].head = table_head(&t->entries[i], prefix);
    }
    qsort(t->entries, t->count, sizeof(*t->entries), table_order);
    t->sorted = 1;
}
