/* SPDX-License-Identifier: Apache-2.0 */

/*
 * certmap_handshake.c: OpenSSL asks for the certificate of a handshake, and
 * gets that of the name from the map.
 *
 * The order of a full handshake: mod_ssl selects the virtual host in the
 * ClientHello callback, OpenSSL looks for a session to resume, the server name
 * callback is run, then (not for a resumed session) the certificate callback,
 * then OpenSSL chooses among the certificates that the connection has.
 */

#include "certmap_handshake.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/tls1.h>

#include "http_log.h"

#include "base/hash.h"
#include "base/limit.h"

APLOG_USE_MODULE(ssl_certmap);

/* mod_md's handshakes: RFC 8737. */
#define ACME_PROTOCOL "acme-tls/1"

#define SECONDS_A_DAY 86400

/* Names that have expired, by their hashes. */
#define EXPIRED_SLOTS 4096

static hostmap_limit_table handshake_limits;
static struct {
    volatile apr_uint32_t hash, day;
} handshake_expired[EXPIRED_SLOTS];

/* ---- messages ---------------------------------------------------------- */

static void handshake_log_refused(const certmap_host *host, hostmap_str key,
                                  const char *why)
{
    hostmap_limit_more more;

    if (hostmap_limit_table_pass(&handshake_limits, &more, key,
                                 apr_time_now())) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, host->server, "SB0401: "
                     "certificate map %s: %s: %s; its handshakes are "
                     "refused%s", host->dir, key.ptr, why, more.text);
    }
}

/* Once a day a name.  An entry that is parsed anew knows nothing of what was
 * logged before, the table of hashes does. */
static int handshake_expired_is_news(certmap_entry *entry, apr_uint32_t day)
{
    apr_uint32_t hash = hostmap_hash(hostmap_str_of(entry->key,
                                                    entry->key_len));
    apr_size_t slot = hash % EXPIRED_SLOTS;

    if (entry->logged_day == day) {
        return 0;
    }
    entry->logged_day = day;
    if (handshake_expired[slot].hash == hash
        && handshake_expired[slot].day == day) {
        return 0;
    }
    handshake_expired[slot].hash = hash;
    handshake_expired[slot].day = day;
    return 1;
}

static void handshake_log_expired(const certmap_host *host,
                                  certmap_entry *entry)
{
    apr_time_t now = apr_time_now();
    char when[APR_RFC822_DATE_LEN];

    if (entry->expires > apr_time_sec(now)
        || !handshake_expired_is_news(entry, (apr_uint32_t)(apr_time_sec(now)
                                                            / SECONDS_A_DAY))) {
        return;
    }
    apr_rfc822_date(when, apr_time_from_sec(entry->expires));
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, host->server, "SB0402: "
                 "certificate map %s: %s: its certificate expired on %s and "
                 "is served still; renew it", host->dir, entry->key, when);
}

/* ---- names ------------------------------------------------------------- */

/* The key of the name that the client asks for.  0: it names none, or what no
 * map holds. */
static int handshake_name_of(char *key, apr_size_t *len, SSL *ssl)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    return name && certmap_name_key(key, len,
                                    hostmap_str_of(name, strlen(name)))
                   == APR_SUCCESS;
}

static int handshake_list_has(const apr_array_header_t *names, const char *name,
                              int wild)
{
    int i;

    for (i = 0; names && i < names->nelts; i++) {
        const char *one = APR_ARRAY_IDX(names, i, const char *);

        if (one && (wild ? ap_strcasecmp_match(name, one)
                         : ap_cstr_casecmp(name, one)) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Is it the ServerName or a ServerAlias of the virtual host? */
static int handshake_is_configured(const server_rec *s, const char *name)
{
    return (s->server_hostname
            && ap_cstr_casecmp(s->server_hostname, name) == 0)
           || handshake_list_has(s->names, name, 0)
           || handshake_list_has(s->wild_names, name, 1);
}

/* ---- mod_md's handshakes ----------------------------------------------- */

static int handshake_is_acme(const unsigned char *protocol, apr_size_t len)
{
    return len == sizeof(ACME_PROTOCOL) - 1
           && memcmp(protocol, ACME_PROTOCOL, len) == 0;
}

/* Known before the certificate is chosen in TLS 1.3 alone.  In 1.2 mod_ssl
 * puts the challenge's certificate in our one's place afterwards. */
static int handshake_acme_selected(SSL *ssl)
{
    const unsigned char *protocol;
    unsigned len;

    SSL_get0_alpn_selected(ssl, &protocol, &len);
    return protocol && handshake_is_acme(protocol, len);
}

/* Before a protocol is selected: does the client offer it?  A list of two
 * bytes' length, of names of one byte's. */
static int handshake_acme_offered(SSL *ssl)
{
    const unsigned char *list;
    size_t len, at;

    if (!SSL_client_hello_get0_ext(
            ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &list,
            &len)) {
        return 0;
    }
    for (at = 2; at < len && list[at] < len - at; at += 1 + list[at]) {
        if (handshake_is_acme(list + at + 1, list[at])) {
            return 1;
        }
    }
    return 0;
}

/* ---- callbacks --------------------------------------------------------- */

/* Nothing of the default's may remain beside it: a client that cannot use an
 * entry's only key type would be given the default's. */
static int handshake_certs_use(SSL *ssl, const certmap_entry *entry)
{
    unsigned i;

    SSL_certs_clear(ssl);
    for (i = 0; i < entry->count; i++) {
        STACK_OF(X509) *chain = entry->chains[i] ? entry->chains[i]->certs
                                                 : NULL;

        if (SSL_use_cert_and_key(ssl, entry->pairs[i].leaf,
                                 entry->pairs[i].key, chain, 1) != 1) {
            return 0;
        }
    }
    return 1;
}

static apr_status_t handshake_certs_serve(SSL *ssl, certmap_host *host,
                                          hostmap_str key)
{
    hostmap_reason why;
    certmap_entry *entry;
    apr_pool_t *pool;
    apr_status_t rv;

    apr_pool_create(&pool, NULL);
    rv = certmap_find(host->map, &entry, key, pool, &why);
    if (rv == APR_SUCCESS) {
        if (!handshake_certs_use(ssl, entry)) {
            rv = hostmap_fail(&why, HOSTMAP_EFORMAT, "OpenSSL refuses it: %s",
                              ERR_reason_error_string(ERR_peek_last_error()));
        }
        handshake_log_expired(host, entry);
        certmap_release(host->map, entry);
    }
    apr_pool_destroy(pool);
    if (rv != APR_SUCCESS && rv != APR_NOTFOUND && why.text[0]) {
        handshake_log_refused(host, key, why.text);
    }
    return rv;
}

/* SSL_CTX_set_cert_cb's.  0 refuses the handshake. */
static int handshake_cert_callback(SSL *ssl, void *arg)
{
    certmap_host *host = arg;
    char key[CERTMAP_NAME_MAX + 1];
    apr_size_t len;
    apr_status_t rv;

    if (!host->map || handshake_acme_selected(ssl)
        || !handshake_name_of(key, &len, ssl)) {
        return 1;
    }
    rv = handshake_certs_serve(ssl, host, hostmap_str_of(key, len));
    if (rv == APR_NOTFOUND) {
        ap_log_error(APLOG_MARK, APLOG_DEBUG, 0, host->server, "SB0403: "
                     "certificate map %s: %s is not in it; the virtual "
                     "host's own certificate is served", host->dir, key);
    }
    return rv == APR_SUCCESS || rv == APR_NOTFOUND;
}

/* In mod_ssl's one's place, which selects the virtual host: that was done in
 * the ClientHello callback by now.  Here alone an alert can be chosen. */
static int handshake_name_callback(SSL *ssl, int *alert, void *arg)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    certmap_host *host = arg;
    char key[CERTMAP_NAME_MAX + 1];
    apr_size_t len;
    apr_pool_t *pool;
    apr_status_t rv = APR_NOTFOUND;

    if (!name || !host->map || handshake_is_configured(host->server, name)
        || handshake_acme_offered(ssl)) {
        return SSL_TLSEXT_ERR_OK;
    }
    if (handshake_name_of(key, &len, ssl)) {
        apr_pool_create(&pool, NULL);
        rv = certmap_knows(host->map, hostmap_str_of(key, len), pool);
        apr_pool_destroy(pool);
    }
    /* of a map that is broken the certificate callback refuses it */
    if (rv != APR_NOTFOUND) {
        return SSL_TLSEXT_ERR_OK;
    }
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

void certmap_handshake_install(SSL_CTX *ctx, certmap_host *host)
{
    SSL_CTX_set_cert_cb(ctx, handshake_cert_callback, host);
    if (host->alert) {
        SSL_CTX_set_tlsext_servername_callback(ctx, handshake_name_callback);
        SSL_CTX_set_tlsext_servername_arg(ctx, host);
    }
}
