/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One request_rec is served several times: by the app, and by storage once for
 * each URL.  Owns what is saved before the first time, reset before each
 * further one, and borrowed from the client's request and returned to it.
 */

#include "reproxy.h"

#include "apr_strings.h"

#include "http_protocol.h"
#include "http_request.h"
#include "util_filter.h"

#define NO_BODY_FILTER "REPROXY_NO_BODY"

static ap_filter_rec_t *restore_no_body_handle;

void reproxy_restore_save(reproxy_request *state)
{
    request_rec *r = state->r;
    reproxy_before *before = &state->before;

    before->status = r->status;
    before->headers_out = apr_table_copy(r->pool, r->headers_out);
    before->err_headers_out = apr_table_copy(r->pool, r->err_headers_out);
    before->no_cache = r->no_cache;
    before->nokeepalive = apr_table_get(r->subprocess_env,
                                        "proxy-nokeepalive");
}

static void restore_env(request_rec *r, const char *name, const char *value)
{
    if (value) {
        apr_table_setn(r->subprocess_env, name, value);
    }
    else {
        apr_table_unset(r->subprocess_env, name);
    }
}

/* What mod_proxy and its scheme handlers leave in the notes, for themselves,
 * and would find there again: the names are theirs (mod_proxy.c,
 * proxy_util.c, mod_proxy_http.c, mod_proxy_fcgi.c and ap_die()).
 * `proxy-status` is also how reproxy_judge.c knows that there was a status
 * line, `proxy_timedout` how reproxy_attempt.c knows of a timeout.  A note
 * that a later httpd adds has to be added here. */
static void restore_notes(request_rec *r)
{
    static const char *const names[] = {
        "error-notes", "proxy-100-continue", "proxy-basic-creds",
        "proxy-error-override", "proxy-nocanon", "proxy-noquery",
        "proxy-source-port", "proxy-status", "proxy_timedout", "uds_path",
        "verbose-error-to"
    };
    apr_size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        apr_table_unset(r->notes, names[i]);
    }
    apr_pool_userdata_setn(NULL, "proxy-req-input", NULL, r->pool);
}

void reproxy_restore_reset(reproxy_request *state)
{
    request_rec *r = state->r;
    const reproxy_before *before = &state->before;

    r->status = HTTP_OK;
    r->status_line = NULL;
    r->headers_out = apr_table_copy(r->pool, before->headers_out);
    r->err_headers_out = apr_table_copy(r->pool, before->err_headers_out);
    r->trailers_out = apr_table_make(r->pool, 5);
    /* also what mod_mime found for the app's own file */
    r->content_type = NULL;
    r->content_encoding = NULL;
    r->content_languages = NULL;
    r->clength = 0;
    r->chunked = 0;
    r->mtime = 0;
    r->no_cache = before->no_cache;
    r->sent_bodyct = 0;
    r->eos_sent = 0;
    restore_notes(r);
    restore_env(r, "proxy-nokeepalive", before->nokeepalive);
}

void reproxy_restore_borrow(reproxy_request *state)
{
    request_rec *r = state->r;
    reproxy_client *client = &state->client;

    if (!state->borrowed) {
        client->headers_in = r->headers_in;
        client->method = r->method;
        client->method_number = r->method_number;
        client->header_only = r->header_only;
        client->hostname = r->hostname;
        client->filename = r->filename;
        client->handler = r->handler;
        client->proxyreq = r->proxyreq;
        client->per_dir_config = r->per_dir_config;
        client->expecting_100 = r->expecting_100;
        client->kept_body = r->kept_body;
        client->keepalives = r->connection->keepalives;
        client->interim = apr_table_get(r->subprocess_env,
                                        "proxy-interim-response");
        ap_add_input_filter_handle(restore_no_body_handle, NULL, r,
                                   r->connection);
        state->borrowed = 1;
    }
    r->header_only = client->header_only && !state->attempt->head_as_get;
    r->method = r->header_only ? "HEAD" : "GET";
    r->method_number = M_GET;
    r->handler = "proxy-server";
    r->proxyreq = PROXYREQ_REVERSE;
    r->per_dir_config = r->server->lookup_defaults;
    r->expecting_100 = 0;
    r->kept_body = NULL;
    /* mod_proxy closes the client's connection when storage closes its own
     * and the client's has served before; 0 says that it has not */
    r->connection->keepalives = 0;
    /* a 103 from storage may belong to an attempt that fails */
    apr_table_setn(r->subprocess_env, "proxy-interim-response", "Suppress");
}

static void restore_no_body_remove(request_rec *r)
{
    ap_filter_t *f, *next;

    for (f = r->input_filters; f; f = next) {
        next = f->next;
        if (f->frec == restore_no_body_handle && f->r == r) {
            ap_remove_input_filter(f);
        }
    }
}

void reproxy_restore_return(reproxy_request *state)
{
    request_rec *r = state->r;
    const reproxy_client *client = &state->client;

    if (!state->borrowed) {
        return;
    }
    state->borrowed = 0;
    r->headers_in = client->headers_in;
    r->method = client->method;
    r->method_number = client->method_number;
    r->header_only = client->header_only;
    r->hostname = client->hostname;
    r->filename = client->filename;
    r->handler = client->handler;
    r->proxyreq = client->proxyreq;
    r->per_dir_config = client->per_dir_config;
    r->expecting_100 = client->expecting_100;
    r->kept_body = client->kept_body;
    r->connection->keepalives = client->keepalives;
    restore_env(r, "proxy-interim-response", client->interim);
    restore_no_body_remove(r);
}

/* The client's body was for the app, which may not have read it: storage's
 * request has none. */
static apr_status_t restore_no_body(ap_filter_t *f, apr_bucket_brigade *bb,
                                    ap_input_mode_t mode,
                                    apr_read_type_e block,
                                    apr_off_t readbytes)
{
    (void)mode;
    (void)block;
    (void)readbytes;
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(
                                    f->c->bucket_alloc));
    return APR_SUCCESS;
}

void reproxy_restore_register(void)
{
    restore_no_body_handle =
        ap_register_input_filter(NO_BODY_FILTER, restore_no_body, NULL,
                                 (ap_filter_type)(AP_FTYPE_RESOURCE - 5));
}
