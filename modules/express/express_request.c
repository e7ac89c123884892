/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is kept with a request; and the limit of messages about entries.
 */

#include "base/limit.h"
#include "express_request.h"

#include "apr_hash.h"
#include "apr_strings.h"

#include "http_config.h"

extern module AP_MODULE_DECLARE_DATA proxy_express_module;

express_request *express_request_make(request_rec *r)
{
    express_request *state;

    state = ap_get_module_config(r->request_config, &proxy_express_module);
    if (!state) {
        state = apr_pcalloc(r->pool, sizeof(*state));
        ap_set_module_config(r->request_config, &proxy_express_module, state);
    }
    return state;
}

const express_request *express_request_mapped(request_rec *r)
{
    const express_request *state;

    state = ap_get_module_config(r->request_config, &proxy_express_module);
    return state && state->outcome == PROXY_EXPRESS_MAPPED ? state : NULL;
}

int express_refuse(request_rec *r, int status, proxy_express_outcome outcome)
{
    express_request *state = express_request_make(r);

    state->refused = 1;
    state->outcome = outcome;
    return status;
}

int express_was_refused(request_rec *r)
{
    const express_request *state;

    state = ap_get_module_config(r->request_config, &proxy_express_module);
    return state && state->refused;
}

int express_log_allowed(express_map *map, express_message kind,
                        const hostmap_matched *found, request_rec *r,
                        const char **more)
{
    apr_ssize_t len = found->key_len;
    unsigned slot = apr_hashfunc_default(found->key, &len)
                    % EXPRESS_MESSAGE_SLOTS;
    apr_uint32_t suppressed;

    if (!hostmap_limit_pass(&map->limits[kind][slot], &suppressed,
                            r->request_time)) {
        return 0;
    }
    *more = suppressed ? apr_psprintf(r->pool, " (%u more since the last time)",
                                      suppressed) : "";
    return 1;
}
