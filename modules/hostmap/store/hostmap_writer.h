/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_writer.h
 * @brief Making a map: a new file beside the old one, renamed over it.
 *
 * Writers of one map are serialised by a lock on the file in the making
 * (PATH.hostmap-new), which goes with its process: a writer that was killed
 * leaves the old map and that one file, which the next writer takes over.
 * One thread a writer.
 */

#ifndef HOSTMAP_WRITER_H
#define HOSTMAP_WRITER_H

#include "hostmap_file.h"

typedef struct hostmap_writer hostmap_writer;

/** Begin with the entries of the map that is there, if one is. */
#define HOSTMAP_WRITER_ADD  0x1
/** Keys are any bytes (httxt2dbm's, of RewriteMaps): `*` and `/` in them mean
 *  nothing, and the map gets no features that it has not. */
#define HOSTMAP_WRITER_ANY_KEY  0x2
/** Begin with a copy of the map that is there, which must be one. */
#define HOSTMAP_WRITER_CHANGE   0x4
/** The writer follows a store: it may change a map that does. */
#define HOSTMAP_WRITER_FOLLOW   0x8
/** The map follows no store from now on. */
#define HOSTMAP_WRITER_UNFOLLOW 0x10

typedef struct hostmap_writer_options {
    /** a name of hostmap_type_names; NULL: that of the file there */
    const char *type;
    /** about how many bytes of keys and values will come (LMDB needs a bound on
     *  the size of the file: it is made from this one generously) */
    apr_uint64_t bytes;
    /** HOSTMAP_WRITER_ bits or 0 */
    unsigned flags;
} hostmap_writer_options;

/**
 * Begin a new file.  Waits while another writer is at work on the same map,
 * and at most ten seconds while a program changes it in place.
 * A symbolic link is followed: the file that it names is the one replaced.
 * @param path name of the map, as for readers
 * @param options read during the call only
 * @param pool the writer's; a writer that was not committed when it is cleared
 *        is aborted
 * @return also HOSTMAP_EFOLLOWS without the flags for such a map
 */
apr_status_t hostmap_writer_open(hostmap_writer **writer, const char *path,
                                 const hostmap_writer_options *options,
                                 apr_pool_t *pool, hostmap_reason *why);

/**
 * Store an entry; one of the same key is replaced.  Fastest for lmdb when keys
 * come sorted by bytes.  A key with a wildcard or a path is noted among the
 * features of the map (hostmap_file_features); the key of their own entry is
 * refused.
 * @return APR_SUCCESS; APR_EINVAL when the pair does not fit the type (why
 *         names the limit); else what the system says
 */
apr_status_t hostmap_writer_put(hostmap_writer *writer, hostmap_str key,
                                hostmap_str value, hostmap_reason *why);

/**
 * What the new file holds by now.
 * @param value valid until the next call for this writer
 * @return APR_SUCCESS; APR_NOTFOUND; else what the system says
 */
apr_status_t hostmap_writer_get(hostmap_writer *writer, hostmap_str *value,
                                hostmap_str key, hostmap_reason *why);

/**
 * Take an entry out.  That of the features is not there for this.
 * @return APR_SUCCESS; APR_NOTFOUND; else what the system says
 */
apr_status_t hostmap_writer_remove(hostmap_writer *writer, hostmap_str key,
                                   hostmap_reason *why);

/**
 * What the new file says of the store that it follows: a text of the caller's.
 * @param state valid until the next call for this writer
 * @return APR_SUCCESS; APR_NOTFOUND: it follows none; else what the system says
 */
apr_status_t hostmap_writer_state(hostmap_writer *writer, hostmap_str *state,
                                  hostmap_reason *why);

/** Set it.  Fastest after all entries. */
apr_status_t hostmap_writer_set_state(hostmap_writer *writer,
                                      hostmap_str state, hostmap_reason *why);

/**
 * A path key whose host key this writer has removed.  An ordered type is asked
 * for each such host key, another one is read once.
 * @param key set to it, in the writer's pool; terminated with NUL
 * @return APR_SUCCESS; APR_NOTFOUND: there is none; else what the system says
 */
apr_status_t hostmap_writer_orphan(hostmap_writer *writer, hostmap_str *key,
                                   hostmap_reason *why);

/**
 * Flush to the disk, give the file the owner, group, mode, ACL and SELinux
 * context of the map that is replaced (else 0644), rename it over, flush the
 * folder.  Fails when it cannot keep the owner or the group, and who could read
 * the old file could not read the new one.  sdbm and ndbm
 * are two renames, under the lock that readers of sdbm take.
 * The writer is gone afterwards, also when this fails.
 * @param why the reason of a failure; after APR_SUCCESS empty, or a warning:
 *        the map is in place, but may be the old one again if the system stops
 *        now
 * @return APR_SUCCESS when the new map is in place.  Else the old map is
 *         untouched, unless the second rename of sdbm or ndbm has failed: why
 *         says so, and the next writer completes it
 */
apr_status_t hostmap_writer_commit(hostmap_writer *writer,
                                   hostmap_reason *why);

/** Throw the new file away. */
void hostmap_writer_abort(hostmap_writer *writer);

#endif /* HOSTMAP_WRITER_H */
