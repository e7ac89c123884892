/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file fill.h
 * @brief Makes a store hold what a text or a map holds: only what is different
 *        is written.  One thread.
 *
 *     follow_fill_compare() -> judge `with` -> follow_fill_write()
 */

#ifndef FOLLOW_FILL_H
#define FOLLOW_FILL_H

#include "entries/pairs.h"
#include "entries/stream.h"
#include "store.h"

typedef struct follow_fill {
    /** connected */
    follow_store *store;
    /** of a relay, as follow_writes has them; source NULL: it is none */
    const char *source;
    const follow_position *from, *to;
    /** what the store holds and what it lacks: an entry of an empty value
     *  goes; owned by the pool of follow_fill_compare() */
    pairs *held, *lacks;
    /** set by follow_fill_compare() */
    comparison with;
    int has_log;
    apr_status_t failed;
} follow_fill;

/**
 * Read the store and find what is different.
 * @param from the entries that it is to hold
 * @param pool for the entries; sorted in bounded memory
 * @return APR_SUCCESS, or a status of store.h with why set
 */
apr_status_t follow_fill_compare(follow_fill *fill, stream *from,
                                 apr_pool_t *pool, hostmap_reason *why);

/** Would too many of the store's entries go?
 *  @param percent --max-removed, -1: the default */
int follow_fill_removes_too_much(const follow_fill *fill, int percent);

/**
 * Write what is different in transactions of 1,000 changes, and begin the log
 * if there is none.  What a relay writes has a position again when all is
 * written.
 * @return APR_SUCCESS, or a status of store.h with why set: some of the
 *         transactions may have been written
 */
apr_status_t follow_fill_write(follow_fill *fill, apr_pool_t *pool,
                               hostmap_reason *why);

#endif /* FOLLOW_FILL_H */
