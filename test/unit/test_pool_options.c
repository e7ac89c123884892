/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The options of a pool: put together, asked for, written in one spelling.
 */

#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "pool/pool_options_core.h"
#include "suites.h"

#define WORDS_MAX 2048

/** Reads words that must be good; they stay readable until guard_free(). */
static guard read_over(pool_options *options, const char *words)
{
    guard bytes = guard_bytes(words, strlen(words));
    hostmap_str text;
    hostmap_bad bad = { NULL, 0 };

    text.ptr = bytes.bytes;
    text.len = strlen(words);
    ck_assert_msg(pool_options_read(options, text, &bad) == APR_SUCCESS,
                  "%s: %s", words, bad.reason);
    return bytes;
}

/** The key of one text of options. */
static void key_of(char *key, const char *words)
{
    pool_options options = { 0 };
    guard bytes = read_over(&options, words);

    ck_assert_uint_eq(pool_options_key(key, &options), strlen(key));
    guard_free(&bytes);
}

static void assert_number(const pool_options *options, const char *name,
                          apr_int64_t expected)
{
    hostmap_str text;
    apr_int64_t number = 0;

    ck_assert_int_eq(pool_options_has(options, name), 1);
    ck_assert_int_eq(pool_options_get(options, name, &number, &text), 1);
    ck_assert_msg(number == expected, "%s: %" APR_INT64_T_FMT, name, number);
}

static void assert_text(const pool_options *options, const char *name,
                        const char *expected)
{
    hostmap_str text;
    apr_int64_t number;

    ck_assert_int_eq(pool_options_get(options, name, &number, &text), 1);
    ck_assert_uint_eq(text.len, strlen(expected));
    ck_assert_int_eq(memcmp(text.ptr, expected, text.len), 0);
}

/** name=value with the largest value of the row, or the longest. */
static size_t write_largest(char *to, size_t room,
                            const hostmap_option_def *def)
{
    char value[256] = "on";
    int len;

    if (def->kind == HOSTMAP_OPTION_TEXT) {
        ck_assert_int_lt(def->max, sizeof(value));
        memset(value, 'x', (size_t)def->max);
        value[def->max] = '\0';
    }
    else if (def->kind != HOSTMAP_OPTION_SWITCH) {
        snprintf(value, sizeof(value), "%" APR_INT64_T_FMT,
                 def->max / def->unit);
    }
    len = snprintf(to, room, " %s=%s", def->name, value);
    ck_assert_int_lt(len, room);
    return (size_t)len;
}

START_TEST(every_row_of_the_table_has_room)
{
    size_t rows = 0;

    while (hostmap_options[rows].name) {
        rows++;
    }
    ck_assert_uint_gt(rows, 0);
    ck_assert_uint_le(rows, POOL_OPTIONS_MAX);
    ck_assert_uint_le(POOL_OPTIONS_MAX,
                      8 * sizeof(((pool_options *)0)->set));
}
END_TEST

START_TEST(no_words_set_nothing)
{
    const hostmap_option_def *def;
    pool_options options = { 0 };
    char key[POOL_OPTIONS_KEY_MAX];
    guard bytes = read_over(&options, "");

    for (def = hostmap_options; def->name; def++) {
        hostmap_str text;
        apr_int64_t number;

        ck_assert_int_eq(pool_options_has(&options, def->name), 0);
        ck_assert_int_eq(pool_options_get(&options, def->name, &number,
                                          &text), 0);
    }
    ck_assert_uint_eq(pool_options_key(key, &options), 0);
    ck_assert_str_eq(key, "");
    guard_free(&bytes);
}
END_TEST

START_TEST(what_is_read_is_found_by_name)
{
    pool_options options = { 0 };
    guard bytes = read_over(&options, "timeout=5 PING=100ms nocanon max=7 "
                            "addressttl=-1 flushpackets=auto secret=s3 "
                            "noquery keepalive=On");

    assert_number(&options, "timeout", 5000000);
    assert_number(&options, "ping", 100000);
    assert_number(&options, "max", 7);
    assert_number(&options, "addressttl", -1);
    assert_number(&options, "flushpackets", 2);
    assert_number(&options, "keepalive", 1);
    assert_text(&options, "secret", "s3");
    ck_assert_int_eq(pool_options_has(&options, "min"), 0);
    ck_assert_int_eq(pool_options_has(&options, "ttl"), 0);
    guard_free(&bytes);
}
END_TEST

START_TEST(the_later_word_wins)
{
    pool_options options = { 0 };
    guard bytes = read_over(&options, "timeout=5 upgrade=any timeout=7 "
                            "upgrade=websocket timeout=9");

    assert_number(&options, "timeout", 9000000);
    assert_text(&options, "upgrade", "websocket");
    guard_free(&bytes);
}
END_TEST

START_TEST(options_of_an_entry_go_over_the_defaults)
{
    pool_options options = { 0 };
    guard defaults = read_over(&options, "timeout=5 ttl=10 secret=default");
    guard entry = read_over(&options, "ttl=20 secret=own max=3");

    assert_number(&options, "timeout", 5000000);
    assert_number(&options, "ttl", 20000000);
    assert_number(&options, "max", 3);
    assert_text(&options, "secret", "own");
    guard_free(&defaults);
    guard_free(&entry);
}
END_TEST

START_TEST(enablereuse_is_disablereuse_the_other_way_round)
{
    static const struct {
        const char *words;
        apr_int64_t disabled;
    } rows[] = {
        { "enablereuse=on", 0 },
        { "enablereuse=off", 1 },
        { "disablereuse=on", 1 },
        { "disablereuse=off", 0 },
        { "enablereuse=on disablereuse=on", 1 },
        { "disablereuse=on enablereuse=on", 0 },
        { "enablereuse=off disablereuse=off", 0 },
        { "enablereuse=off enablereuse=on", 0 }
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        pool_options options = { 0 };
        guard bytes = read_over(&options, rows[i].words);

        assert_number(&options, "disablereuse", rows[i].disabled);
        ck_assert_int_eq(pool_options_has(&options, "enablereuse"), 0);
        guard_free(&bytes);
    }
}
END_TEST

START_TEST(what_is_wrong_is_named_with_its_place)
{
    static const struct {
        const char *words;
        size_t pos;
        const char *reason;
    } rows[] = {
        { "timeout", 0, "expected key=value, nocanon, noquery or noreverse" },
        { "timeout=5 pings=1", 10, "not an option of ProxyPass" },
        { "timeout=5  ping=x", 16,
          "ping takes a time of at least one millisecond" },
        { "nocanon max=1 route=a", 14, "route is for members of a balancer" },
        { "max=-1", 4, "max takes a whole number" },
        { "enablereuse=yes", 12, "enablereuse takes on or off" }
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        pool_options options = { 0 };
        guard bytes = guard_bytes(rows[i].words, strlen(rows[i].words));
        hostmap_str words;
        hostmap_bad bad = { NULL, 0 };

        words.ptr = bytes.bytes;
        words.len = strlen(rows[i].words);
        ck_assert_int_eq(pool_options_read(&options, words, &bad),
                         APR_EINVAL);
        ck_assert_str_eq(bad.reason, rows[i].reason);
        ck_assert_msg(bad.pos == rows[i].pos, "%s: %u", rows[i].words,
                      (unsigned)bad.pos);
        ck_assert_int_eq(pool_options_read(&options, words, NULL),
                         APR_EINVAL);
        guard_free(&bytes);
    }
}
END_TEST

/** All rows at their largest, beginning with any of them, both ways round. */
START_TEST(the_order_of_words_does_not_change_the_key)
{
    char first[POOL_OPTIONS_KEY_MAX] = "";
    size_t rows = 0, start, i, keys = 0;
    int down;

    while (hostmap_options[rows].name) {
        rows++;
    }
    for (start = 0; start < rows; start++) {
        for (down = 0; down < 2; down++) {
            char words[WORDS_MAX] = "", key[POOL_OPTIONS_KEY_MAX];
            size_t len = 0;

            for (i = 0; i < rows; i++) {
                const hostmap_option_def *def =
                    &hostmap_options[(down ? start + rows - i : start + i)
                                     % rows];

                /* the other name of disablereuse: the later one would win */
                if (strcmp(def->name, "enablereuse") != 0) {
                    len += write_largest(words + len, sizeof(words) - len,
                                         def);
                }
            }
            key_of(key, words);
            if (keys++ == 0) {
                strcpy(first, key);
            }
            ck_assert_str_eq(key, first);
        }
    }
    ck_assert_uint_gt(keys, 2);
}
END_TEST

START_TEST(the_spelling_of_words_does_not_change_the_key)
{
    static const char *const same[][2] = {
        { "timeout=60", "timeout=1min" },
        { "timeout=60", "TimeOut=60s" },
        { "ping=1", "ping=1000ms" },
        { "keepalive=on", "keepalive=ON" },
        { "enablereuse=off", "disablereuse=on" },
        { "enablereuse=on", "disablereuse=off" },
        { "max=8", "max=008" },
        { "max=8", "max=4 nocanon max=8" }
    };
    size_t i;

    for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        char one[POOL_OPTIONS_KEY_MAX], other[POOL_OPTIONS_KEY_MAX];

        key_of(one, same[i][0]);
        key_of(other, same[i][1]);
        ck_assert_str_ne(one, "");
        ck_assert_str_eq(one, other);
    }
}
END_TEST

START_TEST(different_options_have_different_keys)
{
    static const char *const words[] = {
        "", "timeout=1", "timeout=2", "timeout=1 ttl=1", "ttl=1", "max=1",
        "max=11", "smax=1", "min=1", "max=1 min=1", "secret=a", "secret=b",
        "secret=ab", "secret=a upgrade=b", "upgrade=a", "flushpackets=on",
        "flushpackets=off", "flushpackets=auto", "disablereuse=on",
        "disablereuse=off", "addressttl=-1", "addressttl=1"
    };
    char keys[sizeof(words) / sizeof(words[0])][POOL_OPTIONS_KEY_MAX];
    size_t i, j;

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        key_of(keys[i], words[i]);
        for (j = 0; j < i; j++) {
            ck_assert_str_ne(keys[i], keys[j]);
        }
    }
}
END_TEST

START_TEST(all_options_at_their_longest_fit_a_key)
{
    const hostmap_option_def *def;
    char words[WORDS_MAX] = "", key[POOL_OPTIONS_KEY_MAX];
    size_t len = 0;

    for (def = hostmap_options; def->name; def++) {
        len += write_largest(words + len, sizeof(words) - len, def);
    }
    key_of(key, words);
    /* a key that was cut would fill its room */
    ck_assert_uint_lt(strlen(key), POOL_OPTIONS_KEY_MAX - 1);
    for (def = hostmap_options; def->name; def++) {
        char name[64];

        snprintf(name, sizeof(name), " %s=", def->name);
        if (strcmp(def->name, "enablereuse") != 0) {
            ck_assert_msg(strstr(key, name), "%s in%s", name, key);
        }
    }
}
END_TEST

Suite *pool_options_suite(void)
{
    Suite *suite = suite_create("pool_options");
    TCase *tcase = tcase_create("pool_options");

    tcase_add_test(tcase, every_row_of_the_table_has_room);
    tcase_add_test(tcase, no_words_set_nothing);
    tcase_add_test(tcase, what_is_read_is_found_by_name);
    tcase_add_test(tcase, the_later_word_wins);
    tcase_add_test(tcase, options_of_an_entry_go_over_the_defaults);
    tcase_add_test(tcase, enablereuse_is_disablereuse_the_other_way_round);
    tcase_add_test(tcase, what_is_wrong_is_named_with_its_place);
    tcase_add_test(tcase, the_order_of_words_does_not_change_the_key);
    tcase_add_test(tcase, the_spelling_of_words_does_not_change_the_key);
    tcase_add_test(tcase, different_options_have_different_keys);
    tcase_add_test(tcase, all_options_at_their_longest_fit_a_key);
    suite_add_tcase(suite, tcase);
    return suite;
}
