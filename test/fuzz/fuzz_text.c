/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Input: a text map, read line by line as our tool and as stock httxt2dbm.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hostmap/hostmap_text.h"

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

/** Key and value are not empty, in the line, the value after the key. */
static void check_pair(hostmap_str key, hostmap_str value, const char *line,
                       size_t len)
{
    require(key.len > 0 && value.len > 0);
    require(key.ptr >= line && value.ptr > key.ptr + key.len);
    require(value.ptr + value.len <= line + len);
    require(memchr(key.ptr, '\0', key.len) == NULL);
    require(memchr(value.ptr, '\0', value.len) == NULL);
    require(memchr(key.ptr, ' ', key.len) == NULL);
}

static void check_line(const char *line, size_t len)
{
    hostmap_str key, value;
    hostmap_bad bad = { NULL, 0 };
    apr_status_t rv = hostmap_text_line(&key, &value, hostmap_str_of(line, len),
                                        &bad);

    if (rv == APR_SUCCESS) {
        require(len <= HOSTMAP_LINE_MAX && key.ptr[0] != '#');
        check_pair(key, value, line, len);
    }
    else if (rv != APR_EOF) {
        require(rv == APR_EINVAL && bad.reason != NULL && bad.pos <= len);
    }

    rv = hostmap_text_line_httxt2dbm(&key, &value, hostmap_str_of(line, len));
    if (rv == APR_SUCCESS) {
        require(key.ptr == line && line[0] != '#');
        check_pair(key, value, line, len);
        require(memchr(value.ptr, ' ', value.len) == NULL);
    }
    else {
        require(rv == APR_EOF);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *line = (const char *)data;
    const char *end = line + size;

    while (line < end) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        size_t len = (size_t)((newline ? newline : end) - line);
        /* a copy of its own: bytes behind the line are out of bounds */
        char *copy = malloc(len > 0 ? len : 1);

        require(copy != NULL);
        memcpy(copy, line, len);
        check_line(copy, len);
        free(copy);
        line += len + 1;
    }
    return 0;
}
