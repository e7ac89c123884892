/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file pool_conf.h
 * @brief The directives of mod_proxy_pool and what they set.
 *
 * Settings are written while the configuration is read and in post_config;
 * from then on any thread reads them.
 */

#ifndef POOL_CONF_H
#define POOL_CONF_H

#include "httpd.h"
#include "http_config.h"

#include "pool_limit_core.h"
#include "pool_options_core.h"

/** Why an entry or a ProxyPoolSet cannot have this option. */
#define POOL_NO_RETRY \
    "retry is for members of a balancer: a pool is never out of service"

extern module AP_MODULE_DECLARE_DATA proxy_pool_module;

/** The settings of a virtual host, in the configuration's pool. */
typedef struct pool_server_conf {
    int enabled;                /**< -1: unset, which means On */
    int max;                    /**< pools per child; 0: unset */
    const char *words;          /**< of ProxyPoolSet, joined; NULL: unset */
    const char *waiting_one;    /**< of ProxyPoolMaxWaiting; NULL: unset */
    const char *waiting_all;    /**< likewise; NULL: unset */
    /* set by pool_conf_resolve() from the above, so never merged */
    pool_limits limits;
    pool_options defaults;
    hostmap_str defaults_text;  /**< pool_options_key() of them */
} pool_server_conf;

#define POOL_IO_BUFFER (64 * 1024)

extern const command_rec pool_directives[];

/** For the module's structure: create and merge. */
void *pool_server_create(apr_pool_t *p, server_rec *s);
void *pool_server_merge(apr_pool_t *p, void *basev, void *addv);

static inline pool_server_conf *pool_server_conf_get(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &proxy_pool_module);
}

/**
 * In post_config, once for each virtual host: set the defaults from words, and
 * the limits.
 * @param workers that httpd has at most: what percentages are of
 */
void pool_conf_resolve(pool_server_conf *conf, unsigned workers,
                       apr_pool_t *p);

/**
 * In post_config, once for each virtual host: without ProxyIOBufferSize,
 * mod_proxy reads the body of an answer in pieces of POOL_IO_BUFFER.  It writes
 * each piece to the client by itself and reads no more than there is, so that
 * a large answer takes an eighth of the writes and no byte waits.
 */
void pool_conf_enlarge(server_rec *s);

#endif /* POOL_CONF_H */
