/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_pages.h
 * @brief Proves the pages of an LMDB file, without trusting any of them.
 *
 * LMDB believes what it reads: a file that was damaged, or made by an enemy,
 * can lead a reader out of the file and a writer out of a page.  What this
 * check accepts does neither: each page of both trees is where it belongs and
 * reached once, its nodes fill its upper part without gap or overlap, keys
 * ascend within the bounds of the pages above, values lie in the file, and no
 * page is used and free at once.
 *
 * The layout is that of LMDB 0.9 (MDB_DATA_VERSION 1) on a machine of 64 bits,
 * with the one plain database that maps have.  Pure: no allocation, no I/O,
 * any thread.
 */

#ifndef HOSTMAP_PAGES_H
#define HOSTMAP_PAGES_H

#include "apr.h"
#include "apr_errno.h"

/** The first fault that was found. */
typedef struct hostmap_pages_fault {
    /** static text, lower case: "page 17: REASON" */
    const char *reason;
    apr_uint64_t page;
} hostmap_pages_fault;

/** Bytes of memory that the check of a file of this size needs. */
apr_size_t hostmap_pages_scratch(apr_uint64_t size);

/**
 * Check the whole file.
 * @param fault set on failure
 * @param bytes the file, aligned to 8 bytes; must not change during the call
 * @param size of the file
 * @param scratch hostmap_pages_scratch(size) bytes, aligned to 2; overwritten
 * @return APR_SUCCESS; APR_EINVAL: not a file that LMDB would have made
 */
apr_status_t hostmap_pages_check(hostmap_pages_fault *fault,
                                 const void *bytes, apr_uint64_t size,
                                 void *scratch);

#endif /* HOSTMAP_PAGES_H */
