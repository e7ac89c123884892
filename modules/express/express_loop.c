/* SPDX-License-Identifier: Apache-2.0 */

/*
 * This server's name in CDN-Loop: made, added to what goes to backends, looked
 * for in what comes.
 */

#include "express_loop.h"

#include "apr_optional_hooks.h"
#include "apr_strings.h"

#include "http_config.h"
#include "mod_proxy.h"

#include "express_request.h"
#include "loop_core.h"

static const char *loop_id;

/* Kept over restarts, so that a request on its way while we restart is still
 * known; and in all children, to which it may come back. */
apr_status_t express_loop_start(void)
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

int express_loop_is(request_rec *r)
{
    return apr_table_get(r->headers_in, EXPRESS_LOOP_HEADER)
           && loop_field_has(apr_table_getm(r->pool, r->headers_in,
                                            EXPRESS_LOOP_HEADER), loop_id);
}

/* mod_proxy's hook: headers_in is its own copy here, what goes to the
 * backend. */
static int express_proxy_fixups(request_rec *r)
{
    if (!express_request_mapped(r)) {
        return DECLINED;
    }
    apr_table_mergen(r->headers_in, EXPRESS_LOOP_HEADER, loop_id);
    return OK;
}

void express_loop_register(void)
{
    APR_OPTIONAL_HOOK(proxy, fixups, express_proxy_fixups, NULL, NULL,
                      APR_HOOK_MIDDLE);
}
