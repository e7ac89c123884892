/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_match.h
 * @brief Which entry of a map answers for a host and a path.
 *
 * Pure: no allocation, no I/O of its own, any thread.  The caller provides the
 * look-up, so that the tool and a module decide with the same code.
 *
 * The host: the exact key; then `*.` and its parents, the longest first; then
 * `*`.  Under the host key that matched, the longest key
 * `HOSTKEY/prefix` that ends at a segment boundary of the path.  A map without
 * features is asked for the exact key and nothing else.
 */

#ifndef HOSTMAP_MATCH_H
#define HOSTMAP_MATCH_H

#include "apr.h"
#include "apr_errno.h"

#include "hostmap_key.h"

/** Most look-ups of one search: the exact key, its parents, `*`, paths, and a
 *  group. */
#define HOSTMAP_MATCH_LOOKUPS \
    (3 + HOSTMAP_PARENTS_MAX + HOSTMAP_SEGMENTS_MAX)

/**
 * Look a key up.
 * @param baton the caller's
 * @param value set when the result is APR_SUCCESS, else left alone
 * @return APR_SUCCESS; APR_NOTFOUND; anything else ends the search and is its
 *         result
 */
typedef apr_status_t hostmap_match_fn(void *baton, hostmap_str *value,
                                      hostmap_str key);

/** The map that is searched. */
typedef struct hostmap_matcher {
    /** its HOSTMAP_FEATURE_ bits */
    unsigned features;
    hostmap_match_fn *lookup;
    void *baton;
} hostmap_matcher;

/** How the host key matched. */
typedef enum {
    HOSTMAP_MATCH_EXACT,
    HOSTMAP_MATCH_WILDCARD,
    HOSTMAP_MATCH_DEFAULT
} hostmap_match_kind;

typedef struct hostmap_matched {
    hostmap_match_kind kind;
    /** the key of the entry, terminated with NUL */
    char key[HOSTMAP_KEY_MAX + 1];
    apr_size_t key_len;
    /** length of the key's host part; shorter than key_len: a path matched */
    apr_size_t host_len;
    /** as the look-up gave it */
    hostmap_str value;
    /** the value names a group: the value of that, as the look-up gave it; ptr
     *  NULL: it names none, or one that the map does not hold */
    hostmap_str group;
    /** look-ups done */
    unsigned lookups;
} hostmap_matched;

/**
 * Find the entry.
 * @param m set when the result is APR_SUCCESS; m->lookups always
 * @param host a key as hostmap_key_host() writes it, not in m
 * @param path decoded and normalised, as httpd has it in r->uri; empty: none.
 *        Slashes that follow one another (MergeSlashes Off) count as one
 * @return APR_SUCCESS; APR_NOTFOUND; else what the look-up returned
 *
 * At most HOSTMAP_MATCH_LOOKUPS look-ups for any host and path: of a name with
 * more parents the HOSTMAP_PARENTS_MAX shortest are looked up, of a path with
 * more segments the first HOSTMAP_SEGMENTS_MAX.  No key is missed by that:
 * hostmap_key_check() refuses longer ones.
 */
apr_status_t hostmap_match(hostmap_matched *m, const hostmap_matcher *map,
                           hostmap_str host, hostmap_str path);

/**
 * Set m->group for the value that was found: where that begins with `@`, one
 * more look-up, of the group that it names.  A group's own value is not looked
 * at: groups do not name groups.
 * @return APR_SUCCESS, also when there is no such group; else what the look-up
 *         returned
 */
apr_status_t hostmap_match_group(hostmap_matched *m,
                                 const hostmap_matcher *map);

#endif /* HOSTMAP_MATCH_H */
