/* SPDX-License-Identifier: Apache-2.0 */

/*
 * hostmap_tool.c: what the verbs share.  Messages go to standard error, one a
 * line; output goes through stdio, whose errors are asked for once at the end.
 */

#include "tool.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "apr_file_info.h"
#include "apr_strings.h"
#include "apr_time.h"

#include "hostmap/store/hostmap_guard.h"
#include "idn.h"
#include "progress.h"
#include "entries/source.h"

/* How long who changes a map in place is waited for. */
#define BUSY_WAIT apr_time_from_sec(10)
#define BUSY_POLL apr_time_from_msec(20)

int tool_error(const char *format, ...)
{
    va_list args;

    progress_clear();
    fputs("hostmap: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);

    return TOOL_FAILED;
}

int tool_file_error(const char *path, apr_status_t rv,
                    const hostmap_reason *why)
{
    char text[256];

    if (why && why->text[0]) {
        return tool_error("%s: %s", path, why->text);
    }

    return tool_error("%s: %s", path, apr_strerror(rv, text, sizeof(text)));
}

static void warn_exposed(void *baton, const char *finding)
{
    tool_error("%s: warning: %s", (const char *)baton, finding);
}

void tool_warn_exposed(const char *path, apr_pool_t *pool)
{
    hostmap_exposed(path, 0, 0, warn_exposed, (void *)path, pool);
}

/* A byte of U+0080 to U+009F: terminals take some for the beginning of a
 * sequence. */
static int is_late_control(const char *bytes, apr_size_t at, apr_size_t len)
{
    apr_size_t first = at > 0 && bytes[at - 1] == '\xc2' ? at - 1 : at;

    return first + 1 < len && bytes[first] == '\xc2'
           && (bytes[first + 1] & 0xe0) == 0x80;
}

int tool_write(FILE *to, const char *bytes, apr_size_t len, int key)
{
    apr_size_t i, done = 0;

    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (c > ' ' && c != 0x7f && !(key && i == 0 && c == '#')
            && !(to == stderr && is_late_control(bytes, i, len))) {
            continue;
        }
        if (!key && (c == ' ' || c == '\t')) {
            continue;
        }
        fwrite(bytes + done, 1, i - done, to);
        fprintf(to, "\\x%02x", c);
        done = i + 1;
    }
    fwrite(bytes + done, 1, len - done, to);

    return done > 0;
}

int tool_write_entry_to(FILE *to, const char *key, apr_size_t key_len,
                        const char *value, apr_size_t value_len)
{
    int replaced;

    replaced = tool_write(to, key, key_len, 1);
    putc(' ', to);
    replaced |= tool_write(to, value, value_len, 0);
    putc('\n', to);

    return replaced;
}

int tool_write_entry(const char *key, apr_size_t key_len,
                     const char *value, apr_size_t value_len)
{
    return tool_write_entry_to(stdout, key, key_len, value, value_len);
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

int tool_finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return status;
    }
    if (errno == EPIPE) {
        /* `hostmap list MAP | head`: whoever closed it knows. */
        return TOOL_FAILED;
    }

    return tool_error("standard output: %s", strerror(errno));
}

/* An empty file is nothing, not a broken map: `touch` makes one to give the map
 * to come an owner and a mode. */
static int is_empty_file(const char *path, apr_pool_t *pool)
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
    if (rv == HOSTMAP_EFORMAT && is_empty_file(path, pool)) {
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
    if (hostmap_key_host(key, len, host, strlen(host), &bad)
        == APR_SUCCESS) {
        return TOOL_DONE;
    }

    return tool_error("%s: not a host name: %s, at column %" APR_SIZE_T_FMT,
                      host, bad.reason, bad.pos + 1);
}

void *tool_room(void *old, apr_size_t size)
{
    void *room = realloc(old, size);

    if (!room) {
        tool_error("out of memory");
        exit(TOOL_FAILED);
    }

    return room;
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
