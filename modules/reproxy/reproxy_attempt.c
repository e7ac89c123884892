/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One attempt: the request is served once more, by mod_proxy, from a URL that
 * the app named.
 *
 * mod_proxy's handler is not run for it: it makes URLs canonical, and signed
 * ones have to arrive as they are.  What else it does is done here: the
 * worker, ProxyRemote and NoProxy.
 */

#include "reproxy.h"

#include "apr_lib.h"
#include "apr_strings.h"

#include "http_log.h"
#include "http_protocol.h"

#include "reproxy_headers_core.h"
#include "mod_proxy_pool.h"

APLOG_USE_MODULE(reproxy);

/* Of mod_proxy_pool, NULL when it is not loaded. */
static APR_OPTIONAL_FN_TYPE(proxy_pool_set_options) *attempt_pool_options;

/* ---- mod_proxy ---------------------------------------------------------- */

/* The worker decides how long connecting may take: a pool with that option,
 * or, without mod_proxy_pool, a worker for this attempt alone.  A worker of
 * the configuration keeps its own parameters. */
static void attempt_offer_pool(reproxy_request *state, int timeout_wanted)
{
    const char *words = timeout_wanted ? state->conf->pool_words : "";

    if (attempt_pool_options) {
        /* in place of those of the app's entry, which are not for storage */
        attempt_pool_options(state->r, words, strlen(words), NULL);
    }
}

static proxy_worker *attempt_worker(reproxy_request *state)
{
    request_rec *r = state->r;
    char origin[REPROXY_ORIGIN_MAX];
    proxy_worker *worker;
    hostmap_limit_more more;
    const char *wrong;

    reproxy_url_origin(origin, state->attempt->url);
    wrong = ap_proxy_define_worker(r->pool, &worker, NULL, NULL, origin, 0);
    if (wrong) {
        if (reproxy_log_allowed(r, REPROXY_LOG_REFUSED, REPROXY_UNREACHABLE,
                                &more)) {
            ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "SB0205: no worker "
                          "for %s: %s%s", origin, wrong, more.text);
        }
        return NULL;
    }
    worker->s->conn_timeout = state->conf->timeout;
    worker->s->conn_timeout_set = 1;
    if (ap_proxy_initialize_worker(worker, r->server, r->pool)
        != APR_SUCCESS) {
        return NULL;
    }
    return worker;
}

static int attempt_is_direct(request_rec *r, const proxy_server_conf *conf)
{
    struct dirconn_entry *list = (struct dirconn_entry *)conf->dirconn->elts;
    int i;

    /* compares with r->hostname, which is the URL's now */
    for (i = 0; i < conf->dirconn->nelts; i++) {
        if (list[i].matcher(&list[i], r)) {
            return 1;
        }
    }
    return 0;
}

static int attempt_is_remote(const struct proxy_remote *remote,
                         const reproxy_url *target, const char *url)
{
    if (strcmp(remote->scheme, "*") == 0) {
        return 1;
    }
    if (remote->use_regex) {
        return ap_regexec(remote->regexp, url, 0, NULL, 0) == 0;
    }
    if (!ap_strchr_c(remote->scheme, ':')) {
        return strlen(remote->scheme) == target->scheme.len
               && ap_cstr_casecmpn(remote->scheme, target->scheme.ptr,
                                   target->scheme.len) == 0;
    }
    return ap_cstr_casecmpn(url, remote->scheme, strlen(remote->scheme)) == 0;
}

/* For mod_proxy_http, which sends them to the ProxyRemote; from 2.4.59 on. */
static void attempt_credentials_set(request_rec *r,
                                    const struct proxy_remote *remote)
{
#if AP_MODULE_MAGIC_AT_LEAST(20120211, 130)
    if (remote->creds) {
        apr_table_set(r->notes, "proxy-basic-creds", remote->creds);
    }
#else
    (void)r;
    (void)remote;
#endif
}

/* As mod_proxy's handler does it: each ProxyRemote that matches, in order,
 * and at last the URL's own server, when the others could not be reached. */
static int attempt_route(reproxy_request *state, proxy_worker *worker,
                         proxy_server_conf *conf, char *url)
{
    request_rec *r = state->r;
    struct proxy_remote *remotes = (struct proxy_remote *)conf->proxies->elts;
    int direct = conf->proxies->nelts == 0 || attempt_is_direct(r, conf);
    int rc, i;

    for (i = 0; !direct && i < conf->proxies->nelts; i++) {
        struct proxy_remote *remote = &remotes[i];

        if (!attempt_is_remote(remote, state->attempt->url, url)) {
            continue;
        }
        attempt_credentials_set(r, remote);
        rc = proxy_run_scheme_handler(r, worker, conf, url, remote->hostname,
                                      remote->port);
        apr_table_unset(r->notes, "proxy-basic-creds");
        if (rc != DECLINED && rc != HTTP_BAD_GATEWAY) {
            return rc;
        }
        if (state->gate != REPROXY_GATE_JUDGE) {
            return rc;
        }
    }
    return proxy_run_scheme_handler(r, worker, conf, url, NULL, 0);
}

static int attempt_is_configured(request_rec *r, proxy_server_conf *conf,
                         const char *url)
{
    return conf->proxies->nelts > 0
           || ap_proxy_get_worker_ex(r->pool, NULL, conf, url,
                                     AP_PROXY_WORKER_NO_UDS) != NULL;
}

static int attempt_send(reproxy_request *state, char *url)
{
    request_rec *r = state->r;
    proxy_server_conf *conf = ap_get_module_config(r->server->module_config,
                                                   &proxy_module);
    proxy_balancer *balancer = NULL;
    proxy_worker *worker = NULL;
    int rc;

    attempt_offer_pool(state, !attempt_is_configured(r, conf, url));
    rc = ap_proxy_pre_request(&worker, &balancer, r, conf, &url);
    if (rc != OK) {
        return rc;
    }
    if (worker == conf->reverse) {
        worker = attempt_worker(state);
        if (!worker) {
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    rc = attempt_route(state, worker, conf, url);
    ap_proxy_post_request(worker, balancer, r, conf);
    return rc;
}

/* ---- one attempt -------------------------------------------------------- */

/* As the app wrote it, but for the path, which a request line cannot lack, and
 * the scheme, which is in lower case wherever mod_proxy looks. */
static char *attempt_url(request_rec *r, const reproxy_url *url)
{
    apr_size_t before = url->text.len - url->path.len;
    int has_slash = url->path.len > 0 && url->path.ptr[0] == '/';
    char *text = apr_palloc(r->pool, url->text.len + 2);
    char *at = text + before;
    apr_size_t i;

    memcpy(text, url->text.ptr, before);
    for (i = 0; i < url->scheme.len; i++) {
        text[i] = apr_tolower(text[i]);
    }
    if (!has_slash) {
        *at++ = '/';
    }
    memcpy(at, url->path.ptr, url->path.len);
    at[url->path.len] = '\0';
    return text;
}

/* mod_proxy reports a timeout of the status line only (its note
 * proxy_timedout): not one while it connects (503), in the TLS handshake or
 * in the header. */
static int attempt_is_timeout(const reproxy_request *state, int rc)
{
    apr_interval_time_t limit = state->conf->timeout;

    return apr_table_get(state->r->notes, "proxy_timedout") != NULL
           || (rc == HTTP_SERVICE_UNAVAILABLE
               && apr_time_now() - state->attempt->began >= limit)
           || reproxy_timeout_expired();
}

/* How it ended, when nothing was let through. */
static reproxy_result attempt_failure(reproxy_request *state, int rc)
{
    const reproxy_attempt *attempt = state->attempt;

    if (attempt->judged && attempt->result != REPROXY_BROKEN) {
        return attempt->result;
    }
    if (attempt->timed_out) {
        return REPROXY_TIMEOUT;
    }
    if (attempt->judged || rc == HTTP_BAD_GATEWAY || rc == OK || rc == DONE) {
        return REPROXY_BROKEN;
    }
    return REPROXY_UNREACHABLE;
}

static reproxy_result attempt_ask(reproxy_request *state, int *rc)
{
    reproxy_attempt *attempt = state->attempt;
    request_rec *r = state->r;
    apr_interval_time_t outer;
    int override;

    attempt->began = apr_time_now();
    outer = reproxy_timeout_set(state->conf->timeout);
    *rc = attempt_send(state, attempt_url(r, attempt->url));
    attempt->timed_out = attempt_is_timeout(state, *rc);
    reproxy_timeout_set(outer);
    if (state->gate == REPROXY_GATE_OPEN) {
        if (*rc == DONE) {
            /* what is on its way to the client breaks off */
            return REPROXY_ABORTED;
        }
        *rc = OK;
        return REPROXY_OK;
    }
    override = apr_table_get(r->notes, "proxy-error-override") != NULL;
    if (override) {
        /* ProxyErrorOverride: mod_proxy has thrown the body away */
        r->status = *rc;
    }
    if (state->gate == REPROXY_GATE_JUDGE && (*rc == OK || override)) {
        state->gate = reproxy_judge(state) ? REPROXY_GATE_HOLD
                                                   : REPROXY_GATE_REJECT;
    }
    if (state->gate == REPROXY_GATE_HOLD && *rc != DONE) {
        /* an empty body that ended with its connection */
        reproxy_gate_open(state, PROXYREQ_REVERSE);
        r->status = override ? HTTP_OK : r->status;
        return REPROXY_OK;
    }
    return attempt_failure(state, *rc);
}

static void attempt_begin(reproxy_request *state)
{
    reproxy_attempt *attempt = state->attempt;
    request_rec *r = state->r;

    reproxy_restore_reset(state);
    reproxy_restore_borrow(state);
    r->hostname = apr_pstrmemdup(r->pool, attempt->url->host.ptr,
                                 attempt->url->host.len);
    attempt->judged = attempt->status = 0;
    attempt->result = REPROXY_BROKEN;
    state->gate = REPROXY_GATE_JUDGE;
}

static int attempt_is_head_refused(const reproxy_request *state)
{
    const reproxy_attempt *attempt = state->attempt;

    return state->client.header_only && !attempt->head_as_get
           && (attempt->status == HTTP_FORBIDDEN
               || attempt->status == HTTP_METHOD_NOT_ALLOWED);
}

reproxy_result reproxy_attempt_run(reproxy_request *state,
                                   const reproxy_url *url, int *rc)
{
    reproxy_attempt attempt = { 0 };
    reproxy_result result;

    attempt.url = url;
    state->attempt = &attempt;
    do {
        attempt_begin(state);
        result = reproxy_access_check(state, url);
        if (result == REPROXY_OK) {
            reproxy_request_headers(state, &attempt);
            state->r->headers_in = attempt.headers;
            result = attempt_ask(state, rc);
        }
        if (result != REPROXY_STATUS || !attempt_is_head_refused(state)) {
            break;
        }
        /* the URL may be signed for GET */
        attempt.head_as_get = 1;
    } while (1);
    reproxy_restore_return(state);
    state->attempt = NULL;
    return result;
}

void reproxy_attempt_prepare(void)
{
    attempt_pool_options = APR_RETRIEVE_OPTIONAL_FN(proxy_pool_set_options);
}
