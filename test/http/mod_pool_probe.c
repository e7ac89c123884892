/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What other modules can know of mod_proxy_pool, shown to the tests: the
 * worker that serves a request (header X-Worker), the bytes that mod_proxy
 * reads of a body at once (X-Pieces), how it was served (note
 * "probe"), and the counts of the child (handler "pool-counts").
 */

#include "apr_strings.h"
#include "httpd.h"
#include "http_config.h"
#include "http_protocol.h"
#include "mod_proxy.h"

#include "mod_proxy_pool.h"

module AP_MODULE_DECLARE_DATA pool_probe_module;

static APR_OPTIONAL_FN_TYPE(proxy_pool_served) *served;
static APR_OPTIONAL_FN_TYPE(proxy_pool_count) *count;

static const char *worker_text(apr_pool_t *p, const proxy_worker_shared *s)
{
    const char *text = "";

#define SHOW(field) \
    text = apr_psprintf(p, "%s " #field "=%" APR_INT64_T_FMT, text, \
                        (apr_int64_t)s->field)
    SHOW(acquire);
    SHOW(acquire_set);
#if AP_MODULE_MAGIC_AT_LEAST(20120211, 130)
    SHOW(address_ttl);
    SHOW(address_ttl_set);
#endif
    SHOW(conn_timeout);
    SHOW(conn_timeout_set);
    SHOW(disablereuse);
    SHOW(disablereuse_set);
    SHOW(flush_packets);
    SHOW(flush_wait);
    SHOW(hmax);
    SHOW(io_buffer_size);
    SHOW(io_buffer_size_set);
    SHOW(is_address_reusable);
    SHOW(keepalive);
    SHOW(keepalive_set);
    SHOW(min);
    SHOW(ping_timeout);
    SHOW(ping_timeout_set);
    SHOW(recv_buffer_size);
    SHOW(recv_buffer_size_set);
    SHOW(response_field_size);
    SHOW(response_field_size_set);
    SHOW(smax);
    SHOW(timeout);
    SHOW(timeout_set);
    SHOW(ttl);
#undef SHOW
    return apr_psprintf(p, "%s secret=%s upgrade=%s", text + 1, s->secret,
                        s->upgrade);
}

static int probe_scheme_handler(request_rec *r, proxy_worker *worker,
                                proxy_server_conf *conf, char *url,
                                const char *proxyname, apr_port_t proxyport)
{
    (void)url;
    (void)proxyname;
    (void)proxyport;
    apr_table_setn(r->err_headers_out, "X-Worker",
                   worker_text(r->pool, worker->s));
    apr_table_setn(r->err_headers_out, "X-Pieces",
                   apr_psprintf(r->pool, "%" APR_SIZE_T_FMT,
                                conf->io_buffer_size));
    return DECLINED;
}

static int probe_log(request_rec *r)
{
    const char *name;
    int resent;
    proxy_pool_use use = served(r, &name, &resent);

    apr_table_setn(r->notes, "probe", apr_psprintf(
        r->pool, "%d,%s,%d", use, name ? name : "-", resent));
    return DECLINED;
}

static int probe_handler(request_rec *r)
{
    proxy_pool_counts now;

    if (strcmp(r->handler, "pool-counts") != 0) {
        return DECLINED;
    }
    count(&now);
    ap_rprintf(r, "{\"pools\": %u, \"in_use\": %u, \"made\": %"
               APR_UINT64_T_FMT ", \"evicted\": %" APR_UINT64_T_FMT
               ", \"retired\": %" APR_UINT64_T_FMT ", \"refused\": %"
               APR_UINT64_T_FMT ", \"resent\": %" APR_UINT64_T_FMT "}",
               now.pools, now.in_use, now.made, now.evicted, now.retired,
               now.refused, now.resent);
    return OK;
}

static int probe_post_config(apr_pool_t *p, apr_pool_t *plog,
                             apr_pool_t *ptemp, server_rec *s)
{
    (void)p;
    (void)plog;
    (void)ptemp;
    (void)s;
    served = APR_RETRIEVE_OPTIONAL_FN(proxy_pool_served);
    count = APR_RETRIEVE_OPTIONAL_FN(proxy_pool_count);
    return served && count ? OK : HTTP_INTERNAL_SERVER_ERROR;
}

static void probe_register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_post_config(probe_post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(probe_handler, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_log_transaction(probe_log, NULL, NULL, APR_HOOK_FIRST);
    /* before the schemes' own, the first of which ends the hook */
    proxy_hook_scheme_handler(probe_scheme_handler, NULL, NULL,
                              APR_HOOK_REALLY_FIRST);
}

AP_DECLARE_MODULE(pool_probe) = {
    STANDARD20_MODULE_STUFF,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    probe_register_hooks
};
