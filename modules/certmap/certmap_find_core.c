/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file certmap_find_core.c
 * @brief From a name to its certificates: shard, record, parsed entry.
 */

#include "certmap_find_core.h"

#include <string.h>

#include "apr_strings.h"

/* A shard that is replaced between the look-ups of a record and its chain is
 * asked again; more often than this nobody writes. */
#define FIND_TRIES 5

struct certmap {
    const certmap_master *master;
    certmap_cache *cache;
    hostmap *shards[CERTMAP_SHARDS];
};

apr_status_t certmap_open(certmap **out, hostmap_registry *registry,
                          const certmap_options *options, apr_pool_t *pool)
{
    certmap *map = apr_pcalloc(pool, sizeof(*map));
    char file[CERTMAP_SHARD_FILE];
    apr_status_t rv;
    unsigned i;

    map->master = options->master;
    rv = certmap_cache_create(&map->cache, options->cache, pool);
    for (i = 0; i < CERTMAP_SHARDS && rv == APR_SUCCESS; i++) {
        certmap_shard_file(file, i);
        rv = hostmap_open(&map->shards[i], registry,
                          apr_pstrcat(pool, options->dir, "/", file, NULL),
                          "lmdb", options->interval);
        if (rv == APR_SUCCESS) {
            /* a damaged one must not end the child; few pages are soon read */
            hostmap_verify(map->shards[i]);
        }
    }
    *out = map;
    return rv;
}

/* ---- parsing a record -------------------------------------------------- */

/* APR_NOTFOUND: the shard has no such chain, any more. */
static apr_status_t find_chain_load(certmap_chain **chain, certmap *map,
                                    hostmap *shard, const unsigned char *id,
                                    hostmap_reason *why)
{
    char key[CERTMAP_CHAIN_KEY];
    STACK_OF(X509) *certs;
    hostmap_str bytes;
    apr_pool_t *pool;
    apr_status_t rv;

    *chain = certmap_cache_chain(map->cache, id);
    if (*chain) {
        return APR_SUCCESS;
    }
    apr_pool_create(&pool, NULL);
    certmap_chain_key(key, id);
    rv = hostmap_lookup(shard, &bytes, hostmap_str_of(key, sizeof(key)),
                        pool);
    if (rv == APR_SUCCESS) {
        rv = certmap_chain_read(&certs, bytes, id, why);
    }
    if (rv == APR_SUCCESS) {
        *chain = certmap_cache_share(map->cache, id, certs);
        rv = *chain ? APR_SUCCESS : APR_ENOMEM;
    }
    apr_pool_destroy(pool);
    return rv;
}

/* What OpenSSL makes of a record whose tag is right, with its chains. */
static apr_status_t find_entry_fill(certmap_entry *entry, certmap *map,
                                    hostmap *shard, hostmap_str bytes,
                                    hostmap_reason *why)
{
    hostmap_str key = hostmap_str_of(entry->key, entry->key_len);
    unsigned i, count;
    apr_status_t rv;

    rv = certmap_pairs_read(entry->pairs, &count, key, bytes, map->master,
                            why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    entry->count = count;
    entry->expires = entry->pairs[0].expires;
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        const certmap_pair *pair = &entry->pairs[i];

        if (pair->expires < entry->expires) {
            entry->expires = pair->expires;
        }
        if (pair->has_chain) {
            rv = find_chain_load(&entry->chains[i], map, shard, pair->chain_id,
                                 why);
        }
    }
    return rv;
}

/* APR_NOTFOUND: the shard has no chain of the record's, any more. */
static apr_status_t find_entry_of(certmap_entry **out, certmap *map,
                                  hostmap *shard,
                                  hostmap_str key, hostmap_str bytes,
                                  hostmap_reason *why)
{
    certmap_entry *entry;
    certmap_record record;
    hostmap_bad bad;
    apr_status_t rv;

    if (certmap_record_split(&record, bytes, &bad) != APR_SUCCESS) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, "%s", bad.reason);
    }
    *out = certmap_cache_get(map->cache, key, record.key_id);
    if (*out) {
        return APR_SUCCESS;
    }
    entry = certmap_entry_create(key, record.key_id);
    if (!entry) {
        return hostmap_fail(why, APR_ENOMEM, "no memory");
    }
    rv = find_entry_fill(entry, map, shard, bytes, why);
    if (rv != APR_SUCCESS) {
        certmap_cache_release(map->cache, entry);
        return rv;
    }
    certmap_cache_put(map->cache, entry);
    *out = entry;
    return APR_SUCCESS;
}

/* ---- finding ----------------------------------------------------------- */

static hostmap *find_shard_of(certmap *map, hostmap_str key)
{
    return map->shards[certmap_name_shard(key)];
}

/* What one key has. */
static apr_status_t find_key_find(certmap *map, certmap_entry **entry,
                                  hostmap_str key, apr_pool_t *scratch,
                                  hostmap_reason *why)
{
    hostmap *shard = find_shard_of(map, key);
    hostmap_str bytes;
    apr_status_t rv;
    int tries;

    for (tries = 0; tries < FIND_TRIES; tries++) {
        rv = hostmap_lookup(shard, &bytes, key, scratch);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        rv = find_entry_of(entry, map, shard, key, bytes, why);
        if (rv != APR_NOTFOUND) {
            return rv;
        }
    }
    return hostmap_fail(why, HOSTMAP_EFORMAT, "its chain is not in the "
                        "shard");
}

apr_status_t certmap_find(certmap *map, certmap_entry **entry,
                          hostmap_str key, apr_pool_t *scratch,
                          hostmap_reason *why)
{
    char wildcard[CERTMAP_NAME_MAX + 1];
    apr_size_t len;
    apr_status_t rv;

    why->text[0] = '\0';
    rv = find_key_find(map, entry, key, scratch, why);
    if (rv != APR_NOTFOUND
        || certmap_name_wildcard(wildcard, &len, key) != APR_SUCCESS) {
        return rv;
    }
    return find_key_find(map, entry, hostmap_str_of(wildcard, len), scratch,
                         why);
}

apr_status_t certmap_knows(certmap *map, hostmap_str key, apr_pool_t *scratch)
{
    char wildcard[CERTMAP_NAME_MAX + 1];
    hostmap_str bytes;
    apr_size_t len;
    apr_status_t rv;

    rv = hostmap_lookup(find_shard_of(map, key), &bytes, key, scratch);
    if (rv != APR_NOTFOUND
        || certmap_name_wildcard(wildcard, &len, key) != APR_SUCCESS) {
        return rv;
    }
    key = hostmap_str_of(wildcard, len);
    return hostmap_lookup(find_shard_of(map, key), &bytes, key, scratch);
}

void certmap_release(certmap *map, certmap_entry *entry)
{
    certmap_cache_release(map->cache, entry);
}
