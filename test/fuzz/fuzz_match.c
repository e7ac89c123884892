/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Input: lines.  The first is a host, the second the path of a URL, the others
 * keys of a map.  Which entry answers is compared with the plainest way to
 * say it: of all keys that match, the best.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hostmap/hostmap_match.h"

#define KEYS_MAX 64

typedef struct keys {
    hostmap_str key[KEYS_MAX];
    unsigned count;
} keys;

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

static hostmap_str take_line(hostmap_str *rest)
{
    const char *newline = rest->len ? memchr(rest->ptr, '\n', rest->len)
                                    : NULL;
    hostmap_str line = { rest->ptr, newline ? (apr_size_t)(newline - rest->ptr)
                                     : rest->len };

    rest->ptr += line.len + (newline != NULL);
    rest->len -= line.len + (newline != NULL);
    return line;
}

static apr_status_t look_up(void *baton, hostmap_str *value, hostmap_str key)
{
    const keys *k = baton;
    unsigned i;

    require(key.len > 0 && key.len <= HOSTMAP_KEY_MAX);
    for (i = 0; i < k->count; i++) {
        if (k->key[i].len == key.len
            && memcmp(k->key[i].ptr, key.ptr, key.len) == 0) {
            *value = k->key[i];
            return APR_SUCCESS;
        }
    }
    return APR_NOTFOUND;
}

/** How well a host key matches: 0 not at all, the most for the host itself. */
static apr_size_t host_rank(hostmap_str key, hostmap_str host)
{
    if (key.len == host.len && memcmp(key.ptr, host.ptr, host.len) == 0) {
        return HOSTMAP_KEY_MAX + 1;
    }
    if (key.len == 1 && key.ptr[0] == '*') {
        return 1;
    }
    /* the star stands for one byte at least: `*.x` is not the name `.x` */
    if (key.len > 2 && key.ptr[0] == '*' && host.len >= key.len
        && memcmp(host.ptr + host.len - key.len + 1, key.ptr + 1,
                  key.len - 1) == 0) {
        return key.len;
    }
    return 0;
}

/** How much of the path a key's path matches, 0: it does not. */
static apr_size_t path_rank(hostmap_str key, hostmap_str path)
{
    return key.len <= path.len && memcmp(key.ptr, path.ptr, key.len) == 0
           && (key.len == path.len || path.ptr[key.len] == '/') ? key.len : 0;
}

/** The best key: first by host, then by path. */
static const hostmap_str *best_of(const keys *k, hostmap_str host,
                                  hostmap_str path)
{
    const hostmap_str *best_host = NULL, *best;
    apr_size_t rank = 0, longest = 0;
    unsigned i;

    for (i = 0; i < k->count; i++) {
        const hostmap_str *key = &k->key[i];

        if (hostmap_key_host_len(*key) == key->len
            && host_rank(*key, host) > rank) {
            rank = host_rank(*key, host);
            best_host = key;
        }
    }
    best = best_host;
    for (i = 0; best_host && i < k->count; i++) {
        const hostmap_str *key = &k->key[i];
        hostmap_str rest = { key->ptr + best_host->len,
                             key->len - best_host->len };

        if (hostmap_key_host_len(*key) < key->len
            && hostmap_key_host_len(*key) == best_host->len
            && memcmp(key->ptr, best_host->ptr, best_host->len) == 0
            && path_rank(rest, path) > longest) {
            longest = path_rank(rest, path);
            best = key;
        }
    }
    return best;
}

static void check_match(const keys *k, hostmap_str host, hostmap_str path)
{
    const hostmap_str *best = best_of(k, host, path);
    hostmap_matcher map = { HOSTMAP_FEATURE_WILDCARD | HOSTMAP_FEATURE_PATH,
                            look_up, (void *)k };
    hostmap_matched m;
    apr_status_t rv;

    rv = hostmap_match(&m, &map, host, path);
    require(m.lookups <= HOSTMAP_MATCH_LOOKUPS);
    require((rv == APR_SUCCESS) == (best != NULL));
    if (best) {
        require(m.key_len == best->len && m.key[m.key_len] == '\0');
        require(memcmp(m.key, best->ptr, best->len) == 0);
        require(m.host_len == hostmap_key_host_len(*best));
        require(m.value.len == best->len);
    }

    map.features = 0;
    rv = hostmap_match(&m, &map, host, path);
    require(m.lookups == 1);
    require(rv != APR_SUCCESS || m.kind == HOSTMAP_MATCH_EXACT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char path[16384];
    char host[HOSTMAP_KEY_MAX + 1];
    hostmap_str rest = { (const char *)data, size };
    hostmap_str asked, url, h = { host, 0 }, p = { path, 0 };
    hostmap_bad bad = { NULL, 0 };
    keys k;

    asked = take_line(&rest);
    url = take_line(&rest);
    k.count = 0;
    while (rest.len > 0 && k.count < KEYS_MAX) {
        hostmap_str key = take_line(&rest);

        if (hostmap_key_check(key, &bad) == APR_SUCCESS) {
            require(key.len <= HOSTMAP_KEY_MAX);
            k.key[k.count++] = key;
        }
        else {
            require(bad.reason != NULL && bad.pos <= key.len);
        }
    }
    if (hostmap_key_host(host, &h.len, asked, NULL) != APR_SUCCESS
        || url.len > sizeof(path)) {
        return 0;
    }
    if (hostmap_path_normalise(path, &p.len, url, &bad) != APR_SUCCESS) {
        require(bad.reason != NULL && bad.pos <= url.len);
        return 0;
    }
    require(p.len > 0 && p.len <= url.len && path[0] == '/');
    check_match(&k, h, p);
    return 0;
}
