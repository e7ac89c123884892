/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The state of a member is in five words of its slot.  out_since is 0 while it
 * is in service; out_until is changed by one thread at a time, the one whose
 * exchange succeeds, so that many requests that fail together count once.
 */

#include "pool_health_core.h"

static int health_swap(apr_uint64_t *word, apr_uint64_t from, apr_uint64_t to)
{
    return __atomic_compare_exchange_n(word, &from, to, 0, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}

static apr_time_t health_time(const apr_uint64_t *word)
{
    return (apr_time_t)atomic_get64(word);
}

/* The clock may have been set back since a time was written: one that is
 * further ahead than it can be is over. */

static int health_is_probed(const slots_health *health, apr_time_t now)
{
    apr_time_t since = health_time(&health->probe);

    return since != 0 && now - since < POOL_HEALTH_PROBE_MAX
           && since - now < POOL_HEALTH_PROBE_MAX;
}

static int health_is_paused(apr_time_t until, apr_time_t now)
{
    return until > now && until - now <= POOL_HEALTH_PAUSE_MAX;
}

/** A member that came back takes more from second to second. */
static unsigned health_share(apr_time_t back, apr_time_t now)
{
    apr_time_t age = now - back;

    if (back == 0 || age >= POOL_HEALTH_SLOW_START
        || age <= -POOL_HEALTH_SLOW_START) {
        return POOL_SHARE_FULL;
    }
    age = age < 0 ? 0 : age;
    return (unsigned)(POOL_SHARE_FULL / 16
                      + age * (POOL_SHARE_FULL - POOL_SHARE_FULL / 16)
                        / POOL_HEALTH_SLOW_START);
}

void pool_health_see(pool_member *member, const slots_health *health,
                     int may_probe, apr_time_t now)
{
    member->out_since = health_time(&health->out_since);
    member->share = health_share(health_time(&health->back), now);
    member->state = POOL_MEMBER_UP;
    if (member->out_since
        && (!may_probe || health_is_paused(health_time(&health->out_until), now)
            || health_is_probed(health, now))) {
        member->state = POOL_MEMBER_OUT;
    }
}

int pool_health_claim(slots_health *health, apr_time_t now)
{
    apr_uint64_t before = atomic_get64(&health->probe);

    if (health_time(&health->out_since) == 0
        || health_is_paused(health_time(&health->out_until), now)) {
        /* in service, or the last resort */
        return 1;
    }
    return !health_is_probed(health, now)
           && health_swap(&health->probe, before, (apr_uint64_t)now);
}

void pool_health_release(slots_health *health)
{
    if (atomic_get64(&health->probe) != 0) {
        atomic_set64(&health->probe, 0);
    }
}

static apr_interval_time_t health_pause(apr_uint32_t pauses)
{
    apr_interval_time_t pause = POOL_HEALTH_PAUSE;

    while (pauses-- > 0 && pause < POOL_HEALTH_PAUSE_MAX) {
        pause *= 2;
    }
    return pause < POOL_HEALTH_PAUSE_MAX ? pause : POOL_HEALTH_PAUSE_MAX;
}

void pool_health_failed(slots_health *health, apr_time_t now)
{
    apr_uint64_t until = atomic_get64(&health->out_until);
    apr_uint32_t pauses = atomic_get32(&health->pauses);

    if (atomic_get32(&health->failures) < POOL_HEALTH_FAILURES
        && health_time(&health->out_since) == 0) {
        return;
    }
    if (health_is_paused((apr_time_t)until, now)
        || !health_swap(&health->out_until, until,
                        (apr_uint64_t)(now + health_pause(pauses)))) {
        return;
    }
    atomic_set32(&health->pauses, pauses + 1);
    health_swap(&health->out_since, 0, (apr_uint64_t)now);
    atomic_set64(&health->probe, 0);
}

void pool_health_answered(slots_health *health, apr_time_t now)
{
    if (health_time(&health->out_since) == 0) {
        return;
    }
    atomic_set64(&health->back, (apr_uint64_t)now);
    atomic_set64(&health->out_since, 0);
    atomic_set64(&health->out_until, 0);
    atomic_set64(&health->probe, 0);
    atomic_set32(&health->pauses, 0);
}
