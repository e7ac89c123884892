/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file own_pool.h
 * @brief A pool for objects that outlive the thread that created them.
 */

#ifndef BASE_OWN_POOL_H
#define BASE_OWN_POOL_H

#include "apr_pools.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Create a pool whose only parent is APR's global pool, with an allocator of
 * its own: any thread may use and destroy it, one at a time, independently of
 * all other pools, and its memory is returned to the system with it.
 * @param pool destroy it
 * @return APR_SUCCESS, or the failure of APR (APR_ENOMEM)
 */
apr_status_t hostmap_own_pool_create(apr_pool_t **pool);

#ifdef __cplusplus
}
#endif

#endif /* BASE_OWN_POOL_H */
