/* SPDX-License-Identifier: Apache-2.0 */

/*
 * An output filter that runs once, before the first byte of a mapped response:
 * what the answer says of the entry, and its headers rewritten.
 */

#include "express_response.h"

#include "httpd.h"
#include "http_config.h"
#include "http_request.h"
#include "util_filter.h"

#include "express_group.h"
#include "express_interim.h"
#include "express_loop.h"
#include "express_request.h"
#include "express_reverse.h"

#define EXPRESS_REVERSE_FILTER  "PROXY_EXPRESS_REVERSE"

static ap_filter_rec_t *express_reverse_handle;

static void express_insert_filter(request_rec *r)
{
    const express_request *state = express_request_mapped(r);

    if (state) {
        ap_add_output_filter_handle(express_reverse_handle, NULL, r,
                                    r->connection);
        if (express_reverse_wanted(state)) {
            express_interim_begin(r);
        }
    }
}

static apr_status_t express_reverse_filter(ap_filter_t *f,
                                           apr_bucket_brigade *bb)
{
    const express_request *state = express_request_mapped(f->r);
    express_reverse reverse;

    if (state) {
        if (state->grouped) {
            express_group_answered(f->r,
                                   &express_request_make(f->r)->entry);
        }
        express_loop_answered(f->r, state);
        if (express_reverse_wanted(state)) {
            express_reverse_init(&reverse, f->r, state);
            express_reverse_table(&reverse, f->r->headers_out);
            express_reverse_table(&reverse, f->r->err_headers_out);
            express_interim_end(f->r);
        }
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
    express_interim_register();
}
