/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file certmap_pair.h
 * @brief Certificates with their private keys: between the bytes of a record
 *        and OpenSSL's objects.
 *
 * Private keys are stored in the form that OpenSSL reads fastest.  Of an EC
 * key that is the number alone (the point is in the certificate): 15 us, where
 * PKCS#8 takes 320 us.
 *
 * Any thread; OpenSSL's objects are counted by it and may be shared.
 */

#ifndef CERTMAP_PAIR_H
#define CERTMAP_PAIR_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "certmap_seal.h"

/** Longest private key as it is stored: RSA of 8192 bits. */
#define CERTMAP_PRIVATE_MAX 5120

/** A certificate and its key. */
typedef struct certmap_pair {
    certmap_kind kind;
    apr_int64_t expires;        /**< seconds since 1970 */
    int has_chain;
    unsigned char chain_id[CERTMAP_CHAIN_ID];
    X509 *leaf;
    EVP_PKEY *key;
} certmap_pair;

/**
 * Verify a record, and make what it holds.
 * @param pairs room for CERTMAP_CERTS; free them with certmap_pairs_free()
 * @param count set to their number
 * @param name key of the entry
 * @return APR_SUCCESS; CERTMAP_ENOKEY, CERTMAP_EFORGED; HOSTMAP_EFORMAT: not a
 *         record, or OpenSSL cannot read what it holds.  That the number of an
 *         EC key belongs to its point is not computed, as that takes longer
 *         than all else: whoever seals a record proves it
 */
apr_status_t certmap_pairs_read(certmap_pair *pairs, unsigned *count,
                                hostmap_str name, hostmap_str bytes,
                                const certmap_master *master,
                                hostmap_reason *why);

void certmap_pairs_free(certmap_pair *pairs, unsigned count);

/**
 * Make the certificates of a chain.
 * @param chain set; free it with sk_X509_pop_free(chain, X509_free)
 * @param id which chain the bytes have to be
 * @return APR_SUCCESS; CERTMAP_EFORGED: the bytes are another's;
 *         HOSTMAP_EFORMAT
 */
apr_status_t certmap_chain_read(STACK_OF(X509) **chain, hostmap_str bytes,
                                const unsigned char *id, hostmap_reason *why);

/** What kind a key is.  @return 0: none that is stored */
int certmap_kind_of(certmap_kind *kind, EVP_PKEY *key);

/**
 * Write a private key as it is stored.
 * @param out room for CERTMAP_PRIVATE_MAX bytes; to be wiped by the caller
 * @return its length; 0: OpenSSL cannot, or it is too long
 */
apr_size_t certmap_private_write(unsigned char *out, certmap_kind kind,
                                 EVP_PKEY *key);

#endif /* CERTMAP_PAIR_H */
