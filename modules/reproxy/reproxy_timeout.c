/* SPDX-License-Identifier: Apache-2.0 */

/*
 * For how long storage may keep us waiting for the first byte of its answer,
 * and for the TLS handshake before.  (Connecting has a timeout of its own, the
 * worker's.)
 *
 * A socket keeps the timeout that it was given, and its connection serves
 * others when it was kept: its own timeout is remembered on the connection,
 * and set again when storage has answered; by create_req at the latest, which
 * runs for each request of mod_proxy_http's.
 *
 * Which connection an attempt gets mod_proxy tells nobody: the attempt that
 * runs on this thread hangs on a thread-local pointer.
 */

#include "reproxy.h"

#include "apr_network_io.h"

#include "http_connection.h"
#include "http_core.h"
#include "util_filter.h"

#define LIMIT_FILTER "REPROXY_TIMEOUT"

static ap_filter_rec_t *limit_filter_handle;

/* 0: no attempt runs on this thread, or storage has answered it */
static __thread apr_interval_time_t limit;
/* the connection that was limited for it, NULL: none yet */
static __thread conn_rec *limited;
/* since when the answer is waited for on it, 0: it is not */
static __thread apr_time_t waiting_since;

apr_interval_time_t reproxy_timeout_set(apr_interval_time_t wanted)
{
    apr_interval_time_t before = limit;

    limit = wanted;
    limited = NULL;
    waiting_since = 0;
    return before;
}

/* The connection's own timeout; NULL: it was never limited. */
static apr_interval_time_t *own_timeout(conn_rec *c)
{
    return ap_get_module_config(c->conn_config, &reproxy_module);
}

static void connection_limit(conn_rec *c)
{
    apr_socket_t *socket = ap_get_conn_socket(c);
    apr_interval_time_t *own = own_timeout(c);

    if (!socket) {
        return;
    }
    if (!own) {
        own = apr_palloc(c->pool, sizeof(*own));
        if (apr_socket_timeout_get(socket, own) != APR_SUCCESS) {
            return;
        }
        ap_set_module_config(c->conn_config, &reproxy_module, own);
    }
    apr_socket_timeout_set(socket, limit);
    limited = c;
    waiting_since = apr_time_now();
}

static void connection_lift(conn_rec *c)
{
    const apr_interval_time_t *own = own_timeout(c);
    apr_socket_t *socket = ap_get_conn_socket(c);

    if (own && socket) {
        apr_socket_timeout_set(socket, *own);
    }
}

void reproxy_timeout_lift(void)
{
    if (limited) {
        connection_lift(limited);
    }
    limit = 0;
    limited = NULL;
    waiting_since = 0;
}

apr_interval_time_t reproxy_timeout_waited(void)
{
    return waiting_since ? apr_time_now() - waiting_since : 0;
}

/* Before the first byte goes out, and with it the TLS handshake.  mod_proxy
 * sets the socket's timeout after pre_connection. */
static apr_status_t limit_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    ap_filter_t *next = f->next;

    if (limit) {
        connection_limit(f->c);
    }
    ap_remove_output_filter(f);
    return ap_pass_brigade(next, bb);
}

static int timeout_pre_connection(conn_rec *c, void *csd)
{
    (void)csd;
    if (c->outgoing && limit) {
        ap_add_output_filter_handle(limit_filter_handle, NULL, NULL, c);
    }
    return OK;
}

/* mod_proxy's hook: the request is out, the answer is waited for. */
static int timeout_create_req(request_rec *r, request_rec *pr)
{
    (void)r;
    if (limit) {
        connection_limit(pr->connection);
    }
    else if (own_timeout(pr->connection)) {
        connection_lift(pr->connection);
    }
    return OK;
}

void reproxy_timeout_register(void)
{
    limit_filter_handle =
        ap_register_output_filter(LIMIT_FILTER, limit_filter, NULL,
                                  (ap_filter_type)(AP_FTYPE_CONNECTION + 3));
    ap_hook_pre_connection(timeout_pre_connection, NULL, NULL, APR_HOOK_LAST);
    APR_OPTIONAL_HOOK(proxy, create_req, timeout_create_req, NULL, NULL,
                      APR_HOOK_MIDDLE);
}
