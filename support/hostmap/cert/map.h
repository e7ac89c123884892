/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file map.h
 * @brief A certificate map as the tool sees it: its folder, its master key,
 *        all of its records.
 */

#ifndef HOSTMAP_CERT_MAP_H
#define HOSTMAP_CERT_MAP_H

#include "certmap/certmap_pair.h"
#include "tool.h"

/** The path of a shard, in pool. */
const char *map_shard_path(const char *dir, unsigned shard, apr_pool_t *pool);

/**
 * Read the master key of --master, and that of --old if it was given.
 * @return NULL: reported
 */
certmap_master *map_master(tool *t);

/**
 * Write the key of a host or a wildcard as others spell it.
 * @param key room for CERTMAP_NAME_MAX + 1 bytes; terminated with NUL
 * @return APR_SUCCESS, or APR_EINVAL: no map has such a key
 */
apr_status_t map_spell(char *key, apr_size_t *len, hostmap_str name);

/**
 * Read a name of the command line or a line, spelled as people do.
 * @param key room for CERTMAP_NAME_MAX + 1 bytes; set to the key
 * @return TOOL_DONE, or TOOL_FAILED: reported
 */
int map_read_name(char *key, apr_size_t *len, const char *name);

/** A record with its name; the bytes are valid during the call only.
 *  @return APR_SUCCESS, else the walk ends with it */
typedef apr_status_t map_record_fn(void *baton, hostmap_str key,
                                   hostmap_str bytes);

/** What a walk through all shards calls. */
typedef struct map_walk {
    map_record_fn *record;
    /** for each shard after its records; may be NULL */
    apr_status_t (*shard)(void *baton, unsigned shard, hostmap_file *file);
    void *baton;
} map_walk;

/**
 * Visit every record, shard by shard, sorted by name in each.  Chains are
 * passed over.
 * @return TOOL_DONE, or TOOL_FAILED: reported.  A shard that cannot be read is
 *         reported, the others are visited still
 */
int map_each(tool *t, const char *dir, const map_walk *walk);

/** What a record says without the master key: its certificates.
 *  @param why set for one that says nothing */
apr_status_t map_certs(certmap_cert *certs, unsigned *count,
                       hostmap_str bytes, hostmap_reason *why);

/** Seconds since 1970 at which the first of them expires. */
apr_int64_t map_expires(const certmap_cert *certs, unsigned count);

/** A day as 2026-11-27, UTC. @param text room for 11 bytes or more */
void map_day(char *text, apr_size_t size, apr_int64_t seconds);

#endif /* HOSTMAP_CERT_MAP_H */
