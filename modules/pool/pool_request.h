/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file pool_request.h
 * @brief What mod_proxy_pool keeps with a request.
 *
 * Lives in the request's pool; used by the request's thread alone.
 */

#ifndef POOL_REQUEST_H
#define POOL_REQUEST_H

#include "httpd.h"
#include "http_config.h"
#include "mod_proxy.h"

#include "base/str.h"
#include "mod_proxy_pool.h"
#include "pool_attempt.h"
#include "pool_core.h"
#include "pool_flight.h"
#include "pool_group.h"

extern module AP_MODULE_DECLARE_DATA proxy_pool_module;

typedef struct pool_request {
    pool_item *item;            /**< taken from the table, or NULL */
    proxy_worker *worker;       /**< of the item */
    proxy_pool_use use;         /**< how it got its connection, for the log */
    const char *name;           /**< where the connections lead, or NULL */
    int watched;                /**< pool_attempt.h sees its connection */
    int repeatable;             /**< it can be sent a second time */
    int running;                /**< mod_proxy's scheme handler is at work */
    pool_attempt attempt;
    pool_flight flight;
    hostmap_str words;          /**< options of a map's entry; may be empty */
    const char *about;          /**< the entry, for messages, or NULL */
    pool_group *group;          /**< any member of it serves; NULL: none */
} pool_request;

/** This request's, created if there is none. */
pool_request *pool_request_make(request_rec *r);

/** This request's, or NULL. */
static inline pool_request *pool_request_get(const request_rec *r)
{
    return ap_get_module_config(r->request_config, &proxy_pool_module);
}

/** Log that the entry's options have no effect, and why, at most once a
 *  minute for an entry; nothing if the entry has none. */
void pool_log_ignored(request_rec *r, const char *reason);

#endif /* POOL_REQUEST_H */
