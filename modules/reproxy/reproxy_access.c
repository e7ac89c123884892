/* SPDX-License-Identifier: Apache-2.0 */

/*
 * May a URL be asked?  ReproxyAllow on the parsed URL, then the <Proxy>
 * sections that match it, as if the request had come for it: mod_proxy merges
 * them in map_to_storage, and the access checkers read the result.
 *
 * Sections match a name in one spelling: scheme and host in lower case, no
 * port that is the scheme's, escapes of the path decoded, its dot segments and
 * empty ones taken out, no query.  So no other spelling gets past a section
 * that denies, and no signature gets into the log.
 */

#include "reproxy.h"

#include "apr_strings.h"

#include "http_core.h"
#include "http_log.h"
#include "http_request.h"

#include "reproxy_allow_core.h"

APLOG_USE_MODULE(reproxy);

static int access_is_allowed(const reproxy_conf *conf, const reproxy_url *url)
{
    const apr_array_header_t *rules = conf->allow;
    int i;

    if (!rules) {
        return 1;
    }
    for (i = 0; i < rules->nelts; i++) {
        if (reproxy_allow_match(&APR_ARRAY_IDX(rules, i, reproxy_allow),
                                url)) {
            return 1;
        }
    }
    return 0;
}

/* NULL: a NUL is escaped in it. */
static char *access_section_name(apr_pool_t *pool, const reproxy_url *url)
{
    char origin[REPROXY_ORIGIN_MAX];
    apr_size_t len = 0;
    char *path;

    reproxy_url_origin(origin, url);
    while (len < url->path.len && url->path.ptr[len] != '?') {
        len++;
    }
    path = len > 0 ? apr_pstrmemdup(pool, url->path.ptr, len)
                   : apr_pstrdup(pool, "/");
    /* what is no escape stays as it is */
    if (ap_unescape_all(path) == HTTP_NOT_FOUND) {
        return NULL;
    }
    ap_getparents(path);
    ap_no2slash(path);
    return apr_pstrcat(pool, "proxy:", origin, path, NULL);
}

/* Does the merged configuration let this client through? */
static int access_is_granted(request_rec *r)
{
    int rc = ap_run_access_checker(r);

    if (rc != OK && rc != DECLINED) {
        return 0;
    }
    rc = ap_run_access_checker_ex(r);
    if (rc == DECLINED) {
        /* a user is required: the one of the app's section, or none */
        rc = r->user ? ap_run_auth_checker(r) : HTTP_FORBIDDEN;
    }
    return rc == OK;
}

static int access_sections_grant(reproxy_request *state, const reproxy_url *url)
{
    request_rec *r = state->r;
    const proxy_server_conf *conf =
        ap_get_module_config(r->server->module_config, &proxy_module);

    if (conf->sec_proxy->nelts == 0) {
        return 1;
    }
    r->filename = access_section_name(r->pool, url);
    if (!r->filename || ap_run_map_to_storage(r) != OK) {
        return 0;
    }
    return access_is_granted(r);
}

reproxy_result reproxy_access_check(reproxy_request *state,
                                    const reproxy_url *url)
{
    if (!access_is_allowed(state->conf, url)) {
        return REPROXY_DENIED;
    }
    return access_sections_grant(state, url) ? REPROXY_OK : REPROXY_DENIED;
}
