/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_file.h
 * @brief One map file as it is now: its type, opened, looked up, listed.
 *
 * For tools, and below hostmap.h, which serves from a path for months.  All
 * that the folder store/ offers to readers.
 */

#ifndef HOSTMAP_FILE_H
#define HOSTMAP_FILE_H

#include "apr_errno.h"
#include "apr_pools.h"
#include "apr_time.h"

#include "base/str.h"
#include "hostmap_reason.h"

/* ---- types ------------------------------------------------------------- */

/** Names of the types, NULL at the end: "lmdb", "sdbm", "gdbm", "ndbm", "db".
 *  `default` is not among them: it means to detect the type. */
extern const char *const hostmap_type_names[];

/**
 * The type of the map at a path.
 * @param type set to a name of hostmap_type_names
 * @param path the name in the configuration; sdbm and ndbm add .dir and .pag
 * @param wanted a type name in any case, or "default" or NULL: detect it from
 *        the file
 * @param pool for the use of the call
 * @return APR_SUCCESS; HOSTMAP_ETYPE (no such type); HOSTMAP_ENODRIVER; when
 *         the type is detected also APR_ENOENT (no file) and HOSTMAP_EFORMAT
 *         (its magic bytes are those of no type)
 */
apr_status_t hostmap_type_of(const char **type, const char *path,
                             const char *wanted, apr_pool_t *pool,
                             hostmap_reason *why);

/**
 * The type that APR calls `default`, which stock httxt2dbm makes without -f.
 * Found by creating a file in the folder for temporary files.
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
 * Open a map for reading.  Checks what the format allows to check: a regular
 * file, magic bytes, length.  Close it: it lives in a pool of its own.
 * @param type as for hostmap_type_of
 * @return APR_SUCCESS, HOSTMAP_EFORMAT, HOSTMAP_EBUSY, HOSTMAP_ETYPE,
 *         HOSTMAP_ENODRIVER, or a failure of the system (APR_ENOENT,
 *         APR_EACCES)
 */
apr_status_t hostmap_file_open(hostmap_file **file, const char *path,
                               const char *type, apr_pool_t *pool,
                               hostmap_reason *why);

void hostmap_file_close(hostmap_file *file);

/**
 * Prove that a file which was damaged, or made by an enemy, cannot end the
 * process that reads it: hostmap_pages.h.  Reads all of an LMDB file, some 20
 * ms for a million entries; the other formats have nothing to prove.
 * @return APR_SUCCESS; HOSTMAP_EFORMAT with why set; APR_ENOMEM
 */
apr_status_t hostmap_file_verify(hostmap_file *file, hostmap_reason *why);

/**
 * Look a key up.  Any number of threads at once.
 * @param value copied into pool, terminated with NUL; left alone unless the
 *        result is APR_SUCCESS
 * @return APR_SUCCESS, APR_NOTFOUND (also for an empty key and one longer than
 *         HOSTMAP_KEY_MAX), or a failure with why set
 */
apr_status_t hostmap_file_fetch(hostmap_file *file, hostmap_str *value,
                                hostmap_str key, apr_pool_t *pool,
                                hostmap_reason *why);

/** One entry; the bytes are valid during the call only.  Anything but
 *  APR_SUCCESS ends the iteration and is its result. */
typedef apr_status_t hostmap_each_fn(void *baton, hostmap_str key,
                                     hostmap_str value);

/**
 * The kinds of keys that the map holds besides whole names.  The writer of a
 * map with wildcards or paths stores its features as an entry whose key no host
 * has; that entry is not listed and not counted.  A map without it, as every
 * map of the stock tool is, is matched exactly.
 * @param features set to HOSTMAP_FEATURE_ bits
 * @return as hostmap_file_fetch(), never APR_NOTFOUND
 */
apr_status_t hostmap_file_features(hostmap_file *file, unsigned *features,
                                   apr_pool_t *pool, hostmap_reason *why);

/**
 * The state of the store that the map follows (hostmap_writer_set_state): an
 * entry that is not listed and not counted, like that of the features.
 * @return as hostmap_file_fetch(); APR_NOTFOUND: it follows none
 */
apr_status_t hostmap_file_state(hostmap_file *file, hostmap_str *state,
                                apr_pool_t *pool, hostmap_reason *why);

/**
 * Visit every entry, in the order of the file: sorted by bytes for lmdb, in any
 * order for the others, whose writers are locked out until it ends.
 */
apr_status_t hostmap_file_each(hostmap_file *file, hostmap_each_fn *fn,
                               void *baton, apr_pool_t *pool,
                               hostmap_reason *why);

/** An entry; its bytes are owned elsewhere and not terminated. */
typedef struct hostmap_pair {
    hostmap_str key;
    hostmap_str value;
} hostmap_pair;

typedef struct hostmap_cursor hostmap_cursor;

/**
 * Visit the entries in the order of the bytes of their keys.  One thread.
 * @param cursor allocated in pool; close it before the file
 * @return APR_SUCCESS; APR_ENOTIMPL: the type does not keep them in this order
 *         (only lmdb does); else a failure with why set
 */
apr_status_t hostmap_cursor_open(hostmap_cursor **cursor, hostmap_file *file,
                                 apr_pool_t *pool, hostmap_reason *why);

/**
 * The next entry.
 * @param pair its bytes are valid until the cursor is closed
 * @return APR_SUCCESS, APR_EOF at the end, or a failure with why set
 */
apr_status_t hostmap_cursor_next(hostmap_cursor *cursor, hostmap_pair *pair,
                                 hostmap_reason *why);

void hostmap_cursor_close(hostmap_cursor *cursor);

typedef struct hostmap_stat {
    const char *type;
    /** number of entries, -1 where all have to be read to count them.
     *  Includes the map's own until hostmap_file_features() has found them. */
    apr_int64_t entries;
    /** bytes on disk, both files of sdbm and ndbm */
    apr_off_t size;
    apr_time_t mtime;
    /** lmdb: levels of the tree, pages of the file, pages in use; 0 for the
     *  other types */
    unsigned depth;
    apr_uint64_t pages;
    apr_uint64_t pages_used;
} hostmap_stat;

/** Reads none of the entries. */
void hostmap_file_stat(hostmap_file *file, hostmap_stat *stat);

#endif /* HOSTMAP_FILE_H */
