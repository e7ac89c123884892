/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What names and values of headers mean to mod_reproxy.  The values come from
 * storage and the app.
 */

#include <string.h>

#include "apr_cstr.h"
#include "apr_lib.h"

#include "reproxy_headers_core.h"
#include "base/scan.h"

int reproxy_header_is_name(const char *name)
{
    const char *c;

    for (c = name; *c; c++) {
        if (!apr_isascii(*c)
            || (!apr_isalnum(*c) && !strchr("!#$%&'*+-.^_`|~", *c))) {
            return 0;
        }
    }
    return c > name;
}

int reproxy_header_is_framing(const char *name)
{
    static const char *const names[] = {
        "Connection", "Content-Encoding", "Content-Length", "Content-Range",
        "Expect", "Host", "HTTP2-Settings", "Keep-Alive", "Proxy-Connection",
        "TE", "Trailer", "Trailers", "Transfer-Encoding", "Upgrade"
    };
    apr_size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (apr_cstr_casecmp(name, names[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

static hostmap_str headers_str(const char *text)
{
    hostmap_str str;

    str.ptr = text;
    str.len = strlen(text);
    return hostmap_scan_trim(str);
}

static int headers_size(apr_off_t *size, hostmap_str str)
{
    apr_int64_t number;

    if (!hostmap_scan_number(&number, str)) {
        return 0;
    }
    *size = (apr_off_t)number;
    return *size == number;
}

int reproxy_expected_size(apr_off_t *size, const char *text)
{
    return headers_size(size, headers_str(text));
}

static int headers_is_star(hostmap_str str)
{
    return str.len == 1 && str.ptr[0] == '*';
}

/** Takes what is before stop off the front of rest: 1; or 0. */
static int headers_cut(hostmap_str *part, hostmap_str *rest, char stop)
{
    *part = *rest;
    part->len = hostmap_scan_before(*rest, stop);
    if (part->len == rest->len) {
        return 0;
    }
    *rest = hostmap_scan_after(*rest, part->len + 1);
    return 1;
}

int reproxy_range_parse(reproxy_range *range, const char *text)
{
    hostmap_str rest = headers_str(text);
    hostmap_str part, first;

    if (!headers_cut(&part, &rest, ' ')
        || !hostmap_scan_equal(part, "bytes")) {
        return 0;
    }
    rest = hostmap_scan_trim(rest);
    if (!headers_cut(&part, &rest, '/')) {
        return 0;
    }
    range->first = range->last = range->total = -1;
    if (headers_is_star(part)) {
        return headers_size(&range->total, rest);
    }
    if (!headers_cut(&first, &part, '-')
        || !headers_size(&range->first, first)
        || !headers_size(&range->last, part)
        || range->first > range->last) {
        return 0;
    }
    return headers_is_star(rest)
           || (headers_size(&range->total, rest)
               && range->last < range->total);
}

static int headers_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int reproxy_path_unescape(char *out, const char *text)
{
    for (; *text; text++) {
        int high, low;

        if (*text != '%') {
            *out++ = *text;
            continue;
        }
        high = headers_hex(text[1]);
        low = high >= 0 ? headers_hex(text[2]) : -1;
        if (low < 0 || (high == 0 && low == 0)) {
            return 0;
        }
        *out++ = (char)(high * 16 + low);
        text += 2;
    }
    *out = '\0';
    return 1;
}

reproxy_size reproxy_size_compare(apr_off_t expected, int status,
                                  const char *content_length,
                                  const char *content_range)
{
    reproxy_range range;
    apr_off_t size;

    if (status == 206 || status == 416) {
        if (!content_range) {
            return REPROXY_SIZE_UNKNOWN;
        }
        if (!reproxy_range_parse(&range, content_range)) {
            return REPROXY_SIZE_WRONG;
        }
        size = range.total;
    }
    else if (status == 304 || status == 412 || !content_length) {
        return REPROXY_SIZE_UNKNOWN;
    }
    else if (!reproxy_expected_size(&size, content_length)) {
        return REPROXY_SIZE_WRONG;
    }
    if (size < 0) {
        return REPROXY_SIZE_UNKNOWN;
    }
    return size == expected ? REPROXY_SIZE_RIGHT : REPROXY_SIZE_WRONG;
}
