/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file limit.c
 * @brief How often a message that repeats may be logged.
 */

#include "limit.h"

#include "apr_atomic.h"
#include "apr_strings.h"

#include "hash.h"

#define LIMIT_SECONDS 60

int hostmap_limit_pass(hostmap_limit *limit, apr_uint32_t *suppressed,
                       apr_time_t now)
{
    apr_uint32_t second = (apr_uint32_t)apr_time_sec(now);
    apr_uint32_t until = apr_atomic_read32(&limit->until);

    /* Of the threads that arrive together the one that moves `until` logs it.
     * Signed difference: a clock that was set back must not silence it. */
    if ((until != 0 && (apr_int32_t)(until - second) > 0
         && until - second <= LIMIT_SECONDS)
        || apr_atomic_cas32(&limit->until, second + LIMIT_SECONDS, until)
           != until) {
        apr_atomic_inc32(&limit->suppressed);
        return 0;
    }
    *suppressed = apr_atomic_xchg32(&limit->suppressed, 0);
    return 1;
}

int hostmap_limit_table_pass(hostmap_limit_table *table,
                             hostmap_limit_more *more, hostmap_str key,
                             apr_time_t now)
{
    unsigned slot = hostmap_hash(key) % HOSTMAP_LIMIT_SLOTS;
    apr_uint32_t suppressed = 0;
    int passes = hostmap_limit_pass(&table->slots[slot], &suppressed, now);

    more->text[0] = '\0';
    if (suppressed > 0) {
        apr_snprintf(more->text, sizeof(more->text),
                     " (%u more since the last time)", suppressed);
    }
    return passes;
}
