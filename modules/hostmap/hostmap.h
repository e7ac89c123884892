/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap.h
 * @brief Maps on disk: apr_dbm files and LMDB, opened, looked up, listed.
 *
 * A map is a file that never changes; a change is a new file, renamed over the
 * old one.  Two handles read it:
 *
 * - hostmap_file: one file as it is now.  For tools.
 * - hostmap: a path that is served from for months.  Notices that the file was
 *   replaced, switches, keeps the last good file when the new one cannot be
 *   read, answers APR_EBUSY while a writer holds a DBM file.  For modules.
 *
 * APR, APR-util and LMDB only; messages go to a callback.
 */

#ifndef HOSTMAP_H
#define HOSTMAP_H

#include "apr_pools.h"
#include "apr_time.h"
#include "apr_errno.h"

#include "hostmap_key.h"
#include "hostmap_match.h"

/** The file is there and is not a map of the type it should be. */
#define HOSTMAP_EFORMAT     (APR_OS_START_USERERR + 101)
/** A writer holds the file, and did so until the deadline. */
#define HOSTMAP_EBUSY       (APR_OS_START_USERERR + 102)
/** This build of APR-util has no driver for the type. */
#define HOSTMAP_ENODRIVER   (APR_OS_START_USERERR + 103)
/** No such type. */
#define HOSTMAP_ETYPE       (APR_OS_START_USERERR + 104)
/** The file was changed or replaced since it was opened: open it again. */
#define HOSTMAP_ESTALE      (APR_OS_START_USERERR + 105)

/** Why something failed: one line, lower case, without the map's name. */
typedef struct hostmap_reason {
    char text[256];
} hostmap_reason;

/* ---- types ------------------------------------------------------------- */

/** Names of the types, NULL at the end: "lmdb", "sdbm", "gdbm", "ndbm", "db".
 *  `default` is not one: it stands for looking at the file. */
extern const char *const hostmap_type_names[];

/**
 * Which type a path is.
 * @param type set to a name of hostmap_type_names
 * @param path the name in the configuration; sdbm and ndbm add .dir and .pag
 * @param wanted a type name in any case, or "default" or NULL: look at the
 *        file's own marks
 * @param pool for the call's own use
 * @return APR_SUCCESS; HOSTMAP_ETYPE (no such type); HOSTMAP_ENODRIVER;
 *         without a type wanted also APR_ENOENT (nothing is there) and
 *         HOSTMAP_EFORMAT (what is there bears no mark of any type)
 */
apr_status_t hostmap_type_of(const char **type, const char *path,
                             const char *wanted, apr_pool_t *pool,
                             hostmap_reason *why);

/**
 * The type that APR calls `default`: what stock httxt2dbm makes when it is not
 * told.  Found by making a file in the folder for temporary files.
 */
apr_status_t hostmap_type_default(const char **type, apr_pool_t *pool,
                                  hostmap_reason *why);

/**
 * Largest sum of the lengths of a key and its value, 0 where the type has no
 * limit below HOSTMAP_KEY_MAX and HOSTMAP_VALUE_MAX.
 * @param type a name of hostmap_type_names
 */
apr_size_t hostmap_type_pair_max(const char *type);

/* ---- one file ---------------------------------------------------------- */

typedef struct hostmap_file hostmap_file;

/**
 * Open a map for reading.  Checks what the format lets it check: a regular
 * file, marks, length.  Allocated with malloc: close it.
 * @param type as for hostmap_type_of
 * @return APR_SUCCESS, HOSTMAP_EFORMAT, HOSTMAP_EBUSY, HOSTMAP_ETYPE,
 *         HOSTMAP_ENODRIVER, or what the system says (APR_ENOENT, APR_EACCES)
 */
apr_status_t hostmap_file_open(hostmap_file **file, const char *path,
                               const char *type, apr_pool_t *pool,
                               hostmap_reason *why);

void hostmap_file_close(hostmap_file *file);

/**
 * Look a key up.  Any number of threads at once.
 * @param value copied into pool, terminated with NUL
 * @return APR_SUCCESS, APR_NOTFOUND (also for an empty key and one longer than
 *         HOSTMAP_KEY_MAX), or a failure with why set
 */
apr_status_t hostmap_file_fetch(hostmap_file *file,
                                const char *key, apr_size_t key_len,
                                const char **value, apr_size_t *value_len,
                                apr_pool_t *pool, hostmap_reason *why);

/** One entry; the bytes are valid during the call only.  Anything but
 *  APR_SUCCESS ends the iteration and is its result. */
typedef apr_status_t hostmap_each_fn(void *baton,
                                     const char *key, apr_size_t key_len,
                                     const char *value, apr_size_t value_len);

/**
 * What the map holds besides whole names: what its mark says.  The writer of
 * a map with wildcards or paths stores the mark as an entry of a key that no
 * host has; it is none of the entries that are listed and counted.  A map
 * without it, every map of the stock tool, is matched exactly.
 * @param marks set to HOSTMAP_MARK_ bits
 * @return as hostmap_file_fetch(), never APR_NOTFOUND
 */
apr_status_t hostmap_file_marks(hostmap_file *file, unsigned *marks,
                                apr_pool_t *pool, hostmap_reason *why);

/**
 * Visit every entry, in the order of the file: sorted by bytes for lmdb, any
 * order for the others (whose writers are locked out meanwhile).
 */
apr_status_t hostmap_file_each(hostmap_file *file, hostmap_each_fn *fn,
                               void *baton, apr_pool_t *pool,
                               hostmap_reason *why);

/** An entry; the bytes are somebody else's and not terminated. */
typedef struct hostmap_pair {
    const char *key;
    apr_size_t key_len;
    const char *value;
    apr_size_t value_len;
} hostmap_pair;

typedef struct hostmap_cursor hostmap_cursor;

/**
 * Walk through the entries in the order of their keys' bytes.  One thread.
 * @param cursor allocated in pool; close it, before the file
 * @return APR_SUCCESS; APR_ENOTIMPL: the type does not keep them in this order
 *         (only lmdb does); else a failure with why set
 */
apr_status_t hostmap_cursor_open(hostmap_cursor **cursor, hostmap_file *file,
                                 apr_pool_t *pool, hostmap_reason *why);

/**
 * The next entry.
 * @param pair its bytes are valid until the cursor is closed
 * @return APR_SUCCESS, APR_EOF: there is none, or a failure with why set
 */
apr_status_t hostmap_cursor_next(hostmap_cursor *cursor, hostmap_pair *pair,
                                 hostmap_reason *why);

void hostmap_cursor_close(hostmap_cursor *cursor);

typedef struct hostmap_stat {
    const char *type;
    /** number of entries, -1 where the type can only count by reading all.
     *  The mark counts as one until hostmap_file_marks() has found it. */
    apr_int64_t entries;
    /** bytes on disk, both files of sdbm and ndbm */
    apr_off_t size;
    apr_time_t mtime;
    /** lmdb: levels of the tree, pages of the file, those that are in use;
     *  0: the type has no such thing */
    unsigned depth;
    apr_uint64_t pages;
    apr_uint64_t pages_used;
} hostmap_stat;

/** Reads none of the entries. */
void hostmap_file_stat(hostmap_file *file, hostmap_stat *stat);

/* ---- a path that is served from ---------------------------------------- */

/** The maps of one process: shares one open file between paths that lead to
 *  the same (dev, inode).  Made after fork. */
typedef struct hostmap_set hostmap_set;

typedef enum {
    HOSTMAP_LOG_ERR,
    HOSTMAP_LOG_WARNING,
    HOSTMAP_LOG_INFO,
    HOSTMAP_LOG_DEBUG
} hostmap_log_level;

/** What happened to a map: whole line, "map PATH: ...".  Called from any
 *  thread.  Failures that repeat are said once a minute, with their count. */
typedef void hostmap_log_fn(void *baton, hostmap_log_level level,
                            const char *line);

/** @param pool owns the set; everything is closed when it is cleared */
apr_status_t hostmap_set_create(hostmap_set **set, hostmap_log_fn *log,
                                void *baton, apr_pool_t *pool);

typedef struct hostmap hostmap;

/**
 * Name a map.  Nothing is opened: the first look-up does that, so a map that
 * is missing or broken now may come later.
 * @param type as for hostmap_type_of, and looked at again with each new file
 * @param interval how often the path is looked at, microseconds
 * @return APR_SUCCESS, or what the system says.  The same path, type and
 *         interval give the same map again.  Not for use while look-ups run.
 */
apr_status_t hostmap_open(hostmap **map, hostmap_set *set, const char *path,
                          const char *type, apr_interval_time_t interval);

/**
 * Find the entry for a host and a path in what the path of the map leads to
 * now: hostmap_match(), with all its look-ups in one file, also when the map
 * is replaced meanwhile.  A map without marks costs one look-up.  Any number of
 * threads.  Blocks at most one second, while a writer holds a DBM file.
 * @param found key and key_len hold the host, as hostmap_key_host() writes it
 *        there (1 to HOSTMAP_KEY_MAX bytes); all of it is set when the result
 *        is APR_SUCCESS, else these two are left as they were.  The value is
 *        copied into pool, terminated with NUL
 * @param path as for hostmap_match(), terminated with NUL; NULL: the key is
 *        looked up and nothing else, whatever the map's marks say
 * @return APR_SUCCESS; APR_NOTFOUND; HOSTMAP_EBUSY; any other status: the map
 *         is broken (said through the log callback)
 */
apr_status_t hostmap_find(hostmap *map, hostmap_matched *found,
                          const char *path, apr_pool_t *pool);

/**
 * Look one key up, exactly: hostmap_find() without a path.
 * @param value copied into pool, terminated with NUL
 * @return as hostmap_find(); APR_NOTFOUND also for an empty key and one longer
 *         than HOSTMAP_KEY_MAX
 */
apr_status_t hostmap_lookup(hostmap *map, const char *key, apr_size_t key_len,
                            const char **value, apr_size_t *value_len,
                            apr_pool_t *pool);

#endif /* HOSTMAP_H */
