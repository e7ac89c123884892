/* SPDX-License-Identifier: Apache-2.0 */

/*
 * pem.c: PEM files of a certificate, and all that is wrong with one.
 *
 * mod_ssl looks at the certificates of its configuration when httpd starts;
 * nobody looks at those of a map but us.
 */

#include "pem.h"

#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "apr_strings.h"

/* Bits of security that browsers ask for: SHA-1 has less, and so has RSA below
 * 2048. */
#define SECURITY_BITS 112

/* Explained by its text alone. */
#define REFUSED HOSTMAP_EFORMAT

/* A CA's clock may be ahead. */
#define CLOCK_AHEAD 86400

struct pem_roots {
    X509_STORE *store;
    /* it holds anything at all */
    int known;
};

/* ---- roots ------------------------------------------------------------- */

static apr_status_t roots_cleanup(void *data)
{
    X509_STORE_free(data);
    return APR_SUCCESS;
}

static int roots_exist(void)
{
    static const char *const folders[] = {
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/cert.pem",
    };
    apr_size_t i;

    for (i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        BIO *file = BIO_new_file(folders[i], "r");

        if (file) {
            BIO_free(file);
            return 1;
        }
    }
    return 0;
}

pem_roots *pem_roots_read(tool *t)
{
    pem_roots *roots = apr_pcalloc(t->pool, sizeof(*roots));

    roots->store = X509_STORE_new();
    if (!roots->store) {
        tool_error("out of memory");
        return NULL;
    }
    apr_pool_cleanup_register(t->pool, roots->store, roots_cleanup,
                              apr_pool_cleanup_null);
    X509_STORE_set_default_paths(roots->store);
    roots->known = t->ca != NULL || roots_exist();
    if (t->ca && X509_STORE_load_file(roots->store, t->ca) != 1) {
        tool_error("--ca %s: expected a PEM file of certificates", t->ca);
        return NULL;
    }
    ERR_clear_error();
    return roots;
}

/* A root that issues it. */
static int roots_issue(const pem_roots *roots, X509 *cert)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509 *issuer = NULL;
    int found = ctx && X509_STORE_CTX_init(ctx, roots->store, cert, NULL)
                && X509_STORE_CTX_get1_issuer(&issuer, ctx, cert) == 1;

    X509_free(issuer);
    X509_STORE_CTX_free(ctx);
    ERR_clear_error();
    return found;
}

/* ---- files ------------------------------------------------------------- */

/* A key with a passphrase: nobody is asked for it. */
static int no_passphrase(char *buffer, int size, int writing, void *baton)
{
    int *asked = baton;

    (void)buffer;
    (void)size;
    (void)writing;
    *asked = 1;
    return -1;
}

static EVP_PKEY *key_load(const char *path, hostmap_reason *why)
{
    BIO *file = BIO_new_file(path, "r");
    EVP_PKEY *key = NULL;
    int asked = 0;

    if (!file) {
        hostmap_fail(why, REFUSED, "cannot read %s", path);
    }
    else {
        key = PEM_read_bio_PrivateKey(file, NULL, no_passphrase, &asked);
        if (!key) {
            hostmap_fail(why, REFUSED, asked ? "the key in %s needs a "
                         "passphrase: store it without" : "no private key "
                         "in %s", path);
        }
    }
    BIO_free(file);
    ERR_clear_error();
    return key;
}

/* The leaf first. */
static STACK_OF(X509) *certs_load(const char *path, hostmap_reason *why)
{
    BIO *file = BIO_new_file(path, "r");
    STACK_OF(X509) *certs = sk_X509_new_null();
    X509 *cert;

    if (!file || !certs) {
        hostmap_fail(why, REFUSED, "cannot read %s", path);
        BIO_free(file);
        sk_X509_free(certs);
        ERR_clear_error();
        return NULL;
    }
    while ((cert = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL) {
        sk_X509_push(certs, cert);
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE
        || sk_X509_num(certs) == 0) {
        hostmap_fail(why, REFUSED, sk_X509_num(certs) ? "a certificate in "
                     "%s cannot be read" : "no certificate in %s", path);
        sk_X509_pop_free(certs, X509_free);
        certs = NULL;
    }
    BIO_free(file);
    ERR_clear_error();
    return certs;
}

/* ---- judging ----------------------------------------------------------- */

static const char *name_text(X509_NAME *name, char *text, int size)
{
    return X509_NAME_oneline(name, text, size) ? text : "?";
}

static int is_self_signed(X509 *cert)
{
    return X509_self_signed(cert, 0) == 1;
}

static apr_status_t time_check(X509 *cert, hostmap_reason *why)
{
    time_t soon = time(NULL) + CLOCK_AHEAD;

    if (X509_cmp_time(X509_get0_notBefore(cert), &soon) > 0) {
        return hostmap_fail(why, REFUSED, "it is not valid yet");
    }
    if (X509_cmp_current_time(X509_get0_notAfter(cert)) <= 0) {
        return hostmap_fail(why, REFUSED, "it has expired");
    }
    return APR_SUCCESS;
}

/* A root's own signature means nothing. */
static apr_status_t signature_check(X509 *cert, hostmap_reason *why)
{
    int bits = 0;

    if (!is_self_signed(cert)
        && (!X509_get_signature_info(cert, NULL, NULL, &bits, NULL)
            || bits < SECURITY_BITS)) {
        return hostmap_fail(why, REFUSED, "it is signed with a weak "
                            "algorithm");
    }
    return APR_SUCCESS;
}

static apr_status_t key_check(certmap_kind *kind, EVP_PKEY *key, X509 *leaf,
                              hostmap_reason *why)
{
    EVP_PKEY_CTX *ctx;
    int proved;

    if (!certmap_kind_of(kind, key)) {
        return hostmap_fail(why, REFUSED, "a key of another kind than RSA "
                            "and EC P-256, P-384, P-521");
    }
    if (EVP_PKEY_get_security_bits(key) < SECURITY_BITS) {
        return hostmap_fail(why, REFUSED, "a weak key of %d bits, expected "
                            "2048 or more", EVP_PKEY_get_bits(key));
    }
    if (X509_check_private_key(leaf, key) != 1) {
        return hostmap_fail(why, REFUSED, "the key is not that of the "
                            "certificate");
    }
    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    proved = ctx && EVP_PKEY_pairwise_check(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return proved ? APR_SUCCESS
                  : hostmap_fail(why, REFUSED, "the key is damaged");
}

static apr_status_t issued_check(X509 *issuer, X509 *cert, int at,
                                 hostmap_reason *why)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    char name[128];

    if (X509_check_issued(issuer, cert) != X509_V_OK || !key
        || X509_verify(cert, key) != 1) {
        ERR_clear_error();
        return hostmap_fail(why, REFUSED, "its chain is incomplete or in "
                            "the wrong order: certificate %d is not the "
                            "issuer `%s` of the one before", at,
                            name_text(X509_get_issuer_name(cert), name,
                                      sizeof(name)));
    }
    return APR_SUCCESS;
}

apr_status_t pem_chain_check(X509 *leaf, STACK_OF(X509) *chain,
                             hostmap_reason *why)
{
    X509 *cert = leaf;
    apr_status_t rv = APR_SUCCESS;
    int i;

    for (i = 0; i < sk_X509_num(chain) && rv == APR_SUCCESS; i++) {
        X509 *issuer = sk_X509_value(chain, i);

        rv = issued_check(issuer, cert, i + 2, why);
        cert = issuer;
    }
    return rv;
}

/* Does it end at a root? */
static apr_status_t end_check(X509 *last, int alone, const pem_roots *roots,
                              hostmap_reason *why)
{
    char name[128];

    if (!roots || is_self_signed(last) || roots_issue(roots, last)) {
        return APR_SUCCESS;
    }
    /* a machine that trusts nobody knows no roots */
    if (!roots->known && !alone) {
        return APR_SUCCESS;
    }
    return hostmap_fail(why, REFUSED, "its chain is incomplete: the issuer "
                        "`%s` is neither in the file nor a root that this "
                        "machine trusts (see --ca)",
                        name_text(X509_get_issuer_name(last), name,
                                  sizeof(name)));
}

static apr_status_t certs_check(STACK_OF(X509) *certs, const pem_roots *roots,
                                hostmap_reason *why)
{
    int count = sk_X509_num(certs), i;
    X509 *leaf = sk_X509_value(certs, 0);
    apr_status_t rv = APR_SUCCESS;

    if (X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0) != 1
        && !is_self_signed(leaf)) {
        return hostmap_fail(why, REFUSED, "it is not for servers");
    }
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        X509 *cert = sk_X509_value(certs, i);

        rv = time_check(cert, why);
        if (rv == APR_SUCCESS) {
            rv = signature_check(cert, why);
        }
        if (rv == APR_SUCCESS && i > 0) {
            rv = issued_check(cert, sk_X509_value(certs, i - 1), i + 1, why);
        }
    }
    return rv == APR_SUCCESS ? end_check(sk_X509_value(certs, count - 1),
                                         count == 1, roots, why) : rv;
}

/* ---- names ------------------------------------------------------------- */

apr_array_header_t *pem_names_of(X509 *cert, apr_pool_t *pool)
{
    apr_array_header_t *names = apr_array_make(pool, 2, sizeof(hostmap_str));
    GENERAL_NAMES *all;
    int i;

    all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    for (i = 0; i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);
        const unsigned char *bytes;
        apr_size_t len;

        if (name->type != GEN_DNS) {
            continue;
        }
        bytes = ASN1_STRING_get0_data(name->d.dNSName);
        len = ASN1_STRING_length(name->d.dNSName);
        APR_ARRAY_PUSH(names, hostmap_str)
            = hostmap_str_of(apr_pstrmemdup(pool, (const char *)bytes, len),
                             len);
    }
    GENERAL_NAMES_free(all);
    return names;
}

int pem_names_has(const pem_item *item, hostmap_str key)
{
    int i;

    for (i = 0; i < item->names->nelts; i++) {
        if (certmap_name_covers(APR_ARRAY_IDX(item->names, i, hostmap_str),
                                key)) {
            return 1;
        }
    }
    return 0;
}

/* ---- what is stored ---------------------------------------------------- */

static apr_int64_t expires_of(const X509 *cert)
{
    struct tm parts;

    memset(&parts, 0, sizeof(parts));
    ASN1_TIME_to_tm(X509_get0_notAfter(cert), &parts);
    return (apr_int64_t)timegm(&parts);
}

static hostmap_str der_of(X509 *cert, apr_pool_t *pool)
{
    unsigned char *at = NULL, *bytes;
    int len = i2d_X509(cert, NULL);

    if (len <= 0) {
        return hostmap_str_of(NULL, 0);
    }
    bytes = apr_palloc(pool, len);
    at = bytes;
    i2d_X509(cert, &at);
    return hostmap_str_of((char *)bytes, len);
}

/* Without the root, which clients have. */
static apr_status_t chain_store(pem_item *item, STACK_OF(X509) *certs,
                                apr_pool_t *pool, hostmap_reason *why)
{
    unsigned char *bytes = apr_palloc(pool, CERTMAP_CHAIN_MAX);
    apr_size_t len = 0;
    int i;

    for (i = 1; i < sk_X509_num(certs); i++) {
        X509 *cert = sk_X509_value(certs, i);

        if (is_self_signed(cert)) {
            break;
        }
        if (i > CERTMAP_CHAIN_CERTS
            || certmap_chain_add(bytes, &len, der_of(cert, pool))
               != APR_SUCCESS) {
            return hostmap_fail(why, REFUSED, "its chain is longer than a "
                                "map takes");
        }
    }
    item->chain = hostmap_str_of((char *)bytes, len);
    return certmap_chain_id(item->chain_id, item->chain, why);
}

static apr_status_t key_cleanup(void *data)
{
    OPENSSL_cleanse(data, CERTMAP_PRIVATE_MAX);
    return APR_SUCCESS;
}

static apr_status_t item_fill(pem_item *item, STACK_OF(X509) *certs,
                              EVP_PKEY *key, apr_pool_t *pool,
                              hostmap_reason *why)
{
    X509 *leaf = sk_X509_value(certs, 0);
    unsigned char *private = apr_palloc(pool, CERTMAP_PRIVATE_MAX);

    apr_pool_cleanup_register(pool, private, key_cleanup,
                              apr_pool_cleanup_null);
    item->expires = expires_of(leaf);
    item->names = pem_names_of(leaf, pool);
    item->leaf = der_of(leaf, pool);
    item->key = hostmap_str_of((char *)private,
                               certmap_private_write(private, item->kind,
                                                     key));
    if (item->key.len == 0 || item->leaf.len == 0) {
        return hostmap_fail(why, REFUSED, "OpenSSL cannot write it");
    }
    return chain_store(item, certs, pool, why);
}

apr_status_t pem_read(pem_item **out, const char *cert_file,
                      const char *key_file, const pem_roots *roots,
                      apr_pool_t *pool, hostmap_reason *why)
{
    pem_item *item = apr_pcalloc(pool, sizeof(*item));
    STACK_OF(X509) *certs = certs_load(cert_file, why);
    EVP_PKEY *key = certs ? key_load(key_file, why) : NULL;
    apr_status_t rv = APR_EINVAL;

    if (certs && key) {
        rv = key_check(&item->kind, key, sk_X509_value(certs, 0), why);
        if (rv == APR_SUCCESS) {
            rv = certs_check(certs, roots, why);
        }
        if (rv == APR_SUCCESS) {
            rv = item_fill(item, certs, key, pool, why);
        }
    }
    EVP_PKEY_free(key);
    sk_X509_pop_free(certs, X509_free);
    *out = item;
    return rv;
}
