/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The table: a hash of the items that can be taken, and a ring of them, the
 * least recently given back first, which eviction and the sweep walk.  Retired
 * items that are still in use wait in a second ring.
 *
 * One mutex guards it all.  It is held while a value is created, so that two
 * threads that come for the same key at once get one value; destroying, which
 * closes connections, happens outside of it.  Each item has a pool of its own
 * (base/own_pool.h), so that its memory is freed with it, and no thread works
 * on another's pool.
 */

#include "pool_core.h"

#include "base/hash.h"
#include "base/own_pool.h"

#include "apr_hash.h"
#include "apr_ring.h"
#include "apr_strings.h"
#include "apr_thread_mutex.h"

/* A moment that is to come by more than this shows that the clock was set back.
 * Less may be a thread that read the clock early. */
#define SET_BACK apr_time_from_sec(1)

APR_RING_HEAD(pool_ring, pool_item);

struct pool_item {
    APR_RING_ENTRY(pool_item) link;
    apr_pool_t *pool;
    hostmap_str key;
    void *value;
    unsigned refs;
    int retired;            /* no longer in the hash */
    apr_time_t made;
    apr_time_t idle_since;
};

struct pool_table {
    apr_thread_mutex_t *mutex;
    apr_hash_t *hash;
    struct pool_ring items;     /* all in the hash */
    struct pool_ring retired;   /* in use; destroyed when given back */
    const pool_ops *ops;
    unsigned max;
    int closed;
    pool_counts counts;
};

static unsigned int pool_key_hash(const char *key, apr_ssize_t *len)
{
    return hostmap_hash(hostmap_str_of(key, (apr_size_t)*len));
}

static void pool_item_destroy(pool_table *table, pool_item *item)
{
    if (table->ops->destroy) {
        table->ops->destroy(item->value);
    }
    apr_pool_destroy(item->pool);
}

/* With the mutex held: no look-up finds it any more.  An item in use still
 * counts until it is given back. */
static void pool_item_unlink(pool_table *table, pool_item *item)
{
    apr_hash_set(table->hash, item->key.ptr, item->key.len, NULL);
    APR_RING_REMOVE(item, link);
    item->retired = 1;
    if (item->refs > 0) {
        APR_RING_INSERT_TAIL(&table->retired, item, pool_item, link);
    }
    else {
        table->counts.items--;
    }
}

static void pool_ring_destroy(pool_table *table, struct pool_ring *ring)
{
    while (!APR_RING_EMPTY(ring, pool_item, link)) {
        pool_item *item = APR_RING_FIRST(ring);

        APR_RING_REMOVE(item, link);
        pool_item_destroy(table, item);
    }
}

static apr_status_t pool_table_cleanup(void *data)
{
    pool_table *table = data;

    table->closed = 1;
    pool_ring_destroy(table, &table->items);
    pool_ring_destroy(table, &table->retired);
    return APR_SUCCESS;
}

apr_status_t pool_table_create(pool_table **out, unsigned max,
                               const pool_ops *ops, apr_pool_t *pool)
{
    pool_table *table = apr_pcalloc(pool, sizeof(*table));
    apr_status_t rv;

    rv = apr_thread_mutex_create(&table->mutex, APR_THREAD_MUTEX_DEFAULT,
                                 pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    table->hash = apr_hash_make_custom(pool, pool_key_hash);
    APR_RING_INIT(&table->items, pool_item, link);
    APR_RING_INIT(&table->retired, pool_item, link);
    table->ops = ops;
    table->max = max;
    apr_pool_cleanup_register(pool, table, pool_table_cleanup,
                              apr_pool_cleanup_null);
    *out = table;
    return APR_SUCCESS;
}

/* With the mutex held. */
static apr_status_t pool_item_create(pool_item **out, pool_table *table,
                                     hostmap_str key, void *arg,
                                     apr_time_t now)
{
    apr_pool_t *pool;
    pool_item *item;
    apr_status_t rv;

    rv = hostmap_own_pool_create(&pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    item = apr_pcalloc(pool, sizeof(*item));
    item->pool = pool;
    item->key.ptr = apr_pstrmemdup(pool, key.ptr, key.len);
    item->key.len = key.len;
    item->made = now;
    rv = table->ops->create(&item->value, item->key.ptr, arg, pool);
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(pool);
        return rv;
    }
    apr_hash_set(table->hash, item->key.ptr, item->key.len, item);
    APR_RING_INSERT_TAIL(&table->items, item, pool_item, link);
    table->counts.items++;
    table->counts.made++;
    *out = item;
    return APR_SUCCESS;
}

/* With the mutex held: take out the idle item that was given back first; NULL
 * if all are in use. */
static pool_item *pool_item_evict(pool_table *table)
{
    pool_item *item;

    APR_RING_FOREACH(item, &table->items, pool_item, link) {
        if (item->refs == 0) {
            pool_item_unlink(table, item);
            table->counts.evicted++;
            return item;
        }
    }
    return NULL;
}

apr_status_t pool_take(pool_item **out, pool_table *table, hostmap_str key,
                       void *arg, apr_time_t now)
{
    pool_item *item, *evicted = NULL;
    apr_status_t rv = APR_SUCCESS;

    apr_thread_mutex_lock(table->mutex);
    item = apr_hash_get(table->hash, key.ptr, key.len);
    if (!item) {
        if (table->counts.items >= table->max) {
            evicted = pool_item_evict(table);
        }
        if (table->counts.items >= table->max) {
            table->counts.refused++;
            rv = APR_ENOSPC;
        }
        else {
            rv = pool_item_create(&item, table, key, arg, now);
        }
    }
    if (rv == APR_SUCCESS) {
        if (item->refs++ == 0) {
            table->counts.in_use++;
        }
        *out = item;
    }
    apr_thread_mutex_unlock(table->mutex);
    if (evicted) {
        pool_item_destroy(table, evicted);
    }
    return rv;
}

void *pool_item_value(const pool_item *item)
{
    return item->value;
}

apr_time_t pool_item_idle_since(const pool_item *item)
{
    return item->idle_since;
}

void pool_give(pool_table *table, pool_item *item, apr_time_t now)
{
    int last;

    /* The process ends: the table's cleanup has destroyed everything, and
     * the mutex may be gone. */
    if (table->closed) {
        return;
    }
    apr_thread_mutex_lock(table->mutex);
    item->idle_since = now;
    last = --item->refs == 0;
    if (last) {
        table->counts.in_use--;
    }
    if (!item->retired) {
        APR_RING_REMOVE(item, link);
        APR_RING_INSERT_TAIL(&table->items, item, pool_item, link);
        last = 0;
    }
    else if (last) {
        APR_RING_REMOVE(item, link);
        table->counts.items--;
    }
    apr_thread_mutex_unlock(table->mutex);
    if (last) {
        pool_item_destroy(table, item);
    }
}

void pool_retire(pool_table *table, pool_item *item)
{
    apr_thread_mutex_lock(table->mutex);
    if (!item->retired) {
        pool_item_unlink(table, item);
        table->counts.retired++;
    }
    apr_thread_mutex_unlock(table->mutex);
}

/* Is it this long ago?  A moment that is to come shows that the clock was set
 * back: then nobody knows. */
static int pool_is_past(apr_time_t since, apr_interval_time_t age,
                        apr_time_t now)
{
    return now - since >= age || since - now > SET_BACK;
}

static int pool_is_outlived(const pool_ops *ops, const pool_item *item,
                       apr_time_t now, apr_interval_time_t unused,
                       apr_interval_time_t age)
{
    apr_interval_time_t own;

    if (age && pool_is_past(item->made, age, now)) {
        return 1;
    }
    if (item->refs > 0) {
        return 0;
    }
    own = ops->unused_max ? ops->unused_max(item->value) : 0;
    return pool_is_past(item->idle_since, own && own < unused ? own : unused,
                        now);
}

/* Take the next outlived item out of the table: destroyed here if it is idle,
 * else by the thread that gives it back last. */
static int pool_sweep_one(pool_table *table, apr_time_t now,
                     apr_interval_time_t unused, apr_interval_time_t age)
{
    pool_item *item, *found = NULL;
    int idle = 0;

    apr_thread_mutex_lock(table->mutex);
    APR_RING_FOREACH(item, &table->items, pool_item, link) {
        if (pool_is_outlived(table->ops, item, now, unused, age)) {
            found = item;
            idle = item->refs == 0;
            pool_item_unlink(table, item);
            table->counts.retired++;
            break;
        }
    }
    apr_thread_mutex_unlock(table->mutex);
    if (idle) {
        pool_item_destroy(table, found);
    }
    return found != NULL;
}

void pool_sweep(pool_table *table, apr_time_t now,
                apr_interval_time_t unused, apr_interval_time_t age)
{
    pool_item *item;

    while (pool_sweep_one(table, now, unused, age)) {
        continue;
    }
    if (!table->ops->sweep) {
        return;
    }
    apr_thread_mutex_lock(table->mutex);
    APR_RING_FOREACH(item, &table->items, pool_item, link) {
        table->ops->sweep(item->value);
    }
    apr_thread_mutex_unlock(table->mutex);
}

void pool_count(pool_table *table, pool_counts *counts)
{
    apr_thread_mutex_lock(table->mutex);
    *counts = table->counts;
    apr_thread_mutex_unlock(table->mutex);
}
