/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file mod_proxy_express.h
 * @brief What mod_proxy_express offers to other modules: optional functions.
 *
 * Retrieve them with APR_RETRIEVE_OPTIONAL_FN in post_config; a NULL means
 * that the module is not loaded (or is httpd's own of that name).
 */

#ifndef MOD_PROXY_EXPRESS_H
#define MOD_PROXY_EXPRESS_H

#include "httpd.h"
#include "apr_optional.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What became of a request. */
typedef enum {
    /** not looked up: no map here, or another module had decided */
    PROXY_EXPRESS_NONE,
    PROXY_EXPRESS_MAPPED,       /**< a backend serves it */
    PROXY_EXPRESS_ANSWERED,     /**< the entry is a status or a redirect */
    PROXY_EXPRESS_DECLINED,     /**< the entry leaves it to others: `!` */
    PROXY_EXPRESS_UNKNOWN,      /**< no entry */
    PROXY_EXPRESS_BAD_ENTRY,    /**< the entry does not parse */
    PROXY_EXPRESS_LOOP,         /**< the entry leads back to this server */
    PROXY_EXPRESS_MAP_BUSY,     /**< a writer held the map for too long */
    PROXY_EXPRESS_MAP_BROKEN,   /**< the map cannot be read */
    PROXY_EXPRESS_OUTCOMES
} proxy_express_outcome;

/** Which entry answered a request. */
typedef struct proxy_express_answer {
    const char *key;            /**< of the entry, NULL: none */
    unsigned map;               /**< number of its map, as in maps() */
    /** URL of its backend, not terminated; empty: none */
    const char *backend;
    apr_size_t backend_len;
} proxy_express_answer;

/**
 * What became of a request; from fixups on, on its thread.
 * @param answer set unless the result is PROXY_EXPRESS_NONE; lives as long as
 *        the request
 */
APR_DECLARE_OPTIONAL_FN(proxy_express_outcome, proxy_express_answered,
                        (request_rec *r, proxy_express_answer *answer));

/** A map as this child process has it. */
typedef struct proxy_express_map {
    const char *path;
    const char *type;           /**< NULL: no file of it was opened */
    const char *state;          /**< "ok", "busy", "broken", "not read" */
    apr_int64_t entries;        /**< -1: the type cannot tell */
    apr_time_t modified;        /**< of the file that is served; 0: none */
    apr_uint64_t replaced;      /**< files taken in place of another */
    apr_interval_time_t broken; /**< how long, in all */
    apr_interval_time_t busy;
    const char *last_error;     /**< NULL: none */
    apr_time_t last_error_at;
} proxy_express_map;

/**
 * The maps of this child process, looked at now, in the order of the
 * configuration, which numbers them in all children alike.
 * @param maps set to an array in p
 * @return how many
 */
APR_DECLARE_OPTIONAL_FN(unsigned, proxy_express_maps,
                        (const proxy_express_map **maps, apr_pool_t *p));

/** Which entry of a map answers for a host and a path, and what it does. */
typedef struct proxy_express_entry {
    const char *key;            /**< NULL: none; reason says why */
    const char *match;          /**< "exact", "wildcard", "default", "path" */
    const char *action;         /**< "proxy", "redirect", "status", "decline";
                                 *   NULL: the value does not parse */
    int status;                 /**< of a redirect or a status; else 0 */
    const char *target;         /**< URL of a backend or redirect, `@` and the
                                 *   name of a group, or NULL */
    /** scheme://host:port of a backend, or its socket before that; or NULL */
    const char *origin;
    const char *options;        /**< words after the URL, or the members of a
                                 *   group and theirs, their secrets hidden; or
                                 *   NULL */
    const char *reason;         /**< why there is no answer, or NULL */
} proxy_express_entry;

/**
 * Ask a map as a request would.
 * @param entry set; its strings are in p
 * @param map its number
 * @param host as in a Host header
 * @param path as in a request line
 */
APR_DECLARE_OPTIONAL_FN(void, proxy_express_ask,
                        (proxy_express_entry *entry, unsigned map,
                         const char *host, const char *path, apr_pool_t *p));

#ifdef __cplusplus
}
#endif

#endif /* MOD_PROXY_EXPRESS_H */
