/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file vectors.h
 * @brief Test vectors: files of lines `input <tab> expected`.
 *
 * Blank lines and lines that begin with `#` are passed over.  Both fields know
 * the escapes \xHH, \t and \\.  The files lie in $VECTORS, else in
 * $top_srcdir/test/unit/vectors.
 */

#ifndef VECTORS_H
#define VECTORS_H

#include <stddef.h>

#include "apr_errno.h"

#include "hostmap/hostmap_key.h"

/** Longest answer. */
#define VECTOR_ANSWER 8192

/**
 * Says what the code under test makes of an input.
 * @param answer room for VECTOR_ANSWER bytes, an empty string at first
 * @param input its bytes; what lies behind the last one cannot be read
 */
typedef void vector_fn(char *answer, const char *input, size_t len);

/**
 * Compare the answer to each input of a file with the expected one.  Prints
 * each difference; fails the test for any, and for a file that is missing or
 * holds no vector.
 */
void vectors_run(const char *file, vector_fn *fn);

/** Append to an answer; more than fits fails the test. */
void vector_add(char *answer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Append "bad POS REASON"; fails the test unless rv is APR_EINVAL with a
 *  reason and a position inside the input. */
void vector_add_bad(char *answer, apr_status_t rv, const hostmap_bad *bad,
                    size_t len);

#endif /* VECTORS_H */
