/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is kept with a request, and the warning that the options which an entry
 * gives it have no effect.
 */

#include "pool_request.h"

#include "apr_hash.h"
#include "apr_strings.h"
#include "http_log.h"

#include "base/limit.h"

APLOG_USE_MODULE(proxy_pool);

/* Messages about entries are limited by a hash of what they are about. */
#define POOL_IGNORED_SLOTS 64

static hostmap_limit pool_ignored_limits[POOL_IGNORED_SLOTS];

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
    apr_ssize_t len = APR_HASH_KEY_STRING;
    apr_uint32_t suppressed;

    if (!state || state->words.len == 0 || !state->about) {
        return;
    }
    if (hostmap_limit_pass(&pool_ignored_limits[
                               apr_hashfunc_default(state->about, &len)
                               % POOL_IGNORED_SLOTS], &suppressed,
                           r->request_time)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "SB0106: %s: options "
                      "without effect: %s (%u more since the last time)",
                      state->about, reason, suppressed);
    }
}
