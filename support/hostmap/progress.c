/* SPDX-License-Identifier: Apache-2.0 */

/*
 * progress.c: the line that shows how far it is.
 */

#include "progress.h"

#include <stdio.h>
#include <unistd.h>

/* When the line is first shown, and how often it is then updated. */
#define FIRST_AFTER     APR_USEC_PER_SEC
#define AGAIN_AFTER     (APR_USEC_PER_SEC / 5)

static int progress_is_enabled;
static int progress_is_shown;

void progress_enable(int enable)
{
    progress_is_enabled = enable && isatty(STDERR_FILENO);
}

void progress_print(void)
{
    if (isatty(STDOUT_FILENO)) {
        progress_is_enabled = 0;
    }
}

void progress_begin(progress *p, const char *what, apr_uint64_t total)
{
    p->what = what;
    p->total = total;
    p->rows = 0;
    p->began = apr_time_now();
    p->next = p->began + FIRST_AFTER;
}

void progress_clear(void)
{
    if (progress_is_shown) {
        progress_is_shown = 0;
        fputs("\r\033[K", stderr);
    }
}

/* The time left at the rate so far. */
static void progress_left(const progress *p, apr_uint64_t done, double seconds)
{
    apr_uint64_t left;

    if (p->total == 0 || done == 0 || done > p->total) {
        return;
    }
    left = (apr_uint64_t)(seconds * (double)(p->total - done)
                          / (double)done + 0.5);
    fprintf(stderr, ", %u %%, %" APR_UINT64_T_FMT ":%02u left",
            (unsigned)(100 * (double)done / (double)p->total), left / 60,
            (unsigned)(left % 60));
}

void progress_look(progress *p, apr_uint64_t done)
{
    apr_time_t now;
    double seconds;

    if (!progress_is_enabled) {
        return;
    }
    now = apr_time_now();
    if (now < p->next) {
        return;
    }
    p->next = now + AGAIN_AFTER;
    seconds = (double)(now - p->began) / APR_USEC_PER_SEC;
    progress_is_shown = 1;
    fprintf(stderr, "\r%s: %" APR_UINT64_T_FMT " entries, %.0f/s", p->what,
            p->rows, (double)p->rows / seconds);
    progress_left(p, done, seconds);
    fputs("\033[K", stderr);
    fflush(stderr);
}

void progress_end(progress *p)
{
    progress_clear();
    p->rows = 0;
}
