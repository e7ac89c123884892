/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file value_cache_core.h
 * @brief Values of a map that were parsed before.
 *
 * Hosts are many, backends are few: most requests meet a value that was parsed
 * for another host.  The cache is bounded, and a value is found by its bytes,
 * so that it never grows old.
 */

#ifndef VALUE_CACHE_CORE_H
#define VALUE_CACHE_CORE_H

#include "apr.h"

#include "hostmap/hostmap_entry.h"

/** Values that are kept, each in its place; pages of memory are used by those
 *  that were met. */
#define VALUE_CACHE_PLACES 512
/** Longer values are parsed each time. */
#define VALUE_CACHE_LEN_MAX 112

typedef struct value_cache_place {
    char busy;                      /**< a thread is at it; the others parse */
    apr_size_t len;                 /**< 0: empty */
    hostmap_entry entry;            /**< refers to bytes */
    char bytes[VALUE_CACHE_LEN_MAX];
} value_cache_place;

/** All zero: empty.  Shared by threads. */
typedef struct value_cache {
    value_cache_place places[VALUE_CACHE_PLACES];
} value_cache;

/**
 * hostmap_entry_parse(), faster for a value that was met before.
 * @param entry refers to the bytes of value
 * @return as hostmap_entry_parse()
 */
apr_status_t value_cache_parse(value_cache *cache, hostmap_entry *entry,
                               hostmap_str value, hostmap_bad *bad);

#endif /* VALUE_CACHE_CORE_H */
