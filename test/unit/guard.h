/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file guard.h
 * @brief Bytes that end where an unreadable page begins: a parser that reads
 *        one byte too many crashes its test.
 */

#ifndef GUARD_H
#define GUARD_H

#include <stddef.h>

typedef struct guard {
    /** the copy; its last byte is the last one that can be read */
    char *bytes;
    void *map;
    size_t map_size;
} guard;

/** Copy len bytes, without a terminating NUL.  Fails the test when there is no
 *  memory. */
guard guard_bytes(const void *bytes, size_t len);

/** Copy a string with its NUL. */
guard guard_string(const char *string);

void guard_free(guard *copy);

#endif /* GUARD_H */
