/* SPDX-License-Identifier: Apache-2.0 */

/*
 * verify.c: `hostmap verify`, is a map what its store is?  Both digests are
 * computed anew, of a copy of the map and of a snapshot of the store, when the
 * two are at one position.
 */

#include "verbs.h"

#include <string.h>

#include "apr_strings.h"

#include "entries/stream.h"
#include "follow/keep.h"
#include "store.h"

/* Changes that come all the time move the two on; one after the other they are
 * brought to the log's end until they meet. */
#define MEET_TRIES 50

typedef struct side {
    const char *map;
    follow_state state;
    /** computed */
    follow_digest digest;
    apr_int64_t entries;
} side;

static apr_status_t side_read(side *one, apr_pool_t *pool,
                              hostmap_reason *why)
{
    hostmap_pair pair;
    stream *from;
    apr_status_t rv;

    rv = follow_state_of(&one->state, one->map, pool, why);
    if (rv == APR_SUCCESS) {
        rv = stream_map(&from, one->map, "lmdb", pool, why);
    }
    memset(&one->digest, 0, sizeof(one->digest));
    one->entries = 0;
    while (rv == APR_SUCCESS
           && (rv = stream_next(from, &pair, why)) == APR_SUCCESS) {
        follow_digest_add(&one->digest, pair.key, pair.value);
        one->entries++;
    }

    return rv == APR_EOF ? APR_SUCCESS : rv;
}

/* Is what the map says of itself what it holds? */
static int check_self(const side *one, const char *name)
{
    if (follow_digest_equal(&one->digest, &one->state.digest)
        && one->entries == one->state.entries) {
        return TOOL_DONE;
    }
    tool_error("%s: its digest is not that of its %" APR_INT64_T_FMT
               " entries: the file is damaged or was changed by another "
               "program", name, one->entries);

    return TOOL_DIFFERS;
}

/* follow_entry_fn: only the proof is wanted. */
static apr_status_t pass_over(void *baton, const follow_entry *entry)
{
    (void)baton;
    (void)entry;

    return APR_SUCCESS;
}

/* A map whose position the log does not hold would become a snapshot. */
static int check_position(verb_store *s, const side *map, const char *name)
{
    hostmap_reason why = { "" };
    int status = verb_store_connect(s), more;
    apr_status_t rv;

    if (status != TOOL_DONE) {
        return status;
    }
    rv = s->store->provider->read(s->store, &map->state.position, pass_over,
                                  NULL, &more, &why);
    if (rv == FOLLOW_ELOST || rv == FOLLOW_EBEHIND) {
        tool_error("%s: cannot be compared at its position %s: %s", name,
                   map->state.position.text, why.text);
        return TOOL_DIFFERS;
    }

    return rv == APR_SUCCESS ? TOOL_DONE : verb_store_failed(s, rv, &why);
}

/* Bring both to one position. */
static int meet(verb_store *s, tool *t, side *map, side *store)
{
    side *sides[2] = { map, store };
    hostmap_reason why = { "" };
    int tries;

    for (tries = 0; tries < MEET_TRIES; tries++) {
        int status = verb_store_snapshot(s, t, sides[tries % 2]->map, 100);
        apr_status_t rv;

        if (status != TOOL_DONE) {
            return status;
        }
        rv = follow_state_of(&map->state, map->map, t->pool, &why);
        if (rv == APR_SUCCESS) {
            rv = follow_state_of(&store->state, store->map, t->pool, &why);
        }
        if (rv != APR_SUCCESS && !APR_STATUS_IS_ENOENT(rv)) {
            return tool_file_error(map->map, rv, &why);
        }
        if (rv == APR_SUCCESS
            && follow_position_equal(&map->state.position,
                                     &store->state.position)) {
            return TOOL_DONE;
        }
    }

    return tool_error("%s changes faster than it can be read", s->name);
}

static void print_diff(tool *t, const side *map, const side *store)
{
    const char *words[2];
    tool sub = *t;

    words[0] = map->map;
    words[1] = store->map;
    sub.operands = words;
    sub.count = 2;

    tool_diff(&sub);
}

static int compare(tool *t, const char *name, side *map, side *store)
{
    char digest[FOLLOW_DIGEST_TEXT + 1];
    hostmap_reason why = { "" };
    apr_status_t rv;

    rv = side_read(map, t->pool, &why);
    if (rv == APR_SUCCESS) {
        rv = side_read(store, t->pool, &why);
    }
    if (rv != APR_SUCCESS) {
        return tool_file_error(name, rv, &why);
    }
    follow_digest_write(&store->digest, digest);
    if (follow_digest_equal(&map->digest, &store->digest)) {
        tool_report(t, "%s: equal to the store: %" APR_INT64_T_FMT " entries, "
                    "digest %s, at %s\n", name, store->entries, digest,
                    store->state.position.text);
        return TOOL_DONE;
    }
    tool_error("%s: differs from the store at %s", name,
               store->state.position.text);
    print_diff(t, map, store);

    return TOOL_DIFFERS;
}

int tool_verify(tool *t)
{
    const char *name = t->operands[1], *folder;
    hostmap_reason why = { "" };
    side map, store;
    verb_store s;
    apr_status_t rv;
    int status;

    if (verb_store_open(&s, t, t->operands[0]) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    map.map = name;
    rv = side_read(&map, t->pool, &why);
    if (rv == APR_SUCCESS && strcmp(map.state.store, s.name) != 0) {
        rv = follow_fail(&why, FOLLOW_EREFUSED, "follows %s, not %s",
                         map.state.store, s.name);
    }
    if (rv != APR_SUCCESS) {
        return tool_file_error(name, rv, &why);
    }
    status = check_self(&map, name);
    if (status == TOOL_DONE) {
        status = check_position(&s, &map, name);
    }
    folder = status == TOOL_DONE ? verb_temporary(t->pool) : NULL;
    if (!folder) {
        return status == TOOL_DONE ? TOOL_FAILED : status;
    }
    map.map = apr_pstrcat(t->pool, folder, "/map", NULL);
    store.map = apr_pstrcat(t->pool, folder, "/store", NULL);
    rv = follow_keep(name, map.map, &why);
    if (rv != APR_SUCCESS) {
        return tool_file_error(name, rv, &why);
    }
    status = meet(&s, t, &map, &store);

    return status == TOOL_DONE ? compare(t, name, &map, &store) : status;
}
