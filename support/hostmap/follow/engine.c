/* SPDX-License-Identifier: Apache-2.0 */

/*
 * engine.c: the rule, and what is done when a store, a disk or a network does
 * not do its part.
 */

#include "follower.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "apr_strings.h"

#include "keep.h"
#include "log.h"
#include "tool.h"

/* Transactions and changes that one new file takes at most. */
#define BATCH_TRANSACTIONS  10000
#define BATCH_CHANGES       100000

/* A batch takes this part of one processor at most. */
#define BUSY_PART 4

/* The report to the store. */
#define REPORT_INTERVAL apr_time_from_sec(3)

/* Between attempts: a store that cannot be reached, one that refuses us, a map
 * that cannot be written, a snapshot that was refused. */
#define DOWN_FIRST      apr_time_from_msec(100)
#define DOWN_MOST       apr_time_from_sec(1)
#define DENIED_MOST     apr_time_from_sec(30)
#define MAP_PAUSE       apr_time_from_sec(1)
#define REFUSED_PAUSE   apr_time_from_sec(5)

/* Half of it to all of it: many nodes do not come at once. */
static apr_interval_time_t jitter(apr_interval_time_t most)
{
    return most / 2 + (apr_interval_time_t)(random() % (most / 2 + 1));
}

/* ---- the map ----------------------------------------------------------- */

static void note_map(follower *f)
{
    struct stat st;

    if (stat(f->options->map, &st) == 0) {
        f->map_device = st.st_dev;
        f->map_inode = st.st_ino;
        f->counters.bytes += (apr_uint64_t)st.st_blocks * 512;
    }
}

/* Has it been taken away, or another been put in its place? */
static int map_moved(const follower *f)
{
    struct stat st;

    return f->has_map
           && (stat(f->options->map, &st) != 0 || st.st_dev != f->map_device
               || st.st_ino != f->map_inode);
}

static apr_status_t check_store(follower *f)
{
    if (strcmp(f->state.store, f->name) == 0) {
        return APR_SUCCESS;
    }

    return follow_fail(&f->why, FOLLOW_EREFUSED, "the map follows %s, not "
                       "%s: it is not overwritten", f->state.store, f->name);
}

/* The map, or else the kept copy.  A map that is cut short or broken counts
 * as none. */
static apr_status_t load_map(follower *f, apr_pool_t *pool)
{
    const follow_options *o = f->options;
    apr_status_t rv;

    f->has_map = 0;
    rv = follow_state_of(&f->state, o->map, pool, &f->why);
    if (rv == HOSTMAP_EFORMAT) {
        follow_log(FOLLOW_WARNING, "map %s: %s: it is replaced", o->map,
                   f->why.text);
        rv = APR_ENOENT;
    }
    if (APR_STATUS_IS_ENOENT(rv) && o->keep) {
        rv = follow_keep(o->keep, o->map, &f->why);
        if (rv == APR_SUCCESS) {
            rv = follow_state_of(&f->state, o->map, pool, &f->why);
        }
        if (rv == APR_SUCCESS) {
            f->kept = f->state.position;
            follow_log(FOLLOW_NOTICE, "map %s: begins as the kept copy %s, at "
                       "%s", o->map, o->keep, f->state.position.text);
        }
    }
    if (APR_STATUS_IS_ENOENT(rv)) {
        memset(&f->state, 0, sizeof(f->state));
        return APR_SUCCESS;
    }
    if (rv == APR_SUCCESS) {
        rv = check_store(f);
    }
    if (rv == APR_SUCCESS) {
        f->has_map = 1;
        note_map(f);
    }

    return rv;
}

static void keep_now(follower *f)
{
    apr_status_t rv;

    rv = follow_keep(f->options->map, f->options->keep, &f->why);
    f->counters.kept = apr_time_now();
    if (rv != APR_SUCCESS) {
        follow_log_limited(&f->keep_error, FOLLOW_ERR, "the copy %s cannot be "
                           "kept: %s: tried again", f->options->keep,
                           f->why.text);
        return;
    }
    f->kept = f->state.position;
}

static void keep_when_due(follower *f, int at_end)
{
    if (!f->options->keep || !f->has_map
        || follow_position_equal(&f->kept, &f->state.position)
        || (!at_end && f->counters.kept + f->options->keep_interval
                       > apr_time_now())) {
        return;
    }
    keep_now(f);
}

/* A new map is in place. */
static void placed(follower *f)
{
    f->counters.batches++;
    f->counters.applied = apr_time_now();
    note_map(f);
    if (!f->is_ready) {
        f->is_ready = 1;
        follow_notify("READY=1");
    }
}

/* ---- a batch ----------------------------------------------------------- */

typedef struct reading {
    follower *f;
    apr_pool_t *pool;
    follow_batch batch;
} reading;

/* follow_entry_fn */
static apr_status_t take_entry(void *baton, const follow_entry *entry)
{
    reading *r = baton;
    follower *f = r->f;
    apr_status_t rv = APR_SUCCESS;

    if (!r->batch.writer) {
        rv = follow_batch_change(&r->batch, f->options->map, &f->state,
                                 r->pool);
    }
    if (rv == APR_SUCCESS) {
        rv = follow_batch_apply(&r->batch, entry);
    }
    if (rv != APR_SUCCESS) {
        f->why = r->batch.why;
        return rv;
    }

    return follow_tick(f);
}

static apr_status_t commit(reading *r)
{
    follow_batch *b = &r->batch;
    follower *f = r->f;
    apr_int64_t removed = b->before - b->state.entries;
    apr_status_t rv;

    if (follow_removes_too_much(removed, b->before, f->options->max_removed)) {
        follow_batch_abort(b);
        return follow_fail(&f->why, FOLLOW_EREFUSED, "%" APR_INT64_T_FMT
                           " of %" APR_INT64_T_FMT " entries would be removed "
                           "by changes up to %s; if that is meant, run "
                           "`hostmap follow --once --max-removed 100`",
                           removed, b->before, b->state.position.text);
    }
    rv = follow_batch_commit(b);
    if (rv != APR_SUCCESS) {
        f->why = b->why;
        return rv;
    }
    f->state = b->state;
    f->counters.changes += b->changes;
    f->counters.skipped += b->skipped;
    placed(f);

    return rv;
}

/* What comes after the position, up to the bounds of a batch. */
static apr_status_t read_batch(follower *f, int *more)
{
    reading r = { f };
    apr_status_t rv;

    apr_pool_create(&r.pool, f->pool);
    do {
        follow_position at = r.batch.writer ? r.batch.state.position
                                            : f->state.position;

        *more = 0;
        rv = f->store->provider->read(f->store, &at, take_entry, &r, more,
                                      &f->why);
    } while (rv == APR_SUCCESS && *more
             && r.batch.transactions < BATCH_TRANSACTIONS
             && r.batch.changes < BATCH_CHANGES);
    if (rv == APR_SUCCESS && r.batch.writer) {
        rv = commit(&r);
    }
    follow_batch_abort(&r.batch);
    apr_pool_destroy(r.pool);

    return rv;
}

static apr_time_t cpu_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);

    return apr_time_make(now.tv_sec, now.tv_nsec / 1000);
}

/* The next batch comes after the interval, and when the processor that this
 * one took is a small part of the time that has gone. */
static apr_status_t timed_batch(follower *f, int *more)
{
    apr_time_t began = apr_time_now(), cpu = cpu_now();
    apr_uint64_t before = f->counters.batches;
    apr_interval_time_t rest;
    apr_status_t rv;

    rv = read_batch(f, more);
    rest = (cpu_now() - cpu) * BUSY_PART;
    if (rest < f->options->interval) {
        rest = f->options->interval;
    }
    if (f->counters.batches != before && !*more) {
        f->batch_at = began + rest;
    }

    return rv;
}

/* ---- a step ------------------------------------------------------------ */

static apr_status_t connect_store(follower *f)
{
    apr_status_t rv;

    if (follow_wanted.reload) {
        follow_wanted.reload = 0;
        follow_notify("RELOADING=1");
        f->store->provider->close(f->store);
        f->counters.connected = 0;
        if (f->relay) {
            f->relay->to->provider->close(f->relay->to);
        }
        follow_log(FOLLOW_INFO, "credentials are read again");
        follow_notify("READY=1");
    }
    rv = f->store->provider->connect(f->store, &f->why);
    if (rv == APR_SUCCESS && !f->counters.connected) {
        f->counters.connected = 1;
        f->counters.reconnects += f->was_connected;
    }

    return rv;
}

static apr_status_t snapshot_due(follower *f, const char *reason,
                                 apr_uint64_t *count)
{
    apr_status_t rv;

    if (apr_time_now() < f->snapshot_at) {
        return FOLLOW_EBUSY;
    }
    rv = follow_snapshot(f, reason);
    if (rv == APR_SUCCESS) {
        ++*count;
        follow_wanted.snapshot = 0;
        f->behind = 0;
        placed(f);
    }
    else if (rv == FOLLOW_EREFUSED) {
        follow_wanted.snapshot = 0;
        f->snapshot_at = apr_time_now() + REFUSED_PAUSE;
    }
    else if (rv == FOLLOW_EBUSY) {
        f->snapshot_at = apr_time_now() + jitter(apr_time_from_sec(2));
    }

    return rv;
}

/* The store is older than the map: a replica that lags comes up, a store that
 * has lost writes does not. */
static apr_status_t wait_behind(follower *f, const char *reason)
{
    apr_time_t now = apr_time_now();

    if (!f->behind) {
        f->behind = now;
    }
    if (now - f->behind < f->options->behind) {
        return FOLLOW_EBEHIND;
    }

    return snapshot_due(f, apr_psprintf(f->step_pool, "%s, before the map's "
                                        "position, for %d s", reason,
                                        (int)apr_time_sec(now - f->behind)),
                        &f->counters.snapshots_behind);
}

static apr_status_t follow_map(follower *f, int *more)
{
    follow_counters *c = &f->counters;
    apr_status_t rv;

    if (!f->has_map) {
        return snapshot_due(f, "there is no map", &c->snapshots_first);
    }
    if (follow_wanted.snapshot) {
        return snapshot_due(f, "it was asked for", &c->snapshots_asked);
    }
    rv = timed_batch(f, more);
    if (rv == FOLLOW_ELOST) {
        f->behind = 0;
        return snapshot_due(f, apr_pstrdup(f->step_pool, f->why.text),
                            &c->snapshots_lost);
    }
    if (rv == FOLLOW_EBEHIND) {
        return wait_behind(f, apr_pstrdup(f->step_pool, f->why.text));
    }
    f->behind = 0;

    return rv;
}

/* Connect if need be, then one batch or snapshot. */
static apr_status_t step(follower *f, int *more)
{
    apr_status_t rv = APR_SUCCESS;

    *more = 0;
    apr_pool_clear(f->step_pool);
    if (f->is_moved || map_moved(f)) {
        rv = load_map(f, f->step_pool);
        f->is_moved = rv != APR_SUCCESS;
    }
    if (rv == APR_SUCCESS) {
        rv = connect_store(f);
    }
    if (rv == APR_SUCCESS) {
        rv = follow_map(f, more);
    }
    if (rv == APR_SUCCESS && !*more) {
        f->counters.synced = apr_time_now();
    }

    return rv;
}

/* ---- for ever ---------------------------------------------------------- */

static void log_connected(follower *f)
{
    if (f->was_connected && !f->failures) {
        return;
    }
    follow_log(FOLLOW_NOTICE, "%s: connected, %" APR_INT64_T_FMT " entries at "
               "%s", f->name, f->state.entries, f->state.position.text);
    f->was_connected = 1;
    f->failures = 0;
    f->counters.error[0] = '\0';
}

static void disconnected(follower *f, apr_interval_time_t most)
{
    apr_interval_time_t wait = DOWN_FIRST;

    f->store->provider->close(f->store);
    f->counters.connected = 0;
    wait <<= f->failures < 10 ? f->failures : 10;
    f->failures++;
    follow_pause_until(f, apr_time_now() + jitter(wait < most ? wait : most));
}

static void failed(follower *f, apr_status_t rv)
{
    const char *why = f->why.text;

    apr_cpystrn(f->counters.error, why, sizeof(f->counters.error));
    switch (rv) {
    case FOLLOW_EDOWN:
        follow_log_limited(&f->down, FOLLOW_WARNING, "%s cannot be reached: "
                           "%s; the map serves on", f->name, why);
        disconnected(f, DOWN_MOST);
        break;
    case FOLLOW_ENOLOG:
        follow_log_limited(&f->no_log, FOLLOW_ERR, "%s; the map serves on",
                           why);
        follow_pause_until(f, apr_time_now() + MAP_PAUSE);
        break;
    case FOLLOW_EBEHIND:
        follow_log_limited(&f->is_behind, FOLLOW_WARNING, "%s, before the "
                           "map's position: waiting %d s for it before its "
                           "state is taken", why,
                           (int)apr_time_sec(f->options->behind));
        follow_pause_until(f, apr_time_now() + apr_time_from_msec(500));
        break;
    case FOLLOW_EREFUSED:
        f->counters.refused++;
        follow_log_limited(&f->refused, FOLLOW_ERR, "map %s: refused: %s; the "
                           "map serves on", f->options->map, why);
        follow_pause_until(f, apr_time_now() + MAP_PAUSE);
        break;
    case FOLLOW_EBUSY:
        follow_pause_until(f, apr_time_now() + apr_time_from_msec(500));
        break;
    case FOLLOW_EMOVED:
        follow_log(FOLLOW_WARNING, "map %s: %s: read again", f->options->map,
                   why);
        f->is_moved = 1;
        break;
    case FOLLOW_ELOST:
        /* the log was trimmed while the snapshot was taken */
        follow_pause_until(f, apr_time_now() + MAP_PAUSE);
        break;
    case FOLLOW_EDENIED:
    case APR_EGENERAL:
        follow_log_limited(&f->denied, FOLLOW_ERR, "%s refuses: %s; the map "
                           "serves on", f->name, why);
        disconnected(f, DENIED_MOST);
        break;
    default:
        if (!why[0]) {
            apr_strerror(rv, f->why.text, sizeof(f->why.text));
        }
        follow_log_limited(&f->map_error, FOLLOW_ERR, "map %s: %s; the old "
                           "one serves on, tried again", f->options->map,
                           f->why.text);
        follow_pause_until(f, apr_time_now() + MAP_PAUSE);
    }
}

/* All is applied: until there is more. */
static void wait_for_more(follower *f)
{
    apr_time_t now = apr_time_now();
    apr_status_t rv;

    if (now - f->reported >= REPORT_INTERVAL || now < f->reported) {
        f->reported = now;
        follow_status_report(f);
    }
    keep_when_due(f, 0);
    if (f->relay) {
        follow_relay_step(f);
    }
    follow_pause_until(f, f->batch_at);
    if (follow_wanted.stop || follow_wanted.reload || follow_wanted.snapshot) {
        return;
    }
    rv = f->store->provider->wait(f->store, &f->state.position, &f->why);
    if (rv != APR_SUCCESS && rv != APR_EINTR) {
        failed(f, rv);
    }
}

void follow_init(follower *f, follow_store *store,
                 const follow_options *options, const char *name,
                 apr_pool_t *pool)
{
    char host[128];

    memset(f, 0, sizeof(*f));
    f->options = options;
    f->store = store;
    f->pool = pool;
    apr_cpystrn(f->name, name, sizeof(f->name));
    if (gethostname(host, sizeof(host)) != 0) {
        memcpy(host, "unknown", sizeof("unknown"));
    }
    host[sizeof(host) - 1] = '\0';
    f->node = apr_psprintf(pool, "%s:%s", host, options->map);
    apr_pool_create(&f->step_pool, pool);
    f->is_moved = 1;
    if (options->keep && access(options->keep, F_OK) == 0) {
        f->counters.kept = apr_time_now();
    }
    srandom((unsigned)(getpid() ^ (int)time(NULL)));
}

int follow_run(follower *f)
{
    follow_signals_take();
    while (!follow_wanted.stop) {
        apr_status_t rv;
        int more;

        follow_tick(f);
        f->why.text[0] = '\0';
        rv = step(f, &more);
        if (f->has_map && !f->is_ready) {
            f->is_ready = 1;
            follow_notify("READY=1");
        }
        if (rv == APR_SUCCESS) {
            log_connected(f);
            if (!more) {
                wait_for_more(f);
            }
        }
        else if (rv != APR_EINTR) {
            failed(f, rv);
        }
    }
    follow_notify("STOPPING=1");
    f->store->provider->close(f->store);
    if (f->relay) {
        f->relay->to->provider->close(f->relay->to);
    }
    f->counters.connected = 0;
    keep_when_due(f, 1);
    follow_status_write(f);

    return TOOL_DONE;
}

/* ---- once -------------------------------------------------------------- */

static int once_failed(follower *f, apr_status_t rv)
{
    if (!f->why.text[0]) {
        apr_strerror(rv, f->why.text, sizeof(f->why.text));
    }
    tool_error("%s: %s", f->options->map, f->why.text);
    switch (rv) {
    case FOLLOW_EDOWN:
        return FOLLOW_UNREACHED;
    case FOLLOW_EREFUSED:
        return FOLLOW_REFUSED;
    default:
        return TOOL_FAILED;
    }
}

int follow_once(follower *f)
{
    apr_status_t rv = APR_SUCCESS;
    int more = 1;

    follow_signals_take();
    while (rv == APR_SUCCESS && more && !follow_wanted.stop) {
        f->why.text[0] = '\0';
        rv = step(f, &more);
        if (rv == FOLLOW_EBUSY || rv == FOLLOW_EBEHIND
            || rv == FOLLOW_EMOVED) {
            f->is_moved |= rv == FOLLOW_EMOVED;
            follow_pause_until(f, apr_time_now() + apr_time_from_msec(200));
            rv = APR_SUCCESS;
            more = 1;
        }
    }
    if (rv == APR_SUCCESS && f->relay && !follow_wanted.stop) {
        rv = follow_relay_now(f);
        f->relay->to->provider->close(f->relay->to);
    }
    if (rv != APR_SUCCESS) {
        return once_failed(f, rv);
    }
    keep_when_due(f, 1);
    follow_status_write(f);
    follow_status_report(f);
    f->store->provider->close(f->store);

    return follow_wanted.stop ? TOOL_FAILED : TOOL_DONE;
}
