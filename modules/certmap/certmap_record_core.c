/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file certmap_record_core.c
 * @brief Records and chains of a certificate map, as bytes.
 */

#include "certmap_record_core.h"

#include <string.h>

#define VERSION 1

/* Offsets of the header. */
#define AT_COUNT  1
#define AT_KEY_ID 2
#define AT_NONCE  (AT_KEY_ID + CERTMAP_KEY_ID)
#define AT_TAG    (AT_NONCE + CERTMAP_NONCE)
#define AT_SEALED (AT_TAG + CERTMAP_TAG)

/* Before the certificate itself in the open part. */
#define CERT_FIXED (1 + 8 + CERTMAP_CHAIN_ID + 2)

static const unsigned char record_no_chain[CERTMAP_CHAIN_ID];

/* ---- reading ----------------------------------------------------------- */

static apr_status_t record_fail(hostmap_bad *bad, apr_size_t pos,
                                const char *reason)
{
    if (bad) {
        bad->reason = reason;
        bad->pos = pos;
    }
    return APR_EINVAL;
}

static apr_size_t record_get_16(const char *at)
{
    const unsigned char *byte = (const unsigned char *)at;

    return (apr_size_t)byte[0] << 8 | byte[1];
}

static apr_int64_t record_get_64(const char *at)
{
    const unsigned char *byte = (const unsigned char *)at;
    apr_uint64_t number = 0;
    int i;

    for (i = 0; i < 8; i++) {
        number = number << 8 | byte[i];
    }
    return (apr_int64_t)number;
}

static hostmap_str record_rest_after(hostmap_str str, apr_size_t len)
{
    str.ptr += len;
    str.len -= len;
    return str;
}

apr_status_t certmap_record_split(certmap_record *record, hostmap_str bytes,
                                  hostmap_bad *bad)
{
    apr_size_t sealed;

    if (bytes.len > CERTMAP_RECORD_MAX) {
        return record_fail(bad, CERTMAP_RECORD_MAX, "longer than a record");
    }
    if (bytes.len < CERTMAP_HEADER) {
        return record_fail(bad, bytes.len, "cut short in its header");
    }
    if (bytes.ptr[0] != VERSION) {
        return record_fail(bad, 0, "of another version, or no record");
    }
    record->count = (unsigned char)bytes.ptr[AT_COUNT];
    if (record->count < 1 || record->count > CERTMAP_CERTS) {
        return record_fail(bad, AT_COUNT, "not one or two certificates");
    }
    record->key_id = (const unsigned char *)bytes.ptr + AT_KEY_ID;
    record->nonce = (const unsigned char *)bytes.ptr + AT_NONCE;
    record->tag = (const unsigned char *)bytes.ptr + AT_TAG;
    record->head = hostmap_str_of(bytes.ptr, AT_TAG);
    record->sealed_len = hostmap_str_of(bytes.ptr + AT_SEALED, 2);
    sealed = record_get_16(bytes.ptr + AT_SEALED);
    if (sealed > bytes.len - CERTMAP_HEADER) {
        return record_fail(bad, AT_SEALED, "cut short in its sealed part");
    }
    record->sealed = hostmap_str_of(bytes.ptr + CERTMAP_HEADER, sealed);
    record->clear = record_rest_after(bytes, CERTMAP_HEADER + sealed);
    return APR_SUCCESS;
}

static apr_status_t record_cert_take(certmap_cert *cert, hostmap_str *rest)
{
    const char *at = rest->ptr;
    apr_size_t len;

    if (rest->len < CERT_FIXED) {
        return APR_EINVAL;
    }
    if (at[0] != CERTMAP_EC && at[0] != CERTMAP_RSA) {
        return APR_EINVAL;
    }
    cert->kind = (certmap_kind)at[0];
    cert->expires = record_get_64(at + 1);
    cert->chain_id = (const unsigned char *)at + 9;
    if (memcmp(cert->chain_id, record_no_chain, CERTMAP_CHAIN_ID) == 0) {
        cert->chain_id = NULL;
    }
    len = record_get_16(at + CERT_FIXED - 2);
    *rest = record_rest_after(*rest, CERT_FIXED);
    if (len == 0 || len > rest->len) {
        return APR_EINVAL;
    }
    cert->leaf = hostmap_str_of(rest->ptr, len);
    *rest = record_rest_after(*rest, len);
    return APR_SUCCESS;
}

apr_status_t certmap_record_certs(certmap_cert *certs,
                                  const certmap_record *record,
                                  hostmap_bad *bad)
{
    apr_size_t before = CERTMAP_HEADER + record->sealed.len;
    hostmap_str rest = record->clear;
    unsigned i;

    for (i = 0; i < record->count; i++) {
        apr_size_t pos = before + (record->clear.len - rest.len);

        if (record_cert_take(&certs[i], &rest) != APR_SUCCESS) {
            return record_fail(bad, pos, "a certificate is cut short or of "
                               "an unknown kind");
        }
    }
    if (rest.len > 0) {
        return record_fail(bad, before + (record->clear.len - rest.len),
                           "bytes after its end");
    }
    if (record->count == 2 && certs[0].kind == certs[1].kind) {
        return record_fail(bad, before, "two certificates of one kind");
    }
    return APR_SUCCESS;
}

apr_status_t certmap_record_keys(hostmap_str *keys, unsigned count,
                                 hostmap_str plain)
{
    unsigned i;

    for (i = 0; i < count; i++) {
        apr_size_t len;

        if (plain.len < 2) {
            return APR_EINVAL;
        }
        len = record_get_16(plain.ptr);
        plain = record_rest_after(plain, 2);
        if (len == 0 || len > plain.len) {
            return APR_EINVAL;
        }
        keys[i] = hostmap_str_of(plain.ptr, len);
        plain = record_rest_after(plain, len);
    }
    return plain.len == 0 ? APR_SUCCESS : APR_EINVAL;
}

/* ---- writing ----------------------------------------------------------- */

static unsigned char *record_put_16(unsigned char *at, apr_size_t number)
{
    at[0] = (unsigned char)(number >> 8);
    at[1] = (unsigned char)number;
    return at + 2;
}

static unsigned char *record_put_64(unsigned char *at, apr_int64_t number)
{
    int i;

    for (i = 0; i < 8; i++) {
        at[i] = (unsigned char)((apr_uint64_t)number >> (56 - 8 * i));
    }
    return at + 8;
}

static unsigned char *record_put_bytes(unsigned char *at, const void *bytes,
                                       apr_size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

apr_size_t certmap_record_size(const certmap_cert *certs,
                               const hostmap_str *keys, unsigned count)
{
    apr_size_t size = CERTMAP_HEADER;
    unsigned i;

    for (i = 0; i < count; i++) {
        size += 2 + keys[i].len + CERT_FIXED + certs[i].leaf.len;
    }
    return size;
}

static int record_can_be_written(const certmap_cert *certs,
                                 const hostmap_str *keys, unsigned count)
{
    unsigned i;

    if (count < 1 || count > CERTMAP_CERTS) {
        return 0;
    }
    if (count == 2 && certs[0].kind == certs[1].kind) {
        return 0;
    }
    for (i = 0; i < count; i++) {
        if (keys[i].len == 0 || certs[i].leaf.len == 0
            || keys[i].len > CERTMAP_RECORD_MAX
            || certs[i].leaf.len > CERTMAP_RECORD_MAX) {
            return 0;
        }
    }
    return certmap_record_size(certs, keys, count) <= CERTMAP_RECORD_MAX;
}

apr_status_t certmap_record_write(unsigned char *out, certmap_record *record,
                                  const certmap_cert *certs,
                                  const hostmap_str *keys, unsigned count)
{
    unsigned char *at = out + CERTMAP_HEADER;
    unsigned i;

    if (!record_can_be_written(certs, keys, count)) {
        return APR_EINVAL;
    }
    memset(out, 0, CERTMAP_HEADER);
    out[0] = VERSION;
    out[AT_COUNT] = (unsigned char)count;
    for (i = 0; i < count; i++) {
        at = record_put_16(at, keys[i].len);
        at = record_put_bytes(at, keys[i].ptr, keys[i].len);
    }
    record_put_16(out + AT_SEALED, at - (out + CERTMAP_HEADER));
    for (i = 0; i < count; i++) {
        *at++ = (unsigned char)certs[i].kind;
        at = record_put_64(at, certs[i].expires);
        at = record_put_bytes(at, certs[i].chain_id ? certs[i].chain_id
                              : record_no_chain, CERTMAP_CHAIN_ID);
        at = record_put_16(at, certs[i].leaf.len);
        at = record_put_bytes(at, certs[i].leaf.ptr, certs[i].leaf.len);
    }
    return certmap_record_split(record, hostmap_str_of((char *)out, at - out),
                                NULL);
}

/* ---- chains ------------------------------------------------------------ */

apr_status_t certmap_chain_next(hostmap_str *cert, hostmap_str *rest)
{
    apr_size_t len;

    if (rest->len == 0) {
        return APR_EOF;
    }
    if (rest->len < 2) {
        return APR_EINVAL;
    }
    len = record_get_16(rest->ptr);
    *rest = record_rest_after(*rest, 2);
    if (len == 0 || len > rest->len) {
        return APR_EINVAL;
    }
    *cert = hostmap_str_of(rest->ptr, len);
    *rest = record_rest_after(*rest, len);
    return APR_SUCCESS;
}

apr_status_t certmap_chain_add(unsigned char *chain, apr_size_t *len,
                               hostmap_str cert)
{
    if (cert.len == 0 || cert.len > 0xffff
        || cert.len + 2 > CERTMAP_CHAIN_MAX - *len) {
        return APR_ENOSPC;
    }
    record_put_bytes(record_put_16(chain + *len, cert.len), cert.ptr, cert.len);
    *len += 2 + cert.len;
    return APR_SUCCESS;
}
