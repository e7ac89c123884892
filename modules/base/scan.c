/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file scan.c
 * @brief The small scanners that the parsers of keys, values, options and lines
 *        share.
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "scan.h"

const apr_uint16_t hostmap_scan_class[256] = {
    0x004, 0x004, 0x004, 0x004, 0x004, 0x004, 0x004, 0x004,
    0x004, 0x001, 0x004, 0x004, 0x004, 0x004, 0x004, 0x004,
    0x004, 0x004, 0x004, 0x004, 0x004, 0x004, 0x004, 0x004,
    0x004, 0x004, 0x004, 0x004, 0x004, 0x004, 0x004, 0x004,
    0x001, 0x000, 0x000, 0x040, 0x000, 0x000, 0x000, 0x000,
    0x000, 0x000, 0x000, 0x000, 0x000, 0x308, 0x308, 0x220,
    0x30a, 0x30a, 0x30a, 0x30a, 0x30a, 0x30a, 0x30a, 0x30a,
    0x30a, 0x30a, 0x010, 0x000, 0x000, 0x000, 0x000, 0x040,
    0x000, 0x208, 0x208, 0x208, 0x208, 0x208, 0x208, 0x208,
    0x208, 0x208, 0x208, 0x208, 0x208, 0x208, 0x208, 0x208,
    0x208, 0x208, 0x208, 0x208, 0x208, 0x208, 0x208, 0x208,
    0x208, 0x208, 0x208, 0x000, 0x080, 0x000, 0x000, 0x208,
    0x000, 0x308, 0x308, 0x308, 0x308, 0x308, 0x308, 0x308,
    0x308, 0x308, 0x308, 0x308, 0x308, 0x308, 0x308, 0x308,
    0x308, 0x308, 0x308, 0x308, 0x308, 0x308, 0x308, 0x308,
    0x308, 0x308, 0x308, 0x000, 0x000, 0x000, 0x200, 0x004
};

apr_status_t hostmap_scan_fail(const hostmap_scan *scan, const char *at,
                               const char *reason)
{
    if (scan->bad) {
        scan->bad->reason = reason;
        scan->bad->pos = (apr_size_t)(at - scan->base);
    }
    return APR_EINVAL;
}

hostmap_str hostmap_scan_word(hostmap_str *rest)
{
    hostmap_str word;

    *rest = hostmap_scan_trim(*rest);
    word.ptr = rest->ptr;
    word.len = 0;
    while (word.len < rest->len
           && !hostmap_scan_is_blank(word.ptr[word.len])) {
        word.len++;
    }
    rest->ptr += word.len;
    rest->len -= word.len;
    return word;
}

int hostmap_scan_number(apr_int64_t *number, hostmap_str str)
{
    apr_size_t i;
    apr_int64_t value = 0;

    if (str.len == 0) {
        return 0;
    }
    for (i = 0; i < str.len; i++) {
        int digit = str.ptr[i] - '0';

        if (!hostmap_scan_is_digit(str.ptr[i])
            || value > APR_INT64_MAX / 10
            || (value == APR_INT64_MAX / 10
                && digit > APR_INT64_MAX % 10)) {
            return 0;
        }
        value = value * 10 + digit;
    }
    *number = value;
    return 1;
}

int hostmap_scan_port(apr_port_t *port, hostmap_str str)
{
    unsigned number = 0;
    apr_size_t i;

    for (i = 0; i < str.len && number <= 65535; i++) {
        if (!hostmap_scan_is_digit(str.ptr[i])) {
            return 0;
        }
        number = number * 10 + (unsigned)(str.ptr[i] - '0');
    }
    if (number < 1 || number > 65535) {
        return 0;
    }
    *port = (apr_port_t)number;
    return 1;
}

int hostmap_scan_ipv6(hostmap_str str)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;

    /* a NUL byte would hide the rest of the name from inet_pton */
    if (str.len == 0 || str.len >= sizeof(text)
        || memchr(str.ptr, '\0', str.len) != NULL) {
        return 0;
    }
    memcpy(text, str.ptr, str.len);
    text[str.len] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
}

apr_size_t hostmap_scan_before(hostmap_str str, char stop)
{
    const char *at = str.len > 0 ? memchr(str.ptr, stop, str.len) : NULL;

    return at ? (apr_size_t)(at - str.ptr) : str.len;
}
