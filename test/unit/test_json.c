/* SPDX-License-Identifier: Apache-2.0 */

/*
 * JSON that is read in place: what is right, what is wrong, what is found.
 */

#include <stdio.h>

#include "base/json.h"
#include "guard.h"
#include "suites.h"

static const char *const right[] = {
    "0", "-0", "1.5", "1e9", "-2.25E-3", "true", "false", "null", "\"\"",
    "\"\\u00e9\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "[]", " [ ] ", "{}", "\t{ }\r\n",
    "[1,2]", "{\"a\":1,\"b\":[{}]}", "{\"\":\"\xc3\xa9\"}"
};

static const char *const wrong[] = {
    "", " ", "01", "1.", ".5", "-", "1e", "+1", "tru", "nul", "truefalse",
    "\"", "\"\\x\"", "\"\\u12\"", "\"\n\"", "[", "[1", "[1,", "[1,]", "[,]",
    "{", "{a:1}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\" 1}", "[}", "1 2"
};

START_TEST(texts_that_are_right)
{
    char word[64];

    ck_assert_int_eq(hostmap_json_check(hostmap_str_text(right[_i])),
                     APR_SUCCESS);
    snprintf(word, sizeof(word), "[%s, %s]", right[_i], right[_i]);
    ck_assert_int_eq(hostmap_json_check(hostmap_str_text(word)), APR_SUCCESS);
}
END_TEST

/* Each flush against a page that cannot be read. */
START_TEST(texts_that_are_wrong)
{
    size_t len = strlen(wrong[_i]);
    guard copy = guard_bytes(wrong[_i], len);
    hostmap_str text = hostmap_str_of(copy.bytes, len);
    hostmap_str value;
    char word[8];

    ck_assert_int_eq(hostmap_json_check(text), APR_EINVAL);
    hostmap_json_get(text, "a");
    hostmap_json_text(word, sizeof(word), text);
    hostmap_json_number(text, 0);
    while (hostmap_json_next(&text, &value)) {
        continue;
    }
    guard_free(&copy);
}
END_TEST

START_TEST(depth_is_bounded)
{
    char text[2 * HOSTMAP_JSON_DEPTH + 2];

    memset(text, '[', HOSTMAP_JSON_DEPTH);
    memset(text + HOSTMAP_JSON_DEPTH, ']', HOSTMAP_JSON_DEPTH);
    ck_assert_int_eq(hostmap_json_check(hostmap_str_of(
                         text, 2 * HOSTMAP_JSON_DEPTH)), APR_SUCCESS);
    memset(text, '[', HOSTMAP_JSON_DEPTH + 1);
    memset(text + HOSTMAP_JSON_DEPTH + 1, ']', HOSTMAP_JSON_DEPTH + 1);
    ck_assert_int_eq(hostmap_json_check(hostmap_str_of(text, sizeof(text))),
                     APR_EINVAL);
}
END_TEST

START_TEST(members_and_elements)
{
    hostmap_str text = hostmap_str_text(
        " { \"a\" : 1 , \"aa\":\"x\", \"b\":{\"a\":7,\"list\":[1, true,\n"
        "\"z\", {\"a\":3}]}, \"a\": 2}");
    hostmap_str b = hostmap_json_get(text, "b"), list, value;
    char word[8];

    ck_assert_int_eq(hostmap_json_check(text), APR_SUCCESS);
    ck_assert(hostmap_json_number(hostmap_json_get(text, "a"), 0) == 1);
    ck_assert(hostmap_json_number(hostmap_json_get(text, "aa"), -5) == -5);
    ck_assert_uint_eq(hostmap_json_get(text, "list").len, 0);
    ck_assert(hostmap_json_number(hostmap_json_get(b, "a"), 0) == 7);
    list = hostmap_json_get(b, "list");
    ck_assert(hostmap_json_next(&list, &value));
    ck_assert(hostmap_json_number(value, 0) == 1);
    ck_assert(!hostmap_json_true(value));
    ck_assert(hostmap_json_next(&list, &value));
    ck_assert(hostmap_json_true(value));
    ck_assert(hostmap_json_next(&list, &value));
    ck_assert_uint_eq(hostmap_json_text(word, sizeof(word), value), 1);
    ck_assert(hostmap_json_next(&list, &value));
    ck_assert(hostmap_json_number(hostmap_json_get(value, "a"), 0) == 3);
    ck_assert(!hostmap_json_next(&list, &value));
    ck_assert(!hostmap_json_next(&text, &value));
}
END_TEST

START_TEST(texts_lose_their_escapes)
{
    static const struct {
        const char *json, *text;
    } texts[] = {
        { "\"\\u00e9\\u20ac\\ud83d\\ude00\"", "\xc3\xa9\xe2\x82\xac"
          "\xf0\x9f\x98\x80" },
        { "\"\\ud83d\\ud83d\\u0000\"", "???" },
        { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
        { "\"a", "" }, { "1", "" }, { "\"\"", "" }
    };
    char word[32];
    unsigned i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        hostmap_json_text(word, sizeof(word), hostmap_str_text(texts[i].json));
        ck_assert_str_eq(word, texts[i].text);
    }
    /* no half of a character at the end */
    ck_assert_uint_eq(hostmap_json_text(word, 4, hostmap_str_text(
                          "\"ab\\u20ac\"")), 2);
    ck_assert_str_eq(word, "ab");
}
END_TEST

Suite *json_suite(void)
{
    Suite *suite = suite_create("json");
    TCase *tcase = tcase_create("json");

    tcase_add_loop_test(tcase, texts_that_are_right, 0,
                        sizeof(right) / sizeof(right[0]));
    tcase_add_loop_test(tcase, texts_that_are_wrong, 0,
                        sizeof(wrong) / sizeof(wrong[0]));
    tcase_add_test(tcase, depth_is_bounded);
    tcase_add_test(tcase, members_and_elements);
    tcase_add_test(tcase, texts_lose_their_escapes);
    suite_add_tcase(suite, tcase);
    return suite;
}
