/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Parsed certificates that are kept: which go first, and that an entry serves
 * for its own record alone.
 */

#include <stdio.h>
#include <string.h>

#include "apr_thread_proc.h"

#include "certmap/certmap_cache_core.h"
#include "folder.h"
#include "suites.h"

#define THREADS 4
#define ROUNDS  5000

static certmap_cache *cache;

static void setup(void)
{
    folder_setup();
    ck_assert_int_eq(certmap_cache_create(&cache, 3, folder_pool),
                     APR_SUCCESS);
}

static hostmap_str str(const char *text)
{
    return hostmap_str_of(text, strlen(text));
}

/* A stamp that is all this byte. */
static const unsigned char *stamp(unsigned char byte)
{
    static __thread unsigned char bytes[CERTMAP_STAMP];

    memset(bytes, byte, sizeof(bytes));
    return bytes;
}

static void put(const char *key, unsigned char byte)
{
    certmap_entry *entry = certmap_entry_create(str(key), stamp(byte));

    ck_assert_ptr_nonnull(entry);
    certmap_cache_put(cache, entry);
    certmap_cache_release(cache, entry);
}

static int has(const char *key, unsigned char byte)
{
    certmap_entry *entry = certmap_cache_get(cache, str(key), stamp(byte));

    if (entry) {
        ck_assert_str_eq(entry->key, key);
        ck_assert_mem_eq(entry->stamp, stamp(byte), CERTMAP_STAMP);
    }
    certmap_cache_release(cache, entry);
    return entry != NULL;
}

START_TEST(entry_serves_for_its_own_record_alone)
{
    put("a.example", 1);
    ck_assert(has("a.example", 1));
    ck_assert(!has("a.example", 2));
    ck_assert(!has("b.example", 1));
    put("a.example", 2);
    ck_assert(has("a.example", 2));
    ck_assert(!has("a.example", 1));
}
END_TEST

START_TEST(least_recently_used_goes_first)
{
    put("a.example", 1);
    put("b.example", 1);
    put("c.example", 1);
    ck_assert(has("a.example", 1));
    put("d.example", 1);
    ck_assert(has("a.example", 1));
    ck_assert(!has("b.example", 1));
    ck_assert(has("c.example", 1));
    ck_assert(has("d.example", 1));
}
END_TEST

START_TEST(entry_in_use_outlives_its_place)
{
    certmap_entry *held;
    int i;

    put("held.example", 7);
    held = certmap_cache_get(cache, str("held.example"), stamp(7));
    for (i = 0; i < 10; i++) {
        char name[32];

        snprintf(name, sizeof(name), "n%d.example", i);
        put(name, 1);
    }
    ck_assert(!has("held.example", 7));
    ck_assert_str_eq(held->key, "held.example");
    certmap_cache_release(cache, held);
}
END_TEST

START_TEST(nothing_is_kept_where_nothing_may_be)
{
    ck_assert_int_eq(certmap_cache_create(&cache, 0, folder_pool),
                     APR_SUCCESS);
    put("a.example", 1);
    ck_assert(!has("a.example", 1));
}
END_TEST

START_TEST(chain_is_shared_until_nobody_has_it)
{
    unsigned char id[CERTMAP_CHAIN_ID] = { 3 };
    certmap_entry *a = certmap_entry_create(str("a"), stamp(1));
    certmap_entry *b = certmap_entry_create(str("b"), stamp(1));

    ck_assert_ptr_null(certmap_cache_chain(cache, id));
    a->chains[0] = certmap_cache_share(cache, id, sk_X509_new_null());
    b->chains[0] = certmap_cache_chain(cache, id);
    ck_assert_ptr_eq(a->chains[0], b->chains[0]);
    /* another thread parsed it at the same time */
    b->chains[1] = certmap_cache_share(cache, id, sk_X509_new_null());
    ck_assert_ptr_eq(a->chains[0], b->chains[1]);
    certmap_cache_release(cache, a);
    ck_assert_mem_eq(b->chains[0]->id, id, sizeof(id));
    certmap_cache_release(cache, b);
    ck_assert_ptr_null(certmap_cache_chain(cache, id));
}
END_TEST

/* apr_thread_start_t */
static void *APR_THREAD_FUNC churn(apr_thread_t *thread, void *data)
{
    int i;

    (void)thread;
    for (i = 0; i < ROUNDS; i++) {
        char name[32];

        snprintf(name, sizeof(name), "n%d.example", i % 7);
        if (!has(name, 1)) {
            put(name, 1);
        }
    }
    return data;
}

START_TEST(threads_get_put_and_evict)
{
    apr_thread_t *threads[THREADS];
    apr_status_t rv;
    int i;

    for (i = 0; i < THREADS; i++) {
        ck_assert_int_eq(apr_thread_create(&threads[i], NULL, churn, NULL,
                                           folder_pool), APR_SUCCESS);
    }
    for (i = 0; i < THREADS; i++) {
        apr_thread_join(&rv, threads[i]);
    }
}
END_TEST

Suite *certmap_cache_suite(void)
{
    Suite *suite = suite_create("certmap_cache");
    TCase *tcase = tcase_create("cache");

    tcase_add_checked_fixture(tcase, setup, folder_teardown);
    tcase_add_test(tcase, entry_serves_for_its_own_record_alone);
    tcase_add_test(tcase, least_recently_used_goes_first);
    tcase_add_test(tcase, entry_in_use_outlives_its_place);
    tcase_add_test(tcase, nothing_is_kept_where_nothing_may_be);
    tcase_add_test(tcase, chain_is_shared_until_nobody_has_it);
    tcase_add_test(tcase, threads_get_put_and_evict);
    suite_add_tcase(suite, tcase);
    return suite;
}
