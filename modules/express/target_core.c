/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Where the path of a request leads.  Path and query are the client's: nothing
 * in them may end a header or become another host.
 */

#include "target_core.h"

#include <string.h>

#include "apr_cstr.h"
#include "apr_lib.h"
#include "apr_strings.h"

#include "base/scan.h"

apr_size_t target_under(const char *prefix, const char *path)
{
    const char *at = path;

    while (*prefix != '\0') {
        if (*at != *prefix) {
            return 0;
        }
        if (*prefix == '/') {
            at += strspn(at, "/");
            prefix++;
        }
        else {
            at++;
            prefix++;
        }
    }
    return *at == '\0' || *at == '/' || *at == '?' ? (apr_size_t)(at - path)
                                                   : 0;
}

/* Returns the end of the dots at s, encoded or not. */
static const char *target_dots(const char *s)
{
    for (;;) {
        if (*s == '.') {
            s++;
        }
        else if (apr_cstr_casecmpn(s, "%2e", 3) == 0) {
            s += 3;
        }
        else {
            return s;
        }
    }
}

int target_has_dots(const char *raw)
{
    const char *end;

    for (; *raw != '\0' && *raw != '?'; raw++) {
        if (*raw == '/') {
            end = target_dots(raw + 1);
            if (end > raw + 1
                && (*end == '/' || *end == '?' || *end == '\0')) {
                return 1;
            }
        }
    }
    return 0;
}

/* ---- canonical URLs ---------------------------------------------------- */

/* Past the bytes of a class; the terminating NUL is in none of those used. */
static const char *target_skip(const char *at, int class_bits)
{
    while (hostmap_scan_is(*at, class_bits)) {
        at++;
    }
    return at;
}

/* Returns the end of `:port`; NULL if mod_proxy would leave it out or write it
 * in another way. */
static const char *target_port(const char *at, unsigned default_port)
{
    const char *digits = at + 1;
    unsigned port = 0;

    for (at = digits; *at >= '0' && *at <= '9' && port <= 65535; at++) {
        port = port * 10 + (unsigned)(*at - '0');
    }
    return *digits != '0' && port > 0 && port <= 65535 && port != default_port
           ? at : NULL;
}

int target_is_canonical(const char *url)
{
    unsigned default_port = 80;
    const char *host, *at;

    if (strncmp(url, "http", 4) != 0) {
        return 0;
    }
    url += 4;
    if (*url == 's') {
        default_port = 443;
        url++;
    }
    if (strncmp(url, "://", 3) != 0) {
        return 0;
    }
    host = url + 3;
    at = target_skip(host, HOSTMAP_SCAN_PLAIN_HOST);
    if (at == host) {
        return 0;
    }
    if (*at == ':') {
        at = target_port(at, default_port);
    }
    else if (strspn(host, "0123456789") == (apr_size_t)(at - host)) {
        /* mod_proxy takes it for a port, and has no host */
        return 0;
    }
    return at && *at == '/'
           && *target_skip(at, HOSTMAP_SCAN_PLAIN_PATH) == '\0';
}

/* ---- escaping ---------------------------------------------------------- */

/* Where a URL goes; first counted (out NULL), then written. */
typedef struct target_sink {
    char *out;
    apr_size_t len;
} target_sink;

static void target_put(target_sink *sink, const char *bytes, apr_size_t len)
{
    if (sink->out) {
        memcpy(sink->out + sink->len, bytes, len);
    }
    sink->len += len;
}

/* RFC 3986, 3.3, and the slash between segments. */
#define PATH_BYTES      "-._~!$&'()*+,;=:@/"
/* `;` would end the Path of a cookie. */
#define PREFIX_BYTES    "-._~!$&'()*+,=:@/"
/* 3.4, and what is written in escapes already; brackets are common. */
#define QUERY_BYTES     "-._~!$&'()*+,;=:@/?%[]"

static void target_put_escaped(target_sink *sink, const char *text,
                               const char *others, int keep_slashes)
{
    static const char digits[] = "0123456789ABCDEF";
    char escape[3];

    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < 0x80 && (apr_isalnum(c) || strchr(others, c))) {
            target_put(sink, text, 1);
        }
        else if (keep_slashes && apr_cstr_casecmpn(text, "%2f", 3) == 0) {
            target_put(sink, text, 3);
            text += 2;
        }
        else {
            escape[0] = '%';
            escape[1] = digits[c >> 4];
            escape[2] = digits[c & 0xf];
            target_put(sink, escape, 3);
        }
    }
}

const char *target_escape(const char *path, apr_pool_t *pool)
{
    target_sink sink = { NULL, 0 };

    target_put_escaped(&sink, path, PREFIX_BYTES, 0);
    sink.out = apr_palloc(pool, sink.len + 1);
    sink.len = 0;
    target_put_escaped(&sink, path, PREFIX_BYTES, 0);
    sink.out[sink.len] = '\0';
    return sink.out;
}

/* ---- redirects --------------------------------------------------------- */

/* The parts of a Location. */
typedef struct target_parts {
    hostmap_str base;
    const char *rest;
    /** with its `?` */
    hostmap_str own_query;
    /** with its `#` */
    hostmap_str fragment;
    /** of the request */
    const char *args;
    int keep_slashes;
} target_parts;

/** Offset of the first of these bytes; the length of text if it has none. */
static apr_size_t target_before(hostmap_str text, const char *bytes)
{
    apr_size_t i;

    for (i = 0; i < text.len && !strchr(bytes, text.ptr[i]); i++) {
        continue;
    }
    return i;
}

static void target_put_all(target_sink *sink, const target_parts *parts)
{
    target_put(sink, parts->base.ptr, parts->base.len);
    target_put_escaped(sink, parts->rest, PATH_BYTES, parts->keep_slashes);
    if (parts->own_query.len > 0) {
        target_put(sink, parts->own_query.ptr, parts->own_query.len);
    }
    else if (parts->args && parts->args[0] != '\0') {
        target_put(sink, "?", 1);
        target_put_escaped(sink, parts->args, QUERY_BYTES, 0);
    }
    target_put(sink, parts->fragment.ptr, parts->fragment.len);
}

static void target_split(target_parts *parts, hostmap_str url)
{
    apr_size_t path_end = target_before(url, "?#");
    apr_size_t query_end = target_before(url, "#");

    parts->base.ptr = url.ptr;
    parts->base.len = path_end;
    parts->own_query.ptr = url.ptr + path_end;
    parts->own_query.len = query_end - path_end;
    parts->fragment.ptr = url.ptr + query_end;
    parts->fragment.len = url.len - query_end;
}

const char *target_redirect(hostmap_str url, const char *rest,
                            const char *args, int keep_slashes,
                            apr_pool_t *pool)
{
    target_sink sink = { NULL, 0 };
    target_parts parts;

    if (url.ptr[url.len - 1] == '?') {
        return apr_pstrmemdup(pool, url.ptr, url.len - 1);
    }
    target_split(&parts, url);
    parts.rest = rest;
    parts.args = args;
    parts.keep_slashes = keep_slashes;
    if (rest[0] == '/' && parts.base.ptr[parts.base.len - 1] == '/') {
        parts.base.len--;
    }
    target_put_all(&sink, &parts);
    sink.out = apr_palloc(pool, sink.len + 1);
    sink.len = 0;
    target_put_all(&sink, &parts);
    sink.out[sink.len] = '\0';
    return sink.out;
}
