/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Cache-Control of an app.
 */

#include <string.h>

#include "reproxy/reproxy_cache_core.h"
#include "guard.h"
#include "suites.h"
#include "vectors.h"

static void answer_cache(char *answer, const char *input, size_t len)
{
    char text[256] = "";
    reproxy_cache_control said;
    guard string;

    ck_assert_uint_lt(len, sizeof(text));
    memcpy(text, input, len);
    string = guard_string(text);
    reproxy_cache_control_read(&said, string.bytes);
    vector_add(answer, "%s %ld", reproxy_cache_allows(&said) ? "yes" : "no",
               (long)reproxy_cache_lifetime(&said));
    guard_free(&string);
}

START_TEST(cache_vectors)
{
    vectors_run("reproxy_cache.tsv", answer_cache);
}
END_TEST

START_TEST(any_bytes_are_read_to_their_end)
{
    static const char *const texts[] = {
        "", ",", "=", "\"", "\"\\", "a=\"\\", "=\"", ",,==\"\"", " \t", "a=",
        "max-age=\"", "max-age=\"1\\", "\"a\"b=\"c\"d"
    };
    reproxy_cache_control said;
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        guard string = guard_string(texts[i]);

        reproxy_cache_control_read(&said, string.bytes);
        ck_assert_msg(!reproxy_cache_allows(&said), "%s", texts[i]);
        guard_free(&string);
    }
}
END_TEST

Suite *reproxy_cache_suite(void)
{
    Suite *suite = suite_create("reproxy_cache");
    TCase *tcase = tcase_create("reproxy_cache");

    tcase_add_test(tcase, cache_vectors);
    tcase_add_test(tcase, any_bytes_are_read_to_their_end);
    suite_add_tcase(suite, tcase);
    return suite;
}
