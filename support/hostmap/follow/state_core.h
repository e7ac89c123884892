/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file state_core.h
 * @brief What a followed map says of itself: which store it follows, how far
 *        it has come, what it holds.
 *
 * A text under the map's own key "\xfffollow" (hostmap_writer.h), so that data
 * and position are one file:
 *
 *     1 store=redis:hosts position=1732690000000-0:5f3a99c1
 *     time=1732690000000000 entries=1000000 digest=...
 *
 * in one line.  Words of later versions are passed over.
 *
 * Pure: no allocation, no I/O, any thread.
 */

#ifndef FOLLOW_STATE_CORE_H
#define FOLLOW_STATE_CORE_H

#include "apr_errno.h"
#include "apr_time.h"

#include "base/str.h"
#include "digest_core.h"

/** Longest name of a store: provider, colon, name of the layout. */
#define FOLLOW_STORE_MAX    80
/** Longest position. */
#define FOLLOW_POSITION_MAX 79
/** Longest text of a state. */
#define FOLLOW_STATE_TEXT   384

/** A place in a store's log: a text of the provider's without blanks; empty:
 *  none. */
typedef struct follow_position {
    char text[FOLLOW_POSITION_MAX + 1];
} follow_position;

typedef struct follow_state {
    char store[FOLLOW_STORE_MAX + 1];
    follow_position position;
    /** when the store made the entry at the position; 0: not known */
    apr_time_t time;
    apr_int64_t entries;
    follow_digest digest;
} follow_state;

/** Write it, and NUL.  @param text room for FOLLOW_STATE_TEXT + 1 bytes
 *  @return its length */
apr_size_t follow_state_write(const follow_state *state, char *text);

/** @return APR_SUCCESS; APR_EINVAL with bad set: not such a text */
apr_status_t follow_state_read(follow_state *state, hostmap_str text,
                               hostmap_bad *bad);

/** Set a position.  @return 1; 0: it is empty, longer than
 *  FOLLOW_POSITION_MAX or holds anything but visible ASCII */
int follow_position_set(follow_position *position, hostmap_str text);

int follow_position_equal(const follow_position *a, const follow_position *b);

#endif /* FOLLOW_STATE_CORE_H */
