/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file limit.h
 * @brief How often a message that repeats may be logged.
 */

#ifndef BASE_LIMIT_H
#define BASE_LIMIT_H

#include "apr.h"
#include "apr_time.h"

/** How often a message may be said.  Zero it. */
typedef struct hostmap_limit {
    /** second (since 1970) until which it is suppressed */
    volatile apr_uint32_t until;
    /** times it was suppressed */
    volatile apr_uint32_t suppressed;
} hostmap_limit;

/**
 * May the message be said now?  Once a minute; any thread.
 * @param suppressed set to the times it was suppressed since it was last said
 * @return 1 yes, 0 no (and counted)
 */
int hostmap_limit_pass(hostmap_limit *limit, apr_uint32_t *suppressed,
                       apr_time_t now);

#endif /* BASE_LIMIT_H */
