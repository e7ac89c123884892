/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One hook, when a request is logged.  Backends are counted by mod_proxy_pool,
 * which sees each attempt; here the server's totals and the entry that
 * answered.
 */

#include "status_count.h"

#include <string.h>

#include "http_config.h"
#include "http_protocol.h"

#include "base/hash.h"
#include "status_view_core.h"

status_sources status_from;
slots status_slots;

void status_sources_find(void)
{
    status_from.answered = APR_RETRIEVE_OPTIONAL_FN(proxy_express_answered);
    status_from.maps = APR_RETRIEVE_OPTIONAL_FN(proxy_express_maps);
    status_from.ask = APR_RETRIEVE_OPTIONAL_FN(proxy_express_ask);
    status_from.pool_facts = APR_RETRIEVE_OPTIONAL_FN(proxy_pool_facts_get);
    status_from.reproxy_facts = APR_RETRIEVE_OPTIONAL_FN(reproxy_facts_get);
    status_from.reproxy_word = APR_RETRIEVE_OPTIONAL_FN(reproxy_result_word);
}

/* An error document is a request of its own after the one that was mapped. */
static proxy_express_outcome status_outcome(request_rec *r,
                                            proxy_express_answer *answer)
{
    proxy_express_outcome outcome = PROXY_EXPRESS_NONE;

    for (; r && outcome == PROXY_EXPRESS_NONE && status_from.answered;
         r = r->next) {
        outcome = status_from.answered(r, answer);
    }
    return outcome;
}

/* The time to the first byte of the backend.  1: a limit kept the request from
 * it. */
static int status_count_backend(request_rec *r, slots_lane *lane)
{
    proxy_pool_facts facts;

    if (!status_from.pool_facts || !status_from.pool_facts(r, &facts)) {
        return 0;
    }
    if (facts.first_byte >= 0) {
        apr_uint64_t micros = (apr_uint64_t)facts.first_byte;

        atomic_add64(&lane->first_micros, micros);
        atomic_add64(&lane->first_byte[histogram_bucket(SLOTS_TOTAL_BITS,
                                                        micros)], 1);
    }
    return facts.failure && strcmp(facts.failure, "limited") == 0;
}

static void status_count_reproxy(request_rec *r, slots_lane *lane,
                                 apr_uint64_t bytes)
{
    reproxy_facts facts;
    unsigned i;

    if (!status_from.reproxy_facts || !status_from.reproxy_facts(r, &facts)) {
        return;
    }
    atomic_add64(&lane->reproxied, 1);
    atomic_add64(&lane->reproxied_files, facts.file != 0);
    atomic_add64(&lane->reproxied_bytes, bytes);
    for (i = 0; i < REPROXY_FACTS_RESULTS; i++) {
        if (facts.results[i] > 0) {
            atomic_add64(&lane->attempts[i], facts.results[i]);
        }
    }
}

static int status_log(request_rec *r)
{
    proxy_express_answer answer;
    proxy_express_outcome outcome;
    slots_request request;
    slots_lane *lane;
    request_rec *last;
    int limited;

    if (!status_slots.block) {
        return DECLINED;
    }
    for (last = r; last->next; last = last->next) {
        continue;
    }
    request.now = apr_time_now();
    request.micros = request.now > r->request_time
                     ? (apr_uint64_t)(request.now - r->request_time) : 0;
    request.bytes = last->bytes_sent > 0 ? (apr_uint64_t)last->bytes_sent : 0;
    request.error = last->status >= 500;
    lane = slots_lane_mine(&status_slots);
    atomic_add64(&lane->classes[last->status >= 100 && last->status < 600
                                ? last->status / 100 : 0], 1);
    atomic_add64(&lane->bytes, request.bytes);
    atomic_add64(&lane->micros, request.micros);
    atomic_add64(&lane->requests[histogram_bucket(SLOTS_TOTAL_BITS,
                                                  request.micros)], 1);
    outcome = status_outcome(r, &answer);
    limited = outcome == PROXY_EXPRESS_MAPPED && status_count_backend(r, lane);
    status_count_reproxy(r, lane, request.bytes);
    if (outcome != PROXY_EXPRESS_NONE && answer.key) {
        request.map = answer.map;
        slots_entry_add(&status_slots,
                        hostmap_str_of(answer.key, strlen(answer.key)),
                        &request, (apr_uint32_t)((apr_uint64_t)request.now
                                                 * HOSTMAP_HASH_FACTOR >> 32));
    }
    /* last: a reader that sees it sees the rest */
    atomic_add64(&lane->outcomes[limited ? PROXY_EXPRESS_OUTCOMES : outcome],
                 1);
    return DECLINED;
}

void status_count_register(void)
{
    /* the names of outcomes, and room for them in a lane */
    typedef char names_are_whole[PROXY_EXPRESS_OUTCOMES + 1 == STATUS_OUTCOMES
                                 && STATUS_OUTCOMES <= SLOTS_OUTCOMES
                                 && REPROXY_FACTS_RESULTS <= SLOTS_OUTCOMES
                                 ? 1 : -1] __attribute__((unused));

    ap_hook_log_transaction(status_log, NULL, NULL, APR_HOOK_MIDDLE);
}
