/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file express_loop.h
 * @brief CDN-Loop (RFC 8586): this server's name in requests to backends, by
 *        which one that comes back is known.
 */

#ifndef EXPRESS_LOOP_H
#define EXPRESS_LOOP_H

#include "httpd.h"

#define EXPRESS_LOOP_HEADER "CDN-Loop"

/** In register_hooks. */
void express_loop_register(void);

/**
 * In post_config: make this server's name, or find it again after a restart.
 * @return what the system says when there are no random bytes
 */
apr_status_t express_loop_start(void);

/** Has this request been through this server? */
int express_loop_is(request_rec *r);

#endif /* EXPRESS_LOOP_H */
