/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file pool_limit_core.h
 * @brief How many requests may wait for backends that do not answer.
 *
 * A backend is silent when a request has waited for its first byte for a
 * second, and no first byte of any request has come from it since that one was
 * sent.  Only silent backends are limited: each by itself, and all of them
 * together, in requests of all children that wait for their first byte.
 *
 * Pure: APR only; any thread of any process that shares the slots.
 */

#ifndef POOL_LIMIT_CORE_H
#define POOL_LIMIT_CORE_H

#include "base/slots.h"

/** For how long a backend may keep its first request waiting before it is
 *  silent. */
#define POOL_LIMIT_PATIENCE apr_time_from_sec(1)

/** How many requests may wait; 0: no limit. */
typedef struct pool_limits {
    unsigned one;               /**< for one silent backend */
    unsigned all;               /**< for all of them together */
} pool_limits;

/** The sum over all silent backends, which a process computes again when it
 *  is older than ten milliseconds.  Zero it. */
typedef struct pool_silence {
    apr_uint64_t computed;      /**< apr_time_t */
    apr_uint32_t waiting;
} pool_silence;

/** Since when has the backend kept a request waiting?  0: it has not. */
static inline apr_time_t pool_limit_silent_since(const slots_health *health)
{
    apr_time_t asked = (apr_time_t)atomic_get64(&health->asked);
    apr_time_t answered = (apr_time_t)atomic_get64(&health->answered);

    return asked > answered ? asked : 0;
}

/** The rest of pool_limit_admits(): of a backend that keeps requests
 *  waiting. */
int pool_limit_admits_more(slots *s, pool_silence *silence, unsigned backend,
                           const pool_limits *limits, apr_time_t now);

/**
 * May a request go to a backend?
 * @param silence this process's
 * @param backend of slots_backend_hold(): the request itself is counted there
 * @param now apr_time_now() of a moment ago
 * @return 1; 0: the backend is silent, and enough requests wait
 */
static inline int pool_limit_admits(slots *s, pool_silence *silence,
                                    unsigned backend,
                                    const pool_limits *limits, apr_time_t now)
{
    slots_health *health = &s->backends[backend].health;

    /* most backends have answered what they were asked */
    if (!pool_limit_silent_since(health)) {
        atomic_set64(&health->asked, (apr_uint64_t)now);
        return 1;
    }
    return pool_limit_admits_more(s, silence, backend, limits, now);
}

/** A request that has got no first byte is over, after its
 *  slots_backend_release(): when it was the last one, nothing is known of the
 *  backend any more. */
void pool_limit_unanswered(slots *s, unsigned backend);

#endif /* POOL_LIMIT_CORE_H */
