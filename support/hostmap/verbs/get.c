/* SPDX-License-Identifier: Apache-2.0 */

/*
 * get.c: `hostmap get`, which entry answers for a host and a path,
 * and why: by the library's code, which decides for requests.
 */

#include "verbs.h"

#include <string.h>

#include "apr_strings.h"

#include "hostmap/hostmap_group.h"
#include "json.h"
#include "hostmap/hostmap_match.h"

typedef struct question {
    tool *t;
    hostmap_file *file;
    hostmap_reason *why;
    char host[HOSTMAP_KEY_MAX + 1];
    apr_size_t host_len;
    /** normalised; NULL: none asked for */
    char *path;
    apr_size_t path_len;
    hostmap_matched found;
} question;

static int get_read_path(question *q, const char *path)
{
    apr_size_t len = strlen(path);
    hostmap_bad bad;

    q->path = apr_palloc(q->t->pool, len + 1);
    if (hostmap_path_normalise(q->path, &q->path_len, hostmap_str_of(path, len),
                               &bad) != APR_SUCCESS) {
        return tool_error("%s: not a path: %s, at column %" APR_SIZE_T_FMT,
                          path, bad.reason, bad.pos + 1);
    }
    q->path[q->path_len] = '\0';

    return TOOL_DONE;
}

/* hostmap_match_fn */
static apr_status_t get_look_up(void *baton, hostmap_str *value,
                                hostmap_str key)
{
    question *q = baton;

    return hostmap_file_fetch(q->file, value, key, q->t->pool, q->why);
}

/* tool_read_fn */
static apr_status_t get_ask(void *baton, hostmap_file *file,
                            hostmap_reason *why)
{
    question *q = baton;
    hostmap_matcher map = { 0, get_look_up, q };
    apr_status_t rv;

    q->file = file;
    q->why = why;
    rv = hostmap_file_features(q->file, &map.features, q->t->pool, why);
    if (rv == APR_SUCCESS) {
        rv = hostmap_match(&q->found, &map,
                           hostmap_str_of(q->host, q->host_len),
                           hostmap_str_of(q->path, q->path_len));
    }

    return rv;
}

static const char *get_kind_of(const hostmap_matched *found)
{
    static const char *const names[] = { "exact", "wildcard", "default" };

    return names[found->kind];
}

/* The part of the path that the entry's key has, NULL: none. */
static const char *get_path_of(const hostmap_matched *found)
{
    return found->key_len > found->host_len ? found->key + found->host_len
                                            : NULL;
}

static void get_print_text(const question *q)
{
    const hostmap_matched *found = &q->found;

    tool_write_entry(found->key, found->key_len, found->value.ptr,
                     found->value.len);
    printf("# %s match", get_kind_of(found));
    if (found->kind != HOSTMAP_MATCH_EXACT) {
        printf(", no entry for %s", q->host);
    }
    if (get_path_of(found)) {
        fputs(", longest path ", stdout);
        tool_write(stdout, get_path_of(found), found->key_len - found->host_len,
                   0);
    }
    putchar('\n');
    if (found->group.ptr) {
        fputs("# the group: ", stdout);
        tool_write(stdout, found->group.ptr, found->group.len, 0);
        putchar('\n');
    }
}

/* found: NULL if the map has no entry; wrong: what is wrong with its value, or
 * NULL */
static void get_print_json(const question *q, const hostmap_matched *found,
                           const char *wrong)
{
    json j;

    json_begin(&j);
    json_string(&j, "map", q->t->operands[0]);
    json_string(&j, "host", q->host);
    json_string(&j, "path", q->path);
    json_string(&j, "match", found ? get_kind_of(found) : NULL);
    json_string(&j, "matched_path", found ? get_path_of(found) : NULL);
    json_string(&j, "key", found ? found->key : NULL);
    json_text(&j, "value", found ? found->value.ptr : NULL,
              found ? found->value.len : 0);
    json_text(&j, "group", found ? found->group.ptr : NULL,
              found ? found->group.len : 0);
    json_string(&j, "error", wrong);
    json_end(&j);
}

/* Of an entry that names a group: is that there, and sound? */
static int get_group_wrong(const hostmap_matched *found, hostmap_bad *bad)
{
    hostmap_group group;

    if (!found->group.ptr) {
        bad->reason = "the map does not hold the group";
        bad->pos = 0;
        return 1;
    }

    return hostmap_group_parse(&group, found->group, bad) != APR_SUCCESS;
}

static int get_answer(const question *q)
{
    const hostmap_matched *found = &q->found;
    hostmap_entry entry;
    hostmap_bad bad;
    int wrong;

    wrong = hostmap_entry_parse(&entry, found->value, &bad)
            != APR_SUCCESS;
    if (!wrong && entry.kind == HOSTMAP_ENTRY_GROUP && entry.group.len > 0) {
        wrong = get_group_wrong(found, &bad);
    }
    if (q->t->flags & TOOL_JSON) {
        get_print_json(q, found, wrong ? bad.reason : NULL);
    }
    else {
        get_print_text(q);
    }
    if (wrong) {
        return tool_error("%s: %s: bad entry: %s, at column %"
                          APR_SIZE_T_FMT " of the value", q->t->operands[0],
                          found->key, bad.reason, bad.pos + 1);
    }

    return TOOL_DONE;
}

int tool_get(tool *t)
{
    question *q = apr_pcalloc(t->pool, sizeof(*q));
    hostmap_reason why = { "" };
    apr_status_t rv;

    q->t = t;
    if (tool_read_host(q->host, &q->host_len, t->operands[1]) != TOOL_DONE
        || (t->count > 2 && get_read_path(q, t->operands[2]) != TOOL_DONE)) {
        return TOOL_FAILED;
    }
    rv = tool_read_map(t->operands[0], t->type, get_ask, q, t->pool, &why);
    if (rv == APR_NOTFOUND) {
        if (t->flags & TOOL_JSON) {
            get_print_json(q, NULL, NULL);
        }
        tool_error("%s: no entry for %s", t->operands[0], q->host);
        return TOOL_NOT_FOUND;
    }

    return rv == APR_SUCCESS ? get_answer(q)
                             : tool_file_error(t->operands[0], rv, &why);
}
