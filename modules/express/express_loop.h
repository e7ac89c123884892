/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file express_loop.h
 * @brief CDN-Loop (RFC 8586): this server's name in requests to backends, by
 *        which one that comes back is known; and the entries that were seen
 *        to lead back here, which are refused while workers are short.
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
 * In post_config: make this server's name and the memory of loops, or find
 * them again after a restart.
 * @param process lives as long as the server, over restarts
 * @return what the system says when there are no random bytes or there is no
 *         shared memory
 */
apr_status_t express_loop_start(apr_pool_t *process);

/**
 * Has this request been through this server?  Then its answer is made to say
 * so to the request that it is part of.
 */
int express_loop_is(request_rec *r);

/** What is to become of a request for this entry, which may have been seen to
 *  be a loop? */
memory_verdict express_loop_ask(request_rec *r, const express_map *map,
                                const hostmap_matched *found);

/** The backend's answer is there: what does it say of the entry? */
void express_loop_answered(request_rec *r, const express_request *state);

#endif /* EXPRESS_LOOP_H */
