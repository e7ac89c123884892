/* SPDX-License-Identifier: Apache-2.0 */

/*
 * report.c: what is wrong in a source.
 */

#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "progress.h"

/* How many bytes of a wrong value are shown. */
#define SHOWN_MAX   200

void report_init(report *r, const char *name, int is_quiet)
{
    r->name = name;
    r->has_lines = 1;
    r->is_quiet = is_quiet;
}

void report_free(report *r)
{
    apr_size_t i;

    for (i = 0; i < REPORT_LINES_MAX; i++) {
        free(r->doubles[i].key);
    }
}

/* ---- lines ------------------------------------------------------------- */

static void report_place(const report *r, apr_size_t line)
{
    progress_clear();
    if (line && r->has_lines) {
        fprintf(stderr, "%s:%" APR_SIZE_T_FMT ": ", r->name, line);
    }
    else {
        fprintf(stderr, "%s: ", r->name);
    }
}

/* Begin a message about a wrong line.  Returns 0 when enough was printed. */
static int report_begin(report *r, apr_size_t line)
{
    if (++r->bad > REPORT_LINES_MAX) {
        return 0;
    }
    report_place(r, line);

    return 1;
}

static void report_key(hostmap_str key)
{
    apr_size_t shown = key.len > HOSTMAP_KEY_MAX ? HOSTMAP_KEY_MAX : key.len;

    tool_write(stderr, key.ptr, shown, 1);
    fputs(shown < key.len ? "...: " : ": ", stderr);
}

void report_fault(report *r, apr_size_t line, const line_fault *fault)
{
    if (!report_begin(r, line)) {
        return;
    }
    if (fault->key.len) {
        report_key(fault->key);
    }
    if (fault->value.len) {
        tool_write(stderr, fault->value.ptr, fault->value.len < SHOWN_MAX
                   ? fault->value.len : SHOWN_MAX, 0);
        fputs(": ", stderr);
    }
    fputs(fault->reason, stderr);
    if (fault->column) {
        fprintf(stderr, ", at column %" APR_SIZE_T_FMT "%s", fault->column,
                fault->value.len ? " of the value" : "");
    }
    fputc('\n', stderr);
}

void report_wrong(report *r, apr_size_t line, hostmap_str key,
                  const char *reason)
{
    line_fault fault = { key, { NULL, 0 }, reason, 0 };

    report_fault(r, line, &fault);
}

void report_orphan(report *r, apr_size_t line, hostmap_str key)
{
    if (!report_begin(r, line)) {
        return;
    }
    report_key(key);
    fputs("a path needs its host's own line, write `", stderr);
    tool_write(stderr, key.ptr, hostmap_key_host_len(key), 1);
    fputs(" !` if there is no backend for the rest\n", stderr);
}

void report_note(report *r, apr_size_t line, hostmap_str written,
                 hostmap_str stored, const char *more)
{
    if (r->is_quiet || ++r->noted > REPORT_LINES_MAX) {
        return;
    }
    report_place(r, line);
    fputs("note: ", stderr);
    report_key(written);
    fprintf(stderr, "stored as %.*s%s\n", (int)stored.len, stored.ptr, more);
}

void report_summary(const report *r)
{
    if (r->bad > REPORT_LINES_MAX) {
        fprintf(stderr, "%s: and %" APR_SIZE_T_FMT " more wrong lines\n",
                r->name, r->bad - REPORT_LINES_MAX);
    }
}

/* ---- duplicate keys ---------------------------------------------------- */

/* Where a duplicate is kept: if no place is free, in that of the one on the
 * last line. */
static report_double *report_double_place(report *r)
{
    report_double *last = r->doubles;
    apr_size_t i;

    if (r->doubled < REPORT_LINES_MAX) {
        return &r->doubles[r->doubled];
    }
    for (i = 1; i < REPORT_LINES_MAX; i++) {
        if (r->doubles[i].line > last->line) {
            last = &r->doubles[i];
        }
    }

    return last;
}

void report_add_double(report *r, apr_size_t line, hostmap_str key,
                       apr_size_t first, int is_equal)
{
    report_double *d = report_double_place(r);

    ++*(is_equal ? &r->equal : &r->contrary);
    if (r->doubled++ >= REPORT_LINES_MAX && d->line <= line) {
        return;
    }
    d->key = tool_realloc(d->key, key.len);
    memcpy(d->key, key.ptr, key.len);
    d->key_len = key.len;
    d->line = line;
    d->first = first;
}

static int report_by_line(const void *va, const void *vb)
{
    const report_double *a = va;
    const report_double *b = vb;

    return a->line < b->line ? -1 : a->line > b->line;
}

void report_doubles(report *r)
{
    apr_size_t known = r->doubled < REPORT_LINES_MAX ? r->doubled
                                                     : REPORT_LINES_MAX;
    apr_size_t i;

    qsort(r->doubles, known, sizeof(*r->doubles), report_by_line);
    for (i = 0; i < known; i++) {
        const report_double *d = &r->doubles[i];

        if (!report_begin(r, d->line)) {
            continue;
        }
        fputs("duplicate key ", stderr);
        tool_write(stderr, d->key, d->key_len, 1);
        if (r->has_lines) {
            fprintf(stderr, ", first on line %" APR_SIZE_T_FMT, d->first);
        }
        fputc('\n', stderr);
    }
    r->bad += r->doubled - known;
    r->doubled = 0;
}
