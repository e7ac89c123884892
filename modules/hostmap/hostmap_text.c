/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Lines of a text map, as our tool reads them and as stock httxt2dbm does.
 */

#include <string.h>

#include "base/scan.h"
#include "hostmap_text.h"

apr_status_t hostmap_text_line(hostmap_str *key, hostmap_str *value,
                               const char *line, apr_size_t len,
                               hostmap_bad *bad)
{
    hostmap_scan scan;
    hostmap_str rest;
    const char *nul;

    scan.base = line;
    scan.bad = bad;
    rest.ptr = line;
    rest.len = len;
    if (len > 0 && line[len - 1] == '\r') {
        rest.len--;
    }
    rest = hostmap_scan_trim(rest);
    if (rest.len == 0 || rest.ptr[0] == '#') {
        return APR_EOF;
    }
    if (len > HOSTMAP_LINE_MAX) {
        return hostmap_scan_fail(&scan, line + HOSTMAP_LINE_MAX,
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
                                 "expected a value behind the key");
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
                                         const char *line, apr_size_t len)
{
    hostmap_str rest;
    const char *nul = len > 0 ? memchr(line, '\0', len) : NULL;
    apr_size_t space;

    /* the stock tool reads C strings: a NUL byte ends its line */
    rest.ptr = line;
    rest.len = nul ? (apr_size_t)(nul - line) : len;
    if (rest.len == 0 || line[0] == '#' || text_is_space(line[0])) {
        return APR_EOF;
    }
    key->ptr = line;
    key->len = text_span(rest, 0);
    rest.ptr += key->len;
    rest.len -= key->len;

    space = text_span(rest, 1);
    rest.ptr += space;
    rest.len -= space;
    value->ptr = rest.ptr;
    value->len = text_span(rest, 0);
    return value->len > 0 ? APR_SUCCESS : APR_EOF;
}
