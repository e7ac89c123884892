/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_key.h
 * @brief Keys of a map: host names in their stored spelling, wildcards, paths.
 *
 * Pure: no allocation, no I/O, any thread.  A name is what httpd presents as
 * the name of a request's host: lower case, no port, no trailing dot, IPv6
 * without brackets, internationalised names in punycode.
 */

#ifndef HOSTMAP_KEY_H
#define HOSTMAP_KEY_H

#include "apr.h"
#include "apr_errno.h"

#include "base/str.h"

/** Longest key in bytes, for every type of map (LMDB's limit). */
#define HOSTMAP_KEY_MAX 511

/**
 * Write the stored spelling of a host name.
 * Lower-cases, cuts a port (":8080"), one trailing dot and the brackets of an
 * IPv6 literal.
 * @param key room for HOSTMAP_KEY_MAX + 1 bytes; terminated with NUL
 * @param len set to the length of the key
 * @param host the name as a client, an administrator or httpd spells it; NUL
 *        bytes inside are refused
 * @param bad set on failure, may be NULL
 * @return APR_SUCCESS; APR_EINVAL for a name that no request can have: empty,
 *         longer than HOSTMAP_KEY_MAX, an empty label, a byte outside
 *         [A-Za-z0-9._-] (outside brackets or a bare IPv6 literal), a port
 *         that is not a number of 1 to 65535
 */
apr_status_t hostmap_key_host(char *key, apr_size_t *len, hostmap_str host,
                              hostmap_bad *bad);

/* ---- keys of more than one name ---------------------------------------- */

/** Labels after the star of the longest `*.a.b.c`. */
#define HOSTMAP_PARENTS_MAX     16
/** Segments of the longest `host/a/b/c`. */
#define HOSTMAP_SEGMENTS_MAX    16

/** Longest name of a group, without its `@`. */
#define HOSTMAP_GROUP_NAME_MAX  64

/** Is it the key of a group of backends, `@NAME`?  No host begins so. */
static inline int hostmap_key_is_group(hostmap_str key)
{
    return key.len > 0 && key.ptr[0] == '@';
}

/** Features of a map: bits of the kinds of keys that it holds besides whole
 *  names.  A reader looks for no others. */
#define HOSTMAP_FEATURE_WILDCARD   0x1     /**< `*`, `*.example.com` */
#define HOSTMAP_FEATURE_PATH       0x2     /**< `www.example.com/blog` */

/**
 * Check that a key is spelled as it is looked up, for the tool that builds
 * maps: the error tells what to write instead.
 *
 * A key is a host key, a host key and a path, or `@` and the name of a group.
 * A host key is a name as hostmap_key_host() writes it, `*.` and such a name,
 * or `*`.  A path is
 * decoded and normalised: `/` and segments between single slashes, none of
 * them `.` or `..`, no slash at the end (`/blog` matches /blog, /blog/ and all
 * below), no bytes that would make it look encoded, like a wildcard or like
 * more than a path (`%`, `*`, `?`, `#`), no blanks and no control bytes.
 * @return APR_SUCCESS; APR_EINVAL with bad set.  Also refused: names that are
 *         not lower case, that carry a port, brackets or a trailing dot, that
 *         hold bytes outside ASCII (write punycode), more labels or segments
 *         than HOSTMAP_PARENTS_MAX and HOSTMAP_SEGMENTS_MAX
 */
apr_status_t hostmap_key_check(hostmap_str key, hostmap_bad *bad);

/** Length of the host key that a key begins with; all of it when it has no
 *  path. */
apr_size_t hostmap_key_host_len(hostmap_str key);

/** The HOSTMAP_FEATURE_ bits of a map that holds this key. */
unsigned hostmap_key_features(hostmap_str key);

/** Remembers the host keys among keys that come sorted by bytes.  Zero it. */
typedef struct hostmap_key_order {
    /** the last key, and which of its beginnings were keys themselves */
    char key[HOSTMAP_KEY_MAX];
    apr_size_t len;
    unsigned char seen[HOSTMAP_KEY_MAX + 1];
} hostmap_key_order;

/**
 * Take the next key: a path key needs its host key, which sorts before it.
 * All keys between the two begin with the host key, so it is enough to remember
 * the beginnings of the last key.
 * @return 1; 0 when key is a path key whose host key did not come before
 */
int hostmap_key_order_add(hostmap_key_order *order, hostmap_str key);

/**
 * Write the path of a URL as httpd has it when it looks a map up: without
 * query, decoded, slashes merged, dot segments resolved.
 * @param path room for in.len bytes
 * @param in begins with a slash
 * @return APR_SUCCESS; APR_EINVAL with bad set for what httpd refuses too: an
 *         escape that is not two hexadecimal digits, an encoded NUL or slash,
 *         dot segments that lead above the root
 */
apr_status_t hostmap_path_normalise(char *path, apr_size_t *len,
                                    hostmap_str in, hostmap_bad *bad);

#endif /* HOSTMAP_KEY_H */
