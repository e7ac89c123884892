/* SPDX-License-Identifier: Apache-2.0 */

/*
 * redis_link.c: a connection to Redis.
 */

#include "redis_link.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#ifdef SWITCHBOARD_HIREDIS_SSL
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#endif

#include "message.h"

/* A server answers within this time; what is silent for longer is gone. */
#define REDIS_TIMEOUT_SECONDS 3

static const struct timeval redis_timeout = { REDIS_TIMEOUT_SECONDS, 0 };

static int begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* ---- replies ----------------------------------------------------------- */

/* What a server says when it refuses; all else is not now. */
static apr_status_t error_status(const char *text)
{
    static const char *const denied[] = {
        "NOAUTH", "WRONGPASS", "NOPERM", "ERR invalid password",
        "ERR Client sent AUTH", "ERR AUTH"
    };
    static const char *const later[] = {
        "LOADING", "MASTERDOWN", "BUSY", "CLUSTERDOWN", "TRYAGAIN", "READONLY",
        "MISCONF", "OOM", "NOREPLICAS"
    };
    apr_size_t i;

    for (i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
        if (begins(text, denied[i])) {
            return FOLLOW_EDENIED;
        }
    }
    for (i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
        if (begins(text, later[i])) {
            return FOLLOW_EDOWN;
        }
    }

    return APR_EGENERAL;
}

static apr_status_t link_failed(redis_link *link, hostmap_reason *why)
{
    redisContext *c = link->context;

    if (!c) {
        /* it has ended in a command whose failure nobody was told of */
        return follow_fail(why, FOLLOW_EDOWN, "%s", link->lost.text[0]
                           ? link->lost.text : "not connected");
    }
    if (c->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        follow_fail(&link->lost, FOLLOW_EDOWN, "%s has not answered for %d s",
                    link->peer, REDIS_TIMEOUT_SECONDS);
    }
    else {
        follow_fail(&link->lost, FOLLOW_EDOWN, "%s: %s", link->peer,
                    c->errstr);
    }
    redis_link_close(link);

    return follow_fail(why, FOLLOW_EDOWN, "%s", link->lost.text);
}

apr_status_t redis_link_judge(redis_link *link, redisReply **reply, int type,
                              hostmap_reason *why)
{
    redisReply *r = *reply;
    apr_status_t rv;

    if (!r) {
        return link_failed(link, why);
    }
    if (r->type == REDIS_REPLY_ERROR) {
        rv = follow_fail(&link->lost, error_status(r->str),
                         "%s answers: %.200s", link->peer, r->str);
        follow_fail(why, rv, "%s", link->lost.text);
        freeReplyObject(r);
        *reply = NULL;
        if (rv == FOLLOW_EDOWN || rv == FOLLOW_EDENIED) {
            redis_link_close(link);
        }
        return rv;
    }
    if (type && r->type != type && r->type != REDIS_REPLY_NIL) {
        freeReplyObject(r);
        *reply = NULL;
        redis_link_close(link);
        return follow_fail(why, FOLLOW_EDOWN, "%s answers in another shape "
                           "than Redis does", link->peer);
    }

    return APR_SUCCESS;
}

static apr_status_t link_ask(redis_link *link, redisReply **reply, int type,
                             hostmap_reason *why, const char *format,
                             va_list args)
{
    *reply = link->context ? redisvCommand(link->context, format, args)
                           : NULL;

    return redis_link_judge(link, reply, type, why);
}

apr_status_t redis_link_ask(redis_link *link, redisReply **reply, int type,
                            hostmap_reason *why, const char *format, ...)
{
    apr_status_t rv;
    va_list args;

    va_start(args, format);
    rv = link_ask(link, reply, type, why, format, args);
    va_end(args);

    return rv;
}

apr_status_t redis_link_do(redis_link *link, hostmap_reason *why,
                           const char *format, ...)
{
    redisReply *reply;
    apr_status_t rv;
    va_list args;

    va_start(args, format);
    rv = link_ask(link, &reply, 0, why, format, args);
    va_end(args);
    if (rv == APR_SUCCESS) {
        freeReplyObject(reply);
    }

    return rv;
}

void redis_link_append(redis_link *link, const hostmap_str *words,
                       apr_size_t count)
{
    const char **bytes = tool_realloc(NULL, count * sizeof(*bytes));
    size_t *lens = tool_realloc(NULL, count * sizeof(*lens));
    apr_size_t i;

    for (i = 0; i < count; i++) {
        bytes[i] = words[i].ptr;
        lens[i] = words[i].len;
    }
    if (link->context) {
        redisAppendCommandArgv(link->context, (int)count, bytes, lens);
    }
    free(bytes);
    free(lens);
}

apr_status_t redis_link_next(redis_link *link, redisReply **reply, int type,
                             hostmap_reason *why)
{
    void *next = NULL;

    if (!link->context || redisGetReply(link->context, &next) != REDIS_OK) {
        next = NULL;
    }
    *reply = next;

    return redis_link_judge(link, reply, type, why);
}

apr_status_t redis_link_wait(redis_link *link, apr_interval_time_t timeout)
{
    struct pollfd fd = { link->context->fd, POLLIN, 0 };
    int rc = poll(&fd, 1, (int)(timeout / 1000));

    if (rc < 0 && errno == EINTR) {
        return APR_EINTR;
    }

    return rc == 0 ? APR_TIMEUP : APR_SUCCESS;
}

void redis_link_close(redis_link *link)
{
    if (link->context) {
        redisFree(link->context);
        link->context = NULL;
    }
}

/* ---- TLS --------------------------------------------------------------- */

#ifdef SWITCHBOARD_HIREDIS_SSL

apr_status_t redis_link_check(const follow_url *url, hostmap_reason *why)
{
    (void)url;
    (void)why;

    return APR_SUCCESS;
}

static apr_status_t tls_failed(hostmap_reason *why, const char *what,
                               const char *file)
{
    char text[160];

    ERR_error_string_n(ERR_get_error(), text, sizeof(text));

    return follow_fail(why, FOLLOW_EDENIED, "TLS: cannot %s%s%s: %s", what,
                       file ? " " : "", file ? file : "", text);
}

/* Chain and name are checked, whatever the library's defaults are. */
static apr_status_t tls_context(SSL_CTX *ctx, const follow_access *access,
                                hostmap_reason *why)
{
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    if (access->cafile
        ? SSL_CTX_load_verify_locations(ctx, access->cafile, NULL) != 1
        : SSL_CTX_set_default_verify_paths(ctx) != 1) {
        return tls_failed(why, "read the certificates of", access->cafile
                          ? access->cafile : "the system");
    }
    if (access->cert
        && SSL_CTX_use_certificate_chain_file(ctx, access->cert) != 1) {
        return tls_failed(why, "use the certificate", access->cert);
    }
    if (access->key
        && SSL_CTX_use_PrivateKey_file(ctx, access->key, SSL_FILETYPE_PEM)
           != 1) {
        return tls_failed(why, "use the key", access->key);
    }

    return APR_SUCCESS;
}

/* Released versions of hiredis_ssl do not compare the name in the certificate:
 * the session that they are given does. */
static apr_status_t tls_name(SSL *ssl, const char *host, hostmap_reason *why)
{
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1) {
        return APR_SUCCESS;
    }
    if (SSL_set1_host(ssl, host) != 1
        || SSL_set_tlsext_host_name(ssl, host) != 1) {
        return tls_failed(why, "expect the name", host);
    }

    return APR_SUCCESS;
}

static apr_status_t link_tls(redis_link *link, const char *host,
                             hostmap_reason *why)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    apr_status_t rv;
    SSL *ssl;

    if (!ctx) {
        return tls_failed(why, "begin", NULL);
    }
    rv = tls_context(ctx, link->access, why);
    ssl = rv == APR_SUCCESS ? SSL_new(ctx) : NULL;
    SSL_CTX_free(ctx);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!ssl) {
        return tls_failed(why, "begin", NULL);
    }
    rv = tls_name(ssl, host, why);
    if (rv != APR_SUCCESS) {
        SSL_free(ssl);
        return rv;
    }
    if (redisInitiateSSL(link->context, ssl) != REDIS_OK) {
        long verified = SSL_get_verify_result(ssl);

        rv = follow_fail(why, FOLLOW_EDENIED, "%s: TLS: %s%s%s", link->peer,
                         link->context->errstr, verified == X509_V_OK ? ""
                         : ": ", verified == X509_V_OK ? ""
                         : X509_verify_cert_error_string(verified));
        SSL_free(ssl);
    }

    return rv;
}

#else

apr_status_t redis_link_check(const follow_url *url, hostmap_reason *why)
{
    if (url->scheme != FOLLOW_REDIS_TLS) {
        return APR_SUCCESS;
    }

    return follow_fail(why, APR_ENOTIMPL, "rediss:// needs hiredis_ssl, which "
                       "this hostmap was built without: let stunnel do TLS "
                       "and follow redis://127.0.0.1:PORT, as docs/fleet.md "
                       "(TLS with stunnel) shows");
}

/* Never reached: redis_link_check() refuses. */
static apr_status_t link_tls(redis_link *link, const char *host,
                             hostmap_reason *why)
{
    (void)link;
    (void)host;

    return follow_fail(why, FOLLOW_EDENIED, "TLS is not in this build");
}

#endif

/* ---- connecting -------------------------------------------------------- */

static apr_status_t link_to(redis_link *link, const char *host, int port,
                            hostmap_reason *why)
{
    redis_link_close(link);
    if (port) {
        snprintf(link->peer, sizeof(link->peer),
                 strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
        link->context = redisConnectWithTimeout(host, port, redis_timeout);
    }
    else {
        snprintf(link->peer, sizeof(link->peer), "%s", host);
        link->context = redisConnectUnixWithTimeout(host, redis_timeout);
    }
    if (!link->context) {
        return follow_fail(why, FOLLOW_EDOWN, "out of memory");
    }
    if (link->context->err) {
        return link_failed(link, why);
    }
    redisSetTimeout(link->context, redis_timeout);
    if (port) {
        redisEnableKeepAlive(link->context);
    }

    return APR_SUCCESS;
}

static apr_status_t link_login(redis_link *link, hostmap_reason *why)
{
    char password[FOLLOW_PASSWORD_ROOM];
    hostmap_str user = link->url->user;
    apr_status_t rv;

    rv = follow_password(password, sizeof(password), link->access, why);
    if (rv == APR_SUCCESS && *password) {
        rv = user.len ? redis_link_do(link, why, "AUTH %b %s", user.ptr,
                                      user.len, password)
                      : redis_link_do(link, why, "AUTH %s", password);
    }
    else if (rv == APR_SUCCESS && user.len) {
        rv = follow_fail(why, FOLLOW_EDENIED, "the URL names a user, but "
                         "there is no password: --password-file or "
                         "HOSTMAP_PASSWORD");
    }
    explicit_bzero(password, sizeof(password));
    if (rv == APR_SUCCESS && link->url->db) {
        rv = redis_link_do(link, why, "SELECT %u", link->url->db);
    }
    if (rv == APR_SUCCESS) {
        rv = redis_link_do(link, why, "PING");
    }
    if (rv != APR_SUCCESS) {
        redis_link_close(link);
    }

    return rv == APR_SUCCESS || rv == FOLLOW_EDOWN ? rv : FOLLOW_EDENIED;
}

/* Ask a sentinel where the master is, and go there. */
static apr_status_t link_to_master(redis_link *link, hostmap_reason *why)
{
    hostmap_str master = link->url->master;
    redisReply *reply;
    apr_status_t rv;
    char host[256];
    int port = 0;

    rv = redis_link_ask(link, &reply, REDIS_REPLY_ARRAY, why,
                        "SENTINEL get-master-addr-by-name %b", master.ptr,
                        master.len);
    if (rv != APR_SUCCESS) {
        return FOLLOW_EDOWN;
    }
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2
        && reply->element[0]->type == REDIS_REPLY_STRING
        && reply->element[1]->type == REDIS_REPLY_STRING
        && reply->element[0]->len < sizeof(host)) {
        memcpy(host, reply->element[0]->str, reply->element[0]->len + 1);
        port = atoi(reply->element[1]->str);
    }
    freeReplyObject(reply);
    if (port <= 0 || port > 65535) {
        return follow_fail(why, FOLLOW_EDOWN, "the sentinel %s knows no "
                           "master %.*s", link->peer, (int)master.len,
                           master.ptr);
    }

    return link_to(link, host, port, why);
}

static apr_status_t link_host(redis_link *link, const follow_host *at,
                              hostmap_reason *why)
{
    char host[256];
    apr_status_t rv;

    memcpy(host, at->name.ptr, at->name.len);
    host[at->name.len] = '\0';
    rv = link_to(link, host, at->port, why);
    if (rv == APR_SUCCESS && link->url->scheme == FOLLOW_REDIS_SENTINEL) {
        rv = link_to_master(link, why);
    }
    if (rv == APR_SUCCESS && link->url->scheme == FOLLOW_REDIS_TLS) {
        rv = link_tls(link, host, why);
    }
    if (rv == APR_SUCCESS) {
        rv = link_login(link, why);
    }

    return rv;
}

apr_status_t redis_link_open(redis_link *link, hostmap_reason *why)
{
    const follow_url *url = link->url;
    apr_status_t rv = FOLLOW_EDOWN;
    unsigned tries;

    if (url->scheme == FOLLOW_REDIS_UNIX) {
        char path[108];

        memcpy(path, url->socket.ptr, url->socket.len);
        path[url->socket.len] = '\0';
        rv = link_to(link, path, 0, why);
        return rv == APR_SUCCESS ? link_login(link, why) : rv;
    }
    for (tries = 0; tries < url->count; tries++) {
        rv = link_host(link, &url->hosts[link->host], why);
        if (rv == APR_SUCCESS) {
            return rv;
        }
        redis_link_close(link);
        link->host = (link->host + 1) % url->count;
    }

    return rv;
}
