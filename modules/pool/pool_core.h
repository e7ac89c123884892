/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file pool_core.h
 * @brief A bounded table of values that are costly to create: created on first
 *        use, shared by any number of threads, destroyed when they have not
 *        been used for long or when their place is needed.
 *
 * Pure: it knows neither httpd nor its values (connection pools).  Any thread.
 * A value in use is never destroyed: when all are in use, pool_take() returns
 * APR_ENOSPC.
 */

#ifndef POOL_CORE_H
#define POOL_CORE_H

#include "apr_pools.h"
#include "apr_time.h"

#include "base/str.h"

typedef struct pool_table pool_table;
typedef struct pool_item pool_item;

/** How values are created and destroyed.  All but destroy are called one at a
 *  time, with the table locked. */
typedef struct pool_ops {
    /**
     * @param value set to the new value
     * @param key the table's copy, terminated with NUL
     * @param arg of pool_take()
     * @param pool the value's own; destroyed after destroy was called
     */
    apr_status_t (*create)(void **value, const char *key, void *arg,
                           apr_pool_t *pool);
    /** Before the pool of the value is destroyed; may be NULL. */
    void (*destroy)(void *value);
    /** From pool_sweep(), also for values in use; may be NULL. */
    void (*sweep)(void *value);
    /** How long it may be unused, if shorter than what pool_sweep() is told,
     *  else 0; may be NULL.  Called as sweep. */
    apr_interval_time_t (*unused_max)(const void *value);
} pool_ops;

/** Counts since the table was created, and now. */
typedef struct pool_counts {
    unsigned items;         /**< values in the table now */
    unsigned in_use;        /**< of these, taken */
    apr_uint64_t made;      /**< created */
    apr_uint64_t evicted;   /**< destroyed because the table was full */
    apr_uint64_t retired;   /**< destroyed because unused or too old */
    apr_uint64_t refused;   /**< calls of pool_take() that found all in use */
} pool_counts;

/**
 * @param max maximum number of values, at least 1
 * @param pool owns the table.  When it is cleared all values are destroyed,
 *        those in use too: none may be used then, but pool_give() is allowed.
 */
apr_status_t pool_table_create(pool_table **table, unsigned max,
                               const pool_ops *ops, apr_pool_t *pool);

/**
 * Take the value of a key, created if there is none.  Give it back with
 * pool_give().
 * @param key any bytes; copied
 * @param arg for ops->create
 * @param now for its age, if it is created
 * @return APR_SUCCESS; APR_ENOSPC: the table is full, and all are in use; else
 *         what ops->create returned
 */
apr_status_t pool_take(pool_item **item, pool_table *table, hostmap_str key,
                       void *arg, apr_time_t now);

void *pool_item_value(const pool_item *item);

/** When it was last given back, 0 before the first time.  Only for a caller
 *  that knows that no other thread has taken it, too. */
apr_time_t pool_item_idle_since(const pool_item *item);

void pool_give(pool_table *table, pool_item *item, apr_time_t now);

/** From now on the next caller that takes the key gets a new value; those that
 *  have taken this one, of which the caller is one, keep it until they give it
 *  back, when it is destroyed.  Until then it counts as in the table. */
void pool_retire(pool_table *table, pool_item *item);

/**
 * Call ops->sweep for every value; destroy those that were unused for the
 * time `unused`, and those older than `age` (0: no such limit) once they are
 * not in use.  With a clock that was set back nobody knows how old they are:
 * those that were made or used at a time to come go.
 */
void pool_sweep(pool_table *table, apr_time_t now,
                apr_interval_time_t unused, apr_interval_time_t age);

void pool_count(pool_table *table, pool_counts *counts);

#endif /* POOL_CORE_H */
