/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is logged of requests that were reproxied: how often a message may
 * repeat, and the notes for the access log.
 */

#include "reproxy.h"

#include "apr_strings.h"

#include "http_config.h"

#include "mod_reproxy.h"

/* Results have tables of their own: one of a path must not suppress another's.
 * Paths share a slot by chance only. */
static hostmap_limit_table log_limits[REPROXY_LOG_KINDS][REPROXY_RESULTS];

/* In the order of reproxy_result. */
static const char *const log_result_words[] = {
    "ok", "aborted", "bad-url", "denied", "unreachable", "timeout", "broken",
    "status", "size", "file", "loop"
};

const char *reproxy_log_word(reproxy_result result)
{
    return log_result_words[result];
}

int reproxy_log_allowed(request_rec *r, reproxy_log_kind kind,
                        reproxy_result result, hostmap_limit_more *more)
{
    return hostmap_limit_table_pass(&log_limits[kind][result], more,
                                    hostmap_str_of(r->uri, strlen(r->uri)),
                                    r->request_time);
}

/* The last one of a chain of internal redirects whose app named what to serve;
 * last: of the chain. */
static const reproxy_request *log_answered(request_rec *r, request_rec **last)
{
    const reproxy_request *state = NULL;

    for (; r; r = r->next) {
        const reproxy_request *its = reproxy_request_of(r);

        if (its && its->answered) {
            state = its;
        }
        *last = r;
    }
    return state;
}

/* Sets the notes on the last request of a chain of internal redirects: the
 * access log reads them there, also when an ErrorDocument was served. */
static int log_transaction(request_rec *r)
{
    request_rec *last = r;
    const reproxy_request *state = log_answered(r, &last);

    if (state) {
        apr_table_setn(last->notes, "reproxy-url", state->host);
        apr_table_setn(last->notes, "reproxy-attempts",
                       apr_itoa(last->pool, state->attempts));
        apr_table_setn(last->notes, "reproxy-result",
                       log_result_words[state->result]);
    }
    return DECLINED;
}

/* ---- for other modules (mod_reproxy.h) --------------------------------- */

static int reproxy_facts_get(request_rec *r, reproxy_facts *facts)
{
    typedef char there_is_room[REPROXY_RESULTS < REPROXY_FACTS_RESULTS
                               ? 1 : -1] __attribute__((unused));
    request_rec *last = r;
    const reproxy_request *state = log_answered(r, &last);

    if (!state) {
        return 0;
    }
    facts->attempts = (unsigned)state->attempts;
    facts->file = state->answer.urls.ptr == NULL;
    memset(facts->results, 0, sizeof(facts->results));
    memcpy(facts->results, state->results, sizeof(state->results));
    return 1;
}

static const char *reproxy_result_word(unsigned result)
{
    return result < REPROXY_RESULTS ? log_result_words[result] : NULL;
}

void reproxy_log_register(void)
{
    APR_REGISTER_OPTIONAL_FN(reproxy_facts_get);
    APR_REGISTER_OPTIONAL_FN(reproxy_result_word);
    ap_hook_log_transaction(log_transaction, NULL, NULL,
                            APR_HOOK_REALLY_FIRST);
}
