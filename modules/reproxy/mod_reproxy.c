/* SPDX-License-Identifier: Apache-2.0 */

/*
 * mod_reproxy.c: the app says where the bytes are, httpd serves them.
 *
 * Owns the handler, the top of the path of a request in scope: the app's
 * handler runs, its answer is read, and the URLs that it names are tried until
 * one can be served.  One mechanism serves every kind of app: our handler
 * comes before all others and runs them itself.  Each step has its own file,
 * reproxy.h lists them; transport is mod_proxy's.
 *
 * Writes no shared state while it serves: what a request needs is in its
 * request_config.
 */

#include "reproxy.h"

#include <poll.h>

#include "apr_lib.h"
#include "apr_portable.h"
#include "apr_strings.h"

#include "ap_mpm.h"
#include "http_log.h"
#include "http_protocol.h"

module AP_MODULE_DECLARE_DATA reproxy_module;

/* Without POLLRDHUP only a connection that was reset counts as gone: reading
 * would tell more, and would take what the client has sent ahead. */
#ifdef POLLRDHUP
#define REPROXY_POLL_GONE POLLRDHUP
#else
#define REPROXY_POLL_GONE 0
#endif

/* ---- a request --------------------------------------------------------- */

static int reproxy_serve_plain(request_rec *r);
static int reproxy_serve_app(request_rec *r, const reproxy_conf *conf);
static void reproxy_log_header(const reproxy_request *state, int rc);
static int reproxy_serve_answer(reproxy_request *state);
static void reproxy_log_loop(reproxy_request *state);
static reproxy_result reproxy_try_urls(reproxy_request *state, int *rc);
static reproxy_result reproxy_try_url(reproxy_request *state,
                                      hostmap_str word, int *rc);
static int reproxy_answer_failure(reproxy_request *state);

static int reproxy_handler(request_rec *r)
{
    const reproxy_conf *conf;

    if (reproxy_request_of(r)) {
        /* we are running the handlers */
        return DECLINED;
    }
    conf = ap_get_module_config(r->per_dir_config, &reproxy_module);
    if (conf->enabled != 1 || r->main) {
        return reproxy_serve_plain(r);
    }
    return reproxy_serve_app(r, conf);
}

/* Out of scope: only removes what a request in scope has left in the tables
 * that this one, its subrequest or its redirect, shares with it. */
static int reproxy_serve_plain(request_rec *r)
{
    if (r->main) {
        /* shared with its main request, which may be in scope */
        r->headers_in = apr_table_copy(r->pool, r->headers_in);
        apr_table_unset(r->headers_in, REPROXY_CAPABILITIES);
        apr_table_unset(r->subprocess_env, REPROXY_CAPABILITIES_ENV);
    }
    else if (r->prev) {
        apr_table_unset(r->headers_in, REPROXY_CAPABILITIES);
        if (reproxy_request_of(r->prev)) {
            reproxy_gate_strip(r);
        }
    }
    return DECLINED;
}

static int reproxy_serve_app(request_rec *r, const reproxy_conf *conf)
{
    reproxy_request *state = apr_pcalloc(r->pool, sizeof(*state));
    apr_interval_time_t limit;
    int rc;

    state->r = r;
    state->conf = reproxy_conf_resolve(r, conf);
    ap_set_module_config(r->request_config, &reproxy_module, state);
    reproxy_gate_strip(r);
    reproxy_restore_save(state);
    apr_table_setn(r->headers_in, REPROXY_CAPABILITIES, REPROXY_CAPABLE);
    reproxy_gate_insert(state);
    limit = reproxy_timeout_set(0);
    rc = ap_run_handler(r);
    reproxy_log_header(state, rc);
    reproxy_gate_end(state, rc);
    reproxy_timeout_set(limit);
    return state->gate == REPROXY_GATE_SWALLOW ? reproxy_serve_answer(state)
                                               : rc;
}

/* mod_proxy has read a status line of 2xx (its note proxy-status), but not the
 * header: an answer may have been in it, and the usual cause can be helped. */
static void reproxy_log_header(const reproxy_request *state, int rc)
{
    request_rec *r = state->r;
    const char *status = apr_table_get(r->notes, "proxy-status");
    hostmap_limit_more more;

    if (state->gate != REPROXY_GATE_WATCH || rc != HTTP_BAD_GATEWAY
        || !status || status[0] != '2') {
        return;
    }
    if (reproxy_log_allowed(r, REPROXY_LOG_FAILED, REPROXY_BROKEN, &more)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "SB0212: the app's "
                      "header cannot be read, the client gets 502: mod_proxy "
                      "has logged why; a line of more than 8190 bytes (many "
                      "URLs) needs responsefieldsize in ProxyPass%s",
                      more.text);
    }
}

static int reproxy_is_served(reproxy_result result)
{
    return result == REPROXY_OK || result == REPROXY_ABORTED;
}

static int reproxy_serve_answer(reproxy_request *state)
{
    int rc = OK;

    state->answered = 1;
    state->host = "-";
    if (!state->answer.urls.ptr) {
        state->attempts = 1;
        state->result = reproxy_file_run(state, &rc);
        state->results[state->result]++;
    }
    else if (reproxy_loop_is(state->r)) {
        state->result = REPROXY_LOOP;
        state->results[REPROXY_LOOP]++;
        reproxy_log_loop(state);
    }
    else {
        state->result = reproxy_try_urls(state, &rc);
    }
    if (reproxy_is_served(state->result)) {
        return rc;
    }
    return reproxy_answer_failure(state);
}

/* The URLs are not looked at: each would be one round more. */
static void reproxy_log_loop(reproxy_request *state)
{
    request_rec *r = state->r;
    hostmap_limit_more more;

    if (reproxy_log_allowed(r, REPROXY_LOG_REFUSED, REPROXY_LOOP, &more)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "SB0210: the URL that the "
                      "app named for %s leads back to the app: the client "
                      "gets 502%s", r->uri, more.text);
    }
}

/* Is there nobody left to serve?  Of an HTTP/2 stream httpd knows; a client of
 * HTTP/1 that has gone is noticed only when it is written to, so its socket is
 * asked. */
static int reproxy_is_client_gone(conn_rec *c)
{
    apr_socket_t *socket = ap_get_conn_socket(c);
    apr_os_sock_t fd;
    struct pollfd poll_fd = { 0 };

    if (!c->aborted && !c->master && socket
        && apr_os_sock_get(&fd, socket) == APR_SUCCESS) {
        poll_fd.fd = fd;
        poll_fd.events = REPROXY_POLL_GONE;
        c->aborted = poll(&poll_fd, 1, 0) > 0;
    }
    return c->aborted;
}

static reproxy_result reproxy_try_urls(reproxy_request *state, int *rc)
{
    reproxy_result result = REPROXY_BAD_URL;
    request_rec *r = state->r;
    hostmap_str rest = state->answer.urls, word;
    hostmap_limit_more more;

    while (reproxy_url_next(&word, &rest)) {
        if (state->attempts == state->conf->max_urls) {
            if (reproxy_log_allowed(r, REPROXY_LOG_MANY, result, &more)) {
                ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "SB0202: the "
                              "app named more than %d URLs (ReproxyMaxURLs): "
                              "the others were not tried%s",
                              state->conf->max_urls, more.text);
            }
            break;
        }
        state->attempts++;
        result = reproxy_try_url(state, word, rc);
        if (state->results[result] < UCHAR_MAX) {
            state->results[result]++;
        }
        if (reproxy_is_served(result) || result == REPROXY_LOOP
            || reproxy_is_client_gone(r->connection)) {
            break;
        }
    }
    return result;
}

static reproxy_result reproxy_try_url(reproxy_request *state,
                                      hostmap_str word, int *rc)
{
    request_rec *r = state->r;
    reproxy_result result;
    reproxy_url url;
    hostmap_bad bad;
    hostmap_limit_more more;

    state->host = "-";
    if (reproxy_url_parse(&url, word.ptr, word.len, &bad) != APR_SUCCESS) {
        if (reproxy_log_allowed(r, REPROXY_LOG_REFUSED, REPROXY_BAD_URL,
                                &more)) {
            ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "SB0201: URL %d of "
                          "the app is refused: %s at column %" APR_SIZE_T_FMT
                          "%s", state->attempts, bad.reason, bad.pos + 1,
                          more.text);
        }
        return REPROXY_BAD_URL;
    }
    state->host = apr_pstrmemdup(r->pool, url.host.ptr, url.host.len);
    result = reproxy_attempt_run(state, &url, rc);
    if (result == REPROXY_DENIED
        && reproxy_log_allowed(r, REPROXY_LOG_REFUSED, result, &more)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "SB0206: URL %d of the "
                      "app, at %s, is not allowed by ReproxyAllow or a "
                      "<Proxy> section%s", state->attempts, state->host,
                      more.text);
    }
    ap_log_rerror(APLOG_MARK, result == REPROXY_OK ? APLOG_DEBUG : APLOG_INFO,
                  0, r, "SB0207: URL %d of the app, at %s: %s",
                  state->attempts, state->host, reproxy_log_word(result));
    return result;
}

/* Nothing from storage is shown: its error pages are not the app's. */
static int reproxy_answer_failure(reproxy_request *state)
{
    request_rec *r = state->r;
    hostmap_limit_more more;

    reproxy_restore_reset(state);
    /* ap_die() reads it to find out whether an ErrorDocument has failed */
    r->status = state->before.status;
    state->gate = REPROXY_GATE_OPEN;
    if (r->connection->aborted) {
        return DONE;
    }
    if (state->result == REPROXY_LOOP) {
        return reproxy_loop_refuse(r);
    }
    /* reproxy_file.c has logged why for a file */
    if (state->answer.urls.ptr
        && reproxy_log_allowed(r, REPROXY_LOG_FAILED, state->result, &more)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "SB0203: nothing "
                      "that the app named could be served: %d tried, the last "
                      "one, at %s: %s%s", state->attempts, state->host,
                      reproxy_log_word(state->result), more.text);
    }
    return state->result == REPROXY_TIMEOUT ? HTTP_GATEWAY_TIME_OUT
                                            : HTTP_BAD_GATEWAY;
}

/* Only this module announces the capability.  In the names of an environment
 * `-`, `_` and other characters are the same to an app. */
static int reproxy_is_capabilities(const char *name)
{
    const char *wanted = REPROXY_CAPABILITIES;

    for (; *wanted && *name; wanted++, name++) {
        if (*wanted == '-' ? apr_isalnum(*name)
                           : apr_tolower(*wanted) != apr_tolower(*name)) {
            return 0;
        }
    }
    return !*wanted && !*name;
}

static int reproxy_post_read_request(request_rec *r)
{
    const apr_array_header_t *array = apr_table_elts(r->headers_in);
    int i;

    for (i = array->nelts - 1; i >= 0; i--) {
        const char *name = APR_ARRAY_IDX(array, i, apr_table_entry_t).key;

        if (reproxy_is_capabilities(name)) {
            apr_table_unset(r->headers_in, name);
            i = array->nelts;
        }
    }
    return DECLINED;
}

/* ---- start ------------------------------------------------------------- */

static int reproxy_pre_config(apr_pool_t *p, apr_pool_t *plog,
                              apr_pool_t *ptemp)
{
    (void)plog;
    (void)ptemp;
    reproxy_conf_begin(p);
    return OK;
}

static int reproxy_post_config(apr_pool_t *p, apr_pool_t *plog,
                               apr_pool_t *ptemp, server_rec *main_server)
{
    apr_status_t rv = APR_SUCCESS;

    (void)p;
    (void)plog;
    (void)ptemp;
    if (ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_CREATE_PRE_CONFIG) {
        rv = reproxy_loop_start();
        reproxy_conf_warn();
        reproxy_attempt_prepare();
    }
    reproxy_conf_end();
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, rv, main_server, "SB0211: cannot "
                     "make this server's name for CDN-Loop");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

static void reproxy_register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_pre_config(reproxy_pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(reproxy_post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_read_request(reproxy_post_read_request, NULL, NULL,
                              APR_HOOK_REALLY_FIRST);
    ap_hook_handler(reproxy_handler, NULL, NULL, APR_HOOK_REALLY_FIRST);
    reproxy_gate_register();
    reproxy_gather_register();
    reproxy_restore_register();
    reproxy_log_register();
    reproxy_request_register();
    reproxy_timeout_register();
    reproxy_file_register();
}

AP_DECLARE_MODULE(reproxy) = {
    STANDARD20_MODULE_STUFF,
    reproxy_conf_create,
    reproxy_conf_merge,
    NULL,                       /* create per-server config */
    NULL,                       /* merge per-server config */
    reproxy_conf_directives,
    reproxy_register_hooks
};
