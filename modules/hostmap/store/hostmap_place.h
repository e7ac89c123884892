/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_place.h
 * @brief The names that a writer works with: a map, the new file beside it
 *        (PATH.hostmap-new), the lock on that, and the rename that puts it in
 *        place.
 *
 * For the writer of maps; the folder also for the tool, which replaces texts.
 * One thread.
 */

#ifndef HOSTMAP_PLACE_H
#define HOSTMAP_PLACE_H

#include "hostmap_provider.h"

/** The folder of a file, in pool or static. */
const char *hostmap_folder_of(const char *name, apr_pool_t *pool);

/** A folder that has to be on the disk after a rename in it. */
typedef struct hostmap_folder {
    const char *path;
    int fd;             /**< -1: it may not be opened, or is not open */
} hostmap_folder;

/**
 * Open the folder of a file that is about to be renamed: what can fail fails
 * now, while nothing has changed.  A folder that may be written but not read is
 * no failure.
 * @param folder close it, also when this fails
 * @param name the file
 * @param pool owns folder->path
 */
apr_status_t hostmap_folder_open(hostmap_folder *folder, const char *name,
                                 apr_pool_t *pool, hostmap_reason *why);

/**
 * Flush the folder after the rename, or the renamed file where the folder could
 * not be opened, and close it.  The rename has been done and stays: a failure
 * is a warning, that the change may be lost if the system stops soon.
 * @param fd of the file that was renamed
 * @param warning set to the warning; else left alone
 */
void hostmap_folder_sync(hostmap_folder *folder, int fd,
                         hostmap_reason *warning);

void hostmap_folder_close(hostmap_folder *folder);

typedef struct hostmap_place {
    apr_pool_t *pool;
    /** the map, symbolic links resolved, and its folder */
    const char *path;
    const char *folder;
    hostmap_names names;
    /** the new file */
    const char *work;
    hostmap_names work_names;
    /** -1, or open on work_names.main and locked: no other writer has it */
    int lock_fd;
} hostmap_place;

/**
 * Find the names for a map, and become its only writer: waits for another one.
 * The new file then exists and is empty.
 * @param place close it, also when this fails
 * @param path name of the map, as for readers; the file that a symbolic link
 *        names is the one that is replaced
 * @param pool of the place
 */
apr_status_t hostmap_place_open(hostmap_place *place,
                                const hostmap_provider *provider,
                                const char *path, apr_pool_t *pool,
                                hostmap_reason *why);

/** Copy the bytes of the present map into the new file. */
apr_status_t hostmap_place_copy(hostmap_place *place, hostmap_reason *why);

/**
 * Find out whether a failure of a library, which does not tell the reason, was
 * a full disk.
 * @return rv, or APR_ENOSPC with why set
 */
apr_status_t hostmap_place_explain(const hostmap_place *place,
                                   apr_status_t rv, hostmap_reason *why);

/**
 * Give the new file the rights of the map, flush it to the disk and rename it
 * over the map; sdbm and ndbm are two renames, under the lock that readers of
 * sdbm take.
 * @param why the reason of a failure; on success empty, or a warning
 * @return APR_SUCCESS when the new map is in place, whatever happens after it.
 *         Else the old map is untouched, unless the second of two renames has
 *         failed: why says so, the new file stays, and the next writer renames
 *         it
 */
apr_status_t hostmap_place_commit(hostmap_place *place, hostmap_reason *why);

/** Remove the new file if it is still there and still ours, and let the next
 *  writer begin.  After a commit: the latter only. */
void hostmap_place_close(hostmap_place *place);

#endif /* HOSTMAP_PLACE_H */
