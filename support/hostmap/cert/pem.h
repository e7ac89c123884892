/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file pem.h
 * @brief A certificate with its chain and its key, from PEM files: read, judged
 *        and put into the form that a map stores.
 */

#ifndef HOSTMAP_CERT_PEM_H
#define HOSTMAP_CERT_PEM_H

#include "certmap/certmap_pair.h"
#include "tool.h"

/** What a map stores of a certificate. */
typedef struct pem_item {
    certmap_kind kind;
    apr_int64_t expires;
    hostmap_str leaf;           /**< DER */
    hostmap_str key;            /**< as stored; wiped with the pool */
    hostmap_str chain;          /**< as stored; empty: none */
    unsigned char chain_id[CERTMAP_CHAIN_ID];
    /** hostmap_str: the DNS names that the certificate is for */
    apr_array_header_t *names;
} pem_item;

/** Which roots end a chain. */
typedef struct pem_roots pem_roots;

/**
 * The roots that this machine trusts, and those of --ca.
 * @return NULL: reported
 */
pem_roots *pem_roots_read(tool *t);

/**
 * Read and judge.
 * @param item set, in pool
 * @param cert_file, key_file may be the same
 * @param roots NULL: any chain is complete
 * @param pool owns the item
 * @param why set on failure: what is wrong, without the files' names
 */
apr_status_t pem_read(pem_item **item, const char *cert_file,
                      const char *key_file, const pem_roots *roots,
                      apr_pool_t *pool, hostmap_reason *why);

/** Is the certificate for this key of a map? */
int pem_names_has(const pem_item *item, hostmap_str key);

/** The DNS names of a certificate. @return array of hostmap_str, in pool */
apr_array_header_t *pem_names_of(X509 *cert, apr_pool_t *pool);

/**
 * Do the certificates of a chain issue each other, from the leaf on?
 * @param why set if not
 */
apr_status_t pem_chain_check(X509 *leaf, STACK_OF(X509) *chain,
                             hostmap_reason *why);

#endif /* HOSTMAP_CERT_PEM_H */
