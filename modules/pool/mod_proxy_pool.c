/* SPDX-License-Identifier: Apache-2.0 */

/*
 * mod_proxy_pool.c: keep-alive connections for backends that no directive
 * names.
 *
 * Owns the hooks, the choice whether a pool serves a request, and the table of
 * pools of a child.  What the directives set is in pool_conf.c, which pool a
 * request belongs to in pool_key.c, what a pool is made of in pool_worker.c,
 * how a request is sent, and sent again, in pool_attempt.c; connections and
 * the transport are mod_proxy's.  Workers of the configuration, balancers and
 * forward requests are left to mod_proxy.
 */

#include "apr_atomic.h"
#include "apr_strings.h"
#include "ap_mpm.h"
#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_request.h"
#include "httpd.h"
#include "mod_proxy.h"
#include "mod_watchdog.h"

#include "mod_proxy_pool.h"
#include "pool_attempt.h"
#include "pool_conf.h"
#include "pool_core.h"
#include "pool_flight.h"
#include "pool_key.h"
#include "pool_request.h"
#include "pool_worker.h"

module AP_MODULE_DECLARE_DATA proxy_pool_module;

#define POOLS_MAX_DEFAULT 512
#define POOL_SWEEP_INTERVAL apr_time_from_sec(1)
/* A pool unused for this long is destroyed and its memory freed. */
#define POOL_UNUSED_MAX apr_time_from_sec(60)
/* httpd before 2.4.59 resolves a worker's name once: there a pool of this age
 * is replaced by a new one. */
#if AP_MODULE_MAGIC_AT_LEAST(20120211, 130)
#define POOL_AGE_MAX 0
#else
#define POOL_AGE_MAX apr_time_from_sec(60)
#endif

/* This child's. */
static pool_table *pool_all;
static volatile apr_uint32_t pool_resent_count;

/* ---- a request --------------------------------------------------------- */

static int pool_is_ours(request_rec *r, proxy_worker *worker,
                        proxy_balancer *balancer, proxy_server_conf *conf,
                        const char *url);
static apr_status_t pool_take_for(pool_request *state, request_rec *r,
                                  proxy_server_conf *conf, const char *url);
static int pool_is_grouped(request_rec *r, const proxy_server_conf *conf);
static int pool_pre_group(proxy_worker **worker, request_rec *r,
                          proxy_server_conf *conf, char **url);
static void pool_forget_backend(pool_request *state, request_rec *r);

/* Do the connections have hooks and filters, which pool_attempt.c needs?  Those
 * of FastCGI, SCGI and AJP are bare sockets.  mod_proxy writes schemes in lower
 * case. */
static int pool_is_watched(const char *url)
{
    static const char *const schemes[] = {
        "http:", "https:", "ws:", "wss:", "h2:", "h2c:", "uwsgi:"
    };
    apr_size_t i;

    for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (strncmp(url, schemes[i], strlen(schemes[i])) == 0) {
            return 1;
        }
    }
    return 0;
}

/* mod_proxy's hook: which worker is to serve the request? */
static int pool_pre_request(proxy_worker **worker, proxy_balancer **balancer,
                            request_rec *r, proxy_server_conf *conf,
                            char **url)
{
    pool_request *state;
    apr_status_t rv;

    pool_forget_backend(pool_request_get(r), r);
    if (pool_is_grouped(r, conf)) {
        return pool_pre_group(worker, r, conf, url);
    }
    if (pool_server_conf_get(r->server)->enabled == 0) {
        pool_log_ignored(r, "ProxyPoolEnable is Off");
        return DECLINED;
    }
    if (!pool_all) {
        return DECLINED;
    }
    if (!pool_is_ours(r, *worker, *balancer, conf, *url)) {
        return DECLINED;
    }
    state = pool_request_make(r);
    rv = pool_take_for(state, r, conf, *url);
    if (rv != APR_SUCCESS) {
        /* mod_proxy's generic worker serves it: a connection per request */
        state->use = PROXY_POOL_GENERIC;
        return DECLINED;
    }
    *worker = state->worker;
    return OK;
}

static int pool_is_ours(request_rec *r, proxy_worker *worker,
                        proxy_balancer *balancer, proxy_server_conf *conf,
                        const char *url)
{
    if (r->proxyreq != PROXYREQ_REVERSE || worker || balancer
        || pool_key_begins(url, "balancer:")) {
        return 0;
    }
    /* ProxyRemote: the connection leads to another proxy */
    if (conf->proxies->nelts > 0) {
        return 0;
    }
    /* a worker of the configuration (ProxyPass, <Proxy>) has precedence */
    return conf->workers->nelts == 0
           || !ap_proxy_get_worker_ex(r->pool, NULL, conf, url,
                                      AP_PROXY_WORKER_NO_UDS);
}

static apr_status_t pool_give_back(void *data)
{
    pool_request *state = data;

    pool_give(pool_all, state->item, apr_time_now());
    state->item = NULL;
    return APR_SUCCESS;
}

/* A module may send a request to one backend after the other (mod_reproxy):
 * give back the pool of the one before. */
static void pool_forget_backend(pool_request *state, request_rec *r)
{
    if (state && state->item) {
        apr_pool_cleanup_run(r->pool, state, pool_give_back);
    }
    if (state) {
        state->worker = NULL;
        state->name = NULL;
        state->use = PROXY_POOL_NONE;
    }
}

static int pool_is_cold(const pool_item *item, const pool_backend *backend)
{
    apr_time_t idle_since = pool_item_idle_since(item);

    return idle_since && apr_time_now() - idle_since >= backend->ttl;
}

/* A prefork child has one connection per pool and no reslist, which would look
 * at its age: a pool whose connection is too old is replaced by a new one. */
static apr_status_t pool_take_fresh(pool_request *state, request_rec *r,
                                    hostmap_str key, pool_worker_spec *spec)
{
    pool_backend *backend;
    pool_item *item;
    apr_status_t rv;

    rv = pool_take(&item, pool_all, key, spec, r->request_time);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    backend = pool_item_value(item);
    if (!backend->worker->cp->res && pool_is_cold(item, backend)) {
        pool_retire(pool_all, item);
        pool_give(pool_all, item, r->request_time);
        rv = pool_take(&item, pool_all, key, spec, r->request_time);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        backend = pool_item_value(item);
    }
    state->item = item;
    apr_pool_cleanup_register(r->pool, state, pool_give_back,
                              apr_pool_cleanup_null);
    state->worker = backend->worker;
    state->name = spec->url;
    state->use = PROXY_POOL_NEW;
    return APR_SUCCESS;
}

/* The pool for a URL. */
static apr_status_t pool_take_for(pool_request *state, request_rec *r,
                                  proxy_server_conf *conf, const char *url)
{
    pool_worker_spec spec;
    hostmap_str key;

    state->watched = pool_is_watched(url);
    state->repeatable = state->watched && pool_attempt_repeatable(r);
    key = pool_key(&spec, state, r, conf, url);
    return pool_take_fresh(state, r, key, &spec);
}

/* A group is served over pools, whatever ProxyPoolEnable says.  Where a
 * ProxyRemote is set, the URL of its first member goes there. */
static int pool_is_grouped(request_rec *r, const proxy_server_conf *conf)
{
    const pool_request *state = pool_request_get(r);

    return state && state->group && pool_all && conf->proxies->nelts == 0
           && r->proxyreq == PROXYREQ_REVERSE;
}

/* mod_proxy's hook for a group: the first member. */
static int pool_pre_group(proxy_worker **worker, request_rec *r,
                          proxy_server_conf *conf, char **url)
{
    pool_request *state = pool_request_get(r);

    pool_group_begin(state->group, r);
    if (!pool_group_next(state->group, r, url)) {
        return HTTP_SERVICE_UNAVAILABLE;
    }
    state->words = pool_group_words(state->group);
    if (pool_take_for(state, r, conf, *url) != APR_SUCCESS) {
        /* mod_proxy's generic worker serves it, from this member alone */
        state->use = PROXY_POOL_GENERIC;
        return DECLINED;
    }
    *worker = state->worker;
    return OK;
}

/* As ap_proxy_connect_backend() has it. */
static apr_interval_time_t pool_connect_timeout(const proxy_worker *worker,
                                                const proxy_server_conf *conf,
                                                const request_rec *r)
{
    if (worker->s->conn_timeout_set) {
        return worker->s->conn_timeout;
    }
    if (worker->s->timeout_set) {
        return worker->s->timeout;
    }
    return conf->timeout_set ? conf->timeout : r->server->timeout;
}

/* One backend. */
static int pool_serve(request_rec *r, pool_request *state,
                      proxy_server_conf *conf, char *url)
{
    proxy_worker *worker = state->worker;
    pool_attempt *attempt;
    pool_route route;
    int rc;

    attempt = memset(&state->attempt, 0, sizeof(state->attempt));
    attempt->on_answer = pool_flight_answered;
    attempt->flight = &state->flight;
    route.name = state->name;
    route.ref = &((pool_backend *)pool_item_value(state->item))->slot;
    route.watched = state->watched;
    route.is_member = state->group != NULL;
    if (!pool_flight_begin(&state->flight, r, &route,
                           &pool_server_conf_get(r->server)->limits)) {
        return HTTP_SERVICE_UNAVAILABLE;
    }
    if (!state->watched) {
        pool_flight_watch(&state->flight, r);
    }
    state->running = 1;
    rc = pool_attempt_run(r, worker, conf, url, state->repeatable, attempt);
    route.connect_timeout = rc == HTTP_SERVICE_UNAVAILABLE
                            ? pool_connect_timeout(worker, conf, r) : 0;
    route.failed = state->group
                   && pool_group_is_failed(state->group, rc,
                                           attempt->answered);
    pool_flight_end(&state->flight, r, rc, attempt, &route);
    state->running = 0;
    /* PROXY_POOL_NONE: it cannot be known.  A connection that failed to open
     * counts as a new one. */
    state->use = !state->watched ? PROXY_POOL_NONE
                 : attempt->connected && !attempt->opened ? PROXY_POOL_REUSED
                 : PROXY_POOL_NEW;
    if (attempt->resent) {
        apr_atomic_inc32(&pool_resent_count);
    }
    return rc;
}

/* One member after the other, until one serves or none may. */
static int pool_serve_group(request_rec *r, pool_request *state,
                            proxy_server_conf *conf, char *url)
{
    int rc;

    for (;;) {
        pool_group_watch(state->group, r);
        rc = pool_serve(r, state, conf, url);
        if (!pool_group_failed(state->group, r, rc, state)) {
            return rc;
        }
        pool_forget_backend(state, r);
        if (!pool_group_next(state->group, r, &url)) {
            return HTTP_SERVICE_UNAVAILABLE;
        }
        state->words = pool_group_words(state->group);
        if (pool_take_for(state, r, conf, url) != APR_SUCCESS) {
            return HTTP_SERVICE_UNAVAILABLE;
        }
    }
}

/* mod_proxy's hook, before the schemes' own: sees each attempt. */
static int pool_scheme_handler(request_rec *r, proxy_worker *worker,
                               proxy_server_conf *conf, char *url,
                               const char *proxyname, apr_port_t proxyport)
{
    pool_request *state = pool_request_get(r);

    (void)proxyport;
    if (state && state->use == PROXY_POOL_NONE
        && pool_server_conf_get(r->server)->enabled != 0) {
        /* not in pre_request, where a balancer's hook runs before ours and ends
         * the phase */
        pool_log_ignored(r, "a worker of the configuration serves it, with "
                         "its own parameters");
    }
    if (!state || state->worker != worker || state->running || proxyname) {
        return DECLINED;
    }
    return state->group ? pool_serve_group(r, state, conf, url)
                        : pool_serve(r, state, conf, url);
}

/* For LogFormat: %{proxy-pool}n, which mod_log_config takes from the last
 * request of internal redirects, while a pool served an earlier one, before an
 * ErrorDocument took its place. */
static int pool_log(request_rec *r)
{
    static const char *const names[] = { NULL, "generic", "new", "reused" };
    const pool_request *state;
    request_rec *last = r;

    while (last->next) {
        last = last->next;
    }
    while (r->prev) {
        r = r->prev;
    }
    for (; r; r = r->next) {
        state = pool_request_get(r);
        if (state && names[state->use]) {
            /* once: nothing else sets it */
            apr_table_addn(last->notes, "proxy-pool", names[state->use]);
            break;
        }
    }
    return DECLINED;
}

/* ---- for other modules (mod_proxy_pool.h) ------------------------------ */

static void proxy_pool_set_options(request_rec *r, const char *words,
                                   apr_size_t len, const char *about)
{
    pool_request *state = pool_request_make(r);

    state->words.ptr = words;
    state->words.len = len;
    state->about = about;
    state->group = NULL;
}

static void proxy_pool_set_group(request_rec *r,
                                 const proxy_pool_group *group)
{
    pool_request *state = pool_request_make(r);

    state->about = group->about;
    state->group = apr_pcalloc(r->pool, sizeof(*state->group));
    state->group->group = group;
}

static proxy_pool_use proxy_pool_served(request_rec *r, const char **name,
                                        int *resent)
{
    const pool_request *state = pool_request_get(r);

    *name = state ? state->name : NULL;
    *resent = state ? state->attempt.resent : 0;
    return state ? state->use : PROXY_POOL_NONE;
}

/* The word of a failure. */
static const char *pool_failure_name(slots_backend_count failure)
{
    switch (failure) {
    case SLOTS_BACKEND_REFUSED:
        return "refused";
    case SLOTS_BACKEND_TIMEOUT:
        return "timeout";
    case SLOTS_BACKEND_RESET:
        return "reset";
    case SLOTS_BACKEND_BAD:
        return "bad";
    case SLOTS_BACKEND_LIMITED:
        return "limited";
    default:
        return NULL;
    }
}

static int proxy_pool_facts_get(request_rec *r, proxy_pool_facts *facts)
{
    const pool_request *state = pool_request_get(r);
    const pool_flight *flight;

    if (!state || !state->name || state->flight.attempts == 0) {
        return 0;
    }
    flight = &state->flight;
    facts->name = state->name;
    facts->use = state->use;
    facts->resent = state->attempt.resent;
    facts->attempts = flight->attempts;
    facts->failure = pool_failure_name(flight->failure);
    facts->first_byte = flight->first_byte ? flight->first_byte - flight->began
                                           : -1;
    return 1;
}

static void proxy_pool_count(proxy_pool_counts *counts)
{
    pool_counts now = { 0 };

    if (pool_all) {
        pool_count(pool_all, &now);
    }
    counts->pools = now.items;
    counts->in_use = now.in_use;
    counts->made = now.made;
    counts->evicted = now.evicted;
    counts->retired = now.retired;
    counts->refused = now.refused;
    counts->resent = apr_atomic_read32(&pool_resent_count);
}

/* ---- start ------------------------------------------------------------- */

static apr_status_t pool_sweep_cb(int state, void *data, apr_pool_t *pool)
{
    (void)data;
    (void)pool;
    if (state == AP_WATCHDOG_STATE_RUNNING && pool_all) {
        pool_sweep(pool_all, apr_time_now(), POOL_UNUSED_MAX, POOL_AGE_MAX);
    }
    return APR_SUCCESS;
}

/* In each child: idle connections are closed even when no request comes. */
static apr_status_t pool_watchdog_start(void)
{
    APR_OPTIONAL_FN_TYPE(ap_watchdog_get_instance) *get_instance =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance);
    APR_OPTIONAL_FN_TYPE(ap_watchdog_register_callback) *register_callback =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_register_callback);
    ap_watchdog_t *watchdog;
    apr_status_t rv;

    if (!get_instance || !register_callback) {
        return APR_ENOTIMPL;
    }
    rv = get_instance(&watchdog, "_proxy_pool_", 0, 0,
                      ap_server_conf->process->pconf);
    if (rv == APR_SUCCESS) {
        rv = register_callback(watchdog, POOL_SWEEP_INTERVAL, NULL,
                               pool_sweep_cb);
    }
    return rv;
}

/* MaxRequestWorkers. */
static unsigned pool_workers(void)
{
    int children = 0, threads = 0;

    ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &children);
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    return (unsigned)(children > 0 ? children : 1)
           * (unsigned)(threads > 0 ? threads : 1);
}

static int pool_post_config(apr_pool_t *p, apr_pool_t *plog,
                            apr_pool_t *ptemp, server_rec *main_server)
{
    server_rec *s;
    apr_status_t rv;

    (void)plog;
    (void)ptemp;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    for (s = main_server; s; s = s->next) {
        pool_conf_resolve(pool_server_conf_get(s), pool_workers(), p);
        pool_conf_enlarge(s);
    }
    rv = pool_watchdog_start();
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, rv, main_server, "SB0104: "
                     "mod_watchdog is not loaded or cannot start: idle "
                     "connections are closed only when their backend is used "
                     "again; load mod_watchdog");
    }
    rv = pool_flight_start(main_server);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, main_server, "SB0301: no "
                     "shared memory for the backends' slots: nothing is "
                     "counted for them");
    }
    return OK;
}

static void pool_child_init(apr_pool_t *pchild, server_rec *main_server)
{
    server_rec *s;
    int max = 0;
    apr_status_t rv;

    pool_flight_child_start();
    for (s = main_server; s; s = s->next) {
        if (pool_server_conf_get(s)->max > max) {
            max = pool_server_conf_get(s)->max;
        }
    }
    rv = pool_table_create(&pool_all, max ? max : POOLS_MAX_DEFAULT,
                           &pool_worker_ops, pchild);
    if (rv != APR_SUCCESS) {
        pool_all = NULL;
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, main_server, "SB0105: cannot "
                     "create the table of pools: this child opens a new "
                     "connection to the backend for each request");
    }
}

static void pool_register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_post_config(pool_post_config, NULL, NULL, APR_HOOK_MIDDLE);
    /* before the watchdog's thread pool_key_begins */
    ap_hook_child_init(pool_child_init, NULL, NULL, APR_HOOK_FIRST);
    proxy_hook_pre_request(pool_pre_request, NULL, NULL, APR_HOOK_LAST);
    proxy_hook_scheme_handler(pool_scheme_handler, NULL, NULL,
                              APR_HOOK_REALLY_FIRST);
    ap_hook_log_transaction(pool_log, NULL, NULL, APR_HOOK_REALLY_FIRST);
    pool_attempt_register();
    pool_group_register();
    pool_flight_register();
    APR_REGISTER_OPTIONAL_FN(proxy_pool_set_options);
    APR_REGISTER_OPTIONAL_FN(proxy_pool_set_group);
    APR_REGISTER_OPTIONAL_FN(proxy_pool_served);
    APR_REGISTER_OPTIONAL_FN(proxy_pool_facts_get);
    APR_REGISTER_OPTIONAL_FN(proxy_pool_count);
}

AP_DECLARE_MODULE(proxy_pool) = {
    STANDARD20_MODULE_STUFF,
    NULL,                       /* create per-directory config */
    NULL,                       /* merge per-directory config */
    pool_server_create,
    pool_server_merge,
    pool_directives,
    pool_register_hooks
};
