/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file express_interim.h
 * @brief Interim responses (103 Early Hints) of a backend, rewritten as its
 *        final one is.
 */

#ifndef EXPRESS_INTERIM_H
#define EXPRESS_INTERIM_H

#include "httpd.h"

/** In register_hooks. */
void express_interim_register(void);

/** From now on interim responses to this request are rewritten.  It is mapped
 *  (express_request_mapped()). */
void express_interim_begin(request_rec *r);

/** The final response of this request begins. */
void express_interim_end(request_rec *r);

#endif /* EXPRESS_INTERIM_H */
