/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Reads the status file of a follower: JSON, replaced each second.
 */

#include "status_follower.h"

#include "apr_file_io.h"
#include "apr_strings.h"

#include "base/json.h"

/* A status is some 600 bytes and the names in it. */
#define FOLLOWER_FILE_MAX 16384

/* A follower writes each second. */
#define FOLLOWER_SILENT apr_time_from_sec(10)

/* NULL: no text, or an empty one */
static const char *follower_text(hostmap_str object, const char *name,
                                 apr_pool_t *pool)
{
    hostmap_str value = hostmap_json_get(object, name);
    char *text = apr_palloc(pool, value.len + 1);

    return hostmap_json_text(text, value.len + 1, value) > 0 ? text : NULL;
}

/* @return the JSON, or len 0 */
static hostmap_str follower_load(const char *file, apr_pool_t *pool)
{
    hostmap_str none = { NULL, 0 }, text;
    char *bytes = apr_palloc(pool, FOLLOWER_FILE_MAX);
    apr_size_t len = FOLLOWER_FILE_MAX;
    apr_finfo_t info;
    apr_file_t *from;
    apr_status_t rv;

    /* opening a pipe would wait for whoever writes it */
    if (apr_stat(&info, file, APR_FINFO_TYPE, pool) != APR_SUCCESS
        || info.filetype != APR_REG
        || apr_file_open(&from, file, APR_FOPEN_READ, APR_OS_DEFAULT, pool)
           != APR_SUCCESS) {
        return none;
    }
    rv = apr_file_read_full(from, bytes, len, &len);
    apr_file_close(from);
    text = hostmap_str_of(bytes, len);
    return APR_STATUS_IS_EOF(rv) && hostmap_json_check(text) == APR_SUCCESS
           ? text : none;
}

void status_follower_read(status_follower *follower, const char *file,
                          apr_time_t now, apr_pool_t *pool)
{
    hostmap_str text = follower_load(file, pool);

    memset(follower, 0, sizeof(*follower));
    follower->file = file;
    follower->entries = -1;
    follower->lag = -1;
    follower->state = "unreadable";
    if (hostmap_json_get(text, "lag_seconds").len == 0) {
        return;
    }
    follower->map = follower_text(text, "map", pool);
    follower->store = follower_text(text, "store", pool);
    follower->last_error = follower_text(text, "last_error", pool);
    follower->entries = (apr_int64_t)hostmap_json_number(
        hostmap_json_get(text, "entries"), -1);
    follower->lag = hostmap_json_number(hostmap_json_get(text, "lag_seconds"),
                                        -1);
    follower->written = apr_time_from_sec((apr_int64_t)hostmap_json_number(
        hostmap_json_get(text, "time"), 0));
    follower->state = now - follower->written > FOLLOWER_SILENT ? "silent"
                      : hostmap_json_true(hostmap_json_get(text, "connected"))
                      ? "connected" : "disconnected";
}
