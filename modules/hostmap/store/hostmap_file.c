/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_file.c
 * @brief One map file as it is now: open, look up, list, close.
 *
 * What all types have in common; the rest is done by the provider.
 */

#include "hostmap_provider.h"

#include <string.h>

#include "base/own_pool.h"
#include "hostmap/hostmap_key.h"

#include "apr_strings.h"

/* How often to try when the file is replaced while it is opened. */
#define OPEN_TRIES 5

static apr_status_t file_open_once(hostmap_file *file,
                                   const hostmap_provider *provider,
                                   hostmap_reason *why)
{
    apr_status_t rv;

    file->provider = provider;
    rv = hostmap_names_of(&file->names, provider, file->path, file->pool,
                          why);
    if (rv == APR_SUCCESS) {
        rv = hostmap_id_of(&file->id, &file->names, file->pool, why);
    }
    if (rv == APR_SUCCESS) {
        rv = provider->open(file, why);
    }
    return rv;
}

apr_status_t hostmap_file_open(hostmap_file **out, const char *path,
                               const char *type, apr_pool_t *pool,
                               hostmap_reason *why)
{
    const hostmap_provider *provider;
    hostmap_file *file;
    apr_pool_t *own;
    apr_status_t rv = HOSTMAP_ESTALE;
    int tries;

    for (tries = 0; tries < OPEN_TRIES && rv == HOSTMAP_ESTALE; tries++) {
        rv = hostmap_provider_of(&provider, path, type, pool, why);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        /* a pool without a parent: any thread may be the last one that uses the
         * file and closes it, and apr_dbm keeps its drivers in the topmost
         * parent of the pool that it is first called with */
        rv = hostmap_own_pool_create(&own);
        if (rv != APR_SUCCESS) {
            return hostmap_fail(why, rv, "cannot create a pool");
        }
        file = apr_pcalloc(own, sizeof(*file));
        file->pool = own;
        file->path = apr_pstrdup(own, path);
        rv = file_open_once(file, provider, why);
        if (rv != APR_SUCCESS) {
            apr_pool_destroy(own);
        }
    }
    if (rv == APR_SUCCESS) {
        *out = file;
    }
    return rv;
}

apr_status_t hostmap_file_verify(hostmap_file *file, hostmap_reason *why)
{
    return file->provider->verify ? file->provider->verify(file, why)
                                  : APR_SUCCESS;
}

void hostmap_file_close(hostmap_file *file)
{
    file->provider->close(file);
    apr_pool_destroy(file->pool);
}

apr_status_t hostmap_file_fetch(hostmap_file *file, hostmap_str *value,
                                hostmap_str key, apr_pool_t *pool,
                                hostmap_reason *why)
{
    if (key.len == 0 || key.len > HOSTMAP_KEY_MAX) {
        return APR_NOTFOUND;
    }
    return file->provider->fetch(file, value, key, pool, why);
}

apr_status_t hostmap_file_features(hostmap_file *file, unsigned *features,
                                   apr_pool_t *pool, hostmap_reason *why)
{
    hostmap_str value;
    apr_status_t rv;
    int own = 0;

    *features = 0;
    rv = file->provider->fetch(file, &value, hostmap_features_key(), pool,
                               why);
    if (rv == APR_SUCCESS) {
        *features = hostmap_features_read(value);
        own++;
    }
    if (rv == APR_SUCCESS || rv == APR_NOTFOUND) {
        rv = hostmap_file_state(file, &value, pool, why);
        own += rv == APR_SUCCESS;
        file->own = own;
    }
    return rv == APR_NOTFOUND ? APR_SUCCESS : rv;
}

apr_status_t hostmap_file_state(hostmap_file *file, hostmap_str *state,
                                apr_pool_t *pool, hostmap_reason *why)
{
    return file->provider->fetch(file, state, hostmap_state_key(), pool, why);
}

typedef struct each_state {
    hostmap_each_fn *fn;
    void *baton;
} each_state;

/* hostmap_each_fn */
static apr_status_t file_each_but_own(void *baton, hostmap_str key,
                                      hostmap_str value)
{
    each_state *state = baton;

    if (hostmap_is_own_key(key)) {
        return APR_SUCCESS;
    }
    return state->fn(state->baton, key, value);
}

apr_status_t hostmap_file_each(hostmap_file *file, hostmap_each_fn *fn,
                               void *baton, apr_pool_t *pool,
                               hostmap_reason *why)
{
    each_state state = { fn, baton };

    return file->provider->each(file, file_each_but_own, &state, pool, why);
}

struct hostmap_cursor {
    const hostmap_provider *provider;
    void *ctx;
};

apr_status_t hostmap_cursor_open(hostmap_cursor **out, hostmap_file *file,
                                 apr_pool_t *pool, hostmap_reason *why)
{
    hostmap_cursor *cursor = apr_palloc(pool, sizeof(*cursor));

    if (!file->provider->cursor_open) {
        return hostmap_fail(why, APR_ENOTIMPL, "type %s has no order",
                            file->provider->name);
    }
    *out = cursor;
    cursor->provider = file->provider;
    return file->provider->cursor_open(&cursor->ctx, file, pool, why);
}

apr_status_t hostmap_cursor_next(hostmap_cursor *cursor, hostmap_pair *pair,
                                 hostmap_reason *why)
{
    apr_status_t rv;

    do {
        rv = cursor->provider->cursor_next(cursor->ctx, pair, why);
    } while (rv == APR_SUCCESS && hostmap_is_own_key(pair->key));
    return rv;
}

void hostmap_cursor_close(hostmap_cursor *cursor)
{
    cursor->provider->cursor_close(cursor->ctx);
}

void hostmap_file_stat(hostmap_file *file, hostmap_stat *stat)
{
    memset(stat, 0, sizeof(*stat));
    stat->type = file->provider->name;
    stat->size = file->id.size;
    stat->mtime = file->id.mtime;
    file->provider->stat(file, stat);
    if (stat->entries >= file->own) {
        stat->entries -= file->own;
    }
}
