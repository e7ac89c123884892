/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is read from the block for whoever shows it.
 */

#include "status_view_core.h"

#include <stdlib.h>
#include <string.h>

const char *const status_outcomes[STATUS_OUTCOMES] = {
    "not_looked_up", "mapped", "answered", "declined", "unknown", "bad_entry",
    "loop", "map_busy", "map_broken", "limited"
};

const char *const status_backend_counts[SLOTS_BACKEND_MICROS] = {
    "1xx", "2xx", "3xx", "4xx", "5xx", "refused", "timeout", "reset", "bad",
    "limited", "new", "reused", "resent"
};

const char *const status_states[] = { "up", "failing", "unknown" };

/* A backend that failed once may be all right; these failures in a row are no
 * chance. */
#define FAILURES_SEEN 3

const char *status_map_path(const status_view *view, apr_uint32_t map)
{
    return map < view->map_count ? view->maps[map].path : "";
}

apr_uint64_t status_requests(const status_view *view)
{
    apr_uint64_t requests = 0;
    unsigned i;

    for (i = 0; i < 6; i++) {
        requests += view->totals.classes[i];
    }
    return requests;
}

/* ---- entries ----------------------------------------------------------- */

/* The smallest is at the root. */
static void view_heap_sink(status_hit *hits, unsigned count, unsigned at,
                      unsigned by)
{
    for (;;) {
        unsigned child = 2 * at + 1;
        status_hit hit;

        if (child >= count) {
            return;
        }
        if (child + 1 < count
            && hits[child + 1].counts[by] < hits[child].counts[by]) {
            child++;
        }
        if (hits[at].counts[by] <= hits[child].counts[by]) {
            return;
        }
        hit = hits[at];
        hits[at] = hits[child];
        hits[child] = hit;
        at = child;
    }
}

static int view_hit_read(status_hit *hit, const slots *s, apr_uint32_t number,
                    apr_uint32_t minute)
{
    const slots_entry *entry = &s->entries[number];
    apr_int32_t ago;
    unsigned i;

    if (!slots_entry_name(s, number, &hit->name)) {
        return 0;
    }
    for (i = 0; i < SLOTS_ENTRY_COUNTS; i++) {
        hit->counts[i] = atomic_get64(&entry->counts[i]);
    }
    ago = (apr_int32_t)(minute - hit->name.head.minute);
    hit->counts[STATUS_BY_RECENT] =
        ago <= 0 ? (apr_uint64_t)hit->name.head.now + hit->name.head.before
        : ago == 1 ? hit->name.head.now : 0;
    return 1;
}

static void view_top_offer(status_top *top, const status_hit *hit,
                      unsigned by, unsigned wanted)
{
    unsigned at;

    if (top->count == wanted) {
        if (wanted > 0 && hit->counts[by] > top->hits[0].counts[by]) {
            top->hits[0] = *hit;
            view_heap_sink(top->hits, wanted, 0, by);
        }
        return;
    }
    for (at = top->count++; at > 0; at = (at - 1) / 2) {
        if (top->hits[(at - 1) / 2].counts[by] <= hit->counts[by]) {
            break;
        }
        top->hits[at] = top->hits[(at - 1) / 2];
    }
    top->hits[at] = *hit;
}

void status_top_find(status_top *top, const slots *s, unsigned by,
                     unsigned wanted, apr_time_t now)
{
    apr_uint32_t minute = (apr_uint32_t)(apr_time_sec(now) / 60), i;
    unsigned left;

    top->count = 0;
    for (i = 0; i < s->block->shape.entries; i++) {
        status_hit hit;

        if (view_hit_read(&hit, s, i, minute) && hit.counts[by] > 0) {
            view_top_offer(top, &hit, by, wanted);
        }
    }
    for (left = top->count; left > 1; left--) {
        status_hit least = top->hits[0];

        top->hits[0] = top->hits[left - 1];
        top->hits[left - 1] = least;
        view_heap_sink(top->hits, left - 1, 0, by);
    }
}

unsigned status_entries_used(const slots *s)
{
    unsigned used = 0, set, way;

    for (set = 0; set <= s->entry_mask; set++) {
        for (way = 0; way < SLOTS_WAYS; way++) {
            used += !slots_way_is_free(&s->entry_sets[set], way);
        }
    }
    return used;
}

/* ---- backends ---------------------------------------------------------- */

static status_state view_state_of(const slots_health *health)
{
    if (health->failures >= FAILURES_SEEN
        || (health->failures > 0 && health->answered == 0)) {
        return STATUS_FAILING;
    }
    return health->answered ? STATUS_UP : STATUS_UNKNOWN;
}

int status_backend_read(status_backend *backend, const slots *s,
                        unsigned number)
{
    const slots_backend *slot = &s->backends[number];
    unsigned i;

    if (number == SLOTS_OTHER(s)) {
        memset(&backend->name, 0, sizeof(backend->name));
    }
    else if (!slots_backend_name(s, number, &backend->name)) {
        return 0;
    }
    for (i = 0; i < SLOTS_BACKEND_COUNTS; i++) {
        backend->counts[i] = atomic_get64(&slot->counts[i]);
    }
    for (i = 0; i < HISTOGRAM_BUCKETS(SLOTS_BACKEND_BITS); i++) {
        backend->first_byte[i] = atomic_get64(&slot->first_byte[i]);
    }
    backend->requests = backend->failures = 0;
    for (i = SLOTS_BACKEND_1XX; i <= SLOTS_BACKEND_5XX; i++) {
        backend->requests += backend->counts[i];
    }
    for (i = SLOTS_BACKEND_REFUSED; i <= SLOTS_BACKEND_BAD; i++) {
        backend->failures += backend->counts[i];
    }
    backend->health.answered = atomic_get64(&slot->health.answered);
    backend->health.failed = atomic_get64(&slot->health.failed);
    backend->health.failure = atomic_get32(&slot->health.failure);
    backend->health.failures = atomic_get32(&slot->health.failures);
    backend->state = view_state_of(&backend->health);
    slots_flight_sum(s, number, &backend->flight);
    return number != SLOTS_OTHER(s)
           || backend->requests + backend->failures > 0
           || backend->flight.in_flight > 0;
}

/* What a backend is sorted by: larger comes first. */
typedef struct backend_rank {
    apr_uint32_t number;
    int failing;
    unsigned in_flight;
    apr_uint64_t requests;
} backend_rank;

static int view_rank_compare(const void *left, const void *right)
{
    const backend_rank *a = left, *b = right;

    if (a->failing != b->failing) {
        return b->failing - a->failing;
    }
    if (a->in_flight != b->in_flight) {
        return a->in_flight < b->in_flight ? 1 : -1;
    }
    if (a->requests != b->requests) {
        return a->requests < b->requests ? 1 : -1;
    }
    return a->number < b->number ? -1 : 1;
}

unsigned status_backends_find(apr_uint32_t *numbers, const slots *s)
{
    backend_rank *ranks;
    unsigned count = 0, i;

    ranks = malloc((SLOTS_OTHER(s) + 1) * sizeof(*ranks));
    if (!ranks) {
        return 0;
    }
    for (i = 0; i <= SLOTS_OTHER(s); i++) {
        status_backend backend;

        if (status_backend_read(&backend, s, i)) {
            ranks[count].number = i;
            ranks[count].failing = backend.state == STATUS_FAILING;
            ranks[count].in_flight = backend.flight.in_flight;
            ranks[count].requests = backend.requests + backend.failures;
            count++;
        }
    }
    qsort(ranks, count, sizeof(*ranks), view_rank_compare);
    for (i = 0; i < count; i++) {
        numbers[i] = ranks[i].number;
    }
    free(ranks);
    return count;
}

void status_lag(status_out *out, const status_follower *follower)
{
    /* a number of a file: any */
    if (!(follower->lag >= 0 && follower->lag < 1e12)) {
        status_puts(out, "-1");
        return;
    }
    status_seconds(out, (apr_uint64_t)(follower->lag * APR_USEC_PER_SEC));
}
