/* SPDX-License-Identifier: Apache-2.0 */

/*
 * batch.c: changes become a new file of the map.
 */

#include "batch.h"

#include <string.h>

#include "change_core.h"
#include "log.h"
#include "tool.h"

/* Skipped entries that are logged one by one, a minute. */
#define SKIPPED_LOGGED 100

/* ---- what a map says of itself ----------------------------------------- */

apr_status_t follow_state_of(follow_state *state, const char *map,
                             apr_pool_t *pool, hostmap_reason *why)
{
    hostmap_file *file;
    hostmap_str text;
    const char *type;
    hostmap_bad bad;
    apr_status_t rv;

    rv = tool_map_at(&type, map, pool, why);
    if (rv == HOSTMAP_EFORMAT) {
        /* another program's file; a broken map has the marks of one */
        return FOLLOW_EREFUSED;
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (strcmp(type, "lmdb") != 0) {
        return follow_fail(why, FOLLOW_EREFUSED, "a map of type %s: only lmdb "
                           "maps follow a store", type);
    }
    rv = tool_open_map(&file, map, "lmdb", pool, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = hostmap_file_state(file, &text, pool, why);
    hostmap_file_close(file);
    if (rv == APR_NOTFOUND) {
        return follow_fail(why, FOLLOW_EREFUSED, "a map that follows no "
                           "store, it is not overwritten: `hostmap push` "
                           "brings its entries to the store, `hostmap pull` "
                           "makes it follow");
    }
    if (rv == APR_SUCCESS
        && follow_state_read(state, text, &bad) != APR_SUCCESS) {
        return follow_fail(why, FOLLOW_EREFUSED, "what the map says of its "
                           "store is not readable: %s", bad.reason);
    }

    return rv;
}

/* ---- beginning --------------------------------------------------------- */

static apr_status_t batch_open(follow_batch *b, const char *map,
                               unsigned flags, apr_uint64_t bytes,
                               apr_pool_t *pool)
{
    hostmap_writer_options options = { "lmdb", bytes,
                                       flags | HOSTMAP_WRITER_FOLLOW };

    memset(b, 0, sizeof(*b));
    b->pool = pool;

    return hostmap_writer_open(&b->writer, map, &options, pool, &b->why);
}

/* Under the lock of writers: is it the map that was read? */
static apr_status_t batch_check(follow_batch *b, const follow_state *state)
{
    hostmap_str text;
    apr_status_t rv;

    rv = hostmap_writer_state(b->writer, &text, &b->why);
    if (rv == APR_NOTFOUND
        || (rv == APR_SUCCESS
            && (follow_state_read(&b->state, text, NULL) != APR_SUCCESS
                || strcmp(b->state.store, state->store) != 0
                || !follow_position_equal(&b->state.position,
                                          &state->position)))) {
        rv = follow_fail(&b->why, FOLLOW_EMOVED, "another program has changed "
                         "or replaced the map");
    }
    b->before = b->state.entries;

    return rv;
}

apr_status_t follow_batch_change(follow_batch *b, const char *map,
                                 const follow_state *state, apr_pool_t *pool)
{
    apr_status_t rv;

    rv = batch_open(b, map, HOSTMAP_WRITER_CHANGE, (apr_uint64_t)64 << 20,
                    pool);
    if (rv != APR_SUCCESS) {
        b->writer = NULL;
        return rv;
    }
    rv = batch_check(b, state);
    if (rv != APR_SUCCESS) {
        follow_batch_abort(b);
    }

    return rv;
}

apr_status_t follow_batch_create(follow_batch *b, const char *map,
                                 const char *store, apr_uint64_t bytes,
                                 apr_pool_t *pool)
{
    apr_status_t rv = batch_open(b, map, 0, bytes + ((apr_uint64_t)64 << 20),
                                 pool);

    if (rv != APR_SUCCESS) {
        b->writer = NULL;
        return rv;
    }
    memcpy(b->state.store, store, strlen(store) + 1);

    return rv;
}

/* ---- changes ----------------------------------------------------------- */

apr_status_t follow_batch_put(follow_batch *b, hostmap_str key,
                              hostmap_str value)
{
    apr_status_t rv = hostmap_writer_put(b->writer, key, value, &b->why);

    if (rv == APR_SUCCESS) {
        b->state.entries++;
        follow_digest_add(&b->state.digest, key, value);
    }

    return rv;
}

void follow_log_skipped(hostmap_str key, const char *reason)
{
    static apr_time_t minute;
    static unsigned logged, held;
    apr_time_t now = apr_time_now();

    if (now - minute >= apr_time_from_sec(60)) {
        if (held) {
            follow_log(FOLLOW_WARNING, "%u more entries skipped", held);
        }
        minute = now;
        logged = held = 0;
    }
    if (logged == SKIPPED_LOGGED) {
        held++;
        return;
    }
    logged++;
    follow_log(FOLLOW_WARNING, "entry %.*s skipped: %s", key.len > 300 ? 300
               : (int)key.len, key.ptr, reason);
}

/* Take out what is there; APR_NOTFOUND: nothing is. */
static apr_status_t forget(follow_batch *b, hostmap_str key)
{
    hostmap_str old;
    apr_status_t rv = hostmap_writer_get(b->writer, &old, key, &b->why);

    if (rv == APR_SUCCESS) {
        b->state.entries--;
        follow_digest_remove(&b->state.digest, key, old);
    }

    return rv;
}

static apr_status_t apply_pair(follow_batch *b, const hostmap_pair *pair)
{
    const char *reason = NULL;
    apr_status_t rv;

    switch (follow_change_judge(pair->key, pair->value, &reason)) {
    case FOLLOW_NOTHING:
        return APR_SUCCESS;
    case FOLLOW_BAD:
        b->skipped++;
        follow_log_skipped(pair->key, reason);
        return APR_SUCCESS;
    case FOLLOW_DELETE:
        b->changes++;
        rv = forget(b, pair->key);
        if (rv == APR_SUCCESS) {
            rv = hostmap_writer_remove(b->writer, pair->key, &b->why);
        }
        return rv == APR_NOTFOUND ? APR_SUCCESS : rv;
    default:
        b->changes++;
        rv = forget(b, pair->key);
        return rv == APR_SUCCESS || rv == APR_NOTFOUND
               ? follow_batch_put(b, pair->key, pair->value) : rv;
    }
}

apr_status_t follow_batch_apply(follow_batch *b, const follow_entry *entry)
{
    apr_status_t rv = APR_SUCCESS;
    apr_size_t i;

    for (i = 0; i < entry->count && rv == APR_SUCCESS; i++) {
        rv = apply_pair(b, &entry->pairs[i]);
    }
    if (rv == APR_SUCCESS) {
        b->transactions++;
        b->state.position = entry->position;
        b->state.time = entry->time;
    }

    return rv;
}

int follow_removes_too_much(apr_int64_t removed, apr_int64_t before,
                            int percent)
{
    if (percent < 0) {
        percent = FOLLOW_REMOVED_PERCENT;
        if (before <= FOLLOW_REMOVED_FROM) {
            return 0;
        }
    }

    return removed * 100 > before * percent;
}

/* ---- the end ----------------------------------------------------------- */

apr_status_t follow_batch_commit(follow_batch *b)
{
    char text[FOLLOW_STATE_TEXT + 1];
    hostmap_writer *writer = b->writer;
    apr_size_t len = follow_state_write(&b->state, text);
    apr_status_t rv;

    rv = hostmap_writer_set_state(writer, hostmap_str_of(text, len), &b->why);
    if (rv != APR_SUCCESS) {
        follow_batch_abort(b);
        return rv;
    }
    b->writer = NULL;
    rv = hostmap_writer_commit(writer, &b->why);
    if (rv == APR_SUCCESS && b->why.text[0]) {
        follow_log(FOLLOW_WARNING, "%s", b->why.text);
    }

    return rv;
}

void follow_batch_abort(follow_batch *b)
{
    if (b->writer) {
        hostmap_writer_abort(b->writer);
        b->writer = NULL;
    }
}
