/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file batch.h
 * @brief Changes on their way into a map: a new file that is written, the
 *        position and the digest that go with it.  One thread.
 */

#ifndef FOLLOW_BATCH_H
#define FOLLOW_BATCH_H

#include "hostmap/store/hostmap_writer.h"
#include "store.h"

/** A map of at most this many entries may lose all of them. */
#define FOLLOW_REMOVED_FROM 100
/** A larger one this part, unless --max-removed says otherwise. */
#define FOLLOW_REMOVED_PERCENT 50

typedef struct follow_batch {
    apr_pool_t *pool;
    /** NULL: not begun */
    hostmap_writer *writer;
    /** what the new file will say of itself */
    follow_state state;
    /** entries before the batch */
    apr_int64_t before;
    apr_uint64_t transactions, changes, skipped;
    hostmap_reason why;
} follow_batch;

/**
 * What a map says of itself.
 * @return APR_SUCCESS; APR_ENOENT: there is no map, or an empty file;
 *         FOLLOW_EREFUSED: it follows no store, or is not of type lmdb; else
 *         what the system says; why is set
 */
apr_status_t follow_state_of(follow_state *state, const char *map,
                             apr_pool_t *pool, hostmap_reason *why);

/**
 * Begin with a copy of the map.
 * @param state what the map should say of itself
 * @param pool the batch's
 * @return also FOLLOW_EMOVED: the map is at another position
 */
apr_status_t follow_batch_change(follow_batch *b, const char *map,
                                 const follow_state *state, apr_pool_t *pool);

/** Begin with nothing.  @param bytes as for hostmap_writer_open */
apr_status_t follow_batch_create(follow_batch *b, const char *map,
                                 const char *store, apr_uint64_t bytes,
                                 apr_pool_t *pool);

/** Store one entry of a snapshot, in the order of keys and judged already. */
apr_status_t follow_batch_put(follow_batch *b, hostmap_str key,
                              hostmap_str value);

/** Apply a transaction.  Changes that a map cannot take are skipped, counted
 *  and logged. */
apr_status_t follow_batch_apply(follow_batch *b, const follow_entry *entry);

/** Log that an entry is skipped; the first hundred a minute. */
void follow_log_skipped(hostmap_str key, const char *reason);

/**
 * Would too many entries go?
 * @param percent --max-removed, -1: the default
 */
int follow_removes_too_much(apr_int64_t removed, apr_int64_t before,
                            int percent);

/** Put the new file in place.  The batch is gone, also when this fails. */
apr_status_t follow_batch_commit(follow_batch *b);

/** Throw the new file away, if there is one. */
void follow_batch_abort(follow_batch *b);

#endif /* FOLLOW_BATCH_H */
