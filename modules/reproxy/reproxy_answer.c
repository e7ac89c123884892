/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the app's answer says: where the bytes are, which of its headers stay,
 * whether a cache may store the response.  Its bytes are as hostile as a
 * client's.
 */

#include "reproxy.h"

#include "apr_date.h"
#include "apr_strings.h"

#include "http_log.h"
#include "http_protocol.h"

#include "reproxy_cache_core.h"
#include "reproxy_headers_core.h"

APLOG_USE_MODULE(reproxy);

/* All values of a header, in either table of the app's handler. */
static const char *answer_header(request_rec *r, const char *name,
                              const char *between)
{
    apr_array_header_t *values = NULL;
    const apr_table_t *tables[2];
    int t, i;

    tables[0] = r->headers_out;
    tables[1] = r->err_headers_out;
    for (t = 0; t < 2; t++) {
        const apr_array_header_t *array = apr_table_elts(tables[t]);
        const apr_table_entry_t *header =
            (const apr_table_entry_t *)array->elts;

        for (i = 0; i < array->nelts; i++) {
            if (ap_cstr_casecmp(header[i].key, name) == 0) {
                if (!values) {
                    values = apr_array_make(r->pool, 2, sizeof(char *));
                }
                else {
                    APR_ARRAY_PUSH(values, const char *) = between;
                }
                APR_ARRAY_PUSH(values, const char *) = header[i].val;
            }
        }
    }
    return values ? apr_array_pstrcat(r->pool, values, '\0') : NULL;
}

static void answer_keep_from(apr_table_t *kept, const apr_table_t *table,
                          const char *name)
{
    const apr_array_header_t *array = apr_table_elts(table);
    const apr_table_entry_t *header = (const apr_table_entry_t *)array->elts;
    int i;

    for (i = 0; i < array->nelts; i++) {
        if (ap_cstr_casecmp(header[i].key, name) == 0) {
            apr_table_addn(kept, name, header[i].val);
        }
    }
}

/* Content-Type, which some handlers keep outside of the tables. */
static void answer_keep_type(request_rec *r, apr_table_t *kept)
{
    const char *type = r->content_type;

    if (!type) {
        type = apr_table_get(r->headers_out, "Content-Type");
    }
    if (type) {
        apr_table_addn(kept, "Content-Type", type);
    }
}

static void answer_keep(reproxy_request *state)
{
    const apr_array_header_t *names = state->conf->preserve;
    request_rec *r = state->r;
    int i;

    state->answer.preserved = apr_table_make(r->pool, 4);
    for (i = 0; names && i < names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(names, i, const char *);

        if (ap_cstr_casecmp(name, "Content-Type") == 0) {
            answer_keep_type(r, state->answer.preserved);
            continue;
        }
        answer_keep_from(state->answer.preserved, r->headers_out, name);
        answer_keep_from(state->answer.preserved, r->err_headers_out, name);
    }
}

static apr_off_t answer_expected_size(request_rec *r)
{
    const char *text = answer_header(r, "X-Reproxy-Expected-Size", ",");
    apr_off_t size;

    if (!text) {
        return -1;
    }
    if (!reproxy_expected_size(&size, text)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "SB0204: the app's "
                      "X-Reproxy-Expected-Size is not one number of bytes: no "
                      "size is right");
        return -2;
    }
    return size;
}

int reproxy_answer_read(reproxy_request *state)
{
    reproxy_answer *answer = &state->answer;
    request_rec *r = state->r;

    if (r->status < 200 || r->status > 299) {
        return 0;
    }
    answer->urls.ptr = answer_header(r, "X-Reproxy-URL", " ");
    answer->file = answer_header(r, "X-Reproxy-File", "\n");
    if (!answer->urls.ptr && !answer->file) {
        return 0;
    }
    answer->urls.len = answer->urls.ptr ? strlen(answer->urls.ptr) : 0;
    answer->expected_size = answer_expected_size(r);
    answer->cache_control = answer_header(r, "Cache-Control", ",");
    answer_keep(state);
    return 1;
}

/* The boundary between parts is framing: the type that the app has given to
 * the whole cannot replace it. */
static int answer_is_in_parts(request_rec *r)
{
    static const char parts[] = "multipart/byteranges";

    return r->status == HTTP_PARTIAL_CONTENT && r->content_type
           && ap_cstr_casecmpn(r->content_type, parts, sizeof(parts) - 1)
              == 0;
}

void reproxy_answer_preserve(reproxy_request *state)
{
    const apr_array_header_t *array =
        apr_table_elts(state->answer.preserved);
    const apr_table_entry_t *kept = (const apr_table_entry_t *)array->elts;
    request_rec *r = state->r;
    int i;

    if (answer_is_in_parts(r)) {
        apr_table_unset(state->answer.preserved, "Content-Type");
    }
    for (i = 0; i < array->nelts; i++) {
        apr_table_unset(r->headers_out, kept[i].key);
        apr_table_unset(r->err_headers_out, kept[i].key);
        if (strcmp(kept[i].key, "Content-Type") == 0) {
            ap_set_content_type(r, kept[i].val);
        }
    }
    for (i = 0; i < array->nelts; i++) {
        apr_table_addn(r->headers_out, kept[i].key, kept[i].val);
    }
}

/* The lifetime in seconds that the served response names for itself, -1 if it
 * names none: read as mod_cache reads it, in its order. */
static apr_int64_t answer_lifetime(request_rec *r)
{
    const char *text = answer_header(r, "Cache-Control", ",");
    const char *expires = answer_header(r, "Expires", ",");
    reproxy_cache_control control;
    apr_time_t until;

    reproxy_cache_control_read(&control, text ? text : "");
    if (reproxy_cache_lifetime(&control) >= 0) {
        return reproxy_cache_lifetime(&control);
    }
    if (!expires) {
        return -1;
    }
    until = apr_date_parse_http(expires);
    return until > r->request_time ? apr_time_sec(until - r->request_time) : 0;
}

int reproxy_answer_cacheable(const reproxy_request *state)
{
    reproxy_cache_control control;
    apr_int64_t mine, its;

    reproxy_cache_control_read(&control, state->answer.cache_control
                                      ? state->answer.cache_control : "");
    if (!reproxy_cache_allows(&control)) {
        return 0;
    }
    mine = reproxy_cache_lifetime(&control);
    if (mine < 0) {
        return 1;
    }
    /* not longer than the app allows */
    its = answer_lifetime(state->r);
    return its >= 0 && its <= mine;
}
