/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Requests that come back.  This server's name in CDN-Loop is created here,
 * added to requests for backends, looked for in requests that arrive.
 *
 * A request in a loop holds a worker that waits and takes another that answers
 * 508, so while workers are short, requests for an entry that was seen to be a
 * loop are refused without going round.  What proves a loop is the answer, not
 * the request: the 508 for a request that came back says so in Proxy-Status
 * (RFC 9209), and the request that waits for it reads it there.  That request
 * knows its own entry, and no client can write into the answer of a backend,
 * while many backends show their clients the headers that they received.
 */

#include "express_loop.h"

#include "apr_optional_hooks.h"
#include "apr_shm.h"
#include "apr_siphash.h"
#include "apr_strings.h"

#include "ap_mpm.h"
#include "http_config.h"
#include "http_core.h"
#include "mod_proxy.h"
#include "scoreboard.h"

#include "base/loop.h"

#define EXPRESS_STATUS_HEADER "Proxy-Status"
#define EXPRESS_STATUS_REASON "; error=proxy_loop_detected"

/* Kept over restarts, so that a request on its way during a restart is still
 * recognized; and equal in all children, to any of which it may come back. */
typedef struct express_loop_kept {
    char id[sizeof("switchboard-") + 16];
    char status[sizeof("switchboard-") + 16 + sizeof(EXPRESS_STATUS_REASON)];
    unsigned char secret[APR_SIPHASH_KSIZE];
    loop_memory *memory;        /* shared, created by the first parent */
} express_loop_kept;

static express_loop_kept *express_kept;

static apr_status_t express_kept_create(express_loop_kept *made,
                                        apr_pool_t *process)
{
    unsigned char random[8];
    apr_shm_t *shared;
    apr_status_t rv;
    char hex[2 * sizeof(random) + 1];

    rv = apr_generate_random_bytes(random, sizeof(random));
    if (rv == APR_SUCCESS) {
        rv = apr_generate_random_bytes(made->secret, sizeof(made->secret));
    }
    if (rv == APR_SUCCESS) {
        rv = apr_shm_create(&shared, sizeof(loop_memory), NULL, process);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    ap_bin2hex(random, sizeof(random), hex);
    apr_snprintf(made->id, sizeof(made->id), "switchboard-%s", hex);
    apr_snprintf(made->status, sizeof(made->status), "%s" EXPRESS_STATUS_REASON,
                 made->id);
    made->memory = apr_shm_baseaddr_get(shared);
    memset(made->memory, 0, sizeof(*made->memory));
    return APR_SUCCESS;
}

apr_status_t express_loop_start(apr_pool_t *process)
{
    static const char key[] = "switchboard_loop";
    express_loop_kept made;
    apr_status_t rv;

    express_kept = ap_retained_data_get(key);
    if (!express_kept) {
        rv = express_kept_create(&made, process);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        express_kept = ap_retained_data_create(key, sizeof(*express_kept));
        *express_kept = made;
    }
    return APR_SUCCESS;
}

/* ---- a request that arrives ------------------------------------------- */

int express_loop_is(request_rec *r)
{
    if (!apr_table_get(r->headers_in, EXPRESS_LOOP_HEADER)
        || !hostmap_loop_count(apr_table_getm(r->pool, r->headers_in,
                                              EXPRESS_LOOP_HEADER),
                               express_kept->id)) {
        return 0;
    }
    apr_table_mergen(r->err_headers_out, EXPRESS_STATUS_HEADER,
                     express_kept->status);
    return 1;
}

/* What is remembered is an entry; of a wildcard or the default it is one host,
 * because the owner of some of its hosts must not have the others refused.
 * Equal keys of two maps are two entries.  The hash is keyed: the owner of one
 * entry cannot find a key that collides with another's. */
static apr_uint64_t express_fingerprint(request_rec *r, const express_map *map,
                            const char *key)
{
    apr_uint64_t print = apr_siphash24(map->path, strlen(map->path),
                                      express_kept->secret);

    if (key[0] == '*') {
        const char *host = ap_get_server_name(r);

        print = print * 31 + apr_siphash24(host, strlen(host),
                                           express_kept->secret);
    }
    return print * 31 + apr_siphash24(key, strlen(key), express_kept->secret);
}

/* Are more than half of MaxRequestWorkers busy?  While they are not, there is
 * an idle one for each request that may come back. */
static int express_workers_short(void)
{
    int children, threads, slots, i, j;
    int workers, busy = 0;

    if (ap_mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, &slots) != APR_SUCCESS
        || ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &children) != APR_SUCCESS
        || ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads) != APR_SUCCESS) {
        return 1;
    }
    /* prefork reports 0 threads */
    threads = threads > 0 ? threads : 1;
    workers = children * threads;
    for (i = 0; i < slots; i++) {
        for (j = 0; j < threads; j++) {
            worker_score *worker = ap_get_scoreboard_worker_from_indexes(i, j);

            busy += worker && worker->status >= SERVER_BUSY_READ
                    && worker->status <= SERVER_GRACEFUL;
        }
    }
    return 2 * busy > workers;
}

loop_memory_verdict express_loop_ask(request_rec *r, const express_map *map,
                                     const hostmap_matched *found)
{
    loop_memory_verdict verdict;

    if (!loop_memory_any(express_kept->memory, r->request_time)) {
        return LOOP_MEMORY_SERVE;
    }
    verdict = loop_memory_ask(express_kept->memory,
                              express_fingerprint(r, map, found->key),
                              apr_time_now());
    /* not for an internal redirect: if the ErrorDocument of 508 is a path of
     * the entry, it would be requested again and again */
    if (verdict == LOOP_MEMORY_REFUSE && !r->prev && !express_workers_short()) {
        return LOOP_MEMORY_PROBE;
    }
    return verdict;
}

/* ---- a request to a backend, and its answer ---------------------------- */

/* mod_proxy's hook: headers_in is mod_proxy's copy here, which goes to the
 * backend. */
static int express_proxy_fixups(request_rec *r)
{
    if (!express_request_mapped(r)) {
        return DECLINED;
    }
    apr_table_mergen(r->headers_in, EXPRESS_LOOP_HEADER, express_kept->id);
    return OK;
}

static void express_add_if_proved(request_rec *r, const express_request *state)
{
    const char *field = apr_table_getm(r->pool, r->headers_out,
                                       EXPRESS_STATUS_HEADER);

    if (field && hostmap_loop_count(field, express_kept->id)) {
        loop_memory_add(express_kept->memory,
                        express_fingerprint(r, state->map, state->key),
                        apr_time_now());
        /* not passed on: it would prove nothing about the entry of a request
         * whose backend asked this server and forwards its answer */
        apr_table_unset(r->headers_out, EXPRESS_STATUS_HEADER);
    }
}

void express_loop_answered(request_rec *r, const express_request *state)
{
    switch (r->status) {
    case HTTP_LOOP_DETECTED:
        express_add_if_proved(r, state);
        break;
    case HTTP_BAD_GATEWAY:
    case HTTP_SERVICE_UNAVAILABLE:
    case HTTP_GATEWAY_TIME_OUT:
        /* from a proxy between this server and the backend, or this server */
        break;
    default:
        if (state->probe) {
            loop_memory_free(express_kept->memory,
                             express_fingerprint(r, state->map, state->key));
        }
    }
}

/* mod_proxy's hook: with ProxyErrorOverride the answer that the output filter
 * sees is not the backend's. */
static int express_request_status(int *status, request_rec *r)
{
    const express_request *state = express_request_mapped(r);

    if (!state || *status != HTTP_LOOP_DETECTED) {
        return DECLINED;
    }
    express_add_if_proved(r, state);
    return OK;
}

void express_loop_register(void)
{
    APR_OPTIONAL_HOOK(proxy, fixups, express_proxy_fixups, NULL, NULL,
                      APR_HOOK_MIDDLE);
    APR_OPTIONAL_HOOK(proxy, request_status, express_request_status, NULL,
                      NULL, APR_HOOK_MIDDLE);
}
