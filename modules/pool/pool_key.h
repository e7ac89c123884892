/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file pool_key.h
 * @brief Which pool a request belongs to.
 */

#ifndef POOL_KEY_H
#define POOL_KEY_H

#include "httpd.h"
#include "mod_proxy.h"

#include "pool_request.h"
#include "pool_worker.h"

/** Does the URL begin with this scheme (in lower case, with its colon)?  In
 *  any case. */
int pool_key_begins(const char *url, const char *scheme);

/**
 * The key of the pool for this request, and what its worker is made from.
 * Requests with equal keys can share connections.  Logs options of an entry
 * that a pool cannot have.
 * @param spec set; refers to the key and to r->pool
 * @param state with repeatable and words set
 * @param conf mod_proxy's, of the virtual host
 * @param url of the backend as mod_proxy has it, without proxy:
 * @return in r->pool; any bytes.  May hold a secret: not for the log
 */
hostmap_str pool_key(pool_worker_spec *spec, const pool_request *state,
                     request_rec *r, const proxy_server_conf *conf,
                     const char *url);

#endif /* POOL_KEY_H */
