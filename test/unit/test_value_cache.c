/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Values that were parsed before: the cache gives what the parser gives,
 * whichever thread asks and whatever was met in between.
 */

#include <stdio.h>
#include <string.h>

#include "apr_thread_proc.h"

#include "guard.h"
#include "express/value_cache_core.h"
#include "suites.h"

#define THREADS 16
#define ROUNDS  20000

static value_cache cache;

static void empty(void)
{
    memset(&cache, 0, sizeof(cache));
}

static void assert_same(hostmap_str cached, hostmap_str parsed)
{
    ck_assert_ptr_eq(cached.ptr, parsed.ptr);
    ck_assert_uint_eq(cached.len, parsed.len);
}

/* Of bytes that can be read to their end and no further. */
static void check(const char *text)
{
    apr_size_t len = strlen(text);
    guard value = guard_bytes(text, len);
    hostmap_entry entry, parsed;
    hostmap_bad bad = { NULL, 0 }, why = { NULL, 0 };
    apr_status_t rv;

    rv = hostmap_entry_parse(&parsed, hostmap_str_of(value.bytes, len), &why);
    ck_assert_int_eq(value_cache_parse(&cache, &entry,
                                       hostmap_str_of(value.bytes, len), &bad),
                     rv);
    if (rv != APR_SUCCESS) {
        ck_assert_str_eq(bad.reason, why.reason);
        ck_assert_uint_eq(bad.pos, why.pos);
    }
    else {
        ck_assert_int_eq(entry.kind, parsed.kind);
        ck_assert_int_eq(entry.status, parsed.status);
        ck_assert_uint_eq(entry.port, parsed.port);
        ck_assert_uint_eq(entry.flags, parsed.flags);
        assert_same(entry.socket, parsed.socket);
        assert_same(entry.url, parsed.url);
        assert_same(entry.scheme, parsed.scheme);
        assert_same(entry.host, parsed.host);
        assert_same(entry.path, parsed.path);
        assert_same(entry.words, parsed.words);
    }
    guard_free(&value);
}

static const char *const values[] = {
    "http://10.0.0.5:8080", "https://[::1]:8443/app/ timeout=5 nocanon",
    " unix:/run/app.sock|http://localhost/x  ping=1 ", "balancer://cluster",
    "!", "410", "301 https://new.example.com", "", " ", "http://", "x",
    "http://a timeout=x", "http://a\tnoquery", "302", "http://a b",
    "http://10.0.0.5:8080/", "http://20.0.0.5:8080", "http://10.0.0.5:8081"
};

START_TEST(an_answer_is_that_of_the_parser)
{
    char text[VALUE_CACHE_LEN_MAX + 2];
    unsigned i, round;

    for (round = 0; round < 3; round++) {
        for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            check(values[i]);
            check(values[i]);
        }
    }
    memset(text, 'x', sizeof(text));
    memcpy(text, "http://a/", 9);
    text[VALUE_CACHE_LEN_MAX + 1] = '\0';
    for (i = VALUE_CACHE_LEN_MAX + 1; i > 0; i--) {
        check(text);
        text[i - 1] = '\0';
    }
}
END_TEST

/* When the second answer differs from the first, it is the cache's. */
START_TEST(a_value_is_parsed_once)
{
    static const char text[] = "http://10.0.0.5:8080";
    hostmap_entry entry;
    unsigned i;

    ck_assert_int_eq(value_cache_parse(&cache, &entry, hostmap_str_text(text),
                                       NULL), APR_SUCCESS);
    for (i = 0; i < VALUE_CACHE_PLACES; i++) {
        if (cache.places[i].len > 0) {
            cache.places[i].entry.port = 1;
        }
    }
    ck_assert_int_eq(value_cache_parse(&cache, &entry, hostmap_str_text(text),
                                       NULL), APR_SUCCESS);
    ck_assert_uint_eq(entry.port, 1);
}
END_TEST

static unsigned places_used(void)
{
    unsigned used = 0, i;

    for (i = 0; i < VALUE_CACHE_PLACES; i++) {
        used += cache.places[i].len > 0;
    }
    return used;
}

/* Backends differ in few bytes.  Of as many random values a quarter would find
 * their place taken. */
START_TEST(values_that_are_alike_have_places_of_their_own)
{
    unsigned i;

    for (i = 0; i < VALUE_CACHE_PLACES / 2; i++) {
        char text[64];

        snprintf(text, sizeof(text), "http://10.0.%u.%u:8080", i / 16, i % 16);
        check(text);
    }
    ck_assert_uint_ge(places_used(), VALUE_CACHE_PLACES * 3 / 10);
    empty();
    for (i = 0; i < VALUE_CACHE_PLACES / 2; i++) {
        char text[64];

        snprintf(text, sizeof(text), "http://127.0.0.1:%u", 40000 + 7 * i);
        check(text);
    }
    ck_assert_uint_ge(places_used(), VALUE_CACHE_PLACES * 3 / 10);
}
END_TEST

/* Another thread has the place: no thread waits. */
START_TEST(a_place_that_is_taken_is_passed_over)
{
    unsigned i;

    for (i = 0; i < VALUE_CACHE_PLACES; i++) {
        cache.places[i].busy = 1;
    }
    check("http://10.0.0.5:8080");
    ck_assert_uint_eq(places_used(), 0);
}
END_TEST

/** How many answers were wrong. */
static unsigned ask_many(unsigned seed)
{
    unsigned i, wrong = 0;

    for (i = 0; i < ROUNDS; i++) {
        hostmap_entry entry;
        unsigned port = 1 + (seed + i) % 200;
        char text[64];

        snprintf(text, sizeof(text), "http://backend:%u/x", port);
        wrong += value_cache_parse(&cache, &entry, hostmap_str_text(text), NULL)
                 != APR_SUCCESS || entry.port != port
                 || entry.path.ptr != strchr(text + 7, '/');
    }
    return wrong;
}

static void *APR_THREAD_FUNC ask_all(apr_thread_t *thread, void *data)
{
    unsigned *number = data;

    (void)thread;
    *number = ask_many(*number);
    return NULL;
}

START_TEST(threads_share_the_cache)
{
    apr_thread_t *threads[THREADS];
    unsigned seeds[THREADS], i;
    apr_pool_t *pool;
    apr_status_t rv;

    ck_assert_int_eq(apr_pool_create(&pool, NULL), APR_SUCCESS);
    for (i = 0; i < THREADS; i++) {
        seeds[i] = i * 50;
        rv = apr_thread_create(&threads[i], NULL, ask_all, &seeds[i], pool);
        ck_assert_int_eq(rv, APR_SUCCESS);
    }
    for (i = 0; i < THREADS; i++) {
        apr_thread_join(&rv, threads[i]);
        ck_assert_uint_eq(seeds[i], 0);
    }
    apr_pool_destroy(pool);
}
END_TEST

Suite *value_cache_suite(void)
{
    Suite *suite = suite_create("value_cache");
    TCase *tcase = tcase_create("value_cache");

    tcase_add_checked_fixture(tcase, empty, empty);
    tcase_add_test(tcase, an_answer_is_that_of_the_parser);
    tcase_add_test(tcase, a_value_is_parsed_once);
    tcase_add_test(tcase, values_that_are_alike_have_places_of_their_own);
    tcase_add_test(tcase, a_place_that_is_taken_is_passed_over);
    tcase_add_test(tcase, threads_share_the_cache);
    suite_add_tcase(suite, tcase);
    return suite;
}
