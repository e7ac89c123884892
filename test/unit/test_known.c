/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Values that were read before: what is said of them is what the parser says,
 * whoever asks and whatever was met meanwhile.
 */

#include <stdio.h>
#include <string.h>

#include "apr_thread_proc.h"

#include "guard.h"
#include "express/value_cache_core.h"
#include "suites.h"

#define THREADS 16
#define ROUNDS  20000

static known_values known;

static void forget_all(void)
{
    memset(&known, 0, sizeof(known));
}

static void assert_same(hostmap_str known_str, hostmap_str parsed)
{
    ck_assert_ptr_eq(known_str.ptr, parsed.ptr);
    ck_assert_uint_eq(known_str.len, parsed.len);
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
    ck_assert_int_eq(known_parse(&known, &entry,
                                 hostmap_str_of(value.bytes, len), &bad), rv);
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
    char text[KNOWN_VALUE_MAX + 2];
    unsigned i, round;

    for (round = 0; round < 3; round++) {
        for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            check(values[i]);
            check(values[i]);
        }
    }
    memset(text, 'x', sizeof(text));
    memcpy(text, "http://a/", 9);
    text[KNOWN_VALUE_MAX + 1] = '\0';
    for (i = KNOWN_VALUE_MAX + 1; i > 0; i--) {
        check(text);
        text[i - 1] = '\0';
    }
}
END_TEST

/* Is the second answer another than the first, it is the memory's. */
START_TEST(a_value_is_parsed_once)
{
    static const char text[] = "http://10.0.0.5:8080";
    hostmap_entry entry;
    unsigned i;

    ck_assert_int_eq(known_parse(&known, &entry, hostmap_str_text(text), NULL),
                     APR_SUCCESS);
    for (i = 0; i < KNOWN_SLOTS; i++) {
        if (known.slots[i].len > 0) {
            known.slots[i].entry.port = 1;
        }
    }
    ck_assert_int_eq(known_parse(&known, &entry, hostmap_str_text(text), NULL),
                     APR_SUCCESS);
    ck_assert_uint_eq(entry.port, 1);
}
END_TEST

static unsigned slots_used(void)
{
    unsigned used = 0, i;

    for (i = 0; i < KNOWN_SLOTS; i++) {
        used += known.slots[i].len > 0;
    }
    return used;
}

/* Backends differ in few bytes.  Of so many values at random a quarter would
 * meet another. */
START_TEST(values_that_are_alike_have_places_of_their_own)
{
    unsigned i;

    for (i = 0; i < KNOWN_SLOTS / 2; i++) {
        char text[64];

        snprintf(text, sizeof(text), "http://10.0.%u.%u:8080", i / 16, i % 16);
        check(text);
    }
    ck_assert_uint_ge(slots_used(), KNOWN_SLOTS * 3 / 10);
    forget_all();
    for (i = 0; i < KNOWN_SLOTS / 2; i++) {
        char text[64];

        snprintf(text, sizeof(text), "http://127.0.0.1:%u", 40000 + 7 * i);
        check(text);
    }
    ck_assert_uint_ge(slots_used(), KNOWN_SLOTS * 3 / 10);
}
END_TEST

/* Another thread has the place: nobody waits. */
START_TEST(a_place_that_is_taken_is_passed_over)
{
    unsigned i;

    for (i = 0; i < KNOWN_SLOTS; i++) {
        known.slots[i].busy = 1;
    }
    check("http://10.0.0.5:8080");
    ck_assert_uint_eq(slots_used(), 0);
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
        wrong += known_parse(&known, &entry, hostmap_str_text(text), NULL)
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

START_TEST(threads_share_the_memory)
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

Suite *known_suite(void)
{
    Suite *suite = suite_create("known");
    TCase *tcase = tcase_create("known");

    tcase_add_checked_fixture(tcase, forget_all, forget_all);
    tcase_add_test(tcase, an_answer_is_that_of_the_parser);
    tcase_add_test(tcase, a_value_is_parsed_once);
    tcase_add_test(tcase, values_that_are_alike_have_places_of_their_own);
    tcase_add_test(tcase, a_place_that_is_taken_is_passed_over);
    tcase_add_test(tcase, threads_share_the_memory);
    suite_add_tcase(suite, tcase);
    return suite;
}
