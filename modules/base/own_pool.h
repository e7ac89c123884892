/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file own_pool.h
 * @brief A pool for what outlives the thread that made it.
 */

#ifndef BASE_OWN_POOL_H
#define BASE_OWN_POOL_H

#include "apr_pools.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Make a pool that hangs on nobody's but APR's own, with an allocator of its
 * own: any thread may use it and destroy it, one at a time, whatever others do
 * with theirs; and its memory goes back to the system with it.
 * @param pool to be destroyed by the caller
 * @return APR_SUCCESS, APR_ENOMEM or what else APR said
 */
apr_status_t hostmap_own_pool_create(apr_pool_t **pool);

#ifdef __cplusplus
}
#endif

#endif /* BASE_OWN_POOL_H */
