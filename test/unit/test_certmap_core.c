/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Certificate maps: names, shards, and the bytes of records and chains.
 */

#include <stdio.h>
#include <string.h>

#include "certmap/certmap_name_core.h"
#include "certmap/certmap_record_core.h"
#include "guard.h"
#include "suites.h"
#include "vectors.h"

static hostmap_str str(const char *text)
{
    return hostmap_str_of(text, strlen(text));
}

/* ---- names ------------------------------------------------------------- */

static void answer_name(char *answer, const char *input, size_t len)
{
    char key[CERTMAP_NAME_MAX + 1], wild[CERTMAP_NAME_MAX + 1] = "-";
    apr_size_t key_len, wild_len;

    if (certmap_name_key(key, &key_len, hostmap_str_of(input, len))
        != APR_SUCCESS) {
        vector_add(answer, "bad");
        return;
    }
    ck_assert_uint_eq(strlen(key), key_len);
    if (certmap_name_wildcard(wild, &wild_len, str(key)) == APR_SUCCESS) {
        ck_assert_uint_eq(strlen(wild), wild_len);
        ck_assert_int_eq(certmap_name_check(str(wild), NULL), APR_SUCCESS);
        ck_assert(certmap_name_covers(str(wild), str(key)));
    }
    ck_assert_int_eq(certmap_name_check(str(key), NULL), APR_SUCCESS);
    vector_add(answer, "%s %s %u", key, wild, certmap_name_shard(str(key)));
}

static void answer_check(char *answer, const char *input, size_t len)
{
    hostmap_bad bad = { NULL, 0 };
    apr_status_t rv = certmap_name_check(hostmap_str_of(input, len), &bad);

    if (rv != APR_SUCCESS) {
        vector_add_bad(answer, rv, &bad, len);
        return;
    }
    vector_add(answer, "ok");
}

START_TEST(name_vectors)
{
    vectors_run("certmap_name.tsv", answer_name);
}
END_TEST

START_TEST(name_check_vectors)
{
    vectors_run("certmap_check.tsv", answer_check);
}
END_TEST

START_TEST(longest_name_is_253_bytes)
{
    char name[CERTMAP_NAME_MAX + 2], key[CERTMAP_NAME_MAX + 1];
    apr_size_t len;

    memset(name, 'a', sizeof(name));
    name[1] = name[3] = '.';
    ck_assert_int_eq(certmap_name_key(key, &len, hostmap_str_of(name,
                     CERTMAP_NAME_MAX)), APR_SUCCESS);
    ck_assert_uint_eq(len, CERTMAP_NAME_MAX);
    ck_assert_int_eq(certmap_name_wildcard(key, &len, hostmap_str_of(name,
                     CERTMAP_NAME_MAX)), APR_SUCCESS);
    ck_assert_int_eq(certmap_name_key(key, &len, hostmap_str_of(name,
                     CERTMAP_NAME_MAX + 1)), APR_EINVAL);
}
END_TEST

START_TEST(wildcard_covers_one_label)
{
    ck_assert(certmap_name_covers(str("*.a.example"), str("x.a.example")));
    ck_assert(certmap_name_covers(str("*.A.example"), str("x.a.example")));
    ck_assert(certmap_name_covers(str("*.a.example"), str("*.a.example")));
    ck_assert(!certmap_name_covers(str("*.a.example"), str("a.example")));
    ck_assert(!certmap_name_covers(str("*.a.example"), str("x.y.a.example")));
    ck_assert(!certmap_name_covers(str("*.example"), str("*.a.example")));
    ck_assert(!certmap_name_covers(str("x.a.example"), str("*.a.example")));
    ck_assert(!certmap_name_covers(str("x*.a.example"), str("xy.a.example")));
    ck_assert(!certmap_name_covers(str(""), str("a.example")));
}
END_TEST

START_TEST(shards_have_files)
{
    char file[CERTMAP_SHARD_FILE];

    certmap_shard_file(file, 0);
    ck_assert_str_eq(file, "00.certs");
    certmap_shard_file(file, 0xa7);
    ck_assert_str_eq(file, "a7.certs");
}
END_TEST

START_TEST(names_spread_over_shards)
{
    unsigned count[CERTMAP_SHARDS] = { 0 }, i;
    char name[64];

    for (i = 0; i < 256 * 100; i++) {
        int len = snprintf(name, sizeof(name), "shop-%u.example.com", i);

        count[certmap_name_shard(hostmap_str_of(name, len))]++;
    }
    for (i = 0; i < CERTMAP_SHARDS; i++) {
        ck_assert_msg(count[i] > 50 && count[i] < 150, "shard %u has %u of "
                      "25600 names", i, count[i]);
    }
}
END_TEST

START_TEST(key_of_a_chain_is_no_name)
{
    unsigned char id[CERTMAP_CHAIN_ID] = { 0 };
    char key[CERTMAP_CHAIN_KEY];
    hostmap_str chain = { key, sizeof(key) };

    certmap_chain_key(key, id);
    ck_assert(certmap_chain_key_is(chain));
    ck_assert(!certmap_chain_key_is(str("www.example.com")));
    ck_assert_int_eq(certmap_name_check(chain, NULL), APR_EINVAL);
}
END_TEST

/* ---- records ----------------------------------------------------------- */

static unsigned char record_bytes[CERTMAP_RECORD_MAX];
static unsigned char chain_id[CERTMAP_CHAIN_ID];

/* An EC and an RSA certificate of made-up bytes. */
static hostmap_str record_make(certmap_record *record, unsigned count)
{
    certmap_cert certs[CERTMAP_CERTS] = {
        { CERTMAP_EC, 1800000000, chain_id, { "EC leaf", 7 } },
        { CERTMAP_RSA, -1, NULL, { "the RSA leaf", 12 } },
    };
    hostmap_str keys[CERTMAP_CERTS] = { { "number", 6 }, { "DER", 3 } };

    memset(chain_id, 0x5a, sizeof(chain_id));
    ck_assert_int_eq(certmap_record_write(record_bytes, record, certs, keys,
                                          count), APR_SUCCESS);
    return hostmap_str_of((char *)record_bytes,
                          certmap_record_size(certs, keys, count));
}

START_TEST(record_is_read_as_it_was_written)
{
    certmap_record written, record;
    certmap_cert certs[CERTMAP_CERTS];
    hostmap_str keys[CERTMAP_CERTS];
    hostmap_str bytes = record_make(&written, 2);

    ck_assert_int_eq(certmap_record_split(&record, bytes, NULL), APR_SUCCESS);
    ck_assert_uint_eq(record.count, 2);
    ck_assert_int_eq(certmap_record_certs(certs, &record, NULL), APR_SUCCESS);
    ck_assert_int_eq(certs[0].kind, CERTMAP_EC);
    ck_assert_int_eq(certs[0].expires, 1800000000);
    ck_assert_mem_eq(certs[0].chain_id, chain_id, sizeof(chain_id));
    ck_assert_mem_eq(certs[0].leaf.ptr, "EC leaf", 7);
    ck_assert_int_eq(certs[1].kind, CERTMAP_RSA);
    ck_assert_int_eq(certs[1].expires, -1);
    ck_assert_ptr_null(certs[1].chain_id);
    ck_assert_uint_eq(certs[1].leaf.len, 12);
    ck_assert_int_eq(certmap_record_keys(keys, 2, record.sealed),
                     APR_SUCCESS);
    ck_assert_mem_eq(keys[0].ptr, "number", 6);
    ck_assert_mem_eq(keys[1].ptr, "DER", 3);
}
END_TEST

/* The whole of it: split and open part. */
static apr_status_t record_read(hostmap_str bytes)
{
    certmap_cert certs[CERTMAP_CERTS];
    certmap_record record;
    hostmap_bad bad = { NULL, 0 };
    apr_status_t rv = certmap_record_split(&record, bytes, &bad);

    if (rv == APR_SUCCESS) {
        rv = certmap_record_certs(certs, &record, &bad);
    }
    ck_assert(rv == APR_SUCCESS || bad.reason);
    ck_assert_uint_le(bad.pos, bytes.len);
    return rv;
}

START_TEST(record_that_is_cut_is_refused)
{
    certmap_record record;
    hostmap_str bytes = record_make(&record, 2);
    apr_size_t len;

    for (len = 0; len < bytes.len; len++) {
        guard copy = guard_bytes(bytes.ptr, len);

        ck_assert_int_eq(record_read(hostmap_str_of(copy.bytes, len)),
                         APR_EINVAL);
        guard_free(&copy);
    }
}
END_TEST

START_TEST(record_with_more_bytes_is_refused)
{
    certmap_record record;
    hostmap_str bytes = record_make(&record, 1);

    bytes.len++;
    ck_assert_int_eq(record_read(bytes), APR_EINVAL);
}
END_TEST

START_TEST(record_of_another_version_is_refused)
{
    certmap_record record;
    hostmap_str bytes = record_make(&record, 1);

    record_bytes[0] = 2;
    ck_assert_int_eq(record_read(bytes), APR_EINVAL);
    record_bytes[0] = 1;
    record_bytes[1] = 0;
    ck_assert_int_eq(record_read(bytes), APR_EINVAL);
    record_bytes[1] = 3;
    ck_assert_int_eq(record_read(bytes), APR_EINVAL);
}
END_TEST

START_TEST(record_holds_one_certificate_of_a_kind)
{
    certmap_cert certs[CERTMAP_CERTS] = {
        { CERTMAP_EC, 0, NULL, { "a", 1 } },
        { CERTMAP_EC, 0, NULL, { "b", 1 } },
    };
    hostmap_str keys[CERTMAP_CERTS] = { { "k", 1 }, { "k", 1 } };
    certmap_record record;

    ck_assert_int_eq(certmap_record_write(record_bytes, &record, certs, keys,
                                          2), APR_EINVAL);
    ck_assert_int_eq(certmap_record_write(record_bytes, &record, certs, keys,
                                          0), APR_EINVAL);
    keys[0].len = 0;
    ck_assert_int_eq(certmap_record_write(record_bytes, &record, certs, keys,
                                          1), APR_EINVAL);
}
END_TEST

START_TEST(longest_record_is_16384_bytes)
{
    static char leaf[CERTMAP_RECORD_MAX];
    certmap_cert cert = { CERTMAP_RSA, 0, NULL, { leaf, 0 } };
    hostmap_str key = { "k", 1 };
    certmap_record record;

    cert.leaf.len = CERTMAP_RECORD_MAX - certmap_record_size(&cert, &key, 1);
    ck_assert_int_eq(certmap_record_write(record_bytes, &record, &cert, &key,
                                          1), APR_SUCCESS);
    cert.leaf.len++;
    ck_assert_int_eq(certmap_record_write(record_bytes, &record, &cert, &key,
                                          1), APR_EINVAL);
}
END_TEST

START_TEST(keys_have_to_add_up)
{
    hostmap_str keys[CERTMAP_CERTS];

    ck_assert_int_eq(certmap_record_keys(keys, 1, hostmap_str_of("\0\1k", 3)),
                     APR_SUCCESS);
    ck_assert_int_eq(certmap_record_keys(keys, 2, hostmap_str_of("\0\1k", 3)),
                     APR_EINVAL);
    ck_assert_int_eq(certmap_record_keys(keys, 1, hostmap_str_of("\0\2k", 3)),
                     APR_EINVAL);
    ck_assert_int_eq(certmap_record_keys(keys, 1, hostmap_str_of("\0\0", 2)),
                     APR_EINVAL);
    ck_assert_int_eq(certmap_record_keys(keys, 1,
                                         hostmap_str_of("\0\1kx", 4)),
                     APR_EINVAL);
}
END_TEST

START_TEST(chain_is_read_as_it_was_written)
{
    static unsigned char chain[CERTMAP_CHAIN_MAX];
    static char long_one[CERTMAP_CHAIN_MAX];
    apr_size_t len = 0;
    hostmap_str rest, cert;

    ck_assert_int_eq(certmap_chain_add(chain, &len, str("one")), APR_SUCCESS);
    ck_assert_int_eq(certmap_chain_add(chain, &len, str("root")),
                     APR_SUCCESS);
    rest = hostmap_str_of((char *)chain, len);
    ck_assert_int_eq(certmap_chain_next(&cert, &rest), APR_SUCCESS);
    ck_assert_mem_eq(cert.ptr, "one", cert.len);
    ck_assert_int_eq(certmap_chain_next(&cert, &rest), APR_SUCCESS);
    ck_assert_mem_eq(cert.ptr, "root", cert.len);
    ck_assert_int_eq(certmap_chain_next(&cert, &rest), APR_EOF);

    rest = hostmap_str_of((char *)chain, len - 1);
    ck_assert_int_eq(certmap_chain_next(&cert, &rest), APR_SUCCESS);
    ck_assert_int_eq(certmap_chain_next(&cert, &rest), APR_EINVAL);
    rest = hostmap_str_of("\0", 1);
    ck_assert_int_eq(certmap_chain_next(&cert, &rest), APR_EINVAL);

    ck_assert_int_eq(certmap_chain_add(chain, &len,
                     hostmap_str_of(long_one, CERTMAP_CHAIN_MAX - len - 1)),
                     APR_ENOSPC);
    ck_assert_int_eq(certmap_chain_add(chain, &len,
                     hostmap_str_of(long_one, CERTMAP_CHAIN_MAX - len - 2)),
                     APR_SUCCESS);
    ck_assert_uint_eq(len, CERTMAP_CHAIN_MAX);
}
END_TEST

Suite *certmap_core_suite(void)
{
    Suite *suite = suite_create("certmap_core");
    TCase *names = tcase_create("names");
    TCase *records = tcase_create("records");

    tcase_add_test(names, name_vectors);
    tcase_add_test(names, name_check_vectors);
    tcase_add_test(names, longest_name_is_253_bytes);
    tcase_add_test(names, wildcard_covers_one_label);
    tcase_add_test(names, shards_have_files);
    tcase_add_test(names, names_spread_over_shards);
    tcase_add_test(names, key_of_a_chain_is_no_name);
    suite_add_tcase(suite, names);
    tcase_add_test(records, record_is_read_as_it_was_written);
    tcase_add_test(records, record_that_is_cut_is_refused);
    tcase_add_test(records, record_with_more_bytes_is_refused);
    tcase_add_test(records, record_of_another_version_is_refused);
    tcase_add_test(records, record_holds_one_certificate_of_a_kind);
    tcase_add_test(records, longest_record_is_16384_bytes);
    tcase_add_test(records, keys_have_to_add_up);
    tcase_add_test(records, chain_is_read_as_it_was_written);
    suite_add_tcase(suite, records);
    return suite;
}
