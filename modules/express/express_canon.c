/* SPDX-License-Identifier: Apache-2.0 */

/*
 * mod_proxy parses the URL of each request, encodes it and puts it together
 * again before it is sent.  Where a mapped request's URL would not change, that
 * is left out, which saves as many instructions as the look-up costs.
 */

#include "base/option.h"
#include "express_canon.h"

#include "apr_strings.h"

#include "httpd.h"
#include "mod_proxy.h"

#include "express_request.h"
#include "target_core.h"

/* mod_proxy's hook, before those of the schemes, which do all URLs that are not
 * plain, and queries with bytes that a request line cannot hold. */
static int express_canon(request_rec *r, char *url)
{
    const express_request *state = express_request_mapped(r);

    if (!state || (state->entry.flags & HOSTMAP_FLAG_NOCANON)
        || r->proxyreq != PROXYREQ_REVERSE || !target_is_canonical(url)
        || (r->args && *ap_scan_vchar_obstext(r->args))) {
        return DECLINED;
    }
    if (r->args) {
        r->filename = apr_pstrcat(r->pool, "proxy:", url, "?", r->args, NULL);
    }
    return OK;
}

void express_canon_register(void)
{
    static const char *const schemes[] = { "mod_proxy_http.c", NULL };

    proxy_hook_canon_handler(express_canon, NULL, schemes, APR_HOOK_FIRST);
}
