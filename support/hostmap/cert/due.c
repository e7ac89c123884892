/* SPDX-License-Identifier: Apache-2.0 */

/*
 * due.c: `hostmap cert due`, what an ACME client has to do.
 */

#include "cert.h"

#include <stdlib.h>
#include <string.h>

#include "apr_hash.h"
#include "apr_strings.h"

#include "hostmap/hostmap_key.h"
#include "map.h"

#define DAY 86400
#define DAYS_DEFAULT 30

typedef struct due_name {
    const char *name;
    /** seconds since 1970; 0: it has no certificate */
    apr_int64_t expires;
} due_name;

typedef struct due_state {
    tool *t;
    apr_int64_t before;         /* expiry before this is due */
    apr_hash_t *expires;        /* name -> apr_int64_t * */
    apr_array_header_t *due;
} due_state;

static int number_read(apr_int64_t *number, const char *option,
                       const char *text, apr_int64_t otherwise)
{
    char *end;

    *number = otherwise;
    if (!text) {
        return TOOL_DONE;
    }
    *number = apr_strtoi64(text, &end, 10);
    if (end == text || *end || *number < 0 || *number > 1000000000) {
        return tool_error("%s %s: expected a number", option, text);
    }
    return TOOL_DONE;
}

/* map_record_fn */
static apr_status_t note_record(void *baton, hostmap_str key,
                                hostmap_str bytes)
{
    certmap_cert certs[CERTMAP_CERTS];
    due_state *s = baton;
    apr_int64_t *expires = apr_palloc(s->t->pool, sizeof(*expires));
    unsigned count;

    /* a damaged one is as good as none */
    *expires = map_certs(certs, &count, bytes, NULL) == APR_SUCCESS
               ? map_expires(certs, count) : 0;
    apr_hash_set(s->expires, apr_pmemdup(s->t->pool, key.ptr, key.len),
                 key.len, expires);
    return APR_SUCCESS;
}

static void due_add(due_state *s, hostmap_str name, apr_int64_t expires)
{
    due_name *due;

    if (expires >= s->before) {
        return;
    }
    due = apr_array_push(s->due);
    due->name = apr_pstrmemdup(s->t->pool, name.ptr, name.len);
    due->expires = expires;
}

/* Of the exact name or else its wildcard; 0: it has none. */
static apr_int64_t expires_of(const due_state *s, hostmap_str name)
{
    const apr_int64_t *own = apr_hash_get(s->expires, name.ptr, name.len);
    char wild[CERTMAP_NAME_MAX + 1];
    apr_size_t len;

    if (!own && name.ptr[0] != '*'
        && certmap_name_wildcard(wild, &len, name) == APR_SUCCESS) {
        own = apr_hash_get(s->expires, wild, len);
    }
    return own ? *own : 0;
}

/* hostmap_each_fn.  Paths have their host's certificate; of `*.x` in a host map
 * nobody can ask a certificate over HTTP, as it is names at any depth. */
static apr_status_t note_host(void *baton, hostmap_str key, hostmap_str value)
{
    char spelled[CERTMAP_NAME_MAX + 1];
    due_state *s = baton;
    apr_size_t len;

    (void)value;
    if (hostmap_key_host_len(key) != key.len
        || certmap_name_key(spelled, &len, key) != APR_SUCCESS
        || !memchr(spelled, '.', len)) {
        return APR_SUCCESS;
    }
    key = hostmap_str_of(spelled, len);
    due_add(s, key, expires_of(s, key));
    return APR_SUCCESS;
}

/* tool_read_fn */
static apr_status_t hosts_read(void *baton, hostmap_file *file,
                               hostmap_reason *why)
{
    due_state *s = baton;

    apr_array_clear(s->due);
    return hostmap_file_each(file, note_host, s, s->t->pool, why);
}

static int hosts_note(due_state *s)
{
    hostmap_reason why = { "" };
    apr_status_t rv;

    rv = tool_read_map(s->t->hosts, NULL, hosts_read, s, s->t->pool, &why);
    return rv == APR_SUCCESS ? TOOL_DONE
                             : tool_file_error(s->t->hosts, rv, &why);
}

static void names_note(due_state *s)
{
    apr_hash_index_t *at;

    for (at = apr_hash_first(s->t->pool, s->expires); at;
         at = apr_hash_next(at)) {
        const void *name;
        apr_ssize_t len;
        void *expires;

        apr_hash_this(at, &name, &len, &expires);
        due_add(s, hostmap_str_of(name, len), *(apr_int64_t *)expires);
    }
}

static int due_compare(const void *x, const void *y)
{
    const due_name *a = x, *b = y;

    if (a->expires != b->expires) {
        return a->expires < b->expires ? -1 : 1;
    }
    return strcmp(a->name, b->name);
}

int cert_due(tool *t)
{
    due_state s = { t };
    map_walk walk = { note_record, NULL, &s };
    apr_int64_t days, limit, i;

    if (number_read(&days, "--days", t->days, DAYS_DEFAULT) != TOOL_DONE
        || number_read(&limit, "--limit", t->limit, -1) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    s.before = apr_time_sec(apr_time_now()) + days * DAY;
    s.expires = apr_hash_make(t->pool);
    s.due = apr_array_make(t->pool, 64, sizeof(due_name));
    if (map_each(t, t->operands[0], &walk) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    if (!t->hosts) {
        names_note(&s);
    }
    else if (hosts_note(&s) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    qsort(s.due->elts, s.due->nelts, sizeof(due_name), due_compare);
    for (i = 0; i < s.due->nelts && (limit < 0 || i < limit); i++) {
        puts(APR_ARRAY_IDX(s.due, i, due_name).name);
    }
    return s.due->nelts ? TOOL_DONE : TOOL_NOT_FOUND;
}
