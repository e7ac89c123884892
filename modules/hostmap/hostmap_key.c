/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Keys: the one spelling of a host name that is stored and looked up, and the
 * check that a key of a text has it already.
 */

#include <string.h>

#include "hostmap_scan.h"

#define KEY_PORT "the port is not a number of 1 to 65535"

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
    int empty = 1;

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
        char c = name.ptr[i];

        if (!hostmap_scan_is_name(c)) {
            return hostmap_scan_fail(scan, name.ptr + i,
                                     "expected letters, digits, `.`, `_` "
                                     "or `-`");
        }
        if (c == '.' && empty) {
            break;
        }
        empty = (c == '.');
        key[i] = key_lower(c);
    }
    if (empty) {
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
                                     "expected a port or nothing behind `]`");
        }
        if (!hostmap_scan_port(&port, digits)) {
            return hostmap_scan_fail(scan, digits.ptr, KEY_PORT);
        }
    }
    address.ptr = host.ptr + 1;
    address.len = (apr_size_t)(end - address.ptr);
    return key_address(key, len, address, scan);
}

apr_status_t hostmap_key_host(char *key, apr_size_t *len,
                              const char *host, apr_size_t host_len,
                              hostmap_bad *bad)
{
    hostmap_scan scan;
    hostmap_str name, digits;
    const char *colon;
    apr_port_t port;

    scan.base = host;
    scan.bad = bad;
    name.ptr = host;
    name.len = host_len;
    if (host_len == 0) {
        return hostmap_scan_fail(&scan, host, "the name is empty");
    }
    if (host[0] == '[') {
        return key_bracketed(key, len, name, &scan);
    }

    colon = memchr(host, ':', host_len);
    if (colon != NULL) {
        digits.ptr = colon + 1;
        digits.len = (apr_size_t)(host + host_len - digits.ptr);
        if (memchr(digits.ptr, ':', digits.len) != NULL) {
            return key_address(key, len, name, &scan);
        }
        if (!hostmap_scan_port(&port, digits)) {
            return hostmap_scan_fail(&scan, digits.ptr, KEY_PORT);
        }
        name.len = (apr_size_t)(colon - host);
    }
    return key_name(key, len, name, &scan);
}

/** What a byte that no stored key holds is replaced with; NULL: nothing. */
static const char *key_advice(char c)
{
    if (c == '*') {
        return "keys are whole names: `*` is not a pattern";
    }
    if (c == '/') {
        return "keys are names without a path";
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

/** What to write instead, if a byte of the key tells: 1, with bad set. */
static int key_advise(const char *key, apr_size_t len,
                      const hostmap_scan *scan)
{
    apr_size_t i;

    for (i = 0; i < len; i++) {
        const char *advice = key_advice(key[i]);

        if (advice) {
            hostmap_scan_fail(scan, key + i, advice);
            return 1;
        }
    }
    return 0;
}

apr_status_t hostmap_key_check(const char *key, apr_size_t len,
                               hostmap_bad *bad)
{
    char stored[HOSTMAP_KEY_MAX + 1];
    const char *colon;
    apr_size_t stored_len;
    hostmap_scan scan;
    apr_status_t rv;

    rv = hostmap_key_host(stored, &stored_len, key, len, bad);
    if (rv == APR_SUCCESS && stored_len == len
        && memcmp(stored, key, len) == 0) {
        return APR_SUCCESS;
    }
    scan.base = key;
    scan.bad = bad;
    if (key_advise(key, len, &scan)) {
        return APR_EINVAL;
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    /* without brackets and capitals only a port or a dot can have been cut */
    colon = memchr(key, ':', len);
    if (colon) {
        return hostmap_scan_fail(&scan, colon,
                                 "write the name without a port");
    }
    return hostmap_scan_fail(&scan, key + len - 1,
                             "write the name without the trailing dot");
}
