/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The rules of ReproxyAllow.  The path comes from the app and may hold what a
 * user typed: a rule that names a folder has to hold although storage resolves
 * dot segments in its own way.  So the test for them accepts more spellings
 * than any one server.
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "apr_cstr.h"
#include "apr_lib.h"

#include "base/url.h"
#include "reproxy_allow_core.h"
#include "base/scan.h"

/** No byte of a path is left. */
#define ALLOW_END (-1)

static hostmap_str allow_without_dot(hostmap_str host)
{
    if (host.len > 0 && host.ptr[host.len - 1] == '.') {
        host.len--;
    }
    return host;
}

static int allow_equal(hostmap_str a, hostmap_str b)
{
    return a.len == b.len && apr_cstr_casecmpn(a.ptr, b.ptr, a.len) == 0;
}

/** Reads an IPv6 literal: 1; or 0 for names and IPv4 addresses. */
static int allow_address(struct in6_addr *address, hostmap_str host)
{
    char text[INET6_ADDRSTRLEN];

    if (host.len >= sizeof(text) || !memchr(host.ptr, ':', host.len)) {
        return 0;
    }
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET6, text, address) == 1;
}

static int allow_same_host(hostmap_str a, hostmap_str b)
{
    struct in6_addr address_a, address_b;

    if (allow_address(&address_a, a)) {
        return allow_address(&address_b, b)
               && memcmp(&address_a, &address_b, sizeof(address_a)) == 0;
    }
    return allow_equal(allow_without_dot(a), allow_without_dot(b));
}

/** The path without the query, `/` when there is none. */
static hostmap_str allow_path(const reproxy_url *url)
{
    hostmap_str path = url->path;

    path.len = hostmap_scan_before(path, '?');
    if (path.len == 0) {
        path.ptr = "/";
        path.len = 1;
    }
    return path;
}

static int allow_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)apr_tolower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/** Takes a byte off the front of a path, its escapes resolved: `%2e` is a dot
 *  and `%252e` is one, too. */
static int allow_byte(hostmap_str *path)
{
    apr_size_t at = 1;
    int c = (unsigned char)path->ptr[0];

    if (c == '%') {
        while (path->len > at + 2 && memcmp(path->ptr + at, "25", 2) == 0) {
            at += 2;
        }
        if (path->len >= at + 2 && allow_hex(path->ptr[at]) >= 0
            && allow_hex(path->ptr[at + 1]) >= 0) {
            c = allow_hex(path->ptr[at]) * 16 + allow_hex(path->ptr[at + 1]);
            at += 2;
        }
        else {
            at = 1;
        }
    }
    *path = hostmap_scan_after(*path, at);
    return c;
}

/** Bytes at which some server ends a segment or takes it to end: a parameter,
 *  an escaped query, and what is cut off the end of a file's name. */
static int allow_ends_segment(int c)
{
    return c == '/' || c == '\\' || c == ';' || c == '?' || c == '#'
           || c <= ' ' || c == 0x7f;
}

/** Is a segment `.` or `..`? */
static int allow_has_dots(hostmap_str path)
{
    int dots = 0;       /* of the segment so far; -1: it holds others, too */
    int c;

    do {
        c = path.len > 0 ? allow_byte(&path) : ALLOW_END;
        if (c == '.' && dots >= 0) {
            dots++;
        }
        else if (allow_ends_segment(c) && (dots == 1 || dots == 2)) {
            return 1;
        }
        else {
            dots = c == '/' || c == '\\' ? 0 : -1;
        }
    } while (c != ALLOW_END);
    return 0;
}

/** Does base hold path at a segment boundary? */
static int allow_under(hostmap_str base, hostmap_str path)
{
    return path.len >= base.len
           && memcmp(path.ptr, base.ptr, base.len) == 0
           && (path.len == base.len || base.ptr[base.len - 1] == '/'
               || path.ptr[base.len] == '/');
}

/** Is the last label a number?  Then the resolver reads the host as an IPv4
 *  address, also `127.1` and `0x7f000001`. */
static int allow_is_number(hostmap_str host)
{
    apr_size_t i, first;

    host = allow_without_dot(host);
    first = host.len;
    while (first > 0 && host.ptr[first - 1] != '.') {
        first--;
    }
    host = hostmap_scan_after(host, first);
    if (host.len >= 2 && host.ptr[0] == '0'
        && (host.ptr[1] == 'x' || host.ptr[1] == 'X')) {
        return 1;
    }
    for (i = 0; i < host.len; i++) {
        if (!hostmap_scan_is_digit(host.ptr[i])) {
            return 0;
        }
    }
    return 1;
}

static int allow_below(const reproxy_allow *rule, const reproxy_url *url)
{
    hostmap_str host = allow_without_dot(url->host);
    apr_port_t port = rule->port ? rule->port
                                 : hostmap_scheme_port(url->scheme);

    if (url->port != port || host.len <= rule->suffix.len
        || (rule->scheme.len > 0 && !allow_equal(rule->scheme, url->scheme))) {
        return 0;
    }
    return allow_equal(hostmap_scan_after(host, host.len - rule->suffix.len),
                       rule->suffix);
}

/** Reads what follows the name: `:PORT` or nothing. */
static apr_status_t allow_parse_port(reproxy_allow *rule, hostmap_str rest,
                                     const hostmap_scan *scan)
{
    if (rest.len == 0) {
        return APR_SUCCESS;
    }
    if (rest.ptr[0] != ':') {
        return hostmap_scan_fail(scan, rest.ptr,
                                 "expected a host name after `*.`, and at "
                                 "most a port after it");
    }
    rest = hostmap_scan_after(rest, 1);
    if (!hostmap_scan_port(&rule->port, rest)) {
        return hostmap_scan_fail(scan, rest.ptr,
                                 "the port is not a number of 1 to 65535");
    }
    return APR_SUCCESS;
}

static apr_status_t allow_parse_suffix(reproxy_allow *rule, hostmap_str text,
                                       const hostmap_scan *scan)
{
    hostmap_str name;
    apr_size_t len;
    apr_status_t rv;

    if (text.len < 3 || text.ptr[1] != '.') {
        return hostmap_scan_fail(scan, text.ptr, "expected `*.` and a name");
    }
    name = hostmap_scan_after(text, 2);
    len = hostmap_scan_while(name, HOSTMAP_SCAN_NAME);
    rv = allow_parse_port(rule, hostmap_scan_after(name, len), scan);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    name.len = len;
    rv = reproxy_url_labels(name, scan->bad);
    if (rv != APR_SUCCESS) {
        if (scan->bad) {
            scan->bad->pos += (apr_size_t)(name.ptr - scan->base);
        }
        return rv;
    }
    if (allow_is_number(name)) {
        return hostmap_scan_fail(scan, name.ptr,
                                 "no address is below a name: expected a "
                                 "name whose last label is not a number");
    }
    rule->suffix = hostmap_scan_after(text, 1);
    rule->suffix.len = 1 + len;
    rule->suffix = allow_without_dot(rule->suffix);
    return APR_SUCCESS;
}

/** Length of `http://` or `https://` before a `*`; 0: the text begins in
 *  another way. */
static apr_size_t allow_scheme(reproxy_allow *rule, hostmap_str text)
{
    apr_size_t len = hostmap_scan_before(text, ':');
    hostmap_str scheme = text;

    scheme.len = len;
    if (text.len < len + 4 || memcmp(text.ptr + len, "://*", 4) != 0
        || (!hostmap_scan_equal(scheme, "http")
            && !hostmap_scan_equal(scheme, "https"))) {
        return 0;
    }
    rule->scheme = scheme;
    return len + 3;
}

apr_status_t reproxy_allow_parse(reproxy_allow *rule, const char *text,
                                 apr_size_t len, hostmap_bad *bad)
{
    hostmap_scan scan;
    hostmap_str all, path;
    apr_size_t at;
    apr_status_t rv;

    scan.base = text;
    scan.bad = bad;
    memset(rule, 0, sizeof(*rule));
    all = hostmap_str_of(text, len);
    all = hostmap_scan_after(all, allow_scheme(rule, all));
    if (all.len > 0 && all.ptr[0] == '*') {
        return allow_parse_suffix(rule, all, &scan);
    }
    rv = reproxy_url_parse(&rule->prefix, text, len, bad);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    path = rule->prefix.path;
    at = hostmap_scan_before(path, '?');
    if (at < path.len) {
        return hostmap_scan_fail(&scan, path.ptr + at,
                                 "a query is refused: paths are compared, "
                                 "queries are not");
    }
    at = hostmap_scan_before(path, '*');
    if (at < path.len) {
        return hostmap_scan_fail(&scan, path.ptr + at,
                                 "a prefix needs no `*`");
    }
    if (allow_has_dots(path)) {
        return hostmap_scan_fail(&scan, path.ptr,
                                 "dot segments are refused in the path");
    }
    return APR_SUCCESS;
}

int reproxy_allow_match(const reproxy_allow *rule, const reproxy_url *url)
{
    const reproxy_url *prefix = &rule->prefix;
    hostmap_str path;

    if (rule->suffix.len > 0) {
        return allow_below(rule, url);
    }
    path = allow_path(url);
    return allow_equal(url->scheme, prefix->scheme)
           && url->port == prefix->port
           && allow_same_host(url->host, prefix->host)
           && allow_under(allow_path(prefix), path)
           && !allow_has_dots(path);
}
