/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file shard.h
 * @brief Changing a certificate map: each shard that a change concerns is
 *        written anew, sorted and without gaps, and renamed over.
 */

#ifndef HOSTMAP_CERT_SHARD_H
#define HOSTMAP_CERT_SHARD_H

#include "map.h"
#include "pem.h"

/** One name's change. */
typedef struct shard_change {
    char key[CERTMAP_NAME_MAX + 1];
    apr_size_t key_len;
    /** NULL: the name is taken out */
    const pem_item *item;
    /** a certificate of the other kind is taken out */
    int only;
} shard_change;

/** Changes in the making. */
typedef struct shard_batch {
    tool *t;
    const char *dir;
    /** NULL: records are only taken out */
    const certmap_master *master;
    /** shard_change *: of any order, of two of one name and kind the last one
     *  counts */
    apr_array_header_t *changes;
    /** write every shard, and seal each record with the first master key */
    int reseal;
    /** what was done: names */
    apr_int64_t added, replaced, removed, resealed;
} shard_batch;

/** Begin. */
void shard_begin(shard_batch *batch, tool *t, const char *dir,
                 const certmap_master *master);

/** Note a change. */
shard_change *shard_note(shard_batch *batch, hostmap_str key,
                         const pem_item *item);

/**
 * Do it.
 * @return TOOL_DONE; TOOL_FAILED: reported, with the shard.  Shards before it
 *         are changed then, to do it again is harmless
 */
int shard_commit(shard_batch *batch);

/** Make an empty map in a folder that is missing or empty.
 *  @return TOOL_DONE, or TOOL_FAILED: reported */
int shard_init(tool *t, const char *dir);

#endif /* HOSTMAP_CERT_SHARD_H */
