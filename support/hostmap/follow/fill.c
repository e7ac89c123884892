/* SPDX-License-Identifier: Apache-2.0 */

/*
 * fill.c: a store becomes like a text or a map.
 */

#include "fill.h"

#include <string.h>

#include "apr_strings.h"

#include "batch.h"
#include "progress.h"

/* Changes of a transaction. */
#define FILL_TRANSACTION 1000

/* Others write as well: this often in a row is not by chance. */
#define FILL_ATTEMPTS 100

/* ---- what is different ------------------------------------------------- */

/* hostmap_each_fn */
static apr_status_t fill_collect(void *baton, hostmap_str key,
                                 hostmap_str value)
{
    return pairs_add(((follow_fill *)baton)->held, key, value);
}

/* compare_fn */
static void fill_note(void *baton, const hostmap_pair *old,
                      const hostmap_pair *new)
{
    follow_fill *fill = baton;
    apr_status_t rv;

    rv = pairs_add(fill->lacks, old ? old->key : new->key,
                   new ? new->value : hostmap_str_of("", 0));
    if (rv != APR_SUCCESS) {
        fill->failed = rv;
    }
}

static apr_status_t fill_read(follow_fill *fill, apr_pool_t *pool,
                              hostmap_reason *why)
{
    const follow_provider *provider = fill->store->provider;
    follow_position end;
    apr_time_t time;
    apr_status_t rv;

    rv = provider->end(fill->store, &end, &time, why);
    fill->has_log = rv == APR_SUCCESS;
    if (rv != APR_SUCCESS && rv != FOLLOW_ENOLOG) {
        return rv;
    }
    fill->held = pairs_create(pool);
    rv = provider->snapshot(fill->store, NULL, fill_collect, fill, why);

    return rv == APR_SUCCESS ? pairs_finish(fill->held) : rv;
}

/* HSCAN may give an entry out twice; which one is older is not known, and the
 * new one is written if one of them is another. */
apr_status_t follow_fill_compare(follow_fill *fill, stream *from,
                                 apr_pool_t *pool, hostmap_reason *why)
{
    hostmap_pair pair;
    apr_status_t rv = fill_read(fill, pool, why);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    fill->failed = APR_SUCCESS;
    fill->lacks = pairs_create(pool);
    rv = compare_begin(&fill->with, stream_pairs(fill->held, pool),
                       fill_note, fill, why);
    while (rv == APR_SUCCESS) {
        rv = stream_next(from, &pair, why);
        if (rv == APR_SUCCESS) {
            rv = compare_new(&fill->with, &pair, why);
        }
        if (rv == APR_SUCCESS) {
            rv = fill->failed;
        }
    }
    if (rv == APR_EOF) {
        rv = compare_end(&fill->with, why);
    }
    if (rv == APR_SUCCESS) {
        rv = fill->failed;
    }

    return rv == APR_SUCCESS ? pairs_finish(fill->lacks) : rv;
}

int follow_fill_removes_too_much(const follow_fill *fill, int percent)
{
    const comparison *with = &fill->with;

    return follow_removes_too_much((apr_int64_t)with->removed,
                                   (apr_int64_t)(with->removed + with->changed
                                                 + with->same), percent);
}

/* ---- writing ----------------------------------------------------------- */

/* One transaction. */
static apr_status_t fill_step(follow_fill *fill, const follow_write *changes,
                              apr_size_t count, hostmap_reason *why)
{
    follow_position none = { "" };
    follow_writes writes = { changes, &count, 1, fill->source, fill->from,
                             &none };
    apr_size_t failed;
    apr_status_t rv;
    int attempts = 0;

    do {
        rv = fill->store->provider->write(fill->store, &writes, &failed, why);
    } while (rv == FOLLOW_ECONFLICT && !fill->source
             && ++attempts < FILL_ATTEMPTS);
    if (rv == FOLLOW_ECONFLICT && !fill->source) {
        return follow_fail(why, rv, "others write to the store all the time");
    }
    if (rv == APR_SUCCESS && fill->source) {
        /* until all is written */
        static const follow_position interrupted;

        fill->from = &interrupted;
    }

    return rv;
}

/* The position that the store is at now. */
static apr_status_t fill_end(follow_fill *fill, hostmap_reason *why)
{
    follow_writes writes = { NULL, NULL, 0, fill->source, fill->from,
                             fill->to };
    apr_size_t failed;

    return fill->source
           ? fill->store->provider->write(fill->store, &writes, &failed, why)
           : APR_SUCCESS;
}

static void fill_copy(follow_write *change, const hostmap_pair *pair,
                      apr_pool_t *pool)
{
    change->key = hostmap_str_of(apr_pstrmemdup(pool, pair->key.ptr,
                                                pair->key.len),
                                 pair->key.len);
    change->value = hostmap_str_of(apr_pstrmemdup(pool, pair->value.ptr,
                                                  pair->value.len),
                                   pair->value.len);
    change->old = hostmap_str_of(NULL, 0);
}

apr_status_t follow_fill_write(follow_fill *fill, apr_pool_t *pool,
                               hostmap_reason *why)
{
    follow_write changes[FILL_TRANSACTION];
    apr_size_t count = 0;
    hostmap_pair pair;
    apr_pool_t *some;
    apr_status_t rv;
    progress shown;

    apr_pool_create(&some, pool);
    progress_begin(&shown, "writing", pairs_count(fill->lacks));
    rv = fill->has_log ? APR_SUCCESS : fill_step(fill, NULL, 0, why);
    while (rv == APR_SUCCESS) {
        rv = pairs_next(fill->lacks, &pair);
        if (rv == APR_SUCCESS) {
            fill_copy(&changes[count++], &pair, some);
            progress_row(&shown, shown.rows);
        }
        if (count == FILL_TRANSACTION || (rv == APR_EOF && count)) {
            apr_status_t written = fill_step(fill, changes, count, why);

            count = 0;
            apr_pool_clear(some);
            rv = written == APR_SUCCESS ? rv : written;
        }
    }
    progress_end(&shown);

    return rv == APR_EOF ? fill_end(fill, why) : rv;
}
