/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file pool_attempt.h
 * @brief One attempt to serve a request over a pool's connection: was the
 *        connection a kept one, did the backend answer, can it be sent again?
 */

#ifndef POOL_ATTEMPT_H
#define POOL_ATTEMPT_H

#include "httpd.h"
#include "mod_proxy.h"

#include "pool_flight.h"

/** The result of the last attempt for a request. */
typedef struct pool_attempt {
    int opened;             /**< a new connection was made for it */
    int connected;          /**< a connection was read from */
    int answered;           /**< a byte of a response was read */
    int resent;             /**< it was the second */
    conn_rec *client;       /**< its keepalives are to be hidden; or NULL */
    int keepalives;         /**< the true number while hidden, else 0 */
    /** called with flight for the first byte of an answer */
    void (*on_answer)(pool_flight *flight);
    pool_flight *flight;
} pool_attempt;

/** In register_hooks: before mod_proxy makes a connection. */
void pool_attempt_register(void);

/**
 * Can this request be sent a second time if the first attempt fails before any
 * answer?  That needs an idempotent method and no body; no subrequest can.
 */
int pool_attempt_repeatable(request_rec *r);

/**
 * Have mod_proxy serve the request over the worker; if it is repeatable and a
 * kept connection fails before it answers, once more over a new one.  The
 * client does not notice.
 * @param attempt all 0 but for its flight; must live as long as the request
 * @return what mod_proxy's scheme handlers return
 */
int pool_attempt_run(request_rec *r, proxy_worker *worker,
                     proxy_server_conf *conf, char *url, int repeatable,
                     pool_attempt *attempt);

#endif /* POOL_ATTEMPT_H */
