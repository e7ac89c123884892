/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Is the response that storage has begun the one to serve?
 */

#include "reproxy.h"

#include "reproxy_headers_core.h"

static int judge_is_success(const reproxy_attempt *attempt)
{
    return (attempt->status >= 200 && attempt->status <= 299)
           || (attempt->status == HTTP_NOT_MODIFIED && attempt->conditional)
           || attempt->status == HTTP_RANGE_NOT_SATISFIABLE;
}

static int judge_is_expected_size(const reproxy_request *state)
{
    const reproxy_attempt *attempt = state->attempt;
    request_rec *r = state->r;

    if (state->answer.expected_size == -1) {
        return 1;
    }
    switch (reproxy_size_compare(state->answer.expected_size,
                                 attempt->status,
                                 apr_table_get(r->headers_out,
                                               "Content-Length"),
                                 apr_table_get(r->headers_out,
                                               "Content-Range"))) {
    case REPROXY_SIZE_RIGHT:
        return 1;
    case REPROXY_SIZE_WRONG:
        return 0;
    default:
        /* without a body there is nothing of a wrong size */
        return attempt->status == HTTP_NOT_MODIFIED
               || attempt->status == HTTP_RANGE_NOT_SATISFIABLE;
    }
}

int reproxy_judge(reproxy_request *state)
{
    reproxy_attempt *attempt = state->attempt;
    request_rec *r = state->r;

    attempt->judged = 1;
    if (!apr_table_get(r->notes, "proxy-status")) {
        /* no status line: to mod_proxy, HTTP/0.9 */
        attempt->result = REPROXY_BROKEN;
        return 0;
    }
    attempt->status = r->status;
    attempt->result = !judge_is_success(attempt) ? REPROXY_STATUS
                      : !judge_is_expected_size(state) ? REPROXY_SIZE
                      : REPROXY_OK;
    return attempt->result == REPROXY_OK;
}

