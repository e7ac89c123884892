/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file reproxy_allow_core.h
 * @brief ReproxyAllow: where an app may send us.
 *
 *     http://storage.example:8080/public
 *     https://bucket.example/
 *     *.blobs.example
 *     *.blobs.example:8443
 *
 * Pure: no allocation, no I/O, any thread.  URLs are compared as URLs, never
 * as prefixes of bytes.
 */

#ifndef REPROXY_ALLOW_CORE_H
#define REPROXY_ALLOW_CORE_H

#include "reproxy_url_core.h"

/** A rule; refers to the bytes that were parsed, which must outlive it. */
typedef struct reproxy_allow {
    /** `.blobs.example` of `*.blobs.example`; empty: the rule is a prefix */
    hostmap_str suffix;
    /** of a suffix: empty, any */
    hostmap_str scheme;
    /** of a suffix: 0, that of the URL's scheme */
    apr_port_t port;
    /** the prefix */
    reproxy_url prefix;
} reproxy_allow;

/**
 * Parse a rule: an http or https URL without query, or `*.` and a host name,
 * with or without `http://` or `https://` before it and a port after it.
 * @param bad set on failure, may be NULL
 * @return APR_SUCCESS, or APR_EINVAL when the rule is bad: nothing of *rule
 *         may be used then.  A rule that would match nothing, or not what it
 *         looks like, is bad: dot segments, `*` in other places, a suffix
 *         whose last label is a number.
 */
apr_status_t reproxy_allow_parse(reproxy_allow *rule, const char *text,
                                 apr_size_t len, hostmap_bad *bad);

/**
 * Does the rule let this URL through?
 *
 * A prefix: the same scheme, host (without regard to case and to a dot at the
 * end; IPv6 addresses as addresses) and effective port, and the prefix's path
 * byte for byte up to a segment boundary.  A URL whose path holds a dot
 * segment matches no prefix, whatever storage may take for one: escaped,
 * escaped twice, between backslashes, with a parameter (`..;x`).
 *
 * A suffix: hosts below it at any depth, not the suffix itself and never an
 * IP address, with the scheme of the rule (any if it names none), on its port
 * (that of the URL's scheme if it names none); any path.
 */
int reproxy_allow_match(const reproxy_allow *rule, const reproxy_url *url);

#endif /* REPROXY_ALLOW_CORE_H */
