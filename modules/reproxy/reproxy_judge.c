/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Is the response that storage has begun the one to serve?  Judged before a
 * byte of it goes to the client: afterwards there is no next URL.
 */

#include "reproxy.h"

#include "http_core.h"

#include "reproxy_headers_core.h"

static int judge_was_sent(const reproxy_attempt *attempt, const char *name)
{
    return apr_table_get(attempt->headers, name) != NULL;
}

/* An answer to a condition or a range is one only where storage was asked with
 * it (RFC 9110, 13.1, 14.2). */
static int judge_is_success(const reproxy_attempt *attempt)
{
    switch (attempt->status) {
    case HTTP_PARTIAL_CONTENT:
    case HTTP_RANGE_NOT_SATISFIABLE:
        return judge_was_sent(attempt, "Range");
    case HTTP_NOT_MODIFIED:
        return judge_was_sent(attempt, "If-None-Match")
               || judge_was_sent(attempt, "If-Modified-Since");
    case HTTP_PRECONDITION_FAILED:
        return judge_was_sent(attempt, "If-Match")
               || judge_was_sent(attempt, "If-Unmodified-Since");
    default:
        return attempt->status >= 200 && attempt->status <= 299;
    }
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
        /* what is not served has no wrong size */
        return attempt->status == HTTP_NOT_MODIFIED
               || attempt->status == HTTP_PRECONDITION_FAILED
               || attempt->status == HTTP_RANGE_NOT_SATISFIABLE;
    }
}

typedef struct judge_names {
    const reproxy_answer *answer;
    int strict;
} judge_names;

/* What httpd's own output filter would answer with a 500. */
static int judge_header(void *data, const char *name, const char *value)
{
    const judge_names *names = data;

    if (reproxy_answer_replaces(names->answer, name)) {
        return 1;
    }
    return *(names->strict ? ap_scan_http_token(name)
                           : ap_scan_vchar_obstext(name)) == '\0'
           && *ap_scan_http_field_content(value) == '\0';
}

static int judge_are_headers(const reproxy_request *state)
{
    const core_server_config *core =
        ap_get_core_module_config(state->r->server->module_config);
    judge_names names;

    names.answer = &state->answer;
    names.strict = core->http_conformance != AP_HTTP_CONFORMANCE_UNSAFE;
    return apr_table_do(judge_header, &names, state->r->headers_out, NULL)
           && apr_table_do(judge_header, &names, state->r->err_headers_out,
                           NULL);
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
    if (reproxy_loop_answered(r)) {
        attempt->result = REPROXY_LOOP;
    }
    else if (!judge_is_success(attempt)) {
        attempt->result = REPROXY_STATUS;
    }
    else if (!judge_are_headers(state)) {
        attempt->result = REPROXY_BROKEN;
    }
    else {
        attempt->result = judge_is_expected_size(state) ? REPROXY_OK
                                                        : REPROXY_SIZE;
    }
    return attempt->result == REPROXY_OK;
}
