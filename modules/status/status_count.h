/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file status_count.h
 * @brief What each request counts, and the block that it is counted in.
 */

#ifndef STATUS_COUNT_H
#define STATUS_COUNT_H

#include "httpd.h"

#include "base/slots.h"
#include "mod_proxy_express.h"
#include "mod_proxy_pool.h"
#include "mod_reproxy.h"

/** The optional functions of the modules that are loaded; NULL: not. */
typedef struct status_sources {
    APR_OPTIONAL_FN_TYPE(proxy_express_answered) *answered;
    APR_OPTIONAL_FN_TYPE(proxy_express_maps) *maps;
    APR_OPTIONAL_FN_TYPE(proxy_express_ask) *ask;
    APR_OPTIONAL_FN_TYPE(proxy_pool_facts_get) *pool_facts;
    APR_OPTIONAL_FN_TYPE(reproxy_facts_get) *reproxy_facts;
    APR_OPTIONAL_FN_TYPE(reproxy_result_word) *reproxy_word;
} status_sources;

extern status_sources status_from;

/** block NULL: there is none, nothing is counted. */
extern slots status_slots;

/** Find the other modules: in post_config. */
void status_sources_find(void);

/** In register_hooks. */
void status_count_register(void);

#endif /* STATUS_COUNT_H */
