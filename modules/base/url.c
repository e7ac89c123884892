/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file url.c
 * @brief Scheme, host and port of a URL, and the schemes that mod_proxy has a
 *        handler for.
 */

#include <string.h>

#include "apr_cstr.h"

#include "url.h"

typedef struct url_scheme {
    hostmap_str name;
    apr_port_t port;
} url_scheme;

#define SCHEME(name, port) { { name, sizeof(name) - 1 }, port }

/** The most frequent ones come first. */
static const url_scheme url_schemes[] = {
    SCHEME("http", 80),
    SCHEME("https", 443),
    SCHEME("ws", 80),
    SCHEME("wss", 443),
    SCHEME("h2c", 80),
    SCHEME("h2", 443),
    SCHEME("fcgi", 8000),
    SCHEME("scgi", 4000),
    SCHEME("uwsgi", 3031),
    SCHEME("ajp", 8009),
    SCHEME("ftp", 21),
    SCHEME("balancer", 0)
};

#define SCHEMES (sizeof(url_schemes) / sizeof(url_schemes[0]))

static const url_scheme *url_scheme_find(hostmap_str scheme)
{
    apr_size_t i;

    for (i = 0; i < SCHEMES; i++) {
        const hostmap_str *name = &url_schemes[i].name;

        /* nearly always in lower case */
        if (scheme.len == name->len
            && (memcmp(scheme.ptr, name->ptr, name->len) == 0
                || apr_cstr_casecmpn(scheme.ptr, name->ptr, name->len) == 0)) {
            return &url_schemes[i];
        }
    }
    return NULL;
}

apr_port_t hostmap_scheme_port(hostmap_str scheme)
{
    const url_scheme *known = url_scheme_find(scheme);

    return known ? known->port : 0;
}

int hostmap_scheme_known(hostmap_str scheme)
{
    return url_scheme_find(scheme) != NULL;
}

/** After the authority. */
static int url_is_over(hostmap_str tail)
{
    return tail.len == 0
           || hostmap_scan_is(tail.ptr[0],
                              HOSTMAP_SCAN_SLASH | HOSTMAP_SCAN_QUERY);
}

/** Reads `[v6]` or a name at the front of text; tail: the rest. */
static apr_status_t url_host(hostmap_str *host, hostmap_str *tail,
                             hostmap_str text, const hostmap_scan *scan)
{
    if (text.len > 0 && text.ptr[0] == '[') {
        *host = hostmap_scan_after(text, 1);
        host->len = hostmap_scan_before(*host, ']');
        if (host->len + 1 == text.len || !hostmap_scan_ipv6(*host)) {
            return hostmap_scan_fail(scan, host->ptr,
                                     "expected an IPv6 address and `]`");
        }
        *tail = hostmap_scan_after(text, host->len + 2);
        return APR_SUCCESS;
    }

    *host = text;
    host->len = hostmap_scan_while(text, HOSTMAP_SCAN_NAME);
    *tail = hostmap_scan_after(text, host->len);
    if (!url_is_over(*tail) && tail->ptr[0] != ':') {
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

/** Host, port and rest of the text after scheme://. */
static apr_status_t url_authority(hostmap_url *url, hostmap_str text,
                                  const hostmap_scan *scan)
{
    apr_status_t rv = url_host(&url->host, &url->rest, text, scan);
    hostmap_str digits;

    if (rv != APR_SUCCESS || url_is_over(url->rest)) {
        return rv;
    }
    if (url->rest.ptr[0] != ':') {
        return hostmap_scan_fail(scan, url->rest.ptr,
                                 "expected a port or a path after `]`");
    }
    digits = hostmap_scan_after(url->rest, 1);
    digits.len = hostmap_scan_until(digits, HOSTMAP_SCAN_SLASH
                                    | HOSTMAP_SCAN_QUERY);
    if (!hostmap_scan_port(&url->port, digits)) {
        return hostmap_scan_fail(scan, digits.ptr,
                                 "the port is not a number of 1 to 65535");
    }
    url->rest = hostmap_scan_after(url->rest, 1 + digits.len);
    return APR_SUCCESS;
}

apr_status_t hostmap_scan_url(hostmap_url *url, hostmap_str text,
                              const char *no_scheme,
                              const hostmap_scan *scan)
{
    hostmap_str tail;
    const char *user;
    apr_status_t rv;

    url->scheme = text;
    url->scheme.len = hostmap_scan_until(text, HOSTMAP_SCAN_COLON
                                         | HOSTMAP_SCAN_SLASH);
    url->port = 0;
    tail = hostmap_scan_after(text, url->scheme.len);
    if (url->scheme.len == 0 || tail.len < 3
        || memcmp(tail.ptr, "://", 3) != 0) {
        return hostmap_scan_fail(scan, text.ptr, no_scheme);
    }

    tail = hostmap_scan_after(tail, 3);
    rv = url_authority(url, tail, scan);
    if (rv == APR_SUCCESS) {
        return APR_SUCCESS;
    }
    /* neither a host nor a port holds an @: it is the cause of the fault */
    tail.len = hostmap_scan_until(tail, HOSTMAP_SCAN_SLASH
                                  | HOSTMAP_SCAN_QUERY);
    user = memchr(tail.ptr, '@', tail.len);
    return user ? hostmap_scan_fail(scan, user,
                                    "a user name in a URL is refused") : rv;
}
