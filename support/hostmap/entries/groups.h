/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file groups.h
 * @brief Groups of backends that entries name: each has to be in the map.
 */

#ifndef GROUPS_H
#define GROUPS_H

#include "apr_hash.h"
#include "apr_pools.h"

#include "hostmap/store/hostmap_writer.h"

/** What a change does with groups.  Lives in its pool. */
typedef struct groups {
    apr_pool_t *pool;
    apr_hash_t *named;      /**< `@NAME` -> an entry that names it */
    apr_hash_t *stored;     /**< `@NAME` of groups that are stored */
    apr_hash_t *removed;    /**< `@NAME` of groups that are taken out */
} groups;

void groups_begin(groups *g, apr_pool_t *pool);

/** An entry is stored. */
void groups_put(groups *g, hostmap_str key, hostmap_str value);

/** An entry is taken out. */
void groups_remove(groups *g, hostmap_str key);

/**
 * Does the map hold each group that an entry names?
 * @param path of the map; the one that is in place now is read where a group
 *        is taken out
 * @param writer of the new map; NULL: all its entries were given to
 *        groups_put()
 * @return TOOL_DONE; TOOL_FAILED, an error was printed
 */
int groups_check(groups *g, const char *path, hostmap_writer *writer);

#endif /* GROUPS_H */
