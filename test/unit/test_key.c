/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Keys: spelling of host names.
 */

#include <string.h>

#include "hostmap/hostmap_key.h"
#include "suites.h"
#include "vectors.h"

static void answer_host(char *answer, const char *input, size_t len)
{
    char key[HOSTMAP_KEY_MAX + 1];
    apr_size_t key_len = 0;
    hostmap_bad bad = { NULL, 0 };
    apr_status_t rv = hostmap_key_host(key, &key_len,
                                       hostmap_str_of(input, len), &bad);

    if (rv != APR_SUCCESS) {
        vector_add_bad(answer, rv, &bad, len);
        return;
    }
    ck_assert_uint_eq(strlen(key), key_len);
    vector_add(answer, "%s", key);
}

static void answer_check(char *answer, const char *input, size_t len)
{
    hostmap_bad bad = { NULL, 0 };
    apr_status_t rv = hostmap_key_check(hostmap_str_of(input, len), &bad);

    if (rv != APR_SUCCESS) {
        vector_add_bad(answer, rv, &bad, len);
        return;
    }
    vector_add(answer, "ok");
}

START_TEST(host_vectors)
{
    vectors_run("key_host.tsv", answer_host);
}
END_TEST

START_TEST(check_vectors)
{
    vectors_run("key_check.tsv", answer_check);
}
END_TEST

/** A name of len bytes, labels of 63 between dots. */
static void fill_name(char *name, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        name[i] = (i % 64 == 63 && i + 1 < len) ? '.' : 'a';
    }
}

START_TEST(longest_key_is_511_bytes)
{
    char name[HOSTMAP_KEY_MAX + 2];
    char key[HOSTMAP_KEY_MAX + 1];
    apr_size_t len;
    hostmap_bad bad;

    fill_name(name, HOSTMAP_KEY_MAX + 1);
    ck_assert_int_eq(hostmap_key_host(key, &len,
                                      hostmap_str_of(name, HOSTMAP_KEY_MAX),
                                      &bad),
                     APR_SUCCESS);
    ck_assert_uint_eq(len, HOSTMAP_KEY_MAX);
    ck_assert_int_eq(hostmap_key_check(hostmap_str_of(name, HOSTMAP_KEY_MAX),
                                       &bad),
                     APR_SUCCESS);

    ck_assert_int_eq(hostmap_key_host(key, &len,
                                      hostmap_str_of(name,
                                                     HOSTMAP_KEY_MAX + 1),
                                      &bad), APR_EINVAL);
    ck_assert_uint_eq(bad.pos, HOSTMAP_KEY_MAX);
    ck_assert_int_eq(hostmap_key_check(hostmap_str_of(name,
                                                      HOSTMAP_KEY_MAX + 1),
                                       &bad),
                     APR_EINVAL);
}
END_TEST

START_TEST(port_and_dot_do_not_count_as_length)
{
    char name[HOSTMAP_KEY_MAX + 8];
    char key[HOSTMAP_KEY_MAX + 1];
    apr_size_t len;

    fill_name(name, HOSTMAP_KEY_MAX);
    memcpy(name + HOSTMAP_KEY_MAX, ".:65535", 7);
    ck_assert_int_eq(hostmap_key_host(key, &len,
                                      hostmap_str_of(name,
                                                     HOSTMAP_KEY_MAX + 7),
                                      NULL), APR_SUCCESS);
    ck_assert_uint_eq(len, HOSTMAP_KEY_MAX);
}
END_TEST

START_TEST(bad_may_be_null)
{
    char key[HOSTMAP_KEY_MAX + 1];
    apr_size_t len;

    ck_assert_int_eq(hostmap_key_host(key, &len, hostmap_str_text("a b"),
                                      NULL), APR_EINVAL);
    ck_assert_int_eq(hostmap_key_check(hostmap_str_text("A"), NULL),
                     APR_EINVAL);
}
END_TEST

/** For every text of up to five bytes of an alphabet that holds all that is
 *  special in a name. */
START_TEST(accepted_keys_and_made_keys_are_fixed_points)
{
    static const char alphabet[] = "aF1.:[]-*/\x80 ";
    const size_t letters = sizeof(alphabet) - 1;
    char text[5];
    char key[HOSTMAP_KEY_MAX + 1];
    apr_size_t key_len;
    int accepted = 0, special = 0, made = 0;
    size_t len;

    for (len = 0; len <= sizeof(text); len++) {
        size_t combinations = 1, n, i;

        for (i = 0; i < len; i++) {
            combinations *= letters;
        }
        for (n = 0; n < combinations; n++) {
            size_t rest = n;
            apr_status_t rv;

            for (i = 0; i < len; i++) {
                text[i] = alphabet[rest % letters];
                rest /= letters;
            }
            rv = hostmap_key_host(key, &key_len, hostmap_str_of(text, len),
                                  NULL);
            if (hostmap_key_check(hostmap_str_of(text, len), NULL)
                == APR_SUCCESS) {
                if (hostmap_key_features(hostmap_str_of(text, len)) != 0) {
                    special++;
                }
                else {
                    accepted++;
                    ck_assert_int_eq(rv, APR_SUCCESS);
                    ck_assert_uint_eq(key_len, len);
                    ck_assert_mem_eq(key, text, len);
                }
            }
            if (rv == APR_SUCCESS) {
                made++;
                ck_assert_uint_eq(hostmap_key_features(hostmap_str_of(key,
                                                                      key_len)),
                                  0);
                ck_assert_int_eq(hostmap_key_check(hostmap_str_of(key, key_len),
                                                   NULL),
                                 APR_SUCCESS);
            }
        }
    }
    ck_assert_int_gt(accepted, 100);
    ck_assert_int_gt(special, 100);
    ck_assert_int_gt(made, accepted);
}
END_TEST

Suite *key_suite(void)
{
    Suite *suite = suite_create("key");
    TCase *tcase = tcase_create("key");

    tcase_add_test(tcase, host_vectors);
    tcase_add_test(tcase, check_vectors);
    tcase_add_test(tcase, longest_key_is_511_bytes);
    tcase_add_test(tcase, port_and_dot_do_not_count_as_length);
    tcase_add_test(tcase, bad_may_be_null);
    tcase_add_test(tcase, accepted_keys_and_made_keys_are_fixed_points);
    suite_add_tcase(suite, tcase);
    return suite;
}
