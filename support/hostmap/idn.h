/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file idn.h
 * @brief Names as people write them, in the spelling that is stored.  One
 *        thread: a reason is valid until the next call.
 */

#ifndef HOSTMAP_IDN_H
#define HOSTMAP_IDN_H

#include "hostmap/hostmap_key.h"

/** Is there a byte outside of ASCII in the host part of a key? */
int idn_wanted(const char *key, apr_size_t len);

/**
 * Write the host part of a key in punycode: UTS 46, non-transitional, within
 * what IDNA 2008 allows.  Browsers allow more: symbols, emoji, hyphens at the
 * ends of a label.  `*.` before the name and a path after it stay as they are.
 * @param out room for HOSTMAP_KEY_MAX + 1 bytes; terminated with NUL
 * @param reason set on failure
 * @return APR_SUCCESS, APR_EINVAL
 */
apr_status_t idn_key(char *out, apr_size_t *out_len,
                     const char *key, apr_size_t len, const char **reason);

/**
 * The same for any key, and more: lower case, without port, trailing dot and
 * brackets.  For lists that were not written for hostmap.
 */
apr_status_t idn_any_key(char *out, apr_size_t *out_len,
                         const char *key, apr_size_t len,
                         const char **reason);

#endif /* HOSTMAP_IDN_H */
