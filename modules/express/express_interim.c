/* SPDX-License-Identifier: Apache-2.0 */

/*
 * mod_proxy sends an interim response with ap_send_interim_response(), which
 * writes its text to the client's connection, past all filters of the request.
 * So it is rewritten there, as text, by a filter that stays on the connection
 * and is awake from the start of a mapped request to its final response.
 */

#include "express_interim.h"

#include "apr_strings.h"

#include "http_config.h"
#include "http_request.h"
#include "util_filter.h"

#include "express_request.h"
#include "express_reverse.h"

extern module AP_MODULE_DECLARE_DATA proxy_express_module;

#define EXPRESS_INTERIM_FILTER  "PROXY_EXPRESS_INTERIM"
/* A longer interim response is passed on as it is. */
#define EXPRESS_INTERIM_MAX     (256 * 1024)

/* Of a client's connection, in its conn_config. */
typedef struct express_interim {
    request_rec *r;             /* NULL: nothing to rewrite */
    apr_bucket_brigade *held;   /* the beginning of one, or NULL */
} express_interim;

static ap_filter_rec_t *express_interim_handle;

void express_interim_begin(request_rec *r)
{
    conn_rec *c = r->connection;
    express_interim *interim;

    if (r->main || r->proto_num < HTTP_VERSION(1, 1)) {
        return;
    }
    interim = ap_get_module_config(c->conn_config, &proxy_express_module);
    if (!interim) {
        interim = apr_pcalloc(c->pool, sizeof(*interim));
        ap_set_module_config(c->conn_config, &proxy_express_module, interim);
        ap_add_output_filter_handle(express_interim_handle, interim, r, c);
    }
    interim->r = r;
    interim->held = NULL;
}

void express_interim_end(request_rec *r)
{
    express_interim *interim = ap_get_module_config(r->connection->conn_config,
                                                    &proxy_express_module);

    if (interim) {
        interim->r = NULL;
    }
}

/* An interim response that is followed by another response: not 101. */
static int express_is_interim(const char *text, apr_size_t len)
{
    static const char begin[] = "HTTP/1.1 1";

    return len >= sizeof(begin) + 2
           && memcmp(text, begin, sizeof(begin) - 1) == 0
           && memcmp(text + sizeof(begin) - 1, "01 ", 3) != 0;
}

/* The line from text to end (without CRLF), rewritten; NULL: it stays. */
static const char *express_interim_line(express_reverse *reverse,
                                        const char *text, const char *end)
{
    const char *colon = memchr(text, ':', (apr_size_t)(end - text));
    apr_pool_t *pool = reverse->r->pool;
    const char *name, *value;

    if (!colon) {
        return NULL;
    }
    name = apr_pstrmemdup(pool, text, (apr_size_t)(colon - text));
    for (text = colon + 1; text < end && *text == ' '; text++) {
        continue;
    }
    value = express_reverse_value(reverse, name,
                                  apr_pstrmemdup(pool, text,
                                                 (apr_size_t)(end - text)));
    return value ? apr_pstrcat(pool, name, ": ", value, NULL) : NULL;
}

/* The whole response, rewritten; NULL: it stays. */
static const char *express_interim_text(express_interim *interim,
                                        const char *text, apr_size_t len)
{
    request_rec *r = interim->r;
    const char *end = text + len, *stop;
    apr_array_header_t *lines = apr_array_make(r->pool, 16, sizeof(char *));
    express_reverse reverse;
    int changed = 0;

    express_reverse_init(&reverse, r, express_request_mapped(r));
    for (; text < end; text = stop + 2) {
        const char *line;

        for (stop = text; stop + 1 < end; stop++) {
            if (stop[0] == '\r' && stop[1] == '\n') {
                break;
            }
        }
        if (stop + 1 >= end) {
            return NULL;
        }
        line = express_interim_line(&reverse, text, stop);
        changed |= line != NULL;
        APR_ARRAY_PUSH(lines, const char *) =
            line ? line : apr_pstrmemdup(r->pool, text,
                                         (apr_size_t)(stop - text));
        APR_ARRAY_PUSH(lines, const char *) = "\r\n";
    }
    return changed ? apr_array_pstrcat(r->pool, lines, 0) : NULL;
}

/* Puts the text in the place of the data of the brigade. */
static void express_interim_replace(apr_bucket_brigade *bb, const char *text,
                                    apr_pool_t *pool)
{
    apr_bucket *b = APR_BRIGADE_FIRST(bb);

    while (b != APR_BRIGADE_SENTINEL(bb)) {
        apr_bucket *next = APR_BUCKET_NEXT(b);

        if (!APR_BUCKET_IS_METADATA(b)) {
            apr_bucket_delete(b);
        }
        b = next;
    }
    b = apr_bucket_pool_create(text, strlen(text), pool, bb->bucket_alloc);
    APR_BRIGADE_INSERT_HEAD(bb, b);
}

static int express_has_eor(apr_bucket_brigade *bb)
{
    apr_bucket *b;

    for (b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb);
         b = APR_BUCKET_NEXT(b)) {
        if (AP_BUCKET_IS_EOR(b)) {
            return 1;
        }
    }
    return 0;
}

/* While a mapped request has no final response yet.  Kept out of the filter
 * itself, which all that is written passes. */
static __attribute__((noinline))
apr_status_t express_interim_awake(ap_filter_t *f,
                                   apr_bucket_brigade *bb)
{
    express_interim *interim = f->ctx;
    request_rec *r = interim->r;
    const char *rewritten;
    char begin[16], *text;
    apr_size_t len = sizeof(begin);
    apr_status_t rv;

    if (interim->held) {
        APR_BRIGADE_CONCAT(interim->held, bb);
        bb = interim->held;
        interim->held = NULL;
    }
    rv = apr_brigade_flatten(bb, begin, &len);
    if (rv == APR_SUCCESS && len == 0 && !express_has_eor(bb)) {
        return ap_pass_brigade(f->next, bb);
    }
    /* else an error that httpd answers itself, or the client has left */
    if (rv == APR_SUCCESS && express_is_interim(begin, len)) {
        rv = apr_brigade_pflatten(bb, &text, &len, r->pool);
    }
    else {
        rv = APR_EGENERAL;
    }
    if (rv != APR_SUCCESS) {
        interim->r = NULL;
        return ap_pass_brigade(f->next, bb);
    }
    if (len < EXPRESS_INTERIM_MAX
        && memcmp(text + len - 4, "\r\n\r\n", 4) != 0) {
        /* a long header comes by itself: wait for the rest */
        return ap_save_brigade(f, &interim->held, &bb, r->pool);
    }
    rewritten = express_interim_text(interim, text, len);
    if (rewritten) {
        express_interim_replace(bb, rewritten, r->pool);
    }
    return ap_pass_brigade(f->next, bb);
}

static apr_status_t express_interim_filter(ap_filter_t *f,
                                           apr_bucket_brigade *bb)
{
    const express_interim *interim = f->ctx;

    return interim->r ? express_interim_awake(f, bb)
                      : ap_pass_brigade(f->next, bb);
}

void express_interim_register(void)
{
    express_interim_handle =
        ap_register_output_filter(EXPRESS_INTERIM_FILTER,
                                  express_interim_filter, NULL,
                                  AP_FTYPE_CONNECTION);
}
