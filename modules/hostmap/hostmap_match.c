/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_match.c
 * @brief Which entry answers for a host and a path: the order of the look-ups,
 *        and the bound on their number.
 */

#include "hostmap_match.h"

#include <string.h>

#include "base/scan.h"

/** One search. */
typedef struct match_search {
    hostmap_matched *m;
    const hostmap_matcher *map;
} match_search;

/** Look the key up that is in m->key. */
static apr_status_t match_ask(match_search *s, apr_size_t key_len)
{
    hostmap_matched *m = s->m;
    apr_status_t rv;

    m->key[key_len] = '\0';
    m->lookups++;
    rv = s->map->lookup(s->map->baton, &m->value,
                        hostmap_str_of(m->key, key_len));
    if (rv == APR_SUCCESS) {
        m->key_len = key_len;
    }
    return rv;
}

/** Look up `*` and the name from one of its dots on: "*.example.com". */
static apr_status_t match_below(match_search *s, const char *suffix,
                                apr_size_t len)
{
    if (1 + len > HOSTMAP_KEY_MAX) {
        return APR_NOTFOUND;
    }
    s->m->key[0] = '*';
    memcpy(s->m->key + 1, suffix, len);
    return match_ask(s, 1 + len);
}

static apr_status_t match_wildcard(match_search *s, hostmap_str host)
{
    const char *dots[HOSTMAP_PARENTS_MAX];
    const char *end = host.ptr + host.len;
    const char *at = end;
    apr_status_t rv = APR_NOTFOUND;
    unsigned count = 0;

    /* scan from the right: only the shortest parents are tried */
    while (at > host.ptr && count < HOSTMAP_PARENTS_MAX) {
        if (*--at == '.') {
            dots[count++] = at;
        }
    }
    s->m->kind = HOSTMAP_MATCH_WILDCARD;
    while (rv == APR_NOTFOUND && count > 0) {
        at = dots[--count];
        rv = match_below(s, at, (apr_size_t)(end - at));
    }
    if (rv == APR_NOTFOUND) {
        s->m->kind = HOSTMAP_MATCH_DEFAULT;
        rv = match_below(s, "", 0);
    }
    return rv;
}

/** Find the longest path below the host key that is in m->key.  The path is
 *  appended once, with consecutive slashes merged: each shorter prefix is a
 *  beginning of it. */
static apr_status_t match_path(match_search *s, hostmap_str path)
{
    apr_size_t ends[HOSTMAP_SEGMENTS_MAX];
    char *key = s->m->key;
    apr_size_t at = s->m->host_len;
    apr_size_t i;
    apr_status_t rv = APR_NOTFOUND;
    unsigned count = 0;

    for (i = 0; i < path.len && at < HOSTMAP_KEY_MAX
                && count < HOSTMAP_SEGMENTS_MAX; i++) {
        if (path.ptr[i] == '/' && i > 0 && path.ptr[i - 1] == '/') {
            continue;
        }
        key[at++] = path.ptr[i];
        /* a slash at the end begins no segment: /blog/ counts as /blog */
        if ((i + 1 == path.len || path.ptr[i + 1] == '/')
            && path.ptr[i] != '/') {
            ends[count++] = at;
        }
    }
    while (rv == APR_NOTFOUND && count > 0) {
        rv = match_ask(s, ends[--count]);
    }
    return rv;
}

apr_status_t hostmap_match_group(hostmap_matched *m,
                                 const hostmap_matcher *map)
{
    hostmap_str name;
    apr_status_t rv;

    m->group = hostmap_str_of(NULL, 0);
    if (m->value.len == 0 || m->value.ptr[0] != '@') {
        return APR_SUCCESS;
    }
    name.ptr = m->value.ptr;
    name.len = 1 + hostmap_scan_while(hostmap_scan_after(m->value, 1),
                                      HOSTMAP_SCAN_NAME);
    if (name.len > HOSTMAP_KEY_MAX) {
        return APR_SUCCESS;
    }
    m->lookups++;
    rv = map->lookup(map->baton, &m->group, name);
    return rv == APR_NOTFOUND ? APR_SUCCESS : rv;
}

apr_status_t hostmap_match(hostmap_matched *m, const hostmap_matcher *map,
                           hostmap_str host, hostmap_str path)
{
    match_search s = { m, map };
    apr_status_t rv;

    m->lookups = 0;
    if (host.len == 0 || host.len > HOSTMAP_KEY_MAX) {
        return APR_NOTFOUND;
    }
    m->kind = HOSTMAP_MATCH_EXACT;
    memcpy(m->key, host.ptr, host.len);
    rv = match_ask(&s, host.len);
    if (rv == APR_NOTFOUND && (map->features & HOSTMAP_FEATURE_WILDCARD)) {
        rv = match_wildcard(&s, host);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    m->host_len = m->key_len;
    if ((map->features & HOSTMAP_FEATURE_PATH) && path.len > 0
        && path.ptr[0] == '/') {
        rv = match_path(&s, path);
        m->key[m->key_len] = '\0';
    }
    return rv == APR_NOTFOUND || rv == APR_SUCCESS ? hostmap_match_group(m, map)
                                                   : rv;
}
