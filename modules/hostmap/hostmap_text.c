/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_text.c
 * @brief Lines of a text map, as our tool and as stock httxt2dbm reads them.
 */

#include <string.h>

#include "base/scan.h"
#include "hostmap_text.h"

apr_status_t hostmap_text_line(hostmap_str *key, hostmap_str *value,
                               hostmap_str line, hostmap_bad *bad)
{
    hostmap_scan scan;
    hostmap_str rest = line;
    const char *nul;

    scan.base = line.ptr;
    scan.bad = bad;
    if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
        rest.len--;
    }
    rest = hostmap_scan_trim(rest);
    if (rest.len == 0 || rest.ptr[0] == '#') {
        return APR_EOF;
    }
    if (line.len > HOSTMAP_LINE_MAX) {
        return hostmap_scan_fail(&scan, line.ptr + HOSTMAP_LINE_MAX,
                                 "the line is too long");
    }
    nul = memchr(rest.ptr, '\0', rest.len);
    if (nul) {
        return hostmap_scan_fail(&scan, nul, "the line holds a NUL byte");
    }

    *key = hostmap_scan_word(&rest);
    *value = hostmap_scan_trim(rest);
    if (value->len == 0) {
        return hostmap_scan_fail(&scan, value->ptr,
                                 "expected a value after the key");
    }
    return APR_SUCCESS;
}

/** isspace() of the C locale */
static int text_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/** Length of the word, or of the space, at the front of str. */
static apr_size_t text_span(hostmap_str str, int space)
{
    apr_size_t i = 0;

    while (i < str.len && text_is_space(str.ptr[i]) == space) {
        i++;
    }
    return i;
}

apr_status_t hostmap_text_line_httxt2dbm(hostmap_str *key, hostmap_str *value,
                                         hostmap_str line)
{
    hostmap_str rest = line;

    /* the stock tool reads C strings: a NUL byte ends its line */
    rest.len = hostmap_scan_before(line, '\0');
    if (rest.len == 0 || rest.ptr[0] == '#' || text_is_space(rest.ptr[0])) {
        return APR_EOF;
    }
    *key = rest;
    key->len = text_span(rest, 0);
    rest = hostmap_scan_after(rest, key->len);
    rest = hostmap_scan_after(rest, text_span(rest, 1));
    *value = rest;
    value->len = text_span(rest, 0);
    return value->len > 0 ? APR_SUCCESS : APR_EOF;
}
