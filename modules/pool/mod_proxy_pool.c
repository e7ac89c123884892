/* SPDX-License-Identifier: Apache-2.0 */

/*
 * mod_proxy_pool.c: keep-alive connections for backends that no directive
 * names.
 *
 * Owns the choice of the pool that serves a request, and the table of pools of
 * a child.  What a pool is made of is pool_worker.c's, how a request is sent,
 * and sent again, is pool_attempt.c's; connections and the transport are
 * mod_proxy's.  Workers of the configuration, balancers and forward requests
 * are none of its business.
 */

#include "apr_atomic.h"
#include "apr_hash.h"
#include "apr_strings.h"
#include "ap_mpm.h"
#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "httpd.h"
#include "mod_proxy.h"
#include "mod_watchdog.h"

#include "base/limit.h"
#include "mod_proxy_pool.h"
#include "pool_options_core.h"
#include "pool_attempt.h"
#include "pool_core.h"
#include "pool_worker.h"

module AP_MODULE_DECLARE_DATA proxy_pool_module;

#define POOLS_MAX_DEFAULT 512
#define SWEEP_INTERVAL apr_time_from_sec(1)
/* A pool that nobody used for so long goes, with its memory. */
#define UNUSED_MAX apr_time_from_sec(60)
/* httpd before 2.4.59 resolves a worker's name once: there the whole pool is
 * made anew after so long. */
#if AP_MODULE_MAGIC_AT_LEAST(20120211, 130)
#define AGE_MAX 0
#else
#define AGE_MAX apr_time_from_sec(60)
#endif
/* A request that cannot be sent again does not take a connection that was
 * idle for so long. */
#define UNREPEATABLE_TTL apr_time_from_sec(1)

#define NO_RETRY \
    "retry is for members of a balancer: a pool is never out of service"

/* Messages about entries are held back by what they are about. */
#define SAID_SLOTS 64

typedef struct pool_server_conf {
    int enabled;                /* -1: not said */
    int max;                    /* 0: not said */
    const char *words;          /* of ProxyPoolSet, joined; NULL: not said */
    /* made in post_config from words */
    pool_options defaults;
    hostmap_str defaults_text;
} pool_server_conf;

typedef struct pool_request {
    pool_item *item;
    proxy_worker *worker;
    proxy_pool_use use;
    const char *name;
    int watched;
    int repeatable;
    int running;
    pool_attempt attempt;
    hostmap_str words;          /* an entry's options */
    const char *about;
} pool_request;

/* This child's. */
static pool_table *table;
static volatile apr_uint32_t resent_count;
static hostmap_limit said[SAID_SLOTS];

/* ---- configuration ----------------------------------------------------- */

static void *pool_server_create(apr_pool_t *p, server_rec *s)
{
    pool_server_conf *conf = apr_pcalloc(p, sizeof(*conf));

    (void)s;
    conf->enabled = -1;
    return conf;
}

static void *pool_server_merge(apr_pool_t *p, void *basev, void *addv)
{
    pool_server_conf *conf = apr_pcalloc(p, sizeof(*conf));
    const pool_server_conf *base = basev, *add = addv;

    conf->enabled = add->enabled != -1 ? add->enabled : base->enabled;
    conf->max = add->max ? add->max : base->max;
    /* the later word wins: one by one */
    conf->words = add->words && base->words
                  ? apr_pstrcat(p, base->words, " ", add->words, NULL)
                  : add->words ? add->words : base->words;
    return conf;
}

static pool_server_conf *server_conf(server_rec *s)
{
    return ap_get_module_config(s->module_config, &proxy_pool_module);
}

static const char *set_enable(cmd_parms *cmd, void *dconf, int flag)
{
    (void)dconf;
    server_conf(cmd->server)->enabled = flag;
    return NULL;
}

static const char *set_options(cmd_parms *cmd, void *dconf, const char *arg)
{
    pool_server_conf *conf = server_conf(cmd->server);
    pool_options scratch;
    hostmap_str word;
    hostmap_bad bad;

    (void)dconf;
    scratch.set = 0;
    word.ptr = arg;
    word.len = strlen(arg);
    bad.reason = "expected key=value";
    if (pool_options_read(&scratch, word, &bad) != APR_SUCCESS
        || scratch.set == 0) {
        return apr_pstrcat(cmd->pool, "ProxyPoolSet: `", arg, "`: ",
                           bad.reason, NULL);
    }
    if (pool_options_has(&scratch, "retry")) {
        return apr_pstrcat(cmd->pool, "ProxyPoolSet: `", arg, "`: "
                           NO_RETRY, NULL);
    }
    conf->words = conf->words ? apr_pstrcat(cmd->pool, conf->words, " ", arg,
                                            NULL) : arg;
    return NULL;
}

static const char *set_max(cmd_parms *cmd, void *dconf, const char *arg)
{
    char *end;
    apr_int64_t max = apr_strtoi64(arg, &end, 10);

    (void)dconf;
    if (*end || end == arg || max < 1 || max > 1000000) {
        return apr_pstrcat(cmd->pool, "ProxyPoolMax: `", arg, "` is not a "
                           "number of 1 to 1000000", NULL);
    }
    server_conf(cmd->server)->max = (int)max;
    return NULL;
}

static const command_rec pool_directives[] = {
    AP_INIT_FLAG("ProxyPoolEnable", set_enable, NULL, RSRC_CONF,
                 "Off: backends that no directive names get a connection per "
                 "request"),
    AP_INIT_ITERATE("ProxyPoolSet", set_options, NULL, RSRC_CONF,
                    "key=value words as for ProxyPass: defaults of pools"),
    AP_INIT_TAKE1("ProxyPoolMax", set_max, NULL, RSRC_CONF,
                  "pools per child process"),
    { NULL }
};

/* ---- a request --------------------------------------------------------- */

static int is_ours(request_rec *r, proxy_worker *worker,
                   proxy_balancer *balancer, proxy_server_conf *conf,
                   const char *url);
static void say_ignored(request_rec *r, const char *reason);
static hostmap_str pool_key(const pool_request *state, request_rec *r,
                            proxy_server_conf *conf, const char *url,
                            pool_worker_want *want);
static apr_status_t take_fresh(pool_request *state, request_rec *r,
                               hostmap_str key, pool_worker_want *want);
static void forget_backend(pool_request *state, request_rec *r);

static pool_request *request_state(request_rec *r)
{
    pool_request *state;

    state = ap_get_module_config(r->request_config, &proxy_pool_module);
    if (!state) {
        state = apr_pcalloc(r->pool, sizeof(*state));
        ap_set_module_config(r->request_config, &proxy_pool_module, state);
    }
    return state;
}

/* Does the URL begin with a scheme?  Most differ in the first letter. */
static int begins(const char *url, const char *scheme)
{
    return (*url | 0x20) == *scheme
           && ap_cstr_casecmpn(url, scheme, strlen(scheme)) == 0;
}

/* Do the connections have hooks and filters, as pool_attempt.c needs?  Those
 * of FastCGI, SCGI and AJP are bare sockets.  mod_proxy writes schemes in lower
 * case. */
static int is_watched(const char *url)
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
    pool_worker_want want;
    pool_request *state;
    hostmap_str key;
    apr_status_t rv;

    forget_backend(ap_get_module_config(r->request_config,
                                        &proxy_pool_module), r);
    if (server_conf(r->server)->enabled == 0) {
        say_ignored(r, "ProxyPoolEnable is Off");
        return DECLINED;
    }
    if (!table) {
        return DECLINED;
    }
    if (!is_ours(r, *worker, *balancer, conf, *url)) {
        return DECLINED;
    }
    state = request_state(r);
    state->watched = is_watched(*url);
    state->repeatable = state->watched && pool_attempt_repeatable(r);
    key = pool_key(state, r, conf, *url, &want);
    rv = take_fresh(state, r, key, &want);
    if (rv != APR_SUCCESS) {
        /* mod_proxy's own worker serves: a connection for this request */
        state->use = PROXY_POOL_GENERIC;
        return DECLINED;
    }
    *worker = state->worker;
    return OK;
}

static int is_ours(request_rec *r, proxy_worker *worker,
                   proxy_balancer *balancer, proxy_server_conf *conf,
                   const char *url)
{
    if (r->proxyreq != PROXYREQ_REVERSE || worker || balancer
        || begins(url, "balancer:")) {
        return 0;
    }
    /* through another proxy: its address is not the worker's */
    if (conf->proxies->nelts > 0) {
        return 0;
    }
    /* an administrator's ProxyPass or <Proxy> wins */
    return conf->workers->nelts == 0
           || !ap_proxy_get_worker_ex(r->pool, NULL, conf, url,
                                      AP_PROXY_WORKER_NO_UDS);
}

/* Options of an entry that have no effect here. */
static void say_ignored(request_rec *r, const char *reason)
{
    const pool_request *state = ap_get_module_config(r->request_config,
                                                     &proxy_pool_module);
    apr_ssize_t len = APR_HASH_KEY_STRING;
    apr_uint32_t held;

    if (!state || state->words.len == 0 || !state->about) {
        return;
    }
    if (hostmap_limit_pass(&said[apr_hashfunc_default(state->about, &len)
                                 % SAID_SLOTS], r->request_time, &held)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "SB0106: %s: options "
                      "without effect: %s (%u more since the last time)",
                      state->about, reason, held);
    }
}

/* scheme://host:port of a URL, and the bytes before it if it has a socket. */
static apr_size_t origin_length(const char *url)
{
    const char *bar = begins(url, "unix:") ? ap_strchr_c(url, '|') : NULL;
    const char *host = ap_strchr_c(bar ? bar : url, ':');

    if (!host || strncmp(host, "://", 3) != 0) {
        return strlen(url);
    }
    host += 3;
    return (host - url) + strcspn(host, "/?");
}

/* ProxyPoolSet's options, and over them an entry's, in one spelling. */
static hostmap_str options_text(const pool_request *state, request_rec *r,
                                pool_worker_want *want)
{
    const pool_server_conf *own = server_conf(r->server);
    pool_options *merged;
    hostmap_str text;
    char *room;

    want->options = &own->defaults;
    if (state->words.len == 0) {
        return own->defaults_text;
    }
    merged = apr_pmemdup(r->pool, &own->defaults, sizeof(*merged));
    pool_options_read(merged, state->words, NULL);
    if (pool_options_has(merged, "retry")) {
        say_ignored(r, NO_RETRY);
    }
    want->options = merged;
    text.ptr = room = apr_palloc(r->pool, POOL_OPTIONS_KEY_MAX);
    text.len = pool_options_key(room, merged);
    return text;
}

static char *put(char *at, const void *bytes, apr_size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

/* What distinguishes pools: mod_proxy's settings of the virtual host (and
 * mod_ssl's, for TLS), whether requests can be sent again, where the
 * connection goes to, and the options. */
static hostmap_str pool_key(const pool_request *state, request_rec *r,
                            proxy_server_conf *conf, const char *url,
                            pool_worker_want *want)
{
    const char *socket = apr_table_get(r->notes, "uds_path");
    hostmap_str options = options_text(state, r, want);
    apr_size_t url_len = origin_length(url);
    const void *settings = conf;
    hostmap_str key;
    char *at;

    if (strncmp(url, "http://", strlen("http://")) != 0) {
        settings = r->server;
    }
    if (socket) {
        url = apr_psprintf(r->pool, "unix:%s|%.*s", socket, (int)url_len, url);
        url_len = strlen(url);
    }
    key.len = sizeof(settings) + 1 + url_len + 1 + options.len;
    key.ptr = at = apr_palloc(r->pool, key.len);
    at = put(at, &settings, sizeof(settings));
    *at++ = (char)state->repeatable;
    want->url = at;
    at = put(at, url, url_len);
    *at++ = '\0';
    put(at, options.ptr, options.len);
    want->server = r->server;
    want->ttl_max = state->repeatable ? 0 : UNREPEATABLE_TTL;
    return key;
}

static apr_status_t give_back(void *data)
{
    pool_request *state = data;

    pool_give(table, state->item, apr_time_now());
    state->item = NULL;
    return APR_SUCCESS;
}

/* A module may send a request to one backend after the other: what served it
 * before serves no more. */
static void forget_backend(pool_request *state, request_rec *r)
{
    if (state && state->item) {
        apr_pool_cleanup_run(r->pool, state, give_back);
    }
    if (state) {
        state->worker = NULL;
        state->name = NULL;
        state->use = PROXY_POOL_NONE;
    }
}

static int is_cold(const pool_item *item, const pool_worker *thing)
{
    apr_time_t idle_since = pool_item_idle_since(item);

    return idle_since && apr_time_now() - idle_since >= thing->ttl;
}

/* A prefork child has one connection a pool and no list that looks at its
 * age: a pool whose connection is too old is given up for a new one. */
static apr_status_t take_fresh(pool_request *state, request_rec *r,
                               hostmap_str key, pool_worker_want *want)
{
    pool_worker *thing;
    pool_item *item;
    apr_status_t rv;

    rv = pool_take(&item, table, key.ptr, key.len, want,
                   r->request_time);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    thing = pool_item_thing(item);
    if (!thing->worker->cp->res && is_cold(item, thing)) {
        pool_retire(table, item);
        pool_give(table, item, r->request_time);
        rv = pool_take(&item, table, key.ptr, key.len, want,
                       r->request_time);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        thing = pool_item_thing(item);
    }
    state->item = item;
    apr_pool_cleanup_register(r->pool, state, give_back,
                              apr_pool_cleanup_null);
    state->worker = thing->worker;
    state->name = want->url;
    state->use = PROXY_POOL_NEW;
    return APR_SUCCESS;
}

/* mod_proxy's hook, before the schemes' own: sees each attempt. */
static int pool_scheme_handler(request_rec *r, proxy_worker *worker,
                               proxy_server_conf *conf, char *url,
                               const char *proxyname, apr_port_t proxyport)
{
    pool_request *state = ap_get_module_config(r->request_config,
                                               &proxy_pool_module);
    pool_attempt *attempt;
    int rc;

    (void)proxyport;
    if (state && state->use == PROXY_POOL_NONE
        && server_conf(r->server)->enabled != 0) {
        /* here and not in pre_request, which a balancer ends before us */
        say_ignored(r, "a worker of the configuration serves it, with its own "
                    "parameters");
    }
    if (!state || state->worker != worker || state->running || proxyname) {
        return DECLINED;
    }
    attempt = memset(&state->attempt, 0, sizeof(state->attempt));
    state->running = 1;
    rc = pool_attempt_run(r, worker, conf, url, state->repeatable, attempt);
    state->running = 0;
    /* PROXY_POOL_NONE: nobody knows.  A connection that could not be had would
     * have been a new one. */
    state->use = !state->watched ? PROXY_POOL_NONE
                 : attempt->connected && !attempt->opened ? PROXY_POOL_REUSED
                 : PROXY_POOL_NEW;
    if (attempt->resent) {
        apr_atomic_inc32(&resent_count);
    }
    return rc;
}

/* For LogFormat: %{proxy-pool}n */
static int pool_log(request_rec *r)
{
    static const char *const names[] = { NULL, "generic", "new", "reused" };
    const pool_request *state = ap_get_module_config(r->request_config,
                                                     &proxy_pool_module);

    if (state && names[state->use]) {
        apr_table_addn(r->notes, "proxy-pool", names[state->use]);
    }
    return DECLINED;
}

/* ---- for other modules (mod_proxy_pool.h) ------------------------------ */

static void proxy_pool_set_options(request_rec *r, const char *words,
                                   apr_size_t len, const char *about)
{
    pool_request *state = request_state(r);

    state->words.ptr = words;
    state->words.len = len;
    state->about = about;
}

static proxy_pool_use proxy_pool_served(request_rec *r, const char **name,
                                        int *resent)
{
    const pool_request *state = ap_get_module_config(r->request_config,
                                                     &proxy_pool_module);

    *name = state ? state->name : NULL;
    *resent = state ? state->attempt.resent : 0;
    return state ? state->use : PROXY_POOL_NONE;
}

static void proxy_pool_count(proxy_pool_counts *counts)
{
    pool_counts now = { 0 };

    if (table) {
        pool_count(table, &now);
    }
    counts->pools = now.items;
    counts->in_use = now.in_use;
    counts->made = now.made;
    counts->evicted = now.evicted;
    counts->retired = now.retired;
    counts->refused = now.refused;
    counts->resent = apr_atomic_read32(&resent_count);
}

/* ---- start ------------------------------------------------------------- */

static apr_status_t sweep(int state, void *data, apr_pool_t *pool)
{
    (void)data;
    (void)pool;
    if (state == AP_WATCHDOG_STATE_RUNNING && table) {
        pool_sweep(table, apr_time_now(), UNUSED_MAX, AGE_MAX);
    }
    return APR_SUCCESS;
}

/* In each child: idle connections end also when no request comes. */
static apr_status_t watchdog_start(void)
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
        rv = register_callback(watchdog, SWEEP_INTERVAL, NULL, sweep);
    }
    return rv;
}

static void defaults_make(pool_server_conf *conf, apr_pool_t *p)
{
    char *key = apr_palloc(p, POOL_OPTIONS_KEY_MAX);
    hostmap_str words;

    words.ptr = conf->words ? conf->words : "";
    words.len = strlen(words.ptr);
    conf->defaults.set = 0;
    /* each word was checked when it was read */
    pool_options_read(&conf->defaults, words, NULL);
    conf->defaults_text.ptr = key;
    conf->defaults_text.len = pool_options_key(key, &conf->defaults);
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
        defaults_make(server_conf(s), p);
    }
    rv = watchdog_start();
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, rv, main_server, "SB0104: "
                     "mod_watchdog is not there: idle connections are closed "
                     "only when their backend is used again");
    }
    return OK;
}

static void pool_child_init(apr_pool_t *pchild, server_rec *main_server)
{
    server_rec *s;
    int max = 0;
    apr_status_t rv;

    for (s = main_server; s; s = s->next) {
        if (server_conf(s)->max > max) {
            max = server_conf(s)->max;
        }
    }
    rv = pool_table_create(&table, max ? max : POOLS_MAX_DEFAULT,
                           &pool_worker_ops, pchild);
    if (rv != APR_SUCCESS) {
        table = NULL;
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, main_server, "SB0105: cannot "
                     "make the table of pools: backends get a connection per "
                     "request");
    }
}

static void pool_register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_post_config(pool_post_config, NULL, NULL, APR_HOOK_MIDDLE);
    /* before the watchdog's thread begins */
    ap_hook_child_init(pool_child_init, NULL, NULL, APR_HOOK_FIRST);
    proxy_hook_pre_request(pool_pre_request, NULL, NULL, APR_HOOK_LAST);
    proxy_hook_scheme_handler(pool_scheme_handler, NULL, NULL,
                              APR_HOOK_REALLY_FIRST);
    ap_hook_log_transaction(pool_log, NULL, NULL, APR_HOOK_REALLY_FIRST);
    pool_attempt_register();
    APR_REGISTER_OPTIONAL_FN(proxy_pool_set_options);
    APR_REGISTER_OPTIONAL_FN(proxy_pool_served);
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
