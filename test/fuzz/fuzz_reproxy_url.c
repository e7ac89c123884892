/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Input: a rule of ReproxyAllow, a newline, the value of X-Reproxy-URL.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "apr_general.h"
#include "apr_pools.h"
#include "apr_strings.h"
#include "apr_uri.h"

#include "reproxy/reproxy_allow_core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

static int equals(hostmap_str str, const char *text)
{
    return text && strlen(text) == str.len
           && memcmp(text, str.ptr, str.len) == 0;
}

/** mod_proxy asks apr_uri_parse where to go: to the same place. */
static void check_apr(const reproxy_url *url, apr_pool_t *pool)
{
    apr_uri_t uri;

    require(apr_uri_parse(pool, apr_pstrmemdup(pool, url->text.ptr,
                                               url->text.len),
                          &uri) == APR_SUCCESS);
    require(equals(url->scheme, uri.scheme));
    require(equals(url->host, uri.hostname));
    require((uri.port ? uri.port : apr_uri_port_of_scheme(uri.scheme))
            == url->port);
    require(uri.user == NULL && uri.password == NULL && uri.fragment == NULL);
    require(equals(url->path, apr_pstrcat(pool, uri.path ? uri.path : "",
                                          uri.query ? "?" : "",
                                          uri.query ? uri.query : "", NULL)));
}

/** The one spelling of scheme, host and port means the same. */
static void check_origin(const reproxy_url *url)
{
    char text[REPROXY_ORIGIN_MAX], again[REPROXY_ORIGIN_MAX];
    apr_size_t len = reproxy_url_origin(text, url);
    reproxy_url origin;
    reproxy_allow rule;

    require(len < sizeof(text) && strlen(text) == len);
    require(reproxy_url_parse(&origin, text, len, NULL) == APR_SUCCESS);
    require(origin.port == url->port && origin.path.len == 0);
    require(reproxy_url_origin(again, &origin) == len
            && memcmp(text, again, len) == 0);
    require(reproxy_allow_parse(&rule, text, len, NULL) == APR_SUCCESS);
    require(reproxy_allow_match(&rule, &origin));
}

static void check_url(const reproxy_url *url, apr_pool_t *pool)
{
    apr_size_t i;

    for (i = 0; i < url->text.len; i++) {
        unsigned char c = (unsigned char)url->text.ptr[i];

        require(c > ' ' && c < 0x7f && c != '|' && c != '\\' && c != '#');
    }
    require(url->host.len > 0 && url->host.len <= 255 && url->port > 0);
    require(url->path.ptr + url->path.len == url->text.ptr + url->text.len);
    check_apr(url, pool);
    check_origin(url);
}

static void check_match(const reproxy_allow *rule, const reproxy_url *url,
                        apr_pool_t *pool)
{
    const char *path = apr_pstrmemdup(pool, url->path.ptr, url->path.len);

    if (rule->suffix.len > 0) {
        require(url->host.len > rule->suffix.len);
        require(url->port == (rule->port ? rule->port
                              : url->scheme.len == 4 ? 80 : 443));
        require(rule->scheme.len == 0
                || rule->scheme.len == url->scheme.len);
        return;
    }
    require(url->port == rule->prefix.port);
    require(url->scheme.len == rule->prefix.scheme.len);
    path = apr_pstrmemdup(pool, path, strcspn(path, "?"));
    require(strstr(path, "/../") == NULL && strstr(path, "/./") == NULL);
    require(strcasestr(path, "/%2e%2e/") == NULL);
}

static void check_bad(const hostmap_bad *bad, apr_size_t len)
{
    require(bad->reason != NULL && bad->pos <= len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int initialized;
    const char *text = (const char *)data;
    const char *newline = size > 0 ? memchr(text, '\n', size) : NULL;
    apr_size_t rule_len = newline ? (apr_size_t)(newline - text) : 0;
    hostmap_bad bad = { NULL, 0 };
    hostmap_str rest, word;
    reproxy_allow rule;
    reproxy_url url;
    apr_pool_t *pool;
    int has_rule;

    if (!initialized) {
        require(apr_initialize() == APR_SUCCESS);
        initialized = 1;
    }
    require(apr_pool_create(&pool, NULL) == APR_SUCCESS);
    has_rule = reproxy_allow_parse(&rule, text, rule_len, &bad) == APR_SUCCESS;
    if (!has_rule) {
        check_bad(&bad, rule_len);
    }
    rest.ptr = newline ? newline + 1 : text;
    rest.len = newline ? size - rule_len - 1 : size;
    while (reproxy_url_next(&word, &rest)) {
        if (reproxy_url_parse(&url, word.ptr, word.len, &bad)
            != APR_SUCCESS) {
            check_bad(&bad, word.len);
            continue;
        }
        check_url(&url, pool);
        if (has_rule && reproxy_allow_match(&rule, &url)) {
            check_match(&rule, &url, pool);
        }
    }
    apr_pool_destroy(pool);
    return 0;
}
