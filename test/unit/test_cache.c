/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The cache of answers: what it keeps, and that made-up names evict nothing.
 */

#include <stdio.h>
#include <string.h>

#include "folder.h"
#include "hostmap/store/hostmap_cache.h"
#include "suites.h"

static hostmap_cache *cache;

static void setup(void)
{
    folder_setup();
    ck_assert_int_eq(hostmap_cache_create(&cache, folder_pool), APR_SUCCESS);
}

static apr_status_t get(const char *key, const char **value)
{
    hostmap_str found;
    apr_status_t rv = hostmap_cache_get(cache, &found, hostmap_str_text(key),
                                        folder_pool);

    if (rv == APR_SUCCESS) {
        *value = found.ptr;
        ck_assert_uint_eq(found.len, strlen(*value));
    }
    return rv;
}

static void put(const char *key, const char *value)
{
    hostmap_str answer = hostmap_str_text(value ? value : "");

    hostmap_cache_put(cache, hostmap_str_text(key), value ? &answer : NULL);
}

START_TEST(an_answer_is_kept)
{
    const char *value;

    ck_assert_int_eq(get("www", &value), APR_INCOMPLETE);
    put("www", "http://a");
    put("gone", NULL);
    ck_assert_int_eq(get("www", &value), APR_SUCCESS);
    ck_assert_str_eq(value, "http://a");
    ck_assert_int_eq(get("gone", &value), APR_NOTFOUND);
    ck_assert_int_eq(get("ww", &value), APR_INCOMPLETE);
}
END_TEST

START_TEST(the_newest_answer_counts)
{
    const char *value;

    put("www", "http://a");
    put("www", "http://b");
    ck_assert_int_eq(get("www", &value), APR_SUCCESS);
    ck_assert_str_eq(value, "http://b");
}
END_TEST

START_TEST(misses_evict_no_hit)
{
    const char *value;
    char key[32];
    int i, kept = 0;

    for (i = 0; i < HOSTMAP_CACHE_HITS / 4; i++) {
        snprintf(key, sizeof(key), "host%d", i);
        put(key, "http://a");
    }
    for (i = 0; i < HOSTMAP_CACHE_HITS / 4; i++) {
        snprintf(key, sizeof(key), "host%d", i);
        kept += get(key, &value) == APR_SUCCESS;
    }
    for (i = 0; i < 100000; i++) {
        snprintf(key, sizeof(key), "made-up%d", i);
        put(key, NULL);
    }
    for (i = 0; i < HOSTMAP_CACHE_HITS / 4; i++) {
        snprintf(key, sizeof(key), "host%d", i);
        kept -= get(key, &value) == APR_SUCCESS;
    }
    ck_assert_int_eq(kept, 0);
}
END_TEST

START_TEST(it_is_bounded)
{
    const char *value;
    char key[32];
    int i, hits = 0, misses = 0;

    for (i = 0; i < 50000; i++) {
        snprintf(key, sizeof(key), "host%d", i);
        put(key, "http://a");
        snprintf(key, sizeof(key), "made-up%d", i);
        put(key, NULL);
    }
    for (i = 0; i < 50000; i++) {
        snprintf(key, sizeof(key), "host%d", i);
        hits += get(key, &value) == APR_SUCCESS;
        snprintf(key, sizeof(key), "made-up%d", i);
        misses += get(key, &value) == APR_NOTFOUND;
    }
    ck_assert_int_gt(hits, HOSTMAP_CACHE_HITS * 9 / 10);
    ck_assert_int_le(hits, HOSTMAP_CACHE_HITS);
    ck_assert_int_gt(misses, HOSTMAP_CACHE_MISSES * 9 / 10);
    ck_assert_int_le(misses, HOSTMAP_CACHE_MISSES);
}
END_TEST

START_TEST(what_is_asked_for_stays)
{
    const char *value;
    char key[32];
    int i;

    put("www", "http://a");
    for (i = 0; i < 50000; i++) {
        snprintf(key, sizeof(key), "host%d", i);
        put(key, "http://b");
        ck_assert_int_eq(get("www", &value), APR_SUCCESS);
    }
}
END_TEST

START_TEST(a_long_answer_is_not_kept)
{
    char text[HOSTMAP_CACHE_ANSWER_MAX + 1];
    const char *value;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    put("www", text);
    ck_assert_int_eq(get("www", &value), APR_INCOMPLETE);
    text[sizeof(text) - 1 - strlen("www")] = '\0';
    put("www", text);
    ck_assert_int_eq(get("www", &value), APR_SUCCESS);
}
END_TEST

Suite *cache_suite(void)
{
    Suite *suite = suite_create("cache");
    TCase *tcase = tcase_create("answers");

    tcase_add_checked_fixture(tcase, setup, folder_teardown);
    tcase_add_test(tcase, an_answer_is_kept);
    tcase_add_test(tcase, the_newest_answer_counts);
    tcase_add_test(tcase, misses_evict_no_hit);
    tcase_add_test(tcase, it_is_bounded);
    tcase_add_test(tcase, what_is_asked_for_stays);
    tcase_add_test(tcase, a_long_answer_is_not_kept);
    suite_add_tcase(suite, tcase);
    return suite;
}
