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

/** What became of the last attempt for a request. */
typedef struct pool_attempt {
    int opened;             /**< a new connection was made for it */
    int connected;          /**< there was a connection to read from */
    int answered;           /**< a byte of a response was read */
    int resent;             /**< it was the second */
    conn_rec *client;       /**< whose keepalives are to be hidden, or NULL */
    int keepalives;         /**< the number, while they are */
} pool_attempt;

/** In register_hooks. */
void pool_attempt_register(void);

/**
 * Can this request be sent a second time, should the first fail before any
 * answer: an idempotent method, no body, not a subrequest?
 */
int pool_attempt_repeatable(request_rec *r);

/**
 * Have mod_proxy serve the request over the worker; when the request is
 * repeatable and a kept connection fails before it answers, once more over a
 * new one, of which the client sees nothing.
 * @param attempt all 0; must live as long as the request
 * @return what mod_proxy's scheme handlers return
 */
int pool_attempt_run(request_rec *r, proxy_worker *worker,
                     proxy_server_conf *conf, char *url, int repeatable,
                     pool_attempt *attempt);

#endif /* POOL_ATTEMPT_H */
