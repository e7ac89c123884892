/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How members of groups leave and come back.
 */

#include <stdlib.h>
#include <string.h>

#include "pool/pool_health_core.h"
#include "suites.h"

#define NOW (APR_INT64_C(1700000000) * APR_USEC_PER_SEC)
#define SECOND APR_USEC_PER_SEC

static slots_health health;

static void setup(void)
{
    memset(&health, 0, sizeof(health));
}

static void break_once(apr_time_t now)
{
    health.failures++;
    pool_health_failed(&health, now);
}

static void answer(apr_time_t now)
{
    health.failures = 0;
    pool_health_answered(&health, now);
}

static pool_member_state seen(apr_time_t now)
{
    pool_member member = { 0 };

    pool_health_see(&member, &health, 1, now);
    return member.state;
}

static unsigned share(apr_time_t now)
{
    pool_member member = { 0 };

    pool_health_see(&member, &health, 1, now);
    return member.share;
}

START_TEST(a_probe_that_was_not_sent_leaves_its_place)
{
    break_once(NOW);
    break_once(NOW);
    break_once(NOW);
    ck_assert(pool_health_claim(&health, NOW + SECOND));
    ck_assert(!pool_health_claim(&health, NOW + SECOND));
    ck_assert_int_eq(seen(NOW + SECOND), POOL_MEMBER_OUT);
    pool_health_release(&health);
    ck_assert_int_eq(seen(NOW + SECOND), POOL_MEMBER_UP);
    ck_assert(pool_health_claim(&health, NOW + SECOND));
}
END_TEST

START_TEST(three_failures_in_a_row_take_it_out)
{
    break_once(NOW);
    break_once(NOW);
    ck_assert_int_eq(seen(NOW), POOL_MEMBER_UP);
    answer(NOW);
    break_once(NOW);
    break_once(NOW);
    ck_assert_int_eq(seen(NOW), POOL_MEMBER_UP);
    break_once(NOW);
    ck_assert_int_eq(seen(NOW), POOL_MEMBER_OUT);
    ck_assert_int_eq(seen(NOW + SECOND - 1), POOL_MEMBER_OUT);
}
END_TEST

START_TEST(after_the_pause_one_request_asks)
{
    pool_member member = { 0 };

    break_once(NOW);
    break_once(NOW);
    break_once(NOW);
    ck_assert_int_eq(seen(NOW + SECOND), POOL_MEMBER_UP);
    pool_health_see(&member, &health, 0, NOW + SECOND);
    ck_assert_int_eq(member.state, POOL_MEMBER_OUT);
    ck_assert(pool_health_claim(&health, NOW + SECOND));
    ck_assert(!pool_health_claim(&health, NOW + SECOND));
    ck_assert_int_eq(seen(NOW + SECOND), POOL_MEMBER_OUT);
    /* the one that asked was killed */
    ck_assert_int_eq(seen(NOW + SECOND + POOL_HEALTH_PROBE_MAX),
                     POOL_MEMBER_UP);
}
END_TEST

START_TEST(pauses_double_up_to_a_minute)
{
    apr_time_t now = NOW;
    int seconds = 1, i;

    break_once(now);
    break_once(now);
    break_once(now);
    for (i = 0; i < 10; i++) {
        ck_assert_int_eq(seen(now + seconds * SECOND - 1), POOL_MEMBER_OUT);
        now += seconds * SECOND;
        ck_assert_int_eq(seen(now), POOL_MEMBER_UP);
        ck_assert(pool_health_claim(&health, now));
        break_once(now);
        seconds = seconds * 2 > 60 ? 60 : seconds * 2;
    }
    ck_assert_int_eq(seconds, 60);
}
END_TEST

START_TEST(failures_together_count_once)
{
    int i;

    for (i = 0; i < 50; i++) {
        break_once(NOW + i);
    }
    ck_assert_uint_eq(health.pauses, 1);
    ck_assert_int_eq(seen(NOW + SECOND + 2), POOL_MEMBER_UP);
}
END_TEST

START_TEST(an_answer_brings_it_back_slowly)
{
    unsigned last = 0;
    int i;

    break_once(NOW);
    break_once(NOW);
    break_once(NOW);
    ck_assert(pool_health_claim(&health, NOW + SECOND));
    answer(NOW + SECOND);
    ck_assert_int_eq(seen(NOW + SECOND), POOL_MEMBER_UP);
    for (i = 0; i <= 10; i++) {
        unsigned now = share(NOW + SECOND + i * SECOND);

        ck_assert_uint_ge(now, 1);
        ck_assert_uint_gt(now, last);
        last = now;
    }
    ck_assert_uint_eq(last, POOL_SHARE_FULL);
    /* and fails anew after three */
    break_once(NOW + 20 * SECOND);
    ck_assert_int_eq(seen(NOW + 20 * SECOND), POOL_MEMBER_UP);
}
END_TEST

/** Random events beside a plain list of what the rules say. */
/* An hour: no pause, no probe and no slow start lasts as long. */
START_TEST(a_clock_that_was_set_back_keeps_nobody_out)
{
    apr_time_t back = NOW - 3600 * SECOND;

    break_once(NOW);
    break_once(NOW);
    break_once(NOW);
    ck_assert_int_eq(seen(back), POOL_MEMBER_UP);
    ck_assert(pool_health_claim(&health, NOW + SECOND));
    ck_assert_int_eq(seen(back), POOL_MEMBER_UP);
    ck_assert(pool_health_claim(&health, back));
    ck_assert_int_eq(seen(back), POOL_MEMBER_OUT);
    break_once(back);
    ck_assert_int_eq(seen(back + 2 * SECOND - 1), POOL_MEMBER_OUT);
    ck_assert_int_eq(seen(back + 2 * SECOND), POOL_MEMBER_UP);
    answer(NOW);
    ck_assert_uint_eq(share(back), POOL_SHARE_FULL);
}
END_TEST

START_TEST(random_events_are_as_a_reference_says)
{
    apr_time_t now = NOW, until = 0;
    int failures = 0, pause = 0, out = 0, probing = 0;
    unsigned seed = 7, round;

    for (round = 0; round < 200000; round++) {
        now += rand_r(&seed) % (2 * SECOND) + 1;
        switch (rand_r(&seed) % 3) {
        case 0:
            health.failures++;
            failures++;
            if ((out || failures >= POOL_HEALTH_FAILURES) && until <= now) {
                pause = !out ? 1 : pause * 2 > 60 ? 60 : pause * 2;
                out = 1;
                until = now + pause * SECOND;
                probing = 0;
            }
            pool_health_failed(&health, now);
            break;
        case 1:
            if (rand_r(&seed) % 4 == 0) {
                failures = 0;
                out = probing = 0;
                until = 0;
                answer(now);
            }
            break;
        case 2:
            if (seen(now) == POOL_MEMBER_UP && out) {
                ck_assert(until <= now);
                ck_assert(pool_health_claim(&health, now));
                probing = 1;
            }
            break;
        }
        if (!probing) {
            ck_assert_int_eq(seen(now), out && now < until ? POOL_MEMBER_OUT
                                                           : POOL_MEMBER_UP);
        }
        ck_assert_int_eq(health.out_since != 0, out);
    }
}
END_TEST

Suite *pool_health_suite(void)
{
    Suite *suite = suite_create("pool_health");
    TCase *tcase = tcase_create("health");

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, three_failures_in_a_row_take_it_out);
    tcase_add_test(tcase, a_probe_that_was_not_sent_leaves_its_place);
    tcase_add_test(tcase, after_the_pause_one_request_asks);
    tcase_add_test(tcase, pauses_double_up_to_a_minute);
    tcase_add_test(tcase, failures_together_count_once);
    tcase_add_test(tcase, an_answer_brings_it_back_slowly);
    tcase_add_test(tcase, a_clock_that_was_set_back_keeps_nobody_out);
    tcase_add_test(tcase, random_events_are_as_a_reference_says);
    suite_add_tcase(suite, tcase);
    return suite;
}
