/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file table.h
 * @brief Many entries in memory, compact, to be sorted by the bytes of keys.
 *
 * The bytes are the caller's and stay where they are.  Running out of memory
 * ends the program.
 */

#ifndef HOSTMAP_TABLE_H
#define HOSTMAP_TABLE_H

#include "apr.h"
#include "apr_pools.h"

typedef struct table_entry {
    /** key bytes that are compared at once; the table's own */
    apr_uint64_t head;
    const char *key;
    apr_uint32_t key_len;
    /** where the value begins, counted from key */
    apr_uint32_t value_at;
    apr_uint32_t value_len;
    /** where it stood: with equal keys the smaller one comes first */
    apr_uint32_t line;
} table_entry;

typedef struct table {
    table_entry *entries;
    apr_size_t count;
    apr_size_t capacity;
    /** no key was added that is smaller than the one before */
    int sorted;
} table;

/** @param pool frees the entries when it is cleared */
table *table_create(apr_pool_t *pool);

/** Add an entry; head need not be set. */
void table_add(table *t, const table_entry *entry);

/** Take all entries out. */
void table_clear(table *t);

/** The same, and give the memory back. */
void table_release(table *t);

/** As memcmp(), over the keys. */
int table_compare(const table_entry *a, const table_entry *b);

/** Sort by key, then line. */
void table_sort(table *t);

#endif /* HOSTMAP_TABLE_H */
