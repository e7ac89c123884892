/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which entry answers: the order of look-ups and their number; paths of URLs.
 */

#include <string.h>

#include "hostmap/hostmap_match.h"
#include "suites.h"
#include "vectors.h"

static const char *const entries[] = {
    "www.example.com", "www.example.com/blog", "www.example.com/blog/2024",
    "*.example.com", "*.example.com/blog", "*.b.example.com",
    "*", "*/all", NULL
};

/** baton: the keys there are */
static apr_status_t look_up(void *baton, hostmap_str *value, hostmap_str key)
{
    const char *const *at;

    ck_assert_uint_gt(key.len, 0);
    ck_assert_uint_le(key.len, HOSTMAP_KEY_MAX);
    ck_assert_uint_eq(strlen(key.ptr), key.len);
    for (at = baton; *at; at++) {
        if (strcmp(*at, key.ptr) == 0) {
            *value = hostmap_str_text(*at);
            return APR_SUCCESS;
        }
    }
    return APR_NOTFOUND;
}

#define ALL_FEATURES (HOSTMAP_FEATURE_WILDCARD | HOSTMAP_FEATURE_PATH)

static const hostmap_matcher with_all = { ALL_FEATURES, look_up,
                                          (void *)entries };

static apr_status_t match(hostmap_matched *m, unsigned features,
                          const char *host, const char *path)
{
    hostmap_matcher map = with_all;

    map.features = features;
    return hostmap_match(m, &map, hostmap_str_text(host),
                         hostmap_str_text(path));
}

static void answer_match(char *answer, const char *input, size_t len)
{
    static const char *const kinds[] = { "exact", "wildcard", "default" };
    const char *blank = memchr(input, ' ', len);
    hostmap_str host, path;
    hostmap_matched m;
    apr_status_t rv;

    ck_assert_ptr_nonnull(blank);
    host = hostmap_str_of(input, (size_t)(blank - input));
    path = blank[1] == '-' ? hostmap_str_of(NULL, 0)
                           : hostmap_str_of(blank + 1, len - host.len - 1);
    rv = hostmap_match(&m, &with_all, host, path);
    ck_assert_uint_le(m.lookups, HOSTMAP_MATCH_LOOKUPS);
    if (rv == APR_NOTFOUND) {
        vector_add(answer, "none (%u)", m.lookups);
        return;
    }
    ck_assert_int_eq(rv, APR_SUCCESS);
    ck_assert_str_eq(m.value.ptr, m.key);
    ck_assert_uint_eq(m.value.len, m.key_len);
    vector_add(answer, "%s (%s, %u)", m.key, kinds[m.kind], m.lookups);
}

static void answer_path(char *answer, const char *input, size_t len)
{
    char path[256];
    apr_size_t path_len = 0;
    hostmap_bad bad = { NULL, 0 };
    apr_status_t rv;

    ck_assert_uint_le(len, sizeof(path));
    rv = hostmap_path_normalise(path, &path_len, hostmap_str_of(input, len),
                                &bad);
    if (rv != APR_SUCCESS) {
        vector_add_bad(answer, rv, &bad, len);
        return;
    }
    ck_assert_uint_le(path_len, len);
    vector_add(answer, "%.*s", (int)path_len, path);
}

START_TEST(match_vectors)
{
    vectors_run("match.tsv", answer_match);
}
END_TEST

START_TEST(path_vectors)
{
    vectors_run("path.tsv", answer_path);
}
END_TEST

START_TEST(a_map_without_features_is_asked_once)
{
    hostmap_matched m;

    ck_assert_int_eq(match(&m, 0, "a.example.com", "/blog"), APR_NOTFOUND);
    ck_assert_uint_eq(m.lookups, 1);
    ck_assert_int_eq(match(&m, 0, "www.example.com", "/blog"), APR_SUCCESS);
    ck_assert_uint_eq(m.lookups, 1);
    ck_assert_str_eq(m.key, "www.example.com");
}
END_TEST

START_TEST(each_feature_stands_for_itself)
{
    hostmap_matched m;

    ck_assert_int_eq(match(&m, HOSTMAP_FEATURE_WILDCARD, "a.example.com",
                           "/blog"), APR_SUCCESS);
    ck_assert_str_eq(m.key, "*.example.com");
    ck_assert_int_eq(match(&m, HOSTMAP_FEATURE_PATH, "a.example.com", "/blog"),
                     APR_NOTFOUND);
    ck_assert_int_eq(match(&m, HOSTMAP_FEATURE_PATH, "www.example.com",
                           "/blog/1"), APR_SUCCESS);
    ck_assert_str_eq(m.key, "www.example.com/blog");
    ck_assert_uint_eq(m.host_len, strlen("www.example.com"));
}
END_TEST

/** baton: the look-ups left before one fails */
static apr_status_t look_up_failing(void *baton, hostmap_str *value,
                                    hostmap_str key)
{
    (void)value;
    (void)key;
    return --*(int *)baton > 0 ? APR_NOTFOUND : APR_EGENERAL;
}

START_TEST(a_failed_look_up_ends_the_search)
{
    hostmap_matched m;
    int at;

    for (at = 1; at <= 4; at++) {
        int left = at;
        hostmap_matcher map = { ALL_FEATURES, look_up_failing, &left };

        ck_assert_int_eq(hostmap_match(&m, &map, hostmap_str_text("a.b.c"),
                                       hostmap_str_text("/x")),
                         APR_EGENERAL);
        ck_assert_uint_eq(m.lookups, at);
    }
}
END_TEST

START_TEST(longest_names_and_paths_are_bounded)
{
    static char path[4096];
    char host[HOSTMAP_KEY_MAX + 1];
    hostmap_matched m;
    size_t i, len;

    for (i = 0; i < sizeof(path); i++) {
        path[i] = i % 2 ? 'x' : '/';
    }
    for (i = 0; i < sizeof(host); i++) {
        host[i] = i % 2 ? '.' : 'x';
    }
    for (len = 1; len <= HOSTMAP_KEY_MAX; len++) {
        ck_assert_int_eq(hostmap_match(&m, &with_all,
                                       hostmap_str_of(host, len),
                                       hostmap_str_of(path, sizeof(path))),
                         APR_SUCCESS);
        ck_assert_uint_le(m.lookups, HOSTMAP_MATCH_LOOKUPS);
    }
    ck_assert_int_eq(hostmap_match(&m, &with_all,
                                   hostmap_str_of(host, HOSTMAP_KEY_MAX + 1),
                                   hostmap_str_of(path, 1)), APR_NOTFOUND);
    ck_assert_int_eq(hostmap_match(&m, &with_all, hostmap_str_of(host, 0),
                                   hostmap_str_of(path, 1)), APR_NOTFOUND);
}
END_TEST

START_TEST(path_keys_need_their_host_key)
{
    static const struct {
        const char *key;
        int holds;
    } keys[] = {
        { "*", 1 }, { "*.b", 1 }, { "*.b/x", 1 }, { "*/x", 1 },
        { "a", 1 }, { "a-b", 1 }, { "a.b", 1 }, { "a.b/x", 1 },
        { "a.c/x", 0 }, { "a/x", 1 }, { "a/x/y", 1 }, { "ab/x", 0 },
        { "b/x", 0 }, { "b0", 1 }, { "b0/x", 1 }
    };
    static hostmap_key_order order;
    size_t i;

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        ck_assert_msg(hostmap_key_order_add(&order,
                                            hostmap_str_text(keys[i].key))
                      == keys[i].holds, "%s", keys[i].key);
    }
}
END_TEST

Suite *match_suite(void)
{
    Suite *suite = suite_create("match");
    TCase *tcase = tcase_create("match");

    tcase_add_test(tcase, match_vectors);
    tcase_add_test(tcase, path_vectors);
    tcase_add_test(tcase, a_map_without_features_is_asked_once);
    tcase_add_test(tcase, each_feature_stands_for_itself);
    tcase_add_test(tcase, a_failed_look_up_ends_the_search);
    tcase_add_test(tcase, longest_names_and_paths_are_bounded);
    tcase_add_test(tcase, path_keys_need_their_host_key);
    suite_add_tcase(suite, tcase);
    return suite;
}
