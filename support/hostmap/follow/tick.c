/* SPDX-License-Identifier: Apache-2.0 */

/*
 * tick.c: what goes on while a follower does something else: signals, the
 * service manager's watchdog, the status file.
 */

#include "follower.h"

#include <string.h>
#include <time.h>

#include "log.h"

volatile follow_signals follow_wanted;

static void on_signal(int number)
{
    switch (number) {
    case SIGHUP:
        follow_wanted.reload = 1;
        break;
    case SIGUSR1:
        follow_wanted.snapshot = 1;
        break;
    default:
        follow_wanted.stop = 1;
    }
}

/* Without SA_RESTART: they end what waits. */
void follow_signals_take(void)
{
    static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };
    struct sigaction action;
    apr_size_t i;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        sigaction(numbers[i], &action, NULL);
    }
}

apr_status_t follow_tick(follower *f)
{
    apr_time_t now = apr_time_now();

    if (follow_wanted.stop) {
        return APR_EINTR;
    }
    if (now - f->ticked < apr_time_from_sec(1) && now >= f->ticked) {
        return APR_SUCCESS;
    }
    f->ticked = now;
    follow_notify("WATCHDOG=1\nSTATUS=%s, %" APR_INT64_T_FMT " entries at %s",
                  f->counters.connected ? "following" : "not connected",
                  f->state.entries, f->has_map ? f->state.position.text
                                               : "no position");
    follow_status_write(f);

    return APR_SUCCESS;
}

void follow_pause_until(follower *f, apr_time_t until)
{
    apr_time_t now;

    while ((now = apr_time_now()) < until) {
        apr_interval_time_t left = until - now;
        struct timespec slice = { 0, 0 };

        if (left > apr_time_from_msec(500)) {
            left = apr_time_from_msec(500);
        }
        slice.tv_nsec = (long)left * 1000;
        if (follow_tick(f) != APR_SUCCESS || follow_wanted.reload
            || nanosleep(&slice, NULL) != 0) {
            return;
        }
    }
}
