/* SPDX-License-Identifier: Apache-2.0 */

/*
 * mod_proxy reads a body in pieces of 8 KB, and each would be a write to the
 * client: they are held here while more can be read.  mod_proxy
 * sends a FLUSH when nothing can be read at the moment, so nothing waits here
 * that could go.
 */

#include "reproxy.h"

#include "util_filter.h"

#define GATHER_FILTER "REPROXY_GATHER"
#define GATHER_MAX (64 * 1024)

typedef struct gather_state {
    apr_bucket_brigade *bb;
    apr_off_t length;
} gather_state;

static ap_filter_rec_t *gather_filter_handle;

/* Adds up the data; 0 when there is more than data. */
static int gather_is_data(apr_bucket_brigade *bb, apr_off_t *length)
{
    apr_bucket *b;

    for (b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb);
         b = APR_BUCKET_NEXT(b)) {
        if (APR_BUCKET_IS_METADATA(b) || b->length == (apr_size_t)-1) {
            return 0;
        }
        *length += b->length;
    }
    return 1;
}

static apr_status_t gather_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    gather_state *held = f->ctx;

    if (gather_is_data(bb, &held->length) && held->length < GATHER_MAX) {
        return ap_save_brigade(f, &held->bb, &bb, f->r->pool);
    }
    held->length = 0;
    if (held->bb) {
        APR_BRIGADE_PREPEND(bb, held->bb);
    }
    return ap_pass_brigade(f->next, bb);
}

void reproxy_gather_insert(request_rec *r)
{
    ap_add_output_filter_handle(gather_filter_handle,
                                apr_pcalloc(r->pool, sizeof(gather_state)), r,
                                r->connection);
}

void reproxy_gather_register(void)
{
    /* after the gate */
    gather_filter_handle =
        ap_register_output_filter(GATHER_FILTER, gather_filter, NULL,
                                  (ap_filter_type)(AP_FTYPE_RESOURCE - 4));
}
