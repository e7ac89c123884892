/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_provider.h
 * @brief The seam between the library and the formats of maps.  Internal to the
 *        library.
 *
 * A provider is a struct of callbacks for one format (hostmap_lmdb.c,
 * hostmap_dbm.c).  hostmap_type.c lists them; hostmap_magic.c tells
 * the format of a file.
 */

#ifndef HOSTMAP_PROVIDER_H
#define HOSTMAP_PROVIDER_H

#include "hostmap_file.h"

#include "apr_file_info.h"
#include "apr_file_io.h"

/** The identity of a file: if two are equal, the files hold the same
 *  entries. */
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

/** The formats; hostmap_providers is in this order. */
typedef enum {
    HOSTMAP_NO_FORMAT = -1,
    HOSTMAP_LMDB,
    HOSTMAP_SDBM,
    HOSTMAP_GDBM,
    HOSTMAP_NDBM,
    HOSTMAP_DB
} hostmap_format;

typedef struct hostmap_provider hostmap_provider;

struct hostmap_file {
    const hostmap_provider *provider;
    /** the provider's own */
    void *ctx;
    /** owns file, ctx and their memory; used in open and close only */
    apr_pool_t *pool;
    /** as named by the caller */
    const char *path;
    hostmap_names names;
    hostmap_id id;
    /** how many of the map's own entries hostmap_file_features() has found */
    int own;
    /** Only hostmap.c uses these three, for a file that it serves from: its
     *  HOSTMAP_FEATURE_ bits, how many look-ups and maps use it, and the next
     *  one in the registry's list of open files. */
    unsigned features;
    unsigned refs;
    hostmap_file *next;
};

/** A key; the bytes are valid during the call only.  @return 1: enough */
typedef int hostmap_key_fn(void *baton, hostmap_str key);

/** What a writer begins. */
typedef struct hostmap_spec {
    const hostmap_provider *provider;
    /** the name that a reader gives */
    const char *path;
    /** see hostmap_writer_open */
    apr_uint64_t bytes;
} hostmap_spec;

struct hostmap_provider {
    const char *name;
    hostmap_format format;

    /** Longest key, and largest sum of key and value; 0: no limit. */
    apr_size_t key_max;
    apr_size_t pair_max;

    /** Check the magic bytes and fill file->ctx; names and id are set.  The
     *  file is regular. */
    apr_status_t (*open)(hostmap_file *file, hostmap_reason *why);

    /** Any number of threads.  value is copied into pool, and left alone
     *  unless the result is APR_SUCCESS. */
    apr_status_t (*fetch)(hostmap_file *file, hostmap_str *value,
                          hostmap_str key, apr_pool_t *pool,
                          hostmap_reason *why);

    apr_status_t (*each)(hostmap_file *file, hostmap_each_fn *fn, void *baton,
                         apr_pool_t *pool, hostmap_reason *why);

    /** Fill what only the provider knows; the rest is set.  entries: -1, not
     *  known without reading all; that of the features is counted. */
    void (*stat)(hostmap_file *file, hostmap_stat *stat);

    /** Free what pools do not. */
    void (*close)(hostmap_file *file);

    /** Look a key up when the path no longer leads to this file, in what is
     *  still known of it.  APR_SUCCESS, APR_NOTFOUND, or HOSTMAP_ESTALE: not
     *  known. */
    apr_status_t (*recall)(hostmap_file *file, hostmap_str *value,
                           hostmap_str key, apr_pool_t *pool,
                           hostmap_reason *why);

    /** Entries in the order of the bytes of their keys, for hostmap_cursor;
     *  NULL: the type keeps no order.  next: APR_EOF at the end. */
    apr_status_t (*cursor_open)(void **cursor, hostmap_file *file,
                                apr_pool_t *pool, hostmap_reason *why);
    apr_status_t (*cursor_next)(void *cursor, hostmap_pair *pair,
                                hostmap_reason *why);
    void (*cursor_close)(void *cursor);

    /** Prove that reading any part of the file ends in an answer or an error,
     *  without trusting what it holds; NULL: the format has nothing that could
     *  be proved. */
    apr_status_t (*verify)(const hostmap_file *file, hostmap_reason *why);

    /** Lock programs out that change the file in place, while it is copied:
     *  until *lock is closed.  *lock is NULL if the type has no such lock. */
    apr_status_t (*hold)(const hostmap_file *file, apr_file_t **lock,
                         apr_pool_t *pool, hostmap_reason *why);

    /** Writers: begin an empty file; an empty one may be there already.  The
     *  path of the spec lives as long as pool. */
    apr_status_t (*create)(void **out, const hostmap_spec *spec,
                           apr_pool_t *pool, hostmap_reason *why);
    /** The same with an existing file, a copy of a map. */
    apr_status_t (*change)(void **out, const hostmap_spec *spec,
                           apr_pool_t *pool, hostmap_reason *why);
    apr_status_t (*put)(void *out, hostmap_str key, hostmap_str value,
                        hostmap_reason *why);
    /** Look a key up in the new file; the value is valid until the next call.
     *  APR_NOTFOUND. */
    apr_status_t (*get)(void *out, hostmap_str *value, hostmap_str key,
                        hostmap_reason *why);
    /** Visit keys: those from this one on in their order, or all if the type
     *  keeps no order (cursor_open is NULL). */
    apr_status_t (*each_key)(void *out, hostmap_str from, hostmap_key_fn *fn,
                             void *baton, hostmap_reason *why);
    /** APR_NOTFOUND. */
    apr_status_t (*remove)(void *out, hostmap_str key, hostmap_reason *why);
    /** Close it; keep: fail unless all entries are in the file. */
    apr_status_t (*finish)(void *out, int keep, hostmap_reason *why);
};

/** The key of the entry that holds the features: no host name, and sorted after
 *  all of them, so that a writer that stores it last still appends. */
#define HOSTMAP_FEATURES_KEY "\xffmarks"

/** The same as a hostmap_str. */
hostmap_str hostmap_features_key(void);

/** The key of the entry that says which store the map follows; sorted before
 *  that of the features and after all hosts. */
#define HOSTMAP_STATE_KEY "\xff" "follow"

/** The same as a hostmap_str. */
hostmap_str hostmap_state_key(void);

/** Is this the key of an entry of the map's own? */
int hostmap_is_own_key(hostmap_str key);

/** The value of that entry for HOSTMAP_FEATURE_ bits: words, static. */
hostmap_str hostmap_features_value(unsigned features);

/** The bits of such a value; words of later versions are passed over. */
unsigned hostmap_features_read(hostmap_str value);

/** How long a look-up waits for a writer: one second.  Nothing changes it but
 *  unit tests, whose outcome must not depend on how busy the machine is. */
extern apr_interval_time_t hostmap_busy_wait;

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

/** The name of a writer's file: the path of the map and this. */
#define HOSTMAP_NEW ".hostmap-new"

/**
 * Was a writer killed between its two renames?  Then its .dir is in place, and
 * its .pag, which is complete, still has the name of the new file.  Call it
 * under the lock of writers or that of readers: else it may be the moment
 * between the renames of a writer at work.  With a map without entries it
 * cannot be seen.
 * @param names of the map
 * @param made of the new file
 */
int hostmap_is_half_placed(const hostmap_names *names,
                           const hostmap_names *made);

/** The identity of the file that the names lead to now.  HOSTMAP_EFORMAT if it
 *  is not a regular file. */
apr_status_t hostmap_id_of(hostmap_id *id, const hostmap_names *names,
                           apr_pool_t *pool, hostmap_reason *why);

int hostmap_id_equal(const hostmap_id *a, const hostmap_id *b);

/** As apr_stat() with type, identity, mtime and size, and HOSTMAP_EFORMAT if it
 *  is not a regular file. */
apr_status_t hostmap_stat_regular(apr_finfo_t *info, const char *name,
                                  apr_pool_t *pool, hostmap_reason *why);

/** hostmap_is_half_placed() for a reader, which knows only the names of the
 *  map. */
int hostmap_is_half_seen(const hostmap_names *names, apr_pool_t *pool);

/** The format of a file by its magic bytes: lmdb, gdbm or db, else
 *  HOSTMAP_EFORMAT. */
apr_status_t hostmap_magic_read(hostmap_format *format, const char *name,
                                apr_pool_t *pool, hostmap_reason *why);

/** Check the lengths and magic bytes that can be seen without reading the
 *  file.  For types with a lock, call it under the lock: a file that its writer
 *  is changing is not cut short. */
apr_status_t hostmap_magic_check(const hostmap_file *file, apr_pool_t *pool,
                                 hostmap_reason *why);

#endif /* HOSTMAP_PROVIDER_H */
