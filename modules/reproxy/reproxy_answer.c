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
static const apr_array_header_t *answer_values(request_rec *r,
                                               const char *name)
{
    apr_array_header_t *values = apr_array_make(r->pool, 2, sizeof(char *));
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
                APR_ARRAY_PUSH(values, const char *) = header[i].val;
            }
        }
    }
    return values;
}

/* The same in one text; NULL: the header is not there. */
static const char *answer_header(request_rec *r, const char *name,
                                 char between)
{
    const apr_array_header_t *values = answer_values(r, name);

    return values->nelts ? apr_array_pstrcat(r->pool, values, between) : NULL;
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
    const char *text = answer_header(r, "X-Reproxy-Expected-Size", ',');
    hostmap_limit_more more;
    apr_off_t size;

    if (!text) {
        return -1;
    }
    if (reproxy_expected_size(&size, text)) {
        return size;
    }
    if (reproxy_log_allowed(r, REPROXY_LOG_SIZE, REPROXY_SIZE, &more)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "SB0204: the app's "
                      "X-Reproxy-Expected-Size is not one number of bytes: no "
                      "size is right%s", more.text);
    }
    return -2;
}

int reproxy_answer_read(reproxy_request *state)
{
    reproxy_answer *answer = &state->answer;
    request_rec *r = state->r;

    if (r->status < 200 || r->status > 299) {
        return 0;
    }
    answer->urls.ptr = answer_header(r, "X-Reproxy-URL", ' ');
    answer->files = answer_values(r, "X-Reproxy-File");
    if (!answer->urls.ptr && answer->files->nelts == 0) {
        return 0;
    }
    answer->urls.len = answer->urls.ptr ? strlen(answer->urls.ptr) : 0;
    answer->expected_size = answer_expected_size(r);
    answer->cache_control = answer_header(r, "Cache-Control", ',');
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

static int answer_is_vary(const char *name)
{
    return ap_cstr_casecmp(name, "Vary") == 0;
}

/* The coding of storage's body is storage's; a file has the one that the app
 * knows of. */
static int answer_is_foreign(const reproxy_answer *answer, const char *name)
{
    return answer->urls.ptr && ap_cstr_casecmp(name, "Content-Encoding") == 0;
}

int reproxy_answer_replaces(const reproxy_answer *answer, const char *name)
{
    return apr_table_get(answer->preserved, name) != NULL
           && !answer_is_vary(name) && !answer_is_foreign(answer, name);
}

/* The response depends on what storage's choice depends on, and on what the
 * app's does: both lists, each name once. */
static void answer_join_vary(request_rec *r, const char *apps)
{
    const char *all = answer_header(r, "Vary", ',');
    char *rest = apr_pstrdup(r->pool, apps);
    char *name = apr_strtok(rest, ", \t", &rest);

    for (; name; name = apr_strtok(NULL, ", \t", &rest)) {
        if (!all) {
            all = name;
        }
        else if (!ap_find_list_item(r->pool, all, name)) {
            all = apr_pstrcat(r->pool, all, ", ", name, NULL);
        }
    }
    apr_table_unset(r->err_headers_out, "Vary");
    if (all) {
        apr_table_setn(r->headers_out, "Vary", all);
    }
}

/* What httpd writes as this header from elsewhere than the tables. */
static void answer_clear(request_rec *r, const char *name)
{
    apr_table_unset(r->headers_out, name);
    apr_table_unset(r->err_headers_out, name);
    if (ap_cstr_casecmp(name, "Content-Language") == 0) {
        r->content_languages = NULL;
    }
    else if (ap_cstr_casecmp(name, "Content-Encoding") == 0) {
        r->content_encoding = NULL;
    }
}

static void answer_put(request_rec *r, const char *name, const char *value)
{
    if (ap_cstr_casecmp(name, "Content-Type") == 0) {
        ap_set_content_type(r, value);
        apr_table_setn(r->headers_out, name, value);
    }
    else if (ap_cstr_casecmp(name, "Content-Encoding") == 0) {
        /* output filters look for it here */
        r->content_encoding = r->content_encoding
                              ? apr_pstrcat(r->pool, r->content_encoding,
                                            ", ", value, NULL)
                              : value;
    }
    else {
        apr_table_addn(r->headers_out, name, value);
    }
}

void reproxy_answer_preserve(reproxy_request *state)
{
    apr_table_t *preserved = state->answer.preserved;
    const apr_array_header_t *array = apr_table_elts(preserved);
    const apr_table_entry_t *kept = (const apr_table_entry_t *)array->elts;
    request_rec *r = state->r;
    int i;

    if (answer_is_in_parts(r)) {
        apr_table_unset(preserved, "Content-Type");
    }
    for (i = 0; i < array->nelts; i++) {
        if (reproxy_answer_replaces(&state->answer, kept[i].key)) {
            answer_clear(r, kept[i].key);
        }
    }
    for (i = 0; i < array->nelts; i++) {
        if (answer_is_vary(kept[i].key)) {
            answer_join_vary(r, kept[i].val);
        }
        else if (reproxy_answer_replaces(&state->answer, kept[i].key)) {
            answer_put(r, kept[i].key, kept[i].val);
        }
    }
}

/* The lifetime in seconds that the served response names for itself, -1 if it
 * names none: read as mod_cache reads it, in its order. */
static apr_int64_t answer_lifetime(request_rec *r)
{
    const char *text = answer_header(r, "Cache-Control", ',');
    const char *expires = answer_header(r, "Expires", ',');
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
