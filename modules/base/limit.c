/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file limit.c
 * @brief How often a message that repeats is said.
 */

#include "limit.h"

#include "apr_atomic.h"

#define SECONDS_BETWEEN 60

int hostmap_limit_pass(hostmap_limit *limit, apr_uint32_t *suppressed,
                       apr_time_t now)
{
    apr_uint32_t second = (apr_uint32_t)apr_time_sec(now);
    apr_uint32_t until = apr_atomic_read32(&limit->until);

    /* Of the threads that arrive together the one that moves `until` speaks.
     * Signed difference: a clock that was set back must not silence it. */
    if ((until != 0 && (apr_int32_t)(until - second) > 0
         && until - second <= SECONDS_BETWEEN)
        || apr_atomic_cas32(&limit->until, second + SECONDS_BETWEEN, until)
           != until) {
        apr_atomic_inc32(&limit->suppressed);
        return 0;
    }
    *suppressed = apr_atomic_xchg32(&limit->suppressed, 0);
    return 1;
}
