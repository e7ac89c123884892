/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_copy.h
 * @brief What a new file inherits from the one that it replaces: its bytes and
 *        its rights.  For the library, and for the texts of the tool.
 */

#ifndef HOSTMAP_COPY_H
#define HOSTMAP_COPY_H

#include "hostmap_file.h"

/**
 * Copy a whole file into an empty one.  Shares the blocks where the file system
 * can, keeps holes, and starts writing to the disk during the copy.
 * @param to,from descriptors; their offsets do not matter
 * @param name of the new file, for messages
 */
apr_status_t hostmap_copy_bytes(int to, int from, const char *name,
                                hostmap_reason *why);

/**
 * Read into memory those pages of a file that are in memory of the file it was
 * copied from.  A copy that shares the blocks of the other file (FICLONE)
 * shares no page with it: the first look-ups would wait for the disk, page
 * after page.  Failures change nothing and are not reported.
 * @param to,from descriptors, both readable; their offsets do not matter
 */
void hostmap_copy_warm(int to, int from);

/**
 * Give a file the owner, group, mode, ACL and SELinux context of another one,
 * or mode 0644 when there is none, and flush it to the disk.
 *
 * A user other than root may not be able to keep owner or group.  The group
 * that the file gets instead has no more rights than all users have.  If some
 * users could then read the old file but not the new one, this fails.
 * @param name the file
 * @param like the other one; it need not exist
 */
apr_status_t hostmap_copy_rights(const char *name, const char *like,
                                 hostmap_reason *why);

/**
 * Does the disk of a file or folder have fewer bytes left for this process?
 * @return 1; 0 also where the file system does not tell
 */
int hostmap_disk_has_less(const char *path, apr_uint64_t bytes);

#endif /* HOSTMAP_COPY_H */
