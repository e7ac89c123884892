/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What distinguishes pools: mod_proxy's settings of the virtual host (and
 * mod_ssl's, for TLS), whether requests can be sent again, where the
 * connection leads, and the options.
 */

#include "pool_key.h"

#include "apr_strings.h"

#include "pool_conf.h"

/* A request that cannot be sent again does not take a connection that has been
 * idle for this long: the backend may be about to close it. */
#define POOL_UNREPEATABLE_TTL apr_time_from_sec(1)

/* Most schemes differ in the first letter. */
int pool_key_begins(const char *url, const char *scheme)
{
    return (*url | 0x20) == *scheme
           && ap_cstr_casecmpn(url, scheme, strlen(scheme)) == 0;
}

/* scheme://host:port of a URL, and the bytes before it if it has a socket. */
static apr_size_t pool_origin_length(const char *url)
{
    const char *bar = pool_key_begins(url, "unix:") ? ap_strchr_c(url, '|')
                                                    : NULL;
    const char *host = ap_strchr_c(bar ? bar : url, ':');

    if (!host || strncmp(host, "://", 3) != 0) {
        return strlen(url);
    }
    host += 3;
    return (host - url) + strcspn(host, "/?");
}

/* ProxyPoolSet's options, and over them an entry's, in one spelling. */
static hostmap_str pool_options_text(pool_worker_spec *spec,
                                     const pool_request *state,
                                     request_rec *r)
{
    const pool_server_conf *own = pool_server_conf_get(r->server);
    pool_options *merged;
    hostmap_str text;
    char *bytes;

    spec->options = &own->defaults;
    if (state->words.len == 0) {
        return own->defaults_text;
    }
    merged = apr_pmemdup(r->pool, &own->defaults, sizeof(*merged));
    pool_options_read(merged, state->words, NULL);
    if (pool_options_has(merged, "retry")) {
        pool_log_ignored(r, POOL_NO_RETRY);
    }
    spec->options = merged;
    text.ptr = bytes = apr_palloc(r->pool, POOL_OPTIONS_KEY_MAX);
    text.len = pool_options_key(bytes, merged);
    return text;
}

static char *pool_key_put(char *at, const void *bytes, apr_size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

hostmap_str pool_key(pool_worker_spec *spec, const pool_request *state,
                     request_rec *r, const proxy_server_conf *conf,
                     const char *url)
{
    /* a note of mod_proxy's, which has taken unix:...| off the URL */
    const char *socket = apr_table_get(r->notes, "uds_path");
    hostmap_str options = pool_options_text(spec, state, r);
    apr_size_t url_len = pool_origin_length(url);
    const void *settings = conf;
    hostmap_str key;
    char *at;

    if (strncmp(url, "http://", strlen("http://")) != 0) {
        settings = r->server;
    }
    if (socket) {
        url = apr_psprintf(r->pool, "unix:%s|%.*s", socket, (int)url_len, url);
        url_len = strlen(url);
    }
    key.len = sizeof(settings) + 1 + url_len + 1 + options.len;
    key.ptr = at = apr_palloc(r->pool, key.len);
    at = pool_key_put(at, &settings, sizeof(settings));
    *at++ = (char)state->repeatable;
    spec->url = at;
    at = pool_key_put(at, url, url_len);
    *at++ = '\0';
    pool_key_put(at, options.ptr, options.len);
    spec->server = r->server;
    spec->ttl_max = state->repeatable ? 0 : POOL_UNREPEATABLE_TTL;
    return key;
}
