/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One object; times are seconds, those of the day since 1970.
 */

#include "status_json_core.h"

#include <string.h>

/* Writes members of objects and elements of arrays with the commas between. */
typedef struct json {
    status_out *out;
    int more;                   /* a comma comes before the next one */
} json;

static void json_name(json *j, const char *name)
{
    status_puts(j->out, j->more ? "," : "");
    j->more = 1;
    if (name) {
        status_putf(j->out, "\"%s\":", name);
    }
}

/* name NULL: an element of an array */
static void json_open(json *j, const char *name, const char *bracket)
{
    json_name(j, name);
    status_puts(j->out, bracket);
    j->more = 0;
}

static void json_close(json *j, const char *bracket)
{
    status_puts(j->out, bracket);
    j->more = 1;
}

static void json_number(json *j, const char *name, apr_uint64_t n)
{
    json_name(j, name);
    status_putf(j->out, "%" APR_UINT64_T_FMT, n);
}

static void json_seconds(json *j, const char *name, apr_uint64_t micros)
{
    json_name(j, name);
    status_seconds(j->out, micros);
}

/* A time of the day, null: never. */
static void json_when(json *j, const char *name, apr_uint64_t when)
{
    if (when == 0) {
        json_name(j, name);
        status_puts(j->out, "null");
        return;
    }
    json_seconds(j, name, when);
}

static void json_bytes(json *j, const char *name, hostmap_str bytes)
{
    json_name(j, name);
    status_puts(j->out, "\"");
    status_name(j->out, STATUS_JSON, bytes);
    status_puts(j->out, "\"");
}

static void json_text(json *j, const char *name, const char *text)
{
    if (text) {
        json_bytes(j, name, hostmap_str_of(text, strlen(text)));
        return;
    }
    json_name(j, name);
    status_puts(j->out, "null");
}

static void json_flag(json *j, const char *name, int flag)
{
    json_name(j, name);
    status_puts(j->out, flag ? "true" : "false");
}

/* ---- parts ------------------------------------------------------------- */

static void json_quantiles(json *j, const char *name, unsigned bits,
                           const apr_uint64_t *counts)
{
    json_open(j, name, "{");
    json_number(j, "count", histogram_total(bits, counts));
    json_seconds(j, "p50", histogram_quantile(bits, counts, 0.5));
    json_seconds(j, "p90", histogram_quantile(bits, counts, 0.9));
    json_seconds(j, "p99", histogram_quantile(bits, counts, 0.99));
    json_seconds(j, "p999", histogram_quantile(bits, counts, 0.999));
    json_close(j, "}");
}

static void json_requests(json *j, const status_view *view)
{
    static const char *const classes[] = {
        "none", "1xx", "2xx", "3xx", "4xx", "5xx"
    };
    unsigned i;

    json_open(j, "requests", "{");
    json_number(j, "total", status_requests(view));
    json_open(j, "classes", "{");
    for (i = 1; i < 6; i++) {
        json_number(j, classes[i], view->totals.classes[i]);
    }
    json_number(j, classes[0], view->totals.classes[0]);
    json_close(j, "}");
    json_open(j, "outcomes", "{");
    for (i = 0; i < STATUS_OUTCOMES; i++) {
        json_number(j, status_outcomes[i], view->totals.outcomes[i]);
    }
    json_close(j, "}");
    json_number(j, "bytes", view->totals.bytes);
    json_seconds(j, "seconds", view->totals.micros);
    json_number(j, "busy_workers", view->busy);
    json_number(j, "workers", view->workers);
    json_quantiles(j, "duration", SLOTS_TOTAL_BITS, view->totals.requests);
    json_quantiles(j, "first_byte", SLOTS_TOTAL_BITS,
                   view->totals.first_byte);
    json_close(j, "}");
}

static void json_hit(json *j, const status_view *view, const status_hit *hit)
{
    json_open(j, NULL, "{");
    json_text(j, "map", status_map_path(view, hit->name.head.map));
    json_bytes(j, "key", hostmap_str_of(hit->name.text, hit->name.len));
    json_flag(j, "cut", hit->name.len < hit->name.head.len);
    json_number(j, "requests", hit->counts[SLOTS_ENTRY_REQUESTS]);
    json_number(j, "missed_at_most", hit->name.head.missed);
    json_number(j, "recent", hit->counts[STATUS_BY_RECENT]);
    json_number(j, "errors", hit->counts[SLOTS_ENTRY_ERRORS]);
    json_number(j, "bytes", hit->counts[SLOTS_ENTRY_BYTES]);
    json_seconds(j, "seconds", hit->counts[SLOTS_ENTRY_MICROS]);
    json_number(j, "since", hit->name.head.created);
    json_close(j, "}");
}

static void json_entries(json *j, const status_view *view)
{
    static const char *const names[STATUS_TOPS] = {
        "by_requests", "by_errors", "by_bytes", "by_seconds", "by_recent"
    };
    unsigned i, k;

    json_open(j, "entries", "{");
    json_number(j, "slots", view->slots->block->shape.entries);
    json_number(j, "used", status_entries_used(view->slots));
    json_number(j, "untracked_requests", slots_missed(view->slots));
    for (i = 0; i < STATUS_TOPS; i++) {
        json_open(j, names[i], "[");
        for (k = 0; k < view->tops[i].count; k++) {
            json_hit(j, view, &view->tops[i].hits[k]);
        }
        json_close(j, "]");
    }
    json_close(j, "}");
}

static void json_backend(json *j, const status_backend *backend)
{
    unsigned i;

    json_open(j, NULL, "{");
    if (backend->name.len > 0) {
        json_bytes(j, "backend", hostmap_str_of(backend->name.text,
                                                backend->name.len));
    }
    else {
        json_text(j, "backend", NULL);
    }
    json_text(j, "state", status_states[backend->state]);
    json_number(j, "in_flight", backend->flight.in_flight);
    json_number(j, "waiting", backend->flight.waiting);
    json_number(j, "requests", backend->requests);
    json_number(j, "failures", backend->failures);
    json_open(j, "counts", "{");
    for (i = 0; i < SLOTS_BACKEND_MICROS; i++) {
        json_number(j, status_backend_counts[i], backend->counts[i]);
    }
    json_close(j, "}");
    json_number(j, "failures_in_a_row", backend->health.failures);
    json_text(j, "last_failure", backend->health.failed
              && backend->health.failure < SLOTS_BACKEND_MICROS
              ? status_backend_counts[backend->health.failure] : NULL);
    json_when(j, "last_failure_at", backend->health.failed);
    json_when(j, "last_answer_at", backend->health.answered);
    json_seconds(j, "seconds", backend->counts[SLOTS_BACKEND_MICROS]);
    json_quantiles(j, "first_byte", SLOTS_BACKEND_BITS, backend->first_byte);
    json_close(j, "}");
}

static void json_backends(json *j, const status_view *view)
{
    unsigned i;

    json_open(j, "backends", "[");
    for (i = 0; i < view->backend_count; i++) {
        status_backend backend;

        if (status_backend_read(&backend, view->slots, view->backends[i])) {
            json_backend(j, &backend);
        }
    }
    json_close(j, "]");
}

static void json_maps(json *j, const status_view *view)
{
    unsigned i;

    json_open(j, "maps", "[");
    for (i = 0; i < view->map_count; i++) {
        const status_map *map = &view->maps[i];

        json_open(j, NULL, "{");
        json_text(j, "path", map->path);
        json_text(j, "type", map->type);
        json_text(j, "state", map->state);
        json_name(j, "entries");
        status_putf(j->out, "%" APR_INT64_T_FMT, map->entries);
        json_when(j, "modified", map->modified > 0
                                 ? (apr_uint64_t)map->modified : 0);
        json_number(j, "replaced", map->replaced);
        json_text(j, "last_error", map->last_error);
        json_when(j, "last_error_at", (apr_uint64_t)map->last_error_at);
        json_seconds(j, "broken_seconds", (apr_uint64_t)map->broken);
        json_seconds(j, "busy_seconds", (apr_uint64_t)map->busy);
        json_close(j, "}");
    }
    json_close(j, "]");
}

static void json_followers(json *j, const status_view *view)
{
    unsigned i;

    json_open(j, "followers", "[");
    for (i = 0; i < view->follower_count; i++) {
        const status_follower *follower = &view->followers[i];

        json_open(j, NULL, "{");
        json_text(j, "file", follower->file);
        json_text(j, "state", follower->state);
        json_text(j, "map", follower->map);
        json_text(j, "store", follower->store);
        json_name(j, "entries");
        status_putf(j->out, "%" APR_INT64_T_FMT, follower->entries);
        json_name(j, "lag_seconds");
        status_lag(j->out, follower);
        json_when(j, "written", (apr_uint64_t)follower->written);
        json_text(j, "last_error", follower->last_error);
        json_close(j, "}");
    }
    json_close(j, "]");
}

static void json_reproxy(json *j, const status_view *view)
{
    unsigned i;

    json_open(j, "reproxy", "{");
    json_number(j, "answers", view->totals.reproxied);
    json_number(j, "files", view->totals.reproxied_files);
    json_number(j, "bytes", view->totals.reproxied_bytes);
    json_open(j, "attempts", "{");
    for (i = 0; view->attempts[i]; i++) {
        json_number(j, view->attempts[i], view->totals.attempts[i]);
    }
    json_close(j, "}");
    json_close(j, "}");
}

static void json_answer(json *j, const status_view *view,
                        const status_answer *answer)
{
    status_backend backend;

    json_open(j, NULL, "{");
    json_text(j, "map", answer->map);
    json_text(j, "key", answer->key);
    json_text(j, "match", answer->match);
    json_text(j, "action", answer->action);
    json_text(j, "target", answer->target);
    json_text(j, "options", answer->options);
    json_number(j, "status", (apr_uint64_t)answer->status);
    json_text(j, "reason", answer->reason);
    if (answer->backend != SLOTS_OTHER(view->slots)
        && status_backend_read(&backend, view->slots, answer->backend)) {
        json_text(j, "backend_state", status_states[backend.state]);
    }
    else {
        json_text(j, "backend_state", NULL);
    }
    json_close(j, "}");
}

static void json_question(json *j, const status_view *view)
{
    unsigned i;

    json_open(j, "question", "{");
    json_text(j, "host", view->host);
    json_text(j, "path", view->path);
    json_open(j, "answers", "[");
    for (i = 0; i < view->answer_count; i++) {
        json_answer(j, view, &view->answers[i]);
    }
    json_close(j, "]");
    json_close(j, "}");
}

void status_json(status_out *out, const status_view *view)
{
    json j = { 0 };

    j.out = out;
    json_open(&j, NULL, "{");
    json_text(&j, "server", view->server);
    json_text(&j, "version", view->version);
    json_seconds(&j, "time", (apr_uint64_t)view->now);
    json_seconds(&j, "since", view->slots->block->created);
    json_number(&j, "memory", slots_size(&view->slots->block->shape));
    json_requests(&j, view);
    json_entries(&j, view);
    json_backends(&j, view);
    json_maps(&j, view);
    json_followers(&j, view);
    if (view->has_reproxy) {
        json_reproxy(&j, view);
    }
    if (view->host) {
        json_question(&j, view);
    }
    json_close(&j, "}\n");
}
