/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A place for each value, by a hash of it.  A thread that finds the place
 * taken, by another thread or by another value, parses.
 */

#include "value_cache_core.h"

#include "base/hash.h"

static inline void value_cache_move(hostmap_str *str, const char *from,
                                    const char *to)
{
    if (str->ptr) {
        str->ptr = to + (str->ptr - from);
    }
}

/* Of an entry that refers to the bytes at `from`, one that refers to the equal
 * ones at `to`. */
static void value_cache_copy(hostmap_entry *copy, const hostmap_entry *entry,
                             const char *from, const char *to)
{
    *copy = *entry;
    value_cache_move(&copy->socket, from, to);
    value_cache_move(&copy->url, from, to);
    value_cache_move(&copy->scheme, from, to);
    value_cache_move(&copy->host, from, to);
    value_cache_move(&copy->path, from, to);
    value_cache_move(&copy->group, from, to);
    value_cache_move(&copy->words, from, to);
}

/* With the place to ourselves. */
static apr_status_t value_cache_ask(value_cache_place *place,
                                    hostmap_entry *entry, hostmap_str value,
                                    hostmap_bad *bad)
{
    apr_status_t rv;

    if (place->len == value.len
        && memcmp(place->bytes, value.ptr, value.len) == 0) {
        value_cache_copy(entry, &place->entry, place->bytes, value.ptr);
        return APR_SUCCESS;
    }
    rv = hostmap_entry_parse(entry, value, bad);
    if (rv == APR_SUCCESS) {
        memcpy(place->bytes, value.ptr, value.len);
        value_cache_copy(&place->entry, entry, value.ptr, place->bytes);
        place->len = value.len;
    }
    return rv;
}

apr_status_t value_cache_parse(value_cache *cache, hostmap_entry *entry,
                               hostmap_str value, hostmap_bad *bad)
{
    value_cache_place *place;
    apr_status_t rv;

    place = &cache->places[hostmap_hash(value) % VALUE_CACHE_PLACES];
    if (value.len == 0 || value.len > VALUE_CACHE_LEN_MAX
        || __atomic_exchange_n(&place->busy, 1, __ATOMIC_ACQUIRE)) {
        return hostmap_entry_parse(entry, value, bad);
    }
    rv = value_cache_ask(place, entry, value, bad);
    __atomic_store_n(&place->busy, 0, __ATOMIC_RELEASE);
    return rv;
}
