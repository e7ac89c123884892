/* SPDX-License-Identifier: Apache-2.0 */

/*
 * stream.c: the entries of a map or of a text in the order of their
 * keys, and the comparison of two such.
 */

#include "stream.h"

#include <string.h>

#include "progress.h"
#include "tool.h"

struct stream {
    /* one of the three */
    hostmap_cursor *cursor;
    pairs *sorted;
    source *text;

    hostmap_file *file;
    apr_size_t count;
    progress p;
};

static apr_status_t stream_close(void *data)
{
    stream *s = data;

    if (s->cursor) {
        hostmap_cursor_close(s->cursor);
    }
    if (s->file) {
        hostmap_file_close(s->file);
    }

    return APR_SUCCESS;
}

/* ---- maps -------------------------------------------------------------- */

/* hostmap_each_fn */
static apr_status_t stream_collect(void *baton, hostmap_str key,
                                   hostmap_str value)
{
    stream *s = baton;

    s->count++;
    progress_row(&s->p, 0);

    return pairs_add(s->sorted, key, value);
}

static apr_status_t stream_sort(stream *s, const char *path, apr_pool_t *pool,
                                hostmap_reason *why)
{
    apr_status_t rv;

    s->sorted = pairs_create(pool);
    progress_begin(&s->p, path, 0);
    rv = hostmap_file_each(s->file, stream_collect, s, pool, why);
    progress_end(&s->p);

    return rv == APR_SUCCESS ? pairs_finish(s->sorted) : rv;
}

static apr_status_t stream_open(stream *s, const char *path, const char *type,
                                apr_pool_t *pool, hostmap_reason *why)
{
    hostmap_stat stat;
    apr_status_t rv;

    rv = tool_open_map(&s->file, path, type, pool, why);
    if (rv != APR_SUCCESS) {
        s->file = NULL;
        return rv;
    }
    rv = hostmap_cursor_open(&s->cursor, s->file, pool, why);
    if (rv != APR_SUCCESS) {
        s->cursor = NULL;
    }
    if (rv == APR_ENOTIMPL) {
        why->text[0] = '\0';
        rv = stream_sort(s, path, pool, why);
    }
    else {
        hostmap_file_stat(s->file, &stat);
        s->count = stat.entries > 0 ? (apr_size_t)stat.entries : 0;
    }

    return rv;
}

apr_status_t stream_map(stream **out, const char *path, const char *type,
                        apr_pool_t *pool, hostmap_reason *why)
{
    apr_status_t rv = HOSTMAP_ESTALE;
    int tries;

    for (tries = 0; tries < TOOL_READ_TRIES && rv == HOSTMAP_ESTALE;
         tries++) {
        stream *s = apr_pcalloc(pool, sizeof(*s));

        apr_pool_cleanup_register(pool, s, stream_close,
                                  apr_pool_cleanup_null);
        rv = stream_open(s, path, type, pool, why);
        if (rv != APR_SUCCESS) {
            apr_pool_cleanup_run(pool, s, stream_close);
        }
        *out = s;
    }

    return rv;
}

/* ---- both -------------------------------------------------------------- */

stream *stream_text(source *text, apr_pool_t *pool)
{
    stream *s = apr_pcalloc(pool, sizeof(*s));

    s->text = text;

    return s;
}

stream *stream_pairs(pairs *sorted, apr_pool_t *pool)
{
    stream *s = apr_pcalloc(pool, sizeof(*s));

    s->sorted = sorted;
    s->count = pairs_count(sorted);

    return s;
}

apr_size_t stream_count(const stream *s)
{
    return s->text ? source_count(s->text) : s->count;
}

static apr_status_t stream_next_text(stream *s, hostmap_pair *pair)
{
    source_entry e;
    apr_status_t rv;

    if (!source_next(s->text, &e)) {
        rv = source_status(s->text);
        return rv == APR_SUCCESS ? APR_EOF : rv;
    }
    pair->key = hostmap_str_of(e.key, e.key_len);
    pair->value = hostmap_str_of(e.value, e.value_len);

    return APR_SUCCESS;
}

apr_status_t stream_next(stream *s, hostmap_pair *pair, hostmap_reason *why)
{
    if (s->cursor) {
        return hostmap_cursor_next(s->cursor, pair, why);
    }
    why->text[0] = '\0';

    return s->sorted ? pairs_next(s->sorted, pair) : stream_next_text(s, pair);
}

/* ---- comparing --------------------------------------------------------- */

static apr_status_t compare_old_next(comparison *c, hostmap_reason *why)
{
    apr_status_t rv = c->old ? stream_next(c->old, &c->at, why) : APR_EOF;

    c->has = rv == APR_SUCCESS;

    return rv == APR_EOF ? APR_SUCCESS : rv;
}

apr_status_t compare_begin(comparison *c, stream *old, compare_fn *fn,
                           void *baton, hostmap_reason *why)
{
    memset(c, 0, sizeof(*c));
    c->old = old;
    c->fn = fn;
    c->baton = baton;

    return compare_old_next(c, why);
}

static void compare_differs(comparison *c, const hostmap_pair *old,
                            const hostmap_pair *new)
{
    if (c->fn) {
        c->fn(c->baton, old, new);
    }
}

static apr_status_t compare_old_removed(comparison *c, hostmap_reason *why)
{
    c->removed++;
    compare_differs(c, &c->at, NULL);

    return compare_old_next(c, why);
}

static int compare_keys(hostmap_str a, hostmap_str b)
{
    apr_size_t shorter = a.len < b.len ? a.len : b.len;
    int diff = memcmp(a.ptr, b.ptr, shorter);

    if (diff == 0 && a.len != b.len) {
        diff = a.len < b.len ? -1 : 1;
    }

    return diff;
}

apr_status_t compare_new(comparison *c, const hostmap_pair *new,
                         hostmap_reason *why)
{
    apr_status_t rv = APR_SUCCESS;
    int order = 1;

    while (c->has && rv == APR_SUCCESS
           && (order = compare_keys(c->at.key, new->key)) < 0) {
        rv = compare_old_removed(c, why);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!c->has || order > 0) {
        c->added++;
        compare_differs(c, NULL, new);
        return APR_SUCCESS;
    }
    if (c->at.value.len == new->value.len
        && memcmp(c->at.value.ptr, new->value.ptr, new->value.len) == 0) {
        c->same++;
    }
    else {
        c->changed++;
        compare_differs(c, &c->at, new);
    }

    return compare_old_next(c, why);
}

apr_status_t compare_end(comparison *c, hostmap_reason *why)
{
    apr_status_t rv = APR_SUCCESS;

    while (c->has && rv == APR_SUCCESS) {
        rv = compare_old_removed(c, why);
    }

    return rv;
}
