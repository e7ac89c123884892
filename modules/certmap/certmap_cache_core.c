/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file certmap_cache_core.c
 * @brief Parsed certificates of a child, the least recently used go first.
 */

#include "certmap_cache_core.h"

#include <stdlib.h>
#include <string.h>

#include "apr_thread_mutex.h"

#include "base/hash.h"

/* By the first byte of their ids; there are few. */
#define CHAIN_BUCKETS 256

struct certmap_cache {
    apr_thread_mutex_t *mutex;      /* guards all below, and all refs */
    unsigned max, count;
    unsigned mask;
    certmap_entry **buckets;
    certmap_entry *newest, *oldest;
    certmap_chain *chains[CHAIN_BUCKETS];
};

/* ---- chains ------------------------------------------------------------ */

/* With the mutex held. */
static certmap_chain *cache_chain_find(certmap_cache *cache,
                                       const unsigned char *id)
{
    certmap_chain *chain = cache->chains[id[0]];

    while (chain && memcmp(chain->id, id, CERTMAP_CHAIN_ID) != 0) {
        chain = chain->next;
    }
    if (chain) {
        chain->refs++;
    }
    return chain;
}

/* With the mutex held.  @return it when nobody has it any more, to be freed */
static certmap_chain *cache_chain_release(certmap_cache *cache,
                                          certmap_chain *chain)
{
    certmap_chain **at;

    if (!chain || --chain->refs > 0) {
        return NULL;
    }
    for (at = &cache->chains[chain->id[0]]; *at != chain;
         at = &(*at)->next) {
        continue;
    }
    *at = chain->next;
    return chain;
}

static void cache_chain_free(certmap_chain *chain)
{
    if (chain) {
        sk_X509_pop_free(chain->certs, X509_free);
        free(chain);
    }
}

certmap_chain *certmap_cache_chain(certmap_cache *cache,
                                   const unsigned char *id)
{
    certmap_chain *chain;

    apr_thread_mutex_lock(cache->mutex);
    chain = cache_chain_find(cache, id);
    apr_thread_mutex_unlock(cache->mutex);
    return chain;
}

certmap_chain *certmap_cache_share(certmap_cache *cache,
                                   const unsigned char *id,
                                   STACK_OF(X509) *certs)
{
    certmap_chain *chain = calloc(1, sizeof(*chain)), *found;

    if (!chain) {
        sk_X509_pop_free(certs, X509_free);
        return NULL;
    }
    memcpy(chain->id, id, CERTMAP_CHAIN_ID);
    chain->certs = certs;
    chain->refs = 1;
    apr_thread_mutex_lock(cache->mutex);
    found = cache_chain_find(cache, id);
    if (!found) {
        chain->next = cache->chains[id[0]];
        cache->chains[id[0]] = chain;
    }
    apr_thread_mutex_unlock(cache->mutex);
    if (found) {
        cache_chain_free(chain);
    }
    return found ? found : chain;
}

/* ---- entries ----------------------------------------------------------- */

certmap_entry *certmap_entry_create(hostmap_str key,
                                    const unsigned char *stamp)
{
    certmap_entry *entry = calloc(1, sizeof(*entry));

    if (!entry) {
        return NULL;
    }
    memcpy(entry->key, key.ptr, key.len);
    entry->key_len = key.len;
    memcpy(entry->stamp, stamp, CERTMAP_STAMP);
    entry->refs = 1;
    return entry;
}

static certmap_entry **cache_bucket_of(certmap_cache *cache, hostmap_str key)
{
    return &cache->buckets[hostmap_hash(key) & cache->mask];
}

static hostmap_str cache_key_of(const certmap_entry *entry)
{
    return hostmap_str_of(entry->key, entry->key_len);
}

/* Those below are called with the mutex held. */

static certmap_entry *cache_entry_find(certmap_cache *cache, hostmap_str key)
{
    certmap_entry *entry = *cache_bucket_of(cache, key);

    while (entry && (entry->key_len != key.len
                     || memcmp(entry->key, key.ptr, key.len) != 0)) {
        entry = entry->next;
    }
    return entry;
}

static void cache_order_remove(certmap_cache *cache, certmap_entry *entry)
{
    *(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void cache_order_add(certmap_cache *cache, certmap_entry *entry)
{
    entry->newer = NULL;
    entry->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

/* The cache gives its reference to the caller. */
static void cache_entry_take_out(certmap_cache *cache, certmap_entry *entry)
{
    certmap_entry **at = cache_bucket_of(cache, cache_key_of(entry));

    while (*at != entry) {
        at = &(*at)->next;
    }
    *at = entry->next;
    cache_order_remove(cache, entry);
    cache->count--;
}

certmap_entry *certmap_cache_get(certmap_cache *cache, hostmap_str key,
                                 const unsigned char *stamp)
{
    certmap_entry *entry;

    apr_thread_mutex_lock(cache->mutex);
    entry = cache_entry_find(cache, key);
    if (entry && memcmp(entry->stamp, stamp, CERTMAP_STAMP) != 0) {
        entry = NULL;
    }
    if (entry) {
        entry->refs++;
        cache_order_remove(cache, entry);
        cache_order_add(cache, entry);
    }
    apr_thread_mutex_unlock(cache->mutex);
    return entry;
}

void certmap_cache_put(certmap_cache *cache, certmap_entry *entry)
{
    certmap_entry *before, *oldest = NULL, **bucket;

    if (cache->max == 0) {
        return;
    }
    apr_thread_mutex_lock(cache->mutex);
    before = cache_entry_find(cache, cache_key_of(entry));
    if (before) {
        cache_entry_take_out(cache, before);
    }
    else if (cache->count == cache->max) {
        oldest = cache->oldest;
        cache_entry_take_out(cache, oldest);
    }
    bucket = cache_bucket_of(cache, cache_key_of(entry));
    entry->next = *bucket;
    *bucket = entry;
    cache_order_add(cache, entry);
    entry->refs++;
    cache->count++;
    apr_thread_mutex_unlock(cache->mutex);
    /* freeing takes longer than all this */
    certmap_cache_release(cache, before);
    certmap_cache_release(cache, oldest);
}

void certmap_cache_release(certmap_cache *cache, certmap_entry *entry)
{
    certmap_chain *unused[CERTMAP_CERTS] = { NULL };
    unsigned i, left;

    if (!entry) {
        return;
    }
    apr_thread_mutex_lock(cache->mutex);
    left = --entry->refs;
    for (i = 0; left == 0 && i < CERTMAP_CERTS; i++) {
        unused[i] = cache_chain_release(cache, entry->chains[i]);
    }
    apr_thread_mutex_unlock(cache->mutex);
    if (left > 0) {
        return;
    }
    for (i = 0; i < CERTMAP_CERTS; i++) {
        cache_chain_free(unused[i]);
    }
    certmap_pairs_free(entry->pairs, entry->count);
    free(entry);
}

/* ---- lifecycle --------------------------------------------------------- */

static apr_status_t cache_cleanup(void *data)
{
    certmap_cache *cache = data;
    certmap_entry *entry = cache->oldest, *newer;

    for (; entry; entry = newer) {
        newer = entry->newer;
        certmap_cache_release(cache, entry);
    }
    free(cache->buckets);
    return APR_SUCCESS;
}

apr_status_t certmap_cache_create(certmap_cache **out, unsigned max,
                                  apr_pool_t *pool)
{
    certmap_cache *cache = apr_pcalloc(pool, sizeof(*cache));
    unsigned buckets = 1;
    apr_status_t rv;

    while (buckets < max) {
        buckets *= 2;
    }
    cache->max = max;
    cache->mask = buckets - 1;
    cache->buckets = calloc(buckets, sizeof(*cache->buckets));
    if (!cache->buckets) {
        return APR_ENOMEM;
    }
    rv = apr_thread_mutex_create(&cache->mutex, APR_THREAD_MUTEX_DEFAULT,
                                 pool);
    if (rv != APR_SUCCESS) {
        free(cache->buckets);
        return rv;
    }
    apr_pool_cleanup_register(pool, cache, cache_cleanup,
                              apr_pool_cleanup_null);
    *out = cache;
    return APR_SUCCESS;
}
