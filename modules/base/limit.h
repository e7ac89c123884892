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
    /** second (since 1970) until which it is held back */
    volatile apr_uint32_t until;
    /** times it was held back */
    volatile apr_uint32_t held;
} hostmap_limit;

/**
 * May the message be said now?  Once a minute; any thread.
 * @param held set to the times it was held back since it was last said
 * @return 1 yes, 0 no (and counted)
 */
int hostmap_limit_pass(hostmap_limit *limit, apr_time_t now,
                       apr_uint32_t *held);

#endif /* BASE_LIMIT_H */
