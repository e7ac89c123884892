/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Families of metrics.  Bounded: the labels are ours, backends and maps; hosts
 * only when asked for, the top ones.  There is no series for "all others" among
 * hosts or backends: it would run backwards when one of them gets a slot.
 */

#include "status_metrics_core.h"

#include <string.h>

/* The bounds of a backend's times: 1 ms, 4 ms and so on to 67 s. */
#define BACKEND_LOW  10
#define BACKEND_STEP 2
#define BACKEND_HIGH 26

typedef enum {
    METRIC_COUNTER,
    METRIC_GAUGE,
    METRIC_HISTOGRAM
} metric_kind;

typedef struct metric {
    const char *name;           /* without _total */
    metric_kind kind;
    const char *unit;           /* the name ends with it; NULL: none */
    const char *help;
} metric;

typedef struct metrics {
    status_out *out;
    int open;
    const metric *family;
} metrics;

/* In 0.0.4 a counter's family is called like its samples. */
static const char *metric_family_end(const metrics *m, const metric *family)
{
    return family->kind == METRIC_COUNTER && !m->open ? "_total" : "";
}

static void metric_family(metrics *m, const metric *family)
{
    static const char *const kinds[] = { "counter", "gauge", "histogram" };
    const char *end = metric_family_end(m, family);

    m->family = family;
    status_putf(m->out, "# HELP %s%s %s\n", family->name, end, family->help);
    status_putf(m->out, "# TYPE %s%s %s\n", family->name, end,
                kinds[family->kind]);
    if (m->open && family->unit) {
        status_putf(m->out, "# UNIT %s %s\n", family->name, family->unit);
    }
}

/* The name of a sample and its labels, up to the value. */
static void metric_sample(metrics *m, const char *suffix)
{
    status_puts(m->out, m->family->name);
    status_puts(m->out, suffix);
}

static void metric_label(metrics *m, const char *before, const char *name,
                  hostmap_str value)
{
    status_puts(m->out, before);
    status_puts(m->out, name);
    status_puts(m->out, "=\"");
    status_name(m->out, STATUS_LABEL, value);
    status_puts(m->out, "\"");
}

static hostmap_str metric_str_of(const char *text)
{
    return hostmap_str_of(text, strlen(text));
}

static void metric_number(metrics *m, apr_uint64_t n)
{
    status_putf(m->out, " %" APR_UINT64_T_FMT "\n", n);
}

static void metric_seconds(metrics *m, apr_uint64_t micros)
{
    status_puts(m->out, " ");
    status_seconds(m->out, micros);
    status_puts(m->out, "\n");
}

static const char *metric_total_end(const metrics *m)
{
    return m->family->kind == METRIC_COUNTER ? "_total" : "";
}

/* A sample with one label of ours. */
static void metric_one(metrics *m, const char *name, const char *value,
                apr_uint64_t n)
{
    metric_sample(m, metric_total_end(m));
    if (name) {
        metric_label(m, "{", name, metric_str_of(value));
        status_puts(m->out, "}");
    }
    metric_number(m, n);
}

/* Bounds are powers of two of microseconds, where buckets of every fineness
 * end: each of them for the server; each second one, from 1 ms on, for one of
 * many backends.  An observation of just the bound lies in the bucket above
 * it, which is one microsecond off. */
static void metric_histogram(metrics *m, unsigned bits,
                             const apr_uint64_t *counts, apr_uint64_t micros,
                             const slots_name *backend)
{
    unsigned power = backend ? BACKEND_LOW : HISTOGRAM_LOW;
    unsigned step = backend ? BACKEND_STEP : 1;

    for (;; power += step) {
        metric_sample(m, "_bucket{");
        if (backend) {
            metric_label(m, "", "backend", hostmap_str_of(backend->text,
                                                   backend->len));
            status_puts(m->out, ",");
        }
        if (power > (backend ? BACKEND_HIGH : HISTOGRAM_HIGH)) {
            status_puts(m->out, "le=\"+Inf\"}");
            metric_number(m, histogram_total(bits, counts));
            break;
        }
        status_puts(m->out, "le=\"");
        status_seconds(m->out, APR_UINT64_C(1) << power);
        status_puts(m->out, "\"}");
        metric_number(m, histogram_below(bits, counts, power));
    }
    metric_sample(m, "_sum");
    if (backend) {
        metric_label(m, "{", "backend",
                     hostmap_str_of(backend->text, backend->len));
        status_puts(m->out, "}");
    }
    metric_seconds(m, micros);
    metric_sample(m, "_count");
    if (backend) {
        metric_label(m, "{", "backend",
                     hostmap_str_of(backend->text, backend->len));
        status_puts(m->out, "}");
    }
    metric_number(m, histogram_total(bits, counts));
}

/* ---- the server -------------------------------------------------------- */

static void metrics_requests(metrics *m, const status_view *view)
{
    static const metric by_class = {
        "switchboard_requests", METRIC_COUNTER, NULL,
        "Requests that this server answered, by class of their status."
    };
    static const metric by_outcome = {
        "switchboard_outcomes", METRIC_COUNTER, NULL,
        "The same requests, by what mod_proxy_express did with them."
    };
    static const metric bytes = {
        "switchboard_sent_bytes", METRIC_COUNTER, "bytes",
        "Bytes sent to clients."
    };
    static const metric duration = {
        "switchboard_request_seconds", METRIC_HISTOGRAM, "seconds",
        "Whole requests, from the request line to the last byte."
    };
    static const char *const classes[] = {
        "none", "1xx", "2xx", "3xx", "4xx", "5xx"
    };
    unsigned i;

    metric_family(m, &by_class);
    for (i = 0; i < 6; i++) {
        metric_one(m, "class", classes[i], view->totals.classes[i]);
    }
    metric_family(m, &by_outcome);
    for (i = 0; i < STATUS_OUTCOMES; i++) {
        metric_one(m, "outcome", status_outcomes[i], view->totals.outcomes[i]);
    }
    metric_family(m, &bytes);
    metric_one(m, NULL, NULL, view->totals.bytes);
    metric_family(m, &duration);
    metric_histogram(m, SLOTS_TOTAL_BITS, view->totals.requests,
                     view->totals.micros, NULL);
}

static void metrics_server(metrics *m, const status_view *view)
{
    static const metric busy = {
        "switchboard_busy_workers", METRIC_GAUGE, NULL,
        "Workers of the server that are serving a request."
    };
    static const metric workers = {
        "switchboard_workers", METRIC_GAUGE, NULL,
        "Workers that the server may have."
    };
    static const metric untracked = {
        "switchboard_untracked_requests", METRIC_COUNTER, NULL,
        "Requests of entries that had no slot: not in any list of hosts."
    };
    static const metric started = {
        "switchboard_start_time_seconds", METRIC_GAUGE, "seconds",
        "When the counters began, seconds since 1970."
    };
    metric_family(m, &busy);
    metric_one(m, NULL, NULL, view->busy);
    metric_family(m, &workers);
    metric_one(m, NULL, NULL, view->workers);
    metric_family(m, &untracked);
    metric_one(m, NULL, NULL, slots_missed(view->slots));
    metric_family(m, &started);
    metric_sample(m, "");
    metric_seconds(m, view->slots->block->created);
}

static void metrics_reproxy(metrics *m, const status_view *view)
{
    static const metric answers = {
        "switchboard_reproxy_answers", METRIC_COUNTER, NULL,
        "Requests whose app named what to serve."
    };
    static const metric files = {
        "switchboard_reproxy_files", METRIC_COUNTER, NULL,
        "Of these, those with a file."
    };
    static const metric bytes = {
        "switchboard_reproxy_sent_bytes", METRIC_COUNTER, "bytes",
        "Bytes sent to clients for these."
    };
    static const metric attempts = {
        "switchboard_reproxy_attempts", METRIC_COUNTER, NULL,
        "URLs and files that mod_reproxy tried, by result."
    };
    unsigned i;

    metric_family(m, &answers);
    metric_one(m, NULL, NULL, view->totals.reproxied);
    metric_family(m, &files);
    metric_one(m, NULL, NULL, view->totals.reproxied_files);
    metric_family(m, &bytes);
    metric_one(m, NULL, NULL, view->totals.reproxied_bytes);
    metric_family(m, &attempts);
    for (i = 0; view->attempts[i]; i++) {
        metric_one(m, "result", view->attempts[i], view->totals.attempts[i]);
    }
}

/* ---- backends ---------------------------------------------------------- */

/* Labels of a backend's sample, the second one ours or none. */
static void metric_backend_sample(metrics *m, const status_backend *backend,
                                  const char *name, const char *value)
{
    metric_sample(m, metric_total_end(m));
    metric_label(m, "{", "backend", hostmap_str_of(backend->name.text,
                                            backend->name.len));
    if (name) {
        metric_label(m, ",", name, metric_str_of(value));
    }
    status_puts(m->out, "}");
}

/* Writes what a family says of one backend. */
typedef void backend_fn(metrics *m, const status_backend *backend);

static void metric_backend_range(metrics *m, const status_backend *backend,
                                 const char *name, unsigned first,
                                 unsigned last)
{
    unsigned i;

    for (i = first; i <= last; i++) {
        metric_backend_sample(m, backend, name, status_backend_counts[i]);
        metric_number(m, backend->counts[i]);
    }
}

static void metric_backend_requests(metrics *m, const status_backend *backend)
{
    metric_backend_range(m, backend, "class", SLOTS_BACKEND_1XX,
                         SLOTS_BACKEND_5XX);
}

static void metric_backend_failures(metrics *m, const status_backend *backend)
{
    metric_backend_range(m, backend, "reason", SLOTS_BACKEND_REFUSED,
                         SLOTS_BACKEND_BAD);
}

static void metric_backend_limited(metrics *m, const status_backend *backend)
{
    metric_backend_sample(m, backend, NULL, NULL);
    metric_number(m, backend->counts[SLOTS_BACKEND_LIMITED]);
}

static void metric_backend_connections(metrics *m,
                                       const status_backend *backend)
{
    metric_backend_range(m, backend, "how", SLOTS_BACKEND_NEW,
                         SLOTS_BACKEND_REUSED);
}

static void metric_backend_resent(metrics *m, const status_backend *backend)
{
    metric_backend_sample(m, backend, NULL, NULL);
    metric_number(m, backend->counts[SLOTS_BACKEND_RESENT]);
}

static void metric_backend_flight(metrics *m, const status_backend *backend)
{
    metric_backend_sample(m, backend, NULL, NULL);
    metric_number(m, backend->flight.in_flight);
}

static void metric_backend_failing(metrics *m, const status_backend *backend)
{
    metric_backend_sample(m, backend, NULL, NULL);
    metric_number(m, backend->state == STATUS_FAILING);
}

static void metric_backend_first_byte(metrics *m, const status_backend *backend)
{
    metric_histogram(m, SLOTS_BACKEND_BITS, backend->first_byte,
              backend->counts[SLOTS_BACKEND_MICROS], &backend->name);
}

static void metrics_backends(metrics *m, const status_view *view)
{
    static const struct {
        metric family;
        backend_fn *write;
    } families[] = {
        { { "switchboard_backend_requests", METRIC_COUNTER, NULL,
            "Requests that a backend answered, by class of its status." },
          metric_backend_requests },
        { { "switchboard_backend_failures", METRIC_COUNTER, NULL,
            "Requests that a backend did not answer, by reason." },
          metric_backend_failures },
        { { "switchboard_backend_limited", METRIC_COUNTER, NULL,
            "Requests that a limit kept from a backend." },
          metric_backend_limited },
        { { "switchboard_backend_connections", METRIC_COUNTER, NULL,
            "Requests to a backend, by the connection they went over." },
          metric_backend_connections },
        { { "switchboard_backend_resent", METRIC_COUNTER, NULL,
            "Requests sent again because the backend closed a connection." },
          metric_backend_resent },
        { { "switchboard_backend_in_flight", METRIC_GAUGE, NULL,
            "Requests on their way to a backend, over all children." },
          metric_backend_flight },
        { { "switchboard_backend_failing", METRIC_GAUGE, NULL,
            "1 when the last attempts to reach a backend failed." },
          metric_backend_failing },
        { { "switchboard_backend_first_byte_seconds", METRIC_HISTOGRAM,
            "seconds", "Until the first byte of a backend's answer." },
          metric_backend_first_byte }
    };
    unsigned i, k;

    for (i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        metric_family(m, &families[i].family);
        for (k = 0; k < view->backend_count; k++) {
            status_backend backend;

            /* a name that is not whole could be the same as another's */
            if (status_backend_read(&backend, view->slots, view->backends[k])
                && backend.name.len > 0
                && backend.name.len == backend.name.head.len) {
                families[i].write(m, &backend);
            }
        }
    }
}

/* ---- maps -------------------------------------------------------------- */

static void metric_map_gauge(metrics *m, const status_map *map)
{
    metric_sample(m, metric_total_end(m));
    metric_label(m, "{", "map", metric_str_of(map->path));
    status_puts(m->out, "}");
}

static void metrics_maps(metrics *m, const status_view *view)
{
    static const metric entries = {
        "switchboard_map_entries", METRIC_GAUGE, NULL,
        "Entries of a map, where its type can tell."
    };
    static const metric modified = {
        "switchboard_map_modified_time_seconds", METRIC_GAUGE, "seconds",
        "When the file that is served was written, seconds since 1970."
    };
    static const metric ok = {
        "switchboard_map_up", METRIC_GAUGE, NULL,
        "1 when what the path of a map leads to can be read, else 0."
    };
    unsigned i;

    metric_family(m, &entries);
    for (i = 0; i < view->map_count; i++) {
        if (view->maps[i].entries >= 0) {
            metric_map_gauge(m, &view->maps[i]);
            metric_number(m, (apr_uint64_t)view->maps[i].entries);
        }
    }
    metric_family(m, &modified);
    for (i = 0; i < view->map_count; i++) {
        if (view->maps[i].modified > 0) {
            metric_map_gauge(m, &view->maps[i]);
            metric_seconds(m, (apr_uint64_t)view->maps[i].modified);
        }
    }
    metric_family(m, &ok);
    for (i = 0; i < view->map_count; i++) {
        metric_map_gauge(m, &view->maps[i]);
        metric_number(m, strcmp(view->maps[i].state, "broken") != 0);
    }
}

static void metric_follower_sample(metrics *m, const status_follower *follower)
{
    metric_sample(m, "");
    metric_label(m, "{", "file", metric_str_of(follower->file));
    status_puts(m->out, "} ");
}

static void metrics_followers(metrics *m, const status_view *view)
{
    static const metric up = {
        "switchboard_follower_up", METRIC_GAUGE, NULL,
        "1 while a follower is connected to its store, else 0."
    };
    static const metric lag = {
        "switchboard_follower_lag_seconds", METRIC_GAUGE, "seconds",
        "How far the map of a follower is behind the store, where known."
    };
    unsigned i;

    metric_family(m, &up);
    for (i = 0; i < view->follower_count; i++) {
        metric_follower_sample(m, &view->followers[i]);
        status_puts(m->out, strcmp(view->followers[i].state, "connected") == 0
                    ? "1\n" : "0\n");
    }
    metric_family(m, &lag);
    for (i = 0; i < view->follower_count; i++) {
        if (view->followers[i].lag >= 0) {
            metric_follower_sample(m, &view->followers[i]);
            status_lag(m->out, &view->followers[i]);
            status_puts(m->out, "\n");
        }
    }
}

/* ---- hosts, when asked for --------------------------------------------- */

static void metric_host_sample(metrics *m, const status_view *view,
                               const status_hit *hit, const char *suffix)
{
    metric_sample(m, suffix);
    metric_label(m, "{", "map",
                 metric_str_of(status_map_path(view, hit->name.head.map)));
    metric_label(m, ",", "key", hostmap_str_of(hit->name.text, hit->name.len));
    status_puts(m->out, "}");
}

static void metrics_hosts(metrics *m, const status_view *view)
{
    static const metric families[SLOTS_ENTRY_COUNTS] = {
        { "switchboard_entry_requests", METRIC_COUNTER, NULL,
          "Requests of the entries that have the most." },
        { "switchboard_entry_errors", METRIC_COUNTER, NULL,
          "Of these, answered with a 5xx." },
        { "switchboard_entry_sent_bytes", METRIC_COUNTER, "bytes",
          "Bytes sent to clients for these." },
        { "switchboard_entry_seconds", METRIC_COUNTER, "seconds",
          "How long these took together." }
    };
    const status_top *top = &view->tops[SLOTS_ENTRY_REQUESTS];
    unsigned i, k;

    for (i = 0; i < SLOTS_ENTRY_COUNTS; i++) {
        metric_family(m, &families[i]);
        for (k = 0; k < top->count; k++) {
            const status_hit *hit = &top->hits[k];

            if (hit->name.len < hit->name.head.len) {
                continue;
            }
            metric_host_sample(m, view, hit, "_total");
            if (i == SLOTS_ENTRY_MICROS) {
                metric_seconds(m, hit->counts[i]);
            }
            else {
                metric_number(m, hit->counts[i]);
            }
            if (m->open) {
                /* it began anew when the entry got its slot */
                metric_host_sample(m, view, hit, "_created");
                metric_number(m, hit->name.head.created);
            }
        }
    }
}

void status_metrics(status_out *out, const status_view *view, int open)
{
    static const metric first_byte = {
        "switchboard_first_byte_seconds", METRIC_HISTOGRAM, "seconds",
        "Until the first byte of a backend's answer, of mapped requests."
    };
    metrics m = { 0 };

    m.out = out;
    m.open = open;
    metrics_requests(&m, view);
    if (view->has_pools) {
        metric_family(&m, &first_byte);
        metric_histogram(&m, SLOTS_TOTAL_BITS, view->totals.first_byte,
                  view->totals.first_micros, NULL);
    }
    metrics_server(&m, view);
    if (view->has_reproxy) {
        metrics_reproxy(&m, view);
    }
    metrics_backends(&m, view);
    metrics_maps(&m, view);
    if (view->follower_count > 0) {
        metrics_followers(&m, view);
    }
    if (view->host_series) {
        metrics_hosts(&m, view);
    }
    if (open) {
        status_puts(out, "# EOF\n");
    }
}
