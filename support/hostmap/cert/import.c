/* SPDX-License-Identifier: Apache-2.0 */

/*
 * import.c: `hostmap cert import`, the certificates of an ACME client or of a
 * server that reads files.
 *
 * All of them keep a certificate with its chain in one file and the key in
 * another one, or all in one:
 *
 *     certbot, dehydrated   NAME/fullchain.pem    NAME/privkey.pem
 *     acme.sh               NAME/fullchain.cer    NAME/NAME.key
 *     lego, Caddy           .../NAME.crt          .../NAME.key
 *     HAProxy               NAME.pem (all in one), or NAME.pem, NAME.pem.key
 */

#include "cert.h"

#include <stdio.h>
#include <string.h>

#include "apr_file_info.h"
#include "apr_hash.h"
#include "apr_strings.h"

#include "map.h"
#include "pem.h"
#include "shard.h"

/* Folders of folders: Caddy has two. */
#define DEPTH_MAX 6

typedef struct import_state {
    tool *t;
    const pem_roots *roots;
    shard_batch batch;
    /* "NAME\nKIND" -> pem_item * that counts */
    apr_hash_t *best;
    apr_int64_t files, bad, passed;
} import_state;

/* ---- a certificate ----------------------------------------------------- */

static void name_take(import_state *s, hostmap_str name, const pem_item *item,
                      const char *file)
{
    char key[CERTMAP_NAME_MAX + 1];
    const pem_item *before;
    const char *row;
    apr_size_t len;

    if (map_spell(key, &len, name) != APR_SUCCESS) {
        tool_error("%s: a name that no client asks for is left out", file);
        return;
    }
    row = apr_psprintf(s->t->pool, "%s\n%d", key, (int)item->kind);
    before = apr_hash_get(s->best, row, APR_HASH_KEY_STRING);
    if (before && before->expires >= item->expires) {
        s->passed++;
        return;
    }
    apr_hash_set(s->best, row, APR_HASH_KEY_STRING, item);
    /* a later change of the same name and kind counts */
    shard_note(&s->batch, hostmap_str_of(key, len), item);
}

static void pair_take(import_state *s, const char *cert, const char *key)
{
    hostmap_reason why;
    pem_item *item;
    int i;

    s->files++;
    if (pem_read(&item, cert, key, s->roots, s->t->pool, &why)
        != APR_SUCCESS) {
        s->bad++;
        tool_error("%s: %s", cert, why.text);
        return;
    }
    if (item->names->nelts == 0) {
        s->bad++;
        tool_error("%s: the certificate is for no DNS name", cert);
    }
    for (i = 0; i < item->names->nelts; i++) {
        name_take(s, APR_ARRAY_IDX(item->names, i, hostmap_str), item, cert);
    }
}

/* ---- files ------------------------------------------------------------- */

static int file_exists(const char *path, apr_pool_t *pool)
{
    apr_finfo_t info;

    return apr_stat(&info, path, APR_FINFO_TYPE, pool) == APR_SUCCESS
           && info.filetype == APR_REG;
}

static int ends_with(const char *name, const char *end)
{
    apr_size_t len = strlen(name), cut = strlen(end);

    return len > cut && strcmp(name + len - cut, end) == 0;
}

/* path without its end, with another one */
static const char *other_end(const char *path, const char *end,
                             const char *new, apr_pool_t *pool)
{
    return apr_pstrcat(pool, apr_pstrmemdup(pool, path, strlen(path)
                                            - strlen(end)), new, NULL);
}

/* Holds a file both a certificate and a key? */
static int has_both(const char *path)
{
    FILE *file = fopen(path, "r");
    int cert = 0, key = 0;
    char line[256];

    while (file && fgets(line, sizeof(line), file)) {
        cert |= strncmp(line, "-----BEGIN CERTIFICATE", 22) == 0;
        key |= strncmp(line, "-----BEGIN ", 11) == 0
               && strstr(line, "PRIVATE KEY") != NULL;
    }
    if (file) {
        fclose(file);
    }
    return cert && key;
}

/* The key of fullchain.cer: NAME.key in the folder NAME or NAME_ecc. */
static const char *acmesh_key(const char *folder, apr_pool_t *pool)
{
    const char *name = strrchr(folder, '/');

    name = apr_pstrdup(pool, name ? name + 1 : folder);
    if (ends_with(name, "_ecc")) {
        name = other_end(name, "_ecc", "", pool);
    }
    return apr_pstrcat(pool, folder, "/", name, ".key", NULL);
}

/* The key that belongs to a file with a certificate; NULL: no file has it. */
static const char *key_of_file(const char *folder, const char *name,
                               const char *path, apr_pool_t *pool)
{
    const char *key = NULL;

    if (strcmp(name, "fullchain.pem") == 0) {
        key = apr_pstrcat(pool, folder, "/privkey.pem", NULL);
    }
    else if (strcmp(name, "fullchain.cer") == 0) {
        key = acmesh_key(folder, pool);
    }
    else if (ends_with(name, ".crt") && !ends_with(name, ".issuer.crt")) {
        key = other_end(path, ".crt", ".key", pool);
    }
    else if (ends_with(name, ".pem")) {
        key = has_both(path) ? path : apr_pstrcat(pool, path, ".key", NULL);
    }
    return key && file_exists(key, pool) ? key : NULL;
}

static int folder_take(import_state *s, const char *folder, int depth)
{
    apr_pool_t *pool = s->t->pool;
    apr_finfo_t info;
    apr_dir_t *dir;
    apr_status_t rv;
    int status = TOOL_DONE;

    rv = apr_dir_open(&dir, folder, pool);
    if (rv != APR_SUCCESS) {
        return tool_file_error(folder, rv, NULL);
    }
    while (apr_dir_read(&info, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        const char *path, *key;
        apr_finfo_t real;

        if (info.name[0] == '.' && (!info.name[1] || info.name[1] == '.')) {
            continue;
        }
        path = apr_pstrcat(pool, folder, "/", info.name, NULL);
        if (apr_stat(&real, path, APR_FINFO_TYPE, pool) != APR_SUCCESS) {
            continue;
        }
        if (real.filetype == APR_DIR && depth < DEPTH_MAX) {
            status |= folder_take(s, path, depth + 1);
            continue;
        }
        key = key_of_file(folder, info.name, path, pool);
        if (key) {
            pair_take(s, path, key);
        }
    }
    apr_dir_close(dir);
    return status;
}

/* ---- the verb ---------------------------------------------------------- */

static int import_read(import_state *s)
{
    int i, status = TOOL_DONE;

    for (i = 1; i < s->t->count; i++) {
        status |= folder_take(s, s->t->operands[i], 0);
    }
    if (status != TOOL_DONE
        || (s->bad && !(s->t->flags & TOOL_SKIP_BAD))) {
        return tool_error("%s: nothing was changed", s->t->operands[0]);
    }
    if (s->files == 0) {
        return tool_error("no certificate with a key was found");
    }
    return TOOL_DONE;
}

int cert_import(tool *t)
{
    import_state s = { t };
    certmap_master *master = map_master(t);

    if (!master) {
        return TOOL_FAILED;
    }
    if (!t->ca || strcmp(t->ca, "none") != 0) {
        s.roots = pem_roots_read(t);
        if (!s.roots) {
            return TOOL_FAILED;
        }
    }
    s.best = apr_hash_make(t->pool);
    shard_begin(&s.batch, t, t->operands[0], master);
    if (import_read(&s) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    if (t->flags & TOOL_DRY_RUN) {
        tool_report(t, "%s: %" APR_INT64_T_FMT " certificates, %u names; "
                    "nothing was written\n", t->operands[0],
                    s.files - s.bad, apr_hash_count(s.best));
        return TOOL_DONE;
    }
    if (shard_commit(&s.batch) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    tool_report(t, "%s: %" APR_INT64_T_FMT " certificates, %" APR_INT64_T_FMT
                " names added, %" APR_INT64_T_FMT " replaced, %"
                APR_INT64_T_FMT " left out\n", t->operands[0],
                s.files - s.bad, s.batch.added, s.batch.replaced, s.bad);
    return TOOL_DONE;
}
