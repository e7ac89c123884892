/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file certmap_find_core.h
 * @brief A certificate map that is served from: the certificates of a name.
 *
 * Each shard is a path that is served from for months (hostmap.h): a
 * replacement is noticed, the last good file goes on when the new one cannot
 * be read.  A look-up asks the shard each time and parses what it has not
 * parsed yet.
 *
 * OpenSSL, no httpd.
 */

#ifndef CERTMAP_FIND_CORE_H
#define CERTMAP_FIND_CORE_H

#include "certmap_cache_core.h"
#include "hostmap/hostmap.h"

typedef struct certmap certmap;

typedef struct certmap_options {
    /** the folder of the shards */
    const char *dir;
    /** what opens its records; has to live as long as the map */
    const certmap_master *master;
    /** parsed entries that are kept */
    unsigned cache;
    /** how often a shard is looked at for a replacement */
    apr_interval_time_t interval;
} certmap_options;

/**
 * Name a map; nothing is opened.
 * @param registry of the process, as for hostmap_open()
 * @param options read during the call only, but for the master key
 * @param pool owns the map
 */
apr_status_t certmap_open(certmap **map, hostmap_registry *registry,
                          const certmap_options *options, apr_pool_t *pool);

/**
 * Find the certificates of a name: those of the exact key, then those of the
 * wildcard that covers it.  Any thread.
 * @param entry set on success; to be released
 * @param key of the name, as certmap_name_key() writes it
 * @param scratch for the call's own use
 * @param why set for a record that cannot be served; its text is empty when
 *        the map library has logged what is wrong with the shard
 * @return APR_SUCCESS; APR_NOTFOUND: the map knows no such name; any other
 *         status: it knows of the name or may do so, and has no certificate
 *         that could be served
 */
apr_status_t certmap_find(certmap *map, certmap_entry **entry,
                          hostmap_str key, apr_pool_t *scratch,
                          hostmap_reason *why);

/** Does the map know a name, whether or not its record can be served?
 *  @return APR_SUCCESS, APR_NOTFOUND, or why that is not known */
apr_status_t certmap_knows(certmap *map, hostmap_str key,
                           apr_pool_t *scratch);

void certmap_release(certmap *map, certmap_entry *entry);

#endif /* CERTMAP_FIND_CORE_H */
