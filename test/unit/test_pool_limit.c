/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Silent backends, and how many requests may wait for them.
 */

#include <stdlib.h>
#include <string.h>

#include "apr_thread_proc.h"
#include "apr_pools.h"

#include "pool/pool_limit_core.h"
#include "suites.h"

#define NOW (APR_INT64_C(1700000000) * APR_USEC_PER_SEC)
#define SECOND APR_USEC_PER_SEC
#define THREADS 16
#define ROUNDS 20000

static void *memory;
static slots block;
static pool_silence silence;
static const pool_limits limits = { 3, 5 };

static void setup(void)
{
    slots_shape shape;

    slots_shape_fit(&shape, SLOTS_MEMORY_LEAST, 4);
    memory = calloc(1, slots_size(&shape));
    ck_assert_ptr_nonnull(memory);
    slots_init(memory, &shape, 1, NOW);
    ck_assert_int_eq(slots_attach(&block, memory), APR_SUCCESS);
    memset(&silence, 0, sizeof(silence));
}

static void teardown(void)
{
    free(memory);
}

/** A request to a backend; its slot.  admitted: may it go? */
static unsigned ask(const char *name, apr_time_t now, int *admitted)
{
    slots_ref ref = { 0 };
    unsigned backend = slots_backend_hold(&block, &ref,
                                          hostmap_str_text(name), 0, now);

    *admitted = pool_limit_admits(&block, &silence, backend, &limits, now);
    if (!*admitted) {
        slots_backend_release(&block, backend, 0, 1);
    }
    return backend;
}

static void check_goes(const char *name, apr_time_t now, int wanted)
{
    int admitted;

    ask(name, now, &admitted);
    ck_assert_int_eq(admitted, wanted);
}

static void answer(unsigned backend, apr_time_t now)
{
    slots_backend_answered(&block, backend, 0);
    atomic_set64(&block.backends[backend].health.answered, (apr_uint64_t)now);
}

START_TEST(any_number_may_wait_for_a_second)
{
    int i;

    for (i = 0; i < 100; i++) {
        check_goes("http://a", NOW + i, 1);
    }
    check_goes("http://a", NOW + SECOND - 1, 1);
    check_goes("http://a", NOW + SECOND, 0);
}
END_TEST

START_TEST(a_silent_backend_gets_its_share)
{
    check_goes("http://a", NOW, 1);
    check_goes("http://a", NOW + 2 * SECOND, 1);
    check_goes("http://a", NOW + 2 * SECOND, 1);
    check_goes("http://a", NOW + 2 * SECOND, 0);
    check_goes("http://b", NOW + 2 * SECOND, 1);
}
END_TEST

START_TEST(an_answer_lifts_the_limit)
{
    int admitted, i;
    unsigned backend = ask("http://a", NOW, &admitted);

    for (i = 0; i < 4; i++) {
        check_goes("http://a", NOW, 1);
    }
    check_goes("http://a", NOW + 2 * SECOND, 0);
    answer(backend, NOW + 3 * SECOND);
    for (i = 0; i < 10; i++) {
        check_goes("http://a", NOW + 3 * SECOND + i, 1);
    }
    /* and it may be silent again */
    check_goes("http://a", NOW + 5 * SECOND, 0);
}
END_TEST

START_TEST(one_that_was_asked_nothing_is_not_silent)
{
    int admitted, i;
    unsigned backend = ask("http://a", NOW, &admitted);

    slots_backend_release(&block, backend, 0, 1);
    pool_limit_unanswered(&block, backend);
    for (i = 0; i < 10; i++) {
        check_goes("http://a", NOW + 60 * SECOND, 1);
    }
}
END_TEST

START_TEST(while_others_wait_it_stays_silent)
{
    int admitted, i;
    unsigned backend = 0;

    for (i = 0; i < 5; i++) {
        backend = ask("http://a", NOW, &admitted);
    }
    slots_backend_release(&block, backend, 0, 1);
    pool_limit_unanswered(&block, backend);
    check_goes("http://a", NOW + 2 * SECOND, 0);
}
END_TEST

START_TEST(all_silent_backends_share_a_limit)
{
    int i;

    for (i = 0; i < 3; i++) {
        check_goes("http://a", NOW, 1);
        check_goes("http://b", NOW, 1);
    }
    check_goes("http://c", NOW, 1);
    /* six wait for a and b, which are silent, and c will be */
    check_goes("http://c", NOW + 2 * SECOND, 0);
    /* a new one is asked all the same */
    check_goes("http://d", NOW + 2 * SECOND, 1);
}
END_TEST

static void *APR_THREAD_FUNC hammer(apr_thread_t *thread, void *data)
{
    apr_uint32_t *most = data;
    int i;

    (void)thread;
    for (i = 0; i < ROUNDS; i++) {
        slots_flight flight;
        int admitted;
        unsigned backend = ask("http://a", NOW + 2 * SECOND, &admitted);

        if (admitted) {
            slots_flight_sum(&block, backend, &flight);
            if (flight.waiting > atomic_get32(most)) {
                atomic_set32(most, flight.waiting);
            }
            slots_backend_release(&block, backend, 0, 1);
        }
    }
    return NULL;
}

/** More threads than may wait: the limit holds for those that were let
 *  through, beside those that are about to be refused. */
START_TEST(many_threads_keep_the_limit)
{
    apr_thread_t *threads[THREADS];
    apr_uint32_t most = 0;
    slots_flight flight;
    apr_pool_t *pool;
    apr_status_t rv;
    unsigned backend;
    int admitted, i;

    ck_assert_int_eq(apr_pool_create(&pool, NULL), APR_SUCCESS);
    backend = ask("http://a", NOW, &admitted);
    for (i = 0; i < THREADS; i++) {
        ck_assert_int_eq(apr_thread_create(&threads[i], NULL, hammer, &most,
                                           pool), APR_SUCCESS);
    }
    for (i = 0; i < THREADS; i++) {
        apr_thread_join(&rv, threads[i]);
    }
    ck_assert_uint_le(most, limits.one + THREADS);
    slots_flight_sum(&block, backend, &flight);
    ck_assert_uint_eq(flight.waiting, 1);
    ck_assert_uint_eq(flight.in_flight, 1);
    apr_pool_destroy(pool);
}
END_TEST

Suite *pool_limit_suite(void)
{
    Suite *suite = suite_create("pool_limit");
    TCase *tcase = tcase_create("limit");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, any_number_may_wait_for_a_second);
    tcase_add_test(tcase, a_silent_backend_gets_its_share);
    tcase_add_test(tcase, an_answer_lifts_the_limit);
    tcase_add_test(tcase, one_that_was_asked_nothing_is_not_silent);
    tcase_add_test(tcase, while_others_wait_it_stays_silent);
    tcase_add_test(tcase, all_silent_backends_share_a_limit);
    tcase_add_test(tcase, many_threads_keep_the_limit);
    suite_add_tcase(suite, tcase);
    return suite;
}
