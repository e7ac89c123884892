/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file load.h
 * @brief A whole file as one run of bytes, whatever its size: a small one in
 *        memory, a large one as a copy on the disk that is mapped.  A copy,
 *        because a mapped file that others cut short ends the program.
 */

#ifndef HOSTMAP_LOAD_H
#define HOSTMAP_LOAD_H

#include "apr_errno.h"
#include "apr_pools.h"

typedef struct loaded {
    /** freed with the pool */
    char *bytes;
    apr_size_t len;
    /** the copy, which takes little memory; NULL: all is in memory */
    void *mapped;
    /** the bytes before this one have been read */
    apr_size_t done;
} loaded;

/**
 * Read a file to its end.
 * @param path "-" is standard input
 */
apr_status_t load_file(loaded *l, const char *path, apr_pool_t *pool);

/** The bytes before this one were read and need not be in memory. */
void load_done(loaded *l, apr_size_t bytes);

#endif /* HOSTMAP_LOAD_H */
