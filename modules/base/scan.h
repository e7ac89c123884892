/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file scan.h
 * @brief The small scanners that the parsers of keys, values, lines and URLs
 *        share.
 *
 * Internal to the tree.  ASCII only: nothing here depends on the locale.
 * Pure: no allocation, no I/O, any thread.
 */

#ifndef BASE_SCAN_H
#define BASE_SCAN_H

#include <string.h>

#include "apr_cstr.h"
#include "apr_errno.h"
#include "apr_network_io.h"

#include "str.h"

/** The text being parsed, and where its first fault is reported. */
typedef struct hostmap_scan {
    const char *base;
    hostmap_bad *bad;   /**< may be NULL */
} hostmap_scan;

/** Report a fault.  @return APR_EINVAL, for the caller to return */
apr_status_t hostmap_scan_fail(const hostmap_scan *scan, const char *at,
                               const char *reason);

/** Classes of bytes: the bits of hostmap_scan_class. */
#define HOSTMAP_SCAN_BLANK   0x01   /**< blank, tab */
#define HOSTMAP_SCAN_DIGIT   0x02
#define HOSTMAP_SCAN_CONTROL 0x04   /**< 0 to 31 except the tab, and 127 */
#define HOSTMAP_SCAN_NAME    0x08   /**< in host names, underscore included */
#define HOSTMAP_SCAN_COLON   0x10
#define HOSTMAP_SCAN_SLASH   0x20
#define HOSTMAP_SCAN_QUERY   0x40   /**< `?` and `#` */
#define HOSTMAP_SCAN_ESCAPE  0x80   /**< backslash */
/** Bytes that a canonical URL holds as they are: in its host, in lower case;
 *  and in its path, those that RFC 3986 calls unreserved, and the slash. */
#define HOSTMAP_SCAN_PLAIN_HOST 0x100
#define HOSTMAP_SCAN_PLAIN_PATH 0x200

/** The classes of each byte.  A table, because keys and values are read in
 *  every request. */
extern const apr_uint16_t hostmap_scan_class[256];

static inline int hostmap_scan_is(char c, int class_bits)
{
    return hostmap_scan_class[(unsigned char)c] & class_bits;
}

static inline int hostmap_scan_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static inline int hostmap_scan_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/** Length of the bytes before the first of a class. */
static inline apr_size_t hostmap_scan_until(hostmap_str str, int class_bits)
{
    apr_size_t i = 0;

    while (i < str.len && !hostmap_scan_is(str.ptr[i], class_bits)) {
        i++;
    }
    return i;
}

/** Length of the bytes of a class at the front. */
static inline apr_size_t hostmap_scan_while(hostmap_str str, int class_bits)
{
    apr_size_t i = 0;

    while (i < str.len && hostmap_scan_is(str.ptr[i], class_bits)) {
        i++;
    }
    return i;
}

/** Is str the text, without regard to case? */
static inline int hostmap_scan_equal(hostmap_str str, const char *text)
{
    return strlen(text) == str.len
           && apr_cstr_casecmpn(str.ptr, text, str.len) == 0;
}

/** The rest after the first len bytes. */
static inline hostmap_str hostmap_scan_after(hostmap_str str, apr_size_t len)
{
    str.ptr += len;
    str.len -= len;
    return str;
}

/** Cut blanks off both ends. */
static inline hostmap_str hostmap_scan_trim(hostmap_str str)
{
    while (str.len > 0 && hostmap_scan_is_blank(str.ptr[0])) {
        str.ptr++;
        str.len--;
    }
    while (str.len > 0 && hostmap_scan_is_blank(str.ptr[str.len - 1])) {
        str.len--;
    }
    return str;
}

/** Take the next word off the front of rest; empty when there is none. */
hostmap_str hostmap_scan_word(hostmap_str *rest);

/** Length of the bytes before the first `stop`, or of all if there is none. */
apr_size_t hostmap_scan_before(hostmap_str str, char stop);

/** Read digits, and nothing else, that fit the number.  @return 1; else 0 */
int hostmap_scan_number(apr_int64_t *number, hostmap_str str);

/** Read a number of 1 to 65535.  @return 1; else 0 */
int hostmap_scan_port(apr_port_t *port, hostmap_str str);

/** Is it an IPv6 address, without brackets and zone?  @return 1; else 0 */
int hostmap_scan_ipv6(hostmap_str str);

#endif /* BASE_SCAN_H */
