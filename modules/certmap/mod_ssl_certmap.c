/* SPDX-License-Identifier: Apache-2.0 */

/*
 * mod_ssl_certmap.c: the certificate of each name that a TLS client asks for
 * comes from a map on disk.
 *
 * Owns the directives, the start, and mod_ssl's hook.  What happens in a
 * handshake is in certmap_handshake.c, how a name is found in
 * certmap_find_core.c.  TLS itself is mod_ssl's: protocols, ciphers, client
 * certificates and sessions stay those of the virtual host.
 */

#include <string.h>

#include "apr_hooks.h"
#include "apr_optional_hooks.h"
#include "apr_strings.h"

#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "unixd.h"

#include "certmap_handshake.h"
#include "hostmap/store/hostmap_guard.h"

#if defined(__has_include)
#if __has_include("mod_ssl_openssl.h")
#include "mod_ssl_openssl.h"
#define HAS_SSL_HEADER 1
#endif
#endif
#ifndef HAS_SSL_HEADER
/* Debian does not install the header.  ctx is a server's context when its
 * virtual host has been set up. */
typedef int ssl_HOOK_init_server_t(server_rec *s, apr_pool_t *p,
                                   int is_proxy, SSL_CTX *ctx);
#endif

module AP_MODULE_DECLARE_DATA ssl_certmap_module;

/* mod_ssl has the hook since this minor number of httpd's module magic. */
#define SSL_HOOK_SINCE 57

#define CHECK_INTERVAL_DEFAULT apr_time_from_msec(100)
#define CHECK_INTERVAL_MIN     apr_time_from_msec(10)
#define CACHE_DEFAULT 1000
#define CACHE_MAX     1000000

typedef struct certmap_server_conf {
    const char *dir;                /* NULL: unset; "": none */
    const char *key;                /* NULL: unset */
    const char *old_key;            /* NULL: none */
    int alert;                      /* -1: unset */
    int cache;                      /* -1: unset */
    apr_interval_time_t interval;   /* -1: unset */
    /* never merged: */
    certmap_master *master;         /* set in post_config */
    certmap_host *hosts;            /* added by mod_ssl's hook */
} certmap_server_conf;

/* ---- configuration ----------------------------------------------------- */

static void *certmap_server_create(apr_pool_t *p, server_rec *s)
{
    certmap_server_conf *conf = apr_pcalloc(p, sizeof(*conf));

    (void)s;
    conf->alert = -1;
    conf->cache = -1;
    conf->interval = -1;
    return conf;
}

static void *certmap_server_merge(apr_pool_t *p, void *basev, void *addv)
{
    certmap_server_conf *conf = apr_pcalloc(p, sizeof(*conf));
    const certmap_server_conf *base = basev;
    const certmap_server_conf *add = addv;

    conf->dir = add->dir ? add->dir : base->dir;
    conf->key = add->key ? add->key : base->key;
    conf->old_key = add->key ? add->old_key : base->old_key;
    conf->alert = add->alert != -1 ? add->alert : base->alert;
    conf->cache = add->cache != -1 ? add->cache : base->cache;
    conf->interval = add->interval != -1 ? add->interval : base->interval;
    return conf;
}

static certmap_server_conf *certmap_conf_of(server_rec *s)
{
    return ap_get_module_config(s->module_config, &ssl_certmap_module);
}

static int certmap_is_on(const certmap_server_conf *conf)
{
    return conf->dir && *conf->dir;
}

static const char *certmap_set_file(cmd_parms *cmd, void *dconf,
                                    const char *arg)
{
    certmap_server_conf *conf = certmap_conf_of(cmd->server);

    (void)dconf;
    if (ap_cstr_casecmp(arg, "none") == 0) {
        conf->dir = "";
        return NULL;
    }
    conf->dir = ap_server_root_relative(cmd->pool, arg);
    if (!conf->dir) {
        return apr_pstrcat(cmd->pool, "SSLCertMapFile: `", arg,
                           "` is not a path", NULL);
    }
    return NULL;
}

static const char *certmap_set_key(cmd_parms *cmd, void *dconf, const char *key,
                                   const char *old_key)
{
    certmap_server_conf *conf = certmap_conf_of(cmd->server);

    (void)dconf;
    conf->key = ap_server_root_relative(cmd->pool, key);
    if (!conf->key) {
        return apr_pstrcat(cmd->pool, "SSLCertMapKeyFile: `", key,
                           "` is not a path", NULL);
    }
    conf->old_key = old_key ? ap_server_root_relative(cmd->pool, old_key)
                            : NULL;
    if (old_key && !conf->old_key) {
        return apr_pstrcat(cmd->pool, "SSLCertMapKeyFile: `", old_key,
                           "` is not a path", NULL);
    }
    return NULL;
}

static const char *certmap_set_unknown(cmd_parms *cmd, void *dconf,
                                       const char *arg)
{
    certmap_server_conf *conf = certmap_conf_of(cmd->server);

    (void)dconf;
    if (ap_cstr_casecmp(arg, "default") == 0) {
        conf->alert = 0;
    }
    else if (ap_cstr_casecmp(arg, "alert") == 0) {
        conf->alert = 1;
    }
    else {
        return apr_pstrcat(cmd->pool, "SSLCertMapUnknown: `", arg, "` is "
                           "neither default nor alert", NULL);
    }
    return NULL;
}

static const char *certmap_set_cache(cmd_parms *cmd, void *dconf,
                                     const char *arg)
{
    apr_int64_t number;
    char *end;

    (void)dconf;
    number = apr_strtoi64(arg, &end, 10);
    if (end == arg || *end || number < 0 || number > CACHE_MAX) {
        return apr_pstrcat(cmd->pool, "SSLCertMapCache: `", arg, "` is not a "
                           "number of 0 to 1000000", NULL);
    }
    certmap_conf_of(cmd->server)->cache = (int)number;
    return NULL;
}

static const char *certmap_set_interval(cmd_parms *cmd, void *dconf,
                                        const char *arg)
{
    apr_interval_time_t interval;

    (void)dconf;
    if (ap_timeout_parameter_parse(arg, &interval, "s") != APR_SUCCESS
        || interval < CHECK_INTERVAL_MIN) {
        return apr_pstrcat(cmd->pool, "SSLCertMapCheckInterval: `", arg,
                           "` is not a time of at least 10ms", NULL);
    }
    certmap_conf_of(cmd->server)->interval = interval;
    return NULL;
}

static const command_rec certmap_directives[] = {
    AP_INIT_TAKE1("SSLCertMapFile", certmap_set_file, NULL, RSRC_CONF,
                  "folder of the certificate map, or none"),
    AP_INIT_TAKE12("SSLCertMapKeyFile", certmap_set_key, NULL, RSRC_CONF,
                   "file of the master key, and that of the one before"),
    AP_INIT_TAKE1("SSLCertMapUnknown", certmap_set_unknown, NULL, RSRC_CONF,
                  "what a name gets that is not in the map: default, the "
                  "virtual host's own certificate, or alert"),
    AP_INIT_TAKE1("SSLCertMapCache", certmap_set_cache, NULL, RSRC_CONF,
                  "how many parsed certificates a child keeps"),
    AP_INIT_TAKE1("SSLCertMapCheckInterval", certmap_set_interval, NULL,
                  RSRC_CONF,
                  "how often the map is looked at for a replacement"),
    { NULL }
};

/* ---- start: is all there that is needed? ------------------------------- */

/* NULL: it is.  mod_ssl itself is asked, as it may be older than httpd. */
static const char *certmap_ssl_lacks(void)
{
    const module *ssl = ap_find_linked_module("mod_ssl.c");

    if (!ssl) {
        return "needs mod_ssl, which is not loaded: LoadModule ssl_module "
               "(a2enmod ssl)";
    }
    if (ssl->minor_version < SSL_HOOK_SINCE) {
        return "needs the hook init_server of mod_ssl, which the loaded one "
               "has not got: it came with httpd 2.4.19";
    }
    return NULL;
}

static int certmap_check_config(apr_pool_t *p, apr_pool_t *plog,
                                apr_pool_t *ptemp, server_rec *main_server)
{
    const char *lack = certmap_ssl_lacks();
    server_rec *s;

    (void)p;
    (void)plog;
    (void)ptemp;
    for (s = main_server; s; s = s->next) {
        const certmap_server_conf *conf = certmap_conf_of(s);

        if (!certmap_is_on(conf)) {
            continue;
        }
        if (lack) {
            ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s, "SB0404: "
                         "SSLCertMapFile %s", lack);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
        if (!conf->key) {
            ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s, "SB0405: "
                         "SSLCertMapFile %s needs the master key of the map: "
                         "SSLCertMapKeyFile", conf->dir);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return OK;
}

/* ---- start: keys and maps ---------------------------------------------- */

/* Hosts with the same files share one page. */
static apr_status_t certmap_keys_read(certmap_server_conf *conf,
                                      apr_hash_t *seen,
                                      apr_pool_t *p, hostmap_reason *why)
{
    const char *name = apr_pstrcat(p, conf->key, "\n", conf->old_key, NULL);
    apr_status_t rv;

    conf->master = apr_hash_get(seen, name, APR_HASH_KEY_STRING);
    if (conf->master) {
        return APR_SUCCESS;
    }
    rv = certmap_master_create(&conf->master, p, why);
    if (rv == APR_SUCCESS) {
        rv = certmap_master_read(conf->master, conf->key, why);
    }
    if (rv == APR_SUCCESS && conf->old_key) {
        rv = certmap_master_read(conf->master, conf->old_key, why);
    }
    apr_hash_set(seen, name, APR_HASH_KEY_STRING, conf->master);
    return rv;
}

static void certmap_warn_exposed(void *baton, const char *finding)
{
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, (server_rec *)baton, "SB0406: "
                 "%s: anyone who can write there can remove certificates, or "
                 "put back ones that were replaced", finding);
}

/* What a map is, for the administrator who starts the server: each shard is
 * opened, and nothing of it read but its first page. */
static void certmap_announce(server_rec *s, const certmap_server_conf *conf,
                             apr_pool_t *ptemp)
{
    hostmap_guard guard = { 0, 0, certmap_warn_exposed, s };
    hostmap_reason why, first = { "" };
    char file[CERTMAP_SHARD_FILE];
    const char *path = NULL;
    apr_off_t bytes = 0;
    unsigned i, bad = 0;

    for (i = 0; i < CERTMAP_SHARDS; i++) {
        hostmap_file *shard;
        hostmap_stat st;

        certmap_shard_file(file, i);
        path = apr_pstrcat(ptemp, conf->dir, "/", file, NULL);
        if (hostmap_file_open(&shard, path, "lmdb", ptemp, &why)
            != APR_SUCCESS) {
            first = bad++ ? first : why;
            continue;
        }
        hostmap_file_stat(shard, &st);
        bytes += st.size;
        hostmap_file_close(shard);
    }
    if (bad) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s, "SB0407: certificate map "
                     "%s: %u of %d shards cannot be read, the first one: %s; "
                     "handshakes of their names are refused until this is "
                     "fixed", conf->dir, bad, CERTMAP_SHARDS, first.text);
    }
    else {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, "SB0408: certificate "
                     "map %s: %d shards, %" APR_OFF_T_FMT " bytes", conf->dir,
                     CERTMAP_SHARDS, bytes);
    }
    if (geteuid() == 0) {
        guard.user = ap_unixd_config.user_id;
        guard.group = ap_unixd_config.group_id;
    }
    hostmap_exposed(path, &guard, ptemp);
}

/* Before mod_ssl's: its hook is called from there. */
static int certmap_post_config(apr_pool_t *p, apr_pool_t *plog,
                               apr_pool_t *ptemp, server_rec *main_server)
{
    apr_hash_t *keys = apr_hash_make(ptemp), *seen = apr_hash_make(ptemp);
    server_rec *s;

    (void)plog;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    for (s = main_server; s; s = s->next) {
        certmap_server_conf *conf = certmap_conf_of(s);
        hostmap_reason why;

        if (!certmap_is_on(conf)) {
            continue;
        }
        if (certmap_keys_read(conf, keys, p, &why) != APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s, "SB0409: "
                         "SSLCertMapKeyFile: %s", why.text);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
        if (!apr_hash_get(seen, conf->dir, APR_HASH_KEY_STRING)) {
            apr_hash_set(seen, conf->dir, APR_HASH_KEY_STRING, conf);
            certmap_announce(s, conf, ptemp);
        }
    }
    return OK;
}

/* mod_ssl's hook: a virtual host's context is ready.  The callbacks are copied
 * to the connections of the context that is selected by name. */
static int certmap_init_server(server_rec *s, apr_pool_t *p, int is_proxy,
                               SSL_CTX *ctx)
{
    certmap_server_conf *conf = certmap_conf_of(s);
    certmap_host *host;

    if (is_proxy || !certmap_is_on(conf)) {
        return DECLINED;
    }
    host = apr_pcalloc(p, sizeof(*host));
    host->server = s;
    host->dir = conf->dir;
    host->alert = conf->alert == 1;
    /* virtual hosts without a directive of ours share the main server's conf */
    host->next = conf->hosts;
    conf->hosts = host;
    certmap_handshake_install(ctx, host);
    return OK;
}

/* After mod_ssl's: did it call the hook for any host that has a map? */
static int certmap_warn_idle(apr_pool_t *p, apr_pool_t *plog,
                             apr_pool_t *ptemp, server_rec *main_server)
{
    const char *dir = NULL;
    server_rec *s;

    (void)p;
    (void)plog;
    (void)ptemp;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    for (s = main_server; s; s = s->next) {
        const certmap_server_conf *conf = certmap_conf_of(s);

        if (certmap_is_on(conf) && conf->hosts) {
            return OK;
        }
        if (certmap_is_on(conf)) {
            dir = conf->dir;
        }
    }
    if (dir) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, main_server, "SB0410: "
                     "SSLCertMapFile %s has no effect: no virtual host that "
                     "it applies to has SSLEngine on", dir);
    }
    return OK;
}

/* ---- start of a child -------------------------------------------------- */

static void certmap_log_map(void *baton, hostmap_log_level level,
                            const char *line)
{
    static const int levels[] = {
        APLOG_ERR, APLOG_WARNING, APLOG_INFO, APLOG_DEBUG
    };

    ap_log_error(APLOG_MARK, levels[level], 0, (server_rec *)baton,
                 "SB0411: certificates: %s", line);
}

/* Virtual hosts with the same settings share a map and what it keeps. */
static apr_status_t certmap_map_open(certmap_server_conf *conf,
                                     apr_hash_t *maps,
                                     hostmap_registry *registry,
                                     apr_pool_t *pchild)
{
    certmap_options options = {
        conf->dir, conf->master,
        conf->cache != -1 ? (unsigned)conf->cache : CACHE_DEFAULT,
        conf->interval != -1 ? conf->interval : CHECK_INTERVAL_DEFAULT
    };
    const char *name = apr_psprintf(pchild, "%s\n%pp\n%u\n%" APR_TIME_T_FMT,
                                    conf->dir, conf->master, options.cache,
                                    options.interval);
    certmap *map = apr_hash_get(maps, name, APR_HASH_KEY_STRING);
    apr_status_t rv = APR_SUCCESS;
    certmap_host *host;

    if (!map) {
        rv = certmap_open(&map, registry, &options, pchild);
        apr_hash_set(maps, name, APR_HASH_KEY_STRING, map);
    }
    for (host = conf->hosts; host; host = host->next) {
        host->map = map;
    }
    return rv;
}

static void certmap_child_init(apr_pool_t *pchild, server_rec *main_server)
{
    apr_hash_t *maps = apr_hash_make(pchild);
    hostmap_registry *registry;
    apr_status_t rv;
    server_rec *s;

    rv = hostmap_registry_create(&registry, certmap_log_map, main_server,
                                 pchild);
    for (s = main_server; rv == APR_SUCCESS && s; s = s->next) {
        certmap_server_conf *conf = certmap_conf_of(s);

        if (conf->hosts) {
            rv = certmap_map_open(conf, maps, registry, pchild);
        }
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, rv, main_server,
                     "SB0412: cannot prepare the certificate maps");
        exit(APEXIT_CHILDSICK);
    }
}

static void certmap_register_hooks(apr_pool_t *p)
{
    static const char *const ssl[] = { "mod_ssl.c", NULL };

    (void)p;
    ap_hook_check_config(certmap_check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(certmap_post_config, NULL, ssl, APR_HOOK_MIDDLE);
    ap_hook_post_config(certmap_warn_idle, ssl, NULL, APR_HOOK_LAST);
    ap_hook_child_init(certmap_child_init, NULL, NULL, APR_HOOK_MIDDLE);
    APR_OPTIONAL_HOOK(ssl, init_server, certmap_init_server, NULL, NULL,
                      APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(ssl_certmap) = {
    STANDARD20_MODULE_STUFF,
    NULL,                       /* create per-directory config */
    NULL,                       /* merge per-directory config */
    certmap_server_create,
    certmap_server_merge,
    certmap_directives,
    certmap_register_hooks
};
