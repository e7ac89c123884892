/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file certmap_cache_core.h
 * @brief Certificates and keys that were parsed before, bounded: those of the
 *        names that were not asked for the longest go first.
 *
 * An entry is of one record: it carries the record's stamp, and serves only
 * while the map holds a record with the same one.  Chains are shared by the
 * entries that have them.
 *
 * Any thread.  OpenSSL, no httpd.
 */

#ifndef CERTMAP_CACHE_CORE_H
#define CERTMAP_CACHE_CORE_H

#include "apr_pools.h"

#include "certmap_pair.h"

/** What tells records apart: key id, nonce and tag. */
#define CERTMAP_STAMP (CERTMAP_KEY_ID + CERTMAP_NONCE + CERTMAP_TAG)

/** A chain that entries share.  The cache's, but for id and certs. */
typedef struct certmap_chain {
    unsigned char id[CERTMAP_CHAIN_ID];
    STACK_OF(X509) *certs;
    unsigned refs;
    struct certmap_chain *next;
} certmap_chain;

/** A parsed record. */
typedef struct certmap_entry {
    char key[CERTMAP_NAME_MAX + 1];
    apr_size_t key_len;
    unsigned char stamp[CERTMAP_STAMP];
    unsigned count;
    certmap_pair pairs[CERTMAP_CERTS];
    /** of each pair, NULL: it has none */
    certmap_chain *chains[CERTMAP_CERTS];
    /** seconds since 1970, of the pair that expires first */
    apr_int64_t expires;
    /** day since 1970 for which its expiry was logged */
    volatile apr_uint32_t logged_day;
    /** the cache's */
    unsigned refs;
    struct certmap_entry *next, *newer, *older;
} certmap_entry;

typedef struct certmap_cache certmap_cache;

/**
 * @param max entries that are kept; 0: none
 * @param pool owns the cache; entries that are still in use when it is cleared
 *        are leaked, not freed
 */
apr_status_t certmap_cache_create(certmap_cache **cache, unsigned max,
                                  apr_pool_t *pool);

/** The entry of a key, for the caller to release; NULL: there is none, or of
 *  another record. */
certmap_entry *certmap_cache_get(certmap_cache *cache, hostmap_str key,
                                 const unsigned char *stamp);

/** A new entry, zeroed but for key and stamp, for the caller to release.  NULL:
 *  no memory. */
certmap_entry *certmap_entry_create(hostmap_str key,
                                    const unsigned char *stamp);

/** Keep an entry; one of the same key is replaced. */
void certmap_cache_put(certmap_cache *cache, certmap_entry *entry);

/** Give an entry back; NULL is passed over. */
void certmap_cache_release(certmap_cache *cache, certmap_entry *entry);

/** The chain of an id if an entry has it, for an entry to own; NULL: none. */
certmap_chain *certmap_cache_chain(certmap_cache *cache,
                                   const unsigned char *id);

/** Share a chain; the certificates are the cache's then.  @return it, or the
 *  one of its id that another thread shared first; NULL: no memory */
certmap_chain *certmap_cache_share(certmap_cache *cache,
                                   const unsigned char *id,
                                   STACK_OF(X509) *certs);

#endif /* CERTMAP_CACHE_CORE_H */
