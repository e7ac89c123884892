/* SPDX-License-Identifier: Apache-2.0 */

/*
 * store.c: what the verbs that talk to a store share.
 */

#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "apr_file_info.h"
#include "apr_file_io.h"
#include "apr_strings.h"

static int store_open(verb_store *s, tool *t, const char *url,
                      const char *password_file,
                      const char *password_variable)
{
    hostmap_reason why = { "" };
    hostmap_bad bad;
    apr_status_t rv;

    memset(s, 0, sizeof(*s));
    if (follow_url_parse(&s->url, hostmap_str_text(url), &bad)
        != APR_SUCCESS) {
        return tool_error("%.*s: %s, at column %" APR_SIZE_T_FMT,
                          strchr(url, '@') ? 0 : (int)strlen(url), url,
                          bad.reason, bad.pos + 1);
    }
    apr_snprintf(s->name, sizeof(s->name), "%s:%.*s",
                 follow_scheme_store(s->url.scheme), (int)s->url.name.len,
                 s->url.name.ptr);
    s->access.password_file = password_file;
    s->access.password_variable = password_variable;
    s->access.cafile = t->store[TOOL_STORE_CAFILE];
    s->access.cert = t->store[TOOL_STORE_CERT];
    s->access.key = t->key;
    if (!s->access.cert != !s->access.key) {
        return tool_error("--cert and --key belong together");
    }
    rv = follow_store_create(&s->store, &s->url, &s->access, t->pool, &why);

    return rv == APR_SUCCESS ? TOOL_DONE : tool_error("%s: %s", s->name,
                                                      why.text);
}

int verb_store_open(verb_store *s, tool *t, const char *url)
{
    return store_open(s, t, url, t->store[TOOL_STORE_PASSWORD_FILE],
                      "HOSTMAP_PASSWORD");
}

int verb_store_open_push(verb_store *s, tool *t)
{
    int status = store_open(s, t, t->store[TOOL_STORE_PUSH],
                            t->store[TOOL_STORE_PUSH_PASSWORD_FILE],
                            "HOSTMAP_PUSH_PASSWORD");

    if (status == TOOL_DONE && !s->store->provider->write) {
        return tool_error("--push: %s is written by its application, expected "
                          "a redis:// URL", s->name);
    }

    return status;
}

int verb_store_failed(const verb_store *s, apr_status_t rv,
                      const hostmap_reason *why)
{
    tool_file_error(s->name, rv, why);

    return rv == FOLLOW_EDOWN ? FOLLOW_UNREACHED
           : rv == FOLLOW_EREFUSED ? FOLLOW_REFUSED : TOOL_FAILED;
}

int verb_store_connect(verb_store *s)
{
    hostmap_reason why = { "" };
    apr_status_t rv = s->store->provider->connect(s->store, &why);

    return rv == APR_SUCCESS ? TOOL_DONE : verb_store_failed(s, rv, &why);
}

int verb_read_time(apr_interval_time_t *time, const char *option,
                   const char *text)
{
    static const struct {
        const char *unit;
        apr_interval_time_t length;
    } units[] = {
        { "", APR_USEC_PER_SEC }, { "ms", 1000 }, { "s", APR_USEC_PER_SEC },
        { "min", 60 * (apr_interval_time_t)APR_USEC_PER_SEC },
        { "h", 3600 * (apr_interval_time_t)APR_USEC_PER_SEC }
    };
    char *unit;
    long number;
    apr_size_t i;

    if (!text) {
        return TOOL_DONE;
    }
    errno = 0;
    number = strtol(text, &unit, 10);
    for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (unit != text && number > 0 && number <= 1000000 && errno == 0
            && strcmp(unit, units[i].unit) == 0) {
            *time = number * units[i].length;
            return TOOL_DONE;
        }
    }

    return tool_error("%s %s: expected a time like 250ms, 30s, 10min or 1h",
                      option, text);
}

int verb_store_snapshot(verb_store *s, tool *t, const char *map,
                        int max_removed)
{
    follow_options options;
    follower f;

    memset(&options, 0, sizeof(options));
    options.map = map;
    options.snapshots = 4;
    options.max_removed = max_removed;
    options.behind = 1;
    options.quiet = 1;
    follow_init(&f, s->store, &options, s->name, t->pool);

    return follow_once(&f);
}

static apr_status_t temporary_remove(void *data)
{
    const char *folder = data;
    apr_pool_t *pool;
    apr_finfo_t info;
    apr_dir_t *dir;

    apr_pool_create(&pool, NULL);
    if (apr_dir_open(&dir, folder, pool) == APR_SUCCESS) {
        while (apr_dir_read(&info, APR_FINFO_NAME, dir) == APR_SUCCESS) {
            if (info.name[0] != '.') {
                apr_file_remove(apr_pstrcat(pool, folder, "/", info.name,
                                            NULL), pool);
            }
        }
        apr_dir_close(dir);
    }
    rmdir(folder);
    apr_pool_destroy(pool);

    return APR_SUCCESS;
}

const char *verb_temporary(apr_pool_t *pool)
{
    const char *where = getenv("TMPDIR");
    char *folder;

    folder = apr_pstrcat(pool, where && *where ? where : "/tmp",
                         "/hostmap.XXXXXX", NULL);
    if (!mkdtemp(folder)) {
        tool_error("%s: cannot make a folder for a temporary map: %s, TMPDIR "
                   "can name another place", folder, strerror(errno));
        return NULL;
    }
    apr_pool_cleanup_register(pool, folder, temporary_remove,
                              apr_pool_cleanup_null);

    return folder;
}
