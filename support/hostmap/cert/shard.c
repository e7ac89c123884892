/* SPDX-License-Identifier: Apache-2.0 */

/*
 * shard.c: shards of a certificate map, written.
 *
 * A shard is merged from the one that is there and the changes, in the order of
 * names, with the store's lock for writers held.  Its chains come last: those
 * that its records name, no others.
 */

#include "shard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "apr_hash.h"
#include "apr_strings.h"

#include "hostmap/store/hostmap_writer.h"

/* Beside the folder, while a map is made. */
#define INIT_SUFFIX ".hostmap-new"

typedef struct shard_out {
    shard_batch *batch;
    /* this shard's, sorted by name */
    shard_change **changes, **end;
    hostmap_writer *writer;
    hostmap_file *old;
    /* id -> hostmap_str *, the bytes; NULL: in the old shard */
    apr_hash_t *chains;
    apr_pool_t *pool;
    hostmap_reason *why;
} shard_out;

/* ---- records ----------------------------------------------------------- */

static void chain_need(shard_out *out, const unsigned char *id,
                       const hostmap_str *bytes)
{
    const unsigned char *key = apr_pmemdup(out->pool, id, CERTMAP_CHAIN_ID);
    static const hostmap_str in_old = { NULL, 0 };

    if (bytes || !apr_hash_get(out->chains, id, CERTMAP_CHAIN_ID)) {
        apr_hash_set(out->chains, key, CERTMAP_CHAIN_ID,
                     bytes ? bytes : &in_old);
    }
}

/* The parts of a record that is to be written. */
typedef struct record_parts {
    unsigned count;
    certmap_cert certs[CERTMAP_CERTS];
    hostmap_str keys[CERTMAP_CERTS];
    unsigned char plain[CERTMAP_RECORD_MAX];
} record_parts;

/* What an old record holds, without one kind (0: all of it). */
static apr_status_t parts_take(record_parts *parts, shard_out *out,
                               hostmap_str key, hostmap_str bytes, int without)
{
    certmap_cert certs[CERTMAP_CERTS];
    hostmap_str keys[CERTMAP_CERTS];
    certmap_record record;
    hostmap_bad bad;
    apr_status_t rv;
    unsigned i;

    if (certmap_record_split(&record, bytes, &bad) != APR_SUCCESS) {
        return hostmap_fail(out->why, HOSTMAP_EFORMAT, "%.*s: %s",
                            (int)key.len, key.ptr, bad.reason);
    }
    rv = certmap_unseal(parts->plain, &record, key, out->batch->master,
                        out->why);
    if (rv != APR_SUCCESS) {
        return hostmap_fail(out->why, rv, "%.*s: %s", (int)key.len, key.ptr,
                            apr_pstrdup(out->pool, out->why->text));
    }
    if (certmap_record_certs(certs, &record, &bad) != APR_SUCCESS
        || certmap_record_keys(keys, record.count,
                               hostmap_str_of((char *)parts->plain,
                                              record.sealed.len))
           != APR_SUCCESS) {
        return hostmap_fail(out->why, HOSTMAP_EFORMAT, "%.*s: a damaged "
                            "record", (int)key.len, key.ptr);
    }
    for (i = 0; i < record.count; i++) {
        if ((int)certs[i].kind != without) {
            parts->certs[parts->count] = certs[i];
            parts->keys[parts->count++] = keys[i];
        }
    }
    return APR_SUCCESS;
}

static void part_set(shard_out *out, record_parts *parts,
                     const pem_item *item)
{
    certmap_cert *cert = &parts->certs[parts->count];

    if (item->chain.len) {
        chain_need(out, item->chain_id, &item->chain);
    }
    cert->kind = item->kind;
    cert->expires = item->expires;
    cert->chain_id = item->chain.len ? item->chain_id : NULL;
    cert->leaf = item->leaf;
    parts->keys[parts->count++] = item->key;
}

static apr_status_t record_put(shard_out *out, hostmap_str key,
                               const record_parts *parts)
{
    unsigned char bytes[CERTMAP_RECORD_MAX];
    certmap_record record;
    apr_status_t rv;
    unsigned i;

    if (certmap_record_write(bytes, &record, parts->certs, parts->keys,
                             parts->count) != APR_SUCCESS) {
        return hostmap_fail(out->why, APR_EINVAL, "%.*s: certificates and "
                            "keys of more than %d bytes", (int)key.len,
                            key.ptr, CERTMAP_RECORD_MAX);
    }
    rv = certmap_seal(bytes, &record, key, out->batch->master, out->why);
    for (i = 0; i < parts->count; i++) {
        if (parts->certs[i].chain_id) {
            chain_need(out, parts->certs[i].chain_id, NULL);
        }
    }
    if (rv != APR_SUCCESS) {
        OPENSSL_cleanse(bytes, sizeof(bytes));
        return rv;
    }
    return hostmap_writer_put(out->writer, key, hostmap_str_of((char *)bytes,
                              certmap_record_size(parts->certs, parts->keys,
                                                  parts->count)), out->why);
}

/* As it is: what nothing changes, and what nobody can read. */
static apr_status_t record_keep(shard_out *out, hostmap_str key,
                                hostmap_str bytes)
{
    certmap_cert certs[CERTMAP_CERTS];
    unsigned count, i;

    if (map_certs(certs, &count, bytes, NULL) == APR_SUCCESS) {
        for (i = 0; i < count; i++) {
            if (certs[i].chain_id) {
                chain_need(out, certs[i].chain_id, NULL);
            }
        }
    }
    return hostmap_writer_put(out->writer, key, bytes, out->why);
}

static apr_status_t record_reseal(shard_out *out, hostmap_str key,
                                  hostmap_str bytes)
{
    record_parts parts = { 0 };
    apr_status_t rv;

    rv = parts_take(&parts, out, key, bytes, 0);
    if (rv == APR_SUCCESS) {
        rv = record_put(out, key, &parts);
        out->batch->resealed++;
    }
    OPENSSL_cleanse(parts.plain, sizeof(parts.plain));
    return rv;
}

/* ---- changes of a name ------------------------------------------------- */

static hostmap_str key_of(const shard_change *change)
{
    return hostmap_str_of(change->key, change->key_len);
}

/* Is the certificate of the other kind of an old record worth keeping? */
static int other_kind_lives(hostmap_str bytes, certmap_kind kind)
{
    apr_int64_t now = apr_time_sec(apr_time_now());
    certmap_cert certs[CERTMAP_CERTS];
    unsigned count, i;

    if (map_certs(certs, &count, bytes, NULL) != APR_SUCCESS) {
        return 0;
    }
    for (i = 0; i < count; i++) {
        if (certs[i].kind != kind && certs[i].expires > now) {
            return 1;
        }
    }
    return 0;
}

/* The last change of each kind. */
static apr_status_t change_set(shard_out *out, shard_change *const *changes,
                               unsigned count, const hostmap_str *old)
{
    hostmap_str key = key_of(changes[0]);
    const pem_item *item = changes[count - 1]->item, *other = NULL;
    record_parts parts = { 0 };
    apr_status_t rv = APR_SUCCESS;
    unsigned i;

    for (i = 0; i + 1 < count && !changes[count - 1]->only; i++) {
        if (changes[i]->item && changes[i]->item->kind != item->kind) {
            other = changes[i]->item;
        }
    }
    if (!other && old && !changes[count - 1]->only
        && other_kind_lives(*old, item->kind)) {
        rv = parts_take(&parts, out, key, *old, item->kind);
    }
    if (rv == APR_SUCCESS && other) {
        part_set(out, &parts, other);
    }
    if (rv == APR_SUCCESS) {
        part_set(out, &parts, item);
        rv = record_put(out, key, &parts);
    }
    OPENSSL_cleanse(parts.plain, sizeof(parts.plain));
    *(old ? &out->batch->replaced : &out->batch->added) += 1;
    return rv;
}

/* All changes of the next name. @param old its record, NULL: it has none */
static apr_status_t change_next(shard_out *out, const hostmap_str *old)
{
    shard_change **first = out->changes;
    unsigned count = 0;

    while (out->changes < out->end
           && strcmp((*first)->key, (*out->changes)->key) == 0) {
        out->changes++;
        count++;
    }
    if (first[count - 1]->item) {
        return change_set(out, first, count, old);
    }
    out->batch->removed += old != NULL;
    return APR_SUCCESS;
}

/* Bytes, then the shorter one first, as the store sorts. */
static int key_compare(hostmap_str a, hostmap_str b)
{
    int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static apr_status_t merge_one(shard_out *out, const hostmap_pair *pair)
{
    apr_status_t rv = APR_SUCCESS;

    while (rv == APR_SUCCESS && out->changes < out->end) {
        int order = key_compare(key_of(*out->changes), pair->key);

        if (order > 0) {
            break;
        }
        if (order == 0) {
            return change_next(out, &pair->value);
        }
        rv = change_next(out, NULL);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    return out->batch->reseal ? record_reseal(out, pair->key, pair->value)
                              : record_keep(out, pair->key, pair->value);
}

/* ---- a shard ----------------------------------------------------------- */

static int id_compare(const void *a, const void *b)
{
    return memcmp(*(unsigned char *const *)a, *(unsigned char *const *)b,
                  CERTMAP_CHAIN_ID);
}

static apr_status_t chain_put(shard_out *out, const unsigned char *id)
{
    hostmap_str bytes = *(hostmap_str *)apr_hash_get(out->chains, id,
                                                     CERTMAP_CHAIN_ID);
    char name[CERTMAP_CHAIN_KEY];
    hostmap_str key = { name, sizeof(name) };
    apr_status_t rv = APR_SUCCESS;

    certmap_chain_key(name, id);
    if (!bytes.ptr) {
        rv = hostmap_file_fetch(out->old, &bytes, key, out->pool, out->why);
    }
    if (rv == APR_NOTFOUND) {
        /* `check` reports it; nothing is lost that is not lost already */
        return APR_SUCCESS;
    }
    return rv == APR_SUCCESS ? hostmap_writer_put(out->writer, key, bytes,
                                                  out->why) : rv;
}

static apr_status_t chains_put(shard_out *out)
{
    unsigned count = apr_hash_count(out->chains), i = 0;
    const void **ids = apr_palloc(out->pool, (count + 1) * sizeof(*ids));
    apr_hash_index_t *at;
    apr_status_t rv = APR_SUCCESS;

    for (at = apr_hash_first(out->pool, out->chains); at;
         at = apr_hash_next(at)) {
        apr_hash_this(at, &ids[i++], NULL, NULL);
    }
    qsort(ids, count, sizeof(*ids), id_compare);
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        rv = chain_put(out, ids[i]);
    }
    return rv;
}

static apr_status_t shard_merge(shard_out *out)
{
    hostmap_cursor *cursor;
    hostmap_pair pair;
    apr_status_t rv;

    rv = hostmap_cursor_open(&cursor, out->old, out->pool, out->why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    while ((rv = hostmap_cursor_next(cursor, &pair, out->why))
           == APR_SUCCESS) {
        if (certmap_chain_key_is(pair.key)) {
            /* they come after all names */
            rv = APR_EOF;
            break;
        }
        rv = merge_one(out, &pair);
        if (rv != APR_SUCCESS) {
            break;
        }
    }
    hostmap_cursor_close(cursor);
    if (rv != APR_EOF) {
        return rv;
    }
    rv = APR_SUCCESS;
    while (out->changes < out->end && rv == APR_SUCCESS) {
        rv = change_next(out, NULL);
    }
    return rv == APR_SUCCESS ? chains_put(out) : rv;
}

/* About how many bytes will come. */
static apr_uint64_t bytes_of(const shard_out *out, const char *path)
{
    apr_uint64_t bytes = 0;
    shard_change **at;
    struct stat st;

    for (at = out->changes; at < out->end; at++) {
        if ((*at)->item) {
            bytes += (*at)->item->leaf.len + (*at)->item->key.len
                     + (*at)->item->chain.len;
        }
    }
    return stat(path, &st) == 0 ? bytes + st.st_size : bytes;
}

static apr_status_t shard_open(shard_out *out, const char *path)
{
    hostmap_writer_options options = { "lmdb", 0, HOSTMAP_WRITER_ANY_KEY };

    /* a folder that holds no map is to get no files */
    if (access(path, F_OK) != 0) {
        return hostmap_fail(out->why, errno, "no shard of a certificate map "
                            "(`hostmap cert init` makes one)");
    }
    options.bytes = bytes_of(out, path);
    return hostmap_writer_open(&out->writer, path, &options, out->pool,
                               out->why);
}

static apr_status_t shard_write(shard_batch *batch, const char *path,
                                shard_change **changes, shard_change **end,
                                hostmap_reason *why)
{
    shard_out out = { batch, changes, end };
    apr_status_t rv;

    apr_pool_create(&out.pool, batch->t->pool);
    out.chains = apr_hash_make(out.pool);
    out.why = why;
    rv = shard_open(&out, path);
    if (rv == APR_SUCCESS) {
        rv = hostmap_file_open(&out.old, path, "lmdb", out.pool, why);
        if (rv == APR_SUCCESS) {
            rv = shard_merge(&out);
            hostmap_file_close(out.old);
        }
        if (rv == APR_SUCCESS) {
            rv = hostmap_writer_commit(out.writer, why);
        }
        else {
            hostmap_writer_abort(out.writer);
        }
    }
    apr_pool_destroy(out.pool);
    return rv;
}

/* ---- a batch ----------------------------------------------------------- */

void shard_begin(shard_batch *batch, tool *t, const char *dir,
                 const certmap_master *master)
{
    memset(batch, 0, sizeof(*batch));
    batch->t = t;
    batch->dir = dir;
    batch->master = master;
    batch->changes = apr_array_make(t->pool, 4, sizeof(shard_change *));
}

shard_change *shard_note(shard_batch *batch, hostmap_str key,
                         const pem_item *item)
{
    shard_change *change = apr_pcalloc(batch->t->pool, sizeof(*change));

    memcpy(change->key, key.ptr, key.len);
    change->key_len = key.len;
    change->item = item;
    APR_ARRAY_PUSH(batch->changes, shard_change *) = change;
    return change;
}

typedef struct batch_row {
    unsigned shard;
    int number;                 /* in the order of coming */
    shard_change *change;
} batch_row;

static int row_compare(const void *x, const void *y)
{
    const batch_row *a = x, *b = y;
    int order;

    if (a->shard != b->shard) {
        return a->shard < b->shard ? -1 : 1;
    }
    order = key_compare(key_of(a->change), key_of(b->change));
    return order ? order : a->number - b->number;
}

/* By shard, then by name. */
static batch_row *rows_sort(shard_batch *batch)
{
    int count = batch->changes->nelts, i;
    batch_row *rows = apr_palloc(batch->t->pool,
                                 (count + 1) * sizeof(*rows));

    for (i = 0; i < count; i++) {
        rows[i].change = APR_ARRAY_IDX(batch->changes, i, shard_change *);
        rows[i].number = i;
        rows[i].shard = certmap_name_shard(key_of(rows[i].change));
    }
    qsort(rows, count, sizeof(*rows), row_compare);
    for (i = 0; i < count; i++) {
        APR_ARRAY_IDX(batch->changes, i, shard_change *) = rows[i].change;
    }
    return rows;
}

int shard_commit(shard_batch *batch)
{
    batch_row *rows = rows_sort(batch);
    shard_change **changes = (shard_change **)batch->changes->elts;
    int count = batch->changes->nelts, from = 0, to;
    hostmap_reason why;
    unsigned shard;

    for (shard = 0; shard < CERTMAP_SHARDS; shard++) {
        const char *path;
        apr_status_t rv;

        for (to = from; to < count && rows[to].shard == shard; to++) {
            continue;
        }
        if (to == from && !batch->reseal) {
            continue;
        }
        path = map_shard_path(batch->dir, shard, batch->t->pool);
        rv = shard_write(batch, path, changes + from, changes + to, &why);
        if (rv != APR_SUCCESS) {
            return tool_file_error(path, rv, &why);
        }
        from = to;
    }
    return TOOL_DONE;
}

/* ---- a new map --------------------------------------------------------- */

/* One empty file under all names: each is replaced by itself. */
static int shards_make(tool *t, const char *folder)
{
    hostmap_writer_options options = { "lmdb", 0, HOSTMAP_WRITER_ANY_KEY };
    const char *first = map_shard_path(folder, 0, t->pool);
    hostmap_writer *writer;
    hostmap_reason why;
    apr_status_t rv;
    unsigned i;

    for (i = 0; i < CERTMAP_SHARDS; i++) {
        const char *path = map_shard_path(folder, i, t->pool);

        if (i > 0 && link(first, path) == 0) {
            continue;
        }
        rv = hostmap_writer_open(&writer, path, &options, t->pool, &why);
        if (rv == APR_SUCCESS) {
            rv = hostmap_writer_commit(writer, &why);
        }
        if (rv != APR_SUCCESS) {
            return tool_file_error(path, rv, &why);
        }
    }
    return TOOL_DONE;
}

static void shards_remove(tool *t, const char *folder)
{
    unsigned i;

    for (i = 0; i < CERTMAP_SHARDS; i++) {
        unlink(map_shard_path(folder, i, t->pool));
    }
    rmdir(folder);
}

int shard_init(tool *t, const char *dir)
{
    const char *folder = apr_pstrcat(t->pool, dir, INIT_SUFFIX, NULL);
    struct stat st;
    int error;

    /* of an init that was killed */
    shards_remove(t, folder);
    if (mkdir(folder, 0755) != 0) {
        return tool_error("%s: cannot make it: %s", folder, strerror(errno));
    }
    if (stat(dir, &st) == 0
        && (chmod(folder, st.st_mode & 07777) != 0
            || chown(folder, st.st_uid, st.st_gid) != 0)) {
        error = errno;
        rmdir(folder);
        return tool_error("%s: cannot give it owner and mode of %s: %s",
                          folder, dir, strerror(error));
    }
    if (shards_make(t, folder) != TOOL_DONE) {
        shards_remove(t, folder);
        return TOOL_FAILED;
    }
    if (rename(folder, dir) != 0) {
        error = errno;
        shards_remove(t, folder);
        return tool_error("%s: cannot put the new map there: %s", dir,
                          strerror(error));
    }
    return TOOL_DONE;
}
