/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_path.c
 * @brief The path of a URL, as httpd has it when it looks a map up.
 */

#include <string.h>

#include "base/scan.h"
#include "hostmap_key.h"

static int path_hex(char c)
{
    if (hostmap_scan_is_digit(c)) {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return (c >= 'A' && c <= 'F') ? c - 'A' + 10 : -1;
}

/** Take one byte, decoded.  Returns the number of bytes it is written with, 0
 *  for what httpd does not decode. */
static apr_size_t path_byte(char *c, const char *at, const char *end)
{
    int high, low;

    *c = *at;
    if (*at != '%') {
        return 1;
    }
    high = end - at > 2 ? path_hex(at[1]) : -1;
    low = end - at > 2 ? path_hex(at[2]) : -1;
    if (high < 0 || low < 0) {
        return 0;
    }
    *c = (char)(high * 16 + low);
    return (*c == '\0' || *c == '/') ? 0 : 3;
}

/** Where the segment begins that ends at len: after a slash. */
static apr_size_t path_start(const char *path, apr_size_t len)
{
    while (path[len - 1] != '/') {
        len--;
    }
    return len;
}

/** The segment that ends at *len is complete, at a slash or the end: drop it
 *  if it is a dot segment.  Returns 0 above the root. */
static int path_segment(const char *path, apr_size_t *len)
{
    apr_size_t end = *len;
    apr_size_t start = path_start(path, end);

    if (end - start == 1 && path[start] == '.') {
        *len = start;
    }
    else if (end - start == 2 && memcmp(path + start, "..", 2) == 0) {
        if (start == 1) {
            return 0;
        }
        *len = path_start(path, start - 1);
    }
    return 1;
}

apr_status_t hostmap_path_normalise(char *path, apr_size_t *len,
                                    hostmap_str in, hostmap_bad *bad)
{
    hostmap_scan scan = { in.ptr, bad };
    const char *at = in.ptr;
    const char *end = in.ptr + in.len;
    apr_size_t used = 0;

    if (in.len == 0 || *at != '/') {
        return hostmap_scan_fail(&scan, at, "expected a path that begins "
                                 "with `/`");
    }
    while (at < end && *at != '?') {
        apr_size_t took;
        char c;

        took = path_byte(&c, at, end);
        if (took == 0) {
            return hostmap_scan_fail(&scan, at, "expected `%` and two "
                                     "hexadecimal digits, not of NUL or `/`");
        }
        if (c == '/' && used > 0 && !path_segment(path, &used)) {
            return hostmap_scan_fail(&scan, at,
                                     "dot segments lead above the root");
        }
        if (c != '/' || used == 0 || path[used - 1] != '/') {
            path[used++] = c;
        }
        at += took;
    }
    if (!path_segment(path, &used)) {
        return hostmap_scan_fail(&scan, at,
                                 "dot segments lead above the root");
    }
    *len = used;
    return APR_SUCCESS;
}
