/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The gate: an output filter before all others of the request, so that the
 * client's side of the filters sees one response, the final one.
 *
 * The app's body is dropped, and its connection goes back to its pool when its
 * handler returns.  The body of a failed attempt is dropped as well.
 */

#include "reproxy.h"

#include "http_protocol.h"
#include "util_filter.h"

#define GATE_FILTER "REPROXY_GATE"
/* How much of a body may be worth a kept connection: an app is on this machine
 * or near it, and its connection is the one that is used again. */
#define GATE_APP_BYTES (1024 * 1024)
#define GATE_ATTEMPT_BYTES (64 * 1024)

static ap_filter_rec_t *gate_filter_handle;

/* ---- headers that are between the app and us ---------------------------- */

static int gate_is_ours(const char *name)
{
    static const char prefix[] = "X-Reproxy-";

    return (name[0] == 'X' || name[0] == 'x')
           && ap_cstr_casecmpn(name, prefix, sizeof(prefix) - 1) == 0;
}

static void gate_strip(apr_table_t *table)
{
    const apr_array_header_t *array = apr_table_elts(table);
    int i = 0;

    while (i < array->nelts) {
        const char *name = APR_ARRAY_IDX(array, i, apr_table_entry_t).key;

        if (gate_is_ours(name)) {
            /* all of this name: later ones move up */
            apr_table_unset(table, name);
            i = 0;
        }
        else {
            i++;
        }
    }
}

void reproxy_gate_strip(request_rec *r)
{
    gate_strip(r->headers_out);
    gate_strip(r->err_headers_out);
}

/* ---- the gate ---------------------------------------------------------- */

void reproxy_gate_open(reproxy_request *state, int proxyreq)
{
    request_rec *r = state->r;

    reproxy_restore_return(state);
    r->proxyreq = proxyreq;
    if (r->method_number != M_GET) {
        /* httpd's own filter would cut a range out */
        apr_table_unset(r->headers_in, "Range");
    }
    reproxy_answer_preserve(state);
    reproxy_gate_strip(r);
    if (!reproxy_answer_cacheable(state)) {
        apr_table_setn(r->subprocess_env, "no-cache", "1");
    }
    state->gate = REPROXY_GATE_OPEN;
}

typedef struct gate_seen {
    int error;
    int body;                   /* data, or the end */
} gate_seen;

static void gate_look(gate_seen *seen, apr_bucket_brigade *bb)
{
    apr_bucket *b;

    seen->error = seen->body = 0;
    for (b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb);
         b = APR_BUCKET_NEXT(b)) {
        if (AP_BUCKET_IS_ERROR(b) || AP_BUCKET_IS_EOC(b)) {
            seen->error = 1;
        }
        else if (APR_BUCKET_IS_EOS(b) || !APR_BUCKET_IS_METADATA(b)) {
            seen->body = 1;
        }
    }
}

/* The client's HEAD was sent as a GET: only the header is the answer. */
static apr_status_t gate_head_pass(ap_filter_t *f, apr_bucket_brigade *bb)
{
    int ended = APR_BUCKET_IS_EOS(APR_BRIGADE_LAST(bb));
    apr_status_t rv;

    apr_brigade_cleanup(bb);
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(bb->bucket_alloc));
    rv = ap_pass_brigade(f->next, bb);
    /* the rest of the body is not read: the connection is closed */
    return rv == APR_SUCCESS && !ended ? APR_ENOSPC : rv;
}

static int gate_app_judge(reproxy_request *state)
{
    if (reproxy_answer_read(state)) {
        reproxy_swallow_begin(&state->swallow, GATE_APP_BYTES);
        state->gate = REPROXY_GATE_SWALLOW;
        return 1;
    }
    reproxy_gate_strip(state->r);
    state->gate = REPROXY_GATE_OPEN;
    return 0;
}

void reproxy_gate_end(reproxy_request *state, int rc)
{
    int status = state->r->status;

    if (state->gate != REPROXY_GATE_WATCH) {
        return;
    }
    if (rc != OK) {
        /* a handler may return its status, whose document httpd writes */
        state->r->status = rc;
    }
    if (!gate_app_judge(state)) {
        state->r->status = status;
    }
}

static apr_status_t gate_app_pass(ap_filter_t *f, apr_bucket_brigade *bb)
{
    reproxy_request *state = f->ctx;

    if (gate_app_judge(state)) {
        return reproxy_swallow_brigade(&state->swallow, f->r, bb);
    }
    return ap_pass_brigade(f->next, bb);
}

static void gate_reject(reproxy_request *state)
{
    reproxy_swallow_begin(&state->attempt->swallow, GATE_ATTEMPT_BYTES);
    state->gate = REPROXY_GATE_REJECT;
}

static apr_status_t gate_attempt_pass(ap_filter_t *f, apr_bucket_brigade *bb)
{
    reproxy_request *state = f->ctx;
    reproxy_attempt *attempt = state->attempt;
    gate_seen seen;
    apr_status_t rv;

    gate_look(&seen, bb);
    if (state->gate == REPROXY_GATE_JUDGE) {
        reproxy_timeout_lift();
        state->gate = REPROXY_GATE_HOLD;
        if (seen.error || !reproxy_judge(state)) {
            gate_reject(state);
        }
    }
    if (state->gate == REPROXY_GATE_HOLD && seen.error) {
        attempt->result = REPROXY_BROKEN;
        gate_reject(state);
    }
    if (state->gate == REPROXY_GATE_REJECT) {
        return reproxy_swallow_brigade(&attempt->swallow, f->r, bb);
    }
    if (!seen.body) {
        /* a FLUSH: until the first byte there is still a next URL */
        apr_brigade_cleanup(bb);
        return APR_SUCCESS;
    }
    reproxy_gate_open(state, PROXYREQ_REVERSE);
    if (attempt->head_as_get) {
        return gate_head_pass(f, bb);
    }
    /* the first piece goes at once, and the header with it: what breaks off
     * from now on breaks off for the client too */
    rv = ap_pass_brigade(f->next, bb);
    reproxy_gather_insert(f->r);
    return rv;
}

static apr_status_t gate_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    reproxy_request *state = f->ctx;

    if (APR_BRIGADE_EMPTY(bb)) {
        return APR_SUCCESS;
    }
    switch (state->gate) {
    case REPROXY_GATE_WATCH:
        return gate_app_pass(f, bb);
    case REPROXY_GATE_SWALLOW:
        return reproxy_swallow_brigade(&state->swallow, f->r, bb);
    case REPROXY_GATE_OPEN:
        if (APR_BUCKET_IS_EOS(APR_BRIGADE_LAST(bb))) {
            gate_strip(f->r->trailers_out);
        }
        return ap_pass_brigade(f->next, bb);
    default:
        return gate_attempt_pass(f, bb);
    }
}

void reproxy_gate_insert(reproxy_request *state)
{
    state->gate = REPROXY_GATE_WATCH;
    ap_add_output_filter_handle(gate_filter_handle, state, state->r,
                                state->r->connection);
}

void reproxy_gate_register(void)
{
    /* before mod_include's and mod_deflate's (INFLATE), which have a level
     * or so below AP_FTYPE_RESOURCE, and before mod_proxy_pool's */
    gate_filter_handle =
        ap_register_output_filter(GATE_FILTER, gate_filter, NULL,
                                  (ap_filter_type)(AP_FTYPE_RESOURCE - 5));
}
