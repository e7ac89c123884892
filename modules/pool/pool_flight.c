/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Backends as all children see them: base/slots.h's block, in which this child
 * has a row.
 */

#include "pool_flight.h"

#include <unistd.h>

#include "ap_mpm.h"
#include "http_config.h"
#include "http_log.h"
#include "http_protocol.h"
#include "mod_proxy.h"
#include "mpm_common.h"
#include "util_filter.h"

#include "base/limit.h"
#include "base/slots_share.h"
#include "pool_attempt.h"
#include "pool_health_core.h"

extern module AP_MODULE_DECLARE_DATA proxy_pool_module;
APLOG_USE_MODULE(proxy_pool);

/* block.block is NULL when there is none. */
static slots pool_slots;
static unsigned pool_row;
/* Of this child. */
static pool_silence pool_silent;

static hostmap_limit_table pool_silent_logged;

#define POOL_FIRST_FILTER "PROXY_POOL_FIRST"

static ap_filter_rec_t *pool_first_filter_handle;

/* ---- start ------------------------------------------------------------- */

apr_status_t pool_flight_start(server_rec *main_server)
{
    apr_status_t rv;
    int children;

    rv = ap_mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, &children);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = slots_share(&pool_slots, main_server->process->pool, SLOTS_MEMORY,
                     children > 0 ? (unsigned)children : 1);
    if (rv == APR_SUCCESS) {
        /* until a module that reads the counters says so */
        atomic_set32(&pool_slots.block->counting, 0);
    }
    return rv;
}

void pool_flight_child_start(void)
{
    if (pool_slots.block) {
        pool_row = slots_row_take(&pool_slots, (apr_uint32_t)getpid());
    }
}

/* In the parent.  A child that was killed has given nothing back. */
static void pool_child_status(server_rec *s, pid_t pid, ap_generation_t gen,
                              int slot, mpm_child_status status)
{
    (void)s;
    (void)gen;
    (void)slot;
    if (status == MPM_CHILD_EXITED && pool_slots.block) {
        slots_row_clear(&pool_slots, (apr_uint32_t)pid);
    }
}

/* Once, before the response's first byte or its header. */
static apr_status_t pool_first_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    pool_flight *flight = f->ctx;

    ap_remove_output_filter(f);
    if (!flight->first_byte) {
        pool_flight_answered(flight);
    }
    return ap_pass_brigade(f->next, bb);
}

void pool_flight_register(void)
{
    pool_first_filter_handle =
        ap_register_output_filter(POOL_FIRST_FILTER, pool_first_filter, NULL,
                                  (ap_filter_type)(AP_FTYPE_RESOURCE - 4));
    ap_hook_child_status(pool_child_status, NULL, NULL, APR_HOOK_MIDDLE);
}

/* ---- a request --------------------------------------------------------- */

void pool_flight_member(pool_member *member, const char *name, int may_probe,
                        apr_time_t now)
{
    unsigned slot;
    slots_flight flight;

    member->state = POOL_MEMBER_UP;
    member->share = POOL_SHARE_FULL;
    member->in_flight = 0;
    if (!pool_slots.block) {
        return;
    }
    slot = slots_backend_find(&pool_slots, hostmap_str_text(name));
    if (slot != SLOTS_OTHER(&pool_slots)) {
        pool_health_see(member, &pool_slots.backends[slot].health, may_probe,
                        now);
        slots_flight_sum(&pool_slots, slot, &flight);
        member->in_flight = flight.in_flight;
    }
}

int pool_flight_claim(const char *name, apr_time_t now)
{
    unsigned slot;

    if (!pool_slots.block) {
        return 1;
    }
    slot = slots_backend_find(&pool_slots, hostmap_str_text(name));
    return slot == SLOTS_OTHER(&pool_slots)
           || pool_health_claim(&pool_slots.backends[slot].health, now);
}

/* A backend that does not answer must not take all workers: the client is told
 * to come again. */
static void pool_refuse(pool_flight *flight, request_rec *r, const char *name)
{
    hostmap_limit_more more;

    slots_backend_count_one(&pool_slots, flight->backend,
                            SLOTS_BACKEND_LIMITED);
    slots_backend_release(&pool_slots, flight->backend, pool_row, 1);
    pool_health_release(&pool_slots.backends[flight->backend].health);
    flight->failure = SLOTS_BACKEND_LIMITED;
    if (hostmap_limit_table_pass(&pool_silent_logged, &more,
                                 hostmap_str_text(name), r->request_time)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "SB0107: backend %s does "
                      "not answer, and as many requests wait for it as "
                      "ProxyPoolMaxWaiting allows: answered 503%s", name,
                      more.text);
    }
    apr_table_setn(r->err_headers_out, "Retry-After", "1");
}

int pool_flight_begin(pool_flight *flight, request_rec *r,
                      const pool_route *route, const pool_limits *limits)
{
    if (!pool_slots.block) {
        return 1;
    }
    flight->began = apr_time_now();
    flight->first_byte = 0;
    flight->failure = 0;
    flight->attempts++;
    flight->backend = slots_backend_hold(&pool_slots, route->ref,
                                         hostmap_str_of(route->name,
                                                        strlen(route->name)),
                                         pool_row, flight->began);
    if (pool_limit_admits(&pool_slots, &pool_silent, flight->backend, limits,
                          flight->began)) {
        return 1;
    }
    pool_refuse(flight, r, route->name);
    return 0;
}

void pool_flight_watch(pool_flight *flight, request_rec *r)
{
    if (pool_slots.block) {
        ap_add_output_filter_handle(pool_first_filter_handle, flight, r,
                                    r->connection);
    }
}

void pool_flight_answered(pool_flight *flight)
{
    if (!pool_slots.block) {
        return;
    }
    flight->first_byte = apr_time_now();
    slots_backend_answered(&pool_slots, flight->backend, pool_row);
    atomic_set64(&pool_slots.backends[flight->backend].health.answered,
                 flight->first_byte);
}

/* With ProxyErrorOverride an error that the backend answered with is what the
 * handler returns. */
static int pool_is_overridden(request_rec *r)
{
    const proxy_dir_conf *dconf = ap_get_module_config(r->per_dir_config,
                                                       &proxy_module);

    return dconf->error_override != 0;
}

/* 0: the backend did not fail. */
static slots_backend_count pool_failure_of(request_rec *r, int rc,
                                           const pool_attempt *attempt,
                                           int watched, int connect_timed_out)
{
    if (rc == OK || rc == DONE || rc == SUSPENDED) {
        return 0;
    }
    if (watched && attempt->answered && pool_is_overridden(r)) {
        return 0;
    }
    if (rc == HTTP_GATEWAY_TIME_OUT || apr_table_get(r->notes,
                                                     "proxy_timedout")) {
        return SLOTS_BACKEND_TIMEOUT;
    }
    if (rc == HTTP_SERVICE_UNAVAILABLE) {
        return connect_timed_out ? SLOTS_BACKEND_TIMEOUT
                                 : SLOTS_BACKEND_REFUSED;
    }
    if (rc == HTTP_BAD_GATEWAY) {
        return !watched || attempt->answered ? SLOTS_BACKEND_BAD
               : attempt->connected ? SLOTS_BACKEND_RESET
               : SLOTS_BACKEND_REFUSED;
    }
    /* the client's fault (400, 413), or ours */
    return 0;
}

static void pool_count_class(slots_backend *slot, request_rec *r, int rc)
{
    int status = rc == OK || rc == DONE || rc == SUSPENDED ? r->status : rc;

    if (status >= 100 && status < 600) {
        atomic_add64(&slot->counts[SLOTS_BACKEND_1XX + status / 100 - 1], 1);
    }
}

static void pool_count_connection(slots_backend *slot,
                                  const pool_attempt *attempt)
{
    if (attempt->opened) {
        atomic_add64(&slot->counts[SLOTS_BACKEND_NEW], 1);
    }
    else if (attempt->connected) {
        atomic_add64(&slot->counts[SLOTS_BACKEND_REUSED], 1);
    }
    if (attempt->resent) {
        atomic_add64(&slot->counts[SLOTS_BACKEND_RESENT], 1);
    }
}

static void pool_count_first_byte(slots_backend *slot,
                                  const pool_flight *flight)
{
    apr_time_t taken = flight->first_byte - flight->began;

    if (flight->first_byte && taken >= 0) {
        atomic_add64(&slot->counts[SLOTS_BACKEND_MICROS],
                     (apr_uint64_t)taken);
        atomic_add64(&slot->first_byte[histogram_bucket(SLOTS_BACKEND_BITS,
                                                        (apr_uint64_t)taken)],
                     1);
    }
}

/* Counts a failure; a member of a group may be out by it. */
static void pool_note_failure(slots_health *health, const pool_route *route,
                              slots_backend_count failure)
{
    apr_time_t now = apr_time_now();

    atomic_set64(&health->failed, now);
    atomic_set32(&health->failure, failure);
    atomic_add32(&health->failures, 1);
    if (route->is_member) {
        pool_health_failed(health, now);
    }
}

/* It has not failed.  A client that gave up its own request says nothing of the
 * member that had it. */
static void pool_note_success(slots_health *health, const pool_route *route,
                              int answered)
{
    if (!answered) {
        pool_health_release(health);
        return;
    }
    if (atomic_get32(&health->failures) != 0) {
        atomic_set32(&health->failures, 0);
        if (route->is_member) {
            pool_health_answered(health, apr_time_now());
        }
    }
}

void pool_flight_end(pool_flight *flight, request_rec *r, int rc,
                     const pool_attempt *attempt, const pool_route *route)
{
    slots_backend *slot;
    int slow = 0;

    if (!pool_slots.block) {
        return;
    }
    slot = &pool_slots.backends[flight->backend];
    if (rc == HTTP_SERVICE_UNAVAILABLE) {
        /* mod_proxy does not tell why it could not connect */
        slow = apr_time_now() - flight->began >= route->connect_timeout;
    }
    flight->failure = pool_failure_of(r, rc, attempt, route->watched,
                                      slow);
    if (flight->failure || route->failed) {
        pool_note_failure(&slot->health, route,
                          flight->failure ? flight->failure
                                          : SLOTS_BACKEND_BAD);
    }
    else {
        pool_note_success(&slot->health, route,
                          flight->first_byte || rc == OK || rc == DONE
                          || rc == SUSPENDED);
    }
    if (atomic_get32(&pool_slots.block->counting)) {
        if (flight->failure) {
            atomic_add64(&slot->counts[flight->failure], 1);
        }
        else {
            pool_count_class(slot, r, rc);
        }
        pool_count_connection(slot, attempt);
        pool_count_first_byte(slot, flight);
    }
    if (!flight->first_byte && !flight->failure) {
        /* answered without a byte that was seen: a header alone */
        atomic_set64(&slot->health.answered, (apr_uint64_t)apr_time_now());
    }
    slots_backend_release(&pool_slots, flight->backend, pool_row,
                          flight->first_byte == 0);
    if (!flight->first_byte) {
        pool_limit_unanswered(&pool_slots, flight->backend);
    }
}
