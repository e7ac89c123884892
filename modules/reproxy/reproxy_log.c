/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is logged of requests that were reproxied: how often a message may
 * repeat, and the notes for the access log.
 */

#include "reproxy.h"

#include "apr_hash.h"
#include "apr_strings.h"

#include "http_config.h"

#include "base/limit.h"

#define LOG_SLOTS 64

static hostmap_limit log_limits[REPROXY_LOG_KINDS][LOG_SLOTS];

/* In the order of reproxy_result. */
static const char *const log_result_words[] = {
    "ok", "aborted", "bad-url", "denied", "unreachable", "timeout", "broken",
    "status", "size", "file"
};

const char *reproxy_log_word(reproxy_result result)
{
    return log_result_words[result];
}

int reproxy_log_allowed(request_rec *r, reproxy_log_kind kind,
                        const char *about, const char **more)
{
    apr_ssize_t len = APR_HASH_KEY_STRING;
    unsigned int slot = apr_hashfunc_default(about, &len) % LOG_SLOTS;
    apr_uint32_t suppressed;

    if (!hostmap_limit_pass(&log_limits[kind][slot], &suppressed,
                            r->request_time)) {
        return 0;
    }
    *more = suppressed ? apr_psprintf(r->pool, " (%u more since the last time)",
                                      suppressed) : "";
    return 1;
}

/* Sets the notes on the last request of a chain of internal redirects: the
 * access log reads them there, also when an ErrorDocument was served. */
static int log_transaction(request_rec *r)
{
    const reproxy_request *state = NULL;
    request_rec *last = r;

    for (; r; r = r->next) {
        const reproxy_request *its = reproxy_request_of(r);

        if (its && its->answered) {
            state = its;
        }
        last = r;
    }
    if (state) {
        apr_table_setn(last->notes, "reproxy-url", state->host);
        apr_table_setn(last->notes, "reproxy-attempts",
                       apr_itoa(last->pool, state->attempts));
        apr_table_setn(last->notes, "reproxy-result",
                       log_result_words[state->result]);
    }
    return DECLINED;
}

void reproxy_log_register(void)
{
    ap_hook_log_transaction(log_transaction, NULL, NULL,
                            APR_HOOK_REALLY_FIRST);
}
