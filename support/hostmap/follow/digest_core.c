/* SPDX-License-Identifier: Apache-2.0 */

/*
 * digest_core.c: the digest of all entries of a map.
 */

#include "digest_core.h"

#include <stdio.h>

#include "apr_sha1.h"

/* Before the bytes of a text: where it ends is part of what is hashed. */
static void sum_length(apr_sha1_ctx_t *sha, apr_size_t len)
{
    unsigned char bytes[4];

    bytes[0] = (unsigned char)(len >> 24);
    bytes[1] = (unsigned char)(len >> 16);
    bytes[2] = (unsigned char)(len >> 8);
    bytes[3] = (unsigned char)len;
    apr_sha1_update_binary(sha, bytes, sizeof(bytes));
}

static void sum_text(apr_sha1_ctx_t *sha, hostmap_str text)
{
    if (text.len) {
        apr_sha1_update_binary(sha, (const unsigned char *)text.ptr,
                               (unsigned int)text.len);
    }
}

static apr_uint64_t lane_of(const unsigned char *bytes)
{
    apr_uint64_t lane = 0;
    int i;

    for (i = 0; i < 8; i++) {
        lane = lane << 8 | bytes[i];
    }

    return lane;
}

static follow_digest digest_of(hostmap_str key, hostmap_str value)
{
    unsigned char sum[APR_SHA1_DIGESTSIZE];
    apr_sha1_ctx_t sha;
    follow_digest digest;

    apr_sha1_init(&sha);
    sum_length(&sha, key.len);
    sum_text(&sha, key);
    sum_text(&sha, value);
    apr_sha1_final(sum, &sha);
    digest.lanes[0] = lane_of(sum);
    digest.lanes[1] = lane_of(sum + 8);

    return digest;
}

void follow_digest_add(follow_digest *digest, hostmap_str key,
                       hostmap_str value)
{
    follow_digest one = digest_of(key, value);

    digest->lanes[0] += one.lanes[0];
    digest->lanes[1] += one.lanes[1];
}

void follow_digest_remove(follow_digest *digest, hostmap_str key,
                          hostmap_str value)
{
    follow_digest one = digest_of(key, value);

    digest->lanes[0] -= one.lanes[0];
    digest->lanes[1] -= one.lanes[1];
}

int follow_digest_equal(const follow_digest *a, const follow_digest *b)
{
    return a->lanes[0] == b->lanes[0] && a->lanes[1] == b->lanes[1];
}

void follow_digest_write(const follow_digest *digest, char *text)
{
    snprintf(text, FOLLOW_DIGEST_TEXT + 1, "%016llx%016llx",
             (unsigned long long)digest->lanes[0],
             (unsigned long long)digest->lanes[1]);
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int follow_digest_read(follow_digest *digest, hostmap_str text)
{
    follow_digest read = { { 0, 0 } };
    apr_size_t i;

    if (text.len != FOLLOW_DIGEST_TEXT) {
        return 0;
    }
    for (i = 0; i < text.len; i++) {
        apr_uint64_t *lane = &read.lanes[i / 16];
        int digit = digit_of(text.ptr[i]);

        if (digit < 0) {
            return 0;
        }
        *lane = *lane << 4 | (apr_uint64_t)digit;
    }
    *digest = read;

    return 1;
}

apr_uint32_t follow_digest_mark(const hostmap_str *texts, apr_size_t count)
{
    unsigned char sum[APR_SHA1_DIGESTSIZE];
    apr_sha1_ctx_t sha;
    apr_size_t i;

    apr_sha1_init(&sha);
    for (i = 0; i < count; i++) {
        sum_length(&sha, texts[i].len);
        sum_text(&sha, texts[i]);
    }
    apr_sha1_final(sum, &sha);

    return (apr_uint32_t)(lane_of(sum) >> 32);
}
