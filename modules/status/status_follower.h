/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file status_follower.h
 * @brief What the followers of a store write about themselves, for a view.
 */

#ifndef STATUS_FOLLOWER_H
#define STATUS_FOLLOWER_H

#include "apr_pools.h"

#include "status_view_core.h"

/**
 * Read what `hostmap follow --status` writes.
 * @param follower set; its texts live as long as the pool
 * @param file the path of the file
 */
void status_follower_read(status_follower *follower, const char *file,
                          apr_time_t now, apr_pool_t *pool);

#endif /* STATUS_FOLLOWER_H */
