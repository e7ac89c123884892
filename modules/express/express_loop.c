/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Requests that come back.  This server's name in CDN-Loop is made here, added
 * to what goes to backends, looked for in what comes.
 *
 * A request in a loop holds a worker that waits and takes another that answers
 * 508, so while workers are short, what was seen to be a loop is refused
 * without going round.  What proves a loop is the answer, not the request: the
 * 508 for a request that came back says so in Proxy-Status (RFC 9209), and the
 * request that waits for it finds it there.  It knows which entry it is itself,
 * and no client can write into the answer of a backend, while many a backend
 * shows its clients the headers that it was sent.
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

#define STATUS_HEADER "Proxy-Status"
#define STATUS_REASON "; error=proxy_loop_detected"

/* Kept over restarts, so that a request on its way while we restart is still
 * known; and the same in all children, to which it may come back. */
typedef struct loop_kept {
    char id[sizeof("switchboard-") + 16];
    char status[sizeof("switchboard-") + 16 + sizeof(STATUS_REASON)];
    unsigned char secret[APR_SIPHASH_KSIZE];
    loop_memory *memory;        /* shared, made by the first parent */
} loop_kept;

static loop_kept *kept;

static apr_status_t make_kept(loop_kept *made, apr_pool_t *process)
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
    apr_snprintf(made->status, sizeof(made->status), "%s" STATUS_REASON,
                 made->id);
    made->memory = apr_shm_baseaddr_get(shared);
    memset(made->memory, 0, sizeof(*made->memory));
    return APR_SUCCESS;
}

apr_status_t express_loop_start(apr_pool_t *process)
{
    static const char key[] = "switchboard_loop";
    loop_kept made;
    apr_status_t rv;

    kept = ap_retained_data_get(key);
    if (!kept) {
        rv = make_kept(&made, process);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        kept = ap_retained_data_create(key, sizeof(*kept));
        *kept = made;
    }
    return APR_SUCCESS;
}

/* ---- a request that comes ---------------------------------------------- */

int express_loop_is(request_rec *r)
{
    if (!apr_table_get(r->headers_in, EXPRESS_LOOP_HEADER)
        || !hostmap_loop_count(apr_table_getm(r->pool, r->headers_in,
                                              EXPRESS_LOOP_HEADER),
                               kept->id)) {
        return 0;
    }
    apr_table_mergen(r->err_headers_out, STATUS_HEADER, kept->status);
    return 1;
}

/* What is remembered: an entry, of a wildcard or the default a host.  Who has
 * some of the hosts of such an entry's backend can say nothing of the others.
 * Keys of two maps are two entries.  Keyed: who has an entry of his own cannot
 * find a key that is taken for another's. */
static apr_uint64_t mark_of(request_rec *r, const express_map *map,
                            const char *key)
{
    apr_uint64_t mark = apr_siphash24(map->path, strlen(map->path),
                                      kept->secret);

    if (key[0] == '*') {
        const char *host = ap_get_server_name(r);

        mark = mark * 31 + apr_siphash24(host, strlen(host), kept->secret);
    }
    return mark * 31 + apr_siphash24(key, strlen(key), kept->secret);
}

/* Are more than half of MaxRequestWorkers busy?  As long as they are not, there
 * is one for each request that may come back. */
static int workers_are_short(void)
{
    int children, threads, slots, i, j;
    int workers, busy = 0;

    /* a child without threads has no number of them */
    if (ap_mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, &slots) != APR_SUCCESS
        || ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &children) != APR_SUCCESS
        || ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads) != APR_SUCCESS) {
        return 1;
    }
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

memory_verdict express_loop_ask(request_rec *r, const express_map *map,
                                const hostmap_matched *found)
{
    memory_verdict verdict;

    if (!memory_any(kept->memory, r->request_time)) {
        return MEMORY_SERVE;
    }
    verdict = memory_ask(kept->memory, mark_of(r, map, found->key),
                         apr_time_now());
    /* the error document of a 508 that is an entry's path must not be asked
     * for again and again */
    if (verdict == MEMORY_REFUSE && !r->prev && !workers_are_short()) {
        return MEMORY_PROBE;
    }
    return verdict;
}

/* ---- a request that goes, and its answer ------------------------------- */

/* mod_proxy's hook: headers_in is its own copy here, what goes to the
 * backend. */
static int express_proxy_fixups(request_rec *r)
{
    if (!express_request_mapped(r)) {
        return DECLINED;
    }
    apr_table_mergen(r->headers_in, EXPRESS_LOOP_HEADER, kept->id);
    return OK;
}

static void add_if_proved(request_rec *r, const express_request *state)
{
    const char *field = apr_table_getm(r->pool, r->headers_out, STATUS_HEADER);

    if (field && hostmap_loop_count(field, kept->id)) {
        memory_add(kept->memory, mark_of(r, state->map, state->key),
                   apr_time_now());
        /* it proves nothing of an entry whose backend has asked us and
         * passes our answer on */
        apr_table_unset(r->headers_out, STATUS_HEADER);
    }
}

void express_loop_answered(request_rec *r, const express_request *state)
{
    switch (r->status) {
    case HTTP_LOOP_DETECTED:
        add_if_proved(r, state);
        break;
    case HTTP_BAD_GATEWAY:
    case HTTP_SERVICE_UNAVAILABLE:
    case HTTP_GATEWAY_TIME_OUT:
        /* a proxy between us and the backend, or us */
        break;
    default:
        if (state->probe) {
            memory_free(kept->memory, mark_of(r, state->map, state->key));
        }
    }
}

/* mod_proxy's hook: with ProxyErrorOverride the answer that our filter sees is
 * not the backend's. */
static int express_request_status(int *status, request_rec *r)
{
    const express_request *state = express_request_mapped(r);

    if (!state || *status != HTTP_LOOP_DETECTED) {
        return DECLINED;
    }
    add_if_proved(r, state);
    return OK;
}

void express_loop_register(void)
{
    APR_OPTIONAL_HOOK(proxy, fixups, express_proxy_fixups, NULL, NULL,
                      APR_HOOK_MIDDLE);
    APR_OPTIONAL_HOOK(proxy, request_status, express_request_status, NULL,
                      NULL, APR_HOOK_MIDDLE);
}
