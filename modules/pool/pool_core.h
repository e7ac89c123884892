/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file pool_core.h
 * @brief A bounded table of things that are costly to make: made on first use,
 *        used by any number of threads, unmade when they have not been used
 *        for long or when room is needed.
 *
 * Pure: it knows neither httpd nor what it keeps (connection pools).  Any
 * thread.  A thing in use is never unmade: whoever is refused one is told so.
 */

#ifndef POOL_CORE_H
#define POOL_CORE_H

#include "apr_pools.h"
#include "apr_time.h"

typedef struct pool_table pool_table;
typedef struct pool_item pool_item;

/** How things are made and unmade.  All but unmake are called one at a time,
 *  with the table locked. */
typedef struct pool_ops {
    /**
     * @param thing set to the new thing
     * @param key the table's copy, with a NUL behind it
     * @param arg of pool_take
     * @param pool the thing's own; destroyed behind unmake
     */
    apr_status_t (*make)(void **thing, const char *key, void *arg,
                         apr_pool_t *pool);
    /** Before the pool of the thing is destroyed; may be NULL. */
    void (*unmake)(void *thing);
    /** From pool_sweep, also for things in use; may be NULL. */
    void (*sweep)(void *thing);
    /** How long it may be unused, if shorter than what pool_sweep is told,
     *  else 0; may be NULL.  Called as sweep. */
    apr_interval_time_t (*unused_max)(const void *thing);
} pool_ops;

/** Counts since the table was made, and now. */
typedef struct pool_counts {
    unsigned items;         /**< things that are there now */
    unsigned in_use;        /**< of these, taken by somebody */
    apr_uint64_t made;
    apr_uint64_t evicted;   /**< unmade because room was needed */
    apr_uint64_t retired;   /**< unmade because unused or too old */
    apr_uint64_t refused;   /**< pool_take said APR_ENOSPC */
} pool_counts;

/**
 * @param max things at most, at least 1
 * @param pool owns the table.  When it is cleared everything is unmade, also
 *        what is in use: nobody may use it then, but pool_give is allowed.
 */
apr_status_t pool_table_create(pool_table **table, unsigned max,
                               const pool_ops *ops, apr_pool_t *pool);

/**
 * Take the thing of a key, made if need be.  Give it back with pool_give.
 * @param key any bytes, key_len of them; copied
 * @param arg for ops->make
 * @param now for its age, if it is made
 * @return APR_SUCCESS; APR_ENOSPC: the table is full, and all are in use; else
 *         what ops->make said
 */
apr_status_t pool_take(pool_item **item, pool_table *table, const char *key,
                       apr_size_t key_len, void *arg, apr_time_t now);

void *pool_item_thing(const pool_item *item);

/** When it was last given back, 0 before the first time.  Only for who knows
 *  that no other thread has taken it, too. */
apr_time_t pool_item_idle_since(const pool_item *item);

void pool_give(pool_table *table, pool_item *item, apr_time_t now);

/** From now on the key's next taker gets a new thing; those who have this one
 *  keep it until they give it back, when it is unmade.  The caller is one.
 *  Until then it counts as a thing that is there. */
void pool_retire(pool_table *table, pool_item *item);

/**
 * Call ops->sweep for everything; unmake what was not used for unused, and
 * what is older than age (0: no such limit) once nobody uses it.
 */
void pool_sweep(pool_table *table, apr_time_t now,
                apr_interval_time_t unused, apr_interval_time_t age);

void pool_count(pool_table *table, pool_counts *counts);

#endif /* POOL_CORE_H */
