/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file express_group.h
 * @brief Entries with several backends, handed to mod_proxy_pool.
 */

#ifndef EXPRESS_GROUP_H
#define EXPRESS_GROUP_H

#include "httpd.h"

#include "base/str.h"
#include "hostmap/hostmap_entry.h"
#include "hostmap/hostmap_match.h"
#include "mod_proxy_pool.h"

/** In post_config: is mod_proxy_pool loaded? */
void express_group_start(void);

/**
 * Read the group of an entry.
 * @param group set to what mod_proxy_pool is to be given, in r->pool
 * @param entry of kind HOSTMAP_ENTRY_GROUP; set to one of its backends, as if
 *        the entry named that alone, without options
 * @return APR_SUCCESS; APR_EINVAL with bad set: the map does not hold the
 *         group, or its value does not parse; APR_ENOTIMPL: mod_proxy_pool is
 *         missing
 */
apr_status_t express_group_read(const proxy_pool_group **group,
                                hostmap_entry *entry, request_rec *r,
                                const hostmap_matched *found,
                                hostmap_bad *bad);

/** The request goes to the group. */
void express_group_give(request_rec *r, const proxy_pool_group *group);

/** The backend that answered: sets scheme, host and port of the entry. */
void express_group_answered(request_rec *r, hostmap_entry *entry);

#endif /* EXPRESS_GROUP_H */
