/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file certmap_pair.c
 * @brief Certificates and private keys of a record, as OpenSSL's objects.
 */

#include "certmap_pair.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/params.h>

#include "hostmap/store/hostmap_file.h"

/* Bytes of a number of the largest curve, P-521. */
#define NUMBER_MAX 66

/* The curves, and the bytes of their numbers. */
static const struct pair_curve {
    int nid;
    apr_size_t number;
} pair_curves[] = {
    { NID_X9_62_prime256v1, 32 },
    { NID_secp384r1, 48 },
    { NID_secp521r1, 66 },
};

#define CURVES (sizeof(pair_curves) / sizeof(*pair_curves))

static const struct pair_curve *pair_curve_of(int nid)
{
    apr_size_t i;

    for (i = 0; i < CURVES; i++) {
        if (pair_curves[i].nid == nid) {
            return &pair_curves[i];
        }
    }
    return NULL;
}

/* ---- reading ----------------------------------------------------------- */

static EVP_PKEY *pair_pkey_make(const char *group, hostmap_str point,
                                unsigned char *number, apr_size_t len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;
    OSSL_PARAM params[4];

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                                 (char *)group, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                                  (void *)point.ptr,
                                                  point.len);
    params[2] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, number,
                                        len);
    params[3] = OSSL_PARAM_construct_end();
    if (!ctx || EVP_PKEY_fromdata_init(ctx) <= 0
        || EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) <= 0) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* OSSL_PARAM wants numbers in the order of the machine's. */
static void pair_number_turn(unsigned char *to, hostmap_str from)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    memcpy(to, from.ptr, from.len);
#else
    apr_size_t i;

    for (i = 0; i < from.len; i++) {
        to[i] = (unsigned char)from.ptr[from.len - 1 - i];
    }
#endif
}

/* The point and the name of the curve are the certificate's. */
static EVP_PKEY *pair_pkey_ec(X509 *leaf, hostmap_str stored)
{
    unsigned char number[NUMBER_MAX];
    const struct pair_curve *curve;
    const unsigned char *point;
    const void *value;
    X509_ALGOR *algorithm;
    EVP_PKEY *key;
    int len, type;

    if (!X509_PUBKEY_get0_param(NULL, &point, &len, &algorithm,
                                X509_get_X509_PUBKEY(leaf))) {
        return NULL;
    }
    X509_ALGOR_get0(NULL, &type, &value, algorithm);
    curve = type == V_ASN1_OBJECT ? pair_curve_of(OBJ_obj2nid(value)) : NULL;
    if (!curve || stored.len != curve->number) {
        return NULL;
    }
    pair_number_turn(number, stored);
    key = pair_pkey_make(OBJ_nid2sn(curve->nid),
                         hostmap_str_of((const char *)point, len), number,
                         stored.len);
    OPENSSL_cleanse(number, sizeof(number));
    return key;
}

static EVP_PKEY *pair_pkey_rsa(hostmap_str stored)
{
    const unsigned char *at = (const unsigned char *)stored.ptr;
    EVP_PKEY *key;

    key = d2i_PrivateKey(EVP_PKEY_RSA, NULL, &at, (long)stored.len);
    if (key && at != (const unsigned char *)stored.ptr + stored.len) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

/* All of the bytes or nothing. */
static X509 *pair_leaf_read(hostmap_str der)
{
    const unsigned char *at = (const unsigned char *)der.ptr;
    X509 *leaf = d2i_X509(NULL, &at, (long)der.len);

    if (leaf && at != (const unsigned char *)der.ptr + der.len) {
        X509_free(leaf);
        leaf = NULL;
    }
    return leaf;
}

static apr_status_t pair_read(certmap_pair *pair, const certmap_cert *cert,
                              hostmap_str stored, hostmap_reason *why)
{
    memset(pair, 0, sizeof(*pair));
    pair->kind = cert->kind;
    pair->expires = cert->expires;
    if (cert->chain_id) {
        pair->has_chain = 1;
        memcpy(pair->chain_id, cert->chain_id, CERTMAP_CHAIN_ID);
    }
    pair->leaf = pair_leaf_read(cert->leaf);
    if (!pair->leaf) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, "OpenSSL cannot read "
                            "its certificate");
    }
    pair->key = cert->kind == CERTMAP_EC ? pair_pkey_ec(pair->leaf, stored)
                                         : pair_pkey_rsa(stored);
    if (!pair->key || X509_check_private_key(pair->leaf, pair->key) != 1) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, "its private key is "
                            "not that of its certificate");
    }
    return APR_SUCCESS;
}

/* Of a record whose tag is right. */
static apr_status_t pair_pairs_make(certmap_pair *pairs,
                                    const certmap_record *record,
                                    hostmap_str plain, hostmap_reason *why)
{
    certmap_cert certs[CERTMAP_CERTS];
    hostmap_str keys[CERTMAP_CERTS];
    hostmap_bad bad;
    apr_status_t rv = APR_SUCCESS;
    unsigned i;

    if (certmap_record_certs(certs, record, &bad) != APR_SUCCESS) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, "%s", bad.reason);
    }
    if (certmap_record_keys(keys, record->count, plain) != APR_SUCCESS) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, "its private keys are "
                            "cut short");
    }
    for (i = 0; i < record->count && rv == APR_SUCCESS; i++) {
        rv = pair_read(&pairs[i], &certs[i], keys[i], why);
    }
    if (rv != APR_SUCCESS) {
        certmap_pairs_free(pairs, i);
    }
    return rv;
}

apr_status_t certmap_pairs_read(certmap_pair *pairs, unsigned *count,
                                hostmap_str name, hostmap_str bytes,
                                const certmap_master *master,
                                hostmap_reason *why)
{
    unsigned char plain[CERTMAP_RECORD_MAX];
    certmap_record record;
    hostmap_bad bad;
    apr_status_t rv;

    if (certmap_record_split(&record, bytes, &bad) != APR_SUCCESS) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, "%s", bad.reason);
    }
    rv = certmap_unseal(plain, &record, name, master, why);
    if (rv == APR_SUCCESS) {
        rv = pair_pairs_make(pairs, &record,
                             hostmap_str_of((char *)plain, record.sealed.len),
                             why);
        OPENSSL_cleanse(plain, record.sealed.len);
    }
    *count = record.count;
    /* what OpenSSL noted is another's error on this thread otherwise */
    ERR_clear_error();
    return rv;
}

void certmap_pairs_free(certmap_pair *pairs, unsigned count)
{
    unsigned i;

    for (i = 0; i < count; i++) {
        X509_free(pairs[i].leaf);
        EVP_PKEY_free(pairs[i].key);
    }
}

apr_status_t certmap_chain_read(STACK_OF(X509) **out, hostmap_str bytes,
                                const unsigned char *id, hostmap_reason *why)
{
    unsigned char found[CERTMAP_CHAIN_ID];
    STACK_OF(X509) *chain;
    hostmap_str der;
    apr_status_t rv;

    rv = certmap_chain_id(found, bytes, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (memcmp(found, id, CERTMAP_CHAIN_ID) != 0) {
        return hostmap_fail(why, CERTMAP_EFORGED, "its chain was changed");
    }
    chain = sk_X509_new_null();
    while (chain && (rv = certmap_chain_next(&der, &bytes)) == APR_SUCCESS) {
        X509 *cert = pair_leaf_read(der);

        if (!cert || !sk_X509_push(chain, cert)) {
            X509_free(cert);
            rv = APR_EINVAL;
            break;
        }
    }
    ERR_clear_error();
    if (chain && rv == APR_EOF) {
        *out = chain;
        return APR_SUCCESS;
    }
    sk_X509_pop_free(chain, X509_free);
    return hostmap_fail(why, HOSTMAP_EFORMAT, "OpenSSL cannot read its "
                        "chain");
}

/* ---- writing ----------------------------------------------------------- */

static int pair_curve_nid(EVP_PKEY *key)
{
    char group[64];

    if (!EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME,
                                        group, sizeof(group), NULL)) {
        return NID_undef;
    }
    return OBJ_sn2nid(group);
}

int certmap_kind_of(certmap_kind *kind, EVP_PKEY *key)
{
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        *kind = CERTMAP_RSA;
        return 1;
    case EVP_PKEY_EC:
        *kind = CERTMAP_EC;
        return pair_curve_of(pair_curve_nid(key)) != NULL;
    }
    return 0;
}

static apr_size_t pair_number_write(unsigned char *out, EVP_PKEY *key)
{
    const struct pair_curve *curve = pair_curve_of(pair_curve_nid(key));
    BIGNUM *number = NULL;
    int len = -1;

    if (curve && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY,
                                       &number)) {
        len = BN_bn2binpad(number, out, (int)curve->number);
    }
    BN_clear_free(number);
    return len > 0 ? (apr_size_t)len : 0;
}

apr_size_t certmap_private_write(unsigned char *out, certmap_kind kind,
                                 EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int len;

    if (kind == CERTMAP_EC) {
        return pair_number_write(out, key);
    }
    len = i2d_PrivateKey(key, &der);
    if (len <= 0) {
        return 0;
    }
    if (len <= CERTMAP_PRIVATE_MAX) {
        memcpy(out, der, len);
    }
    OPENSSL_clear_free(der, len);
    return len <= CERTMAP_PRIVATE_MAX ? (apr_size_t)len : 0;
}
