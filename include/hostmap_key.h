/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_key.h
 * @brief Keys of a map: host names, in the one spelling that is stored.
 *
 * Pure: no allocation, no I/O, any thread.  A key is what httpd presents as
 * the name of a request's host: lower case, no port, no trailing dot, IPv6
 * without brackets, internationalised names in punycode.
 */

#ifndef HOSTMAP_KEY_H
#define HOSTMAP_KEY_H

#include "apr.h"
#include "apr_errno.h"

/** Longest key in bytes, for every type of map (LMDB's limit). */
#define HOSTMAP_KEY_MAX 511

/** What is wrong with a piece of text, and where. */
typedef struct hostmap_bad {
    /** static text, lower case, for "KEY: reason" */
    const char *reason;
    /** offset of the first byte that is wrong */
    apr_size_t pos;
} hostmap_bad;

/**
 * Write the stored spelling of a host name.
 * Lower-cases, cuts a port (":8080"), one trailing dot and the brackets of an
 * IPv6 literal.
 * @param key room for HOSTMAP_KEY_MAX + 1 bytes; terminated with NUL
 * @param len set to the length of the key
 * @param host the name as a client, an administrator or httpd spells it
 * @param host_len its length; NUL bytes inside are refused
 * @param bad set on failure, may be NULL
 * @return APR_SUCCESS; APR_EINVAL for a name that no request can have: empty,
 *         longer than HOSTMAP_KEY_MAX, an empty label, a byte outside
 *         [A-Za-z0-9._-] (outside brackets or a bare IPv6 literal), a port
 *         that is not a number of 1 to 65535
 */
apr_status_t hostmap_key_host(char *key, apr_size_t *len,
                              const char *host, apr_size_t host_len,
                              hostmap_bad *bad);

/**
 * Check that a key is spelled as it is looked up, for builders of maps: the
 * error says what to write instead.
 * @return APR_SUCCESS; APR_EINVAL with bad set.  Names that are not lower
 *         case, that carry a port, brackets or a trailing dot, that hold bytes
 *         outside ASCII (write punycode), and keys with `*` or `/` (no entry
 *         of this version is matched by pattern or path) are refused.
 */
apr_status_t hostmap_key_check(const char *key, apr_size_t len,
                               hostmap_bad *bad);

#endif /* HOSTMAP_KEY_H */
