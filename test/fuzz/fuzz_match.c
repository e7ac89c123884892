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

typedef struct text {
    const char *ptr;
    apr_size_t len;
} text;

typedef struct keys {
    text key[KEYS_MAX];
    unsigned count;
} keys;

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

static text take_line(text *rest)
{
    const char *newline = rest->len ? memchr(rest->ptr, '\n', rest->len)
                                    : NULL;
    text line = { rest->ptr, newline ? (apr_size_t)(newline - rest->ptr)
                                     : rest->len };

    rest->ptr += line.len + (newline != NULL);
    rest->len -= line.len + (newline != NULL);
    return line;
}

static apr_status_t look_up(void *baton, const char *key, apr_size_t key_len,
                            const char **value, apr_size_t *value_len)
{
    const keys *k = baton;
    unsigned i;

    require(key_len > 0 && key_len <= HOSTMAP_KEY_MAX);
    for (i = 0; i < k->count; i++) {
        if (k->key[i].len == key_len
            && memcmp(k->key[i].ptr, key, key_len) == 0) {
            *value = k->key[i].ptr;
            *value_len = key_len;
            return APR_SUCCESS;
        }
    }
    return APR_NOTFOUND;
}

/** How well a host key matches: 0 not at all, the most for the host itself. */
static apr_size_t host_rank(text key, text host)
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
static apr_size_t path_rank(text key, text path)
{
    return key.len <= path.len && memcmp(key.ptr, path.ptr, key.len) == 0
           && (key.len == path.len || path.ptr[key.len] == '/') ? key.len : 0;
}

static apr_size_t host_len_of(text key)
{
    return hostmap_key_host_len(key.ptr, key.len);
}

/** The best key: first by host, then by path. */
static const text *best_of(const keys *k, text host, text path)
{
    const text *best_host = NULL, *best;
    apr_size_t rank = 0, longest = 0;
    unsigned i;

    for (i = 0; i < k->count; i++) {
        const text *key = &k->key[i];

        if (host_len_of(*key) == key->len && host_rank(*key, host) > rank) {
            rank = host_rank(*key, host);
            best_host = key;
        }
    }
    best = best_host;
    for (i = 0; best_host && i < k->count; i++) {
        const text *key = &k->key[i];
        text rest = { key->ptr + best_host->len, key->len - best_host->len };

        if (host_len_of(*key) < key->len
            && host_len_of(*key) == best_host->len
            && memcmp(key->ptr, best_host->ptr, best_host->len) == 0
            && path_rank(rest, path) > longest) {
            longest = path_rank(rest, path);
            best = key;
        }
    }
    return best;
}

static void check_match(const keys *k, text host, text path)
{
    const text *best = best_of(k, host, path);
    hostmap_matched m;
    unsigned marks = HOSTMAP_MARK_WILDCARD | HOSTMAP_MARK_PATH;
    apr_status_t rv;

    rv = hostmap_match(&m, marks, host.ptr, host.len, path.ptr, path.len,
                       look_up, (void *)k);
    require(m.lookups <= HOSTMAP_MATCH_LOOKUPS);
    require((rv == APR_SUCCESS) == (best != NULL));
    if (best) {
        require(m.key_len == best->len && m.key[m.key_len] == '\0');
        require(memcmp(m.key, best->ptr, best->len) == 0);
        require(m.host_len == host_len_of(*best));
        require(m.value_len == best->len);
    }

    rv = hostmap_match(&m, 0, host.ptr, host.len, path.ptr, path.len,
                       look_up, (void *)k);
    require(m.lookups == 1);
    require(rv != APR_SUCCESS || m.kind == HOSTMAP_MATCH_EXACT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char path[16384];
    char host[HOSTMAP_KEY_MAX + 1];
    text rest = { (const char *)data, size };
    text asked, url, h = { host, 0 }, p = { path, 0 };
    hostmap_bad bad = { NULL, 0 };
    keys k;

    asked = take_line(&rest);
    url = take_line(&rest);
    k.count = 0;
    while (rest.len > 0 && k.count < KEYS_MAX) {
        text key = take_line(&rest);

        if (hostmap_key_check(key.ptr, key.len, &bad) == APR_SUCCESS) {
            require(key.len <= HOSTMAP_KEY_MAX);
            k.key[k.count++] = key;
        }
        else {
            require(bad.reason != NULL && bad.pos <= key.len);
        }
    }
    if (hostmap_key_host(host, &h.len, asked.ptr, asked.len, NULL)
        != APR_SUCCESS || url.len > sizeof(path)) {
        return 0;
    }
    if (hostmap_path_normalise(path, &p.len, url.ptr, url.len, &bad)
        != APR_SUCCESS) {
        require(bad.reason != NULL && bad.pos <= url.len);
        return 0;
    }
    require(p.len > 0 && p.len <= url.len && path[0] == '/');
    check_match(&k, h, p);
    return 0;
}
