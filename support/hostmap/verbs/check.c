/* SPDX-License-Identifier: Apache-2.0 */

/*
 * check.c: `hostmap check` finds what is wrong in a text or a map, and warns
 * if others could change the map.
 */

#include "verbs.h"

#include <string.h>

#include "apr_strings.h"

#include "hostmap/hostmap_group.h"
#include "hostmap/hostmap_key.h"
#include "entries/groups.h"
#include "progress.h"
#include "entries/source.h"
#include "entries/table.h"

/* How many bad entries are printed; a map of something else is full of them. */
#define REPORT_MAX    100

static int check_summary(const tool *t, const char *name, const char *type,
                         apr_size_t entries, apr_size_t bad)
{
    tool_report(t, "%s: %s, %" APR_SIZE_T_FMT " entries, ", name, type,
                entries);
    if (bad) {
        tool_report(t, "%" APR_SIZE_T_FMT " error%s\n", bad,
                    bad == 1 ? "" : "s");
        return TOOL_FAILED;
    }
    tool_report(t, "no errors\n");

    return TOOL_DONE;
}

/* ---- a text ------------------------------------------------------------ */

static int check_text(tool *t, const char *path)
{
    apr_size_t count = 0;
    source_entry e;
    source *s;
    groups named;
    apr_status_t rv;

    if (tool_read_source(&s, t, path, NULL, 0) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    groups_begin(&named, t->pool);
    while (source_next(s, &e)) {
        count++;
        groups_put(&named, hostmap_str_of(e.key, e.key_len),
                   hostmap_str_of(e.value, e.value_len));
    }
    rv = source_status(s);
    if (rv != APR_SUCCESS) {
        return tool_file_error(path, rv, NULL);
    }
    source_summary(s);

    return check_summary(t, source_name(s), "text", count, source_bad(s)
                  + (groups_check(&named, source_name(s), NULL)
                     != TOOL_DONE));
}

/* ---- a map ------------------------------------------------------------- */

typedef struct check_state {
    const char *path;
    const char *type;
    apr_pool_t *pool;
    apr_size_t count;
    apr_size_t bad;
    /** what the keys ask for, to be compared with those of the map */
    unsigned features;
    progress p;
    /** the keys with a path: their host keys are looked up at the end */
    table *paths;
    groups groups;
} check_state;

static void check_report(check_state *c, hostmap_str key,
                         const hostmap_bad *bad, const char *part)
{
    if (++c->bad > REPORT_MAX) {
        return;
    }
    progress_clear();
    fprintf(stderr, "%s: ", c->path);
    tool_write(stderr, key.ptr, key.len, 1);
    fprintf(stderr, ": %s, at column %" APR_SIZE_T_FMT " of the %s\n",
            bad->reason, bad->pos + 1, part);
}

static void check_keep_path(check_state *c, hostmap_str key)
{
    table_entry entry;

    memset(&entry, 0, sizeof(entry));
    entry.key = apr_pmemdup(c->pool, key.ptr, key.len);
    entry.key_len = (apr_uint32_t)key.len;
    table_add(c->paths, &entry);
}

/* hostmap_each_fn */
static apr_status_t check_entry(void *baton, hostmap_str key,
                                hostmap_str value)
{
    check_state *c = baton;
    hostmap_entry entry;
    hostmap_bad bad;

    c->count++;
    progress_row(&c->p, c->count);
    if (hostmap_key_check(key, &bad) != APR_SUCCESS) {
        check_report(c, key, &bad, "key");
    }
    else if (hostmap_value_check(&entry, key, value, &bad) != APR_SUCCESS) {
        check_report(c, key, &bad, "value");
    }
    else {
        c->features |= hostmap_key_features(key);
        groups_put(&c->groups, key, value);
        if (hostmap_key_host_len(key) < key.len) {
            check_keep_path(c, key);
        }
    }

    return APR_SUCCESS;
}

/* Has each path its host key? */
static apr_status_t check_paths(check_state *c, hostmap_file *file,
                                hostmap_reason *why)
{
    hostmap_bad bad = { "a path whose host has no entry of its own", 0 };
    apr_status_t rv = APR_SUCCESS;
    apr_size_t i;

    for (i = 0; i < c->paths->count && rv == APR_SUCCESS; i++) {
        const table_entry *e = &c->paths->entries[i];
        hostmap_str key = { e->key, e->key_len }, host = key, value;

        host.len = hostmap_key_host_len(key);
        rv = hostmap_file_fetch(file, &value, host, c->pool, why);
        if (rv == APR_NOTFOUND) {
            check_report(c, key, &bad, "key");
            rv = APR_SUCCESS;
        }
    }

    return rv;
}

/* A map that was not written by this tool may hold `*` as a key like others:
 * it is not matched as one. */
static apr_status_t check_features(check_state *c, hostmap_file *file,
                                   hostmap_reason *why)
{
    unsigned features;
    apr_status_t rv;

    rv = hostmap_file_features(file, &features, c->pool, why);
    if (rv == APR_SUCCESS && (c->features & ~features)) {
        tool_error("%s: wildcards or paths, but the map is not marked as "
                   "having them: they match nothing; list it and build it "
                   "anew", c->path);
        c->bad++;
    }

    return rv;
}

/* tool_read_fn */
static apr_status_t check_all(void *baton, hostmap_file *file,
                              hostmap_reason *why)
{
    check_state *c = baton;
    hostmap_stat stat;
    apr_status_t rv;

    hostmap_file_stat(file, &stat);
    c->type = stat.type;
    c->count = 0;
    c->bad = 0;
    c->features = 0;
    groups_begin(&c->groups, c->pool);
    table_clear(c->paths);
    progress_begin(&c->p, c->path, stat.entries > 0 ? stat.entries : 0);
    /* before anything is read that the pages lead to */
    rv = hostmap_file_verify(file, why);
    if (rv == APR_SUCCESS) {
        rv = hostmap_file_each(file, check_entry, c, c->pool, why);
    }
    progress_end(&c->p);
    if (rv == APR_SUCCESS) {
        rv = check_paths(c, file, why);
    }

    if (rv == APR_SUCCESS
        && groups_check(&c->groups, c->path, NULL) != TOOL_DONE) {
        c->bad++;
    }

    return rv == APR_SUCCESS ? check_features(c, file, why) : rv;
}

static int check_map(tool *t, const char *path, const char *type)
{
    check_state c;
    hostmap_reason why = { "" };
    apr_status_t rv;

    memset(&c, 0, sizeof(c));
    c.path = path;
    c.pool = t->pool;
    c.paths = table_create(t->pool);
    rv = tool_read_map(path, type, check_all, &c, t->pool, &why);
    if (rv != APR_SUCCESS) {
        return tool_file_error(path, rv, &why);
    }

    tool_warn_exposed(path, t->pool);
    if (c.bad > REPORT_MAX) {
        tool_error("%s: and %" APR_SIZE_T_FMT " more bad entries", path,
                   c.bad - REPORT_MAX);
    }

    return check_summary(t, path, c.type, c.count, c.bad);
}

int tool_check(tool *t)
{
    const char *path = t->operands[0];
    hostmap_reason why = { "" };
    const char *type;
    apr_status_t rv;

    if (strcmp(path, "-") == 0) {
        return t->type ? tool_error("standard input is a text, -t does not "
                                    "go with it")
                       : check_text(t, path);
    }
    if (t->type) {
        return check_map(t, path, t->type);
    }

    rv = hostmap_type_of(&type, path, NULL, t->pool, &why);
    if (rv == HOSTMAP_EFORMAT) {
        /* of no type: a text, or not even that */
        return check_text(t, path);
    }
    if (rv != APR_SUCCESS) {
        return tool_file_error(path, rv, &why);
    }

    return check_map(t, path, type);
}
