/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The memory of loops: whom it refuses and for how long, and the same by many
 * threads at once.
 */

#include <string.h>

#include "apr_atomic.h"
#include "apr_thread_proc.h"

#include "express/loop_memory_core.h"
#include "suites.h"

#define NOW    (APR_INT64_C(1700000000) * APR_USEC_PER_SEC)
#define INTERVAL LOOP_MEMORY_INTERVAL
#define FORGET   LOOP_MEMORY_FORGET
#define PRINT  APR_UINT64_C(0x0123456789abcdef)
/** of the same slot */
#define RIVAL  (PRINT + LOOP_MEMORY_SLOTS)
/** with the same upper half, and with the same lower half */
#define UPPER  (PRINT ^ (LOOP_MEMORY_SLOTS << 4))
#define LOWER  (PRINT ^ (APR_UINT64_C(1) << 40))
/** what a tick of the memory may add or take */
#define TICK   apr_time_from_msec(100)

static loop_memory memory;

static void forget_all(void)
{
    memset(&memory, 0, sizeof(memory));
}

static loop_memory_verdict ask(apr_uint64_t print, apr_time_t at)
{
    return loop_memory_ask(&memory, print, NOW + at);
}

START_TEST(nothing_is_remembered_at_first)
{
    ck_assert(!loop_memory_any(&memory, NOW));
    ck_assert_int_eq(ask(PRINT, 0), LOOP_MEMORY_SERVE);
    ck_assert_int_eq(ask(0, 0), LOOP_MEMORY_SERVE);
}
END_TEST

START_TEST(an_entry_is_refused_and_no_other)
{
    loop_memory_add(&memory, PRINT, NOW);
    ck_assert(loop_memory_any(&memory, NOW));
    ck_assert_int_eq(ask(PRINT, 0), LOOP_MEMORY_REFUSE);
    ck_assert_int_eq(ask(PRINT, INTERVAL - TICK), LOOP_MEMORY_REFUSE);
    ck_assert_int_eq(ask(RIVAL, 0), LOOP_MEMORY_SERVE);
    ck_assert_int_eq(ask(UPPER, 0), LOOP_MEMORY_SERVE);
    ck_assert_int_eq(ask(LOWER, 0), LOOP_MEMORY_SERVE);
    ck_assert_int_eq(ask(PRINT + 1, 0), LOOP_MEMORY_SERVE);
}
END_TEST

START_TEST(one_request_of_an_interval_is_a_probe)
{
    loop_memory_add(&memory, PRINT, NOW);
    ck_assert_int_eq(ask(PRINT, INTERVAL), LOOP_MEMORY_PROBE);
    ck_assert_int_eq(ask(PRINT, INTERVAL), LOOP_MEMORY_REFUSE);
    ck_assert_int_eq(ask(PRINT, 2 * INTERVAL - TICK), LOOP_MEMORY_REFUSE);
    ck_assert_int_eq(ask(PRINT, 2 * INTERVAL), LOOP_MEMORY_PROBE);
    ck_assert_int_eq(ask(PRINT, 2 * INTERVAL), LOOP_MEMORY_REFUSE);
}
END_TEST

START_TEST(an_entry_is_free_when_it_is_said)
{
    loop_memory_add(&memory, PRINT, NOW);
    loop_memory_free(&memory, RIVAL);
    ck_assert_int_eq(ask(PRINT, 0), LOOP_MEMORY_REFUSE);
    loop_memory_free(&memory, PRINT);
    ck_assert_int_eq(ask(PRINT, 0), LOOP_MEMORY_SERVE);
    ck_assert_int_eq(ask(PRINT, INTERVAL), LOOP_MEMORY_SERVE);
    loop_memory_add(&memory, PRINT, NOW);
    ck_assert_int_eq(ask(PRINT, 0), LOOP_MEMORY_REFUSE);
}
END_TEST

START_TEST(a_probe_that_comes_back_begins_an_interval)
{
    apr_time_t back = INTERVAL + 2 * TICK;

    loop_memory_add(&memory, PRINT, NOW);
    ck_assert_int_eq(ask(PRINT, INTERVAL), LOOP_MEMORY_PROBE);
    loop_memory_add(&memory, PRINT, NOW + back);
    ck_assert_int_eq(ask(PRINT, back + INTERVAL - TICK), LOOP_MEMORY_REFUSE);
    ck_assert_int_eq(ask(PRINT, back + INTERVAL), LOOP_MEMORY_PROBE);
}
END_TEST

START_TEST(an_entry_is_forgotten_whatever_became_of_its_probes)
{
    apr_time_t at;

    loop_memory_add(&memory, PRINT, NOW);
    for (at = INTERVAL; at <= FORGET; at += INTERVAL) {
        ck_assert(loop_memory_any(&memory, NOW + at));
        ck_assert_int_eq(ask(PRINT, at), LOOP_MEMORY_PROBE);
        ck_assert_int_eq(ask(PRINT, at), LOOP_MEMORY_REFUSE);
    }
    ck_assert_int_eq(ask(PRINT, FORGET + TICK), LOOP_MEMORY_SERVE);
    ck_assert(!loop_memory_any(&memory, NOW + FORGET + TICK));
}
END_TEST

START_TEST(the_later_entry_has_the_slot)
{
    loop_memory_add(&memory, PRINT, NOW);
    loop_memory_add(&memory, RIVAL, NOW);
    ck_assert_int_eq(ask(PRINT, 0), LOOP_MEMORY_SERVE);
    ck_assert_int_eq(ask(RIVAL, 0), LOOP_MEMORY_REFUSE);
}
END_TEST

START_TEST(a_request_that_came_before_is_told)
{
    loop_memory_add(&memory, PRINT, NOW);
    ck_assert(loop_memory_any(&memory, NOW - apr_time_from_sec(300)));
}
END_TEST

START_TEST(a_clock_that_is_set_back_refuses_for_one_interval)
{
    apr_time_t back = -apr_time_from_sec(3600);

    loop_memory_add(&memory, PRINT, NOW);
    ck_assert_int_eq(ask(PRINT, back), LOOP_MEMORY_PROBE);
    ck_assert_int_eq(ask(PRINT, back), LOOP_MEMORY_REFUSE);
    ck_assert_int_eq(ask(PRINT, back + INTERVAL), LOOP_MEMORY_PROBE);
    loop_memory_free(&memory, PRINT);
    ck_assert_int_eq(ask(PRINT, back), LOOP_MEMORY_SERVE);
}
END_TEST

/* ---- by many threads --------------------------------------------------- */

#define THREADS 4
#define REPEATS 20

/** How many have come to the rounds, and who was let through in each. */
static apr_uint32_t come, probes[LOOP_MEMORY_SLOTS];

/** In each round all ask, together, for another entry that is due. */
static void *APR_THREAD_FUNC ask_all(apr_thread_t *thread, void *data)
{
    apr_uint32_t round;

    (void)thread;
    (void)data;
    for (round = 0; round < LOOP_MEMORY_SLOTS; round++) {
        apr_atomic_inc32(&come);
        while (apr_atomic_read32(&come) < (round + 1) * THREADS) {
            apr_thread_yield();
        }
        if (ask(PRINT + round, INTERVAL) == LOOP_MEMORY_PROBE) {
            apr_atomic_inc32(&probes[round]);
        }
    }
    return NULL;
}

static void ask_together(void)
{
    apr_thread_t *threads[THREADS];
    apr_status_t rv;
    apr_pool_t *pool;
    int i;

    apr_pool_create(&pool, NULL);
    come = 0;
    memset(probes, 0, sizeof(probes));
    for (i = 0; i < THREADS; i++) {
        rv = apr_thread_create(&threads[i], NULL, ask_all, NULL, pool);
        ck_assert_int_eq(rv, APR_SUCCESS);
    }
    for (i = 0; i < THREADS; i++) {
        apr_thread_join(&rv, threads[i]);
    }
    apr_pool_destroy(pool);
}

START_TEST(one_of_many_is_the_probe)
{
    int repeat, i;

    for (repeat = 0; repeat < REPEATS; repeat++) {
        for (i = 0; i < LOOP_MEMORY_SLOTS; i++) {
            loop_memory_add(&memory, PRINT + i, NOW);
        }
        ask_together();
        for (i = 0; i < LOOP_MEMORY_SLOTS; i++) {
            ck_assert_uint_eq(probes[i], 1);
        }
    }
}
END_TEST

Suite *loop_memory_suite(void)
{
    Suite *suite = suite_create("loop_memory");
    TCase *tcase = tcase_create("loop_memory");

    tcase_add_checked_fixture(tcase, forget_all, NULL);
    tcase_add_test(tcase, nothing_is_remembered_at_first);
    tcase_add_test(tcase, an_entry_is_refused_and_no_other);
    tcase_add_test(tcase, one_request_of_an_interval_is_a_probe);
    tcase_add_test(tcase, an_entry_is_free_when_it_is_said);
    tcase_add_test(tcase, a_probe_that_comes_back_begins_an_interval);
    tcase_add_test(tcase, an_entry_is_forgotten_whatever_became_of_its_probes);
    tcase_add_test(tcase, the_later_entry_has_the_slot);
    tcase_add_test(tcase, a_request_that_came_before_is_told);
    tcase_add_test(tcase, a_clock_that_is_set_back_refuses_for_one_interval);
    tcase_add_test(tcase, one_of_many_is_the_probe);
    suite_add_tcase(suite, tcase);
    return suite;
}
