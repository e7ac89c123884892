/* SPDX-License-Identifier: Apache-2.0 */

/*
 * tls_make.c: a certificate map of any size, for test/bench/tls.
 *
 *     tls_make MASTER-KEY DIR COUNT [PEMS]
 *
 * DIR is an empty map, made with `hostmap cert init`.  It gets COUNT names
 * hostN.example.net, each with an EC P-256 key of its own and a certificate of
 * one issuer, which is their chain.  PEMS: a folder that gets the same as files
 * hostN.pem, certificate, chain and key, for servers that read files.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "apr_general.h"
#include "apr_strings.h"

#include "certmap/certmap_pair.h"
#include "hostmap/store/hostmap_writer.h"

typedef struct make_name {
    unsigned shard;
    char name[64];
    int len;
} make_name;

static EVP_PKEY *make_issuer_key;
static X509 *make_issuer;
static long make_serial;

static void must(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "tls_make: %s failed\n", what);
        exit(1);
    }
}

static int name_compare(const void *x, const void *y)
{
    const make_name *a = x, *b = y;

    return a->shard != b->shard ? (a->shard < b->shard ? -1 : 1)
                                : strcmp(a->name, b->name);
}

static X509 *cert_make(const char *name, EVP_PKEY *key)
{
    X509 *cert = X509_new();
    X509_NAME *subject = X509_get_subject_name(cert);
    char sans[80];
    X509_EXTENSION *extension;

    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++make_serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 60L * 86400);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(cert, make_issuer
                         ? X509_get_subject_name(make_issuer) : subject);
    X509_set_pubkey(cert, key);
    snprintf(sans, sizeof(sans), "DNS:%s", name);
    extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, sans);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
    must(X509_sign(cert, make_issuer_key, EVP_sha256()) > 0, "signing");
    return cert;
}

static void pem_write(const char *folder, const char *name, X509 *leaf,
                      EVP_PKEY *key)
{
    char path[1024];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s.pem", folder, name);
    file = fopen(path, "w");
    must(file != NULL, path);
    PEM_write_X509(file, leaf);
    PEM_write_X509(file, make_issuer);
    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
}

static void record_put(hostmap_writer *writer, const make_name *name,
                       const certmap_master *master,
                       const unsigned char *chain_id, const char *pems)
{
    unsigned char bytes[CERTMAP_RECORD_MAX], private[CERTMAP_PRIVATE_MAX];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *leaf = cert_make(name->name, key);
    certmap_cert cert = { CERTMAP_EC, 0, chain_id, { NULL, 0 } };
    unsigned char *der = NULL;
    certmap_record record;
    hostmap_reason why;
    hostmap_str stored, value;

    cert.expires = (apr_int64_t)apr_time_sec(apr_time_now()) + 60 * 86400;
    cert.leaf.len = i2d_X509(leaf, &der);
    cert.leaf.ptr = (char *)der;
    stored = hostmap_str_of((char *)private,
                            certmap_private_write(private, CERTMAP_EC, key));
    must(certmap_record_write(bytes, &record, &cert, &stored, 1)
         == APR_SUCCESS, "a record");
    must(certmap_seal(bytes, &record, hostmap_str_of(name->name, name->len),
                      master, &why) == APR_SUCCESS, "sealing");
    value = hostmap_str_of((char *)bytes,
                           certmap_record_size(&cert, &stored, 1));
    must(hostmap_writer_put(writer, hostmap_str_of(name->name, name->len),
                            value, &why) == APR_SUCCESS, why.text);
    if (pems) {
        pem_write(pems, name->name, leaf, key);
    }
    OPENSSL_free(der);
    X509_free(leaf);
    EVP_PKEY_free(key);
}

static void shard_make(const char *dir, const make_name *names, long count,
                       const certmap_master *master, const char *pems)
{
    static unsigned char chain[CERTMAP_CHAIN_MAX];
    hostmap_writer_options options = { "lmdb", (apr_uint64_t)count * 1100 + 1,
                                       HOSTMAP_WRITER_ANY_KEY };
    unsigned char id[CERTMAP_CHAIN_ID], *der = NULL;
    char path[1024], file[CERTMAP_SHARD_FILE], key[CERTMAP_CHAIN_KEY];
    hostmap_writer *writer;
    hostmap_reason why;
    apr_size_t len = 0;
    apr_pool_t *pool;
    long i;

    apr_pool_create(&pool, NULL);
    certmap_shard_file(file, names->shard);
    snprintf(path, sizeof(path), "%s/%s", dir, file);
    must(hostmap_writer_open(&writer, path, &options, pool, &why)
         == APR_SUCCESS, why.text);
    i = i2d_X509(make_issuer, &der);
    certmap_chain_add(chain, &len, hostmap_str_of((char *)der, i));
    certmap_chain_id(id, hostmap_str_of((char *)chain, len), &why);
    OPENSSL_free(der);
    for (i = 0; i < count; i++) {
        record_put(writer, &names[i], master, id, pems);
    }
    certmap_chain_key(key, id);
    must(hostmap_writer_put(writer, hostmap_str_of(key, sizeof(key)),
                            hostmap_str_of((char *)chain, len), &why)
         == APR_SUCCESS, why.text);
    must(hostmap_writer_commit(writer, &why) == APR_SUCCESS, why.text);
    apr_pool_destroy(pool);
}

int main(int argc, char **argv)
{
    certmap_master *master;
    hostmap_reason why;
    make_name *names;
    apr_pool_t *pool;
    long count, i, from;

    must(argc == 4 || argc == 5, "usage: MASTER-KEY DIR COUNT [PEMS]");
    must(apr_initialize() == APR_SUCCESS, "APR");
    apr_pool_create(&pool, NULL);
    must(certmap_master_create(&master, pool, &why) == APR_SUCCESS
         && certmap_master_read(master, argv[1], &why) == APR_SUCCESS,
         why.text);
    count = atol(argv[3]);
    names = calloc(count, sizeof(*names));
    must(names != NULL, "memory");
    for (i = 0; i < count; i++) {
        names[i].len = snprintf(names[i].name, sizeof(names[i].name),
                                "host%ld.example.net", i);
        names[i].shard = certmap_name_shard(
            hostmap_str_of(names[i].name, names[i].len));
    }
    qsort(names, count, sizeof(*names), name_compare);
    make_issuer_key = EVP_EC_gen("P-256");
    make_issuer = cert_make("issuer.example.net", make_issuer_key);
    for (from = 0; from < count; from = i) {
        for (i = from; i < count && names[i].shard == names[from].shard;
             i++) {
            continue;
        }
        shard_make(argv[2], names + from, i - from, master,
                   argc == 5 ? argv[4] : NULL);
    }
    return 0;
}
