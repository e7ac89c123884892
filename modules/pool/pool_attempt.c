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
 * filter that it puts on the connection for good sees the beginning of each
 * answer.
 *
 * How the client sees nothing of a failure: mod_proxy closes a kept client
 * connection when the backend fails it, so that the client sends again; with
 * c->keepalives at 0 it returns a plain 502 instead.  The true number comes
 * back with the first line of the answer.
 */

#include "pool_attempt.h"

#include "http_connection.h"
#include "http_log.h"
#include "http_protocol.h"
#include "util_filter.h"

extern module AP_MODULE_DECLARE_DATA proxy_pool_module;
APLOG_USE_MODULE(proxy_pool);

#define ANSWER_FILTER "PROXY_POOL_ANSWER"

/* initial-exec: a register and an offset, where the usual way for a loaded
 * module is a call; there is room for a pointer. */
static __thread pool_attempt *waiting
    __attribute__((tls_model("initial-exec")));

static ap_filter_rec_t *answer_filter_handle;

/* ---- what the client sees ---------------------------------------------- */

static void keepalives_hide(pool_attempt *attempt)
{
    if (attempt->client && attempt->client->keepalives > 0) {
        attempt->keepalives = attempt->client->keepalives;
        attempt->client->keepalives = 0;
    }
}

/* With the answer or when the attempts are over, whichever comes first. */
static void keepalives_restore(pool_attempt *attempt)
{
    if (attempt->keepalives > 0) {
        attempt->client->keepalives = attempt->keepalives;
        attempt->keepalives = 0;
    }
}

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

/* The last bucket with bytes in it; NULL: none has. */
static apr_bucket *last_data(apr_bucket_brigade *bb)
{
    apr_bucket *b;

    for (b = APR_BRIGADE_LAST(bb); b != APR_BRIGADE_SENTINEL(bb);
         b = APR_BUCKET_PREV(b)) {
        if (!APR_BUCKET_IS_METADATA(b) && b->length != 0) {
            return b;
        }
    }
    return NULL;
}

static int ends_line(apr_bucket *b)
{
    const char *bytes;
    apr_size_t len;

    return apr_bucket_read(b, &bytes, &len, APR_BLOCK_READ) == APR_SUCCESS
           && len > 0 && bytes[len - 1] == '\n';
}

/* The request has just been sent: wait before the first read, which would find
 * nothing.  Saves a system call a request. */
static void expect_to_wait(conn_rec *c, apr_read_type_e block)
{
    apr_socket_t *socket = ap_get_conn_socket(c);

    if (block == APR_BLOCK_READ && socket) {
        apr_socket_opt_set(socket, APR_INCOMPLETE_READ, 1);
    }
}

/* Not in the filter itself, which each line of an answer passes twice. */
static __attribute__((noinline))
apr_status_t answer_first(ap_filter_t *f, apr_bucket_brigade *bb,
                          ap_input_mode_t mode, apr_read_type_e block,
                          apr_off_t readbytes)
{
    apr_bucket *data;
    apr_status_t rv;

    waiting->connected = 1;
    if (!waiting->answered) {
        keepalives_hide(waiting);
        expect_to_wait(f->c, block);
    }
    rv = ap_get_brigade(f->next, bb, mode, block, readbytes);
    /* bytes that are there before the request are no answer: mod_proxy looks
     * for them, and takes another connection then */
    if (rv != APR_SUCCESS || mode == AP_MODE_SPECULATIVE
        || (data = last_data(bb)) == NULL) {
        return rv;
    }
    waiting->answered = 1;
    if (mode != AP_MODE_GETLINE || ends_line(data)) {
        keepalives_restore(waiting);
        waiting = NULL;
    }
    return rv;
}

static apr_status_t answer_filter(ap_filter_t *f, apr_bucket_brigade *bb,
                                  ap_input_mode_t mode,
                                  apr_read_type_e block, apr_off_t readbytes)
{
    if (waiting) {
        return answer_first(f, bb, mode, block, readbytes);
    }
    /* as ap_get_brigade() does: there is always a next one */
    return f->next->frec->filter_func.in_func(f->next, bb, mode, block,
                                              readbytes);
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
    attempt->client = r->connection;
    rc = attempt_once(r, worker, conf, url, attempt);
    if (is_stale(r, rc, attempt)) {
        ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r, "SB0103: the kept "
                      "connection was closed by the backend: sent again");
        forget_attempt(r);
        /* a new socket, which is kept like any other afterwards; mod_proxy
         * asks for it for the first request of a client connection only */
        keepalives_hide(attempt);
        apr_table_setn(r->subprocess_env, "proxy-initial-not-pooled", "1");
        attempt->resent = 1;
        rc = attempt_once(r, worker, conf, url, attempt);
        apr_table_unset(r->subprocess_env, "proxy-initial-not-pooled");
    }
    keepalives_restore(attempt);
    return rc;
}

void pool_attempt_register(void)
{
    answer_filter_handle =
        ap_register_input_filter(ANSWER_FILTER, answer_filter, NULL,
                                 AP_FTYPE_CONNECTION + 3);
    ap_hook_pre_connection(pool_pre_connection, NULL, NULL, APR_HOOK_LAST);
}
