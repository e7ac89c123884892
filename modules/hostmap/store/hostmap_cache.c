/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_cache.c
 * @brief The bounded cache of answers in front of the DBM types.
 *
 * Two tables of sets of four: the hash of a key chooses the set, and within the
 * set the answer that was least recently used is replaced.
 */

#include "hostmap_cache.h"

#include "apr_hash.h"
#include "apr_strings.h"
#include "apr_thread_mutex.h"

#include <stdlib.h>
#include <string.h>

#define WAYS 4

/* One block holds the key and after it the value. */
typedef struct cache_slot {
    char *block;
    unsigned int hash;
    apr_uint32_t key_len;
    apr_uint32_t value_len;
    apr_uint32_t used;          /* clock of the table when last used */
} cache_slot;

typedef struct cache_table {
    cache_slot *slots;
    unsigned int sets;
    apr_uint32_t clock;
} cache_table;

struct hostmap_cache {
    apr_thread_mutex_t *mutex;
    cache_table hits;
    cache_table misses;
};

static void cache_table_create(cache_table *table, unsigned int slots,
                               apr_pool_t *pool)
{
    table->sets = slots / WAYS;
    table->slots = apr_pcalloc(pool, slots * sizeof(*table->slots));
}

static void cache_table_free(cache_table *table)
{
    unsigned int i;

    for (i = 0; i < table->sets * WAYS; i++) {
        free(table->slots[i].block);
    }
}

static apr_status_t cache_cleanup(void *data)
{
    hostmap_cache *cache = data;

    cache_table_free(&cache->hits);
    cache_table_free(&cache->misses);
    return APR_SUCCESS;
}

apr_status_t hostmap_cache_create(hostmap_cache **out, apr_pool_t *pool)
{
    hostmap_cache *cache = apr_pcalloc(pool, sizeof(*cache));
    apr_status_t rv;

    rv = apr_thread_mutex_create(&cache->mutex, APR_THREAD_MUTEX_DEFAULT,
                                 pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    cache_table_create(&cache->hits, HOSTMAP_CACHE_HITS, pool);
    cache_table_create(&cache->misses, HOSTMAP_CACHE_MISSES, pool);
    apr_pool_cleanup_register(pool, cache, cache_cleanup,
                              apr_pool_cleanup_null);
    *out = cache;
    return APR_SUCCESS;
}

static unsigned int cache_hash(hostmap_str key)
{
    apr_ssize_t len = key.len;

    return apr_hashfunc_default(key.ptr, &len);
}

static cache_slot *cache_set_of(cache_table *table, unsigned int hash)
{
    return table->slots + (hash % table->sets) * WAYS;
}

static cache_slot *cache_table_find(cache_table *table, unsigned int hash,
                                    hostmap_str key)
{
    cache_slot *slot = cache_set_of(table, hash);
    int i;

    for (i = 0; i < WAYS; i++, slot++) {
        if (slot->block && slot->hash == hash && slot->key_len == key.len
            && memcmp(slot->block, key.ptr, key.len) == 0) {
            slot->used = ++table->clock;
            return slot;
        }
    }
    return NULL;
}

/* The slot of the key, a free one, or the least recently used one. */
static cache_slot *cache_table_slot(cache_table *table, unsigned int hash,
                                    hostmap_str key)
{
    cache_slot *slot = cache_table_find(table, hash, key);
    cache_slot *set = cache_set_of(table, hash);
    int i;

    if (slot) {
        return slot;
    }
    slot = set;
    for (i = 0; i < WAYS; i++) {
        if (!set[i].block) {
            return &set[i];
        }
        if (table->clock - set[i].used > table->clock - slot->used) {
            slot = &set[i];
        }
    }
    return slot;
}

apr_status_t hostmap_cache_get(hostmap_cache *cache, hostmap_str *value,
                               hostmap_str key, apr_pool_t *pool)
{
    unsigned int hash = cache_hash(key);
    apr_status_t rv = APR_INCOMPLETE;
    cache_slot *slot;

    apr_thread_mutex_lock(cache->mutex);
    slot = cache_table_find(&cache->hits, hash, key);
    if (slot) {
        value->ptr = apr_pstrmemdup(pool, slot->block + key.len,
                                    slot->value_len);
        value->len = slot->value_len;
        rv = APR_SUCCESS;
    }
    else if (cache_table_find(&cache->misses, hash, key)) {
        rv = APR_NOTFOUND;
    }
    apr_thread_mutex_unlock(cache->mutex);
    return rv;
}

void hostmap_cache_put(hostmap_cache *cache, hostmap_str key,
                       const hostmap_str *value)
{
    cache_table *table = value ? &cache->hits : &cache->misses;
    apr_size_t value_len = value ? value->len : 0;
    unsigned int hash = cache_hash(key);
    cache_slot *slot;
    char *block;

    if (key.len + value_len > HOSTMAP_CACHE_ANSWER_MAX
        || (block = malloc(key.len + value_len + 1)) == NULL) {
        return;
    }
    memcpy(block, key.ptr, key.len);
    if (value) {
        memcpy(block + key.len, value->ptr, value_len);
    }
    apr_thread_mutex_lock(cache->mutex);
    slot = cache_table_slot(table, hash, key);
    free(slot->block);
    slot->block = block;
    slot->hash = hash;
    slot->key_len = (apr_uint32_t)key.len;
    slot->value_len = (apr_uint32_t)value_len;
    slot->used = ++table->clock;
    apr_thread_mutex_unlock(cache->mutex);
}
