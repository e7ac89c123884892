/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A view for one answer.  Lists of a thousand entries lie in malloc's memory:
 * in a pool they would stay with the thread.
 */

#include "status_gather.h"

#include <stdlib.h>

#include "apr_strings.h"

#include "ap_mpm.h"
#include "http_config.h"
#include "http_core.h"
#include "scoreboard.h"

#include "status_count.h"
#include "status_follower.h"

static apr_status_t gather_free(void *memory)
{
    free(memory);
    return APR_SUCCESS;
}

static void *gather_alloc(apr_pool_t *pool, apr_size_t size)
{
    void *memory = malloc(size);

    if (memory) {
        apr_pool_cleanup_register(pool, memory, gather_free,
                                  apr_pool_cleanup_null);
    }
    return memory;
}

/* ---- workers ----------------------------------------------------------- */

static void gather_workers(status_view *view)
{
    int children, threads, slots, i, j;

    if (ap_mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, &slots) != APR_SUCCESS
        || ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &children) != APR_SUCCESS
        || ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads) != APR_SUCCESS) {
        return;
    }
    /* a child without threads has no number of them */
    threads = threads > 0 ? threads : 1;
    view->workers = (unsigned)(children * threads);
    for (i = 0; i < slots; i++) {
        for (j = 0; j < threads; j++) {
            worker_score *worker = ap_get_scoreboard_worker_from_indexes(i, j);

            view->busy += worker && worker->status >= SERVER_BUSY_READ
                          && worker->status <= SERVER_GRACEFUL;
        }
    }
}

/* ---- maps -------------------------------------------------------------- */

static void gather_maps(status_view *view, apr_pool_t *p)
{
    const proxy_express_map *from;
    status_map *maps;
    unsigned i;

    if (!status_from.maps) {
        return;
    }
    view->has_express = 1;
    view->map_count = status_from.maps(&from, p);
    view->maps = maps = apr_pcalloc(p, sizeof(*maps) * (view->map_count + 1));
    for (i = 0; i < view->map_count; i++) {
        maps[i].path = from[i].path;
        maps[i].type = from[i].type;
        maps[i].entries = from[i].entries;
        maps[i].modified = from[i].modified;
        maps[i].replaced = from[i].replaced;
        maps[i].state = from[i].state;
        maps[i].last_error = from[i].last_error;
        maps[i].last_error_at = from[i].last_error_at;
        maps[i].broken = from[i].broken;
        maps[i].busy = from[i].busy;
    }
}

static void gather_answers(status_view *view, apr_pool_t *p)
{
    status_answer *answers;
    unsigned i;

    view->answers = answers = apr_pcalloc(p, sizeof(*answers)
                                             * (view->map_count + 1));
    view->answer_count = status_from.ask ? view->map_count : 0;
    for (i = 0; i < view->answer_count; i++) {
        proxy_express_entry entry;

        status_from.ask(&entry, i, view->host, view->path, p);
        answers[i].map = view->maps[i].path;
        answers[i].key = entry.key;
        answers[i].match = entry.match;
        answers[i].action = entry.action;
        answers[i].target = entry.target;
        answers[i].options = entry.options;
        answers[i].status = entry.status;
        answers[i].reason = entry.reason;
        answers[i].backend = SLOTS_OTHER(view->slots);
        if (entry.origin) {
            answers[i].backend = slots_backend_find(
                view->slots, hostmap_str_of(entry.origin,
                                            strlen(entry.origin)));
        }
    }
}

static void gather_reproxy(status_view *view)
{
    unsigned i;

    view->has_reproxy = status_from.reproxy_word != NULL;
    for (i = 0; view->has_reproxy && i < SLOTS_OUTCOMES; i++) {
        view->attempts[i] = status_from.reproxy_word(i);
    }
}

static void gather_followers(status_view *view, const status_wish *wish,
                             apr_pool_t *p)
{
    int count = wish->followers ? wish->followers->nelts : 0, i;
    status_follower *followers;

    view->followers = followers = apr_pcalloc(p, sizeof(*followers)
                                                 * ((apr_size_t)count + 1));
    view->follower_count = (unsigned)count;
    for (i = 0; i < count; i++) {
        status_follower_read(&followers[i],
                             APR_ARRAY_IDX(wish->followers, i, const char *),
                             view->now, p);
    }
}

/* ---- all of it --------------------------------------------------------- */

static void gather_tops(status_view *view, const status_wish *wish,
                        apr_pool_t *p)
{
    unsigned i;

    for (i = 0; i < STATUS_TOPS; i++) {
        status_top *top = &view->tops[i];

        if (!(wish->tops & 1u << i)) {
            continue;
        }
        top->hits = gather_alloc(p, sizeof(*top->hits) * (wish->shown + 1));
        if (top->hits) {
            status_top_find(top, view->slots, i, wish->shown, view->now);
        }
    }
}

static void gather_backends(status_view *view, apr_pool_t *p)
{
    apr_uint32_t *numbers;

    view->has_pools = status_from.pool_facts != NULL;
    numbers = gather_alloc(p, sizeof(*numbers)
                              * (SLOTS_OTHER(view->slots) + 1));
    if (numbers) {
        view->backend_count = status_backends_find(numbers, view->slots);
        view->backends = numbers;
    }
}

void status_gather(status_view *view, const status_wish *wish, request_rec *r)
{
    memset(view, 0, sizeof(*view));
    view->slots = &status_slots;
    view->now = apr_time_now();
    view->server = r->server->server_hostname ? r->server->server_hostname
                                              : "httpd";
    view->version = ap_get_server_banner();
    view->shown = wish->shown;
    view->host = wish->host;
    view->path = wish->path;
    slots_lanes_sum(&status_slots, &view->totals);
    gather_workers(view);
    gather_maps(view, r->pool);
    gather_followers(view, wish, r->pool);
    gather_reproxy(view);
    gather_backends(view, r->pool);
    gather_tops(view, wish, r->pool);
    if (view->host) {
        gather_answers(view, r->pool);
    }
}
