/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file pool_worker.h
 * @brief A mod_proxy worker that no directive names: created at run time, with
 *        the options of a pool, and destroyed with it.
 */

#ifndef POOL_WORKER_H
#define POOL_WORKER_H

#include "httpd.h"
#include "mod_proxy.h"

#include "base/slots.h"
#include "pool_options_core.h"
#include "pool_core.h"

/** What a worker is created from: the argument of pool_take(). */
typedef struct pool_worker_spec {
    server_rec *server;
    /** unix:PATH|scheme://host:port or scheme://host:port, for
     *  ap_proxy_define_worker */
    const char *url;
    const pool_options *options;
    /** upper limit of the options' ttl, for connections of requests that cannot
     *  be sent again; 0: none */
    apr_interval_time_t ttl_max;
} pool_worker_spec;

/** The values of the table, see pool_core.h. */
typedef struct pool_backend {
    proxy_worker *worker;
    /** a kept connection is not used again after this time without use */
    apr_interval_time_t ttl;
    /** the backend's slot, as it was last found */
    slots_ref slot;
} pool_backend;

extern const pool_ops pool_worker_ops;

#endif /* POOL_WORKER_H */
