/* SPDX-License-Identifier: Apache-2.0 */

/*
 * An output filter that runs once, before the first byte of a mapped response.
 * Which headers are rewritten is decided here, how in reverse_core.c.
 */

#include "express_response.h"

#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_request.h"
#include "util_filter.h"

#include "express_loop.h"
#include "express_request.h"
#include "reverse_core.h"
#include "target_core.h"

#define EXPRESS_REVERSE_FILTER  "PROXY_EXPRESS_REVERSE"

static ap_filter_rec_t *express_reverse_handle;

static void express_insert_filter(request_rec *r)
{
    if (express_request_mapped(r)) {
        ap_add_output_filter_handle(express_reverse_handle, NULL, r,
                                    r->connection);
    }
}

typedef const char *express_reverse_fn(const reverse_map *map,
                                       const char *value, apr_pool_t *pool);

/* The function that rewrites a header, or NULL. */
static express_reverse_fn *express_reverse_of(const char *name)
{
    static const struct {
        const char *name;
        apr_size_t len;
        express_reverse_fn *reverse;
    } rows[] = {
        { "location", 8, reverse_location },
        { "content-location", 16, reverse_location },
        { "uri", 3, reverse_location },
        { "destination", 11, reverse_location },
        { "set-cookie", 10, reverse_cookie }
    };
    int first = *name | 0x20;
    apr_size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (first == *rows[i].name && strlen(name) == rows[i].len
            && ap_cstr_casecmp(name, rows[i].name) == 0) {
            return rows[i].reverse;
        }
    }
    return NULL;
}

/* Set up lazily, for responses that have a header to rewrite; cookies, the
 * common case, do not need the URL. */
static void express_reverse_prepare(reverse_map *map,
                                    express_reverse_fn *reverse,
                                    const express_request *state,
                                    request_rec *r)
{
    if (!map->entry) {
        map->entry = &state->entry;
        map->prefix = *state->prefix ? target_escape(state->prefix, r->pool)
                                     : "";
    }
    if (!map->front && reverse == reverse_location) {
        map->front = ap_construct_url(r->pool, "", r);
    }
}

static void express_reverse_headers(request_rec *r,
                                    const express_request *state,
                                    reverse_map *map, apr_table_t *headers)
{
    const apr_array_header_t *array = apr_table_elts(headers);
    apr_table_entry_t *header = (apr_table_entry_t *)array->elts;
    int i;

    for (i = 0; i < array->nelts; i++) {
        express_reverse_fn *reverse = express_reverse_of(header[i].key);
        const char *value;

        if (!reverse) {
            continue;
        }
        express_reverse_prepare(map, reverse, state, r);
        value = reverse(map, header[i].val, r->pool);
        if (value) {
            header[i].val = (char *)value;
        }
    }
}

static apr_status_t express_reverse_filter(ap_filter_t *f,
                                           apr_bucket_brigade *bb)
{
    const express_request *state = express_request_mapped(f->r);
    reverse_map map = { NULL, NULL, NULL };

    if (state) {
        express_loop_answered(f->r, state);
        express_reverse_headers(f->r, state, &map, f->r->headers_out);
        express_reverse_headers(f->r, state, &map, f->r->err_headers_out);
    }
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}

void express_response_register(void)
{
    ap_hook_insert_filter(express_insert_filter, NULL, NULL, APR_HOOK_LAST);
    express_reverse_handle =
        ap_register_output_filter(EXPRESS_REVERSE_FILTER,
                                  express_reverse_filter, NULL,
                                  AP_FTYPE_RESOURCE);
}
