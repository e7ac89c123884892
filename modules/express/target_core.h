/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file target_core.h
 * @brief Where the path of a request leads: the rest after an entry's prefix,
 *        the backend's URL, and the Location of a redirect.
 *
 * Pure: strings in, strings out.
 */

#ifndef TARGET_CORE_H
#define TARGET_CORE_H

#include "apr_pools.h"

#include "hostmap/hostmap_entry.h"

/**
 * How much of a path a prefix takes, as ProxyPass counts it: slashes that
 * follow one another stand for one, and the prefix ends where the path, one of
 * its segments, or the query does.
 * @param prefix begins with a slash, has none at its end
 * @param path a path, decoded or not, with or without query
 * @return offset of the rest, which is empty or begins with `/` or `?`;
 *         0: the path is not under the prefix
 */
apr_size_t target_under(const char *prefix, const char *path);

/**
 * Is a segment of the raw path a `.` or `..`, encoded or not?  The backend
 * would read another prefix than the one that was matched.
 * @param raw a path as the client wrote it, with or without query
 */
int target_has_dots(const char *raw);

/**
 * Is this URL without doubt one that mod_proxy would leave as it is?  http or
 * https, host and scheme in lower case, no port or one other than the scheme's,
 * and a path of letters, digits and `-._~/` alone, which nothing encodes.
 * @param url of a backend, without query
 * @return 1 yes, 0: mod_proxy may write it in another way
 */
int target_is_canonical(const char *url);

/** The path encoded: only bytes that a URL's path and a cookie's Path may
 *  hold; in pool. */
const char *target_escape(const char *path, apr_pool_t *pool);

/**
 * The Location of a redirect.
 * @param url what the entry says.  With a `?` at its end: the whole Location,
 *        but for the `?`.  Else the rest follows its path, with one slash
 *        between; its own query stands, else the request's; its fragment stays
 * @param rest of the request's decoded path: empty, or begins with a slash
 * @param args query of the request as the client wrote it; NULL: none
 * @param keep_slashes encoded slashes (`%2F`) of the rest were not decoded:
 *        they are left as they are
 * @return in pool; no byte of rest and args that a URL cannot hold is in it
 */
const char *target_redirect(hostmap_str url, const char *rest,
                            const char *args, int keep_slashes,
                            apr_pool_t *pool);

#endif /* TARGET_CORE_H */
