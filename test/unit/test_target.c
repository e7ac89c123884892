/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Where paths lead: behind an entry's prefix, and in a Location.
 */

#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "suites.h"
#include "express/target_core.h"
#include "vectors.h"

static apr_pool_t *pool;

static void setup(void)
{
    ck_assert_int_eq(apr_pool_create(&pool, NULL), APR_SUCCESS);
}

static void teardown(void)
{
    apr_pool_destroy(pool);
}

/** The next word, flush against memory that cannot be read; `-` is none. */
static guard take_word(char **rest)
{
    char *word = strsep(rest, " ");

    ck_assert_ptr_nonnull(word);
    return guard_string(strcmp(word, "-") == 0 ? "" : word);
}

static void answer_under(char *answer, const char *input, size_t len)
{
    char *text = strndup(input, len), *rest = text;
    guard prefix = take_word(&rest), path = take_word(&rest);
    apr_size_t taken = target_under(prefix.bytes, path.bytes);

    if (taken) {
        vector_add(answer, "[%s]", path.bytes + taken);
    }
    else {
        vector_add(answer, "none");
    }
    guard_free(&prefix);
    guard_free(&path);
    free(text);
}

static void answer_dots(char *answer, const char *input, size_t len)
{
    char *text = strndup(input, len);
    guard path = guard_string(text);

    vector_add(answer, target_has_dots(path.bytes) ? "yes" : "no");
    guard_free(&path);
    free(text);
}

static void answer_canonical(char *answer, const char *input, size_t len)
{
    char *text = strndup(input, len);
    guard url = guard_string(text);

    vector_add(answer, target_is_canonical(url.bytes) ? "yes" : "no");
    guard_free(&url);
    free(text);
}

static void answer_escape(char *answer, const char *input, size_t len)
{
    char *text = strndup(input, len);
    guard path = guard_string(text);

    vector_add(answer, "%s", target_escape(path.bytes, pool));
    guard_free(&path);
    free(text);
}

static void answer_redirect(char *answer, const char *input, size_t len)
{
    char *text = strndup(input, len), *rest = text;
    int keep = text[0] == '=';
    guard url, path, args;
    hostmap_str target;

    rest += keep;
    url = take_word(&rest);
    path = take_word(&rest);
    args = guard_string(strcmp(rest, "-") == 0 ? "" : rest);
    target.ptr = url.bytes;
    target.len = strlen(url.bytes);
    vector_add(answer, "%s", target_redirect(target, path.bytes,
                                             args.bytes, keep, pool));
    guard_free(&url);
    guard_free(&path);
    guard_free(&args);
    free(text);
}

START_TEST(under_vectors)
{
    vectors_run("target_under.tsv", answer_under);
}
END_TEST

START_TEST(dots_vectors)
{
    vectors_run("target_dots.tsv", answer_dots);
}
END_TEST

START_TEST(canonical_vectors)
{
    vectors_run("target_canonical.tsv", answer_canonical);
}
END_TEST

START_TEST(escape_vectors)
{
    vectors_run("target_escape.tsv", answer_escape);
}
END_TEST

START_TEST(redirect_vectors)
{
    vectors_run("target_redirect.tsv", answer_redirect);
}
END_TEST

/** Whatever a client writes, the Location holds bytes of a URL only. */
START_TEST(no_byte_of_a_client_ends_a_header)
{
    static const hostmap_str url = { "https://x", 9 };
    int c;

    for (c = 1; c < 256; c++) {
        char rest[] = { '/', (char)c, '\0' }, args[] = { (char)c, '\0' };
        const char *location = target_redirect(url, rest, args, 1, pool);

        for (; *location; location++) {
            unsigned char byte = (unsigned char)*location;

            ck_assert_msg(byte > 0x20 && byte < 0x7f
                          && !strchr("\"<>\\^`{|}#", byte),
                          "byte %d gives %d", c, byte);
        }
    }
}
END_TEST

Suite *target_suite(void)
{
    Suite *suite = suite_create("target");
    TCase *tcase = tcase_create("target");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, under_vectors);
    tcase_add_test(tcase, dots_vectors);
    tcase_add_test(tcase, canonical_vectors);
    tcase_add_test(tcase, escape_vectors);
    tcase_add_test(tcase, redirect_vectors);
    tcase_add_test(tcase, no_byte_of_a_client_ends_a_header);
    suite_add_tcase(suite, tcase);
    return suite;
}
