/* SPDX-License-Identifier: Apache-2.0 */

/*
 * snapshot.c: all entries of a store become a map, which takes the place of the
 * old one when it has come to the log's end.
 */

#include "follower.h"

#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "apr_strings.h"

#include "change_core.h"
#include "entries/pairs.h"
#include "entries/sort.h"
#include "entries/stream.h"
#include "hostmap/hostmap_entry.h"
#include "hostmap/hostmap_key.h"
#include "log.h"
#include "tool.h"

typedef struct snapshot {
    follower *f;
    apr_pool_t *pool;
    pairs *entries;
    follow_batch batch;
    /** with the existing map; is_compared 0: no map exists */
    comparison with;
    int is_compared;
    /** the old map, for entries that are wrong now */
    hostmap_file *old;
    /** entries seen, wrong ones among them */
    apr_uint64_t seen, bad;
    apr_status_t failed;
} snapshot;

/* hostmap_each_fn */
static apr_status_t collect(void *baton, hostmap_str key, hostmap_str value)
{
    snapshot *s = baton;
    apr_status_t rv = pairs_add(s->entries, key, value);

    if (rv == APR_ENOMEM) {
        /* longer than all that a map takes */
        s->bad++;
        follow_log_skipped(key, "too long");
        rv = APR_SUCCESS;
    }

    return rv == APR_SUCCESS ? follow_tick(s->f) : rv;
}

/* ---- the new file ------------------------------------------------------ */

static apr_status_t put(snapshot *s, hostmap_str key, hostmap_str value)
{
    hostmap_pair pair = { key, value };
    hostmap_reason why;

    if (s->is_compared && compare_new(&s->with, &pair, &why) != APR_SUCCESS) {
        s->is_compared = 0;
    }

    return follow_batch_put(&s->batch, key, value);
}

/* An entry that a map cannot take: the old map's entry stays. */
static apr_status_t put_old(snapshot *s, hostmap_str key, const char *reason)
{
    hostmap_str old;
    hostmap_reason why;

    s->bad++;
    follow_log_skipped(key, reason);
    if (!s->old || key.len == 0 || key.ptr[0] == '\xff'
        || hostmap_file_fetch(s->old, &old, key, s->pool, &why)
           != APR_SUCCESS) {
        return APR_SUCCESS;
    }

    return put(s, key, old);
}

static apr_status_t put_judged(snapshot *s, const hostmap_pair *pair)
{
    const char *reason = NULL;

    s->seen++;
    switch (follow_change_judge(pair->key, pair->value, &reason)) {
    case FOLLOW_PUT:
        return put(s, pair->key, pair->value);
    case FOLLOW_BAD:
        return put_old(s, pair->key, reason);
    default:
        return put_old(s, pair->key, "an empty value");
    }
}

/* A store may give an entry out twice: the later one counts, and what changed
 * since then is in the log. */
static apr_status_t put_all(snapshot *s)
{
    char key[HOSTMAP_KEY_MAX], value[HOSTMAP_VALUE_MAX + 1];
    hostmap_pair next, held = { { NULL, 0 }, { NULL, 0 } };
    apr_status_t rv;

    while ((rv = pairs_next(s->entries, &next)) == APR_SUCCESS) {
        int fits = next.key.len <= sizeof(key)
                   && next.value.len <= sizeof(value);

        if (held.key.ptr && !(fits && held.key.len == next.key.len
                              && memcmp(key, next.key.ptr, next.key.len)
                                 == 0)) {
            rv = put_judged(s, &held);
        }
        held.key.ptr = NULL;
        if (rv == APR_SUCCESS && fits) {
            held.key = hostmap_str_of(memcpy(key, next.key.ptr, next.key.len),
                                      next.key.len);
            held.value = hostmap_str_of(memcpy(value, next.value.ptr,
                                               next.value.len),
                                        next.value.len);
        }
        else if (rv == APR_SUCCESS) {
            /* too long for a map, whichever it is */
            rv = put_judged(s, &next);
        }
        if (rv == APR_SUCCESS) {
            rv = follow_tick(s->f);
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }

    return rv == APR_EOF && held.key.ptr ? put_judged(s, &held)
           : rv == APR_EOF ? APR_SUCCESS : rv;
}

/* follow_entry_fn */
static apr_status_t replay_one(void *baton, const follow_entry *entry)
{
    snapshot *s = baton;
    apr_status_t rv = follow_batch_apply(&s->batch, entry);

    return rv == APR_SUCCESS ? follow_tick(s->f) : rv;
}

/* To the log's end: what is put in place shows no value that is older than one
 * that it showed before. */
static apr_status_t replay(snapshot *s, const follow_entry *from)
{
    follower *f = s->f;
    apr_status_t rv;
    int more = 1;

    s->batch.state.position = from->position;
    s->batch.state.time = from->time;
    do {
        follow_position at = s->batch.state.position;

        rv = f->store->provider->read(f->store, &at, replay_one, s, &more,
                                      &f->why);
    } while (rv == APR_SUCCESS && more);

    return rv;
}

/* ---- judgement --------------------------------------------------------- */

static apr_status_t judge(snapshot *s)
{
    follower *f = s->f;
    apr_int64_t before, removed;

    if (s->seen > 0 && s->bad == s->seen) {
        return follow_fail(&f->why, FOLLOW_EREFUSED, "all %" APR_UINT64_T_FMT
                           " entries of the store are wrong", s->seen);
    }
    if (!s->is_compared) {
        return APR_SUCCESS;
    }
    if (compare_end(&s->with, &f->why) != APR_SUCCESS) {
        return APR_SUCCESS;
    }
    removed = (apr_int64_t)s->with.removed;
    before = removed + (apr_int64_t)(s->with.changed + s->with.same);
    if (follow_removes_too_much(removed, before, f->options->max_removed)) {
        return follow_fail(&f->why, FOLLOW_EREFUSED, "%" APR_INT64_T_FMT
                           " of %" APR_INT64_T_FMT " entries would be removed "
                           "by the snapshot; if that is meant, run `hostmap "
                           "follow --once --max-removed 100`", removed,
                           before);
    }

    return APR_SUCCESS;
}

/* The existing map, to compare with; one that cannot be read is
 * replaced. */
static void open_old(snapshot *s)
{
    hostmap_reason why;
    stream *old;

    if (!s->f->has_map) {
        return;
    }
    if (hostmap_file_open(&s->old, s->f->options->map, "lmdb", s->pool, &why)
        != APR_SUCCESS) {
        s->old = NULL;
        return;
    }
    s->is_compared = stream_map(&old, s->f->options->map, "lmdb", s->pool,
                                &why) == APR_SUCCESS
                     && compare_begin(&s->with, old, NULL, NULL, &why)
                        == APR_SUCCESS;
}

static apr_status_t build(snapshot *s, const follow_entry *from)
{
    follower *f = s->f;
    apr_status_t rv;

    open_old(s);
    rv = follow_batch_create(&s->batch, f->options->map, f->name,
                             pairs_bytes(s->entries), s->pool);
    if (rv == APR_SUCCESS) {
        rv = put_all(s);
    }
    if (rv != APR_SUCCESS) {
        f->why = s->batch.why;
        return rv;
    }
    rv = replay(s, from);
    if (rv == APR_SUCCESS) {
        rv = judge(s);
    }
    if (rv == APR_SUCCESS) {
        rv = follow_batch_commit(&s->batch);
        if (rv != APR_SUCCESS) {
            f->why = s->batch.why;
        }
    }

    return rv;
}

/* ---- all together ------------------------------------------------------ */

static apr_status_t take(snapshot *s)
{
    follower *f = s->f;
    follow_entry from;
    apr_status_t rv;

    sort_beside(f->options->keep ? f->options->keep : f->options->map);
    s->entries = pairs_create(s->pool);
    rv = f->store->provider->snapshot(f->store, &from, collect, s, &f->why);
    if (rv == APR_SUCCESS) {
        rv = pairs_finish(s->entries);
    }
    if (rv == APR_SUCCESS) {
        rv = build(s, &from);
    }
    follow_batch_abort(&s->batch);
    if (s->old) {
        hostmap_file_close(s->old);
    }

    return rv;
}

static void log_taken(const follower *f, const char *reason, apr_time_t began)
{
    if (f->options->quiet) {
        return;
    }
    follow_log(FOLLOW_NOTICE, "snapshot of %" APR_INT64_T_FMT " entries in "
               "%.1f s because %s: %s is at %s", f->state.entries,
               (double)(apr_time_now() - began) / APR_USEC_PER_SEC, reason,
               f->options->map, f->state.position.text);
}

apr_status_t follow_snapshot(follower *f, const char *reason)
{
    apr_time_t began = apr_time_now();
    snapshot s = { f };
    apr_status_t rv;

    rv = f->store->provider->lease(f->store, f->options->snapshots, f->node,
                                   &f->why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_pool_create(&s.pool, f->pool);
    rv = take(&s);
    f->store->provider->release(f->store);
    if (rv == APR_SUCCESS) {
        f->state = s.batch.state;
        f->has_map = 1;
        f->counters.skipped += s.bad + s.batch.skipped;
        log_taken(f, reason, began);
    }
    apr_pool_destroy(s.pool);
#ifdef __GLIBC__
    /* what was sorted is not needed for months */
    malloc_trim(0);
#endif

    return rv;
}
