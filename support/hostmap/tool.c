/* SPDX-License-Identifier: Apache-2.0 */

/*
 * tool.c: what the verbs share: opening maps and texts, and names of the
 * command line.
 */

#include "tool.h"

#include <stdarg.h>
#include <string.h>

#include "apr_file_info.h"
#include "apr_strings.h"
#include "apr_time.h"

#include "hostmap/store/hostmap_guard.h"
#include "hostmap/store/hostmap_writer.h"
#include "idn.h"
#include "entries/source.h"

/* How long to wait for a program that changes a map in place. */
#define BUSY_WAIT apr_time_from_sec(10)
#define BUSY_POLL apr_time_from_msec(20)

static void tool_exposed_warn(void *baton, const char *finding)
{
    tool_error("%s: warning: %s", (const char *)baton, finding);
}

void tool_warn_exposed(const char *path, apr_pool_t *pool)
{
    hostmap_guard guard = { 0, 0, tool_exposed_warn, (void *)path };

    hostmap_exposed(path, &guard, pool);
}

void tool_report(const tool *t, const char *format, ...)
{
    va_list args;

    if (t->flags & TOOL_QUIET) {
        return;
    }
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
}

/* An empty file counts as no map: administrators create one with `touch` to set
 * the owner and mode of the map in advance. */
static int tool_is_empty(const char *path, apr_pool_t *pool)
{
    apr_finfo_t info;

    return apr_stat(&info, path, APR_FINFO_TYPE | APR_FINFO_SIZE, pool)
           == APR_SUCCESS
           && info.filetype == APR_REG && info.size == 0;
}

apr_status_t tool_map_at(const char **type, const char *path,
                         apr_pool_t *pool, hostmap_reason *why)
{
    apr_status_t rv;

    why->text[0] = '\0';
    rv = hostmap_type_of(type, path, NULL, pool, why);
    if (rv == HOSTMAP_EFORMAT && tool_is_empty(path, pool)) {
        return APR_ENOENT;
    }

    return rv;
}

apr_status_t tool_open_map(hostmap_file **file, const char *path,
                           const char *type, apr_pool_t *pool,
                           hostmap_reason *why)
{
    apr_time_t deadline = apr_time_now() + BUSY_WAIT;
    apr_status_t rv;

    while ((rv = hostmap_file_open(file, path, type, pool, why))
           == HOSTMAP_EBUSY && apr_time_now() < deadline) {
        apr_sleep(BUSY_POLL);
    }

    return rv;
}

apr_status_t tool_read_map(const char *path, const char *type,
                           tool_read_fn *fn, void *baton, apr_pool_t *pool,
                           hostmap_reason *why)
{
    hostmap_file *file;
    apr_status_t rv = HOSTMAP_ESTALE;
    int tries;

    for (tries = 0; tries < TOOL_READ_TRIES && rv == HOSTMAP_ESTALE; tries++) {
        why->text[0] = '\0';
        rv = tool_open_map(&file, path, type, pool, why);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        rv = fn(baton, file, why);
        hostmap_file_close(file);
    }

    return rv;
}

int tool_read_host(char *key, apr_size_t *len, const char *host)
{
    char ascii[HOSTMAP_KEY_MAX + 1];
    apr_size_t ascii_len;
    const char *reason;
    hostmap_bad bad;

    if (idn_wanted(host, strlen(host))) {
        if (idn_key(ascii, &ascii_len, host, strlen(host), &reason)
            != APR_SUCCESS) {
            return tool_error("%s: not a host name: %s", host, reason);
        }
        host = ascii;
    }
    if (hostmap_key_host(key, len, hostmap_str_text(host), &bad)
        == APR_SUCCESS) {
        return TOOL_DONE;
    }

    return tool_error("%s: not a host name: %s, at column %" APR_SIZE_T_FMT,
                      host, bad.reason, bad.pos + 1);
}

unsigned tool_writer_flags(const tool *t)
{
    return t->flags & TOOL_UNFOLLOW ? HOSTMAP_WRITER_UNFOLLOW : 0;
}

unsigned tool_source_flags(const tool *t)
{
    return t->flags & TOOL_QUIET ? SOURCE_QUIET : 0;
}

int tool_read_source(source **s, const tool *t, const char *path,
                     const char *type, unsigned flags)
{
    apr_status_t rv;

    rv = source_read(s, path, type, flags | tool_source_flags(t), t->pool);

    return rv == APR_SUCCESS ? TOOL_DONE : tool_file_error(path, rv, NULL);
}
