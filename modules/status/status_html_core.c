/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The page, part by part; and what mod_status shows.
 */

#include "status_html_core.h"

#include <string.h>

#include "status_page_core.h"

static void html_puts(status_out *out, const char *text)
{
    status_puts(out, text);
}

static void html_bytes(status_out *out, const slots_name *name)
{
    status_name(out, STATUS_HTML, hostmap_str_of(name->text, name->len));
    if (name->len < name->head.len) {
        html_puts(out, "&hellip;");
    }
}

static void html_cell_amount(status_out *out, apr_uint64_t n)
{
    html_puts(out, "<td class=n>");
    status_amount(out, n);
}

static void html_cell_duration(status_out *out, apr_uint64_t micros)
{
    html_puts(out, "<td class=n>");
    if (micros > 0) {
        status_duration(out, micros);
    }
    else {
        html_puts(out, "&ndash;");
    }
}

/* How long ago, of a time of the day. */
static void html_ago(status_out *out, apr_time_t now, apr_uint64_t when)
{
    apr_time_t ago = now - (apr_time_t)when;

    status_duration(out, ago > 0 ? (apr_uint64_t)ago : 0);
    html_puts(out, " ago");
}

/* ---- figures of the server --------------------------------------------- */

/* A figure of a card.  Without the script: what it is on average. */
static void html_card_counter(status_out *out, const status_view *view,
                         const char *title, const char *name,
                         apr_uint64_t value)
{
    double lived = (double)(view->now - (apr_time_t)
                            view->slots->block->created) / APR_USEC_PER_SEC;

    status_putf(out, "<div class=card><h2>%s</h2>"
                "<p class=big id=n-%s data-part data-counter=%s "
                "data-value=%" APR_UINT64_T_FMT " data-at=%.3f>", title, name,
                name, value, (double)view->now / APR_USEC_PER_SEC);
    status_putf(out, "%.3g/s</p>", lived > 0 ? (double)value / lived : 0.0);
    status_putf(out, "<svg id=spark-%s viewBox='0 0 100 30' "
                "preserveAspectRatio=none aria-hidden=true></svg>"
                "<p id=t-%s data-part>", name, name);
    status_amount(out, value);
    html_puts(out, " in all</p></div>\n");
}

static void html_card_quantile(status_out *out, const char *title,
                          const char *name, const apr_uint64_t *counts)
{
    status_putf(out, "<div class=card><h2>%s</h2>"
                "<p class=big id=q-%s data-part>", title, name);
    status_duration(out, histogram_quantile(SLOTS_TOTAL_BITS, counts, 0.5));
    status_putf(out, "</p><p id=r-%s data-part>median; 99 %% within ", name);
    status_duration(out, histogram_quantile(SLOTS_TOTAL_BITS, counts, 0.99));
    html_puts(out, "</p></div>\n");
}

static void html_cards(status_out *out, const status_view *view)
{
    html_puts(out, "<section class=cards aria-label='Figures of the server'>"
              "\n");
    html_card_counter(out, view, "Requests", "requests", status_requests(view));
    html_card_counter(out, view, "Errors (5xx)", "errors",
                 view->totals.classes[5]);
    html_card_counter(out, view, "Bytes sent", "bytes", view->totals.bytes);
    html_card_quantile(out, "Whole requests", "whole", view->totals.requests);
    html_card_quantile(out, "Backends' first bytes", "first",
                  view->totals.first_byte);
    status_putf(out, "<div class=card><h2>Busy workers</h2>"
                "<p class=big id=n-busy data-part data-counter=busy "
                "data-gauge=1 data-value=%u data-at=%.3f>%u</p>"
                "<svg id=spark-busy viewBox='0 0 100 30' "
                "preserveAspectRatio=none aria-hidden=true></svg>"
                "<p>of at most %u</p></div>\n", view->busy,
                (double)view->now / APR_USEC_PER_SEC, view->busy,
                view->workers);
    html_puts(out, "</section>\n");
}

static void html_outcomes(status_out *out, const status_view *view)
{
    static const char *const names[STATUS_OUTCOMES] = {
        "not looked up in a map", "served by a backend of a map",
        "answered by an entry (status, redirect)",
        "left to others by an entry (!)", "host in no map",
        "entry that does not parse", "entry that leads back here",
        "map held by a writer", "map that cannot be read",
        "refused by a limit"
    };
    unsigned i;

    html_puts(out, "<h2 id=outcomes>What became of requests</h2>"
              "<div class=wide><table aria-labelledby=outcomes>"
              "<thead><tr><th scope=col>Requests<th scope=col class=n>Number"
              "</thead><tbody id=p-outcomes data-part>\n");
    for (i = 0; i < STATUS_OUTCOMES; i++) {
        if (view->totals.outcomes[i] > 0) {
            status_putf(out, "<tr><td>%s", names[i]);
            html_cell_amount(out, view->totals.outcomes[i]);
            html_puts(out, "\n");
        }
    }
    html_puts(out, "</tbody></table></div>\n");
}

/* ---- a question -------------------------------------------------------- */

static void html_row(status_out *out, const char *name, const char *value)
{
    if (value) {
        status_putf(out, "<dt>%s<dd>", name);
        status_text(out, STATUS_HTML, value);
        html_puts(out, "\n");
    }
}

static void html_answer(status_out *out, const status_view *view,
                        const status_answer *answer)
{
    status_backend backend;

    html_puts(out, "<dl>\n");
    html_row(out, "map", answer->map);
    if (answer->key) {
        html_row(out, "entry", answer->key);
        html_row(out, "why", answer->match);
        html_row(out, "what it does", answer->action);
        html_row(out, "leads to", answer->target);
        html_row(out, "options", answer->options);
    }
    if (answer->status) {
        status_putf(out, "<dt>status<dd>%d\n", answer->status);
    }
    html_row(out, answer->key ? "but" : "no entry", answer->reason);
    if (answer->backend != SLOTS_OTHER(view->slots)
        && status_backend_read(&backend, view->slots, answer->backend)) {
        status_putf(out, "<dt>its backend<dd>%s, %u in flight, ",
                    status_states[backend.state], backend.flight.in_flight);
        status_amount(out, backend.requests);
        html_puts(out, " answered, ");
        status_amount(out, backend.failures);
        html_puts(out, " failed\n");
    }
    html_puts(out, "</dl>\n");
}

static void html_question(status_out *out, const status_view *view)
{
    unsigned i;

    html_puts(out, "<h2 id=ask>Which entry answers?</h2>\n"
              "<form method=get role=search aria-labelledby=ask>"
              "<label>Host<input name=host required autocomplete=off "
              "spellcheck=false value=\"");
    status_text(out, STATUS_HTML, view->host);
    html_puts(out, "\"></label><label>Path<input name=path autocomplete=off "
              "spellcheck=false value=\"");
    status_text(out, STATUS_HTML, view->path ? view->path : "/");
    html_puts(out, "\"></label><button>Find</button></form>\n");
    if (!view->host) {
        return;
    }
    html_puts(out, "<div role=status id=answer>\n");
    for (i = 0; i < view->answer_count; i++) {
        html_answer(out, view, &view->answers[i]);
    }
    if (view->answer_count == 0) {
        html_puts(out, "<p>No map is served here.\n");
    }
    html_puts(out, "</div>\n");
}

/* ---- entries ----------------------------------------------------------- */

static void html_hit(status_out *out, const status_view *view,
                     const status_hit *hit)
{
    apr_uint64_t requests = hit->counts[SLOTS_ENTRY_REQUESTS];
    apr_uint64_t errors = hit->counts[SLOTS_ENTRY_ERRORS];

    html_puts(out, "<tr><td class=name>");
    html_bytes(out, &hit->name);
    if (view->map_count > 1) {
        html_puts(out, "<td class=name>");
        status_text(out, STATUS_HTML,
                    status_map_path(view, hit->name.head.map));
    }
    html_cell_amount(out, hit->counts[STATUS_BY_RECENT]);
    html_cell_amount(out, requests);
    if (hit->name.head.missed > 0) {
        html_puts(out, " <span class=note>+");
        status_amount(out, hit->name.head.missed);
        html_puts(out, " at most</span>");
    }
    html_puts(out, errors ? "<td class='n bad'>" : "<td class=n>");
    status_amount(out, errors);
    html_cell_amount(out, hit->counts[SLOTS_ENTRY_BYTES]);
    html_cell_duration(out, requests
                            ? hit->counts[SLOTS_ENTRY_MICROS] / requests : 0);
    html_puts(out, "\n");
}

static void html_top(status_out *out, const status_view *view, unsigned by,
                     const char *id, const char *title)
{
    const status_top *top = &view->tops[by];
    unsigned i;

    status_putf(out, "<h2 id=%s>%s</h2><div class=wide>"
                "<table aria-labelledby=%s><thead><tr><th scope=col>Entry%s"
                "<th scope=col class=n>Last minutes"
                "<th scope=col class=n>Requests<th scope=col class=n>Errors"
                "<th scope=col class=n>Bytes<th scope=col class=n>Mean time"
                "</thead><tbody id=p-%s data-part>\n", id, title, id,
                view->map_count > 1 ? "<th scope=col>Map" : "", id);
    for (i = 0; i < top->count && i < view->shown; i++) {
        html_hit(out, view, &top->hits[i]);
    }
    if (top->count == 0) {
        html_puts(out, "<tr><td>none\n");
    }
    html_puts(out, "</tbody></table></div>\n");
}

static void html_entries(status_out *out, const status_view *view)
{
    html_top(out, view, STATUS_BY_RECENT, "hot",
             "Hot: most requests in this minute and the last");
    html_top(out, view, SLOTS_ENTRY_ERRORS, "broken",
             "Broken: most errors (5xx)");
    html_top(out, view, SLOTS_ENTRY_REQUESTS, "requests",
             "Most requests in all");
    html_top(out, view, SLOTS_ENTRY_BYTES, "bytes", "Most bytes");
    html_top(out, view, SLOTS_ENTRY_MICROS, "time", "Most time");
    html_puts(out, "<p class=note id=p-entries data-part>");
    status_putf(out, "%u of %u slots used; ",
                status_entries_used(view->slots),
                view->slots->block->shape.entries);
    status_amount(out, slots_missed(view->slots));
    html_puts(out, " requests of entries that had none are in no list.</p>\n");
}

/* ---- backends ---------------------------------------------------------- */

static void html_failures(status_out *out, const status_backend *backend)
{
    unsigned i, more = 0;

    html_puts(out, backend->failures ? "<td class=bad>" : "<td>");
    for (i = SLOTS_BACKEND_REFUSED; i <= SLOTS_BACKEND_LIMITED; i++) {
        if (backend->counts[i] > 0) {
            html_puts(out, more++ ? ", " : "");
            status_amount(out, backend->counts[i]);
            status_putf(out, " %s", status_backend_counts[i]);
        }
    }
}

static void html_reused(status_out *out, const status_backend *backend)
{
    apr_uint64_t reused = backend->counts[SLOTS_BACKEND_REUSED];
    apr_uint64_t all = reused + backend->counts[SLOTS_BACKEND_NEW];

    html_puts(out, "<td class=n>");
    if (all > 0) {
        status_putf(out, "%.0f %%", 100.0 * (double)reused / (double)all);
    }
}

static void html_backend(status_out *out, const status_view *view,
                         const status_backend *backend)
{
    static const char *const marks[] = {
        "<td class=good>&#10003; up", "<td class=bad>&#10007; failing",
        "<td>&ndash; no answer yet"
    };

    html_puts(out, "<tr><td class=name>");
    if (backend->name.len > 0) {
        html_bytes(out, &backend->name);
    }
    else {
        html_puts(out, "<em>those without a slot</em>");
    }
    html_puts(out, marks[backend->state]);
    html_cell_amount(out, backend->flight.in_flight);
    html_cell_amount(out, backend->requests);
    html_cell_amount(out, backend->counts[SLOTS_BACKEND_5XX]);
    html_failures(out, backend);
    html_reused(out, backend);
    html_cell_duration(out, histogram_quantile(SLOTS_BACKEND_BITS,
                                          backend->first_byte, 0.5));
    html_cell_duration(out, histogram_quantile(SLOTS_BACKEND_BITS,
                                          backend->first_byte, 0.99));
    html_puts(out, "<td>");
    if (backend->health.failed
        && backend->health.failure < SLOTS_BACKEND_MICROS) {
        status_putf(out, "%s, ",
                    status_backend_counts[backend->health.failure]);
        html_ago(out, view->now, backend->health.failed);
    }
    html_puts(out, "\n");
}

static void html_backends(status_out *out, const status_view *view)
{
    unsigned i, shown = 0;

    html_puts(out, "<h2 id=backends>Backends</h2><div class=wide>"
              "<table aria-labelledby=backends><thead><tr>"
              "<th scope=col>Backend<th scope=col>State"
              "<th scope=col class=n>In flight<th scope=col class=n>Answered"
              "<th scope=col class=n>5xx<th scope=col>Failures"
              "<th scope=col class=n>Reused<th scope=col class=n>First byte"
              "<th scope=col class=n>99 %<th scope=col>Last failure"
              "</thead><tbody id=p-backends data-part>\n");
    for (i = 0; i < view->backend_count && shown < view->shown; i++) {
        status_backend backend;

        if (status_backend_read(&backend, view->slots, view->backends[i])) {
            html_backend(out, view, &backend);
            shown++;
        }
    }
    if (shown == 0) {
        html_puts(out, view->has_pools ? "<tr><td>none\n"
                  : "<tr><td>none: mod_proxy_pool is not loaded\n");
    }
    html_puts(out, "</tbody></table></div>\n");
    status_putf(out, "<p class=note id=p-more data-part>%u of %u shown, those "
                "that fail and those with most in flight first; "
                "<a href='?format=json'>JSON</a> has all.</p>\n", shown,
                view->backend_count);
}

/* ---- maps -------------------------------------------------------------- */

static void html_map(status_out *out, const status_view *view,
                     const status_map *map)
{
    html_puts(out, "<tr><td class=name>");
    status_text(out, STATUS_HTML, map->path);
    html_puts(out, strcmp(map->state, "ok") == 0 ? "<td class=good>&#10003; "
              : strcmp(map->state, "broken") == 0 ? "<td class=bad>&#10007; "
              : "<td>&ndash; ");
    html_puts(out, map->state);
    html_puts(out, "<td>");
    status_text(out, STATUS_HTML, map->type);
    html_puts(out, "<td class=n>");
    if (map->entries >= 0) {
        status_amount(out, (apr_uint64_t)map->entries);
    }
    html_puts(out, "<td>");
    if (map->modified > 0) {
        html_ago(out, view->now, (apr_uint64_t)map->modified);
    }
    html_cell_amount(out, map->replaced);
    html_cell_duration(out, (apr_uint64_t)map->broken);
    html_puts(out, "<td class=name>");
    if (map->last_error) {
        status_text(out, STATUS_HTML, map->last_error);
        html_puts(out, ", ");
        html_ago(out, view->now, (apr_uint64_t)map->last_error_at);
    }
    html_puts(out, "\n");
}

static void html_maps(status_out *out, const status_view *view)
{
    unsigned i;

    html_puts(out, "<h2 id=maps>Maps</h2><div class=wide>"
              "<table aria-labelledby=maps><thead><tr><th scope=col>Map"
              "<th scope=col>State<th scope=col>Type"
              "<th scope=col class=n>Entries<th scope=col>Written"
              "<th scope=col class=n>Replaced<th scope=col class=n>Broken for"
              "<th scope=col>Last error</thead>"
              "<tbody id=p-maps data-part>\n");
    for (i = 0; i < view->map_count; i++) {
        html_map(out, view, &view->maps[i]);
    }
    if (view->map_count == 0) {
        html_puts(out, view->has_express ? "<tr><td>none\n"
                  : "<tr><td>none: mod_proxy_express is not loaded\n");
    }
    html_puts(out, "</tbody></table></div><p class=note>As the child process "
              "that wrote this page has them.</p>\n");
}

static void html_follower(status_out *out, const status_view *view,
                          const status_follower *follower)
{
    html_puts(out, "<tr><td class=name>");
    status_text(out, STATUS_HTML, follower->map ? follower->map
                                                : follower->file);
    html_puts(out, strcmp(follower->state, "connected") == 0
              ? "<td class=good>&#10003; " : "<td class=bad>&#10007; ");
    html_puts(out, follower->state);
    html_puts(out, "<td class=name>");
    status_text(out, STATUS_HTML, follower->store);
    html_puts(out, "<td class=n>");
    if (follower->entries >= 0) {
        status_amount(out, (apr_uint64_t)follower->entries);
    }
    html_puts(out, "<td class=n>");
    if (follower->lag >= 0) {
        status_lag(out, follower);
        html_puts(out, " s");
    }
    html_puts(out, "<td>");
    if (follower->written > 0) {
        html_ago(out, view->now, (apr_uint64_t)follower->written);
    }
    html_puts(out, "<td class=name>");
    status_text(out, STATUS_HTML, follower->last_error);
    html_puts(out, "\n");
}

static void html_followers(status_out *out, const status_view *view)
{
    unsigned i;

    html_puts(out, "<h2 id=followers>Followers</h2><div class=wide>"
              "<table aria-labelledby=followers><thead><tr>"
              "<th scope=col>Map<th scope=col>State<th scope=col>Store"
              "<th scope=col class=n>Entries<th scope=col class=n>Lag"
              "<th scope=col>Written<th scope=col>Last error</thead>"
              "<tbody id=p-followers data-part>\n");
    for (i = 0; i < view->follower_count; i++) {
        html_follower(out, view, &view->followers[i]);
    }
    html_puts(out, "</tbody></table></div>\n");
}

static void html_reproxy(status_out *out, const status_view *view)
{
    unsigned i;

    html_puts(out, "<h2 id=reproxy>URLs that apps named</h2>"
              "<div class=wide><table aria-labelledby=reproxy><thead><tr>"
              "<th scope=col>Result<th scope=col class=n>Attempts</thead>"
              "<tbody id=p-reproxy data-part>\n");
    for (i = 0; view->attempts[i]; i++) {
        if (view->totals.attempts[i] > 0) {
            status_putf(out, "<tr><td>%s", view->attempts[i]);
            html_cell_amount(out, view->totals.attempts[i]);
            html_puts(out, "\n");
        }
    }
    html_puts(out, "</tbody></table></div>"
              "<p class=note id=p-reproxied data-part>");
    status_amount(out, view->totals.reproxied);
    html_puts(out, " requests, ");
    status_amount(out, view->totals.reproxied_files);
    html_puts(out, " of them for files, ");
    status_amount(out, view->totals.reproxied_bytes);
    html_puts(out, " bytes.</p>\n");
}

/* ---- the page ---------------------------------------------------------- */

static void html_head(status_out *out, const status_view *view)
{
    html_puts(out, "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>"
              "<meta name=viewport content='width=device-width'>"
              "<link rel=icon href='data:,'><title>");
    status_text(out, STATUS_HTML, view->server);
    html_puts(out, ": status of Switchboard</title>\n<style nonce=\"");
    status_text(out, STATUS_HTML, view->nonce);
    html_puts(out, "\">\n");
    html_puts(out, status_page_style);
    html_puts(out, "</style></head>\n<body><header><h1>Switchboard: ");
    status_text(out, STATUS_HTML, view->server);
    html_puts(out, "</h1><p id=p-since data-part>counting for ");
    status_duration(out, (apr_uint64_t)view->now
                         - view->slots->block->created);
    html_puts(out, "</p><p id=updated></p>"
              "<button type=button id=refresh aria-pressed=false hidden>Pause"
              "</button></header>\n<main>\n");
}

void status_html(status_out *out, const status_view *view)
{
    html_head(out, view);
    html_cards(out, view);
    html_question(out, view);
    html_backends(out, view);
    html_entries(out, view);
    html_maps(out, view);
    if (view->follower_count > 0) {
        html_followers(out, view);
    }
    html_outcomes(out, view);
    if (view->has_reproxy) {
        html_reproxy(out, view);
    }
    html_puts(out, "</main><footer class=note><p>");
    status_text(out, STATUS_HTML, view->version);
    html_puts(out, ". Figures of one moment, of all child processes.</p>"
              "</footer>\n<script nonce=\"");
    status_text(out, STATUS_HTML, view->nonce);
    html_puts(out, "\">\n");
    html_puts(out, status_page_script);
    html_puts(out, "</script></body></html>\n");
}

/* ---- mod_status -------------------------------------------------------- */

typedef struct status_line {
    const char *name;
    apr_uint64_t value;
} status_line;

void status_lines(status_out *out, const status_view *view, int brief)
{
    unsigned failing = 0, flight = 0, broken = 0, i;

    for (i = 0; i < view->backend_count; i++) {
        status_backend backend;

        if (status_backend_read(&backend, view->slots, view->backends[i])) {
            failing += backend.state == STATUS_FAILING;
            flight += backend.flight.in_flight;
        }
    }
    for (i = 0; i < view->map_count; i++) {
        broken += strcmp(view->maps[i].state, "broken") == 0;
    }
    {
        const status_line lines[] = {
            { "Requests", status_requests(view) },
            { "Errors", view->totals.classes[5] },
            { "Mapped", view->totals.outcomes[1] },
            { "Unknown", view->totals.outcomes[4] },
            { "Loops", view->totals.outcomes[6] },
            { "Backends", view->backend_count },
            { "BackendsFailing", failing },
            { "BackendsInFlight", flight },
            { "Maps", view->map_count },
            { "MapsBroken", broken }
        };

        html_puts(out, brief ? "" : "<hr />\n<h2>Switchboard</h2>\n<dl>\n");
        for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
            status_putf(out, brief ? "Switchboard%s: %" APR_UINT64_T_FMT "\n"
                        : "<dt>%s: %" APR_UINT64_T_FMT "</dt>\n",
                        lines[i].name, lines[i].value);
        }
        html_puts(out, brief ? "" : "</dl>\n");
    }
}
