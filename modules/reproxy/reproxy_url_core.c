/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The grammar of X-Reproxy-URL.  mod_proxy_http reads the same bytes again
 * with apr_uri_parse, which takes a user name, an empty port and any byte in a
 * host: what it would read in another way is refused, and the fuzz target
 * compares the two.
 */

#include <string.h>

#include "apr_cstr.h"
#include "apr_lib.h"

#include "base/url.h"
#include "base/scan.h"
#include "reproxy_url_core.h"

#define URL_SCHEME "expected an http or https URL"

int reproxy_url_next(hostmap_str *word, hostmap_str *rest)
{
    do {
        *word = hostmap_scan_word(rest);
        if (word->len > 0 && word->ptr[word->len - 1] == ','
            && rest->len > 0) {
            word->len--;
        }
    } while (word->len == 0 && rest->len > 0);
    return word->len > 0;
}

apr_status_t reproxy_url_labels(hostmap_str name, hostmap_bad *bad)
{
    hostmap_scan scan;
    apr_size_t i;

    scan.base = name.ptr;
    scan.bad = bad;
    for (i = 0; i < name.len; i++) {
        if (name.ptr[i] == '.' && (i == 0 || name.ptr[i - 1] == '.')) {
            return hostmap_scan_fail(&scan, name.ptr + i,
                                     "expected a label before the dot");
        }
    }
    return APR_SUCCESS;
}

/** Why no URL may hold a byte; NULL: it may. */
static const char *url_byte(char c)
{
    static const char never[] = "\"<>\\^`{|}";

    if (c == '#') {
        return "a fragment is refused";
    }
    if ((unsigned char)c <= ' ' || (unsigned char)c >= 0x7f) {
        return "blanks, control characters and bytes outside ASCII are "
               "refused in a URL";
    }
    if (memchr(never, c, sizeof(never) - 1)) {
        return "a byte that no URL holds: expected it as %XX";
    }
    return NULL;
}

apr_status_t reproxy_url_parse(reproxy_url *url, const char *text,
                               apr_size_t len, hostmap_bad *bad)
{
    hostmap_scan scan;
    hostmap_url parts;
    const char *reason;
    apr_size_t i;
    apr_status_t rv;

    scan.base = text;
    scan.bad = bad;
    url->text.ptr = text;
    url->text.len = len;
    if (len > REPROXY_URL_MAX) {
        return hostmap_scan_fail(&scan, text + REPROXY_URL_MAX,
                                 "the URL is longer than 8190 bytes");
    }
    url->scheme = url->text;
    url->scheme.len = hostmap_scan_before(url->text, ':');
    if (!hostmap_scan_equal(url->scheme, "http")
        && !hostmap_scan_equal(url->scheme, "https")) {
        return hostmap_scan_fail(&scan, text, URL_SCHEME);
    }
    rv = hostmap_scan_url(&parts, url->text, URL_SCHEME, &scan);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = reproxy_url_labels(parts.host, bad);
    if (rv != APR_SUCCESS) {
        if (bad) {
            bad->pos += (apr_size_t)(parts.host.ptr - text);
        }
        return rv;
    }
    for (i = 0; i < parts.rest.len; i++) {
        reason = url_byte(parts.rest.ptr[i]);
        if (reason) {
            return hostmap_scan_fail(&scan, parts.rest.ptr + i, reason);
        }
    }
    url->host = parts.host;
    url->port = parts.port ? parts.port : hostmap_scheme_port(url->scheme);
    url->path = parts.rest;
    return APR_SUCCESS;
}

static char *url_put_lower(char *out, hostmap_str str)
{
    apr_size_t i;

    for (i = 0; i < str.len; i++) {
        *out++ = (char)apr_tolower(str.ptr[i]);
    }
    return out;
}

static char *url_put(char *out, const char *text)
{
    apr_size_t len = strlen(text);

    memcpy(out, text, len);
    return out + len;
}

static char *url_put_port(char *out, apr_port_t port)
{
    char digits[sizeof(":65535")];
    char *first = digits + sizeof(digits) - 1;

    *first = '\0';
    for (; port > 0; port /= 10) {
        *--first = (char)('0' + port % 10);
    }
    *--first = ':';
    return url_put(out, first);
}

apr_size_t reproxy_url_origin(char *origin, const reproxy_url *url)
{
    int is_v6 = memchr(url->host.ptr, ':', url->host.len) != NULL;
    hostmap_str host = url->host;
    char *end;

    if (host.ptr[host.len - 1] == '.') {
        host.len--;
    }
    end = url_put_lower(origin, url->scheme);
    end = url_put(end, is_v6 ? "://[" : "://");
    end = url_put_lower(end, host);
    end = url_put(end, is_v6 ? "]" : "");
    if (url->port != hostmap_scheme_port(url->scheme)) {
        end = url_put_port(end, url->port);
    }
    *end = '\0';
    return (apr_size_t)(end - origin);
}
