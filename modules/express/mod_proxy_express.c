/* SPDX-License-Identifier: Apache-2.0 */

/*
 * mod_proxy_express.c: the Host header is looked up in a map, and mod_proxy
 * serves the backend that is found.
 *
 * Owns the way from a request to its entry, and the rewriting of the backend's
 * own URLs in the response.  Transport is mod_proxy's, reading maps is the map
 * library's (hostmap.h), what a value means is the grammar's (hostmap_entry.h).
 * Writes no shared state while it serves: what a request needs lies in its
 * request_config.
 */

#include "apr_lib.h"
#include "apr_strings.h"

#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "ap_mpm.h"
#include "mod_proxy.h"
#include "unixd.h"

#include "hostmap.h"
#include "hostmap_entry.h"
#include "hostmap_guard.h"
#include "loop_core.h"
#include "mod_proxy_pool.h"
#include "reverse_core.h"

module AP_MODULE_DECLARE_DATA proxy_express_module;

#define CHECK_INTERVAL_DEFAULT apr_time_from_msec(100)
#define CHECK_INTERVAL_MIN     apr_time_from_msec(10)

#define LOOP_HEADER     "CDN-Loop"
#define REVERSE_FILTER  "PROXY_EXPRESS_REVERSE"

/* Messages about entries are held back by kind and by what their key hashes
 * to: one entry that is asked for a thousand times a second says one line a
 * minute, and the memory for that is bounded. */
#define SAID_SLOTS 64

typedef enum {
    SAID_BAD,
    SAID_STATUS,
    SAID_OPTION,
    SAID_LOOP,
    SAID_KINDS
} said_kind;

/* A map as a child process uses it. */
typedef struct express_map {
    hostmap *map;
    const char *path;
    hostmap_limit said[SAID_KINDS][SAID_SLOTS];
} express_map;

typedef struct express_server_conf {
    int enabled;                    /* -1: not said */
    const char *file;               /* NULL: not said */
    const char *type;               /* NULL: not said */
    int unknown_status;             /* 0: decline; -1: not said */
    apr_interval_time_t interval;   /* -1: not said */
    express_map *map;               /* set in child_init */
} express_server_conf;

/* What became of a request, in its request_config. */
typedef struct express_request {
    /* answered with an error by us: its ErrorDocument is local content */
    int refused;
    hostmap_entry entry;
} express_request;

/* This server's name in CDN-Loop. */
static const char *loop_id;

static ap_filter_rec_t *reverse_filter_handle;

/* Of mod_proxy_pool, NULL when it is not loaded. */
static APR_OPTIONAL_FN_TYPE(proxy_pool_set_options) *pool_set_options;

/* ---- configuration ----------------------------------------------------- */

static void *express_server_create(apr_pool_t *p, server_rec *s)
{
    express_server_conf *conf = apr_pcalloc(p, sizeof(*conf));

    (void)s;
    conf->enabled = -1;
    conf->unknown_status = -1;
    conf->interval = -1;
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
    return conf;
}

static express_server_conf *server_conf(server_rec *s)
{
    return ap_get_module_config(s->module_config, &proxy_express_module);
}

static const char *set_enable(cmd_parms *cmd, void *dconf, int flag)
{
    (void)dconf;
    server_conf(cmd->server)->enabled = flag;
    return NULL;
}

static const char *set_file(cmd_parms *cmd, void *dconf, const char *arg)
{
    express_server_conf *conf = server_conf(cmd->server);

    (void)dconf;
    conf->file = *arg ? ap_server_root_relative(cmd->pool, arg) : NULL;
    if (!conf->file) {
        return apr_pstrcat(cmd->pool, "ProxyExpressDBMFile: `", arg,
                           "` is not a path", NULL);
    }
    return NULL;
}

static const char *set_type(cmd_parms *cmd, void *dconf, const char *arg)
{
    int i;

    (void)dconf;
    for (i = 0; hostmap_type_names[i]; i++) {
        if (ap_cstr_casecmp(arg, hostmap_type_names[i]) == 0) {
            server_conf(cmd->server)->type = hostmap_type_names[i];
            return NULL;
        }
    }
    if (ap_cstr_casecmp(arg, "default") == 0) {
        server_conf(cmd->server)->type = "default";
        return NULL;
    }
    return apr_pstrcat(cmd->pool, "ProxyExpressDBMType: `", arg, "` is not "
                       "one of default, lmdb, sdbm, gdbm, ndbm, db", NULL);
}

static const char *set_unknown(cmd_parms *cmd, void *dconf, const char *arg)
{
    int status;

    (void)dconf;
    if (ap_cstr_casecmp(arg, "decline") == 0) {
        server_conf(cmd->server)->unknown_status = 0;
        return NULL;
    }
    status = strlen(arg) == 3 && apr_isdigit(arg[0]) && apr_isdigit(arg[1])
             && apr_isdigit(arg[2]) ? atoi(arg) : 0;
    if (status < 400 || status > 599) {
        return apr_pstrcat(cmd->pool, "ProxyExpressUnknownHost: `", arg,
                           "` is neither decline nor a status of 400 to 599",
                           NULL);
    }
    server_conf(cmd->server)->unknown_status = status;
    return NULL;
}

static const char *set_interval(cmd_parms *cmd, void *dconf, const char *arg)
{
    apr_interval_time_t interval;

    (void)dconf;
    if (ap_timeout_parameter_parse(arg, &interval, "s") != APR_SUCCESS
        || interval < CHECK_INTERVAL_MIN) {
        return apr_pstrcat(cmd->pool, "ProxyExpressCheckInterval: `", arg,
                           "` is not a time of at least 10ms", NULL);
    }
    server_conf(cmd->server)->interval = interval;
    return NULL;
}

static const command_rec express_directives[] = {
    AP_INIT_FLAG("ProxyExpressEnable", set_enable, NULL, RSRC_CONF,
                 "On: hosts are looked up in the map"),
    AP_INIT_TAKE1("ProxyExpressDBMFile", set_file, NULL, RSRC_CONF,
                  "path of the map"),
    AP_INIT_TAKE1("ProxyExpressDBMType", set_type, NULL, RSRC_CONF,
                  "type of the map: default, lmdb, sdbm, gdbm, ndbm or db"),
    AP_INIT_TAKE1("ProxyExpressUnknownHost", set_unknown, NULL, RSRC_CONF,
                  "what a host gets that is not in the map: decline, or a "
                  "status of 400 to 599"),
    AP_INIT_TAKE1("ProxyExpressCheckInterval", set_interval, NULL, RSRC_CONF,
                  "how often the map is looked at for a replacement"),
    { NULL }
};

/* ---- a request --------------------------------------------------------- */

static int refuse(request_rec *r, int status);
static int is_eligible(request_rec *r);
static int is_excluded(request_rec *r);
static int answer_unknown(request_rec *r, const express_server_conf *conf,
                          const char *key);
static int apply(request_rec *r, express_map *map, const char *key,
                 apr_size_t key_len, const char *value, apr_size_t value_len);
static int serve_backend(request_rec *r, express_map *map, const char *key,
                         apr_size_t key_len, const hostmap_entry *entry);

static int express_translate(request_rec *r)
{
    const express_server_conf *conf = server_conf(r->server);
    char key[HOSTMAP_KEY_MAX + 1];
    const char *name, *value;
    apr_size_t key_len, value_len;
    apr_status_t rv;

    if (conf->enabled != 1 || !conf->map) {
        return DECLINED;
    }
    if (!is_eligible(r) || is_excluded(r)) {
        return DECLINED;
    }
    name = ap_get_server_name(r);
    if (hostmap_key_host(key, &key_len, name, strlen(name), NULL)
        != APR_SUCCESS) {
        return answer_unknown(r, conf, name);
    }
    rv = hostmap_lookup(conf->map->map, key, key_len, &value, &value_len,
                        r->pool);
    if (rv == APR_NOTFOUND) {
        return answer_unknown(r, conf, key);
    }
    if (rv != APR_SUCCESS) {
        /* why was said by the map */
        return refuse(r, HTTP_SERVICE_UNAVAILABLE);
    }
    return apply(r, conf->map, key, key_len, value, value_len);
}

static express_request *request_state(request_rec *r)
{
    express_request *state;

    state = ap_get_module_config(r->request_config, &proxy_express_module);
    if (!state) {
        state = apr_pcalloc(r->pool, sizeof(*state));
        ap_set_module_config(r->request_config, &proxy_express_module, state);
    }
    return state;
}

static int refuse(request_rec *r, int status)
{
    request_state(r)->refused = 1;
    return status;
}

static int is_eligible(request_rec *r)
{
    const express_request *before;

    /* Somebody has decided already: RewriteRule [P], a forward request, a
     * subrequest of a request that is mapped. */
    if (r->proxyreq
        || (r->filename && strncmp(r->filename, "proxy:", 6) == 0)) {
        return 0;
    }
    /* OPTIONS * and CONNECT speak to this server. */
    if (!r->uri || r->uri[0] != '/' || strcmp(r->unparsed_uri, "*") == 0) {
        return 0;
    }
    /* The ErrorDocument of what we refused is local, or it would be refused
     * in its turn. */
    if (r->prev) {
        before = ap_get_module_config(r->prev->request_config,
                                      &proxy_express_module);
        if (before && before->refused) {
            return 0;
        }
    }
    return 1;
}

static int alias_excludes(request_rec *r, struct proxy_alias *alias,
                          proxy_dir_conf *dconf)
{
    return alias->real && strcmp(alias->real, "!") == 0
           && ap_proxy_trans_match(r, alias, dconf) == DECLINED;
}

/* `ProxyPass /x !`: mod_proxy declined such a request for a reason, which it
 * tells to nobody.  A ProxyPass that leads somewhere has been there before. */
static int is_excluded(request_rec *r)
{
    proxy_server_conf *sconf;
    proxy_dir_conf *dconf;
    struct proxy_alias *aliases;
    int i;

    if (apr_table_get(r->subprocess_env, "no-proxy")) {
        return 1;
    }
    dconf = ap_get_module_config(r->per_dir_config, &proxy_module);
    if (dconf->alias && alias_excludes(r, dconf->alias, dconf)) {
        return 1;
    }
    sconf = ap_get_module_config(r->server->module_config, &proxy_module);
    aliases = (struct proxy_alias *)sconf->aliases->elts;
    for (i = 0; i < sconf->aliases->nelts; i++) {
        if (alias_excludes(r, &aliases[i], dconf)) {
            return 1;
        }
    }
    return 0;
}

static int answer_unknown(request_rec *r, const express_server_conf *conf,
                          const char *key)
{
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r,
                  "SB0001: host %s is not in the map", key);
    if (conf->unknown_status <= 0) {
        return DECLINED;
    }
    return refuse(r, conf->unknown_status);
}

/* May a message about this key be said now? */
static int may_say(express_map *map, said_kind kind, const char *key,
                   apr_size_t key_len, request_rec *r, const char **more)
{
    apr_ssize_t len = key_len;
    unsigned int slot = apr_hashfunc_default(key, &len) % SAID_SLOTS;
    apr_uint32_t held;

    if (!hostmap_limit_pass(&map->said[kind][slot], r->request_time, &held)) {
        return 0;
    }
    *more = held ? apr_psprintf(r->pool, " (%u more since the last time)",
                                held) : "";
    return 1;
}

static int apply(request_rec *r, express_map *map, const char *key,
                 apr_size_t key_len, const char *value, apr_size_t value_len)
{
    hostmap_entry entry;
    hostmap_bad bad;
    const char *more;

    if (hostmap_entry_parse(&entry, value, value_len, &bad) != APR_SUCCESS) {
        if (may_say(map, SAID_BAD, key, key_len, r, &more)) {
            ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "SB0002: map %s: entry "
                          "%s: %s at column %" APR_SIZE_T_FMT " of its "
                          "value%s", map->path, key, bad.reason,
                          bad.pos + 1, more);
        }
        return refuse(r, HTTP_INTERNAL_SERVER_ERROR);
    }
    switch (entry.kind) {
    case HOSTMAP_ENTRY_PROXY:
        return serve_backend(r, map, key, key_len, &entry);
    case HOSTMAP_ENTRY_NONE:
        return DECLINED;
    default:
        if (may_say(map, SAID_STATUS, key, key_len, r, &more)) {
            ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "SB0003: map %s: entry "
                          "%s: status values are not served by this "
                          "version%s", map->path, key, more);
        }
        return refuse(r, HTTP_INTERNAL_SERVER_ERROR);
    }
}

/* ---- a request for a backend ------------------------------------------- */

/* The options of an entry are those of the pool that serves it. */
static void hand_options(request_rec *r, express_map *map, const char *key,
                         apr_size_t key_len, const hostmap_entry *entry)
{
    const char *more;

    if (pool_set_options) {
        pool_set_options(r, entry->words.ptr, entry->words.len,
                         apr_pstrcat(r->pool, "map ", map->path, ": entry ",
                                     key, NULL));
        return;
    }
    if (may_say(map, SAID_OPTION, key, key_len, r, &more)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "SB0004: map %s: entry "
                      "%s: options have no effect without mod_proxy_pool%s",
                      map->path, key, more);
    }
}

/* The whole path is appended, with one slash between. */
static char *backend_url(request_rec *r, const hostmap_entry *entry,
                         int nocanon, int noquery)
{
    apr_size_t len = entry->url.len, uri_len;
    const char *uri;
    char *url, *at;

    if (entry->path.len > 0 && entry->url.ptr[len - 1] == '/') {
        len--;
    }
    uri = nocanon ? r->unparsed_uri : r->uri;
    uri_len = noquery && nocanon ? strcspn(uri, "?") : strlen(uri);
    at = url = apr_palloc(r->pool, strlen("proxy:") + len + uri_len + 1);
    memcpy(at, "proxy:", strlen("proxy:"));
    at += strlen("proxy:");
    memcpy(at, entry->url.ptr, len);
    at += len;
    memcpy(at, uri, uri_len);
    at[uri_len] = '\0';
    return url;
}

static int is_loop(request_rec *r)
{
    const char *field = apr_table_get(r->headers_in, LOOP_HEADER);

    return field && loop_field_has(apr_table_getm(r->pool, r->headers_in,
                                                  LOOP_HEADER), loop_id);
}

static int serve_backend(request_rec *r, express_map *map, const char *key,
                         apr_size_t key_len, const hostmap_entry *entry)
{
    /* An absolute-form request line has no raw path to pass on. */
    int nocanon = (entry->flags & HOSTMAP_ENTRY_NOCANON)
                  && r->unparsed_uri[0] == '/';
    int noquery = entry->flags & HOSTMAP_ENTRY_NOQUERY;
    const char *more;
    char *url;
    int rc;

    if (is_loop(r)) {
        if (may_say(map, SAID_LOOP, key, key_len, r, &more)) {
            ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "SB0005: map %s: entry "
                          "%s: loop: its backend sends requests back "
                          "here%s", map->path, key, more);
        }
        return refuse(r, HTTP_LOOP_DETECTED);
    }
    if (entry->words.len > 0) {
        hand_options(r, map, key, key_len, entry);
    }
    url = backend_url(r, entry, nocanon, noquery);
    /* as ProxyPass does: a ws:// backend wants upgrade requests only */
    rc = proxy_run_check_trans(r, url + strlen("proxy:"));
    if (rc != OK && rc != DECLINED) {
        return DECLINED;
    }
    r->filename = url;
    r->handler = "proxy-server";
    r->proxyreq = PROXYREQ_REVERSE;
    if (nocanon) {
        apr_table_setn(r->notes, "proxy-nocanon", "1");
    }
    if (noquery) {
        /* mod_proxy has a note for it that none of its modules reads */
        r->args = NULL;
    }
    request_state(r)->entry = *entry;
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r,
                  "SB0006: host %s is served by %s", key, url + 6);
    return OK;
}

static const express_request *mapped_request(request_rec *r)
{
    const express_request *state;

    state = ap_get_module_config(r->request_config, &proxy_express_module);
    return state && !state->refused ? state : NULL;
}

/* mod_proxy's hook: headers_in is its own copy here, what goes to the
 * backend. */
static int express_proxy_fixups(request_rec *r)
{
    if (!mapped_request(r)) {
        return DECLINED;
    }
    apr_table_mergen(r->headers_in, LOOP_HEADER, loop_id);
    return OK;
}

/* ---- its response ------------------------------------------------------ */

static void express_insert_filter(request_rec *r)
{
    if (mapped_request(r)) {
        ap_add_output_filter_handle(reverse_filter_handle, NULL, r,
                                    r->connection);
    }
}

typedef const char *reverse_fn(const reverse_map *map, const char *value,
                               apr_pool_t *pool);

/* What rewrites a header, NULL for most: few have a name as long as one of
 * these. */
static reverse_fn *reverse_of(const char *name)
{
    switch (strlen(name)) {
    case sizeof("URI") - 1:
        return ap_cstr_casecmp(name, "URI") ? NULL : reverse_location;
    case sizeof("Location") - 1:
        return ap_cstr_casecmp(name, "Location") ? NULL : reverse_location;
    case sizeof("Set-Cookie") - 1:
        return ap_cstr_casecmp(name, "Set-Cookie") ? NULL : reverse_cookie;
    case sizeof("Destination") - 1:
        return ap_cstr_casecmp(name, "Destination") ? NULL : reverse_location;
    case sizeof("Content-Location") - 1:
        return ap_cstr_casecmp(name, "Content-Location") ? NULL
                                                         : reverse_location;
    default:
        return NULL;
    }
}

static void reverse_headers(request_rec *r, reverse_map *map,
                            apr_table_t *headers)
{
    const apr_array_header_t *array = apr_table_elts(headers);
    apr_table_entry_t *header = (apr_table_entry_t *)array->elts;
    int i;

    for (i = 0; i < array->nelts; i++) {
        reverse_fn *reverse = reverse_of(header[i].key);
        const char *value;

        if (!reverse) {
            continue;
        }
        if (!map->front && reverse == reverse_location) {
            map->front = ap_construct_url(r->pool, "", r);
        }
        value = reverse(map, header[i].val, r->pool);
        if (value) {
            header[i].val = (char *)value;
        }
    }
}

static apr_status_t express_reverse_filter(ap_filter_t *f,
                                           apr_bucket_brigade *bb)
{
    request_rec *r = f->r;
    const express_request *state = mapped_request(r);
    reverse_map map;

    if (state) {
        map.entry = &state->entry;
        map.front = NULL;
        map.prefix = "";
        reverse_headers(r, &map, r->headers_out);
        reverse_headers(r, &map, r->err_headers_out);
    }
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}

/* ---- start ------------------------------------------------------------- */

static const char *conf_type(const express_server_conf *conf)
{
    return conf->type ? conf->type : "default";
}

static apr_interval_time_t conf_interval(const express_server_conf *conf)
{
    return conf->interval != -1 ? conf->interval : CHECK_INTERVAL_DEFAULT;
}

static void warn_exposed(void *baton, const char *finding)
{
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, (server_rec *)baton, "SB0007: "
                 "%s: whoever writes there leads requests to any "
                 "backend, unix sockets included", finding);
}

/* What a map is, for the administrator who starts the server.  It is opened
 * again in each child, after fork. */
static void announce(server_rec *s, const express_server_conf *conf,
                     apr_pool_t *ptemp)
{
    int root = geteuid() == 0;
    hostmap_file *file;
    hostmap_reason why;
    hostmap_stat st;

    if (hostmap_file_open(&file, conf->file, conf->type, ptemp, &why)
        != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s, "SB0008: map %s: %s; its "
                     "hosts are answered 503 until that is mended",
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
    /* a server that was not started by root serves as who started it */
    hostmap_exposed(conf->file, root ? ap_unixd_config.user_id : 0,
                    root ? ap_unixd_config.group_id : 0, warn_exposed, s,
                    ptemp);
}

/* Kept over restarts, so that a request on its way while we restart is still
 * known; and in all children, to which it may come back. */
static apr_status_t loop_id_make(void)
{
    static const char key[] = "switchboard_loop_id";
    static const char prefix[] = "switchboard-";
    unsigned char random[8];
    apr_status_t rv;
    char *id;

    id = ap_retained_data_get(key);
    if (!id) {
        rv = apr_generate_random_bytes(random, sizeof(random));
        if (rv != APR_SUCCESS) {
            return rv;
        }
        id = ap_retained_data_create(key, sizeof(prefix)
                                     + 2 * sizeof(random));
        memcpy(id, prefix, sizeof(prefix) - 1);
        ap_bin2hex(random, sizeof(random), id + sizeof(prefix) - 1);
    }
    loop_id = id;
    return APR_SUCCESS;
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
    pool_set_options = APR_RETRIEVE_OPTIONAL_FN(proxy_pool_set_options);
    rv = loop_id_make();
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, rv, main_server,
                     "SB0011: no random bytes for this server's name in "
                     LOOP_HEADER);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    for (s = main_server; s; s = s->next) {
        const express_server_conf *conf = server_conf(s);
        const char *name;

        if (conf->enabled != 1) {
            continue;
        }
        if (!conf->file) {
            if (!warned++) {
                ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s, "SB0012: "
                             "ProxyExpressEnable is On without a "
                             "ProxyExpressDBMFile: nothing is mapped");
            }
            continue;
        }
        name = apr_pstrcat(ptemp, conf_type(conf), ":", conf->file, NULL);
        if (!apr_hash_get(seen, name, APR_HASH_KEY_STRING)) {
            apr_hash_set(seen, name, APR_HASH_KEY_STRING, conf);
            announce(s, conf, ptemp);
        }
    }
    return OK;
}

static void log_map(void *baton, hostmap_log_level level, const char *line)
{
    static const int levels[] = {
        APLOG_ERR, APLOG_WARNING, APLOG_INFO, APLOG_DEBUG
    };

    ap_log_error(APLOG_MARK, levels[level], 0, (server_rec *)baton,
                 "SB0013: %s", line);
}

/* The messages' limits belong to the map, as its handle does: virtual hosts
 * that share one share them too. */
static express_map *map_for(apr_hash_t *maps, hostmap *map, const char *path,
                            apr_pool_t *p)
{
    express_map *found = apr_hash_get(maps, &map, sizeof(map));

    if (!found) {
        found = apr_pcalloc(p, sizeof(*found));
        found->map = map;
        found->path = path;
        apr_hash_set(maps, &found->map, sizeof(found->map), found);
    }
    return found;
}

static void express_child_init(apr_pool_t *pchild, server_rec *main_server)
{
    apr_hash_t *maps = apr_hash_make(pchild);
    hostmap_set *set;
    apr_status_t rv;
    server_rec *s;

    rv = hostmap_set_create(&set, log_map, main_server, pchild);
    for (s = main_server; rv == APR_SUCCESS && s; s = s->next) {
        express_server_conf *conf = server_conf(s);
        hostmap *map;

        if (conf->enabled != 1 || !conf->file) {
            continue;
        }
        rv = hostmap_open(&map, set, conf->file, conf_type(conf),
                          conf_interval(conf));
        if (rv == APR_SUCCESS) {
            conf->map = map_for(maps, map, conf->file, pchild);
        }
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, rv, main_server,
                     "SB0014: cannot prepare the maps");
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
    APR_OPTIONAL_HOOK(proxy, fixups, express_proxy_fixups, NULL, NULL,
                      APR_HOOK_MIDDLE);
    ap_hook_insert_filter(express_insert_filter, NULL, NULL, APR_HOOK_LAST);
    reverse_filter_handle =
        ap_register_output_filter(REVERSE_FILTER, express_reverse_filter,
                                  NULL, AP_FTYPE_RESOURCE);
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
