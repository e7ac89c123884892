/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A kept connection may be closed by the backend just as we write to it.  The
 * client must not pay for that, and RFC 9110, 9.2.2 lets a proxy send an
 * idempotent request again.
 *
 * How the attempt learns what happened on its connection, of which mod_proxy
 * tells nobody: the attempt on this thread that waits for its answer hangs on
 * a thread-local pointer (saved and restored, for attempts within attempts).
 * pre_connection runs for a new backend connection only, on that thread; a
 * filter that it puts on the connection for good sees the first byte of each
 * answer.
 *
 * How the client sees nothing of a failure: mod_proxy closes a kept client
 * connection when the backend fails it, so that the client sends again; with
 * c->keepalives at 0 it returns a plain 502 instead.  The true number comes
 * back with the response, before its header is written.
 */

#include "pool_attempt.h"

#include "http_connection.h"
#include "http_log.h"
#include "http_protocol.h"
#include "util_filter.h"

extern module AP_MODULE_DECLARE_DATA proxy_pool_module;
APLOG_USE_MODULE(proxy_pool);

#define ANSWER_FILTER "PROXY_POOL_ANSWER"
#define KEEPALIVES_FILTER "PROXY_POOL_KEEPALIVES"

/* initial-exec: a register and an offset, where the usual way for a loaded
 * module is a call; there is room for a pointer. */
static __thread pool_attempt *waiting
    __attribute__((tls_model("initial-exec")));

static ap_filter_rec_t *answer_filter_handle;
static ap_filter_rec_t *keepalives_filter_handle;

/* ---- what happens on the backend's connection -------------------------- */

static int pool_pre_connection(conn_rec *c, void *csd)
{
    (void)csd;
    if (c->outgoing && waiting) {
        waiting->opened = 1;
        ap_add_input_filter_handle(answer_filter_handle, NULL, NULL, c);
    }
    return OK;
}

static int has_data(apr_bucket_brigade *bb)
{
    apr_bucket *b;

    for (b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb);
         b = APR_BUCKET_NEXT(b)) {
        if (!APR_BUCKET_IS_METADATA(b) && b->length != 0) {
            return 1;
        }
    }
    return 0;
}

/* Not in the filter itself, which each line of an answer passes twice. */
static __attribute__((noinline))
apr_status_t answer_first(ap_filter_t *next, apr_bucket_brigade *bb,
                          ap_input_mode_t mode, apr_read_type_e block,
                          apr_off_t readbytes)
{
    apr_status_t rv;

    waiting->connected = 1;
    rv = ap_get_brigade(next, bb, mode, block, readbytes);
    if (rv == APR_SUCCESS && has_data(bb)) {
        waiting->answered = 1;
        waiting = NULL;
    }
    return rv;
}

static apr_status_t answer_filter(ap_filter_t *f, apr_bucket_brigade *bb,
                                  ap_input_mode_t mode,
                                  apr_read_type_e block, apr_off_t readbytes)
{
    if (waiting) {
        return answer_first(f->next, bb, mode, block, readbytes);
    }
    return ap_get_brigade(f->next, bb, mode, block, readbytes);
}

/* ---- what the client sees ---------------------------------------------- */

static void keepalives_hide(request_rec *r, pool_attempt *attempt)
{
    conn_rec *c = r->connection;

    attempt->keepalives = c->keepalives;
    if (c->keepalives > 0) {
        c->keepalives = 0;
        ap_add_output_filter_handle(keepalives_filter_handle, attempt, r, c);
    }
}

/* By the filter or when the attempts are over, whichever comes first. */
static void keepalives_restore(conn_rec *c, pool_attempt *attempt)
{
    if (attempt->keepalives > 0) {
        c->keepalives = attempt->keepalives;
        attempt->keepalives = 0;
    }
}

static apr_status_t keepalives_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    keepalives_restore(f->r->connection, f->ctx);
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}

/* ---- attempts ---------------------------------------------------------- */

int pool_attempt_repeatable(request_rec *r)
{
    const char *length;

    if (r->main || apr_table_get(r->headers_in, "Transfer-Encoding")) {
        return 0;
    }
    length = apr_table_get(r->headers_in, "Content-Length");
    if (length && strcmp(length, "0") != 0) {
        return 0;
    }
    switch (r->method_number) {
    case M_GET:                 /* and HEAD */
    case M_PUT:
    case M_DELETE:
    case M_OPTIONS:
    case M_TRACE:
        return 1;
    default:
        return 0;
    }
}

static int attempt_once(request_rec *r, proxy_worker *worker,
                        proxy_server_conf *conf, char *url,
                        pool_attempt *attempt)
{
    pool_attempt *outer = waiting;
    int rc;

    attempt->opened = attempt->connected = attempt->answered = 0;
    waiting = attempt;
    rc = proxy_run_scheme_handler(r, worker, conf, url, NULL, 0);
    waiting = outer;
    return rc;
}

static int is_stale(request_rec *r, int rc, const pool_attempt *attempt)
{
    return rc == HTTP_BAD_GATEWAY && !attempt->opened && !attempt->answered
           && !apr_table_get(r->notes, "proxy_timedout");
}

/* What the failed attempt has left on the request. */
static void forget_attempt(request_rec *r)
{
    r->status_line = NULL;
    apr_table_unset(r->notes, "error-notes");
    apr_table_unset(r->notes, "verbose-error-to");
    apr_pool_userdata_setn(NULL, "proxy-req-input", NULL, r->pool);
}

int pool_attempt_run(request_rec *r, proxy_worker *worker,
                     proxy_server_conf *conf, char *url, int repeatable,
                     pool_attempt *attempt)
{
    int rc;

    if (!repeatable) {
        return attempt_once(r, worker, conf, url, attempt);
    }
    keepalives_hide(r, attempt);
    rc = attempt_once(r, worker, conf, url, attempt);
    if (is_stale(r, rc, attempt)) {
        ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r, "SB0103: the kept "
                      "connection was closed by the backend: sent again");
        forget_attempt(r);
        /* a new socket, which is kept like any other afterwards */
        apr_table_setn(r->subprocess_env, "proxy-initial-not-pooled", "1");
        attempt->resent = 1;
        rc = attempt_once(r, worker, conf, url, attempt);
        apr_table_unset(r->subprocess_env, "proxy-initial-not-pooled");
    }
    keepalives_restore(r->connection, attempt);
    return rc;
}

void pool_attempt_register(void)
{
    answer_filter_handle =
        ap_register_input_filter(ANSWER_FILTER, answer_filter, NULL,
                                 AP_FTYPE_CONNECTION + 3);
    keepalives_filter_handle =
        ap_register_output_filter(KEEPALIVES_FILTER, keepalives_filter, NULL,
                                  AP_FTYPE_RESOURCE - 1);
    ap_hook_pre_connection(pool_pre_connection, NULL, NULL, APR_HOOK_LAST);
}
