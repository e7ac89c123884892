/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One block for modules that know nothing of each other: it is the user data
 * of the pool of the process, by a name.  A block of another layout is that of
 * a module which was replaced: children of before count in it until they end.
 */

#include "slots_share.h"

#include "apr_general.h"
#include "apr_shm.h"

#define BLOCK_NAME "switchboard-slots"

static apr_status_t slots_share_block_make(void **block, apr_pool_t *process,
                                           apr_size_t memory, unsigned children)
{
    apr_uint64_t secret;
    slots_shape shape;
    apr_shm_t *shared;
    apr_status_t rv;

    rv = apr_generate_random_bytes((unsigned char *)&secret, sizeof(secret));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    slots_shape_fit(&shape, memory, children);
    rv = apr_shm_create(&shared, slots_size(&shape), NULL, process);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    /* anonymous memory of the system's is zero */
    *block = apr_shm_baseaddr_get(shared);
    slots_init(*block, &shape, secret, apr_time_now());
    return apr_pool_userdata_set(*block, BLOCK_NAME, apr_pool_cleanup_null,
                                 process);
}

apr_status_t slots_share(slots *s, apr_pool_t *process, apr_size_t memory,
                         unsigned children)
{
    void *block = NULL;
    apr_status_t rv;

    apr_pool_userdata_get(&block, BLOCK_NAME, process);
    if (block && slots_attach(s, block) == APR_SUCCESS) {
        return APR_SUCCESS;
    }
    rv = slots_share_block_make(&block, process, memory, children);
    return rv == APR_SUCCESS ? slots_attach(s, block) : rv;
}
