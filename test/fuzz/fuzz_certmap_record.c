/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Input: a record of a certificate map.  What is read of it lies inside of it,
 * and written again it has the same parts.  Then the same bytes as a chain and
 * as a name.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "certmap/certmap_record_core.h"

static void must(int truth)
{
    if (!truth) {
        abort();
    }
}

static int is_inside(hostmap_str part, hostmap_str whole)
{
    return part.ptr >= whole.ptr
           && part.ptr + part.len <= whole.ptr + whole.len;
}

static void read_record(hostmap_str bytes)
{
    static unsigned char again[CERTMAP_RECORD_MAX];
    certmap_cert certs[CERTMAP_CERTS];
    hostmap_str keys[CERTMAP_CERTS];
    certmap_record record, copy;
    hostmap_bad bad = { NULL, 0 };
    unsigned i;

    if (certmap_record_split(&record, bytes, &bad) != APR_SUCCESS) {
        must(bad.reason && bad.pos <= bytes.len);
        return;
    }
    must(is_inside(record.sealed, bytes) && is_inside(record.clear, bytes));
    if (certmap_record_certs(certs, &record, &bad) != APR_SUCCESS) {
        must(bad.reason && bad.pos <= bytes.len);
        return;
    }
    for (i = 0; i < record.count; i++) {
        must(certs[i].leaf.len > 0 && is_inside(certs[i].leaf, bytes));
    }
    if (certmap_record_keys(keys, record.count, record.sealed)
        != APR_SUCCESS) {
        return;
    }
    must(certmap_record_size(certs, keys, record.count) == bytes.len);
    must(certmap_record_write(again, &copy, certs, keys, record.count)
         == APR_SUCCESS);
    must(memcmp(again + CERTMAP_HEADER - 2, bytes.ptr + CERTMAP_HEADER - 2,
                bytes.len - CERTMAP_HEADER + 2) == 0);
}

static void read_chain(hostmap_str bytes)
{
    hostmap_str rest = bytes, cert;

    while (certmap_chain_next(&cert, &rest) == APR_SUCCESS) {
        must(cert.len > 0 && is_inside(cert, bytes)
             && is_inside(rest, bytes));
    }
}

static void read_name(hostmap_str bytes)
{
    char key[CERTMAP_NAME_MAX + 1], wild[CERTMAP_NAME_MAX + 1];
    apr_size_t len, wild_len;

    if (certmap_name_key(key, &len, bytes) != APR_SUCCESS) {
        return;
    }
    must(strlen(key) == len && len > 0 && len <= CERTMAP_NAME_MAX);
    must(certmap_name_check(hostmap_str_of(key, len), NULL) == APR_SUCCESS);
    must(certmap_name_shard(hostmap_str_of(key, len)) < CERTMAP_SHARDS);
    if (certmap_name_wildcard(wild, &wild_len, hostmap_str_of(key, len))
        == APR_SUCCESS) {
        must(strlen(wild) == wild_len);
        must(certmap_name_covers(hostmap_str_of(wild, wild_len),
                                 hostmap_str_of(key, len)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hostmap_str bytes = hostmap_str_of((const char *)data, size);

    read_record(bytes);
    read_chain(bytes);
    read_name(bytes);
    return 0;
}
