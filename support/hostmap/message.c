/* SPDX-License-Identifier: Apache-2.0 */

/*
 * message.c: what the tool prints.  Messages go to standard error, one a line;
 * output goes through stdio, whose errors are asked for once, at the end.
 */

#include "message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "progress.h"

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

void tool_file_warn(const char *path, const hostmap_reason *warning)
{
    if (warning->text[0]) {
        tool_error("%s: warning: %s", path, warning->text);
    }
}

/* A byte of U+0080 to U+009F: terminals take some for the beginning of a
 * control sequence. */
static int message_is_c1(const char *bytes, apr_size_t at, apr_size_t len)
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
            && !(to == stderr && message_is_c1(bytes, i, len))) {
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

static const char *message_in_place;

void tool_in_place(const char *path)
{
    message_in_place = path;
}

int tool_finish(int status)
{
    int error;

    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return status;
    }
    error = errno;
    if (error == EPIPE) {
        /* `hostmap list MAP | head`: the reader has what it wants. */
        return message_in_place ? status : TOOL_FAILED;
    }
    if (message_in_place) {
        return tool_error("%s is in place and complete, only the report on "
                          "standard output is lost: %s", message_in_place,
                          strerror(error));
    }

    return tool_error("standard output: %s", strerror(error));
}

void *tool_realloc(void *old, apr_size_t size)
{
    void *memory = realloc(old, size);

    if (!memory) {
        tool_error("out of memory");
        exit(TOOL_FAILED);
    }

    return memory;
}
