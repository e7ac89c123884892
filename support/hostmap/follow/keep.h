/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file keep.h
 * @brief A copy of a map on a disk that outlives a power cut.
 */

#ifndef FOLLOW_KEEP_H
#define FOLLOW_KEEP_H

#include "hostmap/store/hostmap_file.h"

/**
 * Make `to` a copy of `from`, an lmdb map: a new file beside it, flushed to the
 * disk and renamed over it, with its owner and mode.
 * @return APR_SUCCESS, APR_ENOENT: there is no `from`; else why not, and `to`
 *         is what it was
 */
apr_status_t follow_keep(const char *from, const char *to,
                         hostmap_reason *why);

#endif /* FOLLOW_KEEP_H */
