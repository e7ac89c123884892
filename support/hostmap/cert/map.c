/* SPDX-License-Identifier: Apache-2.0 */

/*
 * map.c: the shards of a certificate map, read.
 */

#include "map.h"

#include <string.h>
#include <time.h>

#include "apr_strings.h"

#include "cert.h"
#include "idn.h"

const char *map_shard_path(const char *dir, unsigned shard, apr_pool_t *pool)
{
    char file[CERTMAP_SHARD_FILE];

    certmap_shard_file(file, shard);
    return apr_pstrcat(pool, dir, "/", file, NULL);
}

certmap_master *map_master(tool *t)
{
    const char *path = t->master ? t->master : CERT_MASTER_DEFAULT;
    certmap_master *master;
    hostmap_reason why;
    apr_status_t rv;

    rv = certmap_master_create(&master, t->pool, &why);
    if (rv == APR_SUCCESS) {
        rv = certmap_master_read(master, path, &why);
    }
    if (rv == APR_SUCCESS && t->old) {
        rv = certmap_master_read(master, t->old, &why);
    }
    if (rv != APR_SUCCESS) {
        tool_error("%s", why.text);
        return NULL;
    }
    return master;
}

apr_status_t map_spell(char *key, apr_size_t *len, hostmap_str name)
{
    apr_size_t star = 0;

    if (name.len > 2 && name.ptr[0] == '*' && name.ptr[1] == '.') {
        star = 2;
        memcpy(key, "*.", 2);
    }
    if (name.len > CERTMAP_NAME_MAX
        || certmap_name_key(key + star, len,
                            hostmap_str_of(name.ptr + star, name.len - star))
           != APR_SUCCESS) {
        return APR_EINVAL;
    }
    *len += star;
    return certmap_name_check(hostmap_str_of(key, *len), NULL);
}

int map_read_name(char *key, apr_size_t *len, const char *name)
{
    char ascii[HOSTMAP_KEY_MAX + 1];
    hostmap_str given = { name, strlen(name) };
    const char *reason;

    if (idn_wanted(name, given.len)) {
        if (idn_key(ascii, &given.len, name, given.len, &reason)
            != APR_SUCCESS) {
            return tool_error("%s: not a host name: %s", name, reason);
        }
        given.ptr = ascii;
    }
    if (map_spell(key, len, given) != APR_SUCCESS) {
        return tool_error("%s: not a host name, nor `*.` and a domain of two "
                          "labels or more", name);
    }
    return TOOL_DONE;
}

/* ---- all records ------------------------------------------------------- */

typedef struct shard_walk {
    const map_walk *walk;
    unsigned shard;
    apr_pool_t *pool;
    /* the walk ended, not the reading of a shard */
    apr_status_t ended;
} shard_walk;

/* tool_read_fn */
static apr_status_t shard_each(void *baton, hostmap_file *file,
                               hostmap_reason *why)
{
    shard_walk *w = baton;
    hostmap_cursor *cursor;
    hostmap_pair pair;
    apr_status_t rv;

    rv = hostmap_cursor_open(&cursor, file, w->pool, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    while ((rv = hostmap_cursor_next(cursor, &pair, why)) == APR_SUCCESS) {
        if (!certmap_chain_key_is(pair.key)) {
            w->ended = w->walk->record(w->walk->baton, pair.key, pair.value);
        }
        if (w->ended != APR_SUCCESS) {
            break;
        }
    }
    hostmap_cursor_close(cursor);
    if (rv != APR_EOF || !w->walk->shard) {
        return rv == APR_EOF ? APR_SUCCESS : rv;
    }
    w->ended = w->walk->shard(w->walk->baton, w->shard, file);
    return APR_SUCCESS;
}

int map_each(tool *t, const char *dir, const map_walk *walk)
{
    shard_walk w = { walk };
    int status = TOOL_DONE;
    hostmap_reason why;
    apr_status_t rv;

    for (w.shard = 0; w.shard < CERTMAP_SHARDS; w.shard++) {
        const char *path;

        apr_pool_create(&w.pool, t->pool);
        path = map_shard_path(dir, w.shard, w.pool);
        rv = tool_read_map(path, "lmdb", shard_each, &w, w.pool, &why);
        if (rv != APR_SUCCESS && w.ended == APR_SUCCESS) {
            status = tool_file_error(path, rv, &why);
        }
        apr_pool_destroy(w.pool);
        if (w.ended != APR_SUCCESS) {
            return TOOL_FAILED;
        }
        if (w.shard == 0 && APR_STATUS_IS_ENOENT(rv)) {
            return tool_error("%s: no certificate map, `hostmap cert init` "
                              "makes one", dir);
        }
    }
    return status;
}

apr_status_t map_certs(certmap_cert *certs, unsigned *count,
                       hostmap_str bytes, hostmap_reason *why)
{
    certmap_record record;
    hostmap_bad bad;

    if (certmap_record_split(&record, bytes, &bad) != APR_SUCCESS
        || certmap_record_certs(certs, &record, &bad) != APR_SUCCESS) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, "%s", bad.reason);
    }
    *count = record.count;
    return APR_SUCCESS;
}

apr_int64_t map_expires(const certmap_cert *certs, unsigned count)
{
    apr_int64_t expires = certs[0].expires;

    if (count > 1 && certs[1].expires < expires) {
        expires = certs[1].expires;
    }
    return expires;
}

void map_day(char *text, apr_size_t size, apr_int64_t seconds)
{
    time_t when = (time_t)seconds;
    struct tm parts;

    if (!gmtime_r(&when, &parts)
        || strftime(text, size, "%Y-%m-%d", &parts) == 0) {
        apr_cpystrn(text, "?", size);
    }
}
