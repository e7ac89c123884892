/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the value of an entry does with a request, and the variables that tell
 * other modules about it.
 */

#include "base/option.h"
#include "express_value.h"

#include "apr_strings.h"

#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "mod_proxy.h"

#include "express_group.h"
#include "express_loop.h"
#include "mod_proxy_pool.h"
#include "target_core.h"
#include "value_cache_core.h"

extern module AP_MODULE_DECLARE_DATA proxy_express_module;
APLOG_USE_MODULE(proxy_express);

#define EXPRESS_BACKEND_ENV "PROXY_EXPRESS_BACKEND"
#define EXPRESS_KEY_ENV     "PROXY_EXPRESS_KEY"
#define EXPRESS_MATCH_ENV   "PROXY_EXPRESS_MATCH"

/* Of mod_proxy_pool; NULL if it is not loaded. */
static APR_OPTIONAL_FN_TYPE(proxy_pool_set_options) *express_pool_options;

/* Of this child. */
static value_cache express_values;

void express_value_start(void)
{
    express_group_start();
    express_pool_options = APR_RETRIEVE_OPTIONAL_FN(proxy_pool_set_options);
}

/* May a message about this entry be logged now?  more: what it has to end
 * with. */
static int express_log_allowed(hostmap_limit_more *more, express_map *map,
                               express_message kind,
                               const hostmap_matched *found, request_rec *r)
{
    return hostmap_limit_table_pass(&map->limits[kind], more,
                                    hostmap_str_of(found->key,
                                                   found->key_len),
                                    r->request_time);
}

/* ---- environment ------------------------------------------------------- */

/* A subrequest has a copy of the environment of its request, which another
 * entry may have answered.  All other requests have none of these variables,
 * and adding to a table without searching it costs a third. */
static void express_set_env(request_rec *r, const char *name, const char *value)
{
    if (r->main) {
        apr_table_setn(r->subprocess_env, name, value);
    }
    else {
        apr_table_addn(r->subprocess_env, name, value);
    }
}

static const char *express_match_name(const hostmap_matched *found)
{
    static const char *const kinds[] = { "exact", "wildcard", "default" };

    return found->key_len > found->host_len ? "path" : kinds[found->kind];
}

/* Returns the key, in r->pool. */
static const char *express_set_match(request_rec *r,
                                     const hostmap_matched *found)
{
    const char *key = apr_pstrmemdup(r->pool, found->key, found->key_len);

    express_set_env(r, EXPRESS_KEY_ENV, key);
    express_set_env(r, EXPRESS_MATCH_ENV, express_match_name(found));
    return key;
}

/* The request that mod_log_config writes is the last one of internal redirects;
 * the entry answered the first, before an ErrorDocument took its place. */
static int express_log(request_rec *r)
{
    static const char *const names[] = {
        EXPRESS_KEY_ENV, EXPRESS_MATCH_ENV, EXPRESS_BACKEND_ENV
    };
    request_rec *first = r, *last = r;
    apr_size_t i;

    if (!r->prev && !r->next) {
        return DECLINED;
    }
    while (first->prev) {
        first = first->prev;
    }
    while (last->next) {
        last = last->next;
    }
    while (first != last
           && !apr_table_get(first->subprocess_env, EXPRESS_KEY_ENV)) {
        first = first->next;
    }
    for (i = 0; first != last && i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = apr_table_get(first->subprocess_env, names[i]);

        if (value) {
            apr_table_setn(last->subprocess_env, names[i], value);
        }
        else {
            apr_table_unset(last->subprocess_env, names[i]);
        }
    }
    return DECLINED;
}

/* ---- a request for a backend ------------------------------------------- */

/* The options of an entry are for the pool that serves it. */
static void express_give_options(request_rec *r, express_map *map,
                         const hostmap_matched *found,
                         const hostmap_entry *entry)
{
    hostmap_limit_more more;

    if (express_pool_options) {
        express_pool_options(r, entry->words.ptr, entry->words.len,
                         apr_pstrcat(r->pool, "map ", map->path, ": entry ",
                                     found->key, NULL));
        return;
    }
    if (express_log_allowed(&more, map, EXPRESS_MESSAGE_OPTION, found, r)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "SB0004: map %s: entry "
                      "%s: its options have no effect without mod_proxy_pool; "
                      "the request is served without them%s",
                      map->path, found->key, more.text);
    }
}

/* With nocanon: the client's raw path after the matched prefix.  NULL if the
 * raw path does not start with that prefix: the canonical path is sent then. */
static const char *express_raw_rest(request_rec *r, const char *prefix,
                                    apr_size_t taken)
{
    /* an absolute-form request line has no raw path to pass on */
    if (r->unparsed_uri[0] != '/') {
        return NULL;
    }
    if (*prefix == '\0') {
        return r->unparsed_uri;
    }
    return target_under(prefix, r->unparsed_uri) == taken
           && !target_has_dots(r->unparsed_uri) ? r->unparsed_uri + taken
                                                : NULL;
}

/* The entry's URL and the rest of the path, with one slash between; and in
 * backend the URL by itself, with a slash at its end, as ProxyPass and
 * ProxyHTMLURLMap expect it. */
static char *express_backend_url(request_rec *r, const hostmap_entry *entry,
                                 const char *rest, apr_size_t rest_len,
                                 const char **backend)
{
    static const char proxy[] = "proxy:";
    apr_size_t len = entry->url.len;
    apr_size_t base_len = len;
    char *url, *at;

    if (entry->path.len > 0 && entry->url.ptr[len - 1] == '/') {
        base_len--;
    }
    at = url = apr_palloc(r->pool, sizeof(proxy) + len + rest_len
                                   + base_len + 2);
    memcpy(at, proxy, sizeof(proxy) - 1);
    at += sizeof(proxy) - 1;
    if (*rest == '/') {
        len = base_len;
    }
    memcpy(at, entry->url.ptr, len);
    at += len;
    memcpy(at, rest, rest_len);
    at[rest_len] = '\0';
    at += rest_len + 1;
    *backend = at;
    memcpy(at, entry->url.ptr, base_len);
    at[base_len] = '/';
    at[base_len + 1] = '\0';
    return url;
}

/* Without this, mod_proxy would log that it has no handler for the scheme. */
static int express_lacks_balancer(request_rec *r, const hostmap_entry *entry,
                                  const char *url)
{
    static const char name[] = "balancer";
    proxy_server_conf *conf;

    if (entry->scheme.len != sizeof(name) - 1
        || ap_cstr_casecmpn(entry->scheme.ptr, name, sizeof(name) - 1)) {
        return 0;
    }
    conf = ap_get_module_config(r->server->module_config, &proxy_module);
    return ap_proxy_get_balancer(r->pool, conf, url, 0) == NULL;
}

static int express_refuse_balancer(request_rec *r, express_map *map,
                                   const hostmap_matched *found,
                                   const hostmap_entry *entry)
{
    hostmap_limit_more more;

    if (express_log_allowed(&more, map, EXPRESS_MESSAGE_BALANCER, found, r)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "SB0015: map %s: entry "
                      "%s: the configuration of this virtual host has no "
                      "<Proxy \"balancer://%.*s\">; answered with 500%s",
                      map->path, found->key, (int)entry->host.len,
                      entry->host.ptr, more.text);
    }
    return express_refuse(r, HTTP_INTERNAL_SERVER_ERROR,
                          PROXY_EXPRESS_BAD_ENTRY);
}

static int express_refuse_loop(request_rec *r, express_map *map,
                               const hostmap_matched *found, const char *how)
{
    hostmap_limit_more more;

    if (express_log_allowed(&more, map, EXPRESS_MESSAGE_LOOP, found, r)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "SB0005: map %s: entry "
                      "%s: loop: its backend sends requests back to this "
                      "server%s; answered with 508%s", map->path, found->key,
                      how, more.text);
    }
    return express_refuse(r, HTTP_LOOP_DETECTED, PROXY_EXPRESS_LOOP);
}

/* group: NULL, or any of its members serves, of which entry names one */
static int express_serve_backend(request_rec *r, express_map *map,
                                 const hostmap_matched *found,
                                 express_request *state,
                                 const proxy_pool_group *group)
{
    const hostmap_entry *entry = &state->entry;
    const char *prefix = state->key + found->host_len;
    apr_size_t taken = *prefix ? target_under(prefix, r->uri) : 0;
    int noquery = entry->flags & HOSTMAP_FLAG_NOQUERY;
    const char *raw = NULL;
    const char *rest, *backend;
    loop_memory_verdict verdict;
    char *url;
    int rc;

    if (express_loop_is(r)) {
        return express_refuse_loop(r, map, found, "");
    }
    verdict = express_loop_ask(r, map, found);
    if (verdict == LOOP_MEMORY_REFUSE) {
        return express_refuse_loop(r, map, found, " (remembered)");
    }
    if (entry->words.len > 0) {
        express_give_options(r, map, found, entry);
    }
    if (entry->flags & HOSTMAP_FLAG_NOCANON) {
        raw = express_raw_rest(r, prefix, taken);
    }
    rest = raw ? raw : r->uri + taken;
    url = express_backend_url(r, entry, rest,
                              noquery && raw ? strcspn(rest, "?")
                                             : strlen(rest), &backend);
    if (express_lacks_balancer(r, entry, url + strlen("proxy:"))) {
        return express_refuse_balancer(r, map, found, entry);
    }
    /* as ProxyPass does: a ws:// backend may accept upgrade requests only */
    rc = proxy_run_check_trans(r, url + strlen("proxy:"));
    if (rc != OK && rc != DECLINED) {
        return DECLINED;
    }
    if (group) {
        express_group_give(r, group);
    }
    express_set_env(r, EXPRESS_BACKEND_ENV, backend);
    r->filename = url;
    r->handler = "proxy-server";
    r->proxyreq = PROXYREQ_REVERSE;
    if (raw) {
        apr_table_setn(r->notes, "proxy-nocanon", "1");
    }
    if (noquery) {
        /* for the whole request: ProxyPass sets the note proxy-noquery
         * instead, which none of mod_proxy's modules reads */
        r->args = NULL;
    }
    state->outcome = PROXY_EXPRESS_MAPPED;
    state->grouped = group != NULL;
    state->probe = verdict == LOOP_MEMORY_PROBE;
    state->prefix = prefix;
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r,
                  "SB0006: entry %s: %s is served by %s", found->key, r->uri,
                  url + strlen("proxy:"));
    return OK;
}

/* ---- other values ------------------------------------------------------- */

static int express_refuse_bad(request_rec *r, express_map *map,
                              const hostmap_matched *found,
                              const hostmap_bad *bad)
{
    hostmap_limit_more more;

    if (express_log_allowed(&more, map, EXPRESS_MESSAGE_BAD, found, r)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "SB0002: map %s: entry "
                      "%s: %s at column %" APR_SIZE_T_FMT " of its value; "
                      "answered with 500%s",
                      map->path, found->key, bad->reason, bad->pos + 1,
                      more.text);
    }
    return express_refuse(r, HTTP_INTERNAL_SERVER_ERROR,
                          PROXY_EXPRESS_BAD_ENTRY);
}

static int express_answer_status(request_rec *r,
                                 const hostmap_matched *found, int status)
{
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r,
                  "SB0003: entry %s: %s is answered with %d", found->key,
                  r->uri, status);
    return express_refuse(r, status, PROXY_EXPRESS_ANSWERED);
}

static int express_redirect(request_rec *r, const hostmap_matched *found,
                            const hostmap_entry *entry, const char *prefix)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    int keep_slashes = core->allow_encoded_slashes
                       && !core->decode_encoded_slashes;
    apr_size_t taken = *prefix ? target_under(prefix, r->uri) : 0;

    apr_table_setn(r->headers_out, "Location",
                   target_redirect(entry->url, r->uri + taken, r->args,
                                   keep_slashes, r->pool));
    return express_answer_status(r, found, entry->status);
}

static int express_refuse_group(request_rec *r, express_map *map,
                                const hostmap_matched *found)
{
    hostmap_limit_more more;

    if (express_log_allowed(&more, map, EXPRESS_MESSAGE_BAD, found, r)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "SB0016: map %s: entry "
                      "%s: a group of backends needs mod_proxy_pool, which is "
                      "not loaded; answered with 500%s", map->path, found->key,
                      more.text);
    }
    return express_refuse(r, HTTP_INTERNAL_SERVER_ERROR,
                          PROXY_EXPRESS_BAD_ENTRY);
}

static int express_serve_group(request_rec *r, express_map *map,
                               const hostmap_matched *found,
                               express_request *state)
{
    const proxy_pool_group *group;
    hostmap_bad bad;
    apr_status_t rv = express_group_read(&group, &state->entry, r, found,
                                         &bad);

    if (rv == APR_ENOTIMPL) {
        return express_refuse_group(r, map, found);
    }
    if (rv != APR_SUCCESS) {
        return express_refuse_bad(r, map, found, &bad);
    }
    return express_serve_backend(r, map, found, state, group);
}

int express_value_apply(request_rec *r, express_map *map,
                        const hostmap_matched *found)
{
    const char *key = express_set_match(r, found);
    express_request *state = express_request_make(r);
    const hostmap_entry *entry = &state->entry;
    hostmap_bad bad;

    state->key = key;
    state->map = map;
    state->outcome = PROXY_EXPRESS_DECLINED;
    if (r->main) {
        apr_table_unset(r->subprocess_env, EXPRESS_BACKEND_ENV);
    }
    if (value_cache_parse(&express_values, &state->entry, found->value, &bad)
        != APR_SUCCESS) {
        return express_refuse_bad(r, map, found, &bad);
    }
    switch (entry->kind) {
    case HOSTMAP_ENTRY_PROXY:
        return express_serve_backend(r, map, found, state, NULL);
    case HOSTMAP_ENTRY_GROUP:
        return express_serve_group(r, map, found, state);
    case HOSTMAP_ENTRY_REDIRECT:
        return express_redirect(r, found, entry, key + found->host_len);
    case HOSTMAP_ENTRY_STATUS:
        return express_answer_status(r, found, entry->status);
    default:
        return DECLINED;
    }
}

void express_value_register(void)
{
    ap_hook_log_transaction(express_log, NULL, NULL, APR_HOOK_REALLY_FIRST);
}
