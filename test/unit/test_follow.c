/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Following a store: URLs, the digest, what a map says of itself, which
 * changes are taken.
 */

#include <stdlib.h>
#include <string.h>

#include "follow/change_core.h"
#include "follow/digest_core.h"
#include "follow/report_core.h"
#include "follow/sql_core.h"
#include "follow/state_core.h"
#include "follow/url_core.h"
#include "suites.h"
#include "vectors.h"

#define STR_ARGS(str) (int)(str).len, (str).ptr

static hostmap_str text(const char *bytes)
{
    return hostmap_str_of(bytes, strlen(bytes));
}

/* ---- URLs -------------------------------------------------------------- */

/* The bytes that are shown. */
static void add_named(char *answer, const char *name, hostmap_str value)
{
    if (value.len) {
        vector_add(answer, " %s=%.*s", name, STR_ARGS(value));
    }
}

static void answer_url(char *answer, const char *input, size_t len)
{
    static const char *const names[] = {
        "redis", "tls", "unix", "sentinel", "postgresql"
    };
    hostmap_bad bad = { NULL, 0 };
    follow_url url;
    apr_status_t rv;
    unsigned i;

    rv = follow_url_parse(&url, hostmap_str_of(input, len), &bad);
    if (rv != APR_SUCCESS) {
        ck_assert_int_eq(follow_url_parse(&url, hostmap_str_of(input, len),
                                          NULL), rv);
        vector_add_bad(answer, rv, &bad, len);
        return;
    }
    vector_add(answer, "%s %.*s", names[url.scheme], STR_ARGS(url.name));
    for (i = 0; i < url.count; i++) {
        vector_add(answer, " %.*s:%u", STR_ARGS(url.hosts[i].name),
                   (unsigned)url.hosts[i].port);
    }
    add_named(answer, "user", url.user);
    add_named(answer, "socket", url.socket);
    add_named(answer, "master", url.master);
    if (url.db) {
        vector_add(answer, " db=%u", url.db);
    }
    if (url.scheme == FOLLOW_POSTGRESQL) {
        vector_add(answer, " <%.*s%.*s>", STR_ARGS(url.before),
                   STR_ARGS(url.after));
    }
}

START_TEST(url_vectors)
{
    vectors_run("follow_url.tsv", answer_url);
}
END_TEST

/* ---- the digest -------------------------------------------------------- */

START_TEST(the_digest_does_not_depend_on_the_order)
{
    follow_digest one = { { 0, 0 } }, two = { { 0, 0 } };
    follow_digest none = { { 0, 0 } };

    follow_digest_add(&one, text("a.example"), text("http://10.0.0.1"));
    follow_digest_add(&one, text("b.example"), text("!"));
    follow_digest_add(&two, text("b.example"), text("410"));
    follow_digest_add(&two, text("a.example"), text("http://10.0.0.1"));
    ck_assert(!follow_digest_equal(&one, &two));
    follow_digest_remove(&two, text("b.example"), text("410"));
    follow_digest_add(&two, text("b.example"), text("!"));
    ck_assert(follow_digest_equal(&one, &two));
    follow_digest_remove(&two, text("b.example"), text("!"));
    follow_digest_remove(&two, text("a.example"), text("http://10.0.0.1"));
    ck_assert(follow_digest_equal(&two, &none));
}
END_TEST

START_TEST(the_digest_knows_where_a_key_ends)
{
    follow_digest one = { { 0, 0 } }, two = { { 0, 0 } };

    follow_digest_add(&one, text("ab"), text("c"));
    follow_digest_add(&two, text("a"), text("bc"));
    ck_assert(!follow_digest_equal(&one, &two));
}
END_TEST

/* The same on all machines: SHA-1 of 00 00 00 01 a !, its first 16 bytes. */
START_TEST(the_digest_is_that_of_every_machine)
{
    char written[FOLLOW_DIGEST_TEXT + 1];
    follow_digest digest = { { 0, 0 } }, read;

    follow_digest_add(&digest, text("a"), text("!"));
    follow_digest_write(&digest, written);
    ck_assert_str_eq(written, "7d914cd0182c36812f9a6a7d331b983d");
    ck_assert(follow_digest_read(&read, text(written)));
    ck_assert(follow_digest_equal(&read, &digest));
    ck_assert(!follow_digest_read(&read, text("DIGEST")));
    written[3] = 'G';
    ck_assert(!follow_digest_read(&read, text(written)));
}
END_TEST

START_TEST(a_mark_tells_entries_of_a_log_apart)
{
    hostmap_str one[] = { text("ab"), text("c") };
    hostmap_str two[] = { text("a"), text("bc") };

    ck_assert_uint_eq(follow_digest_mark(one, 2), follow_digest_mark(one, 2));
    ck_assert_uint_ne(follow_digest_mark(one, 2), follow_digest_mark(two, 2));
    ck_assert_uint_ne(follow_digest_mark(one, 2), follow_digest_mark(one, 1));
}
END_TEST

/* ---- what a map says of itself ----------------------------------------- */

static void answer_state(char *answer, const char *input, size_t len)
{
    char written[FOLLOW_STATE_TEXT + 1];
    hostmap_bad bad = { NULL, 0 };
    follow_state state;
    apr_status_t rv;

    rv = follow_state_read(&state, hostmap_str_of(input, len), &bad);
    if (rv != APR_SUCCESS) {
        vector_add_bad(answer, rv, &bad, len);
        return;
    }
    ck_assert_uint_eq(follow_state_write(&state, written), strlen(written));
    vector_add(answer, "%s", written);
}

START_TEST(state_vectors)
{
    vectors_run("follow_state.tsv", answer_state);
}
END_TEST

START_TEST(the_longest_state_has_room)
{
    char written[FOLLOW_STATE_TEXT + 1];
    follow_state state, read;

    memset(&state, 0, sizeof(state));
    memset(state.store, 's', FOLLOW_STORE_MAX);
    memset(state.position.text, 'p', FOLLOW_POSITION_MAX);
    state.time = APR_INT64_MAX;
    state.entries = APR_INT64_MAX;
    state.digest.lanes[0] = ~(apr_uint64_t)0;
    state.digest.lanes[1] = 1;
    follow_state_write(&state, written);
    ck_assert_int_eq(follow_state_read(&read, text(written), NULL),
                     APR_SUCCESS);
    ck_assert_str_eq(read.store, state.store);
    ck_assert(follow_position_equal(&read.position, &state.position));
    ck_assert_int_eq(read.time, state.time);
    ck_assert_int_eq(read.entries, state.entries);
    ck_assert(follow_digest_equal(&read.digest, &state.digest));
}
END_TEST

START_TEST(a_position_is_visible_and_short)
{
    char longer[FOLLOW_POSITION_MAX + 1];
    follow_position position;

    memset(longer, '7', sizeof(longer));
    ck_assert(follow_position_set(&position,
                                  hostmap_str_of(longer, sizeof(longer) - 1)));
    ck_assert(!follow_position_set(&position,
                                   hostmap_str_of(longer, sizeof(longer))));
    ck_assert(!follow_position_set(&position, text("")));
    ck_assert(!follow_position_set(&position, text("1 2")));
    ck_assert(!follow_position_set(&position, hostmap_str_of("1\0", 2)));
}
END_TEST

/* ---- changes ----------------------------------------------------------- */

/* KEY, a comma, VALUE */
static void answer_change(char *answer, const char *input, size_t len)
{
    static const char *const names[] = { "put", "delete", "nothing", "bad" };
    const char *comma = memchr(input, ',', len), *reason = NULL;
    size_t key_len;
    follow_kind kind;

    ck_assert_ptr_nonnull(comma);
    key_len = (size_t)(comma - input);
    kind = follow_change_judge(hostmap_str_of(input, key_len),
                               hostmap_str_of(comma + 1, len - key_len - 1),
                               &reason);
    ck_assert_int_eq(kind == FOLLOW_BAD, reason != NULL);
    vector_add(answer, "%s%s%s", names[kind], reason ? ": " : "",
               reason ? reason : "");
}

START_TEST(change_vectors)
{
    vectors_run("follow_change.tsv", answer_change);
}
END_TEST

START_TEST(keys_and_values_have_a_longest)
{
    char key[600], value[4200];
    const char *reason;

    memset(key, 'a', sizeof(key));
    memset(value, 'x', sizeof(value));
    memcpy(value, "http://h/", 9);
    ck_assert_int_eq(follow_change_judge(hostmap_str_of(key, 511), text("!"),
                                         &reason), FOLLOW_PUT);
    ck_assert_int_eq(follow_change_judge(hostmap_str_of(key, 600), text("!"),
                                         &reason), FOLLOW_BAD);
    ck_assert_int_eq(follow_change_judge(text("a"),
                                         hostmap_str_of(value, 4096),
                                         &reason), FOLLOW_PUT);
    ck_assert_int_eq(follow_change_judge(text("a"),
                                         hostmap_str_of(value, 4097),
                                         &reason), FOLLOW_BAD);
}
END_TEST

/* ---- tables ------------------------------------------------------------ */

static void answer_table(char *answer, const char *input, size_t len)
{
    hostmap_bad bad = { NULL, 0 };
    follow_table table;
    apr_status_t rv;

    rv = follow_table_parse(&table, hostmap_str_of(input, len), &bad);
    if (rv != APR_SUCCESS) {
        vector_add_bad(answer, rv, &bad, len);
        return;
    }
    vector_add(answer, "%.*s %.*s %.*s | %.*s", STR_ARGS(table.table),
               STR_ARGS(table.name), STR_ARGS(table.host),
               STR_ARGS(table.entry));
}

START_TEST(table_vectors)
{
    vectors_run("follow_table.tsv", answer_table);
}
END_TEST

/* ---- reports ----------------------------------------------------------- */

START_TEST(fields_of_a_report_are_found)
{
    hostmap_str report = text("{\"node\": \"e\\\"position\\\": \\\"x\", "
                              "\"map\": \"position\", "
                              "\"position\": \"7-0:5f\", "
                              "\"lag_seconds\": 12.500, \"entries\":41, "
                              "\"digest\": null}");
    hostmap_str value;

    ck_assert(follow_report_field(&value, report, "position"));
    ck_assert_uint_eq(value.len, 6);
    ck_assert(memcmp(value.ptr, "7-0:5f", 6) == 0);
    ck_assert_int_eq(follow_report_number(report, "lag_seconds"), 12);
    ck_assert_int_eq(follow_report_number(report, "entries"), 41);
    ck_assert_int_eq(follow_report_number(report, "position"), 0);
    ck_assert_int_eq(follow_report_number(report, "other"), 0);
    ck_assert(!follow_report_field(&value, report, "digest"));
    ck_assert(!follow_report_field(&value, report, "node"));
    ck_assert_uint_eq(value.len, 0);
    ck_assert(!follow_report_field(&value, text("{\"position\": \"7"),
                                   "position"));
    ck_assert(!follow_report_field(&value, text("\""), "position"));
}
END_TEST

Suite *follow_suite(void)
{
    Suite *suite = suite_create("follow");
    TCase *tcase = tcase_create("follow");

    tcase_add_test(tcase, url_vectors);
    tcase_add_test(tcase, the_digest_does_not_depend_on_the_order);
    tcase_add_test(tcase, the_digest_knows_where_a_key_ends);
    tcase_add_test(tcase, the_digest_is_that_of_every_machine);
    tcase_add_test(tcase, a_mark_tells_entries_of_a_log_apart);
    tcase_add_test(tcase, state_vectors);
    tcase_add_test(tcase, the_longest_state_has_room);
    tcase_add_test(tcase, a_position_is_visible_and_short);
    tcase_add_test(tcase, change_vectors);
    tcase_add_test(tcase, keys_and_values_have_a_longest);
    tcase_add_test(tcase, fields_of_a_report_are_found);
    tcase_add_test(tcase, table_vectors);
    suite_add_tcase(suite, tcase);
    return suite;
}
