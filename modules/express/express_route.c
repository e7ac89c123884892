/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which requests are looked up in the map at all.
 */

#include "express_route.h"

#include "http_config.h"
#include "mod_proxy.h"

#include "express_request.h"

/* httpd gives a CONNECT the path "/", and mod_dir looks its index up with a GET
 * subrequest. */
static int express_is_connect(const request_rec *r)
{
    return (r->main ? r->main : r)->method_number == M_CONNECT;
}

static int express_is_eligible(request_rec *r)
{
    /* It is decided already: RewriteRule [P], a forward request, a subrequest
     * of a mapped request. */
    if (r->proxyreq
        || (r->filename && strncmp(r->filename, "proxy:", 6) == 0)) {
        return 0;
    }
    /* OPTIONS * and CONNECT are addressed to this server. */
    if (express_is_connect(r) || !r->uri || r->uri[0] != '/'
        || strcmp(r->unparsed_uri, "*") == 0) {
        return 0;
    }
    /* The ErrorDocument of a request that this module refused is local: looked
     * up, it would be refused too. */
    return !r->prev || !express_was_refused(r->prev);
}

static int express_alias_excludes(request_rec *r, struct proxy_alias *alias,
                          proxy_dir_conf *dconf)
{
    return alias->real && strcmp(alias->real, "!") == 0
           && ap_proxy_trans_match(r, alias, dconf) == DECLINED;
}

/* `ProxyPass /x !`: mod_proxy has declined such a request and tells no module
 * why, so its aliases are matched again.  A ProxyPass that names a backend has
 * taken the request before this hook. */
static int express_is_excluded(request_rec *r)
{
    proxy_server_conf *sconf;
    proxy_dir_conf *dconf;
    struct proxy_alias *aliases;
    int i;

    if (apr_table_get(r->subprocess_env, "no-proxy")) {
        return 1;
    }
    dconf = ap_get_module_config(r->per_dir_config, &proxy_module);
    if (dconf->alias && express_alias_excludes(r, dconf->alias, dconf)) {
        return 1;
    }
    sconf = ap_get_module_config(r->server->module_config, &proxy_module);
    aliases = (struct proxy_alias *)sconf->aliases->elts;
    for (i = 0; i < sconf->aliases->nelts; i++) {
        if (express_alias_excludes(r, &aliases[i], dconf)) {
            return 1;
        }
    }
    return 0;
}

int express_route_wants(request_rec *r)
{
    return express_is_eligible(r) && !express_is_excluded(r);
}
