/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file certmap_name_core.h
 * @brief Names of a certificate map: which keys answer for a server name, and
 *        in which file of the folder a key lies.
 *
 * Pure: no allocation, no I/O, any thread.
 */

#ifndef CERTMAP_NAME_CORE_H
#define CERTMAP_NAME_CORE_H

#include "apr_errno.h"

#include "base/str.h"

/** Longest name (RFC 1035 2.3.4, without the root's dot). */
#define CERTMAP_NAME_MAX 253

/** Files of a map, its shards: a change writes one of them anew. */
#define CERTMAP_SHARDS 256

/** Bytes of a chain's id: SHA-256 of the chain. */
#define CERTMAP_CHAIN_ID 32

/** Room for the file name of a shard with its NUL: "00.certs". */
#define CERTMAP_SHARD_FILE 9

/** Room for the key of a chain in its shard. */
#define CERTMAP_CHAIN_KEY (6 + CERTMAP_CHAIN_ID)

/**
 * Write the key of a server name as a client sends it in its TLS handshake.
 * @param key room for CERTMAP_NAME_MAX + 1 bytes; terminated with NUL
 * @param len set to its length
 * @return APR_SUCCESS; APR_EINVAL for what is no host name of DNS: empty, too
 *         long, an empty label, a byte outside [A-Za-z0-9._-]; one dot at the
 *         end is cut off
 */
apr_status_t certmap_name_key(char *key, apr_size_t *len, hostmap_str name);

/**
 * Write the key of the wildcard that covers a name, as certificates mean it
 * (RFC 6125 6.4.3): `*.` and what follows the first label.
 * @param key room for CERTMAP_NAME_MAX + 1 bytes; terminated with NUL
 * @return APR_SUCCESS; APR_NOTFOUND: none covers it, as it has less than
 *         three labels
 */
apr_status_t certmap_name_wildcard(char *key, apr_size_t *len,
                                   hostmap_str name);

/**
 * Check a key for those who write maps: a name in the spelling that
 * certmap_name_key() writes, or `*.` and such a name of two labels or more.
 * @return APR_SUCCESS; APR_EINVAL with bad set
 */
apr_status_t certmap_name_check(hostmap_str key, hostmap_bad *bad);

/** Does a name of a certificate (`*.x` is one label) cover the key?  Both
 *  without regard to case. */
int certmap_name_covers(hostmap_str pattern, hostmap_str key);

/** The shard of a key, 0 to CERTMAP_SHARDS - 1: the same on all machines. */
unsigned certmap_name_shard(hostmap_str key);

/** Write a shard's file name. @param file room for CERTMAP_SHARD_FILE bytes */
void certmap_shard_file(char *file, unsigned shard);

/** Write the key of a chain: sorts after all names.
 *  @param key room for CERTMAP_CHAIN_KEY bytes, not terminated */
void certmap_chain_key(char *key, const unsigned char *id);

/** Is this the key of a chain? */
int certmap_chain_key_is(hostmap_str key);

#endif /* CERTMAP_NAME_CORE_H */
