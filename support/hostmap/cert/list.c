/* SPDX-License-Identifier: Apache-2.0 */

/*
 * list.c: `hostmap cert list` and `get`.
 */

#include "cert.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/pem.h>

#include "apr_strings.h"

#include "json.h"
#include "map.h"
#include "pem.h"

static const char *kind_name(certmap_kind kind)
{
    return kind == CERTMAP_EC ? "ec" : "rsa";
}

/* ---- list -------------------------------------------------------------- */

typedef struct list_row {
    const char *name;
    apr_int64_t expires;
    unsigned count;
    certmap_kind kinds[CERTMAP_CERTS];
} list_row;

typedef struct list_state {
    tool *t;
    apr_array_header_t *rows;
    /* NULL: all */
    const char *only, *suffix;
} list_state;

static int is_wanted(const list_state *s, hostmap_str key)
{
    apr_size_t len;

    if (s->only) {
        return strlen(s->only) == key.len
               && memcmp(s->only, key.ptr, key.len) == 0;
    }
    if (!s->suffix) {
        return 1;
    }
    len = strlen(s->suffix);
    return key.len > len
           && memcmp(key.ptr + key.len - len, s->suffix, len) == 0;
}

/* map_record_fn */
static apr_status_t list_record(void *baton, hostmap_str key,
                                hostmap_str bytes)
{
    certmap_cert certs[CERTMAP_CERTS];
    list_state *s = baton;
    hostmap_reason why;
    list_row *row;
    unsigned i;

    if (!is_wanted(s, key)) {
        return APR_SUCCESS;
    }
    row = apr_array_push(s->rows);
    memset(row, 0, sizeof(*row));
    row->name = apr_pstrmemdup(s->t->pool, key.ptr, key.len);
    if (map_certs(certs, &row->count, bytes, &why) != APR_SUCCESS) {
        tool_error("%s: %s", row->name, why.text);
        s->rows->nelts--;
        return APR_SUCCESS;
    }
    row->expires = map_expires(certs, row->count);
    for (i = 0; i < row->count; i++) {
        row->kinds[i] = certs[i].kind;
    }
    return APR_SUCCESS;
}

static int row_compare(const void *a, const void *b)
{
    return strcmp(((const list_row *)a)->name, ((const list_row *)b)->name);
}

static void row_print(const tool *t, const list_row *row)
{
    const char *kinds[CERTMAP_CERTS + 1] = { NULL };
    char day[16];
    unsigned i;
    json j;

    for (i = 0; i < row->count; i++) {
        kinds[i] = kind_name(row->kinds[i]);
    }
    if (t->flags & TOOL_JSON) {
        json_begin(&j);
        json_string(&j, "name", row->name);
        json_number(&j, "expires", row->expires);
        json_strings(&j, "kinds", kinds);
        json_end(&j);
        return;
    }
    map_day(day, sizeof(day), row->expires);
    tool_write(stdout, row->name, strlen(row->name), 1);
    printf(" %s %s%s%s\n", day, kinds[0], kinds[1] ? "," : "",
           kinds[1] ? kinds[1] : "");
}

int cert_list(tool *t)
{
    list_state s = { t, apr_array_make(t->pool, 64, sizeof(list_row)) };
    map_walk walk = { list_record, NULL, &s };
    int i;

    if (t->count == 2) {
        s.only = t->operands[1];
        if (strncmp(s.only, "*.", 2) == 0) {
            s.suffix = s.only + 1;
            s.only = NULL;
        }
    }
    if (map_each(t, t->operands[0], &walk) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    qsort(s.rows->elts, s.rows->nelts, sizeof(list_row), row_compare);
    for (i = 0; i < s.rows->nelts; i++) {
        row_print(t, &APR_ARRAY_IDX(s.rows, i, list_row));
    }
    return t->count == 2 && s.rows->nelts == 0 ? TOOL_NOT_FOUND : TOOL_DONE;
}

/* ---- get --------------------------------------------------------------- */

typedef struct get_state {
    tool *t;
    hostmap_str key;            /* the one that answers */
    hostmap_str bytes;
    hostmap_file *file;         /* its shard */
} get_state;

static apr_status_t key_fetch(get_state *s, hostmap_reason *why)
{
    const char *path = map_shard_path(s->t->operands[0],
                                      certmap_name_shard(s->key),
                                      s->t->pool);
    apr_status_t rv;

    rv = hostmap_file_open(&s->file, path, "lmdb", s->t->pool, why);
    if (rv != APR_SUCCESS) {
        tool_file_error(path, rv, why);
        return rv;
    }
    rv = hostmap_file_fetch(s->file, &s->bytes, s->key, s->t->pool, why);
    if (rv != APR_SUCCESS) {
        hostmap_file_close(s->file);
        if (rv != APR_NOTFOUND) {
            tool_file_error(path, rv, why);
        }
    }
    return rv;
}

/* The exact name, then its wildcard. */
static int answer_find(get_state *s, const char *name)
{
    char *key = apr_palloc(s->t->pool, CERTMAP_NAME_MAX + 1);
    char *wild = apr_palloc(s->t->pool, CERTMAP_NAME_MAX + 1);
    hostmap_reason why = { "" };
    apr_size_t len;
    apr_status_t rv;

    if (map_read_name(key, &len, name) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    s->key = hostmap_str_of(key, len);
    rv = key_fetch(s, &why);
    if (rv == APR_NOTFOUND && key[0] != '*'
        && certmap_name_wildcard(wild, &len, s->key) == APR_SUCCESS) {
        s->key = hostmap_str_of(wild, len);
        rv = key_fetch(s, &why);
    }
    if (rv == APR_NOTFOUND) {
        tool_error("%s: no certificate for %s", s->t->operands[0], key);
        return TOOL_NOT_FOUND;
    }
    return rv == APR_SUCCESS ? TOOL_DONE : TOOL_FAILED;
}

static X509 *der_read(hostmap_str der)
{
    const unsigned char *at = (const unsigned char *)der.ptr;

    return d2i_X509(NULL, &at, (long)der.len);
}

static int pem_print(get_state *s, const certmap_cert *cert)
{
    char name[CERTMAP_CHAIN_KEY];
    hostmap_str chain = { NULL, 0 }, der;
    X509 *x = der_read(cert->leaf);

    if (!x || !PEM_write_X509(stdout, x)) {
        X509_free(x);
        return tool_error("%s: OpenSSL cannot read its certificate",
                          s->key.ptr);
    }
    X509_free(x);
    if (!cert->chain_id) {
        return TOOL_DONE;
    }
    certmap_chain_key(name, cert->chain_id);
    if (hostmap_file_fetch(s->file, &chain, hostmap_str_of(name,
                           sizeof(name)), s->t->pool, NULL) != APR_SUCCESS) {
        return tool_error("%s: its chain is not in the shard", s->key.ptr);
    }
    while (certmap_chain_next(&der, &chain) == APR_SUCCESS) {
        x = der_read(der);
        if (x) {
            PEM_write_X509(stdout, x);
        }
        X509_free(x);
    }
    return TOOL_DONE;
}

static int private_print(get_state *s)
{
    certmap_pair pairs[CERTMAP_CERTS];
    certmap_master *master = map_master(s->t);
    hostmap_reason why;
    unsigned count, i;

    if (!master) {
        return TOOL_FAILED;
    }
    if (certmap_pairs_read(pairs, &count, s->key, s->bytes, master, &why)
        != APR_SUCCESS) {
        return tool_error("%s: %s", s->key.ptr, why.text);
    }
    for (i = 0; i < count; i++) {
        PEM_write_PrivateKey(stdout, pairs[i].key, NULL, NULL, 0, NULL, NULL);
    }
    certmap_pairs_free(pairs, count);
    return TOOL_DONE;
}

static const char *bio_text(BIO *bio, apr_pool_t *pool)
{
    char *bytes;
    long len = BIO_get_mem_data(bio, &bytes);
    const char *text = apr_pstrmemdup(pool, bytes, len);

    BIO_free(bio);
    return text;
}

/* What a person wants to know of a certificate. */
typedef struct cert_facts {
    const char *serial, *issuer;
    const char **names;
    char day[16];
} cert_facts;

static int facts_read(cert_facts *facts, const certmap_cert *cert,
                      apr_pool_t *pool)
{
    X509 *x = der_read(cert->leaf);
    apr_array_header_t *names;
    BIO *bio;
    int i;

    if (!x) {
        return 0;
    }
    bio = BIO_new(BIO_s_mem());
    i2a_ASN1_INTEGER(bio, X509_get0_serialNumber(x));
    facts->serial = bio_text(bio, pool);
    bio = BIO_new(BIO_s_mem());
    X509_NAME_print_ex(bio, X509_get_issuer_name(x), 0,
                       XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
    facts->issuer = bio_text(bio, pool);
    names = pem_names_of(x, pool);
    facts->names = apr_pcalloc(pool,
                               (names->nelts + 1) * sizeof(*facts->names));
    for (i = 0; i < names->nelts; i++) {
        facts->names[i] = APR_ARRAY_IDX(names, i, hostmap_str).ptr;
    }
    map_day(facts->day, sizeof(facts->day), cert->expires);
    X509_free(x);
    return 1;
}

static int facts_print(get_state *s, const certmap_cert *cert)
{
    cert_facts facts;
    json j;
    int i;

    if (!facts_read(&facts, cert, s->t->pool)) {
        return tool_error("%s: OpenSSL cannot read its certificate",
                          s->key.ptr);
    }
    if (s->t->flags & TOOL_JSON) {
        json_begin(&j);
        json_string(&j, "key", s->key.ptr);
        json_string(&j, "kind", kind_name(cert->kind));
        json_number(&j, "expires", cert->expires);
        json_string(&j, "serial", facts.serial);
        json_string(&j, "issuer", facts.issuer);
        json_strings(&j, "names", facts.names);
        json_end(&j);
        return TOOL_DONE;
    }
    printf("key      %s\nkind     %s\nexpires  %s\nserial   %s\nissuer   ",
           s->key.ptr, kind_name(cert->kind), facts.day, facts.serial);
    tool_write(stdout, facts.issuer, strlen(facts.issuer), 0);
    printf("\nnames   ");
    for (i = 0; facts.names[i]; i++) {
        putchar(' ');
        tool_write(stdout, facts.names[i], strlen(facts.names[i]), 1);
    }
    putchar('\n');
    return TOOL_DONE;
}

static int answer_print(get_state *s)
{
    certmap_cert certs[CERTMAP_CERTS];
    int status = TOOL_DONE;
    hostmap_reason why;
    unsigned count, i;

    if (map_certs(certs, &count, s->bytes, &why) != APR_SUCCESS) {
        return tool_error("%s: %s", s->key.ptr, why.text);
    }
    for (i = 0; i < count && status == TOOL_DONE; i++) {
        status = s->t->flags & TOOL_PEM ? pem_print(s, &certs[i])
                                        : facts_print(s, &certs[i]);
    }
    if (status == TOOL_DONE && s->t->flags & TOOL_PRIVATE) {
        status = private_print(s);
    }
    return status;
}

int cert_get(tool *t)
{
    get_state s = { t };
    int status = answer_find(&s, t->operands[1]);

    if (status != TOOL_DONE) {
        return status;
    }
    status = answer_print(&s);
    hostmap_file_close(s.file);
    return status;
}
