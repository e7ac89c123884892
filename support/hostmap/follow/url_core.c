/* SPDX-License-Identifier: Apache-2.0 */

/*
 * url_core.c: the URL that names a store.
 */

#include "url_core.h"

#include <string.h>

#include "base/scan.h"

#define REDIS_PORT      6379
#define SENTINEL_PORT   26379
#define DB_MAX          65535
/* sun_path, with its NUL */
#define SOCKET_MAX      107

#define NO_PASSWORD "a password: other users can read a command line, use " \
                    "--password-file"

static const struct {
    const char *begin;
    follow_scheme scheme;
    const char *store;
} schemes[] = {
    { "redis://", FOLLOW_REDIS, "redis" },
    { "rediss://", FOLLOW_REDIS_TLS, "redis" },
    { "redis+unix:", FOLLOW_REDIS_UNIX, "redis" },
    { "redis+sentinel://", FOLLOW_REDIS_SENTINEL, "redis" },
    { "postgresql://", FOLLOW_POSTGRESQL, "postgresql" },
    { "postgres://", FOLLOW_POSTGRESQL, "postgresql" }
};

#define SCHEMES (sizeof(schemes) / sizeof(schemes[0]))

const char *follow_scheme_store(follow_scheme scheme)
{
    apr_size_t i;

    for (i = 0; i < SCHEMES && schemes[i].scheme != scheme; i++) {
    }

    return i < SCHEMES ? schemes[i].store : "";
}

/* Take what stands before a byte, or all, off the front of rest. */
static hostmap_str take_before(hostmap_str *rest, char stop)
{
    apr_size_t len = hostmap_scan_before(*rest, stop);
    hostmap_str front = hostmap_str_of(rest->ptr, len);

    *rest = hostmap_scan_after(*rest, len < rest->len ? len + 1 : len);

    return front;
}

static int is_visible(hostmap_str text)
{
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~') {
            return 0;
        }
    }

    return 1;
}

/* ---- hosts ------------------------------------------------------------- */

static int is_name(hostmap_str host)
{
    return host.len > 0 && host.len < 256
           && hostmap_scan_while(host, HOSTMAP_SCAN_NAME) == host.len;
}

/* [v6]:port, host:port */
static int take_host(follow_host *host, hostmap_str text, apr_port_t port)
{
    hostmap_str rest = text;

    host->port = port;
    if (text.len && text.ptr[0] == '[') {
        rest = hostmap_scan_after(text, 1);
        if (hostmap_scan_before(rest, ']') == rest.len) {
            return 0;
        }
        host->name = take_before(&rest, ']');
        if (!hostmap_scan_ipv6(host->name)) {
            return 0;
        }
        if (rest.len && rest.ptr[0] != ':') {
            return 0;
        }
        return rest.len == 0
               || hostmap_scan_port(&host->port,
                                    hostmap_scan_after(rest, 1));
    }
    host->name = hostmap_str_of(text.ptr, hostmap_scan_before(text, ':'));
    rest = hostmap_scan_after(text, host->name.len);

    return is_name(host->name)
           && (rest.len == 0
               || hostmap_scan_port(&host->port,
                                    hostmap_scan_after(rest, 1)));
}

static apr_status_t take_user(follow_url *url, hostmap_str *authority,
                              const hostmap_scan *scan)
{
    apr_size_t at = hostmap_scan_before(*authority, '@');

    if (at == authority->len) {
        return APR_SUCCESS;
    }
    url->user = hostmap_str_of(authority->ptr, at);
    *authority = hostmap_scan_after(*authority, at + 1);
    if (hostmap_scan_before(url->user, ':') < at) {
        return hostmap_scan_fail(scan, url->user.ptr, NO_PASSWORD);
    }

    return APR_SUCCESS;
}

static apr_status_t take_hosts(follow_url *url, hostmap_str authority,
                               const hostmap_scan *scan)
{
    apr_port_t port = url->scheme == FOLLOW_REDIS_SENTINEL ? SENTINEL_PORT
                                                           : REDIS_PORT;
    const char *end = authority.ptr + authority.len;
    hostmap_str rest = authority;

    do {
        hostmap_str one = take_before(&rest, ',');

        if (url->count == FOLLOW_HOSTS_MAX) {
            return hostmap_scan_fail(scan, one.ptr, "too many hosts");
        }
        if (!take_host(&url->hosts[url->count], one, port)) {
            return hostmap_scan_fail(scan, one.ptr, "not a host, expected "
                                     "host or host:port");
        }
        url->count++;
        if (rest.len == 0 && end > authority.ptr && end[-1] == ','
            && one.ptr + one.len < end) {
            return hostmap_scan_fail(scan, end, "no host after the comma");
        }
    } while (rest.len);

    return APR_SUCCESS;
}

/* ---- path and query ---------------------------------------------------- */

static apr_status_t take_db(follow_url *url, hostmap_str text,
                            const hostmap_scan *scan)
{
    apr_int64_t number;

    if (!hostmap_scan_number(&number, text) || number > DB_MAX) {
        return hostmap_scan_fail(scan, text.ptr, "not the number of a "
                                 "database");
    }
    url->db = (unsigned)number;

    return APR_SUCCESS;
}

static apr_status_t take_name(follow_url *url, hostmap_str text,
                              const hostmap_scan *scan)
{
    if (text.len == 0 || text.len > FOLLOW_NAME_MAX
        || hostmap_scan_while(text, HOSTMAP_SCAN_NAME) != text.len) {
        return hostmap_scan_fail(scan, text.ptr, "not a name: letters, "
                                 "digits, `.`, `-`, `_`");
    }
    url->name = text;

    return APR_SUCCESS;
}

static apr_status_t take_path(follow_url *url, hostmap_str path,
                              const hostmap_scan *scan)
{
    if (url->scheme == FOLLOW_REDIS_SENTINEL) {
        url->master = take_before(&path, '/');
        if (url->master.len == 0 || url->master.len > FOLLOW_NAME_MAX
            || !is_visible(url->master)) {
            return hostmap_scan_fail(scan, url->master.ptr, "no name of a "
                                     "master, expected "
                                     "redis+sentinel://hosts/master");
        }
    }

    return path.len ? take_db(url, path, scan) : APR_SUCCESS;
}

static apr_status_t take_query(follow_url *url, hostmap_str query,
                               const hostmap_scan *scan)
{
    apr_status_t rv = APR_SUCCESS;

    while (query.len && rv == APR_SUCCESS) {
        hostmap_str value = take_before(&query, '&');
        hostmap_str word = value;
        hostmap_str name = take_before(&value, '=');

        if (hostmap_scan_equal(name, "name")) {
            rv = take_name(url, value, scan);
        }
        else if (hostmap_scan_equal(name, "password")) {
            rv = hostmap_scan_fail(scan, word.ptr, NO_PASSWORD);
        }
        else if (url->scheme != FOLLOW_REDIS_UNIX) {
            rv = hostmap_scan_fail(scan, word.ptr, "unknown, expected name=");
        }
        else if (hostmap_scan_equal(name, "db")) {
            rv = take_db(url, value, scan);
        }
        else if (hostmap_scan_equal(name, "user") && value.len) {
            url->user = value;
        }
        else {
            rv = hostmap_scan_fail(scan, word.ptr, "unknown, expected name=, "
                                   "db= or user=");
        }
    }

    return rv;
}

/* ---- the kinds --------------------------------------------------------- */

static apr_status_t take_socket(follow_url *url, hostmap_str rest,
                                const hostmap_scan *scan)
{
    url->socket = take_before(&rest, '?');
    if (url->socket.len == 0 || url->socket.ptr[0] != '/'
        || url->socket.len > SOCKET_MAX) {
        return hostmap_scan_fail(scan, url->socket.ptr, "not the path of a "
                                 "socket, expected redis+unix:/path");
    }

    return take_query(url, rest, scan);
}

static apr_status_t take_network(follow_url *url, hostmap_str rest,
                                 const hostmap_scan *scan)
{
    hostmap_str before = take_before(&rest, '?');
    hostmap_str authority = take_before(&before, '/');
    apr_status_t rv = take_user(url, &authority, scan);

    if (rv == APR_SUCCESS) {
        rv = take_hosts(url, authority, scan);
    }
    if (rv == APR_SUCCESS) {
        rv = take_path(url, before, scan);
    }

    return rv == APR_SUCCESS ? take_query(url, rest, scan) : rv;
}

/* libpq parses it: only our own word and passwords are looked for. */
static apr_status_t take_libpq(follow_url *url, hostmap_str text,
                               hostmap_str rest, const hostmap_scan *scan)
{
    const char *end = text.ptr + text.len;
    hostmap_str authority = take_before(&rest, '?');
    apr_status_t rv;

    url->before = text;
    url->after = hostmap_str_of(end, 0);
    authority.len = hostmap_scan_before(authority, '/');
    rv = take_user(url, &authority, scan);
    while (rest.len && rv == APR_SUCCESS) {
        hostmap_str value = take_before(&rest, '&');
        hostmap_str word = value;
        hostmap_str name = take_before(&value, '=');

        if (hostmap_scan_equal(name, "password")) {
            rv = hostmap_scan_fail(scan, word.ptr, NO_PASSWORD);
        }
        else if (hostmap_scan_equal(name, "name")) {
            rv = take_name(url, value, scan);
            url->before.len = (apr_size_t)(word.ptr - text.ptr);
            url->after = rest;
        }
    }
    /* the `?` or `&` before our word goes when nothing follows it */
    if (url->after.len == 0 && url->before.len < text.len) {
        url->before.len--;
    }

    return rv;
}

apr_status_t follow_url_parse(follow_url *url, hostmap_str text,
                              hostmap_bad *bad)
{
    hostmap_scan scan = { text.ptr, bad };
    hostmap_str rest;
    apr_size_t i;

    memset(url, 0, sizeof(*url));
    url->name = hostmap_str_of("hosts", 5);
    for (i = 0; i < SCHEMES; i++) {
        apr_size_t len = strlen(schemes[i].begin);

        if (text.len >= len && memcmp(text.ptr, schemes[i].begin, len) == 0) {
            break;
        }
    }
    if (i == SCHEMES) {
        return hostmap_scan_fail(&scan, text.ptr, "not a URL of a store: "
                                 "expected redis://, rediss://, redis+unix:, "
                                 "redis+sentinel:// or postgresql://");
    }
    url->scheme = schemes[i].scheme;
    rest = hostmap_scan_after(text, strlen(schemes[i].begin));
    if (!is_visible(rest)) {
        return hostmap_scan_fail(&scan, text.ptr, "a URL holds no blanks and "
                                 "control bytes");
    }
    switch (url->scheme) {
    case FOLLOW_REDIS_UNIX:
        return take_socket(url, rest, &scan);
    case FOLLOW_POSTGRESQL:
        return take_libpq(url, text, rest, &scan);
    default:
        return take_network(url, rest, &scan);
    }
}
