/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Messages that repeat: once a minute, with their count, each thing by itself.
 */

#include <stdio.h>

#include "base/limit.h"
#include "suites.h"

#define NOW apr_time_from_sec(1000000000)
#define YEAR apr_time_from_sec(31536000)

START_TEST(a_message_is_logged_once_a_minute)
{
    hostmap_limit limit = { 0, 0 };
    apr_uint32_t suppressed = 77;
    int i;

    ck_assert(hostmap_limit_pass(&limit, &suppressed, NOW));
    ck_assert_uint_eq(suppressed, 0);
    suppressed = 77;
    for (i = 0; i < 59; i++) {
        ck_assert(!hostmap_limit_pass(&limit, &suppressed,
                                      NOW + apr_time_from_sec(i)));
    }
    ck_assert_uint_eq(suppressed, 77);
    ck_assert(hostmap_limit_pass(&limit, &suppressed,
                                 NOW + apr_time_from_sec(60)));
    ck_assert_uint_eq(suppressed, 59);
    /* a clock that was set back by a year does not silence it */
    ck_assert(hostmap_limit_pass(&limit, &suppressed, NOW - YEAR));
}
END_TEST

START_TEST(a_table_limits_each_thing_by_itself)
{
    static hostmap_limit_table table;
    hostmap_limit_more more;
    char key[32];
    int i, logged = 0;

    for (i = 0; i < 10 * HOSTMAP_LIMIT_SLOTS; i++) {
        snprintf(key, sizeof(key), "h%d.example.com", i);
        if (hostmap_limit_table_pass(&table, &more, hostmap_str_text(key),
                                     NOW)) {
            ck_assert_str_eq(more.text, "");
            logged++;
        }
        ck_assert(!hostmap_limit_table_pass(&table, &more,
                                            hostmap_str_text(key), NOW));
    }
    /* whoever invents names gets no more than this into the log */
    ck_assert_int_eq(logged, HOSTMAP_LIMIT_SLOTS);
}
END_TEST

START_TEST(a_message_of_a_table_ends_with_its_count)
{
    static hostmap_limit_table table;
    hostmap_str key = hostmap_str_text("www.example.com");
    hostmap_limit_more more;
    int i;

    ck_assert(hostmap_limit_table_pass(&table, &more, key, NOW));
    ck_assert_str_eq(more.text, "");
    for (i = 0; i < 12; i++) {
        ck_assert(!hostmap_limit_table_pass(&table, &more, key, NOW));
    }
    ck_assert(hostmap_limit_table_pass(&table, &more, key, NOW + YEAR));
    ck_assert_str_eq(more.text, " (12 more since the last time)");
    ck_assert(hostmap_limit_table_pass(&table, &more, key, NOW + 2 * YEAR));
    ck_assert_str_eq(more.text, "");
}
END_TEST

START_TEST(a_count_of_any_size_has_room)
{
    static hostmap_limit_table table;
    hostmap_limit_more more;
    int i;

    for (i = 0; i < HOSTMAP_LIMIT_SLOTS; i++) {
        table.slots[i].suppressed = 4294967295u;
    }
    ck_assert(hostmap_limit_table_pass(&table, &more, hostmap_str_text(""),
                                       NOW));
    ck_assert_str_eq(more.text, " (4294967295 more since the last time)");
}
END_TEST

Suite *limit_suite(void)
{
    Suite *suite = suite_create("limit");
    TCase *tcase = tcase_create("limit");

    tcase_add_test(tcase, a_message_is_logged_once_a_minute);
    tcase_add_test(tcase, a_table_limits_each_thing_by_itself);
    tcase_add_test(tcase, a_message_of_a_table_ends_with_its_count);
    tcase_add_test(tcase, a_count_of_any_size_has_room);
    suite_add_tcase(suite, tcase);
    return suite;
}
