/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is kept with a request.
 */

#include "express_request.h"

#include "http_config.h"

extern module AP_MODULE_DECLARE_DATA proxy_express_module;

static express_request *express_request_get(request_rec *r)
{
    return ap_get_module_config(r->request_config, &proxy_express_module);
}

express_request *express_request_make(request_rec *r)
{
    express_request *state = express_request_get(r);

    if (!state) {
        state = apr_pcalloc(r->pool, sizeof(*state));
        ap_set_module_config(r->request_config, &proxy_express_module, state);
    }
    return state;
}

const express_request *express_request_mapped(request_rec *r)
{
    const express_request *state = express_request_get(r);

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
    const express_request *state = express_request_get(r);

    return state && state->refused;
}
