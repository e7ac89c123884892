/* SPDX-License-Identifier: Apache-2.0 */

/*
 * mod_proxy_express.c: looks the Host header up in a map; mod_proxy serves the
 * backend that it finds.
 *
 * Owns the directives, the start, and the order in which a request goes
 * through the module: which requests are looked up (express_route.h), what
 * the value that is found does (express_value.h), how the backend's answer is
 * rewritten (express_response.h), loops (express_loop.h).  Transport is
 * mod_proxy's, reading maps is the map library's (hostmap.h).  Writes no shared
 * state while it serves: what a request needs is in its request_config
 * (express_request.h).
 */

#include "apr_lib.h"
#include "apr_strings.h"

#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "unixd.h"

#include "express_canon.h"
#include "express_facts.h"
#include "express_loop.h"
#include "express_request.h"
#include "express_response.h"
#include "express_route.h"
#include "express_value.h"
#include "hostmap/hostmap.h"
#include "hostmap/store/hostmap_guard.h"

module AP_MODULE_DECLARE_DATA proxy_express_module;

#define EXPRESS_INTERVAL_DEFAULT apr_time_from_msec(100)
#define EXPRESS_INTERVAL_MIN     apr_time_from_msec(10)

typedef struct express_server_conf {
    int enabled;                    /* -1: unset */
    const char *file;               /* NULL: unset */
    const char *type;               /* NULL: unset */
    int unknown_status;             /* 0: decline; -1: unset */
    apr_interval_time_t interval;   /* -1: unset */
    int verify;                     /* -1: unset, which means On */
    /* set in child_init, so never merged */
    express_map *map;
} express_server_conf;

/* ---- configuration ----------------------------------------------------- */

static void *express_server_create(apr_pool_t *p, server_rec *s)
{
    express_server_conf *conf = apr_pcalloc(p, sizeof(*conf));

    (void)s;
    conf->enabled = -1;
    conf->unknown_status = -1;
    conf->interval = -1;
    conf->verify = -1;
    return conf;
}

static void *express_server_merge(apr_pool_t *p, void *basev, void *addv)
{
    express_server_conf *conf = apr_pcalloc(p, sizeof(*conf));
    const express_server_conf *base = basev;
    const express_server_conf *add = addv;

    conf->enabled = add->enabled != -1 ? add->enabled : base->enabled;
    conf->file = add->file ? add->file : base->file;
    conf->type = add->type ? add->type : base->type;
    conf->unknown_status = add->unknown_status != -1 ? add->unknown_status
                                                     : base->unknown_status;
    conf->interval = add->interval != -1 ? add->interval : base->interval;
    conf->verify = add->verify != -1 ? add->verify : base->verify;
    return conf;
}

static express_server_conf *express_conf_get(server_rec *s)
{
    return ap_get_module_config(s->module_config, &proxy_express_module);
}

static const char *express_set_enable(cmd_parms *cmd, void *dconf, int flag)
{
    (void)dconf;
    express_conf_get(cmd->server)->enabled = flag;
    return NULL;
}

static const char *express_set_file(cmd_parms *cmd, void *dconf,
                                    const char *arg)
{
    express_server_conf *conf = express_conf_get(cmd->server);

    (void)dconf;
    conf->file = *arg ? ap_server_root_relative(cmd->pool, arg) : NULL;
    if (!conf->file) {
        return apr_pstrcat(cmd->pool, "ProxyExpressDBMFile: `", arg,
                           "` is not a path", NULL);
    }
    return NULL;
}

static const char *express_set_type(cmd_parms *cmd, void *dconf,
                                    const char *arg)
{
    int i;

    (void)dconf;
    for (i = 0; hostmap_type_names[i]; i++) {
        if (ap_cstr_casecmp(arg, hostmap_type_names[i]) == 0) {
            express_conf_get(cmd->server)->type = hostmap_type_names[i];
            return NULL;
        }
    }
    if (ap_cstr_casecmp(arg, "default") == 0) {
        express_conf_get(cmd->server)->type = "default";
        return NULL;
    }
    return apr_pstrcat(cmd->pool, "ProxyExpressDBMType: `", arg, "` is not "
                       "one of default, lmdb, sdbm, gdbm, ndbm, db", NULL);
}

static const char *express_set_unknown(cmd_parms *cmd, void *dconf,
                                       const char *arg)
{
    int status;

    (void)dconf;
    if (ap_cstr_casecmp(arg, "decline") == 0) {
        express_conf_get(cmd->server)->unknown_status = 0;
        return NULL;
    }
    status = strlen(arg) == 3 && apr_isdigit(arg[0]) && apr_isdigit(arg[1])
             && apr_isdigit(arg[2]) ? atoi(arg) : 0;
    if (status < 400 || status > 599) {
        return apr_pstrcat(cmd->pool, "ProxyExpressUnknownHost: `", arg,
                           "` is neither decline nor a status of 400 to 599",
                           NULL);
    }
    express_conf_get(cmd->server)->unknown_status = status;
    return NULL;
}

static const char *express_set_interval(cmd_parms *cmd, void *dconf,
                                        const char *arg)
{
    apr_interval_time_t interval;

    (void)dconf;
    if (ap_timeout_parameter_parse(arg, &interval, "s") != APR_SUCCESS
        || interval < EXPRESS_INTERVAL_MIN) {
        return apr_pstrcat(cmd->pool, "ProxyExpressCheckInterval: `", arg,
                           "` is not a time of at least 10ms", NULL);
    }
    express_conf_get(cmd->server)->interval = interval;
    return NULL;
}

static const char *express_set_verify(cmd_parms *cmd, void *dconf, int flag)
{
    (void)dconf;
    express_conf_get(cmd->server)->verify = flag;
    return NULL;
}

static const command_rec express_directives[] = {
    AP_INIT_FLAG("ProxyExpressEnable", express_set_enable, NULL, RSRC_CONF,
                 "On: look hosts up in the map"),
    AP_INIT_TAKE1("ProxyExpressDBMFile", express_set_file, NULL, RSRC_CONF,
                  "path of the map"),
    AP_INIT_TAKE1("ProxyExpressDBMType", express_set_type, NULL, RSRC_CONF,
                  "type of the map: default, lmdb, sdbm, gdbm, ndbm or db"),
    AP_INIT_TAKE1("ProxyExpressUnknownHost", express_set_unknown, NULL,
                  RSRC_CONF,
                  "answer to hosts that are not in the map: decline, or a "
                  "status of 400 to 599"),
    AP_INIT_TAKE1("ProxyExpressCheckInterval", express_set_interval, NULL,
                  RSRC_CONF,
                  "minimum time between two checks whether the map was "
                  "replaced"),
    AP_INIT_FLAG("ProxyExpressVerify", express_set_verify, NULL, RSRC_CONF,
                 "Off: a new map is not checked for damaged pages before it "
                 "serves"),
    { NULL }
};

/* ---- a request --------------------------------------------------------- */

static int express_answer_unknown(request_rec *r,
                                  const express_server_conf *conf,
                                  const char *name)
{
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r,
                  "SB0001: host %s is not in the map", name);
    if (conf->unknown_status <= 0) {
        express_request_make(r)->outcome = PROXY_EXPRESS_UNKNOWN;
        return DECLINED;
    }
    return express_refuse(r, conf->unknown_status, PROXY_EXPRESS_UNKNOWN);
}

static int express_translate(request_rec *r)
{
    const express_server_conf *conf = express_conf_get(r->server);
    char host[HOSTMAP_KEY_MAX + 1];
    apr_size_t host_len;
    hostmap_matched found;
    const char *name;
    apr_status_t rv;

    if (conf->enabled != 1 || !conf->map) {
        return DECLINED;
    }
    if (!express_route_wants(r)) {
        return DECLINED;
    }
    name = ap_get_server_name(r);
    if (hostmap_key_host(host, &host_len, hostmap_str_text(name), NULL)
        != APR_SUCCESS) {
        return express_answer_unknown(r, conf, name);
    }
    rv = hostmap_find(conf->map->map, &found, hostmap_str_of(host, host_len),
                      r->uri, r->pool);
    if (rv == APR_NOTFOUND) {
        return express_answer_unknown(r, conf, host);
    }
    if (rv != APR_SUCCESS) {
        /* the map library has already logged the reason */
        return express_refuse(r, HTTP_SERVICE_UNAVAILABLE,
                              rv == HOSTMAP_EBUSY ? PROXY_EXPRESS_MAP_BUSY
                                                  : PROXY_EXPRESS_MAP_BROKEN);
    }
    return express_value_apply(r, conf->map, &found);
}

/* ---- start ------------------------------------------------------------- */

static const char *express_conf_type(const express_server_conf *conf)
{
    return conf->type ? conf->type : "default";
}

static apr_interval_time_t
express_conf_interval(const express_server_conf *conf)
{
    return conf->interval != -1 ? conf->interval : EXPRESS_INTERVAL_DEFAULT;
}

static void express_warn_exposed(void *baton, const char *finding)
{
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, (server_rec *)baton, "SB0007: "
                 "%s: anyone who can write to it can send requests to any "
                 "backend, including unix sockets", finding);
}

/* Log what the map is, for the administrator who starts the server.  Each child
 * opens it again, after fork. */
static void express_announce(server_rec *s, const express_server_conf *conf,
                     apr_pool_t *ptemp)
{
    int root = geteuid() == 0;
    hostmap_guard guard = { 0, 0, express_warn_exposed, s };
    hostmap_file *file;
    hostmap_reason why;
    hostmap_stat st;

    if (hostmap_file_open(&file, conf->file, conf->type, ptemp, &why)
        != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s, "SB0008: map %s: %s; "
                     "requests for its hosts are answered with 503 until this "
                     "is fixed",
                     conf->file, why.text);
        return;
    }
    hostmap_file_stat(file, &st);
    if (st.entries >= 0) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, "SB0009: map %s: %s, %"
                     APR_INT64_T_FMT " entries", conf->file, st.type,
                     st.entries);
    }
    else {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, "SB0010: map %s: %s, %"
                     APR_OFF_T_FMT " bytes", conf->file, st.type, st.size);
    }
    hostmap_file_close(file);
    /* a server that was not started by root runs as the user who started it */
    if (root) {
        guard.user = ap_unixd_config.user_id;
        guard.group = ap_unixd_config.group_id;
    }
    hostmap_exposed(conf->file, &guard, ptemp);
}

static int express_post_config(apr_pool_t *p, apr_pool_t *plog,
                               apr_pool_t *ptemp, server_rec *main_server)
{
    apr_hash_t *seen = apr_hash_make(ptemp);
    int warned = 0;
    server_rec *s;
    apr_status_t rv;

    (void)p;
    (void)plog;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    express_value_start();
    rv = express_loop_start(main_server->process->pool);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, rv, main_server,
                     "SB0011: cannot get random bytes or shared memory for "
                     EXPRESS_LOOP_HEADER": httpd does not start");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    for (s = main_server; s; s = s->next) {
        const express_server_conf *conf = express_conf_get(s);
        const char *name;

        if (conf->enabled != 1) {
            continue;
        }
        if (!conf->file) {
            if (!warned++) {
                ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s, "SB0012: "
                             "ProxyExpressEnable is On without "
                             "ProxyExpressDBMFile: no host is looked up");
            }
            continue;
        }
        name = apr_pstrcat(ptemp, express_conf_type(conf), ":", conf->file,
                           NULL);
        if (!apr_hash_get(seen, name, APR_HASH_KEY_STRING)) {
            apr_hash_set(seen, name, APR_HASH_KEY_STRING, conf);
            express_announce(s, conf, ptemp);
        }
    }
    return OK;
}

static void express_log_map(void *baton, hostmap_log_level level,
                            const char *line)
{
    static const int levels[] = {
        APLOG_ERR, APLOG_WARNING, APLOG_INFO, APLOG_DEBUG
    };

    ap_log_error(APLOG_MARK, levels[level], 0, (server_rec *)baton,
                 "SB0013: %s", line);
}

/* Virtual hosts that share a map share the limits of its messages, too. */
static express_map *express_map_for(apr_hash_t *maps, hostmap *map,
                                    const char *path, apr_pool_t *p)
{
    express_map *found = apr_hash_get(maps, &map, sizeof(map));

    if (!found) {
        found = apr_pcalloc(p, sizeof(*found));
        found->map = map;
        found->path = path;
        express_facts_add(found);
        apr_hash_set(maps, &found->map, sizeof(found->map), found);
    }
    return found;
}

static void express_child_init(apr_pool_t *pchild, server_rec *main_server)
{
    apr_hash_t *maps = apr_hash_make(pchild);
    hostmap_registry *registry;
    apr_status_t rv;
    server_rec *s;

    rv = hostmap_registry_create(&registry, express_log_map, main_server,
                                 pchild);
    for (s = main_server; rv == APR_SUCCESS && s; s = s->next) {
        express_server_conf *conf = express_conf_get(s);
        hostmap *map;

        if (conf->enabled != 1 || !conf->file) {
            continue;
        }
        rv = hostmap_open(&map, registry, conf->file, express_conf_type(conf),
                          express_conf_interval(conf));
        if (rv == APR_SUCCESS) {
            if (conf->verify != 0) {
                hostmap_verify(map);
            }
            conf->map = express_map_for(maps, map, conf->file, pchild);
        }
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, rv, main_server,
                     "SB0014: cannot allocate the maps: this child process "
                     "ends");
        exit(APEXIT_CHILDSICK);
    }
}

static void express_register_hooks(apr_pool_t *p)
{
    /* RewriteRule, then ProxyPass, then the map, then Alias */
    static const char *const before[] = { "mod_proxy.c", NULL };

    (void)p;
    ap_hook_post_config(express_post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(express_child_init, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_translate_name(express_translate, before, NULL, APR_HOOK_FIRST);
    express_canon_register();
    express_loop_register();
    express_response_register();
    express_facts_register();
    express_value_register();
}

AP_DECLARE_MODULE(proxy_express) = {
    STANDARD20_MODULE_STUFF,
    NULL,                       /* create per-directory config */
    NULL,                       /* merge per-directory config */
    express_server_create,
    express_server_merge,
    express_directives,
    express_register_hooks
};
