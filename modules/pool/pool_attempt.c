/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A backend may close a kept connection just as a request is written to it.
 * The client must not pay for that, and RFC 9110, 9.2.2 lets a proxy send an
 * idempotent request again.
 *
 * How the attempt learns what happened on its connection, which mod_proxy does
 * not report: a thread-local pointer names the attempt on this thread that
 * waits for its answer (saved and restored, for attempts within attempts).
 * pre_connection runs for a new backend connection only, on that thread; a
 * filter that it adds to the connection for its lifetime sees the beginning of
 * each answer.
 *
 * How the failure is hidden from the client: when a backend fails a request of
 * a kept client connection, mod_proxy closes that connection, so that the
 * client sends again; with c->keepalives at 0 it returns a plain 502 instead.
 * The true number is restored with the first line of the answer.
 *
 * What this file relies on in mod_proxy and mod_proxy_http, by name.  A new
 * release of httpd that renames one of them changes what happens here, without
 * an error; test_pool_stale.py is what notices:
 *
 * - c->keepalives, read by ap_proxyerror() callers in mod_proxy_http to choose
 *   between closing the client's connection and 502; read by ap_proxy_http_
 *   create_req() too, with proxy-initial-not-pooled;
 * - the variable proxy-initial-not-pooled: the first request of a client's
 *   connection (keepalives 0) gets a new backend connection;
 * - the note proxy_timedout: the backend was too slow, not gone;
 * - the notes error-notes and verbose-error-to and the pool's userdata
 *   proxy-req-input, which a failed attempt leaves behind;
 * - the note uds_path (pool_key.c): the path of the backend's unix socket.
 */

#include "pool_attempt.h"

#include "http_connection.h"
#include "http_log.h"
#include "http_protocol.h"
#include "util_filter.h"

extern module AP_MODULE_DECLARE_DATA proxy_pool_module;
APLOG_USE_MODULE(proxy_pool);

#define POOL_ANSWER_FILTER "PROXY_POOL_ANSWER"

/* Not initial-exec, which would save a call: that takes room which glibc has
 * little of and does not get back from a module that a restart loads anew. */
static __thread pool_attempt *pool_waiting;

static ap_filter_rec_t *pool_answer_filter_handle;

/* ---- what the client sees ---------------------------------------------- */

static void pool_keepalives_hide(pool_attempt *attempt)
{
    if (attempt->client && attempt->client->keepalives > 0) {
        attempt->keepalives = attempt->client->keepalives;
        attempt->client->keepalives = 0;
    }
}

/* With the answer, or after the last attempt, whichever comes first. */
static void pool_keepalives_restore(pool_attempt *attempt)
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
    if (c->outgoing && pool_waiting) {
        pool_waiting->opened = 1;
        ap_add_input_filter_handle(pool_answer_filter_handle, NULL, NULL, c);
    }
    return OK;
}

/* The last bucket that holds bytes, or NULL. */
static apr_bucket *pool_last_data(apr_bucket_brigade *bb)
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

static int pool_ends_line(apr_bucket *b)
{
    const char *bytes;
    apr_size_t len;

    return apr_bucket_read(b, &bytes, &len, APR_BLOCK_READ) == APR_SUCCESS
           && len > 0 && bytes[len - 1] == '\n';
}

/* The request has just been sent: the first read would find nothing, so have
 * APR poll first.  Saves a system call per request. */
static void pool_expect_to_wait(conn_rec *c, apr_read_type_e block)
{
    apr_socket_t *socket = ap_get_conn_socket(c);

    if (block == APR_BLOCK_READ && socket) {
        apr_socket_opt_set(socket, APR_INCOMPLETE_READ, 1);
    }
}

/* Kept out of the filter itself, which runs twice for each line of an answer:
 * inlined, its registers would be saved and restored there. */
static __attribute__((noinline))
apr_status_t pool_answer_first(ap_filter_t *f, apr_bucket_brigade *bb,
                          ap_input_mode_t mode, apr_read_type_e block,
                          apr_off_t readbytes)
{
    apr_bucket *data;
    apr_status_t rv;

    pool_waiting->connected = 1;
    if (!pool_waiting->answered) {
        pool_keepalives_hide(pool_waiting);
        pool_expect_to_wait(f->c, block);
    }
    rv = ap_get_brigade(f->next, bb, mode, block, readbytes);
    /* a speculative read comes before the request is sent: mod_proxy looks for
     * bytes that are no answer, and takes another connection if it finds any */
    if (rv != APR_SUCCESS || mode == AP_MODE_SPECULATIVE
        || (data = pool_last_data(bb)) == NULL) {
        return rv;
    }
    if (!pool_waiting->answered) {
        pool_waiting->answered = 1;
        pool_waiting->on_answer(pool_waiting->flight);
    }
    if (mode != AP_MODE_GETLINE || pool_ends_line(data)) {
        pool_keepalives_restore(pool_waiting);
        pool_waiting = NULL;
    }
    return rv;
}

static apr_status_t pool_answer_filter(ap_filter_t *f, apr_bucket_brigade *bb,
                                  ap_input_mode_t mode,
                                  apr_read_type_e block, apr_off_t readbytes)
{
    if (pool_waiting) {
        return pool_answer_first(f, bb, mode, block, readbytes);
    }
    return ap_get_brigade(f->next, bb, mode, block, readbytes);
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

static int pool_attempt_once(request_rec *r, proxy_worker *worker,
                        proxy_server_conf *conf, char *url,
                        pool_attempt *attempt)
{
    pool_attempt *outer = pool_waiting;
    int rc;

    attempt->opened = attempt->connected = attempt->answered = 0;
    pool_waiting = attempt;
    rc = proxy_run_scheme_handler(r, worker, conf, url, NULL, 0);
    pool_waiting = outer;
    return rc;
}

static int pool_is_stale(request_rec *r, int rc, const pool_attempt *attempt)
{
    return rc == HTTP_BAD_GATEWAY && !attempt->opened && !attempt->answered
           && !apr_table_get(r->notes, "proxy_timedout");
}

/* What the failed attempt has left on the request, by mod_proxy's names. */
static void pool_attempt_forget(request_rec *r)
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
        return pool_attempt_once(r, worker, conf, url, attempt);
    }
    attempt->client = r->connection;
    rc = pool_attempt_once(r, worker, conf, url, attempt);
    if (pool_is_stale(r, rc, attempt)) {
        ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r, "SB0103: the "
                      "backend closed the kept connection: the request is sent "
                      "again on a new one");
        pool_attempt_forget(r);
        /* a new socket, which is kept like any other afterwards.  mod_proxy
         * honours the variable for the first request of a client's connection
         * only: keepalives 0 makes this one such a request */
        pool_keepalives_hide(attempt);
        apr_table_setn(r->subprocess_env, "proxy-initial-not-pooled", "1");
        attempt->resent = 1;
        rc = pool_attempt_once(r, worker, conf, url, attempt);
        apr_table_unset(r->subprocess_env, "proxy-initial-not-pooled");
    }
    pool_keepalives_restore(attempt);
    return rc;
}

void pool_attempt_register(void)
{
    pool_answer_filter_handle =
        ap_register_input_filter(POOL_ANSWER_FILTER, pool_answer_filter, NULL,
                                 AP_FTYPE_CONNECTION + 3);
    ap_hook_pre_connection(pool_pre_connection, NULL, NULL, APR_HOOK_LAST);
}
