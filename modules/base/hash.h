/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hash.h
 * @brief A hash for what every request asks for: eight bytes at a time.
 *
 * Not against who chooses the bytes: whoever writes the map could have many of
 * them meet.
 */

#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "str.h"

/** Odd, and its bits look like chance: the golden ratio's. */
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
            /* the last eight, some of them again */
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
    /* a product's lower bits know nothing of a factor's upper ones */
    return (apr_uint32_t)((hash * HOSTMAP_HASH_FACTOR) >> 32);
}

#endif /* BASE_HASH_H */
