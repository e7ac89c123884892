/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A mod_proxy worker that no directive names.
 *
 * It is in none of mod_proxy's arrays: only this module hands it out.  Its
 * connections live in a pool of mod_proxy's below the item's, so destroying
 * that pool closes them.
 */

#include "pool_worker.h"

#include "base/limit.h"

#include "apr_reslist.h"
#include "apr_strings.h"
#include "http_log.h"

extern module AP_MODULE_DECLARE_DATA proxy_pool_module;
APLOG_USE_MODULE(proxy_pool);

/* Common servers close an idle connection after five seconds. */
#define POOL_TTL_DEFAULT apr_time_from_sec(4)
/* A backend's name is resolved again after this number of seconds. */
#define POOL_ADDRESS_TTL_DEFAULT 60

/* Copy an option that is given to its field of the worker; most fields have a
 * second one, which says that they are set. */
#define APPLY(name, field, value) \
    do { \
        if (pool_options_get(options, name, &number, &text)) { \
            s->field = value; \
        } \
    } while (0)
#define APPLY_SET(name, field, value) \
    do { \
        APPLY(name, field, value); \
        APPLY(name, field##_set, 1); \
    } while (0)

/* retry is missing on purpose: mod_proxy takes only members of balancers out of
 * service after an error, never a worker of its own
 * (PROXY_WORKER_IGNORE_ERRORS). */
static void pool_options_apply(proxy_worker_shared *s,
                               const pool_options *options,
                               apr_pool_t *pool)
{
    apr_int64_t number;
    hostmap_str text;

    APPLY_SET("acquire", acquire, number);
#if AP_MODULE_MAGIC_AT_LEAST(20120211, 130)
    APPLY_SET("addressttl", address_ttl,
              number == -1 ? -1 : (apr_int32_t)apr_time_sec(number));
#endif
    APPLY_SET("connectiontimeout", conn_timeout, number);
    APPLY_SET("disablereuse", disablereuse, number != 0);
    APPLY("flushpackets", flush_packets,
          number == 2 ? flush_auto : number ? flush_on : flush_off);
    APPLY("flushwait", flush_wait, number ? (int)number : PROXY_FLUSH_WAIT);
    APPLY_SET("iobuffersize", io_buffer_size,
              number ? (apr_size_t)number : AP_IOBUFSIZE);
    APPLY_SET("keepalive", keepalive, number != 0);
    APPLY("max", hmax, (int)number);
    APPLY("min", min, (int)number);
    APPLY_SET("ping", ping_timeout, number);
    APPLY_SET("receivebuffersize", recv_buffer_size, (apr_size_t)number);
    APPLY_SET("responsefieldsize", response_field_size,
              number ? (apr_size_t)number : HUGE_STRING_LEN);
    APPLY("smax", smax, (int)number);
    APPLY_SET("timeout", timeout, number);
    APPLY("ttl", ttl, number);
    if (pool_options_get(options, "secret", &number, &text)) {
        apr_cpystrn(s->secret, apr_pstrmemdup(pool, text.ptr, text.len),
                    sizeof(s->secret));
    }
    if (pool_options_get(options, "upgrade", &number, &text)) {
        const char *protocol = apr_pstrmemdup(pool, text.ptr, text.len);

        apr_cpystrn(s->upgrade,
                    ap_cstr_casecmp(protocol, "any") ? protocol : "*",
                    sizeof(s->upgrade));
    }
}

/* Limited: a RewriteRule may take the host from the client, who could fill the
 * log. */
static void pool_log_refused(const pool_worker_spec *spec, const char *wrong)
{
    static hostmap_limit_table limits;
    hostmap_limit_more more;

    if (hostmap_limit_table_pass(&limits, &more, hostmap_str_text(spec->url),
                                 apr_time_now())) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, spec->server, "SB0101: pool "
                     "%s: %s%s", spec->url, wrong, more.text);
    }
}

static apr_status_t pool_worker_create(void **value, const char *key,
                                       void *arg, apr_pool_t *pool)
{
    const pool_worker_spec *spec = arg;
    pool_backend *backend = apr_pcalloc(pool, sizeof(*backend));
    const proxy_server_conf *conf;
    proxy_worker_shared *s;
    const char *wrong;
    apr_status_t rv;

    /* the key, which may hold a secret, is not for the log */
    (void)key;
    wrong = ap_proxy_define_worker(pool, &backend->worker, NULL, NULL,
                                   spec->url, 0);
    if (wrong) {
        pool_log_refused(spec, wrong);
        return APR_EINVAL;
    }
    s = backend->worker->s;
    /* ProxyTimeout, ProxyReceiveBufferSize, ProxyIOBufferSize */
    conf = ap_get_module_config(spec->server->module_config, &proxy_module);
    PROXY_COPY_CONF_PARAMS(backend->worker, conf);
    if (!conf->io_buffer_size_set) {
        /* not pool_conf_enlarge()'s: as a worker of the configuration */
        s->io_buffer_size = AP_IOBUFSIZE;
    }
    s->ttl = POOL_TTL_DEFAULT;
    /* idle connections above smax are closed after ttl: all of them */
    s->smax = 0;
#if AP_MODULE_MAGIC_AT_LEAST(20120211, 130)
    s->address_ttl = POOL_ADDRESS_TTL_DEFAULT;
    s->address_ttl_set = 1;
#endif
    pool_options_apply(s, spec->options, pool);
    if (spec->ttl_max && s->ttl > spec->ttl_max) {
        s->ttl = spec->ttl_max;
    }
    backend->ttl = s->ttl;
    rv = ap_proxy_initialize_worker(backend->worker, spec->server, pool);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, spec->server,
                     "SB0102: pool %s: cannot create a worker: this request "
                     "gets a connection of its own", spec->url);
        return rv;
    }
    *value = backend;
    return APR_SUCCESS;
}

/* Closes connections that have been idle for longer than ttl. */
static void pool_worker_sweep(void *value)
{
    pool_backend *backend = value;

    if (backend->worker->cp->res) {
        apr_reslist_maintain(backend->worker->cp->res);
    }
}

/* A prefork child has one connection and no reslist, which would look at its
 * age: there the pool is destroyed with the connection. */
static apr_interval_time_t pool_worker_unused_max(const void *value)
{
    const pool_backend *backend = value;

    return backend->worker->cp->res ? 0 : backend->ttl;
}

const pool_ops pool_worker_ops = {
    pool_worker_create,
    NULL,
    pool_worker_sweep,
    pool_worker_unused_max
};
