/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_writer.h
 * @brief Writing a map: a new file beside the old one, renamed over it.
 *
 * Writers of one map are serialised by a lock on the new file
 * (PATH.hostmap-new), which ends with its process: a writer that was killed
 * leaves the old map and that one file, which the next writer takes over.
 * One thread per writer.
 */

#ifndef HOSTMAP_WRITER_H
#define HOSTMAP_WRITER_H

#include "hostmap_file.h"

typedef struct hostmap_writer hostmap_writer;

/** Begin with the entries of the present map, if there is one. */
#define HOSTMAP_WRITER_ADD  0x1
/** Keys are any bytes (those of httxt2dbm, for RewriteMaps): `*` and `/` in
 *  them have no meaning, and add no features to the map. */
#define HOSTMAP_WRITER_ANY_KEY  0x2
/** Begin with a copy of the present map, which must exist. */
#define HOSTMAP_WRITER_CHANGE   0x4
/** The writer follows a store: it may change a map that does. */
#define HOSTMAP_WRITER_FOLLOW   0x8
/** The map follows no store from now on. */
#define HOSTMAP_WRITER_UNFOLLOW 0x10

typedef struct hostmap_writer_options {
    /** a name of hostmap_type_names; NULL: that of the file there */
    const char *type;
    /** estimated bytes of keys and values (LMDB needs a bound on the size of
     *  the file, which is set generously from this) */
    apr_uint64_t bytes;
    /** HOSTMAP_WRITER_ bits or 0 */
    unsigned flags;
} hostmap_writer_options;

/**
 * Begin a new file.  Waits for another writer of the same map, and at most ten
 * seconds for a program that changes it in place.
 * A symbolic link is followed: the file that it names is replaced.
 * @param path name of the map, as for readers
 * @param options read during the call only
 * @param pool of the writer; clearing it aborts a writer that was not committed
 * @return also HOSTMAP_EFOLLOWS without the flags for such a map
 */
apr_status_t hostmap_writer_open(hostmap_writer **writer, const char *path,
                                 const hostmap_writer_options *options,
                                 apr_pool_t *pool, hostmap_reason *why);

/**
 * Store an entry; one of the same key is replaced.  Fastest for lmdb if keys
 * come sorted by bytes.  A key with a wildcard or a path is noted among the
 * features of the map (hostmap_file_features); the key of their own entry is
 * refused.
 * @return APR_SUCCESS; APR_EINVAL when the pair does not fit the type (why
 *         names the limit); a failure of the system or the library
 */
apr_status_t hostmap_writer_put(hostmap_writer *writer, hostmap_str key,
                                hostmap_str value, hostmap_reason *why);

/**
 * Look a key up in the new file.
 * @param value valid until the next call for this writer
 * @return APR_SUCCESS; APR_NOTFOUND; a failure of the system or the library
 */
apr_status_t hostmap_writer_get(hostmap_writer *writer, hostmap_str *value,
                                hostmap_str key, hostmap_reason *why);

/**
 * Remove an entry.  That of the features is not found.
 * @return APR_SUCCESS; APR_NOTFOUND; a failure of the system or the library
 */
apr_status_t hostmap_writer_remove(hostmap_writer *writer, hostmap_str key,
                                   hostmap_reason *why);

/**
 * The state of the store that the new file follows: a text of the caller.
 * @param state valid until the next call for this writer
 * @return APR_SUCCESS; APR_NOTFOUND: it follows none; a failure of the system
 *         or the library
 */
apr_status_t hostmap_writer_state(hostmap_writer *writer, hostmap_str *state,
                                  hostmap_reason *why);

/** Set it.  Fastest after all entries. */
apr_status_t hostmap_writer_set_state(hostmap_writer *writer,
                                      hostmap_str state, hostmap_reason *why);

/**
 * Find a path key whose host key this writer has removed.  In a type with an
 * order each removed host key is looked up, another type is read once.
 * @param key set to it, in the pool of the writer; terminated with NUL
 * @return APR_SUCCESS; APR_NOTFOUND; a failure of the system or the library
 */
apr_status_t hostmap_writer_orphan(hostmap_writer *writer, hostmap_str *key,
                                   hostmap_reason *why);

/**
 * Flush the new file to the disk, give it the owner, group, mode, ACL and
 * SELinux context of the map that it replaces (else mode 0644), rename it over
 * that, flush the folder.  Fails if owner or group cannot be kept and some
 * users could then read the old file but not the new one.  sdbm and ndbm are
 * two renames, under the lock that readers of sdbm take.  The writer is gone
 * afterwards, also when this fails.
 * @param why the reason of a failure; after APR_SUCCESS empty, or a warning:
 *        the map is in place, but may be the old one again if the system stops
 *        now
 * @return APR_SUCCESS when the new map is in place.  Else the old map is
 *         untouched, unless the second rename of sdbm or ndbm has failed: why
 *         says so, and the next writer completes it
 */
apr_status_t hostmap_writer_commit(hostmap_writer *writer,
                                   hostmap_reason *why);

/** Remove the new file; the old map stays. */
void hostmap_writer_abort(hostmap_writer *writer);

#endif /* HOSTMAP_WRITER_H */
