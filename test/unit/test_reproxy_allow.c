/* SPDX-License-Identifier: Apache-2.0 */

/*
 * ReproxyAllow.  The input of a match vector is `RULE URL`.
 */

#include <string.h>

#include "reproxy/reproxy_allow_core.h"
#include "guard.h"
#include "suites.h"
#include "vectors.h"

static void answer_rule(char *answer, const char *input, size_t len)
{
    hostmap_bad bad = { NULL, 0 };
    reproxy_allow rule;
    apr_status_t rv = reproxy_allow_parse(&rule, input, len, &bad);

    if (rv != APR_SUCCESS) {
        ck_assert_int_eq(reproxy_allow_parse(&rule, input, len, NULL), rv);
        vector_add_bad(answer, rv, &bad, len);
        return;
    }
    vector_add(answer, "%s", rule.suffix.len > 0 ? "suffix" : "prefix");
}

static void answer_match(char *answer, const char *input, size_t len)
{
    const char *blank = memchr(input, ' ', len);
    size_t rule_len;
    guard rule_bytes, url_bytes;
    reproxy_allow rule;
    reproxy_url url;

    ck_assert_ptr_nonnull(blank);
    rule_len = (size_t)(blank - input);
    rule_bytes = guard_bytes(input, rule_len);
    url_bytes = guard_bytes(blank + 1, len - rule_len - 1);
    ck_assert_int_eq(reproxy_allow_parse(&rule, rule_bytes.bytes, rule_len,
                                         NULL), APR_SUCCESS);
    ck_assert_int_eq(reproxy_url_parse(&url, url_bytes.bytes,
                                       len - rule_len - 1, NULL),
                     APR_SUCCESS);
    vector_add(answer, "%s", reproxy_allow_match(&rule, &url) ? "yes" : "no");
    guard_free(&rule_bytes);
    guard_free(&url_bytes);
}

START_TEST(rule_vectors)
{
    vectors_run("reproxy_rule.tsv", answer_rule);
}
END_TEST

START_TEST(match_vectors)
{
    vectors_run("reproxy_allow.tsv", answer_match);
}
END_TEST

Suite *reproxy_allow_suite(void)
{
    Suite *suite = suite_create("reproxy_allow");
    TCase *tcase = tcase_create("reproxy_allow");

    tcase_add_test(tcase, rule_vectors);
    tcase_add_test(tcase, match_vectors);
    suite_add_tcase(suite, tcase);
    return suite;
}
