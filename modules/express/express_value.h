/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file express_value.h
 * @brief What the value of an entry does with a request: a backend, `!`, a
 *        redirect, a status.
 */

#ifndef EXPRESS_VALUE_H
#define EXPRESS_VALUE_H

#include "httpd.h"

#include "express_request.h"

/** In register_hooks. */
void express_value_register(void);

/** In post_config. */
void express_value_start(void);

/**
 * Do what the value of the entry says.
 * @param found as hostmap_find() sets it
 * @return what translate_name returns
 */
int express_value_apply(request_rec *r, express_map *map,
                        const hostmap_matched *found);

#endif /* EXPRESS_VALUE_H */
