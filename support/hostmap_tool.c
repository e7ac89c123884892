/* SPDX-License-Identifier: Apache-2.0 */

/*
 * hostmap_tool.c: what the verbs share.  Messages go to standard error, one a
 * line; output goes through stdio, whose errors are asked for once at the end.
 */

#include "hostmap_tool.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "apr_file_info.h"
#include "apr_strings.h"

#include "hostmap_guard.h"

int tool_error(const char *format, ...)
{
    va_list args;

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

int tool_write(FILE *to, const char *bytes, apr_size_t len, int key)
{
    apr_size_t i, done = 0;

    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (c > ' ' && c != 0x7f && !(key && i == 0 && c == '#')) {
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

int tool_write_entry(const char *key, apr_size_t key_len,
                     const char *value, apr_size_t value_len)
{
    int replaced;

    replaced = tool_write(stdout, key, key_len, 1);
    putc(' ', stdout);
    replaced |= tool_write(stdout, value, value_len, 0);
    putc('\n', stdout);

    return replaced;
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
