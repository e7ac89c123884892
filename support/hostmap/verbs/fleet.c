/* SPDX-License-Identifier: Apache-2.0 */

/*
 * fleet.c: `hostmap fleet`, what the followers of a store have reported to it.
 */

#include "verbs.h"

#include <stdlib.h>
#include <string.h>

#include "apr_hash.h"
#include "apr_strings.h"
#include "apr_tables.h"

#include "follow/report_core.h"
#include "json.h"
#include "store.h"

/* Seconds: a node with a greater lag, or silent for longer, lags. */
#define LAG_MOST 10

typedef struct node {
    const char *name;
    hostmap_str position, digest;
    apr_int64_t entries, lag;
    const char *state;
} node;

typedef struct fleet {
    tool *t;
    apr_array_header_t *nodes;
    follow_position end;
    apr_time_t now;
    /** position -> the digest of the first node there */
    apr_hash_t *digests;
    int bad;
} fleet;

static const char *judge(fleet *f, const node *n, apr_int64_t silent)
{
    const hostmap_str *first;

    first = apr_hash_get(f->digests, n->position.ptr,
                         (apr_ssize_t)n->position.len);
    if (!first) {
        apr_hash_set(f->digests, n->position.ptr,
                     (apr_ssize_t)n->position.len,
                     apr_pmemdup(f->t->pool, &n->digest, sizeof(n->digest)));
    }
    else if (first->len != n->digest.len
             || memcmp(first->ptr, n->digest.ptr, first->len) != 0) {
        return "differs";
    }
    if (silent > LAG_MOST) {
        return "silent";
    }

    return n->lag > LAG_MOST ? "lags" : "ok";
}

/* hostmap_each_fn */
static apr_status_t add_node(void *baton, hostmap_str name,
                             hostmap_str report)
{
    fleet *f = baton;
    apr_pool_t *pool = f->t->pool;
    node *n = apr_array_push(f->nodes);
    apr_int64_t silent;

    report.ptr = apr_pmemdup(pool, report.ptr, report.len);
    n->name = apr_pstrmemdup(pool, name.ptr, name.len);
    follow_report_field(&n->position, report, "position");
    follow_report_field(&n->digest, report, "digest");
    n->entries = follow_report_number(report, "entries");
    silent = apr_time_sec(f->now) - follow_report_number(report, "time");
    n->lag = n->position.len == strlen(f->end.text)
             && memcmp(n->position.ptr, f->end.text, n->position.len) == 0
             ? 0 : follow_report_number(report, "lag_seconds");
    if (silent > LAG_MOST) {
        n->lag += silent;
    }
    n->state = judge(f, n, silent);
    f->bad += strcmp(n->state, "ok") != 0;

    return APR_SUCCESS;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const node *)a)->name, ((const node *)b)->name);
}

static void print_table(const fleet *f)
{
    const node *nodes = (const node *)f->nodes->elts;
    int i, width = 4;

    for (i = 0; i < f->nodes->nelts; i++) {
        int len = (int)strlen(nodes[i].name);

        width = len > width && len <= 60 ? len : width;
    }
    printf("%-*s  %-24s  %6s  %9s  %-8s  %s\n", width, "NODE", "POSITION",
           "LAG s", "ENTRIES", "DIGEST", "STATE");
    for (i = 0; i < f->nodes->nelts; i++) {
        const node *n = &nodes[i];
        int pad = width - (int)strlen(n->name);

        tool_write(stdout, n->name, strlen(n->name), 1);
        printf("%*s  %-24.*s  %6" APR_INT64_T_FMT "  %9" APR_INT64_T_FMT
               "  %-8.*s  %s\n", pad > 0 ? pad : 0, "", (int)n->position.len,
               n->position.ptr, n->lag, n->entries,
               n->digest.len > 8 ? 8 : (int)n->digest.len, n->digest.ptr,
               n->state);
    }
    printf("the log ends at %s; %d node%s, %d not as %s should be\n",
           f->end.text, f->nodes->nelts, f->nodes->nelts == 1 ? "" : "s",
           f->bad, f->bad == 1 ? "it" : "they");
}

static void print_json(const fleet *f)
{
    const node *nodes = (const node *)f->nodes->elts;
    int i;

    for (i = 0; i < f->nodes->nelts; i++) {
        const node *n = &nodes[i];
        json j;

        json_begin(&j);
        json_string(&j, "node", n->name);
        json_text(&j, "position", n->position.ptr, n->position.len);
        json_number(&j, "lag_seconds", n->lag);
        json_number(&j, "entries", n->entries);
        json_text(&j, "digest", n->digest.ptr, n->digest.len);
        json_string(&j, "state", n->state);
        json_end(&j);
    }
}

int tool_fleet(tool *t)
{
    const follow_provider *provider;
    hostmap_reason why = { "" };
    apr_time_t time;
    apr_status_t rv;
    verb_store s;
    int status;
    fleet f;

    if (verb_store_open(&s, t, t->operands[0]) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    provider = s.store->provider;
    if (!provider->nodes) {
        return tool_error("%s: followers do not report there: --status writes "
                          "a file on each node", s.name);
    }
    memset(&f, 0, sizeof(f));
    f.t = t;
    f.now = apr_time_now();
    f.nodes = apr_array_make(t->pool, 64, sizeof(node));
    f.digests = apr_hash_make(t->pool);
    status = verb_store_connect(&s);
    if (status != TOOL_DONE) {
        return status;
    }
    rv = provider->end(s.store, &f.end, &time, &why);
    if (rv == APR_SUCCESS) {
        rv = provider->nodes(s.store, add_node, &f, &why);
    }
    provider->close(s.store);
    if (rv != APR_SUCCESS) {
        return verb_store_failed(&s, rv, &why);
    }
    qsort(f.nodes->elts, (size_t)f.nodes->nelts, sizeof(node), by_name);
    if (t->flags & TOOL_JSON) {
        print_json(&f);
    }
    else {
        print_table(&f);
    }

    return f.bad ? TOOL_DIFFERS : TOOL_DONE;
}
