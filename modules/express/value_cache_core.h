/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file value_cache_core.h
 * @brief Values of a map that were read before.
 *
 * Hosts are many, backends are few: most requests meet a value that was parsed
 * for another host.  What is remembered is bounded and is found by the bytes
 * of the value, so that it never grows old.
 */

#ifndef KNOWN_CORE_H
#define KNOWN_CORE_H

#include "apr.h"

#include "hostmap/hostmap_entry.h"

/** Values that are remembered, each in its place.  Memory is taken by those
 *  that are met. */
#define KNOWN_SLOTS 512
/** Longer values are parsed each time. */
#define KNOWN_VALUE_MAX 112

typedef struct known_slot {
    char busy;                      /**< one thread at a time; no one waits */
    apr_size_t len;                 /**< 0: empty */
    hostmap_entry entry;            /**< refers to value */
    char value[KNOWN_VALUE_MAX];
} known_slot;

/** All zero: empty.  Shared by threads; no memory besides. */
typedef struct known_values {
    known_slot slots[KNOWN_SLOTS];
} known_values;

/**
 * hostmap_entry_parse(), faster for a value that was met before.
 * @param entry refers to the bytes of value
 * @return as hostmap_entry_parse()
 */
apr_status_t known_parse(known_values *known, hostmap_entry *entry,
                         hostmap_str value, hostmap_bad *bad);

#endif /* KNOWN_CORE_H */
