/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The small scanners that keys, values, options and lines share.
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "hostmap_scan.h"

const unsigned char hostmap_scan_class[256] = {
    0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04,
    0x04, 0x01, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04,
    0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04,
    0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04,
    0x01, 0x00, 0x00, 0x40, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x08, 0x08, 0x20,
    0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a,
    0x0a, 0x0a, 0x10, 0x00, 0x00, 0x00, 0x00, 0x40,
    0x00, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08,
    0x08, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08,
    0x08, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08,
    0x08, 0x08, 0x08, 0x00, 0x80, 0x00, 0x00, 0x08,
    0x00, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08,
    0x08, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08,
    0x08, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08,
    0x08, 0x08, 0x08, 0x00, 0x00, 0x00, 0x00, 0x04
};

apr_status_t hostmap_scan_fail(const hostmap_scan *scan, const char *at,
                               const char *reason)
{
    if (scan->bad) {
        scan->bad->reason = reason;
        scan->bad->pos = (apr_size_t)(at - scan->base);
    }
    return APR_EINVAL;
}

hostmap_str hostmap_scan_trim(hostmap_str str)
{
    while (str.len > 0 && hostmap_scan_is_blank(str.ptr[0])) {
        str.ptr++;
        str.len--;
    }
    while (str.len > 0 && hostmap_scan_is_blank(str.ptr[str.len - 1])) {
        str.len--;
    }
    return str;
}

hostmap_str hostmap_scan_word(hostmap_str *rest)
{
    hostmap_str word;

    *rest = hostmap_scan_trim(*rest);
    word.ptr = rest->ptr;
    word.len = 0;
    while (word.len < rest->len
           && !hostmap_scan_is_blank(word.ptr[word.len])) {
        word.len++;
    }
    rest->ptr += word.len;
    rest->len -= word.len;
    return word;
}

int hostmap_scan_number(apr_int64_t *number, hostmap_str str)
{
    apr_size_t i;
    apr_int64_t value = 0;

    if (str.len == 0) {
        return 0;
    }
    for (i = 0; i < str.len; i++) {
        int digit = str.ptr[i] - '0';

        if (!hostmap_scan_is_digit(str.ptr[i])
            || value > APR_INT64_MAX / 10
            || (value == APR_INT64_MAX / 10
                && digit > APR_INT64_MAX % 10)) {
            return 0;
        }
        value = value * 10 + digit;
    }
    *number = value;
    return 1;
}

int hostmap_scan_port(apr_port_t *port, hostmap_str str)
{
    unsigned number = 0;
    apr_size_t i;

    for (i = 0; i < str.len && number <= 65535; i++) {
        if (!hostmap_scan_is_digit(str.ptr[i])) {
            return 0;
        }
        number = number * 10 + (unsigned)(str.ptr[i] - '0');
    }
    if (number < 1 || number > 65535) {
        return 0;
    }
    *port = (apr_port_t)number;
    return 1;
}

int hostmap_scan_ipv6(hostmap_str str)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;

    /* a NUL byte would hide the rest of the name from inet_pton */
    if (str.len == 0 || str.len >= sizeof(text)
        || memchr(str.ptr, '\0', str.len) != NULL) {
        return 0;
    }
    memcpy(text, str.ptr, str.len);
    text[str.len] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
}

apr_size_t hostmap_scan_before(hostmap_str str, char stop)
{
    const char *at = str.len > 0 ? memchr(str.ptr, stop, str.len) : NULL;

    return at ? (apr_size_t)(at - str.ptr) : str.len;
}

/** Reads `[v6]` or a name; tail: what is left of the authority. */
static apr_status_t scan_host(hostmap_str *host, hostmap_str *tail,
                              hostmap_str authority,
                              const hostmap_scan *scan)
{
    if (authority.len > 0 && authority.ptr[0] == '[') {
        *host = hostmap_scan_behind(authority, 1);
        host->len = hostmap_scan_before(*host, ']');
        if (host->len + 1 == authority.len || !hostmap_scan_ipv6(*host)) {
            return hostmap_scan_fail(scan, host->ptr,
                                     "expected an IPv6 address and `]`");
        }
        *tail = hostmap_scan_behind(authority, host->len + 2);
        return APR_SUCCESS;
    }

    *host = authority;
    host->len = hostmap_scan_while(authority, HOSTMAP_SCAN_NAME);
    *tail = hostmap_scan_behind(authority, host->len);
    if (tail->len > 0 && tail->ptr[0] != ':') {
        return hostmap_scan_fail(scan, tail->ptr,
                                 "expected letters, digits, `.`, `_` or "
                                 "`-` in the host");
    }
    if (host->len == 0) {
        return hostmap_scan_fail(scan, host->ptr, "expected a host");
    }
    if (host->len > HOSTMAP_SCAN_HOST_MAX) {
        return hostmap_scan_fail(scan, host->ptr + HOSTMAP_SCAN_HOST_MAX,
                                 "the host is longer than 255 bytes");
    }
    return APR_SUCCESS;
}

static apr_status_t scan_authority(hostmap_url *url, hostmap_str authority,
                                   const hostmap_scan *scan)
{
    hostmap_str tail;
    apr_status_t rv = scan_host(&url->host, &tail, authority, scan);

    if (rv != APR_SUCCESS || tail.len == 0) {
        return rv;
    }
    if (tail.ptr[0] != ':') {
        return hostmap_scan_fail(scan, tail.ptr,
                                 "expected a port or a path behind `]`");
    }
    tail = hostmap_scan_behind(tail, 1);
    if (!hostmap_scan_port(&url->port, tail)) {
        return hostmap_scan_fail(scan, tail.ptr,
                                 "the port is not a number of 1 to 65535");
    }
    return APR_SUCCESS;
}

apr_status_t hostmap_scan_url(hostmap_url *url, hostmap_str text,
                              const char *no_scheme,
                              const hostmap_scan *scan)
{
    hostmap_str authority, tail;
    const char *user;
    apr_status_t rv;

    url->scheme = text;
    url->scheme.len = hostmap_scan_until(text, HOSTMAP_SCAN_COLON
                                         | HOSTMAP_SCAN_SLASH);
    url->port = 0;
    tail = hostmap_scan_behind(text, url->scheme.len);
    if (url->scheme.len == 0 || tail.len < 3
        || memcmp(tail.ptr, "://", 3) != 0) {
        return hostmap_scan_fail(scan, text.ptr, no_scheme);
    }

    authority = hostmap_scan_behind(tail, 3);
    authority.len = hostmap_scan_until(authority, HOSTMAP_SCAN_SLASH
                                       | HOSTMAP_SCAN_QUERY);
    url->rest = hostmap_scan_behind(tail, 3 + authority.len);
    rv = scan_authority(url, authority, scan);
    if (rv == APR_SUCCESS) {
        return APR_SUCCESS;
    }
    /* no host and no port holds an @: it explains whatever is wrong */
    user = memchr(authority.ptr, '@', authority.len);
    return user ? hostmap_scan_fail(scan, user,
                                    "a user name in a URL is refused") : rv;
}
