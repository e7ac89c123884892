/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file certmap_record_core.h
 * @brief The bytes of a certificate map's entries: taking them apart and
 *        putting them together.
 *
 * A record belongs to a name and holds one or two certificates, of different
 * kinds of keys.  Numbers are big-endian.
 *
 *     1   version, 1
 *     1   number of certificates, 1 or 2
 *     8   id of the master key
 *     12  nonce
 *     16  tag
 *     2   length of the sealed part
 *         the sealed part: a private key for each certificate,
 *             2   its length
 *                 EC: the number, as long as the curve's order; RSA: DER
 *         the open part: for each certificate,
 *             1   kind of its key
 *             8   seconds since 1970 at which it expires
 *             32  id of its chain, zeros: it has none
 *             2   length of the certificate
 *                 the certificate, DER
 *
 * The tag is that of AES-256-GCM over all of it and the name: header and open
 * part are authenticated, the sealed part is encrypted as well.  A reader who
 * has the key takes nothing from a record but where its parts lie before the
 * tag has been verified (certmap_seal.h); one who has not, a listing, reads the
 * open part as it is.
 *
 * A chain is stored once in each shard that needs it, under its id: for each
 * certificate 2 bytes of length and DER, the issuer of the leaf first.
 *
 * Pure: no allocation, no I/O, any thread.  The bytes are hostile.
 */

#ifndef CERTMAP_RECORD_CORE_H
#define CERTMAP_RECORD_CORE_H

#include "apr_errno.h"

#include "base/str.h"
#include "certmap_name_core.h"

/** Certificates of a record at most: one for each kind. */
#define CERTMAP_CERTS 2

/** Longest record and longest chain, bytes. */
#define CERTMAP_RECORD_MAX 16384
#define CERTMAP_CHAIN_MAX  32768

/** Certificates of a chain at most. */
#define CERTMAP_CHAIN_CERTS 8

#define CERTMAP_KEY_ID 8
#define CERTMAP_NONCE  12
#define CERTMAP_TAG    16

/** Bytes before the sealed part. */
#define CERTMAP_HEADER (2 + CERTMAP_KEY_ID + CERTMAP_NONCE + CERTMAP_TAG + 2)

typedef enum {
    CERTMAP_EC = 1,
    CERTMAP_RSA = 2
} certmap_kind;

/** Where the parts of a record lie. */
typedef struct certmap_record {
    unsigned count;             /**< certificates */
    const unsigned char *key_id;
    const unsigned char *nonce;
    const unsigned char *tag;
    hostmap_str head;           /**< all before the tag: authenticated */
    hostmap_str sealed_len;     /**< its two bytes: authenticated */
    hostmap_str sealed;
    hostmap_str clear;          /**< the open part */
} certmap_record;

/** A certificate of the open part. */
typedef struct certmap_cert {
    certmap_kind kind;
    apr_int64_t expires;        /**< seconds since 1970 */
    const unsigned char *chain_id;  /**< NULL: it has no chain */
    hostmap_str leaf;           /**< DER */
} certmap_cert;

/**
 * Find the parts of a record.  Looks at version, count and lengths only.
 * @return APR_SUCCESS; APR_EINVAL with bad set
 */
apr_status_t certmap_record_split(certmap_record *record, hostmap_str bytes,
                                  hostmap_bad *bad);

/**
 * Read the open part of a record that was split.
 * @param certs room for CERTMAP_CERTS; record->count are set.  They point into
 *        the record
 * @return APR_SUCCESS; APR_EINVAL with bad set: cut short, bytes after the
 *         end, an unknown kind, two of one kind
 */
apr_status_t certmap_record_certs(certmap_cert *certs,
                                  const certmap_record *record,
                                  hostmap_bad *bad);

/**
 * Take the private keys out of a sealed part that was decrypted.
 * @param keys room for CERTMAP_CERTS; count are set, pointing into plain
 * @return APR_SUCCESS; APR_EINVAL: the lengths do not add up
 */
apr_status_t certmap_record_keys(hostmap_str *keys, unsigned count,
                                 hostmap_str plain);

/** Bytes that a record of these certificates takes; keys as they are before
 *  they are sealed, which changes no length. */
apr_size_t certmap_record_size(const certmap_cert *certs,
                               const hostmap_str *keys, unsigned count);

/**
 * Write a record whose sealed part is still open, with zeros for key id, nonce
 * and tag: certmap_seal() fills them in.
 * @param out room for certmap_record_size() bytes
 * @param record set to the parts in out
 * @return APR_SUCCESS; APR_EINVAL: it would be longer than CERTMAP_RECORD_MAX,
 *         or count, kinds or lengths are none
 */
apr_status_t certmap_record_write(unsigned char *out, certmap_record *record,
                                  const certmap_cert *certs,
                                  const hostmap_str *keys, unsigned count);

/**
 * Take the next certificate off a chain.
 * @param rest what is left; the whole chain at first
 * @return APR_SUCCESS; APR_EOF: nothing is left; APR_EINVAL: cut short
 */
apr_status_t certmap_chain_next(hostmap_str *cert, hostmap_str *rest);

/** Append a certificate to a chain.
 *  @param len of the chain; room for CERTMAP_CHAIN_MAX bytes
 *  @return APR_SUCCESS; APR_ENOSPC */
apr_status_t certmap_chain_add(unsigned char *chain, apr_size_t *len,
                               hostmap_str cert);

#endif /* CERTMAP_RECORD_CORE_H */
