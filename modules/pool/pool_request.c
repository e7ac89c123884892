/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is kept with a request, and the warning that the options which an entry
 * gives it have no effect.
 */

#include "pool_request.h"

#include "apr_strings.h"
#include "http_log.h"

#include "base/limit.h"

APLOG_USE_MODULE(proxy_pool);

static hostmap_limit_table pool_ignored_limits;

pool_request *pool_request_make(request_rec *r)
{
    pool_request *state = pool_request_get(r);

    if (!state) {
        state = apr_pcalloc(r->pool, sizeof(*state));
        ap_set_module_config(r->request_config, &proxy_pool_module, state);
    }
    return state;
}

void pool_log_ignored(request_rec *r, const char *reason)
{
    const pool_request *state = pool_request_get(r);
    hostmap_limit_more more;

    if (!state || state->words.len == 0 || !state->about) {
        return;
    }
    if (hostmap_limit_table_pass(&pool_ignored_limits, &more,
                                 hostmap_str_text(state->about),
                                 r->request_time)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "SB0106: %s: options "
                      "without effect: %s%s", state->about, reason, more.text);
    }
}
