/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap.h
 * @brief A path that is served from for months.
 *
 * A map is a file that never changes; a change is a new file, renamed over the
 * old one.  A hostmap notices that the file was replaced, switches, keeps the
 * last good file when the new one cannot be read, and answers HOSTMAP_EBUSY
 * while a writer has a DBM file locked.  For modules; tools read one file as it
 * is now (store/hostmap_file.h).
 *
 * APR, APR-util and LMDB only; messages go to a callback.
 */

#ifndef HOSTMAP_H
#define HOSTMAP_H

#include "apr_errno.h"
#include "apr_pools.h"
#include "apr_time.h"

#include "hostmap/store/hostmap_file.h"
#include "hostmap_key.h"
#include "hostmap_match.h"

/** The maps of one process.  Paths that lead to the same file (device and
 *  inode) share it.  Create it after fork. */
typedef struct hostmap_registry hostmap_registry;

typedef enum {
    HOSTMAP_LOG_ERR,
    HOSTMAP_LOG_WARNING,
    HOSTMAP_LOG_INFO,
    HOSTMAP_LOG_DEBUG
} hostmap_log_level;

/** Logs what happened to a map: a line, "map PATH: ...".  Called from any
 *  thread.  Failures that repeat are logged once a minute, with their count. */
typedef void hostmap_log_fn(void *baton, hostmap_log_level level,
                            const char *line);

/** @param pool owns the registry; everything is closed when it is cleared */
apr_status_t hostmap_registry_create(hostmap_registry **registry,
                                     hostmap_log_fn *log, void *baton,
                                     apr_pool_t *pool);

typedef struct hostmap hostmap;

/**
 * Register a map.  The first look-up opens the file, so that a map that is
 * missing or broken now may come later.  Not for use while look-ups run.
 * @param type as for hostmap_type_of; a default type is detected again for each
 *        new file
 * @param interval how often the path is checked, microseconds
 * @return APR_SUCCESS, or a failure of the system.  The same path, type and
 *         interval give the same map again.
 */
apr_status_t hostmap_open(hostmap **map, hostmap_registry *registry,
                          const char *path, const char *type,
                          apr_interval_time_t interval);

/** Have each file proved by hostmap_file_verify() before it is switched to.
 *  Before the first look-up. */
void hostmap_verify(hostmap *map);

/**
 * Find the entry for a host and a path in the file that the path of the map
 * leads to now: hostmap_match(), with all its look-ups in one file, even when
 * the map is replaced at the same time.  A map without features costs one
 * look-up.  Any number of threads.  Blocks at most one second, while a writer
 * has a DBM file locked.
 * @param found set when the result is APR_SUCCESS.  The value is copied into
 *        pool, terminated with NUL
 * @param host as hostmap_key_host() writes it, not in found
 * @param path as for hostmap_match(), terminated with NUL; NULL: the key `host`
 *        is looked up and nothing else, whatever the map's features are
 * @return APR_SUCCESS; APR_NOTFOUND (also for an empty host and one longer than
 *         HOSTMAP_KEY_MAX); HOSTMAP_EBUSY; any other status: the map is broken
 *         (logged through the callback)
 */
apr_status_t hostmap_find(hostmap *map, hostmap_matched *found,
                          hostmap_str host, const char *path,
                          apr_pool_t *pool);

/**
 * Look one key up, exactly: hostmap_find() without a path.
 * @param value copied into pool, terminated with NUL
 * @return as hostmap_find()
 */
apr_status_t hostmap_lookup(hostmap *map, hostmap_str *value, hostmap_str key,
                            apr_pool_t *pool);

typedef enum {
    HOSTMAP_IS_OK,
    HOSTMAP_IS_BUSY,            /**< a writer holds the file */
    HOSTMAP_IS_BROKEN,          /**< what the path leads to cannot be read */
    HOSTMAP_IS_UNREAD           /**< not looked at yet */
} hostmap_state;

/** What a map is and what happened to it since hostmap_open(). */
typedef struct hostmap_facts {
    hostmap_state state;
    hostmap_stat file;          /**< the one that is served; type NULL: none */
    apr_uint64_t replaced;      /**< times that another file was taken */
    apr_interval_time_t broken; /**< how long it was broken in all */
    apr_interval_time_t busy;   /**< how long a writer kept it in all */
    hostmap_reason last_error;  /**< text "": none */
    apr_time_t last_error_at;   /**< 0: never */
} hostmap_facts;

/** As the last look-up found it; looks at no file.  Any thread. */
void hostmap_facts_get(hostmap *map, hostmap_facts *facts);

#endif /* HOSTMAP_H */
