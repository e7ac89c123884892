/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file reverse_core.h
 * @brief ProxyPassReverse for one entry: a backend's own URLs in a response
 *        become the client's.
 *
 * Pure: strings in, strings out.  URLs are compared as URLs (scheme, host,
 * effective port, then the path at a segment boundary), never as prefixes of
 * bytes: http://10.0.0.5 does not match http://10.0.0.50 or
 * http://10.0.0.5.evil.example.
 */

#ifndef REVERSE_CORE_H
#define REVERSE_CORE_H

#include "apr_pools.h"

#include "hostmap/hostmap_entry.h"

/** What maps to what. */
typedef struct reverse_map {
    /** the entry that served the request; kind is HOSTMAP_ENTRY_PROXY */
    const hostmap_entry *entry;
    /** scheme://host[:port] of the request as the client sees it, no slash at
     *  the end (ap_construct_url of ""); reverse_cookie() does without */
    const char *front;
    /** path under which the entry is served, "" for all of the host; no slash
     *  at the end */
    const char *prefix;
} reverse_map;

/**
 * Rewrite a URL of the response (Location, Content-Location, URI,
 * Destination).  A path at or below the prefix is the client's already: the app
 * knows where it is served.  (Unless the backend's path lies below the prefix
 * and holds it, too: `/blog http://b/blog/v2`.)
 * @return NULL: not the backend's, leave it alone.  Else the client's URL, in
 *         pool.  An absolute or scheme-relative URL becomes an absolute one, a
 *         path under the backend's path becomes a path.
 */
const char *reverse_location(const reverse_map *map, const char *url,
                             apr_pool_t *pool);

/**
 * Rewrite a Set-Cookie value: a Path under the backend's path gets the entry's
 * prefix instead, a Domain that is exactly the backend's host is dropped (the
 * cookie is then the client's host's).  Nothing else is touched, byte for byte.
 *
 * A Path stays if the backend's URL has no path, if it is at or below the
 * prefix as above, and if a browser would refuse the result (RFC 6265bis: one
 * of over 1024 bytes; any but `/` for a name that begins with __Host-).
 * @return NULL: nothing to change.  Else the new value, in pool.
 */
const char *reverse_cookie(const reverse_map *map, const char *cookie,
                           apr_pool_t *pool);

#endif /* REVERSE_CORE_H */
