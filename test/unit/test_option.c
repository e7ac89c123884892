/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Options behind a backend URL: the table and its reader.
 */

#include <stdio.h>
#include <string.h>

#include "base/option.h"
#include "suites.h"
#include "vectors.h"

static void add_option(char *answer, const hostmap_option *option)
{
    const hostmap_option_def *def = option->def;

    if (def->kind == HOSTMAP_OPTION_TEXT) {
        vector_add(answer, "%s=%.*s ", def->name, (int)option->text.len,
                   option->text.ptr);
    }
    else {
        vector_add(answer, "%s=%" APR_INT64_T_FMT " ", def->name,
                   option->number);
    }
}

/** All options of the words, then "end" or what is wrong. */
static void answer_words(char *answer, const char *input, size_t len)
{
    hostmap_str words = { input, len };
    hostmap_bad bad = { NULL, 0 };
    hostmap_option option;
    apr_status_t rv;
    const char *from = input;

    while ((rv = hostmap_option_next(&option, &words, &bad))
           == APR_SUCCESS) {
        ck_assert(words.ptr > from);
        ck_assert(words.ptr + words.len <= input + len);
        from = words.ptr;
        add_option(answer, &option);
    }
    if (rv == APR_EOF) {
        vector_add(answer, "end");
    }
    else {
        bad.pos += (apr_size_t)(from - input);
        vector_add_bad(answer, rv, &bad, len);
    }
}

START_TEST(option_vectors)
{
    vectors_run("option.tsv", answer_words);
}
END_TEST

START_TEST(every_row_is_found_by_its_name_in_any_case)
{
    const hostmap_option_def *def;
    int rows = 0;

    for (def = hostmap_options; def->name; def++) {
        char name[64];
        size_t i, len = strlen(def->name);

        ck_assert_uint_lt(len, sizeof(name));
        for (i = 0; i < len; i++) {
            name[i] = (char)(def->name[i] - 'a' + 'A');
        }
        ck_assert_ptr_eq(hostmap_option_find(hostmap_str_of(def->name, len)),
                         def);
        ck_assert_ptr_eq(hostmap_option_find(hostmap_str_of(name, len)), def);
        ck_assert_ptr_null(hostmap_option_find(hostmap_str_of(name, len - 1)));
        ck_assert_int_eq(strncmp(def->expected, def->name, len), 0);
        ck_assert_int_le(def->min, def->max);
        rows++;
    }
    ck_assert_int_eq(rows, 20);
    ck_assert_ptr_null(hostmap_option_find(hostmap_str_text("")));
}
END_TEST

/** Reads name=value; 1 accepted. */
static int accepts(const hostmap_option_def *def, const char *value,
                   apr_int64_t *number)
{
    char word[256];
    hostmap_str words;
    hostmap_option option;
    hostmap_bad bad;

    words.ptr = word;
    words.len = (apr_size_t)snprintf(word, sizeof(word), "%s=%s", def->name,
                                     value);
    if (hostmap_option_next(&option, &words, &bad) != APR_SUCCESS) {
        ck_assert_ptr_eq(bad.reason, def->expected);
        ck_assert_uint_eq(bad.pos, strlen(def->name) + 1);
        return 0;
    }
    ck_assert_ptr_eq(option.def, def);
    *number = option.number;
    return 1;
}

START_TEST(every_number_has_the_range_of_its_row)
{
    const hostmap_option_def *def;
    int rows = 0;

    for (def = hostmap_options; def->name; def++) {
        static const char *const never[] = {
            "", "-2", "+1", "0x10", "1.5", "5x", "99999999999999999999"
        };
        apr_int64_t number = 0, in_units = def->max / def->unit;
        char value[64];
        size_t i;

        if (def->kind != HOSTMAP_OPTION_INT
            && def->kind != HOSTMAP_OPTION_TIME) {
            continue;
        }
        rows++;
        snprintf(value, sizeof(value), "%" APR_INT64_T_FMT, in_units);
        ck_assert_int_eq(accepts(def, value, &number), 1);
        ck_assert_int_eq(number, def->max);
        snprintf(value, sizeof(value), "%" APR_INT64_T_FMT, in_units + 1);
        ck_assert_int_eq(accepts(def, value, &number), 0);
        for (i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
            ck_assert_msg(!accepts(def, never[i], &number), "%s=%s",
                          def->name, never[i]);
        }
    }
    ck_assert_int_eq(rows, 14);
}
END_TEST

Suite *option_suite(void)
{
    Suite *suite = suite_create("option");
    TCase *tcase = tcase_create("option");

    tcase_add_test(tcase, option_vectors);
    tcase_add_test(tcase, every_row_is_found_by_its_name_in_any_case);
    tcase_add_test(tcase, every_number_has_the_range_of_its_row);
    suite_add_tcase(suite, tcase);
    return suite;
}
