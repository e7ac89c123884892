/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_provider.h
 * @brief What a type of map has to do: the seam between the library and the
 *        formats.  Internal to the library.
 *
 * A provider is a struct of callbacks, one a format (hostmap_lmdb.c,
 * hostmap_dbm.c).  hostmap_type.c lists them and tells formats apart.
 */

#ifndef HOSTMAP_PROVIDER_H
#define HOSTMAP_PROVIDER_H

#include "hostmap/hostmap.h"

#include "apr_file_info.h"
#include "apr_file_io.h"

/** Which file a path leads to: two that are equal hold the same entries. */
typedef struct hostmap_id {
    apr_dev_t device;
    apr_ino_t inode;
    apr_ino_t inode2;       /**< of the second file of sdbm, ndbm; else 0 */
    apr_time_t mtime;       /**< of the younger one */
    apr_off_t size;         /**< of both */
} hostmap_id;

/** The names on disk of a map: one, or two for sdbm and ndbm. */
typedef struct hostmap_names {
    const char *main;       /**< holds the entries */
    const char *second;     /**< sdbm, ndbm: the .dir; NULL for the others */
} hostmap_names;

typedef struct hostmap_provider hostmap_provider;

struct hostmap_file {
    const hostmap_provider *provider;
    /** the provider's own */
    void *ctx;
    /** owns file, ctx and all that they keep; used in open and close only */
    apr_pool_t *pool;
    /** as named by the caller */
    const char *path;
    hostmap_names names;
    hostmap_id id;
    /** hostmap_file_marks() has seen a mark: one entry is none */
    int marked;
    /** its HOSTMAP_MARK_ bits, where it is served from (hostmap.c) */
    unsigned marks;
    /** hostmap_set's: those who use it, and the list of open files */
    unsigned refs;
    hostmap_file *next;
};

/** A key; the bytes are valid during the call only.  @return 1: enough */
typedef int hostmap_key_fn(void *baton, const char *key, apr_size_t key_len);

struct hostmap_provider {
    const char *name;

    /** Longest key, and largest sum of key and value; 0: no limit. */
    apr_size_t key_max;
    apr_size_t pair_max;

    /** Check the marks and fill file->ctx; names and id are set.  The file is
     *  regular. */
    apr_status_t (*open)(hostmap_file *file, hostmap_reason *why);

    /** Any number of threads.  value is copied into pool. */
    apr_status_t (*fetch)(hostmap_file *file,
                          const char *key, apr_size_t key_len,
                          const char **value, apr_size_t *value_len,
                          apr_pool_t *pool, hostmap_reason *why);

    apr_status_t (*each)(hostmap_file *file, hostmap_each_fn *fn, void *baton,
                         apr_pool_t *pool, hostmap_reason *why);

    /** Fill what only the provider knows; the rest is set.  entries: -1, not
     *  known without reading all; the mark is counted. */
    void (*stat)(hostmap_file *file, hostmap_stat *stat);

    /** What pools do not free. */
    void (*close)(hostmap_file *file);

    /** An answer for when the path no longer leads to this file: what is
     *  still known of it.  APR_SUCCESS, APR_NOTFOUND, or HOSTMAP_ESTALE: not
     *  known. */
    apr_status_t (*recall)(hostmap_file *file,
                           const char *key, apr_size_t key_len,
                           const char **value, apr_size_t *value_len,
                           apr_pool_t *pool, hostmap_reason *why);

    /** Entries in the order of their keys' bytes, for hostmap_cursor; NULL: the
     *  type does not keep them so.  next: APR_EOF at the end. */
    apr_status_t (*cursor_open)(void **cursor, hostmap_file *file,
                                apr_pool_t *pool, hostmap_reason *why);
    apr_status_t (*cursor_next)(void *cursor, hostmap_pair *pair,
                                hostmap_reason *why);
    void (*cursor_close)(void *cursor);

    /** Keep those out who change a file in place, while it is copied; as long
     *  as *lock is open.  NULL in *lock where the type has no such lock. */
    apr_status_t (*hold)(apr_file_t **lock, const hostmap_file *file,
                         apr_pool_t *pool, hostmap_reason *why);

    /** Writers: begin an empty file under the name that a reader gives; an
     *  empty file may be there already.  bytes: see hostmap_writer_open. */
    apr_status_t (*create)(void **out, const hostmap_provider *provider,
                           const char *path, apr_uint64_t bytes,
                           apr_pool_t *pool, hostmap_reason *why);
    /** The same with the file that is there, a copy of a map. */
    apr_status_t (*change)(void **out, const hostmap_provider *provider,
                           const char *path, apr_uint64_t bytes,
                           apr_pool_t *pool, hostmap_reason *why);
    apr_status_t (*put)(void *out, const char *key, apr_size_t key_len,
                        const char *value, apr_size_t value_len,
                        hostmap_reason *why);
    /** What the file holds now; the value is valid until the next call.
     *  APR_NOTFOUND. */
    apr_status_t (*get)(void *out, const char *key, apr_size_t key_len,
                        const char **value, apr_size_t *value_len,
                        hostmap_reason *why);
    /** Visit keys: from this one on in their order, or, where the type has
     *  none (cursor_open is NULL), all. */
    apr_status_t (*each_key)(void *out, const char *from, apr_size_t from_len,
                             hostmap_key_fn *fn, void *baton,
                             hostmap_reason *why);
    /** APR_NOTFOUND. */
    apr_status_t (*remove)(void *out, const char *key, apr_size_t key_len,
                           hostmap_reason *why);
    /** Close it; keep: all entries have to be in the file then. */
    apr_status_t (*finish)(void *out, int keep, hostmap_reason *why);
};

/** The key of the mark: no host name, and behind all keys in their order. */
#define HOSTMAP_MARK_KEY        "\xffmarks"
#define HOSTMAP_MARK_KEY_LEN    6

/** Is this the key of the mark? */
int hostmap_mark_is(const char *key, apr_size_t len);

/** The mark's value for HOSTMAP_MARK_ bits: words, static. */
const char *hostmap_mark_value(unsigned marks);

/** The bits of a mark's value; words of later versions are passed over. */
unsigned hostmap_mark_read(const char *value, apr_size_t len);

/** NULL at the end. */
extern const hostmap_provider *const hostmap_providers[];

extern const hostmap_provider hostmap_provider_lmdb;
extern const hostmap_provider hostmap_provider_sdbm;
extern const hostmap_provider hostmap_provider_gdbm;
extern const hostmap_provider hostmap_provider_ndbm;
extern const hostmap_provider hostmap_provider_db;

/**
 * The provider for a path: hostmap_type_of without the driver check.
 */
apr_status_t hostmap_provider_of(const hostmap_provider **provider,
                                 const char *path, const char *wanted,
                                 apr_pool_t *pool, hostmap_reason *why);

/** The names on disk, in pool. */
apr_status_t hostmap_names_of(hostmap_names *names,
                              const hostmap_provider *provider,
                              const char *path, apr_pool_t *pool,
                              hostmap_reason *why);

/** What a writer's file is called, behind the map's path. */
#define HOSTMAP_NEW ".hostmap-new"

/**
 * Was a writer killed between its two renames?  Then its .dir is in place, and
 * its .pag, which is whole, still has the name that it was made under.  Only
 * under the lock of writers, or that of readers, is this no moment of a writer
 * that is at work.  Of a map without entries it cannot be seen.
 * @param names of the map
 * @param made of its writer
 */
int hostmap_is_half_placed(const hostmap_names *names,
                           const hostmap_names *made);

/** Which file the names lead to now.  A thing that is not a regular file is
 *  HOSTMAP_EFORMAT. */
apr_status_t hostmap_id_of(hostmap_id *id, const hostmap_names *names,
                           apr_pool_t *pool, hostmap_reason *why);

int hostmap_id_equal(const hostmap_id *a, const hostmap_id *b);

/** Lengths and marks that can be checked without reading the file.  For the
 *  types that have a lock under it: a file that its writer is at is not cut
 *  short. */
apr_status_t hostmap_marks_check(const hostmap_file *file, apr_pool_t *pool,
                                 hostmap_reason *why);

/** Set *why (may be NULL) and give back rv; rv of the system is explained. */
apr_status_t hostmap_because(hostmap_reason *why, apr_status_t rv,
                             const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif /* HOSTMAP_PROVIDER_H */
