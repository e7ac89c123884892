/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The bounded table of values: what it creates, shares and destroys, and when;
 * and the same by many threads at once.
 *
 * The values count their users, so that one that is destroyed while it is in
 * use is seen.
 */

#include <stdio.h>
#include <string.h>

#include "apr_thread_mutex.h"
#include "apr_thread_proc.h"

#include "pool/pool_core.h"
#include "suites.h"

#define SEC APR_INT64_C(1000000)
/** long enough for nothing to be unused */
#define LONG (1000 * SEC)

typedef struct value {
    char key[32];
    int users;
    int destroyed;
    int swept;
} value;

/** All that tests create; never destroyed here, so that they can be asked. */
#define VALUES_MAX 100000
static value values[VALUES_MAX];

static struct {
    apr_thread_mutex_t *mutex;
    unsigned made, destroyed;
    unsigned pools_gone;
    unsigned wrong;         /* destroyed twice, in use, or after its pool */
} seen;

static apr_pool_t *test_pool;
static apr_pool_t *table_pool;
static pool_table *table;

static apr_status_t pool_gone(void *data)
{
    value *gone = data;

    apr_thread_mutex_lock(seen.mutex);
    seen.pools_gone++;
    if (!gone->destroyed) {
        seen.wrong++;
    }
    apr_thread_mutex_unlock(seen.mutex);
    return APR_SUCCESS;
}

/** arg: the status to fail with, or NULL. */
static apr_status_t create(void **out, const char *key, void *arg,
                         apr_pool_t *pool)
{
    value *made;

    if (arg) {
        return *(apr_status_t *)arg;
    }
    apr_thread_mutex_lock(seen.mutex);
    made = &values[seen.made++ % VALUES_MAX];
    apr_thread_mutex_unlock(seen.mutex);
    memset(made, 0, sizeof(*made));
    snprintf(made->key, sizeof(made->key), "%s", key);
    apr_pool_cleanup_register(pool, made, pool_gone, apr_pool_cleanup_null);
    *out = made;
    return APR_SUCCESS;
}

static void destroy(void *data)
{
    value *gone = data;

    apr_thread_mutex_lock(seen.mutex);
    seen.destroyed++;
    if (gone->destroyed++ > 0 || gone->users > 0) {
        seen.wrong++;
    }
    apr_thread_mutex_unlock(seen.mutex);
}

static void sweep(void *data)
{
    value *swept = data;

    swept->swept++;
}

/** The key "short" is unused after two seconds, whatever pool_sweep says. */
static apr_interval_time_t unused_max(const void *data)
{
    const value *asked = data;

    return strcmp(asked->key, "short") == 0 ? 2 * SEC : 0;
}

static const pool_ops ops = { create, destroy, sweep, unused_max };

static void setup_max(unsigned max)
{
    ck_assert_int_eq(apr_pool_create(&table_pool, test_pool), APR_SUCCESS);
    ck_assert_int_eq(pool_table_create(&table, max, &ops, table_pool),
                     APR_SUCCESS);
}

static void setup(void)
{
    memset(&seen, 0, sizeof(seen));
    ck_assert_int_eq(apr_pool_create(&test_pool, NULL), APR_SUCCESS);
    ck_assert_int_eq(apr_thread_mutex_create(&seen.mutex,
                                             APR_THREAD_MUTEX_DEFAULT,
                                             test_pool), APR_SUCCESS);
    setup_max(3);
}

static void teardown(void)
{
    apr_pool_destroy(test_pool);
}

static apr_status_t take_key(pool_item **item, const char *key, void *arg,
                             apr_time_t now)
{
    hostmap_str str;

    str.ptr = key;
    str.len = strlen(key);
    return pool_take(item, table, str, arg, now);
}

static pool_item *take(const char *key, apr_time_t now)
{
    pool_item *item = NULL;

    ck_assert_int_eq(take_key(&item, key, NULL, now),
                     APR_SUCCESS);
    ck_assert_str_eq(((value *)pool_item_value(item))->key, key);
    return item;
}

/** Take it and give it back at once; its value. */
static value *touch(const char *key, apr_time_t now)
{
    pool_item *item = take(key, now);
    value *touched = pool_item_value(item);

    pool_give(table, item, now);
    return touched;
}

static apr_status_t take_fails(const char *key)
{
    pool_item *item = NULL;
    apr_status_t rv = take_key(&item, key, NULL, 1);

    ck_assert_int_ne(rv, APR_SUCCESS);
    ck_assert_ptr_null(item);
    return rv;
}

static void assert_there(unsigned items, unsigned in_use)
{
    pool_counts counts;

    pool_count(table, &counts);
    ck_assert_uint_eq(counts.items, items);
    ck_assert_uint_eq(counts.in_use, in_use);
    ck_assert_uint_eq(counts.made, seen.made);
    ck_assert_uint_eq(seen.made - seen.destroyed, items);
    ck_assert_uint_eq(seen.pools_gone, seen.destroyed);
    ck_assert_uint_eq(seen.wrong, 0);
}

static void assert_ended(apr_uint64_t evicted, apr_uint64_t retired,
                         apr_uint64_t refused)
{
    pool_counts counts;

    pool_count(table, &counts);
    ck_assert_uint_eq(counts.evicted, evicted);
    ck_assert_uint_eq(counts.retired, retired);
    ck_assert_uint_eq(counts.refused, refused);
}

START_TEST(a_value_is_created_once_and_kept)
{
    value *first = touch("a", 1);

    ck_assert_ptr_eq(touch("a", 2), first);
    ck_assert_int_eq(first->destroyed, 0);
    assert_there(1, 0);
    assert_ended(0, 0, 0);
}
END_TEST

START_TEST(a_value_is_shared)
{
    pool_item *one = take("a", 1), *other = take("a", 1);

    ck_assert_ptr_eq(pool_item_value(one), pool_item_value(other));
    assert_there(1, 1);
    pool_give(table, one, 2);
    assert_there(1, 1);
    pool_give(table, other, 3);
    assert_there(1, 0);
}
END_TEST

START_TEST(a_key_is_copied)
{
    char key[] = "a";
    value *first = touch(key, 1);

    key[0] = 'b';
    ck_assert_ptr_eq(touch("a", 1), first);
    ck_assert_ptr_ne(touch(key, 1), first);
    assert_there(2, 0);
}
END_TEST

START_TEST(a_key_is_any_bytes)
{
    pool_item *items[4] = { NULL };
    int i, j;

    setup_max(4);
    for (i = 0; i < 4; i++) {
        static const hostmap_str keys[] = {
            { "a\0b", 3 }, { "a\0c", 3 }, { "a\0", 2 }, { "a", 1 }
        };

        ck_assert_int_eq(pool_take(&items[i], table, keys[i], NULL, 1),
                         APR_SUCCESS);
        for (j = 0; j < i; j++) {
            ck_assert_ptr_ne(items[i], items[j]);
        }
    }
    assert_there(4, 4);
}
END_TEST

START_TEST(it_says_since_when_it_is_idle)
{
    pool_item *item = take("a", 5);

    ck_assert_int_eq(pool_item_idle_since(item), 0);
    pool_give(table, item, 7);
    ck_assert_int_eq(pool_item_idle_since(take("a", 9)), 7);
}
END_TEST

START_TEST(the_least_recently_used_value_is_evicted)
{
    value *a = touch("a", 1), *b = touch("b", 2), *c = touch("c", 3);

    ck_assert_ptr_eq(touch("a", 4), a);
    touch("d", 5);
    ck_assert_int_eq(b->destroyed, 1);
    ck_assert_int_eq(a->destroyed + c->destroyed, 0);
    touch("e", 6);
    ck_assert_int_eq(c->destroyed, 1);
    ck_assert_int_eq(a->destroyed, 0);
    assert_there(3, 0);
    assert_ended(2, 0, 0);
    ck_assert_ptr_ne(touch("b", 7), b);
}
END_TEST

START_TEST(a_value_in_use_is_never_evicted)
{
    pool_item *a = take("a", 1);
    value *b = touch("b", 2);
    int i;

    for (i = 0; i < 10; i++) {
        char key[16];

        snprintf(key, sizeof(key), "new%d", i);
        touch(key, 3 + i);
        ck_assert_int_eq(((value *)pool_item_value(a))->destroyed, 0);
    }
    ck_assert_int_eq(b->destroyed, 1);
    assert_there(3, 1);
    pool_give(table, a, 20);
    assert_there(3, 0);
}
END_TEST

START_TEST(a_table_of_values_in_use_is_full)
{
    pool_item *a = take("a", 1), *b = take("b", 1), *c = take("c", 1);

    ck_assert(APR_STATUS_IS_ENOSPC(take_fails("d")));
    ck_assert(APR_STATUS_IS_ENOSPC(take_fails("d")));
    assert_there(3, 3);
    assert_ended(0, 0, 2);
    /* a value that is there can be shared all the same */
    ck_assert_ptr_eq(pool_item_value(take("b", 1)), pool_item_value(b));
    pool_give(table, c, 2);
    pool_give(table, take("d", 2), 2);
    assert_ended(1, 0, 2);
    pool_give(table, a, 3);
    pool_give(table, b, 3);
    pool_give(table, b, 3);
    assert_there(3, 0);
}
END_TEST

START_TEST(a_value_that_cannot_be_created_leaves_no_trace)
{
    apr_status_t failure = APR_EINVAL;
    pool_item *item = NULL;

    ck_assert_int_eq(take_key(&item, "a", &failure, 1),
                     APR_EINVAL);
    ck_assert_ptr_null(item);
    assert_there(0, 0);
    assert_ended(0, 0, 0);
    touch("a", 2);
    assert_there(1, 0);
}
END_TEST

START_TEST(a_retired_value_is_not_taken_again)
{
    pool_item *one = take("a", 1), *other = take("a", 1), *new;
    value *old = pool_item_value(one);

    pool_retire(table, one);
    pool_retire(table, other);
    new = take("a", 2);
    ck_assert_ptr_ne(pool_item_value(new), old);
    assert_there(2, 2);
    pool_give(table, one, 3);
    ck_assert_int_eq(old->destroyed, 0);
    pool_give(table, other, 3);
    ck_assert_int_eq(old->destroyed, 1);
    assert_there(1, 1);
    pool_give(table, new, 4);
    ck_assert_ptr_eq(touch("a", 5), pool_item_value(new));
    assert_ended(0, 1, 0);
}
END_TEST

START_TEST(a_retired_value_counts_while_it_is_used)
{
    pool_item *a = take("a", 1), *b = take("b", 1), *c = take("c", 1);

    pool_retire(table, a);
    ck_assert(APR_STATUS_IS_ENOSPC(take_fails("a")));
    pool_give(table, a, 2);
    assert_there(2, 2);
    touch("a", 3);
    assert_there(3, 2);
    pool_give(table, b, 4);
    pool_give(table, c, 4);
}
END_TEST

START_TEST(the_sweep_destroys_unused_values)
{
    value *a = touch("a", 10 * SEC), *b = touch("b", 12 * SEC);
    pool_item *c = take("c", 1 * SEC);

    pool_sweep(table, 19 * SEC, 10 * SEC, 0);
    assert_there(3, 1);
    pool_sweep(table, 20 * SEC, 10 * SEC, 0);
    ck_assert_int_eq(a->destroyed, 1);
    ck_assert_int_eq(b->destroyed, 0);
    assert_there(2, 1);
    pool_sweep(table, 1000 * SEC, 10 * SEC, 0);
    assert_there(1, 1);
    pool_give(table, c, 1000 * SEC);
    pool_sweep(table, 1009 * SEC, 10 * SEC, 0);
    assert_there(1, 0);
    pool_sweep(table, 1010 * SEC, 10 * SEC, 0);
    assert_there(0, 0);
    assert_ended(0, 3, 0);
}
END_TEST

START_TEST(a_value_may_have_a_shorter_time)
{
    value *a = touch("a", 10 * SEC), *b = touch("short", 10 * SEC);

    pool_sweep(table, 11 * SEC, 10 * SEC, 0);
    assert_there(2, 0);
    pool_sweep(table, 12 * SEC, 10 * SEC, 0);
    ck_assert_int_eq(a->destroyed, 0);
    ck_assert_int_eq(b->destroyed, 1);
    assert_there(1, 0);
    touch("short", 13 * SEC);
    pool_sweep(table, 14 * SEC, 1 * SEC, 0);
    assert_there(0, 0);
}
END_TEST

START_TEST(the_sweep_retires_old_values)
{
    pool_item *used = take("used", 1 * SEC);
    value *old = pool_item_value(used), *idle = touch("idle", 1 * SEC);
    value *young = touch("young", 5 * SEC);

    touch("idle", 9 * SEC);
    pool_sweep(table, 10 * SEC, LONG, 10 * SEC);
    assert_there(3, 1);
    pool_sweep(table, 11 * SEC, LONG, 10 * SEC);
    ck_assert_int_eq(idle->destroyed, 1);
    ck_assert_int_eq(young->destroyed + old->destroyed, 0);
    assert_there(2, 1);
    pool_give(table, used, 12 * SEC);
    ck_assert_int_eq(old->destroyed, 1);
    assert_there(1, 0);
    ck_assert_ptr_ne(touch("used", 12 * SEC), old);
    assert_ended(0, 2, 0);
}
END_TEST

START_TEST(the_sweep_ends_values_of_a_time_to_come)
{
    value *a = touch("a", 1000 * SEC), *b = touch("b", 11 * SEC);
    pool_item *used = take("used", 1000 * SEC);
    value *old = pool_item_value(used);

    pool_sweep(table, 10 * SEC, LONG, 0);
    ck_assert_int_eq(a->destroyed, 1);
    ck_assert_int_eq(b->destroyed, 0);
    assert_there(2, 1);
    pool_sweep(table, 10 * SEC, LONG, LONG);
    assert_there(2, 1);
    pool_give(table, used, 10 * SEC);
    ck_assert_int_eq(old->destroyed, 1);
    assert_there(1, 0);
}
END_TEST

START_TEST(the_sweep_visits_all_that_stay)
{
    value *gone = touch("gone", 1 * SEC), *idle = touch("idle", 5 * SEC);
    pool_item *used = take("used", 1 * SEC);

    pool_sweep(table, 6 * SEC, 5 * SEC, 0);
    pool_sweep(table, 6 * SEC, 5 * SEC, 0);
    ck_assert_int_eq(gone->swept, 0);
    ck_assert_int_eq(idle->swept, 2);
    ck_assert_int_eq(((value *)pool_item_value(used))->swept, 2);
    pool_give(table, used, 7 * SEC);
}
END_TEST

START_TEST(clearing_the_pool_destroys_all_values)
{
    pool_item *retired;

    touch("idle", 1);
    take("used", 1);
    retired = take("retired", 1);
    pool_retire(table, retired);
    assert_there(3, 2);
    apr_pool_destroy(table_pool);
    ck_assert_uint_eq(seen.made, 3);
    ck_assert_uint_eq(seen.destroyed, 3);
    ck_assert_uint_eq(seen.pools_gone, 3);
    ck_assert_uint_eq(seen.wrong, 0);
}
END_TEST

static apr_status_t give_late(void *data)
{
    pool_item **late = data;

    ck_assert_uint_eq(seen.destroyed, 2);
    pool_give(table, late[0], 1);
    pool_give(table, late[1], 1);
    return APR_SUCCESS;
}

/** A request's cleanup may run after the table's: the one that is registered
 *  first runs last. */
START_TEST(giving_back_after_the_end_does_nothing)
{
    static pool_item *late[2];
    apr_pool_t *pool;

    ck_assert_int_eq(apr_pool_create(&pool, test_pool), APR_SUCCESS);
    apr_pool_cleanup_register(pool, late, give_late, apr_pool_cleanup_null);
    ck_assert_int_eq(pool_table_create(&table, 3, &ops, pool), APR_SUCCESS);
    late[0] = take("used", 1);
    late[1] = take("retired", 1);
    pool_retire(table, late[1]);
    apr_pool_destroy(pool);
    ck_assert_uint_eq(seen.destroyed, 2);
    ck_assert_uint_eq(seen.wrong, 0);
}
END_TEST

/* ---- many threads ------------------------------------------------------ */

#define THREADS 16
#define ROUNDS 2000
#define TABLE_MAX 24
#define KEYS 36

/** What one thread has found; no assertion of Check's runs outside of its
 *  main thread. */
typedef struct worker {
    apr_thread_t *thread;
    unsigned random;
    unsigned taken, refused;
    unsigned wrong;
} worker;

static unsigned next_random(worker *self, unsigned below)
{
    self->random = self->random * 1103515245u + 12345u;
    return (self->random >> 16) % below;
}

static void use(value *used, int step, worker *self)
{
    apr_thread_mutex_lock(seen.mutex);
    used->users += step;
    if (used->destroyed || used->users < 0) {
        self->wrong++;
    }
    apr_thread_mutex_unlock(seen.mutex);
}

/** Takes a value of some key, or not: the table may be full. */
static pool_item *take_any(worker *self)
{
    pool_item *item = NULL;
    char key[16];
    apr_status_t rv;

    snprintf(key, sizeof(key), "k%u", next_random(self, KEYS));
    rv = take_key(&item, key, NULL, apr_time_now());
    if (APR_STATUS_IS_ENOSPC(rv)) {
        self->refused++;
        return NULL;
    }
    if (rv != APR_SUCCESS
        || strcmp(((value *)pool_item_value(item))->key, key) != 0) {
        self->wrong++;
        return NULL;
    }
    self->taken++;
    use(pool_item_value(item), 1, self);
    return item;
}

static void give(pool_item *item, worker *self)
{
    if (item) {
        use(pool_item_value(item), -1, self);
        pool_give(table, item, apr_time_now());
    }
}

static void look_at_counts(worker *self)
{
    pool_counts counts;

    pool_count(table, &counts);
    if (counts.items > TABLE_MAX || counts.in_use > counts.items) {
        self->wrong++;
    }
}

static void * APR_THREAD_FUNC work(apr_thread_t *thread, void *data)
{
    worker *self = data;
    int i;

    (void)thread;
    for (i = 0; i < ROUNDS; i++) {
        pool_item *one = take_any(self), *other = take_any(self);

        switch (next_random(self, 32)) {
        case 0:
            pool_sweep(table, apr_time_now(), next_random(self, 500), 0);
            break;
        case 1:
            pool_sweep(table, apr_time_now(), LONG,
                       1 + next_random(self, 2000));
            break;
        case 2:
            if (one) {
                pool_retire(table, one);
            }
            break;
        case 3:
            look_at_counts(self);
            break;
        default:
            apr_thread_yield();
            break;
        }
        give(one, self);
        give(other, self);
    }
    return NULL;
}

START_TEST(threads_take_give_evict_retire_and_sweep)
{
    static worker workers[THREADS];
    unsigned taken = 0, refused = 0;
    pool_counts counts;
    apr_status_t rv;
    int i;

    setup_max(TABLE_MAX);
    for (i = 0; i < THREADS; i++) {
        workers[i].random = (unsigned)i + 1;
        ck_assert_int_eq(apr_thread_create(&workers[i].thread, NULL, work,
                                           &workers[i], test_pool),
                         APR_SUCCESS);
    }
    for (i = 0; i < THREADS; i++) {
        ck_assert_int_eq(apr_thread_join(&rv, workers[i].thread),
                         APR_SUCCESS);
    }
    for (i = 0; i < THREADS; i++) {
        ck_assert_uint_eq(workers[i].wrong, 0);
        taken += workers[i].taken;
        refused += workers[i].refused;
    }
    pool_count(table, &counts);
    ck_assert_uint_le(counts.items, TABLE_MAX);
    assert_there(counts.items, 0);
    ck_assert_uint_eq(taken + refused, 2 * THREADS * ROUNDS);
    ck_assert_uint_eq(counts.refused, refused);
    ck_assert_uint_gt(taken, counts.made);
    ck_assert_uint_eq(counts.made,
                      counts.evicted + counts.retired + counts.items);
    ck_assert_uint_gt(counts.evicted, 0);
    ck_assert_uint_gt(counts.retired, 0);
    ck_assert_uint_lt(seen.made, VALUES_MAX);
    apr_pool_destroy(table_pool);
    ck_assert_uint_eq(seen.destroyed, seen.made);
    ck_assert_uint_eq(seen.pools_gone, seen.made);
    ck_assert_uint_eq(seen.wrong, 0);
}
END_TEST

Suite *pool_suite(void)
{
    Suite *suite = suite_create("pool");
    TCase *tcase = tcase_create("pool");
    TCase *threads = tcase_create("pool_threads");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_value_is_created_once_and_kept);
    tcase_add_test(tcase, a_value_is_shared);
    tcase_add_test(tcase, a_key_is_copied);
    tcase_add_test(tcase, a_key_is_any_bytes);
    tcase_add_test(tcase, it_says_since_when_it_is_idle);
    tcase_add_test(tcase, the_least_recently_used_value_is_evicted);
    tcase_add_test(tcase, a_value_in_use_is_never_evicted);
    tcase_add_test(tcase, a_table_of_values_in_use_is_full);
    tcase_add_test(tcase, a_value_that_cannot_be_created_leaves_no_trace);
    tcase_add_test(tcase, a_retired_value_is_not_taken_again);
    tcase_add_test(tcase, a_retired_value_counts_while_it_is_used);
    tcase_add_test(tcase, the_sweep_destroys_unused_values);
    tcase_add_test(tcase, a_value_may_have_a_shorter_time);
    tcase_add_test(tcase, the_sweep_retires_old_values);
    tcase_add_test(tcase, the_sweep_ends_values_of_a_time_to_come);
    tcase_add_test(tcase, the_sweep_visits_all_that_stay);
    tcase_add_test(tcase, clearing_the_pool_destroys_all_values);
    tcase_add_test(tcase, giving_back_after_the_end_does_nothing);
    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(threads, setup, teardown);
    tcase_add_test(threads, threads_take_give_evict_retire_and_sweep);
    suite_add_tcase(suite, threads);
    return suite;
}
