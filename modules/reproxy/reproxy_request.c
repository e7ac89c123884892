/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The headers of a request to storage: an allow list, every header not named
 * here is dropped.  mod_proxy adds its own (Via, X-Forwarded-...) before its
 * fixups hook, which removes them.
 */

#include "reproxy.h"

#include "apr_strings.h"

#include "http_protocol.h"

static const char *const request_always[] = {
    "Accept", "Accept-Encoding", REPROXY_LOOP_HEADER, "User-Agent", NULL
};

/* For a GET or HEAD, whose answer is storage's. */
static const char *const request_of_get[] = {
    "Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since",
    "If-Unmodified-Since", NULL
};

static int request_is_listed(const char *const *names, const char *name)
{
    for (; *names; names++) {
        if (ap_cstr_casecmp(*names, name) == 0) {
            return 1;
        }
    }
    return 0;
}

static void request_copy(apr_table_t *to, const apr_table_t *from,
                        const char *name)
{
    const apr_array_header_t *array = apr_table_elts(from);
    const apr_table_entry_t *header = (const apr_table_entry_t *)array->elts;
    int i;

    for (i = 0; i < array->nelts; i++) {
        if (ap_cstr_casecmp(header[i].key, name) == 0) {
            apr_table_addn(to, name, header[i].val);
        }
    }
}

/* The host and the port, unless it is the scheme's, as the app wrote them. */
static const char *request_host(apr_pool_t *pool, const reproxy_url *url)
{
    const char *colon;
    char *host;

    host = apr_pstrmemdup(pool, url->text.ptr + url->scheme.len + 3,
                          url->text.len - url->path.len - url->scheme.len
                          - 3);
    colon = ap_strrchr_c(host, ':');
    if (colon && !ap_strchr_c(colon, ']')
        && url->port == ap_proxy_port_of_scheme(
                            apr_pstrmemdup(pool, url->scheme.ptr,
                                           url->scheme.len))) {
        host[colon - host] = '\0';
    }
    return host;
}

/* Drops the conditions on a validator that is the app's: storage does not know
 * it, and the app has answered already.  A date that a header with a tag
 * overrules goes with it, and a range with its condition. */
static void request_drop_foreign(apr_table_t *headers,
                                 const apr_table_t *preserved)
{
    int tag = apr_table_get(preserved, "ETag") != NULL;
    int date = apr_table_get(preserved, "Last-Modified") != NULL;
    const char *range = apr_table_get(headers, "If-Range");
    /* a weak one begins with W/, and a date may with Wed */
    int is_tag = range && (range[0] == '"' || strncmp(range, "W/", 2) == 0);

    if (date || (tag && apr_table_get(headers, "If-None-Match"))) {
        apr_table_unset(headers, "If-Modified-Since");
    }
    if (date || (tag && apr_table_get(headers, "If-Match"))) {
        apr_table_unset(headers, "If-Unmodified-Since");
    }
    if (tag) {
        apr_table_unset(headers, "If-None-Match");
        apr_table_unset(headers, "If-Match");
    }
    if (range && (is_tag ? tag : date)) {
        apr_table_unset(headers, "If-Range");
        apr_table_unset(headers, "Range");
    }
}

/* The parts of several ranges do not say how long the whole is. */
static void request_drop_ranges(apr_table_t *headers)
{
    const char *range = apr_table_get(headers, "Range");

    if (range && ap_strchr_c(range, ',')) {
        apr_table_unset(headers, "Range");
        apr_table_unset(headers, "If-Range");
    }
}

apr_table_t *reproxy_request_conditions(const reproxy_request *state,
                                        const apr_table_t *from)
{
    apr_table_t *to = apr_table_copy(state->r->pool, from);
    int i;

    if (state->r->method_number == M_GET) {
        request_drop_foreign(to, state->answer.preserved);
        return to;
    }
    for (i = 0; request_of_get[i]; i++) {
        apr_table_unset(to, request_of_get[i]);
    }
    return to;
}

void reproxy_request_headers(reproxy_request *state, reproxy_attempt *attempt)
{
    const apr_array_header_t *more = state->conf->forward;
    const apr_table_t *from = state->client.headers_in;
    apr_table_t *to = apr_table_make(state->r->pool, 12);
    int i;

    apr_table_addn(to, "Host", request_host(state->r->pool, attempt->url));
    for (i = 0; request_always[i]; i++) {
        request_copy(to, from, request_always[i]);
    }
    if (state->client.method_number == M_GET) {
        for (i = 0; request_of_get[i]; i++) {
            request_copy(to, from, request_of_get[i]);
        }
        request_drop_foreign(to, state->answer.preserved);
        if (state->answer.expected_size != -1) {
            request_drop_ranges(to);
        }
    }
    for (i = 0; more && i < more->nelts; i++) {
        const char *name = APR_ARRAY_IDX(more, i, const char *);

        if (!request_is_listed(request_always, name)
            && !request_is_listed(request_of_get, name)) {
            request_copy(to, from, name);
        }
    }
    reproxy_loop_mark(to);
    attempt->headers = to;
}

static int request_add(void *table, const char *key, const char *value)
{
    apr_table_addn(table, key, value);
    return 1;
}

/* mod_proxy's hook: r->headers_in is its copy here, and what goes out. */
static int request_fixups(request_rec *r)
{
    const reproxy_request *state = reproxy_request_of(r);
    const char *creds;

    if (!state) {
        return DECLINED;
    }
    if (!state->attempt) {
        /* also when the client has named it in Connection */
        apr_table_setn(r->headers_in, REPROXY_CAPABILITIES, REPROXY_CAPABLE);
        return OK;
    }
    apr_table_clear(r->headers_in);
    apr_table_do(request_add, r->headers_in, state->attempt->headers, NULL);
    creds = apr_table_get(r->notes, "proxy-basic-creds");
    if (creds && ap_cstr_casecmpn(state->attempt->url->text.ptr, "http:", 5)
                 == 0) {
        /* for the ProxyRemote that reads this; of https it sees CONNECT */
        apr_table_addn(r->headers_in, "Proxy-Authorization", creds);
    }
    return OK;
}

void reproxy_request_register(void)
{
    APR_OPTIONAL_HOOK(proxy, fixups, request_fixups, NULL, NULL,
                      APR_HOOK_REALLY_LAST);
}
