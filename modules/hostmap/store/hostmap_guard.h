/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_guard.h
 * @brief Finds which users can write to a map but should not be able to.
 */

#ifndef HOSTMAP_GUARD_H
#define HOSTMAP_GUARD_H

#include "apr_pools.h"
#include "apr_user.h"

/** One finding: "the file /x/map can be written by everybody". */
typedef void hostmap_exposed_fn(void *baton, const char *finding);

/** Users that must not be able to write, and where findings go. */
typedef struct hostmap_guard {
    /** those that httpd runs as; 0: root, who is no finding */
    apr_uid_t user;
    apr_gid_t group;
    /** called for each finding */
    hostmap_exposed_fn *report;
    void *baton;
} hostmap_guard;

/**
 * Find the users that can write to the file of a map or to its folder, and
 * could so send requests to any backend: all users ("everybody"), and the user
 * and the group of the guard.  Checks permissions, not ACLs; of a symbolic link
 * its own folder and that of the file that it names.
 * @param path name of the map, as for readers
 * @param pool for the use of the call
 */
void hostmap_exposed(const char *path, const hostmap_guard *guard,
                     apr_pool_t *pool);

#endif /* HOSTMAP_GUARD_H */
