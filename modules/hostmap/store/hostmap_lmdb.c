/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_lmdb.c
 * @brief Maps in LMDB: one file, the unnamed database, raw bytes - what APR's
 *        own lmdb driver reads and writes.
 *
 * Readers use neither LMDB's lock file nor its reader table (MDB_NOLOCK): the
 * file never changes, so no lock is needed, read permission is enough, and the
 * number of readers is not limited.  A reader transaction serves one look-up at
 * a time and then returns to a free list, so there are as many as look-ups ever
 * ran at the same time.
 */

#include "base/atomic.h"
#include "hostmap/hostmap_key.h"
#include "hostmap_pages.h"
#include "hostmap_provider.h"

#include "apr_strings.h"
#include "apr_thread_mutex.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_FLAGS (MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK | MDB_NOTLS)
#define WRITE_FLAGS (MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC)

/* Number of stores per transaction: LMDB keeps the pages that a transaction has
 * changed in memory, at most 512 MB of them.  Keys in order fill one page after
 * the other; each change may touch another page. */
#define PUTS_PER_TXN    100000
#define CHANGES_PER_TXN 2000

typedef struct lmdb_reader {
    MDB_txn *txn;
    struct lmdb_reader *next;
} lmdb_reader;

typedef struct lmdb_ctx {
    MDB_env *env;
    MDB_dbi dbi;
    apr_int64_t entries;
    unsigned depth;
    apr_uint64_t pages;         /* of the file */
    apr_uint64_t pages_used;
    void *spare;                /* an idle one: changed by atomics alone */
    apr_thread_mutex_t *mutex;  /* guards idle */
    lmdb_reader *idle;          /* the others */
} lmdb_ctx;

static apr_status_t lmdb_fail(hostmap_reason *why, int rc,
                              const char *what)
{
    if (rc > 0) {
        return hostmap_fail(why, rc, "%s", what);
    }
    return hostmap_fail(why, HOSTMAP_EFORMAT, "%s: %s", what,
                        mdb_strerror(rc));
}

static MDB_val lmdb_val(hostmap_str str)
{
    MDB_val val;

    val.mv_data = (void *)str.ptr;
    val.mv_size = str.len;
    return val;
}

/* ---- reading ----------------------------------------------------------- */

/* The same order as LMDB's own comparison: by bytes, then the shorter one
 * first.  Eight bytes at a time, as a big-endian number: half of the
 * instructions of a look-up compare keys, some twenty in a map of a million. */
static int lmdb_key_compare(const MDB_val *a, const MDB_val *b)
{
    const unsigned char *x = a->mv_data, *y = b->mv_data;
    apr_size_t left = a->mv_size < b->mv_size ? a->mv_size : b->mv_size;
    apr_uint64_t p, q;

    for (; left >= sizeof(p); left -= sizeof(p)) {
        memcpy(&p, x, sizeof(p));
        memcpy(&q, y, sizeof(q));
        if (p != q) {
            return be64toh(p) < be64toh(q) ? -1 : 1;
        }
        x += sizeof(p);
        y += sizeof(q);
    }
    for (; left > 0; left--, x++, y++) {
        if (*x != *y) {
            return *x < *y ? -1 : 1;
        }
    }
    return (a->mv_size > b->mv_size) - (a->mv_size < b->mv_size);
}

/* LMDB trusts its meta page and maps as much as that says: to read a page after
 * the end of the file would be a SIGBUS. */
static apr_status_t lmdb_length_check(lmdb_ctx *ctx, hostmap_file *file,
                                      hostmap_reason *why)
{
    MDB_envinfo info;
    MDB_stat st;
    apr_uint64_t expected;

    mdb_env_info(ctx->env, &info);
    mdb_env_stat(ctx->env, &st);
    expected = ((apr_uint64_t)info.me_last_pgno + 1) * st.ms_psize;
    if ((apr_uint64_t)file->id.size < expected) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, "%s is cut short: %"
                            APR_OFF_T_FMT " bytes, expected %"
                            APR_UINT64_T_FMT, file->names.main,
                            file->id.size, expected);
    }
    return APR_SUCCESS;
}

/* Is it the file of file->id, or was that replaced before it was opened? */
static apr_status_t lmdb_same_file(lmdb_ctx *ctx, hostmap_file *file,
                                   hostmap_reason *why)
{
    mdb_filehandle_t fd;
    struct stat st;

    if (mdb_env_get_fd(ctx->env, &fd) != 0 || fstat(fd, &st) != 0
        || st.st_dev != file->id.device || st.st_ino != file->id.inode
        || st.st_size != file->id.size) {
        return hostmap_fail(why, HOSTMAP_ESTALE,
                            "replaced while it was opened");
    }
    return APR_SUCCESS;
}

/* Counts the entries, and the pages of both trees (the unnamed database and the
 * free pages) and the two meta pages.  Reads the meta page alone: httpd's
 * parent does this with any map, and reading a damaged tree can crash. */
static int lmdb_stat_count(lmdb_ctx *ctx, MDB_txn *txn)
{
    MDB_envinfo info;
    MDB_stat st, meta;
    int rc;

    rc = mdb_stat(txn, ctx->dbi, &st);
    if (rc == 0) {
        /* LMDB's handle for the tree of free pages */
        rc = mdb_stat(txn, 0, &meta);
    }
    if (rc != 0) {
        return rc;
    }
    mdb_env_info(ctx->env, &info);
    ctx->entries = st.ms_entries;
    ctx->depth = st.ms_depth;
    ctx->pages = info.me_last_pgno + 1;
    ctx->pages_used = st.ms_branch_pages + st.ms_leaf_pages
                      + st.ms_overflow_pages + meta.ms_branch_pages
                      + meta.ms_leaf_pages + meta.ms_overflow_pages + 2;
    return 0;
}

static apr_status_t lmdb_stat_read(lmdb_ctx *ctx, hostmap_reason *why)
{
    MDB_txn *txn;
    unsigned int flags = 0;
    int rc;

    rc = mdb_txn_begin(ctx->env, NULL, MDB_RDONLY, &txn);
    if (rc == 0) {
        rc = mdb_dbi_open(txn, NULL, 0, &ctx->dbi);
        if (rc == 0) {
            rc = mdb_dbi_flags(txn, ctx->dbi, &flags);
        }
        if (rc == 0 && flags == 0) {
            rc = mdb_set_compare(txn, ctx->dbi, lmdb_key_compare);
        }
        if (rc == 0 && flags == 0) {
            rc = lmdb_stat_count(ctx, txn);
        }
        mdb_txn_abort(txn);
    }
    if (rc != 0) {
        return lmdb_fail(why, rc, "cannot read");
    }
    if (flags != 0) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, "an LMDB file with flags "
                            "0x%x, expected a plain one", flags);
    }
    return APR_SUCCESS;
}

static apr_status_t lmdb_open(hostmap_file *file, hostmap_reason *why)
{
    lmdb_ctx *ctx = apr_pcalloc(file->pool, sizeof(*ctx));
    apr_status_t rv;
    int rc;

    rv = hostmap_magic_check(file, file->pool, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_thread_mutex_create(&ctx->mutex, APR_THREAD_MUTEX_DEFAULT,
                                 file->pool);
    if (rv != APR_SUCCESS) {
        return hostmap_fail(why, rv, "cannot create a mutex");
    }
    rc = mdb_env_create(&ctx->env);
    if (rc != 0) {
        return lmdb_fail(why, rc, "cannot create an LMDB environment");
    }
    rc = mdb_env_open(ctx->env, file->names.main, READ_FLAGS, 0);
    if (rc == MDB_INVALID) {
        rv = hostmap_fail(why, HOSTMAP_EFORMAT, "%s is cut short or not an "
                          "LMDB file", file->names.main);
    }
    else if (rc != 0) {
        rv = lmdb_fail(why, rc, "cannot open");
    }
    else {
        rv = lmdb_same_file(ctx, file, why);
    }
    if (rv == APR_SUCCESS) {
        rv = lmdb_length_check(ctx, file, why);
    }
    if (rv == APR_SUCCESS) {
        rv = lmdb_stat_read(ctx, why);
    }
    if (rv != APR_SUCCESS) {
        mdb_env_close(ctx->env);
        return rv;
    }
    file->ctx = ctx;
    return APR_SUCCESS;
}

/* A mapping of its own: LMDB's is as long as the meta page says. */
static apr_status_t lmdb_verify(const hostmap_file *file, hostmap_reason *why)
{
    const lmdb_ctx *ctx = file->ctx;
    apr_size_t size = (apr_size_t)file->id.size;
    hostmap_pages_fault fault;
    mdb_filehandle_t fd;
    void *bytes = MAP_FAILED, *scratch = malloc(hostmap_pages_scratch(size));
    apr_status_t rv = APR_ENOMEM;

    if (mdb_env_get_fd(ctx->env, &fd) == 0) {
        bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    }
    if (!scratch || bytes == MAP_FAILED) {
        hostmap_fail(why, rv, "cannot read its pages");
    }
    else {
        rv = hostmap_pages_check(&fault, bytes, size, scratch);
        if (rv != APR_SUCCESS) {
            rv = hostmap_fail(why, HOSTMAP_EFORMAT, "%s is damaged: page %"
                              APR_UINT64_T_FMT " %s", file->names.main,
                              fault.page, fault.reason);
        }
    }
    if (bytes != MAP_FAILED) {
        munmap(bytes, size);
    }
    free(scratch);
    return rv;
}

/* Mostly a look-up ends before the next one begins: one spare reader is taken
 * without the mutex, which costs more than an atomic exchange. */
static lmdb_reader *lmdb_reader_idle(lmdb_ctx *ctx)
{
    lmdb_reader *reader = atomic_take_ptr(&ctx->spare);

    if (!reader) {
        apr_thread_mutex_lock(ctx->mutex);
        reader = ctx->idle;
        if (reader) {
            ctx->idle = reader->next;
        }
        apr_thread_mutex_unlock(ctx->mutex);
    }
    return reader;
}

static void lmdb_close(hostmap_file *file)
{
    lmdb_ctx *ctx = file->ctx;
    lmdb_reader *reader;

    while ((reader = lmdb_reader_idle(ctx)) != NULL) {
        mdb_txn_abort(reader->txn);
        free(reader);
    }
    mdb_env_close(ctx->env);
}

static int lmdb_reader_take(lmdb_reader **out, lmdb_ctx *ctx)
{
    lmdb_reader *reader = lmdb_reader_idle(ctx);
    int rc;

    if (reader) {
        rc = mdb_txn_renew(reader->txn);
    }
    else {
        reader = malloc(sizeof(*reader));
        if (!reader) {
            return APR_ENOMEM;
        }
        reader->txn = NULL;
        rc = mdb_txn_begin(ctx->env, NULL, MDB_RDONLY, &reader->txn);
    }
    if (rc != 0) {
        if (reader->txn) {
            mdb_txn_abort(reader->txn);
        }
        free(reader);
        return rc;
    }
    *out = reader;
    return 0;
}

static void lmdb_reader_give(lmdb_ctx *ctx, lmdb_reader *reader)
{
    mdb_txn_reset(reader->txn);
    if (atomic_put_ptr(&ctx->spare, reader)) {
        return;
    }
    apr_thread_mutex_lock(ctx->mutex);
    reader->next = ctx->idle;
    ctx->idle = reader;
    apr_thread_mutex_unlock(ctx->mutex);
}

static apr_status_t lmdb_fetch(hostmap_file *file, hostmap_str *value,
                               hostmap_str key, apr_pool_t *pool,
                               hostmap_reason *why)
{
    lmdb_ctx *ctx = file->ctx;
    lmdb_reader *reader;
    MDB_val k = lmdb_val(key), v;
    int rc;

    rc = lmdb_reader_take(&reader, ctx);
    if (rc != 0) {
        return lmdb_fail(why, rc, "cannot begin to read");
    }
    rc = mdb_get(reader->txn, ctx->dbi, &k, &v);
    if (rc == 0) {
        value->ptr = apr_pstrmemdup(pool, v.mv_data, v.mv_size);
        value->len = v.mv_size;
    }
    lmdb_reader_give(ctx, reader);
    if (rc == MDB_NOTFOUND) {
        return APR_NOTFOUND;
    }
    return rc == 0 ? APR_SUCCESS : lmdb_fail(why, rc, "cannot look up");
}

/* ---- listing ----------------------------------------------------------- */

/* Visiting a map touches every page of it.  After each of so many entries the
 * pages already read are unmapped (they stay in the system's cache), so that a
 * map of any size can be read with little memory. */
#define FORGET_ENTRIES 65536

typedef struct lmdb_walk {
    lmdb_ctx *ctx;
    lmdb_reader *reader;
    MDB_cursor *cursor;
    MDB_cursor_op op;
    /* entries since the last unmapping, and their place in memory */
    unsigned entries;
    char *low, *high;
} lmdb_walk;

static void lmdb_walk_forget(lmdb_walk *walk)
{
    apr_size_t page = (apr_size_t)sysconf(_SC_PAGESIZE);
    char *low = walk->low - (apr_size_t)walk->low % page;

    /* only advice: it may be ignored */
    madvise(low, walk->high - low, MADV_DONTNEED);
    walk->entries = 0;
}

/* All entries are in the one mapping of the file. */
static void lmdb_walk_note(lmdb_walk *walk, char *at)
{
    if (walk->entries == 0 || at < walk->low) {
        walk->low = at;
    }
    if (walk->entries == 0 || at > walk->high) {
        walk->high = at;
    }
    if (++walk->entries == FORGET_ENTRIES) {
        lmdb_walk_forget(walk);
    }
}

static apr_status_t lmdb_cursor_open(void **result, hostmap_file *file,
                                     apr_pool_t *pool, hostmap_reason *why)
{
    lmdb_walk *walk = apr_pcalloc(pool, sizeof(*walk));
    int rc;

    walk->ctx = file->ctx;
    walk->op = MDB_FIRST;
    rc = lmdb_reader_take(&walk->reader, walk->ctx);
    if (rc != 0) {
        return lmdb_fail(why, rc, "cannot begin to read");
    }
    rc = mdb_cursor_open(walk->reader->txn, walk->ctx->dbi, &walk->cursor);
    if (rc != 0) {
        lmdb_reader_give(walk->ctx, walk->reader);
        return lmdb_fail(why, rc, "cannot list");
    }
    *result = walk;
    return APR_SUCCESS;
}

static apr_status_t lmdb_cursor_next(void *baton, hostmap_pair *pair,
                                     hostmap_reason *why)
{
    lmdb_walk *walk = baton;
    MDB_val k, v;
    int rc = mdb_cursor_get(walk->cursor, &k, &v, walk->op);

    walk->op = MDB_NEXT;
    if (rc == MDB_NOTFOUND) {
        return APR_EOF;
    }
    if (rc != 0) {
        return lmdb_fail(why, rc, "cannot list");
    }
    lmdb_walk_note(walk, k.mv_data);
    pair->key = hostmap_str_of(k.mv_data, k.mv_size);
    pair->value = hostmap_str_of(v.mv_data, v.mv_size);
    return APR_SUCCESS;
}

static void lmdb_cursor_close(void *baton)
{
    lmdb_walk *walk = baton;

    mdb_cursor_close(walk->cursor);
    lmdb_reader_give(walk->ctx, walk->reader);
}

static apr_status_t lmdb_each(hostmap_file *file, hostmap_each_fn *fn,
                              void *baton, apr_pool_t *pool,
                              hostmap_reason *why)
{
    hostmap_pair pair;
    void *walk;
    apr_status_t rv;

    rv = lmdb_cursor_open(&walk, file, pool, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    while ((rv = lmdb_cursor_next(walk, &pair, why)) == APR_SUCCESS) {
        rv = fn(baton, pair.key, pair.value);
        if (rv != APR_SUCCESS) {
            lmdb_cursor_close(walk);
            return rv;
        }
    }
    lmdb_cursor_close(walk);
    return rv == APR_EOF ? APR_SUCCESS : rv;
}

static void lmdb_stat(hostmap_file *file, hostmap_stat *stat)
{
    const lmdb_ctx *ctx = file->ctx;

    stat->entries = ctx->entries;
    stat->depth = ctx->depth;
    stat->pages = ctx->pages;
    stat->pages_used = ctx->pages_used;
}

/* The file stays mapped after its name is gone: all of it is still known. */
#define lmdb_recall lmdb_fetch

/* No program changes an LMDB map in place. */
static apr_status_t lmdb_hold(const hostmap_file *file, apr_file_t **lock,
                              apr_pool_t *pool, hostmap_reason *why)
{
    (void)file;
    (void)pool;
    (void)why;
    *lock = NULL;
    return APR_SUCCESS;
}

/* ---- writing ----------------------------------------------------------- */

typedef struct lmdb_out {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    apr_uint64_t puts;
    apr_uint64_t puts_per_txn;
    /* all keys until now came in order, and the last one is in last */
    int append;
    apr_size_t last_len;
    char last[HOSTMAP_KEY_MAX];
} lmdb_out;

/* The size of the memory map bounds the file, and readers reserve that much
 * address space.  An entry takes at most its own length, ten bytes and half of
 * a page, or an overflow page; changed pages are not reused within a
 * transaction. */
static apr_size_t lmdb_map_size(apr_uint64_t bytes)
{
    apr_uint64_t size = 8 * bytes + (16 << 20);

    return (apr_size_t)((size + 0xfffff) & ~(apr_uint64_t)0xfffff);
}

static apr_status_t lmdb_out_open(lmdb_out *out, const char *path,
                                  apr_size_t size, hostmap_reason *why)
{
    int rc;

    rc = mdb_env_create(&out->env);
    if (rc != 0) {
        return lmdb_fail(why, rc, "cannot create an LMDB environment");
    }
    rc = mdb_env_set_mapsize(out->env, size);
    if (rc == 0) {
        rc = mdb_env_open(out->env, path, WRITE_FLAGS, 0600);
    }
    if (rc == 0) {
        rc = mdb_txn_begin(out->env, NULL, 0, &out->txn);
    }
    if (rc == 0) {
        rc = mdb_dbi_open(out->txn, NULL, 0, &out->dbi);
    }
    if (rc != 0) {
        if (out->txn) {
            mdb_txn_abort(out->txn);
        }
        mdb_env_close(out->env);
        return lmdb_fail(why, rc, "cannot write");
    }
    return APR_SUCCESS;
}

static apr_status_t lmdb_create(void **result, const hostmap_spec *spec,
                                apr_pool_t *pool, hostmap_reason *why)
{
    lmdb_out *out = apr_pcalloc(pool, sizeof(*out));

    out->puts_per_txn = PUTS_PER_TXN;
    out->append = 1;
    *result = out;
    return lmdb_out_open(out, spec->path, lmdb_map_size(spec->bytes), why);
}

static apr_status_t lmdb_change(void **result, const hostmap_spec *spec,
                                apr_pool_t *pool, hostmap_reason *why)
{
    lmdb_out *out = apr_pcalloc(pool, sizeof(*out));
    struct stat st;

    if (stat(spec->path, &st) != 0) {
        return hostmap_fail(why, errno, "cannot open %s", spec->path);
    }
    out->puts_per_txn = CHANGES_PER_TXN;
    *result = out;
    return lmdb_out_open(out, spec->path, (apr_size_t)st.st_size
                         + lmdb_map_size(spec->bytes), why);
}

/* MDB_APPEND fills pages and needs no search; for keys that are greater than
 * all before. */
static unsigned int lmdb_put_flags(lmdb_out *out, hostmap_str key)
{
    apr_size_t shorter = key.len < out->last_len ? key.len : out->last_len;
    int order;

    if (!out->append || key.len > sizeof(out->last)) {
        out->append = 0;
        return 0;
    }
    order = memcmp(key.ptr, out->last, shorter);
    if (out->puts > 0
        && (order < 0 || (order == 0 && key.len <= out->last_len))) {
        out->append = 0;
        return 0;
    }
    memcpy(out->last, key.ptr, key.len);
    out->last_len = key.len;
    return MDB_APPEND;
}

/* Begin another transaction when the open one has changed enough. */
static int lmdb_out_turn(lmdb_out *out)
{
    int rc = 0;

    if (out->puts > 0 && out->puts % out->puts_per_txn == 0) {
        rc = mdb_txn_commit(out->txn);
        out->txn = NULL;
        if (rc == 0) {
            rc = mdb_txn_begin(out->env, NULL, 0, &out->txn);
        }
    }
    out->puts++;
    return rc;
}

static apr_status_t lmdb_put(void *baton, hostmap_str key, hostmap_str value,
                             hostmap_reason *why)
{
    lmdb_out *out = baton;
    unsigned int flags = lmdb_put_flags(out, key);
    MDB_val k = lmdb_val(key), v = lmdb_val(value);
    int rc = lmdb_out_turn(out);

    if (rc == 0) {
        rc = mdb_put(out->txn, out->dbi, &k, &v, flags);
    }
    return rc == 0 ? APR_SUCCESS : lmdb_fail(why, rc, "cannot store");
}

static apr_status_t lmdb_get(void *baton, hostmap_str *value, hostmap_str key,
                             hostmap_reason *why)
{
    lmdb_out *out = baton;
    MDB_val k = lmdb_val(key), v;
    int rc;

    rc = mdb_get(out->txn, out->dbi, &k, &v);
    if (rc == MDB_NOTFOUND) {
        return APR_NOTFOUND;
    }
    if (rc != 0) {
        return lmdb_fail(why, rc, "cannot look up");
    }
    *value = hostmap_str_of(v.mv_data, v.mv_size);
    return APR_SUCCESS;
}

static apr_status_t lmdb_each_key(void *baton, hostmap_str from,
                                  hostmap_key_fn *fn, void *fn_baton,
                                  hostmap_reason *why)
{
    lmdb_out *out = baton;
    MDB_cursor *cursor;
    MDB_val k = lmdb_val(from), v;
    int rc;

    rc = mdb_cursor_open(out->txn, out->dbi, &cursor);
    if (rc == 0) {
        rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
        while (rc == 0
               && !fn(fn_baton, hostmap_str_of(k.mv_data, k.mv_size))) {
            rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
        }
        mdb_cursor_close(cursor);
    }
    return rc == 0 || rc == MDB_NOTFOUND ? APR_SUCCESS
                                         : lmdb_fail(why, rc, "cannot list");
}

static apr_status_t lmdb_remove(void *baton, hostmap_str key,
                                hostmap_reason *why)
{
    lmdb_out *out = baton;
    MDB_val k = lmdb_val(key);
    int rc = lmdb_out_turn(out);

    if (rc == 0) {
        rc = mdb_del(out->txn, out->dbi, &k, NULL);
    }
    if (rc == MDB_NOTFOUND) {
        return APR_NOTFOUND;
    }
    return rc == 0 ? APR_SUCCESS : lmdb_fail(why, rc, "cannot remove");
}

static apr_status_t lmdb_finish(void *baton, int keep, hostmap_reason *why)
{
    lmdb_out *out = baton;
    int rc = 0;

    if (out->txn) {
        if (keep) {
            rc = mdb_txn_commit(out->txn);
        }
        else {
            mdb_txn_abort(out->txn);
        }
    }
    mdb_env_close(out->env);
    return rc == 0 ? APR_SUCCESS : lmdb_fail(why, rc, "cannot write");
}

const hostmap_provider hostmap_provider_lmdb = {
    "lmdb",
    HOSTMAP_LMDB,
    HOSTMAP_KEY_MAX,
    0,
    lmdb_open,
    lmdb_fetch,
    lmdb_each,
    lmdb_stat,
    lmdb_close,
    lmdb_recall,
    lmdb_cursor_open,
    lmdb_cursor_next,
    lmdb_cursor_close,
    lmdb_verify,
    lmdb_hold,
    lmdb_create,
    lmdb_change,
    lmdb_put,
    lmdb_get,
    lmdb_each_key,
    lmdb_remove,
    lmdb_finish
};
