/* SPDX-License-Identifier: Apache-2.0 */

/*
 * check.c: `hostmap cert check`, every record proved with the master key.
 */

#include "cert.h"

#include <string.h>

#include <openssl/err.h>

#include "apr_strings.h"

#include "map.h"
#include "pem.h"

typedef struct check_state {
    tool *t;
    certmap_master *master;
    apr_int64_t now;
    apr_int64_t names, bad, expired;
    /* of this shard: its number, and chains that were found, by id */
    unsigned shard;
    apr_pool_t *pool;
    /* names with pairs whose chains are looked at when the shard is open */
    apr_array_header_t *pending;
} check_state;

typedef struct check_chain {
    const char *name;
    unsigned char id[CERTMAP_CHAIN_ID];
    hostmap_str leaf;           /* DER */
} check_chain;

static void found(check_state *s, const char *name, const char *what)
{
    s->bad++;
    tool_error("%s: %s: %s", s->t->operands[0], name, what);
}

/* The number of an EC key belongs to the point of its certificate. */
static int is_proved(const certmap_pair *pair)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pair->key, NULL);
    int proved = ctx && EVP_PKEY_pairwise_check(ctx) == 1;

    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return proved;
}

static void check_pair(check_state *s, const char *name,
                       const certmap_pair *pair, hostmap_str leaf)
{
    hostmap_str key = { name, strlen(name) };
    pem_item item = { pair->kind };
    check_chain *chain;

    item.names = pem_names_of(pair->leaf, s->pool);
    if (!pem_names_has(&item, key)) {
        found(s, name, "the certificate is for other names");
    }
    if (!is_proved(pair)) {
        found(s, name, "the private key is not that of the certificate");
    }
    if (!pair->has_chain) {
        return;
    }
    chain = apr_array_push(s->pending);
    chain->name = name;
    memcpy(chain->id, pair->chain_id, CERTMAP_CHAIN_ID);
    chain->leaf = hostmap_str_of(apr_pmemdup(s->pool, leaf.ptr, leaf.len),
                                 leaf.len);
}

/* map_record_fn */
static apr_status_t check_record(void *baton, hostmap_str key,
                                 hostmap_str bytes)
{
    certmap_cert certs[CERTMAP_CERTS];
    certmap_pair pairs[CERTMAP_CERTS];
    check_state *s = baton;
    const char *name = apr_pstrmemdup(s->pool, key.ptr, key.len);
    hostmap_reason why;
    hostmap_bad bad;
    unsigned count, i;

    s->names++;
    if (certmap_name_check(key, &bad) != APR_SUCCESS) {
        found(s, name, bad.reason);
        return APR_SUCCESS;
    }
    if (certmap_name_shard(key) != s->shard) {
        found(s, name, "in another shard than its own, where nobody looks");
    }
    if (certmap_pairs_read(pairs, &count, key, bytes, s->master, &why)
        != APR_SUCCESS) {
        found(s, name, why.text);
        return APR_SUCCESS;
    }
    map_certs(certs, &count, bytes, NULL);
    for (i = 0; i < count; i++) {
        check_pair(s, name, &pairs[i], certs[i].leaf);
    }
    if (map_expires(certs, count) <= s->now) {
        s->expired++;
        tool_error("%s: %s: warning: expired", s->t->operands[0], name);
    }
    certmap_pairs_free(pairs, count);
    return APR_SUCCESS;
}

static void check_chain_of(check_state *s, hostmap_file *file,
                           const check_chain *chain)
{
    const unsigned char *at = (const unsigned char *)chain->leaf.ptr;
    STACK_OF(X509) *certs = NULL;
    char key[CERTMAP_CHAIN_KEY];
    hostmap_reason why = { "its chain is not in the shard" };
    hostmap_str bytes;
    apr_status_t rv;
    X509 *leaf;

    certmap_chain_key(key, chain->id);
    rv = hostmap_file_fetch(file, &bytes, hostmap_str_of(key, sizeof(key)),
                            s->pool, &why);
    if (rv == APR_SUCCESS) {
        rv = certmap_chain_read(&certs, bytes, chain->id, &why);
    }
    if (rv == APR_SUCCESS) {
        leaf = d2i_X509(NULL, &at, (long)chain->leaf.len);
        rv = pem_chain_check(leaf, certs, &why);
        X509_free(leaf);
        sk_X509_pop_free(certs, X509_free);
    }
    if (rv != APR_SUCCESS) {
        found(s, chain->name, why.text);
    }
}

static apr_status_t check_shard(void *baton, unsigned shard,
                                hostmap_file *file)
{
    check_state *s = baton;
    int i;

    for (i = 0; i < s->pending->nelts; i++) {
        check_chain_of(s, file, &APR_ARRAY_IDX(s->pending, i, check_chain));
    }
    apr_pool_clear(s->pool);
    s->pending = apr_array_make(s->pool, 64, sizeof(check_chain));
    s->shard = shard + 1;
    return APR_SUCCESS;
}

int cert_check(tool *t)
{
    check_state s = { t, map_master(t), apr_time_sec(apr_time_now()) };
    map_walk walk = { check_record, check_shard, &s };
    int status;

    if (!s.master) {
        return TOOL_FAILED;
    }
    apr_pool_create(&s.pool, t->pool);
    s.pending = apr_array_make(s.pool, 64, sizeof(check_chain));
    status = map_each(t, t->operands[0], &walk);
    if (s.bad) {
        tool_error("%s: %" APR_INT64_T_FMT " faults in %" APR_INT64_T_FMT
                   " names", t->operands[0], s.bad, s.names);
        return TOOL_FAILED;
    }
    if (status == TOOL_DONE) {
        tool_report(t, "%s: %" APR_INT64_T_FMT " names, all proved, %"
                    APR_INT64_T_FMT " expired\n", t->operands[0], s.names,
                    s.expired);
    }
    return status;
}
