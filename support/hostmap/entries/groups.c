/* SPDX-License-Identifier: Apache-2.0 */

/*
 * groups.c: which groups of backends a change needs.
 */

#include "groups.h"

#include "apr_strings.h"

#include "base/scan.h"
#include "hostmap/hostmap_key.h"
#include "message.h"

void groups_begin(groups *g, apr_pool_t *pool)
{
    g->pool = pool;
    g->named = apr_hash_make(pool);
    g->stored = apr_hash_make(pool);
    g->removed = apr_hash_make(pool);
}

/* `@NAME` at the front of a value; empty: it names no group. */
static hostmap_str groups_named(hostmap_str value)
{
    if (value.len == 0 || value.ptr[0] != '@') {
        return hostmap_str_of(NULL, 0);
    }
    return hostmap_str_of(value.ptr,
                          1 + hostmap_scan_while(
                                  hostmap_scan_after(value, 1),
                                  HOSTMAP_SCAN_NAME));
}

static char *groups_copy(groups *g, hostmap_str str)
{
    return apr_pstrmemdup(g->pool, str.ptr, str.len);
}

void groups_put(groups *g, hostmap_str key, hostmap_str value)
{
    hostmap_str name = groups_named(value);

    if (hostmap_key_is_group(key)) {
        apr_hash_set(g->stored, groups_copy(g, key), key.len, "");
        apr_hash_set(g->removed, key.ptr, key.len, NULL);
    }
    else if (name.len > 0 && !apr_hash_get(g->named, name.ptr, name.len)) {
        apr_hash_set(g->named, groups_copy(g, name), name.len,
                     groups_copy(g, key));
    }
}

void groups_remove(groups *g, hostmap_str key)
{
    if (hostmap_key_is_group(key)) {
        apr_hash_set(g->removed, groups_copy(g, key), key.len, "");
    }
}

/* ---- groups that are taken out ----------------------------------------- */

typedef struct groups_search {
    groups *g;
    hostmap_writer *writer;
    hostmap_reason *why;
} groups_search;

/* hostmap_each_fn, over the map that is in place: does an entry name a group
 * that is taken out, and does it still in the new map? */
static apr_status_t groups_look(void *baton, hostmap_str key,
                                hostmap_str value)
{
    groups_search *s = baton;
    hostmap_str name = groups_named(value), now;

    if (name.len == 0
        || !apr_hash_get(s->g->removed, name.ptr, name.len)) {
        return APR_SUCCESS;
    }
    if (hostmap_writer_get(s->writer, &now, key, s->why) == APR_SUCCESS) {
        groups_put(s->g, key, now);
    }

    return APR_SUCCESS;
}

static apr_status_t groups_search_in(groups *g, const char *path,
                                     hostmap_writer *writer,
                                     hostmap_reason *why)
{
    groups_search s = { g, writer, why };
    hostmap_file *file;
    apr_status_t rv;

    rv = hostmap_file_open(&file, path, NULL, g->pool, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = hostmap_file_each(file, groups_look, &s, g->pool, why);
    hostmap_file_close(file);

    return rv;
}

/* ---- the check --------------------------------------------------------- */

static int groups_has(groups *g, hostmap_writer *writer, hostmap_str name)
{
    hostmap_reason why;
    hostmap_str value;

    if (writer) {
        return hostmap_writer_get(writer, &value, name, &why) == APR_SUCCESS;
    }

    return apr_hash_get(g->stored, name.ptr, name.len) != NULL;
}

int groups_check(groups *g, const char *path, hostmap_writer *writer)
{
    apr_hash_index_t *at;
    hostmap_reason why = { "" };
    apr_status_t rv;

    if (writer && apr_hash_count(g->removed) > 0) {
        rv = groups_search_in(g, path, writer, &why);
        if (rv != APR_SUCCESS) {
            return tool_file_error(path, rv, &why);
        }
    }
    for (at = apr_hash_first(g->pool, g->named); at; at = apr_hash_next(at)) {
        const void *name;
        apr_ssize_t len;
        void *key;

        apr_hash_this(at, &name, &len, &key);
        if (!groups_has(g, writer, hostmap_str_of(name, (apr_size_t)len))) {
            return tool_error("%s: %s names the group %.*s, which the map does "
                              "not hold", path, (const char *)key, (int)len,
                              (const char *)name);
        }
    }

    return TOOL_DONE;
}
