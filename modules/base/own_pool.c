/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file own_pool.c
 * @brief A pool that shares neither its parent nor its allocator.
 */

#include "own_pool.h"

#include "apr_allocator.h"

apr_status_t hostmap_own_pool_create(apr_pool_t **pool)
{
    apr_allocator_t *allocator;
    apr_status_t rv;

    rv = apr_allocator_create(&allocator);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_pool_create_ex(pool, NULL, NULL, allocator);
    if (rv != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return rv;
    }
    apr_allocator_owner_set(allocator, *pool);
    return APR_SUCCESS;
}
