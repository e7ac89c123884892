/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which requests are looked up in the map at all.
 */

#include "express_route.h"

#include "http_config.h"
#include "mod_proxy.h"

#include "express_request.h"

/* httpd gives it the path "/", whose index mod_dir asks for with a GET. */
static int is_connect(const request_rec *r)
{
    return (r->main ? r->main : r)->method_number == M_CONNECT;
}

static int is_eligible(request_rec *r)
{
    /* Somebody has decided already: RewriteRule [P], a forward request, a
     * subrequest of a request that is mapped. */
    if (r->proxyreq
        || (r->filename && strncmp(r->filename, "proxy:", 6) == 0)) {
        return 0;
    }
    /* OPTIONS * and CONNECT speak to this server. */
    if (is_connect(r) || !r->uri || r->uri[0] != '/'
        || strcmp(r->unparsed_uri, "*") == 0) {
        return 0;
    }
    /* The ErrorDocument of what we refused is local, or it would be refused
     * in its turn. */
    return !r->prev || !express_was_refused(r->prev);
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

int express_route_wants(request_rec *r)
{
    return is_eligible(r) && !is_excluded(r);
}
