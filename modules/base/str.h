/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file str.h
 * @brief Bytes of a buffer that the caller does not own, and a fault in them.
 *
 * The names of base/ begin with hostmap_ like those of the map library: both
 * are linked into modules, where other libraries have names too.
 */

#ifndef BASE_STR_H
#define BASE_STR_H

#include <string.h>

#include "apr.h"

/** Bytes of a buffer that is owned elsewhere; not terminated. */
typedef struct hostmap_str {
    const char *ptr;
    apr_size_t len;
} hostmap_str;

/** What is wrong with a piece of text, and where. */
typedef struct hostmap_bad {
    /** static text, lower case, for "KEY: reason" */
    const char *reason;
    /** offset of the first byte that is wrong */
    apr_size_t pos;
} hostmap_bad;

/** The bytes of a buffer as a hostmap_str. */
static inline hostmap_str hostmap_str_of(const char *ptr, apr_size_t len)
{
    hostmap_str str;

    str.ptr = ptr;
    str.len = len;
    return str;
}

/** The bytes of a string that is terminated with NUL, without the NUL. */
static inline hostmap_str hostmap_str_text(const char *text)
{
    return hostmap_str_of(text, strlen(text));
}

#endif /* BASE_STR_H */
