/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file limit.h
 * @brief How often a message that repeats may be logged: once a minute, with
 *        the number of times that it was suppressed.
 */

#ifndef BASE_LIMIT_H
#define BASE_LIMIT_H

#include "apr.h"
#include "apr_time.h"

#include "str.h"

/** The limit of one message.  Zero it. */
typedef struct hostmap_limit {
    /** second (since 1970) until which it is suppressed */
    volatile apr_uint32_t until;
    /** times it was suppressed */
    volatile apr_uint32_t suppressed;
} hostmap_limit;

/**
 * May the message be logged now?  Any thread.
 * @param suppressed set to the times that it was suppressed since it was last
 *        logged; left alone when the result is 0
 * @param now such as r->request_time
 * @return 1 yes, 0 no (and counted)
 */
int hostmap_limit_pass(hostmap_limit *limit, apr_uint32_t *suppressed,
                       apr_time_t now);

/** Slots of a table; keys that share one share its limit. */
#define HOSTMAP_LIMIT_SLOTS 64

/** The limits of one kind of message about many things (entries, URLs, hosts),
 *  whose number is not known.  Zero it. */
typedef struct hostmap_limit_table {
    hostmap_limit slots[HOSTMAP_LIMIT_SLOTS];
} hostmap_limit_table;

/** The end of a message: " (N more since the last time)", empty when N is 0. */
typedef struct hostmap_limit_more {
    char text[48];
} hostmap_limit_more;

/**
 * May the message about this thing be logged now?  Any thread.
 * @param more set to what the message has to end with, or to an empty text
 * @param key what the message is about
 * @return as hostmap_limit_pass()
 */
int hostmap_limit_table_pass(hostmap_limit_table *table,
                             hostmap_limit_more *more, hostmap_str key,
                             apr_time_t now);

#endif /* BASE_LIMIT_H */
