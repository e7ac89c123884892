/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file reproxy_url_core.h
 * @brief The URLs that an app names in X-Reproxy-URL.
 *
 * Pure: no allocation, no I/O, any thread.  The struct refers to the bytes
 * that were parsed, which must outlive it.
 *
 * A URL goes to storage byte for byte (signed URLs), so nothing is repaired or
 * normalised here: what could mean one host or path to us and another to
 * mod_proxy, to a log or to storage is refused.
 */

#ifndef REPROXY_URL_CORE_H
#define REPROXY_URL_CORE_H

#include "apr.h"
#include "apr_errno.h"
#include "apr_network_io.h"

#include "base/str.h"

/** Longest URL in bytes: httpd's own limit of a request line. */
#define REPROXY_URL_MAX 8190

/** Room for reproxy_url_origin(): `https://[`, a host of 255 bytes, `]:65535`
 *  and the terminating NUL. */
#define REPROXY_ORIGIN_MAX 272

typedef struct reproxy_url {
    /** all of it, as the app wrote it */
    hostmap_str text;
    /** http or https, in any case */
    hostmap_str scheme;
    /** as written, IPv6 without brackets */
    hostmap_str host;
    /** the port that is meant: 80 or 443 when none is written */
    apr_port_t port;
    /** from the first `/` or `?` after the host to the end; may be empty */
    hostmap_str path;
} reproxy_url;

/**
 * Take the next word off the value of an X-Reproxy-URL header: words are
 * separated by any number of blanks and tabs, or by a comma and these: what is
 * between the app and us may have joined several headers so (RFC 9110, 5.3).
 * A comma at the end of the value belongs to its last word.
 * @param rest what is left of the value, moved after the word
 * @return 1, or 0 at the end
 */
int reproxy_url_next(hostmap_str *word, hostmap_str *rest);

/**
 * Parse one URL: http or https, a host, a port of 1 to 65535 or none, path and
 * query.
 * @param bad set on failure, may be NULL
 * @return APR_SUCCESS, or APR_EINVAL when the URL is refused: nothing of *url
 *         may be used then.
 *
 * Refused are: another scheme; a user name; a fragment; an empty host, a host
 * with a byte outside [A-Za-z0-9._-] or an empty label (one dot at the end is
 * allowed), a literal that is no IPv6 address; blanks, control characters,
 * bytes outside ASCII and `"<>\^{|}` and the backquote, which no URL holds
 * (RFC 3986, 2; `[` and `]` are let through, as queries hold them unescaped);
 * more than REPROXY_URL_MAX bytes.
 */
apr_status_t reproxy_url_parse(reproxy_url *url, const char *text,
                               apr_size_t len, hostmap_bad *bad);

/**
 * Check the labels of a name whose bytes are those of names: none is empty,
 * but for what follows one dot at the end.
 * @param bad set on failure, may be NULL; its position counts from the start
 *        of the name
 * @return APR_SUCCESS or APR_EINVAL
 */
apr_status_t reproxy_url_labels(hostmap_str name, hostmap_bad *bad);

/**
 * Write scheme://host[:port] in the one spelling that configuration uses:
 * lower case, no dot at the end, no port that is the scheme's.  For sections
 * and logs; a request needs the text as it is.
 * @param origin room for REPROXY_ORIGIN_MAX bytes; terminated with NUL
 * @return its length
 */
apr_size_t reproxy_url_origin(char *origin, const reproxy_url *url);

#endif /* REPROXY_URL_CORE_H */
