/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Reverse mapping of Location and Set-Cookie.  The input of a vector is
 * `BACKEND PREFIX URL-or-cookie`, with `-` for an empty prefix; its answer is
 * the new value, or `-` for one that is left alone.
 */

#include <string.h>

#include "apr_pools.h"
#include "apr_strings.h"

#include "guard.h"
#include "express/reverse_core.h"
#include "suites.h"
#include "vectors.h"

#define FRONT "http://www.example.com"

typedef const char *reverse_fn(const reverse_map *map, const char *text,
                               apr_pool_t *pool);

static const char *run(reverse_fn *fn, const char *backend,
                       const char *prefix, const char *text,
                       apr_pool_t *pool)
{
    guard value = guard_bytes(backend, strlen(backend));
    guard string = guard_string(text);
    hostmap_entry entry;
    reverse_map map;
    const char *result;

    ck_assert_msg(hostmap_entry_parse(&entry,
                                      hostmap_str_of(value.bytes,
                                                     strlen(backend)),
                                      NULL) == APR_SUCCESS, "%s", backend);
    map.entry = &entry;
    map.front = FRONT;
    map.prefix = prefix;
    result = fn(&map, string.bytes, pool);
    guard_free(&value);
    guard_free(&string);
    return result;
}

static void answer_with(reverse_fn *fn, char *answer, const char *input,
                        size_t len)
{
    apr_pool_t *pool;
    char *backend, *prefix, *text;
    const char *result;

    ck_assert_int_eq(apr_pool_create(&pool, NULL), APR_SUCCESS);
    backend = apr_pstrmemdup(pool, input, len);
    prefix = strchr(backend, ' ');
    ck_assert_msg(prefix != NULL, "%s", backend);
    *prefix++ = '\0';
    text = strchr(prefix, ' ');
    ck_assert_msg(text != NULL, "%s", prefix);
    *text++ = '\0';
    result = run(fn, backend, strcmp(prefix, "-") == 0 ? "" : prefix, text,
                 pool);
    vector_add(answer, "%s", result ? result : "-");
    apr_pool_destroy(pool);
}

static void answer_location(char *answer, const char *input, size_t len)
{
    answer_with(reverse_location, answer, input, len);
}

static void answer_cookie(char *answer, const char *input, size_t len)
{
    answer_with(reverse_cookie, answer, input, len);
}

START_TEST(location_vectors)
{
    vectors_run("reverse_location.tsv", answer_location);
}
END_TEST

START_TEST(cookie_vectors)
{
    vectors_run("reverse_cookie.tsv", answer_cookie);
}
END_TEST

/** No scheme but those of the web has URLs that a browser follows. */
START_TEST(backends_of_other_protocols_match_no_url)
{
    static const char *const schemes[] = {
        "fcgi", "scgi", "uwsgi", "ajp", "ftp", "balancer"
    };
    apr_pool_t *pool;
    size_t i;

    ck_assert_int_eq(apr_pool_create(&pool, NULL), APR_SUCCESS);
    for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        const char *backend = apr_pstrcat(pool, schemes[i], "://b/app", NULL);

        ck_assert_ptr_null(run(reverse_location, backend, "", backend, pool));
        ck_assert_ptr_null(run(reverse_location, backend, "", "http://b/app",
                               pool));
        ck_assert_ptr_null(run(reverse_location, backend, "", "//b/app",
                               pool));
        ck_assert_str_eq(run(reverse_location, backend, "", "/app/x", pool),
                         "/x");
        ck_assert_ptr_null(run(reverse_cookie, backend, "", "a=b; Domain=b",
                               pool));
    }
    apr_pool_destroy(pool);
}
END_TEST

START_TEST(every_control_character_leaves_the_url_alone)
{
    apr_pool_t *pool;
    int c;

    ck_assert_int_eq(apr_pool_create(&pool, NULL), APR_SUCCESS);
    for (c = 1; c < 256; c++) {
        char url[] = "http://b/x?y";
        const char *result;

        url[10] = (char)c;
        result = run(reverse_location, "http://b", "", url, pool);
        ck_assert_msg((result == NULL)
                      == (c < 0x20 || c == 0x7f || c == '\\'), "%d", c);
    }
    apr_pool_destroy(pool);
}
END_TEST

Suite *reverse_suite(void)
{
    Suite *suite = suite_create("reverse");
    TCase *tcase = tcase_create("reverse");

    tcase_add_test(tcase, location_vectors);
    tcase_add_test(tcase, cookie_vectors);
    tcase_add_test(tcase, backends_of_other_protocols_match_no_url);
    tcase_add_test(tcase, every_control_character_leaves_the_url_alone);
    suite_add_tcase(suite, tcase);
    return suite;
}
