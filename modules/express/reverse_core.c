/* SPDX-License-Identifier: Apache-2.0 */

/*
 * ProxyPassReverse for one entry.  A response comes from the backend: nothing
 * in it may send the client to a place that the entry does not serve (`..` out
 * of the prefix), or turn a path into a URL of another host (`//x`).
 */

#include <string.h>

#include "apr_cstr.h"
#include "apr_lib.h"
#include "apr_strings.h"

#include "base/url.h"
#include "reverse_core.h"

/** Scheme (empty: none written), host and port of a URL. */
typedef struct reverse_origin {
    hostmap_str scheme;
    hostmap_str host;
    /** host was written between brackets */
    int bracketed;
    /** 0: none written */
    apr_port_t port;
} reverse_origin;

static int reverse_equal(hostmap_str a, hostmap_str b)
{
    return a.len == b.len && apr_cstr_casecmpn(a.ptr, b.ptr, a.len) == 0;
}

/** What a browser speaks to a backend of this scheme: 'h' http, 's' https,
 *  0 neither. */
static char reverse_family(hostmap_str scheme)
{
    static const struct {
        const char *name;
        char family;
    } schemes[] = {
        { "http", 'h' }, { "ws", 'h' }, { "h2c", 'h' },
        { "https", 's' }, { "wss", 's' }, { "h2", 's' }
    };
    apr_size_t i;

    for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        hostmap_str name;

        name.ptr = schemes[i].name;
        name.len = strlen(name.ptr);
        if (reverse_equal(scheme, name)) {
            return schemes[i].family;
        }
    }
    return 0;
}

static int reverse_same_host(hostmap_str a, hostmap_str b)
{
    if (a.len > 0 && a.ptr[a.len - 1] == '.') {
        a.len--;
    }
    if (b.len > 0 && b.ptr[b.len - 1] == '.') {
        b.len--;
    }
    return a.len > 0 && reverse_equal(a, b);
}

/** The backend's path without slashes at its end. */
static hostmap_str reverse_base(const hostmap_entry *entry)
{
    hostmap_str base = entry->path;

    while (base.len > 0 && base.ptr[base.len - 1] == '/') {
        base.len--;
    }
    return base;
}

/** The rest of path (len bytes) after base, if it ends there or goes on with a
 *  byte of stop; NULL: not under base. */
static const char *reverse_under(hostmap_str base, const char *path,
                                 apr_size_t len, const char *stop)
{
    if (len < base.len || memcmp(path, base.ptr, base.len) != 0) {
        return NULL;
    }
    if (len > base.len && !strchr(stop, path[base.len])) {
        return NULL;
    }
    return path + base.len;
}

static int reverse_hex(char c)
{
    return apr_isdigit(c) ? c - '0' : apr_tolower(c) - 'a' + 10;
}

/** The byte at *s, which is moved past it, with an escape decoded; an escaped
 *  slash is not a slash (RFC 3986, 6.2.2.2). */
static int reverse_byte(const char **s, const char *end)
{
    const char *at = *s;

    if (end - at >= 3 && at[0] == '%' && apr_isxdigit(at[1])
        && apr_isxdigit(at[2])) {
        int byte = reverse_hex(at[1]) << 4 | reverse_hex(at[2]);

        *s += 3;
        return byte == '/' ? 0x100 | byte : byte;
    }
    (*s)++;
    return (unsigned char)*at;
}

/** The rest of path after the entry's prefix, however either is escaped, if it
 *  ends there or goes on with a byte of stop; NULL: not in the prefix. */
static const char *reverse_in_prefix(const reverse_map *map, hostmap_str path,
                                     const char *stop)
{
    const char *prefix = map->prefix;
    const char *prefix_end = prefix + strlen(prefix);
    const char *s = path.ptr, *end = path.ptr + path.len;

    if (prefix == prefix_end) {
        return NULL;
    }
    while (prefix < prefix_end) {
        if (s == end || reverse_byte(&s, end)
                        != reverse_byte(&prefix, prefix_end)) {
            return NULL;
        }
    }
    return s == end || strchr(stop, *s) ? s : NULL;
}

/** Is the path the client's as it stands?  Of prefix and backend's path, which
 *  both may hold it, the longer one decides. */
static int reverse_is_clients(const reverse_map *map, hostmap_str path,
                              const char *stop)
{
    hostmap_str base = reverse_base(map->entry);
    const char *longer = reverse_in_prefix(map, base, "/");

    if (longer && longer < base.ptr + base.len
        && reverse_under(base, path.ptr, path.len, stop)) {
        return 0;
    }
    return reverse_in_prefix(map, path, stop) != NULL;
}

/** Returns the end of the dot at s, `.` or `%2e`; NULL if there is none. */
static const char *reverse_dot(const char *s)
{
    if (*s == '.') {
        return s + 1;
    }
    return apr_cstr_casecmpn(s, "%2e", 3) == 0 ? s + 3 : NULL;
}

/** Is one of the segments before the query a `..`? */
static int reverse_climbs(const char *path)
{
    const char *end = path + strcspn(path, "?#");
    const char *s, *dot;

    for (s = path; s < end; s++) {
        if (*s == '/') {
            dot = reverse_dot(s + 1);
            dot = dot ? reverse_dot(dot) : NULL;
            if (dot && (dot == end || *dot == '/')) {
                return 1;
            }
        }
    }
    return 0;
}

/** Backslashes and control characters, which browsers read as slashes or not
 *  at all. */
static int reverse_unsafe(const char *url)
{
    for (; *url; url++) {
        if ((unsigned char)*url < 0x20 || *url == 0x7f || *url == '\\') {
            return 1;
        }
    }
    return 0;
}

/** An empty port is the scheme's (RFC 3986, 6.2.3). */
static int reverse_port(apr_port_t *port, const char *s, const char *end)
{
    unsigned long number = 0;

    if (s == end) {
        *port = 0;
        return 1;
    }
    for (; s < end; s++) {
        if (*s < '0' || *s > '9') {
            return 0;
        }
        number = number * 10 + (unsigned long)(*s - '0');
        if (number > 65535) {
            return 0;
        }
    }
    *port = (apr_port_t)number;
    return number > 0;
}

/** Reads `host[:port]` without userinfo: the bytes after it, or NULL. */
static const char *reverse_authority(reverse_origin *origin, const char *s)
{
    const char *end = s + strcspn(s, "/?#");
    const char *stop;

    origin->bracketed = (*s == '[');
    if (memchr(s, '@', (apr_size_t)(end - s))) {
        return NULL;
    }
    if (origin->bracketed) {
        s++;
        stop = memchr(s, ']', (apr_size_t)(end - s));
        if (stop == NULL) {
            return NULL;
        }
    }
    else {
        stop = memchr(s, ':', (apr_size_t)(end - s));
        if (stop == NULL) {
            stop = end;
        }
    }
    origin->host.ptr = s;
    origin->host.len = (apr_size_t)(stop - s);
    origin->port = 0;
    if (origin->bracketed) {
        stop++;
    }
    if (stop < end
        && (*stop != ':' || !reverse_port(&origin->port, stop + 1, end))) {
        return NULL;
    }
    return end;
}

/** Reads the start of an absolute or scheme-relative URL: the path after it, or
 *  NULL for all other references. */
static const char *reverse_split(reverse_origin *origin, const char *url)
{
    origin->scheme.ptr = url;
    origin->scheme.len = 0;
    if (url[0] != '/') {
        origin->scheme.len = strcspn(url, ":/?#");
        url += origin->scheme.len;
        if (origin->scheme.len == 0 || *url != ':') {
            return NULL;
        }
        url++;
    }
    if (url[0] != '/' || url[1] != '/') {
        return NULL;
    }
    return reverse_authority(origin, url + 2);
}

/** Does the URL name the backend of the entry? */
static int reverse_is_backend(const hostmap_entry *entry,
                              const reverse_origin *origin)
{
    int is_v6 = memchr(entry->host.ptr, ':', entry->host.len) != NULL;
    hostmap_str scheme = origin->scheme;
    apr_port_t port = origin->port;
    apr_port_t backend_port = entry->port;

    if (scheme.len == 0) {
        scheme = entry->scheme;
    }
    if (port == 0) {
        port = hostmap_scheme_port(scheme);
    }
    if (backend_port == 0) {
        backend_port = hostmap_scheme_port(entry->scheme);
    }
    return reverse_family(entry->scheme) != 0
           && reverse_family(scheme) == reverse_family(entry->scheme)
           && port == backend_port
           && origin->bracketed == is_v6
           && reverse_same_host(origin->host, entry->host);
}

/** Puts front and prefix where the backend's path was; front alone before a
 *  path that is the client's. */
static const char *reverse_join(const reverse_map *map, const char *front,
                                const char *path, apr_pool_t *pool)
{
    const char *rest = reverse_under(reverse_base(map->entry), path,
                                     strlen(path), "/?#");
    const char *slash = "";

    if (reverse_is_clients(map, hostmap_str_text(path), "/?#")) {
        return *front == '\0' || reverse_climbs(path)
               ? NULL : apr_pstrcat(pool, front, path, NULL);
    }
    if (rest == NULL || reverse_climbs(rest)) {
        return NULL;
    }
    /* `/app//evil.example` must not become `//evil.example` */
    if (*front == '\0' && *map->prefix == '\0') {
        while (rest[0] == '/' && rest[1] == '/') {
            rest++;
        }
    }
    if (*rest != '/' && (*path != '/' || *map->prefix == '\0')) {
        slash = "/";
    }
    return apr_pstrcat(pool, front, map->prefix, slash, rest, NULL);
}

const char *reverse_location(const reverse_map *map, const char *url,
                             apr_pool_t *pool)
{
    reverse_origin origin;
    const char *path;

    if (reverse_unsafe(url)) {
        return NULL;
    }
    if (url[0] == '/' && url[1] != '/') {
        if (reverse_base(map->entry).len == 0 && *map->prefix == '\0') {
            return NULL;
        }
        return reverse_join(map, "", url, pool);
    }
    path = reverse_split(&origin, url);
    if (path == NULL || !reverse_is_backend(map->entry, &origin)) {
        return NULL;
    }
    return reverse_join(map, map->front, path, pool);
}

/* ---- cookies ----------------------------------------------------------- */

/** A longer Path is ignored by browsers (RFC 6265bis, 5.6). */
#define REVERSE_PATH_MAX 1024

/** Where a rewritten cookie goes; first counted (out NULL), then written. */
typedef struct reverse_sink {
    char *out;
    apr_size_t len;
    int changed;
} reverse_sink;

static void reverse_put(reverse_sink *sink, const char *bytes,
                        apr_size_t len)
{
    if (sink->out && len > 0) {
        memcpy(sink->out + sink->len, bytes, len);
    }
    sink->len += len;
}

static hostmap_str reverse_trim(const char *start, const char *end)
{
    hostmap_str str;

    while (start < end && (*start == ' ' || *start == '\t')) {
        start++;
    }
    while (end > start && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    str.ptr = start;
    str.len = (apr_size_t)(end - start);
    return str;
}

static int reverse_named(hostmap_str name, const char *wanted)
{
    return name.len == strlen(wanted)
           && apr_cstr_casecmpn(name.ptr, wanted, name.len) == 0;
}

/** A Domain that is the backend's own host, with RFC 6265's ignored dot. */
static int reverse_own_domain(const hostmap_entry *entry, hostmap_str domain)
{
    if (domain.len > 0 && domain.ptr[0] == '.') {
        domain.ptr++;
        domain.len--;
    }
    return reverse_family(entry->scheme) != 0
           && reverse_same_host(domain, entry->host);
}

/** An attribute of a cookie, and where it stands. */
typedef struct reverse_place {
    const char *cookie;
    /** from its `;` to the next or the end */
    const char *start;
    const char *end;
} reverse_place;

/** Does the cookie's name begin with __Host-?  Then its Path has to be `/`. */
static int reverse_is_host_only(const char *cookie)
{
    static const char host_only[] = "__Host-";

    return apr_cstr_casecmpn(cookie + strspn(cookie, " \t"), host_only,
                             sizeof(host_only) - 1) == 0;
}

/** Writes the attribute with another path: 1; or 0 when its path stays. */
static int reverse_cookie_path(reverse_sink *sink, const reverse_map *map,
                               const reverse_place *at, hostmap_str path)
{
    hostmap_str base = reverse_base(map->entry);
    apr_size_t prefix_len = strlen(map->prefix), rest_len;
    const char *rest;

    if (path.len == 0 || path.ptr[0] != '/' || base.len == 0
        || reverse_is_clients(map, path, "/")) {
        return 0;
    }
    rest = reverse_under(base, path.ptr, path.len, "/");
    if (rest == NULL) {
        return 0;
    }
    rest_len = (apr_size_t)(path.ptr + path.len - rest);
    if (prefix_len + rest_len > REVERSE_PATH_MAX
        || (prefix_len + rest_len > 1 && reverse_is_host_only(at->cookie))) {
        return 0;
    }
    reverse_put(sink, at->start, (apr_size_t)(path.ptr - at->start));
    reverse_put(sink, map->prefix, prefix_len);
    if (prefix_len + rest_len == 0) {
        reverse_put(sink, "/", 1);
    }
    reverse_put(sink, rest, (apr_size_t)(at->end - rest));
    return 1;
}

/** Can an attribute whose name begins so be one that changes? */
static int reverse_may_change(const reverse_map *map, char first)
{
    switch (first) {
    case 'D':
    case 'd':
        return 1;
    case 'P':
    case 'p':
        return map->entry->path.len > 0;
    default:
        return 0;
    }
}

static void reverse_attribute(reverse_sink *sink, const reverse_map *map,
                              const reverse_place *at)
{
    hostmap_str name = reverse_trim(at->start + 1, at->end), value;
    const char *equal;

    if (name.len > 0 && reverse_may_change(map, name.ptr[0])
        && (equal = memchr(name.ptr, '=', name.len)) != NULL) {
        name = reverse_trim(name.ptr, equal);
        value = reverse_trim(equal + 1, at->end);
        if (reverse_named(name, "domain")
            && reverse_own_domain(map->entry, value)) {
            sink->changed = 1;
            return;
        }
        if (reverse_named(name, "path")
            && reverse_cookie_path(sink, map, at, value)) {
            sink->changed = 1;
            return;
        }
    }
    reverse_put(sink, at->start, (apr_size_t)(at->end - at->start));
}

static const char *reverse_semicolon(const char *s)
{
    const char *at = strchr(s, ';');

    return at ? at : s + strlen(s);
}

static void reverse_attributes(reverse_sink *sink, const reverse_map *map,
                               const char *cookie)
{
    reverse_place at;

    at.cookie = cookie;
    at.start = reverse_semicolon(cookie);
    reverse_put(sink, cookie, (apr_size_t)(at.start - cookie));
    while (*at.start == ';') {
        at.end = reverse_semicolon(at.start + 1);
        reverse_attribute(sink, map, &at);
        at.start = at.end;
    }
}

const char *reverse_cookie(const reverse_map *map, const char *cookie,
                           apr_pool_t *pool)
{
    reverse_sink sink = { NULL, 0, 0 };

    reverse_attributes(&sink, map, cookie);
    if (!sink.changed) {
        return NULL;
    }
    sink.out = apr_palloc(pool, sink.len + 1);
    sink.len = 0;
    reverse_attributes(&sink, map, cookie);
    sink.out[sink.len] = '\0';
    return sink.out;
}
