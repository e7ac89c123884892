/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_guard.h
 * @brief Who can change a map that should not.
 */

#ifndef HOSTMAP_GUARD_H
#define HOSTMAP_GUARD_H

#include "hostmap/hostmap.h"

#include "apr_user.h"

/** One finding: "the file /x/map can be written by everybody". */
typedef void hostmap_exposed_fn(void *baton, const char *finding);

/**
 * Can somebody write to a map's file, or to a folder that it lies in, who
 * could thereby lead requests to any backend?  Everybody is such a one, and
 * the given user and group (those that httpd serves as; 0: root, never meant).
 * Ordinary permissions are looked at, not ACLs; a symbolic link's own folder
 * and that of the file it names both count.
 * @param path name of the map, as for readers
 * @param fn called for each finding
 * @param pool for the call's own use
 */
void hostmap_exposed(const char *path, apr_uid_t user, apr_gid_t group,
                     hostmap_exposed_fn *fn, void *baton, apr_pool_t *pool);

#endif /* HOSTMAP_GUARD_H */
