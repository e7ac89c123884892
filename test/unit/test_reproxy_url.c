/* SPDX-License-Identifier: Apache-2.0 */

/*
 * URLs of X-Reproxy-URL.  The answer to a good one is `ORIGIN PATH`, and
 * apr_uri_parse, which mod_proxy asks for host and port, agrees on each.
 */

#include <string.h>

#include "apr_pools.h"
#include "apr_strings.h"
#include "apr_uri.h"

#include "suites.h"
#include "reproxy/reproxy_url_core.h"
#include "vectors.h"

#define STR_ARGS(str) (int)(str).len, (str).ptr

static void agrees_with_apr(const reproxy_url *url)
{
    apr_pool_t *pool;
    apr_uri_t uri;
    char *text;

    ck_assert_int_eq(apr_pool_create(&pool, NULL), APR_SUCCESS);
    text = apr_pstrmemdup(pool, url->text.ptr, url->text.len);
    ck_assert_int_eq(apr_uri_parse(pool, text, &uri), APR_SUCCESS);
    ck_assert_str_eq(uri.scheme, apr_pstrmemdup(pool, url->scheme.ptr,
                                                url->scheme.len));
    ck_assert_str_eq(uri.hostname, apr_pstrmemdup(pool, url->host.ptr,
                                                  url->host.len));
    ck_assert_uint_eq(uri.port ? uri.port : apr_uri_port_of_scheme(uri.scheme),
                      url->port);
    ck_assert_ptr_null(uri.user);
    ck_assert_ptr_null(uri.fragment);
    ck_assert_str_eq(apr_pstrcat(pool, uri.path ? uri.path : "",
                                 uri.query ? "?" : "",
                                 uri.query ? uri.query : "", NULL),
                     apr_pstrmemdup(pool, url->path.ptr, url->path.len));
    apr_pool_destroy(pool);
}

static void answer_url(char *answer, const char *input, size_t len)
{
    char origin[REPROXY_ORIGIN_MAX];
    hostmap_bad bad = { NULL, 0 };
    reproxy_url url;
    apr_status_t rv = reproxy_url_parse(&url, input, len, &bad);

    if (rv != APR_SUCCESS) {
        ck_assert_int_eq(reproxy_url_parse(&url, input, len, NULL), rv);
        vector_add_bad(answer, rv, &bad, len);
        return;
    }
    ck_assert_ptr_eq(url.text.ptr, input);
    ck_assert_uint_eq(url.text.len, len);
    agrees_with_apr(&url);
    ck_assert_uint_eq(reproxy_url_origin(origin, &url), strlen(origin));
    vector_add(answer, "%s %.*s", origin, STR_ARGS(url.path));
}

static void answer_list(char *answer, const char *input, size_t len)
{
    hostmap_str rest, word;

    rest.ptr = input;
    rest.len = len;
    while (reproxy_url_next(&word, &rest)) {
        vector_add(answer, "<%.*s>", STR_ARGS(word));
    }
    ck_assert_int_eq(reproxy_url_next(&word, &rest), 0);
}

START_TEST(url_vectors)
{
    vectors_run("reproxy_url.tsv", answer_url);
}
END_TEST

START_TEST(list_vectors)
{
    vectors_run("reproxy_list.tsv", answer_list);
}
END_TEST

/** No byte is let through in one part of a URL and forgotten in another. */
START_TEST(every_byte_in_host_path_and_query)
{
    static const char in_path[] = "!$%&'()*+,-./:;=@[]_~";
    static const char in_host[] = "-._";
    int c;

    for (c = 0; c < 256; c++) {
        char host[] = "http://hxh/p";
        char path[] = "http://h/pxp";
        char query[] = "http://h/p?qxq";
        int is_word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
                      || (c >= 'A' && c <= 'Z');
        int path_good = is_word || (c && strchr(in_path, c)) || c == '?';
        reproxy_url url;

        host[8] = path[10] = query[12] = (char)c;
        ck_assert_msg((reproxy_url_parse(&url, path, strlen("http://h/pxp"),
                                         NULL) == APR_SUCCESS) == path_good,
                      "byte %d in a path", c);
        ck_assert_msg((reproxy_url_parse(&url, query,
                                         strlen("http://h/p?qxq"),
                                         NULL) == APR_SUCCESS) == path_good,
                      "byte %d in a query", c);
        /* `/` and `?` end the host */
        ck_assert_msg((reproxy_url_parse(&url, host, strlen("http://hxh/p"),
                                         NULL) == APR_SUCCESS)
                      == (is_word || c == '/' || c == '?'
                          || (c && strchr(in_host, c))),
                      "byte %d in a host", c);
    }
}
END_TEST

START_TEST(longest_url_is_8190_bytes)
{
    static char text[REPROXY_URL_MAX + 1];
    hostmap_bad bad;
    reproxy_url url;

    memset(text, 'x', sizeof(text));
    memcpy(text, "http://h/", 9);
    ck_assert_int_eq(reproxy_url_parse(&url, text, REPROXY_URL_MAX, &bad),
                     APR_SUCCESS);
    ck_assert_int_eq(reproxy_url_parse(&url, text, REPROXY_URL_MAX + 1, &bad),
                     APR_EINVAL);
    ck_assert_uint_eq(bad.pos, REPROXY_URL_MAX);
}
END_TEST

START_TEST(longest_origin_fits_its_room)
{
    char text[8 + 255 + 6 + 1] = "https://";
    char origin[REPROXY_ORIGIN_MAX];
    reproxy_url url;

    memset(text + 8, 'A', 255);
    strcpy(text + 8 + 255, ":65535");
    ck_assert_int_eq(reproxy_url_parse(&url, text, strlen(text), NULL),
                     APR_SUCCESS);
    ck_assert_uint_eq(reproxy_url_origin(origin, &url), strlen(text));
    ck_assert_uint_lt(strlen(text), sizeof(origin));
    /* one byte more does not fit mod_proxy's field for a host */
    memset(text + 8, 'A', 256);
    ck_assert_int_eq(reproxy_url_parse(&url, text, 8 + 256, NULL),
                     APR_EINVAL);
}
END_TEST

Suite *reproxy_url_suite(void)
{
    Suite *suite = suite_create("reproxy_url");
    TCase *tcase = tcase_create("reproxy_url");

    tcase_add_test(tcase, url_vectors);
    tcase_add_test(tcase, list_vectors);
    tcase_add_test(tcase, every_byte_in_host_path_and_query);
    tcase_add_test(tcase, longest_url_is_8190_bytes);
    tcase_add_test(tcase, longest_origin_fits_its_room);
    suite_add_tcase(suite, tcase);
    return suite;
}
