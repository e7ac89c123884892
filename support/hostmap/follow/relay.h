/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file relay.h
 * @brief A follower that writes what it follows into a second store, which a
 *        fleet follows: `hostmap follow URL MAP --push URL2`.
 *
 * The position in the first store that the second one is at lies in the
 * second one and is written with the changes, in one step.  So none is lost
 * and none is written twice, whichever of the three is killed, and the rule
 * is that of the map: the entry at the position is still in the log, else the
 * second store is made like the map.  One thread.
 */

#ifndef FOLLOW_RELAY_H
#define FOLLOW_RELAY_H

#include "base/limit.h"
#include "state_core.h"
#include "store.h"

struct follower;

typedef struct follow_relay {
    /** where to; its provider can write */
    follow_store *to;
    /** "redis:hosts" */
    const char *name;
    /** in the first store, what `to` is at; known 0: it has to be read */
    follow_position at;
    int is_known;
    /** it was the first store that failed */
    int is_source;
    /** not before */
    apr_time_t next_at;
    unsigned failures;
    hostmap_limit failed;
    /** for --status: changes written, when, the last failure or "" */
    apr_uint64_t changes, fills;
    apr_time_t pushed;
    char error[256];
} follow_relay;

/**
 * Bring the second store to the map's position; call it when the map is at
 * the end of the log.  A failure is logged and tried again at a later call.
 */
void follow_relay_step(struct follower *f);

/** The same at once.  @return APR_SUCCESS, or a status of store.h, of either
 *  store, with f->why set */
apr_status_t follow_relay_now(struct follower *f);

#endif /* FOLLOW_RELAY_H */
