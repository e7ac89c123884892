/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Names and values of headers.  The input of a size vector is `EXPECTED STATUS
 * LENGTH RANGE`, with `-` for a header that is not there.
 */

#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "reproxy/reproxy_headers_core.h"
#include "suites.h"
#include "vectors.h"

static void answer_name(char *answer, const char *input, size_t len)
{
    char name[256] = "";
    guard string;

    ck_assert_uint_lt(len, sizeof(name));
    memcpy(name, input, len);
    string = guard_string(name);
    vector_add(answer, "%s%s",
               reproxy_header_is_name(string.bytes) ? "name" : "no",
               reproxy_header_is_framing(string.bytes) ? " framing" : "");
    guard_free(&string);
}

static void answer_range(char *answer, const char *input, size_t len)
{
    char text[256] = "";
    reproxy_range range;
    guard string;

    ck_assert_uint_lt(len, sizeof(text));
    memcpy(text, input, len);
    string = guard_string(text);
    if (reproxy_range_parse(&range, string.bytes)) {
        vector_add(answer, "%ld %ld %ld", (long)range.first, (long)range.last,
                   (long)range.total);
    }
    else {
        vector_add(answer, "bad");
    }
    guard_free(&string);
}

static const char *or_none(const char *field)
{
    return strcmp(field, "-") == 0 ? NULL : field;
}

static void answer_size(char *answer, const char *input, size_t len)
{
    static const char *const words[] = { "right", "wrong", "unknown" };
    char text[256] = "", length[64], range[64];
    long expected;
    int status;
    reproxy_size result;

    ck_assert_uint_lt(len, sizeof(text));
    memcpy(text, input, len);
    ck_assert_int_eq(sscanf(text, "%ld %d %63s %63[^\n]", &expected, &status,
                            length, range), 4);
    result = reproxy_size_compare(expected, status, or_none(length),
                                  or_none(range));
    vector_add(answer, "%s", words[result]);
}

START_TEST(name_vectors)
{
    vectors_run("reproxy_name.tsv", answer_name);
}
END_TEST

START_TEST(range_vectors)
{
    vectors_run("reproxy_range.tsv", answer_range);
}
END_TEST

START_TEST(size_vectors)
{
    vectors_run("reproxy_size.tsv", answer_size);
}
END_TEST

START_TEST(expected_size_is_a_number)
{
    static const char *const bad[] = {
        "", " ", "-1", "+1", "1.5", "0x10", "1 2", "1k",
        "9223372036854775808", "99999999999999999999"
    };
    apr_off_t size;
    size_t i;

    ck_assert(reproxy_expected_size(&size, "0") && size == 0);
    ck_assert(reproxy_expected_size(&size, " \t1048576 ") && size == 1048576);
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(!reproxy_expected_size(&size, bad[i]), "%s", bad[i]);
    }
}
END_TEST

static void answer_path(char *answer, const char *input, size_t len)
{
    char text[256] = "", out[256];
    guard string;

    ck_assert_uint_lt(len, sizeof(text));
    memcpy(text, input, len);
    string = guard_string(text);
    vector_add(answer, "%s", reproxy_path_unescape(out, string.bytes)
                             ? out : "refused");
    guard_free(&string);
}

START_TEST(path_vectors)
{
    vectors_run("reproxy_path.tsv", answer_path);
}
END_TEST

START_TEST(every_byte_can_be_escaped)
{
    int byte;

    for (byte = 1; byte < 256; byte++) {
        char text[8], out[8];

        sprintf(text, byte % 2 ? "a%%%02xb" : "a%%%02Xb", (unsigned)byte);
        ck_assert(reproxy_path_unescape(out, text));
        ck_assert_int_eq((unsigned char)out[1], byte);
        ck_assert_uint_eq(strlen(out), 3);
        ck_assert(reproxy_path_unescape(text, text));
        ck_assert_str_eq(text, out);
    }
}
END_TEST

Suite *reproxy_headers_suite(void)
{
    Suite *suite = suite_create("reproxy_headers");
    TCase *tcase = tcase_create("reproxy_headers");

    tcase_add_test(tcase, name_vectors);
    tcase_add_test(tcase, range_vectors);
    tcase_add_test(tcase, size_vectors);
    tcase_add_test(tcase, expected_size_is_a_number);
    tcase_add_test(tcase, path_vectors);
    tcase_add_test(tcase, every_byte_can_be_escaped);
    suite_add_tcase(suite, tcase);
    return suite;
}
