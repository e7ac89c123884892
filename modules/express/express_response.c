/* SPDX-License-Identifier: Apache-2.0 */

/*
 * An output filter that runs once, before the first byte of a mapped response:
 * which headers are rewritten stands here, how in reverse_core.h.
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

#define REVERSE_FILTER  "PROXY_EXPRESS_REVERSE"

static ap_filter_rec_t *reverse_filter_handle;

static void express_insert_filter(request_rec *r)
{
    if (express_request_mapped(r)) {
        ap_add_output_filter_handle(reverse_filter_handle, NULL, r,
                                    r->connection);
    }
}

typedef const char *reverse_fn(const reverse_map *map, const char *value,
                               apr_pool_t *pool);

static int is_named(const char *name, const char *wanted, size_t len)
{
    return strlen(name) == len && ap_cstr_casecmp(name, wanted) == 0;
}

/* What rewrites a header, NULL for most: few begin like one of these, and fewer
 * are as long. */
static reverse_fn *reverse_of(const char *name)
{
#define NAMED(wanted) is_named(name, wanted, sizeof(wanted) - 1)
    switch (*name) {
    case 'C':
    case 'c':
        return NAMED("Content-Location") ? reverse_location : NULL;
    case 'D':
    case 'd':
        return NAMED("Destination") ? reverse_location : NULL;
    case 'L':
    case 'l':
        return NAMED("Location") ? reverse_location : NULL;
    case 'S':
    case 's':
        return NAMED("Set-Cookie") ? reverse_cookie : NULL;
    case 'U':
    case 'u':
        return NAMED("URI") ? reverse_location : NULL;
    default:
        return NULL;
    }
#undef NAMED
}

/* What only a response with such a header needs; a cookie, which many have,
 * does without the URL. */
static void prepare(reverse_map *map, reverse_fn *reverse,
                    const express_request *state, request_rec *r)
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

static void reverse_headers(request_rec *r, const express_request *state,
                            reverse_map *map, apr_table_t *headers)
{
    const apr_array_header_t *array = apr_table_elts(headers);
    apr_table_entry_t *header = (apr_table_entry_t *)array->elts;
    int i;

    for (i = 0; i < array->nelts; i++) {
        reverse_fn *reverse = reverse_of(header[i].key);
        const char *value;

        if (!reverse) {
            continue;
        }
        prepare(map, reverse, state, r);
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
        reverse_headers(f->r, state, &map, f->r->headers_out);
        reverse_headers(f->r, state, &map, f->r->err_headers_out);
    }
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}

void express_response_register(void)
{
    ap_hook_insert_filter(express_insert_filter, NULL, NULL, APR_HOOK_LAST);
    reverse_filter_handle =
        ap_register_output_filter(REVERSE_FILTER, express_reverse_filter, NULL,
                                  AP_FTYPE_RESOURCE);
}
