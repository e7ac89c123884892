/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How long an app or a storage may keep us waiting: one deadline for the whole
 * header of storage's answer, however many reads it takes, and for the TLS
 * handshake before; and one for a body that is dropped.  (Connecting has a
 * timeout of its own, the worker's.)
 *
 * An input filter next to the socket of each outgoing connection gives a
 * blocking read what is left until the deadline, and the socket its own
 * timeout afterwards: a kept connection serves other requests.  mod_proxy has
 * no hook that names the connection of a request, and reads it on the thread
 * of the request: so the deadline is the thread's.
 */

#include "reproxy.h"

#include "apr_network_io.h"
#include "apr_poll.h"

#include "http_connection.h"
#include "http_core.h"
#include "util_filter.h"

#define TIMEOUT_FILTER "REPROXY_TIMEOUT"

static ap_filter_rec_t *timeout_filter_handle;

/* 0: no attempt runs on this thread, or storage has answered it */
static __thread apr_interval_time_t timeout_limit;
/* since when we wait for the answer, 0: we do not */
static __thread apr_time_t timeout_began;
/* a read of that answer has ended with the deadline: asking the clock later
 * would be off by a rounded millisecond */
static __thread int timeout_expired;
/* 0: none */
static __thread apr_time_t timeout_deadline;
/* the connection that was read last since reproxy_timeout_set(), NULL: none */
static __thread conn_rec *timeout_connection;

apr_interval_time_t reproxy_timeout_set(apr_interval_time_t wanted)
{
    apr_interval_time_t before = timeout_limit;

    timeout_limit = wanted;
    timeout_began = 0;
    timeout_deadline = 0;
    timeout_connection = NULL;
    return before;
}

void reproxy_timeout_lift(void)
{
    timeout_limit = 0;
    timeout_began = 0;
    timeout_deadline = 0;
}

void reproxy_timeout_until(apr_time_t deadline)
{
    timeout_limit = 0;
    timeout_began = 0;
    timeout_deadline = deadline;
}

int reproxy_timeout_expired(void)
{
    return timeout_began && timeout_expired;
}

static void timeout_begin(void)
{
    timeout_began = apr_time_now();
    timeout_expired = 0;
    timeout_deadline = timeout_began + timeout_limit;
}

apr_status_t reproxy_timeout_poll(apr_pool_t *pool)
{
    apr_interval_time_t left = timeout_deadline - apr_time_now();
    apr_pollfd_t poll = { 0 };
    apr_int32_t ready;

    if (!timeout_connection) {
        return APR_SUCCESS;
    }
    poll.p = pool;
    poll.desc_type = APR_POLL_SOCKET;
    poll.reqevents = APR_POLLIN;
    poll.desc.s = ap_get_conn_socket(timeout_connection);
    if (!poll.desc.s) {
        return APR_SUCCESS;
    }
    return apr_poll(&poll, 1, &ready, left > 0 ? left : 0);
}

static apr_status_t timeout_filter(ap_filter_t *f, apr_bucket_brigade *bb,
                                   ap_input_mode_t mode,
                                   apr_read_type_e block,
                                   apr_off_t readbytes)
{
    apr_socket_t *socket = ap_get_conn_socket(f->c);
    apr_interval_time_t own, left;
    apr_status_t rv;

    timeout_connection = f->c;
    if (timeout_limit && !timeout_began) {
        timeout_begin();
    }
    if (!timeout_deadline || block != APR_BLOCK_READ || !socket
        || apr_socket_timeout_get(socket, &own) != APR_SUCCESS) {
        return ap_get_brigade(f->next, bb, mode, block, readbytes);
    }
    left = timeout_deadline - apr_time_now();
    if (left <= 0 && timeout_began) {
        timeout_expired = 1;
        return APR_TIMEUP;
    }
    /* of a body that is dropped, what is there is read: no error is logged,
     * and the gate gives the connection up afterwards */
    left = left > 0 ? left : 1;
    apr_socket_timeout_set(socket, left);
    rv = ap_get_brigade(f->next, bb, mode, block, readbytes);
    apr_socket_timeout_set(socket, own);
    timeout_expired |= APR_STATUS_IS_TIMEUP(rv);
    return rv;
}

static int timeout_pre_connection(conn_rec *c, void *csd)
{
    (void)csd;
    if (c->outgoing) {
        ap_add_input_filter_handle(timeout_filter_handle, NULL, NULL, c);
    }
    return OK;
}

/* mod_proxy's hook: the request is out.  What the TLS handshake took does not
 * count. */
static int timeout_create_req(request_rec *r, request_rec *pr)
{
    (void)r;
    (void)pr;
    if (timeout_limit) {
        timeout_begin();
    }
    return OK;
}

void reproxy_timeout_register(void)
{
    timeout_filter_handle =
        ap_register_input_filter(TIMEOUT_FILTER, timeout_filter, NULL,
                                 (ap_filter_type)(AP_FTYPE_NETWORK - 1));
    ap_hook_pre_connection(timeout_pre_connection, NULL, NULL, APR_HOOK_LAST);
    APR_OPTIONAL_HOOK(proxy, create_req, timeout_create_req, NULL, NULL,
                      APR_HOOK_MIDDLE);
}
