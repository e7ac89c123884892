/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A mod_proxy worker that no directive names.
 *
 * It is in none of mod_proxy's arrays: only we hand it out.  Its connections
 * live in a pool of mod_proxy's below the item's, so that destroying that one
 * closes them.
 */

#include "pool_worker.h"

#include "base/limit.h"

#include "apr_reslist.h"
#include "apr_strings.h"
#include "http_log.h"

extern module AP_MODULE_DECLARE_DATA proxy_pool_module;
APLOG_USE_MODULE(proxy_pool);

/* Common servers close an idle connection after five seconds. */
#define TTL_DEFAULT apr_time_from_sec(4)
/* A backend's name is resolved again after so many seconds. */
#define ADDRESS_TTL_DEFAULT 60

/* If an option is given, to a field of the worker; most have a bit that says
 * that they are set. */
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

/* retry is not here: mod_proxy never takes a worker of its own out of service
 * for an error (PROXY_WORKER_IGNORE_ERRORS), only members of balancers. */
static void options_apply(proxy_worker_shared *s, const pool_options *options,
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

/* A RewriteRule may take the host from the client, who could fill the log. */
static void say_wrong(const pool_worker_want *want, const char *wrong)
{
    static hostmap_limit said;
    apr_uint32_t held;

    if (hostmap_limit_pass(&said, apr_time_now(), &held)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, want->server, "SB0101: pool "
                     "%s: %s (%u more since the last time)", want->url, wrong,
                     held);
    }
}

static apr_status_t worker_make(void **thing, const char *key, void *arg,
                                apr_pool_t *pool)
{
    const pool_worker_want *want = arg;
    pool_worker *made = apr_pcalloc(pool, sizeof(*made));
    const proxy_server_conf *conf;
    proxy_worker_shared *s;
    const char *wrong;
    apr_status_t rv;

    /* the key, which may hold a secret, is not for the log */
    (void)key;
    wrong = ap_proxy_define_worker(pool, &made->worker, NULL, NULL, want->url,
                                   0);
    if (wrong) {
        say_wrong(want, wrong);
        return APR_EINVAL;
    }
    s = made->worker->s;
    /* ProxyTimeout, ProxyReceiveBufferSize, ProxyIOBufferSize */
    conf = ap_get_module_config(want->server->module_config, &proxy_module);
    PROXY_COPY_CONF_PARAMS(made->worker, conf);
    s->ttl = TTL_DEFAULT;
    /* idle connections above smax are closed after ttl: all of them */
    s->smax = 0;
#if AP_MODULE_MAGIC_AT_LEAST(20120211, 130)
    s->address_ttl = ADDRESS_TTL_DEFAULT;
    s->address_ttl_set = 1;
#endif
    options_apply(s, want->options, pool);
    if (want->ttl_max && s->ttl > want->ttl_max) {
        s->ttl = want->ttl_max;
    }
    made->ttl = s->ttl;
    rv = ap_proxy_initialize_worker(made->worker, want->server, pool);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, want->server,
                     "SB0102: pool %s: cannot make a worker", want->url);
        return rv;
    }
    *thing = made;
    return APR_SUCCESS;
}

/* Closes what is idle for longer than ttl. */
static void worker_sweep(void *thing)
{
    pool_worker *made = thing;

    if (made->worker->cp->res) {
        apr_reslist_maintain(made->worker->cp->res);
    }
}

/* A prefork child has one connection, and no list of them that looks at their
 * age: there the pool goes with the connection. */
static apr_interval_time_t worker_unused_max(const void *thing)
{
    const pool_worker *made = thing;

    return made->worker->cp->res ? 0 : made->ttl;
}

const pool_ops pool_worker_ops = {
    worker_make,
    NULL,
    worker_sweep,
    worker_unused_max
};
