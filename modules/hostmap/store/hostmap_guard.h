/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_guard.h
 * @brief Who can change a map that should not.
 */

#ifndef HOSTMAP_GUARD_H
#define HOSTMAP_GUARD_H

#include "apr_pools.h"
#include "apr_user.h"

/** One finding: "the file /x/map can be written by everybody". */
typedef void hostmap_exposed_fn(void *baton, const char *finding);

/** Who must not be able to write, and who is told. */
typedef struct hostmap_guard {
    /** those that httpd serves as; 0: root, never meant */
    apr_uid_t user;
    apr_gid_t group;
    /** called for each finding */
    hostmap_exposed_fn *report;
    void *baton;
} hostmap_guard;

/**
 * Can somebody write to a map's file, or to a folder that it lies in, who
 * could thereby lead requests to any backend?  Everybody is such a one, and
 * the user and group of the guard.
 * Ordinary permissions are looked at, not ACLs; a symbolic link's own folder
 * and that of the file it names both count.
 * @param path name of the map, as for readers
 * @param pool for the call's own use
 */
void hostmap_exposed(const char *path, const hostmap_guard *guard,
                     apr_pool_t *pool);

#endif /* HOSTMAP_GUARD_H */
