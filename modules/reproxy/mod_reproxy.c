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

#include "apr_lib.h"
#include "apr_strings.h"

#include "ap_mpm.h"
#include "http_log.h"
#include "http_protocol.h"

module AP_MODULE_DECLARE_DATA reproxy_module;

/* ---- a request --------------------------------------------------------- */

static int reproxy_serve_plain(request_rec *r);
static int reproxy_serve_app(request_rec *r, const reproxy_conf *conf);
static int reproxy_serve_answer(reproxy_request *state);
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
    int rc;

    state->r = r;
    state->conf = reproxy_conf_resolve(r, conf);
    ap_set_module_config(r->request_config, &reproxy_module, state);
    reproxy_gate_strip(r);
    reproxy_restore_save(state);
    apr_table_setn(r->headers_in, REPROXY_CAPABILITIES, REPROXY_CAPABLE);
    reproxy_gate_insert(state);
    rc = ap_run_handler(r);
    if (state->gate == REPROXY_GATE_SWALLOW) {
        return reproxy_serve_answer(state);
    }
    if (state->gate == REPROXY_GATE_WATCH) {
        /* an error status: httpd writes its document after this handler */
        reproxy_gate_strip(r);
        state->gate = REPROXY_GATE_OPEN;
    }
    return rc;
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
    if (state->answer.urls.ptr) {
        state->result = reproxy_try_urls(state, &rc);
    }
    else {
        state->attempts = 1;
        state->result = reproxy_file_run(state, &rc);
    }
    if (reproxy_is_served(state->result)) {
        return rc;
    }
    return reproxy_answer_failure(state);
}

static reproxy_result reproxy_try_urls(reproxy_request *state, int *rc)
{
    reproxy_result result = REPROXY_BAD_URL;
    request_rec *r = state->r;
    hostmap_str rest = state->answer.urls, word;
    const char *more;

    while (reproxy_url_next(&word, &rest)) {
        if (state->attempts == state->conf->max_urls) {
            if (reproxy_log_allowed(r, REPROXY_LOG_MANY, r->uri, &more)) {
                ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "SB0202: the "
                              "app named more than %d URLs (ReproxyMaxURLs): "
                              "the others were not tried%s",
                              state->conf->max_urls, more);
            }
            break;
        }
        state->attempts++;
        result = reproxy_try_url(state, word, rc);
        if (reproxy_is_served(result) || r->connection->aborted) {
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
    const char *more;

    state->host = "-";
    if (reproxy_url_parse(&url, word.ptr, word.len, &bad) != APR_SUCCESS) {
        if (reproxy_log_allowed(r, REPROXY_LOG_REFUSED, bad.reason, &more)) {
            ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "SB0201: URL %d of "
                          "the app is refused: %s at column %" APR_SIZE_T_FMT
                          "%s", state->attempts, bad.reason, bad.pos + 1,
                          more);
        }
        return REPROXY_BAD_URL;
    }
    state->host = apr_pstrmemdup(r->pool, url.host.ptr, url.host.len);
    result = reproxy_attempt_run(state, &url, rc);
    if (result == REPROXY_DENIED
        && reproxy_log_allowed(r, REPROXY_LOG_REFUSED, state->host, &more)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "SB0206: URL %d of the "
                      "app, at %s, is not allowed by ReproxyAllow or a "
                      "<Proxy> section%s", state->attempts, state->host, more);
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
    const char *more;

    reproxy_restore_reset(state);
    /* ap_die() reads it to find out whether an ErrorDocument has failed */
    r->status = state->before.status;
    state->gate = REPROXY_GATE_OPEN;
    if (r->connection->aborted) {
        return DONE;
    }
    /* reproxy_file.c has already logged why */
    if (state->result != REPROXY_FILE
        && reproxy_log_allowed(r, REPROXY_LOG_FAILED, state->host, &more)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "SB0203: nothing "
                      "that the app named could be served: %d tried, the last "
                      "one, at %s: %s%s", state->attempts, state->host,
                      reproxy_log_word(state->result), more);
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
    (void)p;
    (void)plog;
    (void)ptemp;
    (void)main_server;
    if (ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_CREATE_PRE_CONFIG) {
        reproxy_conf_warn();
        reproxy_attempt_prepare();
    }
    reproxy_conf_end();
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
