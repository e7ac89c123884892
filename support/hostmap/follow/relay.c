/* SPDX-License-Identifier: Apache-2.0 */

/*
 * relay.c: what is followed is written into a second store.
 *
 * The log is read a second time, from the position that the second store is
 * at to the one that the map is at: what the map has refused is not passed on,
 * and the second store may be away for any time.
 */

#include "relay.h"

#include <stdlib.h>
#include <string.h>

#include "apr_hash.h"
#include "apr_strings.h"

#include "change_core.h"
#include "fill.h"
#include "follower.h"
#include "log.h"
#include "tool.h"

/* A larger transaction is written in parts. */
#define RELAY_PART      100000

/* Between attempts. */
#define RELAY_FIRST     apr_time_from_msec(100)
#define RELAY_MOST      apr_time_from_sec(10)
#define RELAY_REFUSED   apr_time_from_sec(5)

/* Transactions on their way. */
typedef struct relay_load {
    apr_pool_t *pool;
    /** the last one that is wanted */
    const follow_position *until;
    follow_write *changes;
    apr_size_t count, capacity;
    apr_size_t counts[FOLLOW_READ_MAX];
    apr_size_t transactions;
    /** of the last one */
    follow_position to;
} relay_load;

/* ---- changes ----------------------------------------------------------- */

static hostmap_str relay_copy(relay_load *load, hostmap_str text)
{
    return hostmap_str_of(apr_pstrmemdup(load->pool, text.ptr, text.len),
                          text.len);
}

static void relay_add(relay_load *load, const hostmap_pair *pair)
{
    follow_write *change;
    const char *reason;
    follow_kind kind = follow_change_judge(pair->key, pair->value, &reason);

    if (kind == FOLLOW_NOTHING || kind == FOLLOW_BAD) {
        /* the map has skipped it as well, and logged why */
        return;
    }
    if (load->count == load->capacity) {
        load->capacity = 2 * load->capacity + 64;
        load->changes = tool_realloc(load->changes, load->capacity
                                                    * sizeof(*change));
    }
    change = &load->changes[load->count++];
    change->key = relay_copy(load, pair->key);
    change->value = relay_copy(load, pair->value);
    change->old = hostmap_str_of(NULL, 0);
}

/* Of the changes from one on, the last one of each key stays: a transaction is
 * written as what comes and what goes, in no other order. */
static void relay_squeeze(relay_load *load, apr_size_t from)
{
    apr_hash_t *seen = apr_hash_make(load->pool);
    apr_size_t i, to = load->count;

    if (load->count - from < 2) {
        return;
    }
    for (i = load->count; i-- > from;) {
        follow_write *change = &load->changes[i];

        if (!apr_hash_get(seen, change->key.ptr,
                          (apr_ssize_t)change->key.len)) {
            apr_hash_set(seen, change->key.ptr, (apr_ssize_t)change->key.len,
                         "");
            load->changes[--to] = *change;
        }
    }
    memmove(load->changes + from, load->changes + to,
            (load->count - to) * sizeof(*load->changes));
    load->count -= to - from;
}

/* follow_entry_fn; APR_EOF: this was the last one that is wanted */
static apr_status_t relay_take(void *baton, const follow_entry *entry)
{
    relay_load *load = baton;
    apr_size_t from = load->count, i;

    for (i = 0; i < entry->count; i++) {
        relay_add(load, &entry->pairs[i]);
    }
    relay_squeeze(load, from);
    if (load->count > from) {
        load->counts[load->transactions++] = load->count - from;
    }
    load->to = entry->position;

    return follow_position_equal(&load->to, load->until)
           || load->transactions == FOLLOW_READ_MAX ? APR_EOF : APR_SUCCESS;
}

/* ---- writing ----------------------------------------------------------- */

static apr_status_t relay_write(follower *f, const follow_writes *writes)
{
    follow_relay *r = f->relay;
    apr_size_t failed = 0;
    apr_status_t rv;

    rv = r->to->provider->write(r->to, writes, &failed, &f->why);
    if (rv == APR_SUCCESS) {
        r->at = *writes->to;
        r->pushed = apr_time_now();
    }

    return rv;
}

/* Those of one transaction that is too large for one step: the position moves
 * with the last part. */
static apr_status_t relay_write_parts(follower *f, const relay_load *load)
{
    apr_size_t at = 0;
    apr_status_t rv = APR_SUCCESS;

    while (rv == APR_SUCCESS && at < load->count) {
        apr_size_t count = load->count - at;
        follow_position from = f->relay->at;
        follow_writes writes = { load->changes + at, &count, 1, f->name,
                                 &from, &load->to };

        if (count > RELAY_PART) {
            count = RELAY_PART;
            writes.to = &from;
        }
        rv = relay_write(f, &writes);
        at += count;
    }

    return rv;
}

static apr_status_t relay_write_load(follower *f, const relay_load *load)
{
    follow_position from = f->relay->at;
    follow_writes writes = { load->changes, load->counts, load->transactions,
                             f->name, &from, &load->to };
    apr_status_t rv;

    rv = load->transactions == 1 && load->count > RELAY_PART
         ? relay_write_parts(f, load) : relay_write(f, &writes);
    if (rv == APR_SUCCESS) {
        f->relay->changes += load->count;
    }

    return rv;
}

/* What comes after the position, as much as one read() gives out.
 * @param is_lost set when the position is not in the log */
static apr_status_t relay_changes(follower *f, int *is_lost)
{
    relay_load load = { NULL };
    apr_status_t rv;
    int more;

    apr_pool_create(&load.pool, f->pool);
    load.until = &f->state.position;
    rv = f->store->provider->read(f->store, &f->relay->at, relay_take, &load,
                                  &more, &f->why);
    *is_lost = rv == FOLLOW_ELOST || rv == FOLLOW_EBEHIND;
    f->relay->is_source = rv != APR_SUCCESS && rv != APR_EOF && !*is_lost;
    if (rv == APR_EOF || (rv == APR_SUCCESS && load.to.text[0])) {
        rv = relay_write_load(f, &load);
    }
    else if (rv == APR_SUCCESS) {
        /* nothing comes after it, and it is not the map's */
        *is_lost = 1;
    }
    free(load.changes);
    apr_pool_destroy(load.pool);

    return *is_lost ? APR_SUCCESS : rv;
}

/* ---- like the map ------------------------------------------------------ */

static apr_status_t relay_compare(follower *f, follow_fill *fill,
                                  apr_pool_t *pool)
{
    stream *map;
    apr_status_t rv;

    rv = stream_map(&map, f->options->map, "lmdb", pool, &f->why);
    if (rv == APR_SUCCESS) {
        rv = follow_fill_compare(fill, map, pool, &f->why);
    }
    if (rv == APR_SUCCESS
        && follow_fill_removes_too_much(fill, f->options->max_removed)) {
        rv = follow_fail(&f->why, FOLLOW_EREFUSED, "%" APR_SIZE_T_FMT " of "
                         "%" APR_SIZE_T_FMT " entries would be removed; if "
                         "that is meant, run `hostmap follow --once "
                         "--max-removed 100 --push`", fill->with.removed,
                         fill->with.removed + fill->with.changed
                         + fill->with.same);
    }

    return rv;
}

/* The map that is in place is not another one's: only this process replaces
 * it, and its file never changes. */
static apr_status_t relay_fill(follower *f, const char *reason)
{
    follow_relay *r = f->relay;
    follow_position from = r->at;
    follow_fill fill = { r->to, f->name, &from, &f->state.position };
    apr_pool_t *pool;
    apr_status_t rv;

    apr_pool_create(&pool, f->pool);
    rv = relay_compare(f, &fill, pool);
    if (rv == APR_SUCCESS) {
        rv = follow_fill_write(&fill, pool, &f->why);
    }
    if (rv == APR_SUCCESS) {
        r->at = f->state.position;
        r->pushed = apr_time_now();
        r->fills++;
        r->changes += fill.with.added + fill.with.changed + fill.with.removed;
        follow_log(FOLLOW_NOTICE, "%s is made like the map because %s: "
                   "%" APR_SIZE_T_FMT " added, %" APR_SIZE_T_FMT " changed, "
                   "%" APR_SIZE_T_FMT " removed", r->name, reason,
                   fill.with.added, fill.with.changed, fill.with.removed);
    }
    apr_pool_destroy(pool);

    return rv;
}

/* ---- a step ------------------------------------------------------------ */

apr_status_t follow_relay_now(follower *f)
{
    follow_relay *r = f->relay;
    apr_status_t rv = r->to->provider->connect(r->to, &f->why);

    if (rv == APR_SUCCESS && !r->is_known) {
        rv = r->to->provider->relayed(r->to, &r->at, f->name, &f->why);
        r->is_known = rv == APR_SUCCESS;
    }
    while (rv == APR_SUCCESS
           && !follow_position_equal(&r->at, &f->state.position)) {
        int is_lost = 0;

        if (!r->at.text[0]) {
            rv = relay_fill(f, "it has no position");
        }
        else {
            rv = relay_changes(f, &is_lost);
        }
        if (is_lost) {
            rv = relay_fill(f, "its position is no longer in the log");
        }
        if (rv == APR_SUCCESS) {
            rv = follow_tick(f);
        }
    }
    if (rv != APR_SUCCESS) {
        /* a step whose answer did not come may have been taken */
        r->is_known = 0;
    }

    return rv;
}

void follow_relay_step(follower *f)
{
    follow_relay *r = f->relay;
    apr_interval_time_t wait = RELAY_FIRST;
    apr_time_t now = apr_time_now();
    apr_status_t rv;

    if (now < r->next_at) {
        return;
    }
    f->why.text[0] = '\0';
    rv = follow_relay_now(f);
    if (rv == APR_SUCCESS) {
        r->failures = 0;
        r->error[0] = '\0';
        return;
    }
    if (rv == APR_EINTR || r->is_source) {
        /* the next step of the follower meets it as well */
        r->is_source = 0;
        return;
    }
    apr_cpystrn(r->error, f->why.text, sizeof(r->error));
    follow_log_limited(&r->failed, FOLLOW_ERR, "%s is not written: %s; the "
                       "map is followed on, tried again", r->name,
                       f->why.text);
    r->to->provider->close(r->to);
    wait <<= r->failures < 8 ? r->failures : 8;
    r->failures++;
    r->next_at = now + (rv == FOLLOW_EREFUSED ? RELAY_REFUSED
                        : wait < RELAY_MOST ? wait : RELAY_MOST);
}
