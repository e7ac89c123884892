/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file pool_worker.h
 * @brief A mod_proxy worker that no directive names: made at run time, with
 *        the options of a pool, and unmade.
 */

#ifndef POOL_WORKER_H
#define POOL_WORKER_H

#include "httpd.h"
#include "mod_proxy.h"

#include "pool_options_core.h"
#include "pool_core.h"

/** What pool_take hands to pool_worker_ops.make. */
typedef struct pool_worker_want {
    server_rec *server;
    /** unix:PATH|scheme://host:port or scheme://host:port, for
     *  ap_proxy_define_worker */
    const char *url;
    const pool_options *options;
    /** shorter than the options' ttl, or 0: connections that are used for
     *  requests which cannot be sent again */
    apr_interval_time_t ttl_max;
} pool_worker_want;

/** The things of the table: see pool_core.h. */
typedef struct pool_worker {
    proxy_worker *worker;
    /** a kept connection may not be used when it was idle for so long */
    apr_interval_time_t ttl;
} pool_worker;

extern const pool_ops pool_worker_ops;

#endif /* POOL_WORKER_H */
