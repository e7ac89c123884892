/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_guard.h
 * @brief Who can change a map that should not.
 */

#ifndef HOSTMAP_GUARD_H
#define HOSTMAP_GUARD_H

#include "hostmap.h"

#include "apr_user.h"

/**
 * Can somebody write to a map's file, or to the folder that it lies in, who
 * could thereby lead requests to any backend?  Everybody is such a one, and
 * the given user and group (those that httpd serves as; 0: root, never meant).
 * Ordinary permissions are looked at, not ACLs.
 * @param path name of the map, as for readers
 * @param pool for the call's own use
 * @param why set to who can write to what
 * @return 1 yes, 0 no, or nothing is there to look at
 */
int hostmap_exposed(const char *path, apr_uid_t user, apr_gid_t group,
                    apr_pool_t *pool, hostmap_reason *why);

#endif /* HOSTMAP_GUARD_H */
