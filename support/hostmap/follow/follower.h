/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file follower.h
 * @brief The rule that following a store consists of: the entry at the map's
 *        position is still in the log, and what is applied begins right after
 *        it; else a new snapshot is taken and brought to the log's end before
 *        it is put in place.
 *
 * A position moves with an applied entry and for no other reason; data and
 * position are one file.  Nothing a store does ends the program or empties the
 * map.  One follower a process, one thread.
 */

#ifndef FOLLOW_FOLLOWER_H
#define FOLLOW_FOLLOWER_H

#include <signal.h>
#include <sys/types.h>

#include "base/limit.h"
#include "batch.h"
#include "relay.h"
#include "store.h"

/** Exit statuses of --once besides TOOL_DONE and TOOL_FAILED. */
#define FOLLOW_UNREACHED 2
#define FOLLOW_REFUSED   3

typedef struct follow_options {
    /** absolute */
    const char *map;
    /** NULL: none */
    const char *keep, *status;
    apr_interval_time_t interval, behind, keep_interval;
    /** --max-removed, -1: not given */
    int max_removed;
    /** at once in a fleet */
    int snapshots;
    int report;
    /** do not log what went well */
    int quiet;
} follow_options;

/** What --status and --report tell. */
typedef struct follow_counters {
    apr_uint64_t batches, changes, skipped, refused, reconnects, bytes;
    /** by reason */
    apr_uint64_t snapshots_first, snapshots_lost, snapshots_behind,
        snapshots_asked;
    int connected;
    /** when the map was last seen to be at the log's end, applied, kept */
    apr_time_t synced, applied, kept;
    /** the last thing that went wrong; "" */
    char error[256];
} follow_counters;

typedef struct follower {
    const follow_options *options;
    follow_store *store;
    /** "redis:hosts" */
    char name[FOLLOW_STORE_MAX + 1];
    /** NULL: nothing is written anywhere */
    follow_relay *relay;
    /** "HOST:MAP" */
    const char *node;
    apr_pool_t *pool;
    /** of the map; has_map 0: no map exists */
    follow_state state;
    int has_map;
    follow_counters counters;
    /** the file that is the map, by what it was when it was put in place */
    dev_t map_device;
    ino_t map_inode;
    /** it has to be read again */
    int is_moved;
    /** of the copy that is kept */
    follow_position kept;
    /** cleared at each step */
    apr_pool_t *step_pool;
    /** not before: snapshots, batches */
    apr_time_t snapshot_at, batch_at;
    /** attempts since the last that succeeded; was there ever one? */
    unsigned failures;
    int was_connected;
    /** since when the store ends before the map; 0: it does not */
    apr_time_t behind;
    apr_time_t ticked, reported;
    int is_ready;
    /** the messages that repeat */
    hostmap_limit down, denied, no_log, is_behind, refused, map_error,
        keep_error, status_error, report_error;
    hostmap_reason why;
} follower;

/* ---- the rule: engine.c, snapshot.c ------------------------------------- */

/** Set up; nothing is read or connected. */
void follow_init(follower *f, follow_store *store,
                 const follow_options *options, const char *name,
                 apr_pool_t *pool);

/** Follow until SIGTERM or SIGINT.  @return an exit status */
int follow_run(follower *f);

/** Bring the map to the log's end.  @return an exit status */
int follow_once(follower *f);

/** Take a snapshot and bring it to the log's end: snapshot.c.
 *  @param reason for the log */
apr_status_t follow_snapshot(follower *f, const char *reason);

/* ---- beside it: tick.c, status.c ----------------------------------------- */

/** What signals asked for, until it is done. */
typedef struct follow_signals {
    sig_atomic_t stop;          /**< SIGTERM, SIGINT */
    sig_atomic_t reload;        /**< SIGHUP */
    sig_atomic_t snapshot;      /**< SIGUSR1 */
} follow_signals;

extern volatile follow_signals follow_wanted;

/** Have signals set follow_wanted. */
void follow_signals_take(void);

/** Wait until a time, or for a signal. */
void follow_pause_until(follower *f, apr_time_t until);

/** What can be done each second while something long goes on: the service
 *  manager's watchdog, status.  @return APR_EINTR: the program is to end */
apr_status_t follow_tick(follower *f);

/** Write --status and --report: status.c. */
void follow_status_write(follower *f);
void follow_status_report(follower *f);

/** How long ago the map was at the log's end, in seconds; 0: it is there now,
 *  -1: not known. */
double follow_lag(const follower *f, apr_time_t now);

#endif /* FOLLOW_FOLLOWER_H */
