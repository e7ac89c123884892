/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hash.h
 * @brief A hash for what each request looks up: eight bytes at a time.
 *
 * Not collision resistant: whoever writes the map could choose colliding keys.
 */

#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "str.h"

/** Odd, and its bits look random: those of the golden ratio. */
#define HOSTMAP_HASH_FACTOR APR_UINT64_C(0x9e3779b97f4a7c15)

/** Pure.  Every bit of the result depends on every byte. */
static inline apr_uint32_t hostmap_hash(hostmap_str str)
{
    apr_uint64_t hash = str.len, word = 0;
    const char *bytes = str.ptr;
    apr_size_t left = str.len;

    while (left > 0) {
        if (left >= sizeof(word)) {
            memcpy(&word, bytes, sizeof(word));
        }
        else if (str.len >= sizeof(word)) {
            /* the last eight bytes, some of them for the second time */
            memcpy(&word, bytes + left - sizeof(word), sizeof(word));
        }
        else {
            memcpy(&word, bytes, left);
        }
        hash = (hash ^ word) * HOSTMAP_HASH_FACTOR;
        hash ^= hash >> 32;
        bytes += sizeof(word);
        left -= left < sizeof(word) ? left : sizeof(word);
    }
    /* the lower bits of a product do not depend on the upper bits of its
     * factors */
    return (apr_uint32_t)((hash * HOSTMAP_HASH_FACTOR) >> 32);
}

#endif /* BASE_HASH_H */
