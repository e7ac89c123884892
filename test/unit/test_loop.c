/* SPDX-License-Identifier: Apache-2.0 */

/*
 * CDN-Loop fields.
 */

#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "base/loop.h"
#include "suites.h"
#include "vectors.h"

static void answer_field(char *answer, const char *input, size_t len)
{
    char *string = strndup(input, len);
    guard field, id;

    ck_assert_uint_eq(strlen(string), len);
    field = guard_string(string);
    id = guard_string("sb-1");
    vector_add(answer, hostmap_loop_count(field.bytes, id.bytes) ? "yes"
                                                                  : "no");
    guard_free(&field);
    guard_free(&id);
    free(string);
}

START_TEST(loop_vectors)
{
    vectors_run("loop.tsv", answer_field);
}
END_TEST

/** Whatever a client puts in front, what this server adds is found. */
START_TEST(an_id_behind_any_client_text_is_found)
{
    static const char alphabet[] = "a\"\\,;= ";
    const size_t letters = sizeof(alphabet) - 1;
    size_t n, combinations = letters * letters * letters * letters * letters;

    for (n = 0; n < combinations; n++) {
        char field[32];
        size_t rest = n, i;

        for (i = 0; i < 5; i++) {
            field[i] = alphabet[rest % letters];
            rest /= letters;
        }
        strcpy(field + 5, ", sb-1");
        ck_assert_msg(hostmap_loop_count(field, "sb-1"), "%s", field);
        strcpy(field + 5, ", sb-1, sb-1; a=\"b\"");
        ck_assert_msg(hostmap_loop_count(field, "sb-1"), "%s", field);
    }
}
END_TEST

START_TEST(each_time_counts)
{
    ck_assert_int_eq(hostmap_loop_count("", "sb-1"), 0);
    ck_assert_int_eq(hostmap_loop_count("a, SB-1, b; sb-1=1", "sb-1"), 1);
    ck_assert_int_eq(hostmap_loop_count("sb-1,sb-1;a=b , sb-1", "sb-1"), 3);
}
END_TEST

Suite *loop_suite(void)
{
    Suite *suite = suite_create("loop");
    TCase *tcase = tcase_create("loop");

    tcase_add_test(tcase, loop_vectors);
    tcase_add_test(tcase, an_id_behind_any_client_text_is_found);
    tcase_add_test(tcase, each_time_counts);
    suite_add_tcase(suite, tcase);
    return suite;
}
