/* SPDX-License-Identifier: Apache-2.0 */

/*
 * status.c: what a follower tells of itself: a file, a report to the store.
 */

#include "follower.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apr_strings.h"

#include "json.h"
#include "log.h"

double follow_lag(const follower *f, apr_time_t now)
{
    if (!f->has_map || !f->counters.synced) {
        return -1;
    }
    /* seen to be at the end a moment ago is no lag */
    if (f->counters.connected
        && now - f->counters.synced < apr_time_from_sec(3)) {
        return 0;
    }

    return (double)(now - f->counters.synced) / APR_USEC_PER_SEC;
}

static void write_relay_json(const follow_relay *r, json *j)
{
    json_string(j, "push_store", r->name);
    json_string(j, "push_position", r->at.text);
    json_number(j, "push_changes", (apr_int64_t)r->changes);
    json_number(j, "push_fills", (apr_int64_t)r->fills);
    json_number(j, "push_time", apr_time_sec(r->pushed));
    json_string(j, "push_error", r->error);
}

static void write_json(const follower *f, FILE *to)
{
    const follow_counters *c = &f->counters;
    char digest[FOLLOW_DIGEST_TEXT + 1];
    apr_time_t now = apr_time_now();
    json j;

    follow_digest_write(&f->state.digest, digest);
    json_begin_to(&j, to);
    json_string(&j, "node", f->node);
    json_string(&j, "map", f->options->map);
    json_string(&j, "store", f->name);
    json_truth(&j, "connected", c->connected);
    json_string(&j, "position", f->has_map ? f->state.position.text : NULL);
    json_number(&j, "entries", f->state.entries);
    json_string(&j, "digest", digest);
    json_fraction(&j, "lag_seconds", follow_lag(f, now));
    json_number(&j, "time", apr_time_sec(now));
    json_number(&j, "store_time", apr_time_sec(f->state.time));
    json_number(&j, "applied_time", apr_time_sec(c->applied));
    json_number(&j, "kept_time", apr_time_sec(c->kept));
    json_number(&j, "batches", (apr_int64_t)c->batches);
    json_number(&j, "changes", (apr_int64_t)c->changes);
    json_number(&j, "snapshots", (apr_int64_t)(c->snapshots_first
                + c->snapshots_lost + c->snapshots_behind
                + c->snapshots_asked));
    json_number(&j, "skipped", (apr_int64_t)c->skipped);
    json_number(&j, "refused", (apr_int64_t)c->refused);
    json_number(&j, "reconnects", (apr_int64_t)c->reconnects);
    json_number(&j, "bytes_written", (apr_int64_t)c->bytes);
    json_string(&j, "last_error", c->error);
    if (f->relay) {
        write_relay_json(f->relay, &j);
    }
    json_end(&j);
}

/* ---- Prometheus -------------------------------------------------------- */

static void metric(FILE *to, const char *name, const char *type,
                   const char *help, double value)
{
    fprintf(to, "# HELP switchboard_follow_%s %s\n"
            "# TYPE switchboard_follow_%s %s\n", name, help, name, type);
    fprintf(to, "switchboard_follow_%s %.17g\n", name, value);
}

static void write_snapshots(const follow_counters *c, FILE *to)
{
    static const char name[] = "switchboard_follow_snapshots_total";

    fprintf(to, "# HELP %s Snapshots taken, by reason.\n# TYPE %s counter\n",
            name, name);
    fprintf(to, "%s{reason=\"first\"} %" APR_UINT64_T_FMT "\n", name,
            c->snapshots_first);
    fprintf(to, "%s{reason=\"lost\"} %" APR_UINT64_T_FMT "\n", name,
            c->snapshots_lost);
    fprintf(to, "%s{reason=\"behind\"} %" APR_UINT64_T_FMT "\n", name,
            c->snapshots_behind);
    fprintf(to, "%s{reason=\"asked\"} %" APR_UINT64_T_FMT "\n", name,
            c->snapshots_asked);
}

static void write_relay(const follower *f, FILE *to)
{
    const follow_relay *r = f->relay;

    metric(to, "push_at_position", "gauge", "1 while the store of --push is "
           "at the position of the map.",
           r->is_known && follow_position_equal(&r->at, &f->state.position));
    metric(to, "push_changes_total", "counter", "Changes written into the "
           "store of --push.", (double)r->changes);
    metric(to, "push_fills_total", "counter", "Times the store of --push was "
           "made like the map.", (double)r->fills);
    metric(to, "push_time_seconds", "gauge", "When the store of --push was "
           "last written.", (double)r->pushed / APR_USEC_PER_SEC);
}

static void write_prometheus(const follower *f, FILE *to)
{
    const follow_counters *c = &f->counters;
    apr_time_t now = apr_time_now();

    metric(to, "connected", "gauge", "1 while the store is connected.",
           c->connected);
    metric(to, "entries", "gauge", "Entries of the map.",
           (double)f->state.entries);
    metric(to, "lag_seconds", "gauge", "Seconds since the map was at the end "
           "of the log, -1: not known.", follow_lag(f, now));
    metric(to, "store_time_seconds", "gauge", "When the last applied change "
           "was made.", (double)f->state.time / APR_USEC_PER_SEC);
    metric(to, "applied_time_seconds", "gauge", "When the map was last "
           "replaced.", (double)c->applied / APR_USEC_PER_SEC);
    metric(to, "kept_time_seconds", "gauge", "When the kept copy was last "
           "written.", (double)c->kept / APR_USEC_PER_SEC);
    metric(to, "batches_total", "counter", "Times the map was replaced.",
           (double)c->batches);
    metric(to, "changes_total", "counter", "Changes applied.",
           (double)c->changes);
    metric(to, "skipped_total", "counter", "Entries that a map cannot take.",
           (double)c->skipped);
    metric(to, "refused_total", "counter", "Times a state of the store was "
           "refused.", (double)c->refused);
    metric(to, "reconnects_total", "counter", "Connections made after the "
           "first.", (double)c->reconnects);
    metric(to, "bytes_written_total", "counter", "Bytes of the maps that were "
           "put in place.", (double)c->bytes);
    write_snapshots(c, to);
    if (f->relay) {
        write_relay(f, to);
    }
}

/* ---- where it goes ----------------------------------------------------- */

static int ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

void follow_status_write(follower *f)
{
    const char *path = f->options->status;
    char *work;
    FILE *to;
    int failed;

    if (!path) {
        return;
    }
    work = malloc(strlen(path) + 8);
    if (!work) {
        return;
    }
    sprintf(work, "%s.new", path);
    to = fopen(work, "we");
    if (to && ends_with(path, ".prom")) {
        write_prometheus(f, to);
    }
    else if (to) {
        write_json(f, to);
    }
    failed = !to || fflush(to) != 0 || ferror(to);
    if (to) {
        failed |= fclose(to) != 0;
    }
    if (failed || rename(work, path) != 0) {
        follow_log_limited(&f->status_error, FOLLOW_ERR, "the status %s "
                           "cannot be written: %s", path, strerror(errno));
    }
    free(work);
}

void follow_status_report(follower *f)
{
    const follow_provider *provider = f->store->provider;
    char *text = NULL;
    hostmap_reason why;
    size_t len = 0;
    FILE *to;

    if (!f->options->report || !provider->report
        || !f->counters.connected) {
        return;
    }
    to = open_memstream(&text, &len);
    if (!to) {
        return;
    }
    write_json(f, to);
    if (fclose(to) == 0) {
        /* without the line's end */
        if (provider->report(f->store, f->node,
                             hostmap_str_of(text, len ? len - 1 : 0), &why)
            != APR_SUCCESS) {
            follow_log_limited(&f->report_error, FOLLOW_WARNING, "the report "
                               "cannot be written: %s", why.text);
        }
    }
    free(text);
}
