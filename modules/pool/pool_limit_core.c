/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Silent backends.  `asked` of a backend's slot is when the first request was
 * sent that came after its last answer; threads that race there write times
 * that differ by microseconds.
 */

#include "pool_limit_core.h"

#define LIMIT_SUM_MAX_AGE (10 * APR_TIME_C(1000))

static int limit_is_silent(const slots_health *health, apr_time_t now)
{
    apr_time_t since = pool_limit_silent_since(health);

    return since && now - since >= POOL_LIMIT_PATIENCE;
}

/** Requests that wait for silent backends. */
static unsigned limit_sum(const slots *s, pool_silence *silence,
                          apr_time_t now)
{
    apr_time_t age = now - (apr_time_t)atomic_get64(&silence->computed);
    unsigned sum = 0, backend;

    if (age >= 0 && age < LIMIT_SUM_MAX_AGE) {
        return atomic_get32(&silence->waiting);
    }
    for (backend = 0; backend < s->block->shape.backends; backend++) {
        if (limit_is_silent(&s->backends[backend].health, now)) {
            slots_flight flight;

            slots_flight_sum(s, backend, &flight);
            sum += flight.waiting;
        }
    }
    atomic_set32(&silence->waiting, sum);
    atomic_set64(&silence->computed, (apr_uint64_t)now);
    return sum;
}

int pool_limit_admits_more(slots *s, pool_silence *silence, unsigned backend,
                           const pool_limits *limits, apr_time_t now)
{
    const slots_health *health = &s->backends[backend].health;
    slots_flight flight;

    /* backends without a slot of their own share one: nothing is known about
     * any one of them */
    if (!limit_is_silent(health, now) || backend == SLOTS_OTHER(s)) {
        return 1;
    }
    if (limits->one) {
        slots_flight_sum(s, backend, &flight);
        if (flight.waiting > limits->one) {
            return 0;
        }
    }
    return !limits->all || limit_sum(s, silence, now) <= limits->all;
}

void pool_limit_unanswered(slots *s, unsigned backend)
{
    slots_flight flight;

    slots_flight_sum(s, backend, &flight);
    if (flight.waiting == 0) {
        atomic_set64(&s->backends[backend].health.asked, 0);
    }
}
