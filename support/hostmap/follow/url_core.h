/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file url_core.h
 * @brief The URL that names a store.
 *
 *     redis://[user@]host[:port][,host[:port]...][/db][?name=hosts]
 *     rediss://...                                the same over TLS
 *     redis+unix:/path[?name=hosts&db=0&user=...]
 *     redis+sentinel://[user@]host[:port][,...]/master[/db][?name=hosts]
 *     postgresql://...[?name=hosts&...]           the rest is libpq's
 *
 * Pure: allocates nothing, any thread.
 */

#ifndef FOLLOW_URL_CORE_H
#define FOLLOW_URL_CORE_H

#include "apr_errno.h"
#include "apr_network_io.h"

#include "base/str.h"

#define FOLLOW_HOSTS_MAX 16
#define FOLLOW_NAME_MAX  64

typedef enum {
    FOLLOW_REDIS,
    FOLLOW_REDIS_TLS,
    FOLLOW_REDIS_UNIX,
    FOLLOW_REDIS_SENTINEL,
    FOLLOW_POSTGRESQL
} follow_scheme;

typedef struct follow_host {
    /** IPv6 without brackets */
    hostmap_str name;
    apr_port_t port;
} follow_host;

/** The texts refer to the bytes that were parsed. */
typedef struct follow_url {
    follow_scheme scheme;
    /** may be empty */
    hostmap_str user;
    follow_host hosts[FOLLOW_HOSTS_MAX];
    unsigned count;
    /** redis+unix: the socket */
    hostmap_str socket;
    /** redis+sentinel: what the sentinels call the master */
    hostmap_str master;
    unsigned db;
    /** which hosts of the store: `hosts` when the URL does not say */
    hostmap_str name;
    /** postgresql: what stands before the word `name=...` of the query and what
     *  stands after it, for libpq */
    hostmap_str before, after;
} follow_url;

/**
 * Parse a URL.  A password in it is refused: everybody on the machine can read
 * a command line.
 * @param bad set on failure, may be NULL
 * @return APR_SUCCESS or APR_EINVAL
 */
apr_status_t follow_url_parse(follow_url *url, hostmap_str text,
                              hostmap_bad *bad);

/** What a scheme's store is called in the name of what is followed. */
const char *follow_scheme_store(follow_scheme scheme);

#endif /* FOLLOW_URL_CORE_H */
