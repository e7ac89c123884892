/* SPDX-License-Identifier: Apache-2.0 */

/*
 * list.c: `hostmap list`, what is in a map, as `key value` lines that
 * `hostmap build` reads.
 */

#include "verbs.h"

#include <string.h>

#include "hostmap/hostmap_key.h"
#include "progress.h"
#include "entries/stream.h"

typedef struct listing {
    /** a dot and the name that was asked for */
    char name[HOSTMAP_KEY_MAX + 2];
    /** what the host keys have to end with, `.example.com`; empty: anything */
    const char *suffix;
    apr_size_t suffix_len;
    /** they have to be longer than the suffix, else just that long */
    int below;
    apr_size_t count;
    /** entries that a text cannot hold as they are */
    apr_size_t replaced;
} listing;

static void list_print(listing *l, const hostmap_pair *pair)
{
    l->count++;
    l->replaced += tool_write_entry(pair->key.ptr, pair->key.len,
                                    pair->value.ptr, pair->value.len);
}

/* Does the host of a key match what was asked for? */
static int list_wants(const listing *l, hostmap_str key)
{
    apr_size_t len = hostmap_key_host_len(key);

    if (!l->suffix_len) {
        return 1;
    }
    if (len < l->suffix_len || (len == l->suffix_len) == l->below) {
        return 0;
    }

    return memcmp(key.ptr + len - l->suffix_len, l->suffix, l->suffix_len)
           == 0;
}

/* Ends when nobody reads any more. */
static int list_matching(tool *t, listing *l)
{
    const char *path = t->operands[0];
    hostmap_reason why = { "" };
    hostmap_pair pair;
    stream *entries;
    progress p;
    apr_status_t rv;

    rv = stream_map(&entries, path, t->type, t->pool, &why);
    progress_print();
    progress_begin(&p, path, rv == APR_SUCCESS ? stream_count(entries) : 0);
    while (rv == APR_SUCCESS && !ferror(stdout)) {
        rv = stream_next(entries, &pair, &why);
        if (rv == APR_SUCCESS && list_wants(l, pair.key)) {
            list_print(l, &pair);
        }
        progress_row(&p, p.rows);
    }
    progress_end(&p);
    if (ferror(stdout)) {
        return TOOL_FAILED;
    }
    if (rv != APR_EOF) {
        return tool_file_error(path, rv, &why);
    }
    if (!l->count && l->suffix_len) {
        tool_error("%s: no entry %s %s", path, l->below ? "below" : "for",
                   l->name + 1);
        return TOOL_NOT_FOUND;
    }

    return TOOL_DONE;
}

typedef struct one_host {
    tool *t;
    hostmap_pair pair;
    unsigned features;
} one_host;

/* tool_read_fn; the entry of a host, which has no others in a map without
 * paths */
static apr_status_t list_find_host(void *baton, hostmap_file *file,
                                   hostmap_reason *why)
{
    one_host *one = baton;
    hostmap_pair *pair = &one->pair;
    apr_status_t rv;

    rv = hostmap_file_features(file, &one->features, one->t->pool, why);
    if (rv == APR_SUCCESS && !(one->features & HOSTMAP_FEATURE_PATH)) {
        rv = hostmap_file_fetch(file, &pair->value, pair->key, one->t->pool,
                                why);
    }

    return rv;
}

static int list_host(tool *t, listing *l)
{
    one_host one = { t, { { l->suffix, l->suffix_len }, { NULL, 0 } }, 0 };
    hostmap_reason why = { "" };
    apr_status_t rv;

    rv = tool_read_map(t->operands[0], t->type, list_find_host, &one, t->pool,
                       &why);
    if (rv == APR_NOTFOUND) {
        tool_error("%s: no entry for %s", t->operands[0], l->suffix);
        return TOOL_NOT_FOUND;
    }
    if (rv != APR_SUCCESS) {
        return tool_file_error(t->operands[0], rv, &why);
    }
    if (one.features & HOSTMAP_FEATURE_PATH) {
        return list_matching(t, l);
    }
    list_print(l, &one.pair);

    return TOOL_DONE;
}

/* What is to be listed: HOST or *.SUFFIX. */
static int list_read_name(listing *l, const char *which)
{
    apr_size_t len;

    l->below = strncmp(which, "*.", 2) == 0;
    if (tool_read_host(l->name + 1, &len, which + (l->below ? 2 : 0))
        != TOOL_DONE) {
        return TOOL_FAILED;
    }
    l->name[0] = '.';
    l->suffix = l->name + !l->below;
    l->suffix_len = len + l->below;

    return TOOL_DONE;
}

int tool_list(tool *t)
{
    listing l;
    int status;

    memset(&l, 0, sizeof(l));
    if (t->count > 1 && list_read_name(&l, t->operands[1]) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    status = l.suffix_len && !l.below ? list_host(t, &l)
                                      : list_matching(t, &l);
    if (status == TOOL_DONE && l.replaced) {
        status = tool_error("%s: %" APR_SIZE_T_FMT " entries hold bytes that "
                            "a text cannot hold, shown as \\xHH",
                            t->operands[0], l.replaced);
    }

    return status;
}
