/* SPDX-License-Identifier: Apache-2.0 */

/*
 * pairs.c: entries are collected in memory, and a sorted run is written when
 * that is full.
 */

#include "pairs.h"

#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "sort.h"

/* Entries that have to be sorted are collected in this much memory. */
#define ROOM_BYTES ((apr_size_t)32 << 20)

struct pairs {
    sorter *sorted;
    char *room;
    apr_size_t used;
    apr_size_t count;
    apr_uint64_t bytes;
};

static apr_status_t pairs_free(void *data)
{
    pairs *p = data;

    free(p->room);

    return APR_SUCCESS;
}

pairs *pairs_create(apr_pool_t *pool)
{
    pairs *p = apr_pcalloc(pool, sizeof(*p));

    p->sorted = sort_create(pool);
    p->room = tool_realloc(NULL, ROOM_BYTES);
    apr_pool_cleanup_register(pool, p, pairs_free, apr_pool_cleanup_null);

    return p;
}

apr_status_t pairs_add(pairs *p, hostmap_str key, hostmap_str value)
{
    table_entry e;
    apr_status_t rv;

    if (key.len + value.len > ROOM_BYTES) {
        return APR_ENOMEM;
    }
    if (p->used + key.len + value.len > ROOM_BYTES
        || sort_is_full(p->sorted)) {
        rv = sort_flush(p->sorted);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        p->used = 0;
    }
    memset(&e, 0, sizeof(e));
    e.key = p->room + p->used;
    e.key_len = (apr_uint32_t)key.len;
    e.value_at = e.key_len;
    e.value_len = (apr_uint32_t)value.len;
    e.line = (apr_uint32_t)p->count;
    memcpy(p->room + p->used, key.ptr, key.len);
    memcpy(p->room + p->used + key.len, value.ptr, value.len);
    p->used += key.len + value.len;
    p->bytes += key.len + value.len;
    p->count++;
    table_add(sort_table(p->sorted), &e);

    return APR_SUCCESS;
}

apr_status_t pairs_finish(pairs *p)
{
    return sort_finish(p->sorted);
}

apr_size_t pairs_count(const pairs *p)
{
    return p->count;
}

apr_uint64_t pairs_bytes(const pairs *p)
{
    return p->bytes;
}

apr_status_t pairs_next(pairs *p, hostmap_pair *pair)
{
    table_entry e;
    apr_status_t rv = sort_next(p->sorted, &e);

    if (rv == APR_SUCCESS) {
        pair->key = hostmap_str_of(e.key, e.key_len);
        pair->value = hostmap_str_of(e.key + e.value_at, e.value_len);
    }

    return rv;
}
