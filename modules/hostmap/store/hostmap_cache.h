/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_cache.h
 * @brief The bounded cache of answers in front of the DBM types.
 *
 * Hits and misses have separate tables, so that invented host names, however
 * many, evict no real one.  Thread-safe.  Memory: at most
 * HOSTMAP_CACHE_HITS answers of at most HOSTMAP_CACHE_ANSWER_MAX bytes, and
 * HOSTMAP_CACHE_MISSES keys.
 */

#ifndef HOSTMAP_CACHE_H
#define HOSTMAP_CACHE_H

#include "apr_pools.h"

#include "base/str.h"

#define HOSTMAP_CACHE_HITS 4096
#define HOSTMAP_CACHE_MISSES 512
/** Key and value together; a longer answer is not kept. */
#define HOSTMAP_CACHE_ANSWER_MAX 1024

typedef struct hostmap_cache hostmap_cache;

/** @param pool owns the cache; its malloc'ed memory is freed with it */
apr_status_t hostmap_cache_create(hostmap_cache **cache, apr_pool_t *pool);

/**
 * @return APR_SUCCESS: value copied into pool; APR_NOTFOUND: known to be a
 *         miss; APR_INCOMPLETE: not known
 */
apr_status_t hostmap_cache_get(hostmap_cache *cache, hostmap_str *value,
                               hostmap_str key, apr_pool_t *pool);

/** Keep an answer; value NULL: a miss. */
void hostmap_cache_put(hostmap_cache *cache, hostmap_str key,
                       const hostmap_str *value);

#endif /* HOSTMAP_CACHE_H */
