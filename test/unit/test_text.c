/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Lines of text maps.
 */

#include <string.h>

#include "hostmap/hostmap_text.h"
#include "suites.h"
#include "vectors.h"

static void add_pair(char *answer, hostmap_str key, hostmap_str value)
{
    vector_add(answer, "%.*s|%.*s", (int)key.len, key.ptr, (int)value.len,
               value.ptr);
}

static void answer_line(char *answer, const char *input, size_t len)
{
    hostmap_bad bad = { NULL, 0 };
    hostmap_str key, value;
    apr_status_t rv = hostmap_text_line(&key, &value,
                                        hostmap_str_of(input, len), &bad);

    if (rv == APR_EOF) {
        vector_add(answer, "none");
    }
    else if (rv != APR_SUCCESS) {
        vector_add_bad(answer, rv, &bad, len);
    }
    else {
        add_pair(answer, key, value);
    }
}

static void answer_httxt2dbm(char *answer, const char *input, size_t len)
{
    hostmap_str key, value;
    apr_status_t rv = hostmap_text_line_httxt2dbm(&key, &value,
                                                  hostmap_str_of(input, len));

    if (rv == APR_EOF) {
        vector_add(answer, "none");
    }
    else {
        ck_assert_int_eq(rv, APR_SUCCESS);
        add_pair(answer, key, value);
    }
}

START_TEST(line_vectors)
{
    vectors_run("text_line.tsv", answer_line);
}
END_TEST

START_TEST(httxt2dbm_vectors)
{
    vectors_run("text_httxt2dbm.tsv", answer_httxt2dbm);
}
END_TEST

START_TEST(only_lines_with_an_entry_have_a_longest_length)
{
    static char line[HOSTMAP_LINE_MAX + 1];
    hostmap_str key, value;
    hostmap_bad bad;

    memset(line, 'a', sizeof(line));
    line[1] = ' ';
    ck_assert_int_eq(hostmap_text_line(&key, &value,
                                       hostmap_str_of(line, HOSTMAP_LINE_MAX),
                                       &bad), APR_SUCCESS);
    ck_assert_uint_eq(value.len, HOSTMAP_LINE_MAX - 2);
    ck_assert_int_eq(hostmap_text_line(&key, &value,
                                       hostmap_str_of(line, sizeof(line)),
                                       &bad), APR_EINVAL);
    ck_assert_uint_eq(bad.pos, HOSTMAP_LINE_MAX);

    line[0] = '#';
    ck_assert_int_eq(hostmap_text_line(&key, &value,
                                       hostmap_str_of(line, sizeof(line)),
                                       &bad), APR_EOF);
    line[0] = 'a';
    ck_assert_int_eq(hostmap_text_line_httxt2dbm(&key, &value,
                                                 hostmap_str_of(line,
                                                                sizeof(line))),
                     APR_SUCCESS);
    ck_assert_uint_eq(value.len, sizeof(line) - 2);
}
END_TEST

Suite *text_suite(void)
{
    Suite *suite = suite_create("text");
    TCase *tcase = tcase_create("text");

    tcase_add_test(tcase, line_vectors);
    tcase_add_test(tcase, httxt2dbm_vectors);
    tcase_add_test(tcase, only_lines_with_an_entry_have_a_longest_length);
    suite_add_tcase(suite, tcase);
    return suite;
}
