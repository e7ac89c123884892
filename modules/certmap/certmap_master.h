/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file certmap_master.h
 * @brief The master keys of certificate maps: a file each, kept in memory that
 *        reaches no core and is wiped at the end.
 *
 * A key file holds one line, 64 hexadecimal digits.  It is its owner's alone.
 */

#ifndef CERTMAP_MASTER_H
#define CERTMAP_MASTER_H

#include "apr_pools.h"

#include "certmap_record_core.h"
#include "hostmap/store/hostmap_file.h"

/** Bytes of a master key, AES-256's. */
#define CERTMAP_MASTER_KEY 32

/** Keys that may be in use at once: the present one, and the one before it
 *  while records are sealed anew. */
#define CERTMAP_MASTER_MAX 2

typedef struct certmap_master certmap_master;

/**
 * Make a place for keys: a page of its own that is left out of cores and, if
 * the system lets it, never swapped out.
 * @param pool when it is cleared the page is wiped
 */
apr_status_t certmap_master_create(certmap_master **master, apr_pool_t *pool,
                                   hostmap_reason *why);

/**
 * Read a key file and add its key; the first one added seals.  The bytes are
 * in no other memory, before and afterwards.
 * @return APR_SUCCESS, also for a key that is there already; APR_EACCES: the
 *         file is not its owner's alone, or neither root's nor this user's;
 *         HOSTMAP_EFORMAT: not 64 hexadecimal digits, not a regular file;
 *         APR_ENOSPC: CERTMAP_MASTER_MAX are there; else what the system says
 */
apr_status_t certmap_master_read(certmap_master *master, const char *path,
                                 hostmap_reason *why);

/**
 * Make a key file with random bytes, mode 0600, flushed to the disk.
 * @return APR_SUCCESS; APR_EEXIST: the path is taken; else what the system
 *         says
 */
apr_status_t certmap_master_make(const char *path, hostmap_reason *why);

/** The key that seals.  @param id set to its CERTMAP_KEY_ID bytes
 *  @return CERTMAP_MASTER_KEY bytes; NULL: none was added */
const unsigned char *certmap_master_first(const certmap_master *master,
                                          const unsigned char **id);

/** The key of an id, NULL: not one of these. */
const unsigned char *certmap_master_find(const certmap_master *master,
                                         const unsigned char *id);

#endif /* CERTMAP_MASTER_H */
