/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file express_facts.h
 * @brief What other modules are told of requests and maps
 *        (mod_proxy_express.h).
 */

#ifndef EXPRESS_FACTS_H
#define EXPRESS_FACTS_H

#include "express_request.h"

/** In child_init: numbers a map, which others may ask about from now on. */
void express_facts_add(express_map *map);

/** In register_hooks. */
void express_facts_register(void);

#endif /* EXPRESS_FACTS_H */
