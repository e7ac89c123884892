/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Certificate maps: master keys, and records with OpenSSL's certificates and
 * private keys, sealed.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "certmap/certmap_pair.h"
#include "folder.h"
#include "suites.h"

#define ZEROS "00000000000000000000000000000000" \
              "00000000000000000000000000000000"
#define ONES  "11111111111111111111111111111111" \
              "11111111111111111111111111111111"

static hostmap_str str(const char *text)
{
    return hostmap_str_of(text, strlen(text));
}

static certmap_master *master_new(void)
{
    certmap_master *master;
    hostmap_reason why;

    ck_assert_int_eq(certmap_master_create(&master, folder_pool, &why),
                     APR_SUCCESS);
    return master;
}

static const char *key_file(const char *name, const char *text, int mode)
{
    const char *path = folder_file(name);

    folder_write(name, text, strlen(text));
    ck_assert_int_eq(chmod(path, mode), 0);
    return path;
}

static certmap_master *master_of(const char *text)
{
    certmap_master *master = master_new();
    hostmap_reason why;

    ck_assert_int_eq(certmap_master_read(master, key_file("key", text, 0600),
                                         &why), APR_SUCCESS);
    return master;
}

/* ---- master keys ------------------------------------------------------- */

START_TEST(key_file_is_one_line_of_digits)
{
    static const struct {
        const char *text;
        apr_status_t status;
    } files[] = {
        { ZEROS, APR_SUCCESS },
        { ZEROS "\n", APR_SUCCESS },
        { ZEROS "\n\n", HOSTMAP_EFORMAT },
        { ZEROS "0", HOSTMAP_EFORMAT },
        { ZEROS "\r\n", HOSTMAP_EFORMAT },
        { "", HOSTMAP_EFORMAT },
        { "0", HOSTMAP_EFORMAT },
        { "x" ZEROS, HOSTMAP_EFORMAT },
        { "g000000000000000000000000000000000000000000000000000000000000000",
          HOSTMAP_EFORMAT },
        { "AbCdEf0000000000000000000000000000000000000000000000000000000000",
          APR_SUCCESS },
    };
    apr_size_t i;

    for (i = 0; i < sizeof(files) / sizeof(*files); i++) {
        hostmap_reason why = { "" };
        const char *path = key_file("key", files[i].text, 0600);

        ck_assert_msg(certmap_master_read(master_new(), path, &why)
                      == files[i].status, "`%s`: %s", files[i].text,
                      why.text);
        ck_assert_ptr_null(strstr(why.text, "000"));
    }
}
END_TEST

START_TEST(key_file_is_its_owners_alone)
{
    static const int open_modes[] = { 0640, 0604, 0620, 0601, 0660, 0666 };
    hostmap_reason why;
    apr_size_t i;

    for (i = 0; i < sizeof(open_modes) / sizeof(*open_modes); i++) {
        const char *path = key_file("key", ZEROS, open_modes[i]);

        ck_assert_int_eq(certmap_master_read(master_new(), path, &why),
                         APR_EACCES);
        ck_assert_ptr_nonnull(strstr(why.text, "expected 600"));
    }
    ck_assert_int_eq(certmap_master_read(master_new(),
                                         key_file("key", ZEROS, 0400), &why),
                     APR_SUCCESS);
    ck_assert_int_eq(certmap_master_read(master_new(), folder_path, &why),
                     HOSTMAP_EFORMAT);
    ck_assert(APR_STATUS_IS_ENOENT(certmap_master_read(master_new(),
              folder_file("none"), &why)));
    if (geteuid() == 0) {
        const char *path = key_file("key", ZEROS, 0600);

        ck_assert_int_eq(chown(path, 65534, 65534), 0);
        ck_assert_int_eq(certmap_master_read(master_new(), path, &why),
                         APR_EACCES);
    }
}
END_TEST

START_TEST(two_keys_may_be_in_use)
{
    certmap_master *master = master_of(ZEROS);
    const unsigned char *id, *first = certmap_master_first(master, &id);
    hostmap_reason why;

    ck_assert_int_eq(certmap_master_read(master, key_file("old", ONES, 0600),
                                         &why), APR_SUCCESS);
    ck_assert_ptr_eq(certmap_master_first(master, &id), first);
    ck_assert_ptr_eq(certmap_master_find(master, id), first);
    ck_assert_int_eq(certmap_master_read(master, key_file("x", ONES, 0600),
                                         &why), APR_ENOSPC);
}
END_TEST

START_TEST(the_same_key_twice_is_one)
{
    certmap_master *master = master_of(ZEROS);
    hostmap_reason why;

    ck_assert_int_eq(certmap_master_read(master, key_file("b", ZEROS, 0600),
                                         &why), APR_SUCCESS);
    ck_assert_int_eq(certmap_master_read(master, key_file("c", ONES, 0600),
                                         &why), APR_SUCCESS);
}
END_TEST

START_TEST(key_file_is_made_private_and_random)
{
    const char *a = folder_file("a"), *b = folder_file("b");
    const unsigned char *id_a, *id_b;
    certmap_master *master_a = master_new(), *master_b = master_new();
    hostmap_reason why;
    struct stat st;

    umask(0);
    ck_assert_int_eq(certmap_master_make(a, &why), APR_SUCCESS);
    ck_assert_int_eq(certmap_master_make(b, &why), APR_SUCCESS);
    ck_assert_int_eq(stat(a, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    ck_assert_int_eq(certmap_master_read(master_a, a, &why), APR_SUCCESS);
    ck_assert_int_eq(certmap_master_read(master_b, b, &why), APR_SUCCESS);
    ck_assert_ptr_nonnull(certmap_master_first(master_a, &id_a));
    ck_assert_ptr_nonnull(certmap_master_first(master_b, &id_b));
    ck_assert_int_ne(memcmp(id_a, id_b, CERTMAP_KEY_ID), 0);
    ck_assert(APR_STATUS_IS_EEXIST(certmap_master_make(a, &why)));
}
END_TEST

/* The flag "dd" of the mapping that an address lies in. */
static int is_left_out_of_cores(const void *address)
{
    unsigned long from, to, wanted = (unsigned long)address;
    FILE *maps = fopen("/proc/self/smaps", "r");
    int inside = 0, found = 0;
    char line[512];

    ck_assert_ptr_nonnull(maps);
    while (fgets(line, sizeof(line), maps)) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
            inside = wanted >= from && wanted < to;
        }
        else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
            found = strstr(line, " dd") != NULL;
        }
    }
    fclose(maps);
    return found;
}

START_TEST(keys_are_left_out_of_cores)
{
    const unsigned char *id;

    ck_assert(is_left_out_of_cores(certmap_master_first(master_of(ZEROS),
                                                        &id)));
}
END_TEST

/* ---- records ----------------------------------------------------------- */

static EVP_PKEY *pkey_new(const char *what)
{
    EVP_PKEY *key = strncmp(what, "rsa", 3) == 0 ? EVP_RSA_gen(2048)
                                                 : EVP_EC_gen(what);

    ck_assert_ptr_nonnull(key);
    return key;
}

static X509 *cert_new(EVP_PKEY *key)
{
    X509 *cert = X509_new();

    ck_assert(X509_set_version(cert, X509_VERSION_3));
    ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notBefore(cert), 0));
    ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notAfter(cert), 3600));
    ck_assert(X509_set_pubkey(cert, key));
    ck_assert(X509_sign(cert, key, EVP_sha256()) > 0);
    return cert;
}

static unsigned char sealed_bytes[CERTMAP_RECORD_MAX];

/* A record of one certificate, of the key's kind. */
static hostmap_str sealed_with(EVP_PKEY *key, EVP_PKEY *of_cert,
                               const char *name, certmap_master *master)
{
    static unsigned char private[CERTMAP_PRIVATE_MAX];
    certmap_cert cert = { CERTMAP_EC, 12345, NULL, { NULL, 0 } };
    X509 *leaf = cert_new(of_cert);
    unsigned char *der = NULL;
    certmap_record record;
    hostmap_reason why;
    hostmap_str stored;

    cert.leaf.len = i2d_X509(leaf, &der);
    cert.leaf.ptr = (char *)der;
    ck_assert(certmap_kind_of(&cert.kind, key));
    stored = hostmap_str_of((char *)private,
                            certmap_private_write(private, cert.kind, key));
    ck_assert_uint_gt(stored.len, 0);
    ck_assert_int_eq(certmap_record_write(sealed_bytes, &record, &cert,
                                          &stored, 1), APR_SUCCESS);
    ck_assert_int_eq(certmap_seal(sealed_bytes, &record, str(name), master,
                                  &why), APR_SUCCESS);
    X509_free(leaf);
    OPENSSL_free(der);
    return hostmap_str_of((char *)sealed_bytes,
                          certmap_record_size(&cert, &stored, 1));
}

static apr_status_t pairs_of(const char *name, hostmap_str bytes,
                             certmap_master *master)
{
    certmap_pair pairs[CERTMAP_CERTS];
    hostmap_reason why = { "" };
    unsigned count;
    apr_status_t rv = certmap_pairs_read(pairs, &count, str(name), bytes,
                                         master, &why);

    if (rv == APR_SUCCESS) {
        certmap_pairs_free(pairs, count);
    }
    else {
        ck_assert_str_ne(why.text, "");
    }
    return rv;
}

static const char *const kinds[] = { "P-256", "P-384", "P-521", "rsa2048" };

START_TEST(key_is_read_as_it_was_sealed)
{
    EVP_PKEY *key = pkey_new(kinds[_i]);
    certmap_master *master = master_of(ZEROS);
    hostmap_str bytes = sealed_with(key, key, "a.example.com", master);
    certmap_pair pairs[CERTMAP_CERTS];
    hostmap_reason why;
    unsigned count;

    ck_assert_int_eq(certmap_pairs_read(pairs, &count, str("a.example.com"),
                                        bytes, master, &why), APR_SUCCESS);
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(pairs[0].expires, 12345);
    ck_assert(!pairs[0].has_chain);
    ck_assert_int_eq(EVP_PKEY_eq(pairs[0].key, key), 1);
    ck_assert_int_eq(X509_check_private_key(pairs[0].leaf, key), 1);
    certmap_pairs_free(pairs, count);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(sealed_key_is_not_to_be_seen)
{
    unsigned char stored[CERTMAP_PRIVATE_MAX];
    EVP_PKEY *key = pkey_new("P-256");
    apr_size_t len = certmap_private_write(stored, CERTMAP_EC, key), i;
    hostmap_str bytes = sealed_with(key, key, "a.example.com",
                                    master_of(ZEROS));

    ck_assert_uint_eq(len, 32);
    for (i = 0; i + len <= bytes.len; i++) {
        ck_assert_int_ne(memcmp(bytes.ptr + i, stored, len), 0);
    }
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(each_bit_of_a_record_counts)
{
    certmap_master *master = master_of(ZEROS);
    EVP_PKEY *key = pkey_new("P-256");
    hostmap_str bytes = sealed_with(key, key, "a.example.com", master);
    apr_size_t i;

    for (i = 0; i < bytes.len; i++) {
        sealed_bytes[i] ^= 1 << i % 8;
        ck_assert_int_ne(pairs_of("a.example.com", bytes, master),
                         APR_SUCCESS);
        sealed_bytes[i] ^= 1 << i % 8;
    }
    ck_assert_int_eq(pairs_of("a.example.com", bytes, master), APR_SUCCESS);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(record_of_another_name_is_refused)
{
    certmap_master *master = master_of(ZEROS);
    EVP_PKEY *key = pkey_new("P-256");
    hostmap_str bytes = sealed_with(key, key, "a.example.com", master);

    ck_assert_int_eq(pairs_of("b.example.com", bytes, master),
                     CERTMAP_EFORGED);
    ck_assert_int_eq(pairs_of("a.example.co", bytes, master),
                     CERTMAP_EFORGED);
    ck_assert_int_eq(pairs_of("", bytes, master), CERTMAP_EFORGED);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(record_of_another_master_key_is_refused)
{
    certmap_master *master = master_of(ONES);
    EVP_PKEY *key = pkey_new("P-256");
    hostmap_str bytes = sealed_with(key, key, "a.example.com",
                                    master_of(ZEROS));
    hostmap_reason why;

    ck_assert_int_eq(pairs_of("a.example.com", bytes, master),
                     CERTMAP_ENOKEY);
    ck_assert_int_eq(certmap_master_read(master, key_file("z", ZEROS, 0600),
                                         &why), APR_SUCCESS);
    ck_assert_int_eq(pairs_of("a.example.com", bytes, master), APR_SUCCESS);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(key_of_another_certificate_is_refused)
{
    certmap_master *master = master_of(ZEROS);
    EVP_PKEY *key = pkey_new("rsa2048"), *other = pkey_new("rsa2048");

    ck_assert_int_eq(pairs_of("a.example.com",
                              sealed_with(key, other, "a.example.com",
                                          master), master),
                     HOSTMAP_EFORMAT);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}
END_TEST

START_TEST(chain_is_bound_by_its_id)
{
    static unsigned char bytes[CERTMAP_CHAIN_MAX];
    EVP_PKEY *key = pkey_new("P-256");
    X509 *cert = cert_new(key);
    unsigned char *der = NULL, id[CERTMAP_CHAIN_ID];
    int der_len = i2d_X509(cert, &der);
    STACK_OF(X509) *chain;
    hostmap_reason why;
    apr_size_t len = 0;

    certmap_chain_add(bytes, &len, hostmap_str_of((char *)der, der_len));
    certmap_chain_add(bytes, &len, hostmap_str_of((char *)der, der_len));
    ck_assert_int_eq(certmap_chain_id(id, hostmap_str_of((char *)bytes, len),
                                      &why), APR_SUCCESS);
    ck_assert_int_eq(certmap_chain_read(&chain, hostmap_str_of((char *)bytes,
                                        len), id, &why), APR_SUCCESS);
    ck_assert_int_eq(sk_X509_num(chain), 2);
    sk_X509_pop_free(chain, X509_free);
    bytes[len / 2] ^= 1;
    ck_assert_int_eq(certmap_chain_read(&chain, hostmap_str_of((char *)bytes,
                                        len), id, &why), CERTMAP_EFORGED);
    X509_free(cert);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
}
END_TEST

Suite *certmap_pair_suite(void)
{
    Suite *suite = suite_create("certmap_pair");
    TCase *master = tcase_create("master");
    TCase *pair = tcase_create("pair");

    tcase_add_checked_fixture(master, folder_setup, folder_teardown);
    tcase_add_test(master, key_file_is_one_line_of_digits);
    tcase_add_test(master, key_file_is_its_owners_alone);
    tcase_add_test(master, two_keys_may_be_in_use);
    tcase_add_test(master, the_same_key_twice_is_one);
    tcase_add_test(master, key_file_is_made_private_and_random);
    tcase_add_test(master, keys_are_left_out_of_cores);
    suite_add_tcase(suite, master);
    tcase_add_checked_fixture(pair, folder_setup, folder_teardown);
    tcase_add_loop_test(pair, key_is_read_as_it_was_sealed, 0,
                        (int)(sizeof(kinds) / sizeof(*kinds)));
    tcase_add_test(pair, sealed_key_is_not_to_be_seen);
    tcase_add_test(pair, each_bit_of_a_record_counts);
    tcase_add_test(pair, record_of_another_name_is_refused);
    tcase_add_test(pair, record_of_another_master_key_is_refused);
    tcase_add_test(pair, key_of_another_certificate_is_refused);
    tcase_add_test(pair, chain_is_bound_by_its_id);
    suite_add_tcase(suite, pair);
    return suite;
}
