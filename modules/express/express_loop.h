/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file express_loop.h
 * @brief CDN-Loop (RFC 8586): this server's name in requests to backends, by
 *        which a request that comes back is recognized; and the entries that
 *        were seen to lead back here, which are refused while workers are
 *        short.
 */

#ifndef EXPRESS_LOOP_H
#define EXPRESS_LOOP_H

#include "httpd.h"

#include "express_request.h"
#include "hostmap/hostmap_match.h"
#include "loop_memory_core.h"

#define EXPRESS_LOOP_HEADER "CDN-Loop"

/** In register_hooks. */
void express_loop_register(void);

/**
 * In post_config: create this server's name and the memory of loops, or find
 * them again after a restart.
 * @param process lives as long as the server, over restarts
 * @return the system's error if it gives no random bytes or no shared memory
 */
apr_status_t express_loop_start(apr_pool_t *process);

/**
 * Has this request been through this server?  Then its answer gets a header
 * that says so, for the request of this server that waits for it.
 */
int express_loop_is(request_rec *r);

/** What is to be done with a request for this entry, which may be remembered
 *  as a loop? */
loop_memory_verdict express_loop_ask(request_rec *r, const express_map *map,
                                     const hostmap_matched *found);

/** The backend has answered: remember the entry as a loop, or free it. */
void express_loop_answered(request_rec *r, const express_request *state);

#endif /* EXPRESS_LOOP_H */
