/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file pairs.h
 * @brief Entries that come in any order, given out in the order of their keys,
 *        in bounded memory.
 *
 *     pairs_create() -> pairs_add() ... -> pairs_finish() -> pairs_next() ...
 */

#ifndef HOSTMAP_PAIRS_H
#define HOSTMAP_PAIRS_H

#include "hostmap/store/hostmap_file.h"

typedef struct pairs pairs;

/** @param pool owns them */
pairs *pairs_create(apr_pool_t *pool);

/** Add an entry; its bytes are copied.
 *  @return APR_SUCCESS, APR_ENOMEM: it is too long, or why a temporary file
 *          could not be written */
apr_status_t pairs_add(pairs *p, hostmap_str key, hostmap_str value);

/** All are there. */
apr_status_t pairs_finish(pairs *p);

/** How many were added. */
apr_size_t pairs_count(const pairs *p);

/** How many bytes their keys and values have. */
apr_uint64_t pairs_bytes(const pairs *p);

/**
 * The next entry; of equal keys the one that was added first comes first.
 * @param pair its bytes are valid until the next call
 * @return APR_SUCCESS, APR_EOF, or why a temporary file could not be read
 */
apr_status_t pairs_next(pairs *p, hostmap_pair *pair);

#endif /* HOSTMAP_PAIRS_H */
