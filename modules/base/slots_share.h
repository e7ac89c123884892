/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file slots_share.h
 * @brief The one block of slots of a server, made by the module that asks
 *        first and found by all others, over restarts.
 */

#ifndef BASE_SLOTS_SHARE_H
#define BASE_SLOTS_SHARE_H

#include "apr_pools.h"

#include "slots.h"

/**
 * Find the server's block, or make it: anonymous shared memory that lives as
 * long as the process.  In post_config, in the parent, not in the first of the
 * two passes of a start.  Pages that are not used cost nothing.
 * @param s this module's view of it
 * @param process the pool of the process, which restarts do not clear; what is
 *        found is found there
 * @param memory for slots_shape_fit(), where it is made now
 * @param children most at once, likewise
 * @return APR_SUCCESS, or why there is no memory
 */
apr_status_t slots_share(slots *s, apr_pool_t *process, apr_size_t memory,
                         unsigned children);

#endif /* BASE_SLOTS_SHARE_H */
