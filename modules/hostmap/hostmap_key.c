/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_key.c
 * @brief Keys: the spelling in which host names are stored and looked up, the
 *        check that a key is spelled so, and wildcards and paths.
 */

#include <string.h>

#include "base/scan.h"
#include "hostmap_key.h"

#define KEY_PORT "the port is not a number of 1 to 65535"

#define NONE_OF_16 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

/** The stored form of each byte of a name; NUL: no name holds it.  A table,
 *  because a name is read in every request. */
static const char key_byte[256] =
    NONE_OF_16
    NONE_OF_16
    "\0\0\0\0\0\0\0\0\0\0\0\0\0-.\0"
    "0123456789\0\0\0\0\0\0"
    "\0abcdefghijklmno"
    "pqrstuvwxyz\0\0\0\0_"
    "\0abcdefghijklmno"
    "pqrstuvwxyz\0\0\0\0\0";

static char key_lower(char c)
{
    return (c >= 'A' && c <= 'Z') ? (char)(c - 'A' + 'a') : c;
}

static void key_store(char *key, apr_size_t *len, hostmap_str name)
{
    apr_size_t i;

    for (i = 0; i < name.len; i++) {
        key[i] = key_lower(name.ptr[i]);
    }
    key[name.len] = '\0';
    *len = name.len;
}

/** Labels between single dots, without the port. */
static apr_status_t key_name(char *key, apr_size_t *len, hostmap_str name,
                             const hostmap_scan *scan)
{
    apr_size_t i;

    if (name.len > 1 && name.ptr[name.len - 1] == '.') {
        name.len--;
    }
    if (name.len == 0) {
        return hostmap_scan_fail(scan, name.ptr, "the name is empty");
    }
    if (name.len > HOSTMAP_KEY_MAX) {
        return hostmap_scan_fail(scan, name.ptr + HOSTMAP_KEY_MAX,
                                 "the name is longer than 511 bytes");
    }
    for (i = 0; i < name.len; i++) {
        char c = key_byte[(unsigned char)name.ptr[i]];

        /* Letters and digits sort after `.`: one comparison passes nearly
         * every byte; only `-`, `.` and NUL are looked at closely. */
        if (c <= '.') {
            if (c == '\0') {
                return hostmap_scan_fail(scan, name.ptr + i,
                                         "expected letters, digits, `.`, `_` "
                                         "or `-`");
            }
            if (c == '.' && (i == 0 || key[i - 1] == '.')) {
                break;
            }
        }
        key[i] = c;
    }
    if (i < name.len || key[i - 1] == '.') {
        return hostmap_scan_fail(scan, name.ptr + i,
                                 "a label of the name is empty");
    }
    key[name.len] = '\0';
    *len = name.len;
    return APR_SUCCESS;
}

static apr_status_t key_address(char *key, apr_size_t *len,
                                hostmap_str address, const hostmap_scan *scan)
{
    if (!hostmap_scan_ipv6(address)) {
        return hostmap_scan_fail(scan, address.ptr, "not an IPv6 address");
    }
    key_store(key, len, address);
    return APR_SUCCESS;
}

/** "[::1]" and "[::1]:8080" */
static apr_status_t key_bracketed(char *key, apr_size_t *len,
                                  hostmap_str host, const hostmap_scan *scan)
{
    const char *end = memchr(host.ptr, ']', host.len);
    const char *host_end = host.ptr + host.len;
    hostmap_str address, digits;
    apr_port_t port;

    if (end == NULL) {
        return hostmap_scan_fail(scan, host_end, "expected `]`");
    }
    if (end + 1 < host_end) {
        digits.ptr = end + 2;
        digits.len = (apr_size_t)(host_end - digits.ptr);
        if (end[1] != ':') {
            return hostmap_scan_fail(scan, end + 1,
                                     "expected a port or nothing after `]`");
        }
        if (!hostmap_scan_port(&port, digits)) {
            return hostmap_scan_fail(scan, digits.ptr, KEY_PORT);
        }
    }
    address.ptr = host.ptr + 1;
    address.len = (apr_size_t)(end - address.ptr);
    return key_address(key, len, address, scan);
}

apr_status_t hostmap_key_host(char *key, apr_size_t *len, hostmap_str host,
                              hostmap_bad *bad)
{
    hostmap_scan scan;
    hostmap_str digits;
    const char *colon;
    apr_port_t port;

    scan.base = host.ptr;
    scan.bad = bad;
    if (host.len == 0) {
        return hostmap_scan_fail(&scan, host.ptr, "the name is empty");
    }
    if (host.ptr[0] == '[') {
        return key_bracketed(key, len, host, &scan);
    }

    colon = memchr(host.ptr, ':', host.len);
    if (colon != NULL) {
        digits.ptr = colon + 1;
        digits.len = (apr_size_t)(host.ptr + host.len - digits.ptr);
        if (memchr(digits.ptr, ':', digits.len) != NULL) {
            return key_address(key, len, host, &scan);
        }
        if (!hostmap_scan_port(&port, digits)) {
            return hostmap_scan_fail(&scan, digits.ptr, KEY_PORT);
        }
        host.len = (apr_size_t)(colon - host.ptr);
    }
    return key_name(key, len, host, &scan);
}

/* ---- checking ---------------------------------------------------------- */

/** What to write instead of a byte that no stored name holds; NULL: unknown. */
static const char *key_advice(char c)
{
    if (c == '*') {
        return "`*` is the whole name or its first label, as in *.example.com";
    }
    if (c == '[' || c == ']') {
        return "write the address without brackets";
    }
    if (c >= 'A' && c <= 'Z') {
        return "write the name in lower case";
    }
    if ((unsigned char)c >= 0x80) {
        return "write the name in punycode (xn--...)";
    }
    return NULL;
}

/** Reports what to write instead, if a byte of the name tells: 1, else 0. */
static int key_advise(hostmap_str name, const hostmap_scan *scan)
{
    apr_size_t i;

    for (i = 0; i < name.len; i++) {
        const char *advice = key_advice(name.ptr[i]);

        if (advice) {
            hostmap_scan_fail(scan, name.ptr + i, advice);
            return 1;
        }
    }
    return 0;
}

static apr_status_t key_check_name(hostmap_str name, const hostmap_scan *scan)
{
    char stored[HOSTMAP_KEY_MAX + 1];
    const char *colon;
    apr_size_t stored_len;
    hostmap_bad own;
    apr_status_t rv;

    rv = hostmap_key_host(stored, &stored_len, name, &own);
    if (rv == APR_SUCCESS && stored_len == name.len
        && memcmp(stored, name.ptr, name.len) == 0) {
        return APR_SUCCESS;
    }
    if (key_advise(name, scan)) {
        return APR_EINVAL;
    }
    if (rv != APR_SUCCESS) {
        return hostmap_scan_fail(scan, name.ptr + own.pos, own.reason);
    }
    /* the name has no brackets and capitals: only a port or a dot was cut */
    colon = memchr(name.ptr, ':', name.len);
    if (colon) {
        return hostmap_scan_fail(scan, colon, "write the name without a port");
    }
    return hostmap_scan_fail(scan, name.ptr + name.len - 1,
                             "write the name without the trailing dot");
}

/** Refuses the parents of an address, which match nothing, and names of more
 *  labels than a look-up tries. */
static apr_status_t key_check_suffix(hostmap_str name, const hostmap_scan *scan)
{
    unsigned labels = 1;
    apr_size_t i;
    apr_status_t rv;

    rv = key_check_name(name, scan);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (i = 0; i < name.len; i++) {
        if (name.ptr[i] == ':') {
            return hostmap_scan_fail(scan, name.ptr + i,
                                     "expected a name after `*.`");
        }
        labels += name.ptr[i] == '.';
    }
    if (labels > HOSTMAP_PARENTS_MAX) {
        return hostmap_scan_fail(scan, name.ptr,
                                 "more than 16 labels after `*.`");
    }
    return APR_SUCCESS;
}

static apr_status_t key_check_host(hostmap_str host, const hostmap_scan *scan)
{
    if (host.len == 1 && host.ptr[0] == '*') {
        return APR_SUCCESS;
    }
    if (host.len >= 2 && memcmp(host.ptr, "*.", 2) == 0) {
        host.ptr += 2;
        host.len -= 2;
        return key_check_suffix(host, scan);
    }
    return key_check_name(host, scan);
}

static apr_status_t key_check_segment(hostmap_str segment,
                                      const hostmap_scan *scan)
{
    apr_size_t i;

    if ((segment.len == 1 && segment.ptr[0] == '.')
        || (segment.len == 2 && memcmp(segment.ptr, "..", 2) == 0)) {
        return hostmap_scan_fail(scan, segment.ptr,
                                 "write the path without dot segments");
    }
    for (i = 0; i < segment.len; i++) {
        char c = segment.ptr[i];

        if (c == '%') {
            return hostmap_scan_fail(scan, segment.ptr + i,
                                     "write the path decoded, without `%`");
        }
        if (c == '*') {
            return hostmap_scan_fail(scan, segment.ptr + i, "`*` is not "
                                     "a wildcard in a path: a path matches "
                                     "all below it");
        }
        if (hostmap_scan_is(c, HOSTMAP_SCAN_BLANK | HOSTMAP_SCAN_CONTROL
                               | HOSTMAP_SCAN_QUERY)) {
            return hostmap_scan_fail(scan, segment.ptr + i,
                                     "expected a path without blanks, "
                                     "control bytes, `?` and `#`");
        }
    }
    return APR_SUCCESS;
}

/** path: from the slash after the host key on */
static apr_status_t key_check_path(hostmap_str path, const hostmap_scan *scan)
{
    const char *at = path.ptr;
    const char *end = path.ptr + path.len;
    unsigned segments = 0;

    if (path.len == 1) {
        return hostmap_scan_fail(scan, at, "write the host alone: it matches "
                                 "all paths");
    }
    while (at < end) {
        const char *slash = memchr(at + 1, '/', (apr_size_t)(end - at - 1));
        hostmap_str segment;
        apr_status_t rv;

        segment.ptr = at + 1;
        segment.len = (apr_size_t)((slash ? slash : end) - segment.ptr);
        if (segment.len == 0 && !slash) {
            return hostmap_scan_fail(scan, at, "write the path without a "
                                     "slash at its end");
        }
        if (segment.len == 0) {
            return hostmap_scan_fail(scan, segment.ptr,
                                     "expected one slash between segments");
        }
        rv = key_check_segment(segment, scan);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (++segments > HOSTMAP_SEGMENTS_MAX) {
            return hostmap_scan_fail(scan, segment.ptr,
                                     "a path of more than 16 segments");
        }
        at = segment.ptr + segment.len;
    }
    return APR_SUCCESS;
}

/** `@NAME` */
static apr_status_t key_check_group(hostmap_str key, const hostmap_scan *scan)
{
    hostmap_str name = hostmap_scan_after(key, 1);
    apr_size_t len = hostmap_scan_while(name, HOSTMAP_SCAN_NAME);

    if (len == 0 || len < name.len || len > HOSTMAP_GROUP_NAME_MAX) {
        return hostmap_scan_fail(scan, name.ptr + len, "the name of a group is "
                                 "1 to 64 letters, digits, `.`, `_` or `-`");
    }
    return APR_SUCCESS;
}

apr_status_t hostmap_key_check(hostmap_str key, hostmap_bad *bad)
{
    hostmap_str host = key, path;
    hostmap_scan scan;
    apr_status_t rv;

    scan.base = key.ptr;
    scan.bad = bad;
    if (hostmap_key_is_group(key)) {
        return key_check_group(key, &scan);
    }
    host.len = hostmap_key_host_len(key);
    if (host.len > 0 && host.len + 1 < key.len && key.ptr[host.len - 1] == ':'
        && key.ptr[host.len + 1] == '/') {
        return hostmap_scan_fail(&scan, key.ptr,
                                 "write the host alone, not a URL");
    }
    rv = key_check_host(host, &scan);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (key.len > HOSTMAP_KEY_MAX) {
        return hostmap_scan_fail(&scan, key.ptr + HOSTMAP_KEY_MAX,
                                 "the key is longer than 511 bytes");
    }
    path = hostmap_scan_after(key, host.len);
    return path.len > 0 ? key_check_path(path, &scan) : APR_SUCCESS;
}

/* ---- keys of more than one name ---------------------------------------- */

apr_size_t hostmap_key_host_len(hostmap_str key)
{
    return hostmap_scan_before(key, '/');
}

unsigned hostmap_key_features(hostmap_str key)
{
    unsigned features = 0;

    if (key.len > 0 && key.ptr[0] == '*') {
        features |= HOSTMAP_FEATURE_WILDCARD;
    }
    if (hostmap_key_host_len(key) < key.len) {
        features |= HOSTMAP_FEATURE_PATH;
    }
    return features;
}

int hostmap_key_order_add(hostmap_key_order *order, hostmap_str key)
{
    apr_size_t host_len = hostmap_key_host_len(key);
    apr_size_t same = 0;

    if (key.len > HOSTMAP_KEY_MAX) {
        return 0;
    }
    while (same < key.len && same < order->len
           && order->key[same] == key.ptr[same]) {
        same++;
    }
    memcpy(order->key + same, key.ptr + same, key.len - same);
    if (order->len > same) {
        memset(order->seen + same + 1, 0, order->len - same);
    }
    order->len = key.len;
    order->seen[key.len] = 1;
    return host_len == key.len || order->seen[host_len];
}
