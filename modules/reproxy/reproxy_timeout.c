/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How long storage may keep us waiting for the first byte of its answer, and
 * for the TLS handshake before.  (Connecting has a timeout of its own, the
 * worker's.)
 *
 * A socket keeps the timeout that it was given, and a kept connection serves
 * other requests: its own timeout is remembered on the connection and set
 * again when storage has answered; by create_req at the latest, which runs
 * for each request of mod_proxy_http.
 *
 * mod_proxy has no hook that names the connection of a request before it is
 * used: the attempt of this thread is found through thread-local variables.
 */

#include "reproxy.h"

#include "apr_network_io.h"

#include "http_connection.h"
#include "http_core.h"
#include "util_filter.h"

#define TIMEOUT_FILTER "REPROXY_TIMEOUT"

static ap_filter_rec_t *timeout_filter_handle;

/* 0: no attempt runs on this thread, or storage has answered it */
static __thread apr_interval_time_t timeout_limit;
/* the connection that has the limit, NULL: none yet */
static __thread conn_rec *timeout_connection;
/* since when we wait for its answer, 0: we do not */
static __thread apr_time_t timeout_waiting_since;

apr_interval_time_t reproxy_timeout_set(apr_interval_time_t wanted)
{
    apr_interval_time_t before = timeout_limit;

    timeout_limit = wanted;
    timeout_connection = NULL;
    timeout_waiting_since = 0;
    return before;
}

/* The connection's own timeout; NULL: it never had the limit. */
static apr_interval_time_t *timeout_own(conn_rec *c)
{
    return ap_get_module_config(c->conn_config, &reproxy_module);
}

static void timeout_apply(conn_rec *c)
{
    apr_socket_t *socket = ap_get_conn_socket(c);
    apr_interval_time_t *own = timeout_own(c);

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
    apr_socket_timeout_set(socket, timeout_limit);
    timeout_connection = c;
    timeout_waiting_since = apr_time_now();
}

static void timeout_restore(conn_rec *c)
{
    const apr_interval_time_t *own = timeout_own(c);
    apr_socket_t *socket = ap_get_conn_socket(c);

    if (own && socket) {
        apr_socket_timeout_set(socket, *own);
    }
}

void reproxy_timeout_lift(void)
{
    if (timeout_connection) {
        timeout_restore(timeout_connection);
    }
    timeout_limit = 0;
    timeout_connection = NULL;
    timeout_waiting_since = 0;
}

apr_interval_time_t reproxy_timeout_waited(void)
{
    return timeout_waiting_since ? apr_time_now() - timeout_waiting_since : 0;
}

/* Runs before the first byte goes out, and with it the TLS handshake:
 * mod_proxy sets the socket's timeout after pre_connection. */
static apr_status_t timeout_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    ap_filter_t *next = f->next;

    if (timeout_limit) {
        timeout_apply(f->c);
    }
    ap_remove_output_filter(f);
    return ap_pass_brigade(next, bb);
}

static int timeout_pre_connection(conn_rec *c, void *csd)
{
    (void)csd;
    if (c->outgoing && timeout_limit) {
        ap_add_output_filter_handle(timeout_filter_handle, NULL, NULL, c);
    }
    return OK;
}

/* mod_proxy's hook: the request goes out. */
static int timeout_create_req(request_rec *r, request_rec *pr)
{
    (void)r;
    if (timeout_limit) {
        timeout_apply(pr->connection);
    }
    else if (timeout_own(pr->connection)) {
        timeout_restore(pr->connection);
    }
    return OK;
}

void reproxy_timeout_register(void)
{
    timeout_filter_handle =
        ap_register_output_filter(TIMEOUT_FILTER, timeout_filter, NULL,
                                  (ap_filter_type)(AP_FTYPE_CONNECTION + 3));
    ap_hook_pre_connection(timeout_pre_connection, NULL, NULL, APR_HOOK_LAST);
    APR_OPTIONAL_HOOK(proxy, create_req, timeout_create_req, NULL, NULL,
                      APR_HOOK_MIDDLE);
}
