/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file mod_proxy_pool.h
 * @brief What mod_proxy_pool offers to other modules: optional functions.
 *
 * Retrieve them with APR_RETRIEVE_OPTIONAL_FN in post_config; a NULL means
 * that the module is not loaded.
 */

#ifndef MOD_PROXY_POOL_H
#define MOD_PROXY_POOL_H

#include "httpd.h"
#include "apr_optional.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Give the options of the pool that is to serve this request, over those of
 * ProxyPoolSet, in place of those given before.  Before mod_proxy's handler
 * runs, on the request's thread.
 * @param words key=value words with ProxyPass's names; checked already, must
 *        live as long as the request; not terminated
 * @param len their length, 0: none
 * @param about what they belong to, for a message when they have no effect:
 *        lives as long as the request; NULL: say nothing
 */
APR_DECLARE_OPTIONAL_FN(void, proxy_pool_set_options,
                        (request_rec *r, const char *words, apr_size_t len,
                         const char *about));

/** How the members of a group share requests. */
typedef enum {
    PROXY_POOL_ROUNDROBIN,      /**< by weight, in turn */
    PROXY_POOL_LEASTCONN,       /**< the fewest requests in flight */
    PROXY_POOL_HASH,            /**< the same for the same client */
    PROXY_POOL_FIRST            /**< in their order */
} proxy_pool_policy;

typedef struct proxy_pool_member {
    /** scheme://host:port, or unix:PATH|scheme://host:port; the scheme in lower
     *  case */
    const char *origin;
    const char *words;          /**< as of proxy_pool_set_options() */
    apr_size_t words_len;
    unsigned weight;            /**< 1 to 1000 */
    int backup;
} proxy_pool_member;

/** Backends any of which can serve a request: schemes of one kind, the same
 *  path. */
typedef struct proxy_pool_group {
    proxy_pool_policy policy;
    const char *sticky;         /**< name of a cookie, or NULL */
    int retries;                /**< further members to ask; -1: all */
    const int *failon;          /**< statuses of a failure, 0 at the end */
    unsigned count;             /**< 1 to 32 */
    const proxy_pool_member *members;
    const char *about;          /**< for messages */
} proxy_pool_group;

/**
 * Have a group serve this request.  mod_proxy is given the URL of any member.
 * Before mod_proxy's handler runs, on the request's thread.  Ends with the next
 * proxy_pool_set_options().
 * @param group lives as long as the request
 */
APR_DECLARE_OPTIONAL_FN(void, proxy_pool_set_group,
                        (request_rec *r, const proxy_pool_group *group));

/** How a request got its connection. */
typedef enum {
    /** no pool of ours (a configured worker, ...), or a scheme whose
     *  connections cannot be watched (fcgi, scgi, ajp) */
    PROXY_POOL_NONE,
    PROXY_POOL_GENERIC,     /**< all pools in use: mod_proxy's own worker */
    PROXY_POOL_NEW,         /**< a pool, over a new connection, or none */
    PROXY_POOL_REUSED       /**< a pool, over a kept one */
} proxy_pool_use;

/**
 * How a request was served; meant for log_transaction and filters.
 * @param name set to where the pool's connections lead, scheme://host:port
 *        (its options are not for logs: they may hold a secret), or NULL
 * @param resent set to 1 when the request was sent again on a new connection
 */
APR_DECLARE_OPTIONAL_FN(proxy_pool_use, proxy_pool_served,
                        (request_rec *r, const char **name, int *resent));

/** What became of a request's last attempt over a pool. */
typedef struct proxy_pool_facts {
    const char *name;           /**< as of proxy_pool_served() */
    proxy_pool_use use;
    int resent;
    unsigned attempts;          /**< backends that were asked, one or more */
    /** "refused", "timeout", "reset" (closed before it answered), "bad" (not
     *  an answer of its protocol), "limited" (not sent: ProxyPoolMaxWaiting);
     *  NULL: it did not fail */
    const char *failure;
    /** until the first byte of the answer came; -1: none, or the scheme's
     *  connections cannot be watched */
    apr_interval_time_t first_byte;
} proxy_pool_facts;

/**
 * How the last attempt for a request went; meant for log_transaction.
 * @param facts set when the result is 1; points into the request's pool
 * @return 1; 0: no pool has served the request
 */
APR_DECLARE_OPTIONAL_FN(int, proxy_pool_facts_get,
                        (request_rec *r, proxy_pool_facts *facts));

/** Counts of this child process. */
typedef struct proxy_pool_counts {
    unsigned pools;             /**< there now */
    unsigned in_use;            /**< of these, serving a request */
    apr_uint64_t made;
    apr_uint64_t evicted;       /**< destroyed because the table was full */
    apr_uint64_t retired;       /**< destroyed because unused or too old */
    apr_uint64_t refused;       /**< requests that found all in use */
    apr_uint64_t resent;        /**< requests sent again */
} proxy_pool_counts;

APR_DECLARE_OPTIONAL_FN(void, proxy_pool_count, (proxy_pool_counts *counts));

#ifdef __cplusplus
}
#endif

#endif /* MOD_PROXY_POOL_H */
