/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file digest_core.h
 * @brief A digest of all entries of a map that is kept up with each change.
 *
 * The sum, modulo 2^64 in two lanes, of the first 16 bytes of SHA-1 over each
 * entry: the order of changes does not matter, and an entry that goes is
 * subtracted.  Equal entries have equal digests on all machines.  Not against
 * a writer of entries that wants two maps to look alike.
 *
 * Pure: no allocation, no I/O, any thread.
 */

#ifndef FOLLOW_DIGEST_CORE_H
#define FOLLOW_DIGEST_CORE_H

#include "apr.h"

#include "base/str.h"

/** Digits of a digest as text. */
#define FOLLOW_DIGEST_TEXT 32

/** All zero: of no entries. */
typedef struct follow_digest {
    apr_uint64_t lanes[2];
} follow_digest;

/** An entry comes. */
void follow_digest_add(follow_digest *digest, hostmap_str key,
                       hostmap_str value);

/** An entry goes. */
void follow_digest_remove(follow_digest *digest, hostmap_str key,
                          hostmap_str value);

int follow_digest_equal(const follow_digest *a, const follow_digest *b);

/** Write it as hexadecimal digits and NUL.
 *  @param text room for FOLLOW_DIGEST_TEXT + 1 bytes */
void follow_digest_write(const follow_digest *digest, char *text);

/** Read what follow_digest_write() wrote.  @return 1; 0: not a digest */
int follow_digest_read(follow_digest *digest, hostmap_str text);

/** The first 32 bits of the digest of some texts, each with its length: tells
 *  entries of a log apart that have one number. */
apr_uint32_t follow_digest_mark(const hostmap_str *texts, apr_size_t count);

#endif /* FOLLOW_DIGEST_CORE_H */
