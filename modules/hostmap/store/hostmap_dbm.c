/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_dbm.c
 * @brief Maps in the types of apr_dbm: sdbm, gdbm, ndbm, db.
 *
 * No handle is kept open: none of these libraries is thread-safe, and sdbm and
 * gdbm hold a lock from open to close that would keep a site's httxt2dbm out.
 * A look-up that the cache of answers cannot serve opens, fetches and closes,
 * one at a time per file and process.  Other programs may change the file in
 * place: a look-up makes sure, under the lock, that it reads the file of its
 * hostmap_id, and returns HOSTMAP_ESTALE if not.
 */

#include "hostmap_provider.h"
#include "hostmap_cache.h"
#include "hostmap_copy.h"

#include "apr_dbm.h"
#include "apr_file_io.h"
#include "apr_strings.h"
#include "apr_thread_cond.h"
#include "apr_thread_mutex.h"

#include <string.h>
#include <sys/stat.h>

/* How often a look-up that waits for a writer tries again. */
#define BUSY_POLL apr_time_from_msec(5)

/* A file younger than this may still be written to: its answers are not cached
 * (a later change might not change its mtime), and an error of a library
 * without a lock, or an error without a reason, counts as busy. */
#define YOUNG apr_time_from_sec(2)

/* Berkeley DB reports each page that it cannot write on standard error, again
 * and again.  So the disk is checked in time: it must have room for what the
 * library has in memory and for what is stored until the next check. */
#define DB_ROOM         ((apr_uint64_t)512 << 10)
#define DB_LOOK_AFTER   32

apr_interval_time_t hostmap_busy_wait = apr_time_from_sec(1);

typedef struct dbm_ctx {
    hostmap_cache *cache;
    /* one look-up at a time; mutex guards taken */
    apr_thread_mutex_t *mutex;
    apr_thread_cond_t *given;
    int taken;
    /* its magic bytes and lengths were checked when it was opened */
    int checked;
} dbm_ctx;

static apr_datum_t dbm_datum(hostmap_str str)
{
    apr_datum_t datum;

    datum.dptr = (char *)str.ptr;
    datum.dsize = str.len;
    return datum;
}

/* ---- one at a time ----------------------------------------------------- */

static apr_status_t dbm_turn_take(dbm_ctx *ctx, apr_time_t deadline,
                                  hostmap_reason *why)
{
    apr_status_t rv = APR_SUCCESS;

    apr_thread_mutex_lock(ctx->mutex);
    while (ctx->taken && rv == APR_SUCCESS) {
        apr_interval_time_t left = deadline - apr_time_now();

        rv = left > 0 ? apr_thread_cond_timedwait(ctx->given, ctx->mutex,
                                                  left) : APR_TIMEUP;
    }
    if (!ctx->taken) {
        ctx->taken = 1;
        rv = APR_SUCCESS;
    }
    apr_thread_mutex_unlock(ctx->mutex);
    if (rv != APR_SUCCESS) {
        return hostmap_fail(why, HOSTMAP_EBUSY,
                            "busy: look-ups wait for a writer");
    }
    return APR_SUCCESS;
}

static void dbm_turn_give(dbm_ctx *ctx)
{
    apr_thread_mutex_lock(ctx->mutex);
    ctx->taken = 0;
    apr_thread_cond_signal(ctx->given);
    apr_thread_mutex_unlock(ctx->mutex);
}

/* ---- open, fetch, close ------------------------------------------------ */

static int dbm_is_young(const hostmap_file *file)
{
    apr_interval_time_t age = apr_time_now() - file->id.mtime;

    return age < YOUNG && age > -YOUNG;
}

/* The lock that writers of sdbm and gdbm hold exclusively, tried without
 * waiting: apr_dbm_open would wait without limit for sdbm's.  Taken through
 * APR, whose kind of lock it is.  Berkeley DB has none. */
static apr_status_t dbm_lock_try(const hostmap_file *file, apr_file_t **lock,
                                 apr_pool_t *pool, hostmap_reason *why)
{
    const char *name = file->names.second ? file->names.second
                                          : file->names.main;
    apr_status_t rv;

    *lock = NULL;
    if (file->provider->format == HOSTMAP_DB) {
        return APR_SUCCESS;
    }
    rv = apr_file_open(lock, name, APR_FOPEN_READ, APR_OS_DEFAULT, pool);
    if (rv != APR_SUCCESS) {
        return hostmap_fail(why, rv, "cannot open %s", name);
    }
    rv = apr_file_lock(*lock, APR_FLOCK_SHARED | APR_FLOCK_NONBLOCK);
    if (rv != APR_SUCCESS) {
        apr_file_close(*lock);
        *lock = NULL;
        return hostmap_fail(why, HOSTMAP_EBUSY, "busy: a writer has locked it");
    }
    return APR_SUCCESS;
}

/* Does the name still lead to the file? */
static apr_status_t dbm_same_file(const hostmap_file *file, apr_pool_t *pool,
                                  hostmap_reason *why)
{
    hostmap_id id;
    apr_status_t rv;

    rv = hostmap_id_of(&id, &file->names, pool, why);
    if (rv == APR_SUCCESS && !hostmap_id_equal(&id, &file->id)) {
        rv = hostmap_fail(why, HOSTMAP_ESTALE, "changed since it was opened");
    }
    return rv;
}

static apr_status_t dbm_try(hostmap_file *file, apr_dbm_t **dbm,
                            apr_file_t **lock, apr_pool_t *pool,
                            hostmap_reason *why)
{
    dbm_ctx *ctx = file->ctx;
    apr_status_t rv;

    rv = dbm_lock_try(file, lock, pool, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = dbm_same_file(file, pool, why);
    if (rv == APR_SUCCESS && !ctx->checked) {
        rv = hostmap_magic_check(file, pool, why);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_dbm_open_ex(dbm, file->provider->name, file->path,
                             APR_DBM_READONLY, APR_OS_DEFAULT, pool);
        if (rv != APR_SUCCESS) {
            rv = hostmap_fail(why, dbm_is_young(file) ? HOSTMAP_EBUSY
                              : HOSTMAP_EFORMAT, "the %s library cannot "
                              "open it", file->provider->name);
        }
        /* The library opens it by its name, which may lead to another file by
         * now.  The two files of sdbm are replaced under the lock. */
        else if (!file->names.second
                 && (rv = dbm_same_file(file, pool, why)) != APR_SUCCESS) {
            apr_dbm_close(*dbm);
        }
    }
    if (rv != APR_SUCCESS && *lock) {
        apr_file_close(*lock);
    }
    return rv;
}

/* Waits, within bounds, for a writer that has the file locked. */
static apr_status_t dbm_open_wait(hostmap_file *file, apr_dbm_t **dbm,
                                  apr_file_t **lock, apr_pool_t *pool,
                                  hostmap_reason *why)
{
    apr_time_t deadline = apr_time_now() + hostmap_busy_wait;
    apr_status_t rv;

    while ((rv = dbm_try(file, dbm, lock, pool, why)) == HOSTMAP_EBUSY
           && apr_time_now() + BUSY_POLL < deadline) {
        apr_sleep(BUSY_POLL);
    }
    return rv;
}

static void dbm_close_all(apr_dbm_t *dbm, apr_file_t *lock)
{
    apr_dbm_close(dbm);
    if (lock) {
        apr_file_close(lock);
    }
}

/* One look-up, until the deadline. */
typedef struct dbm_question {
    hostmap_file *file;
    hostmap_str key;
    apr_time_t deadline;
    apr_pool_t *pool;
    hostmap_reason *why;
} dbm_question;

static apr_status_t dbm_fetch_opened(const dbm_question *q, hostmap_str *value,
                                     apr_dbm_t *dbm)
{
    apr_datum_t v = { NULL, 0 };
    apr_status_t rv;

    rv = apr_dbm_fetch(dbm, dbm_datum(q->key), &v);
    if (rv != APR_SUCCESS) {
        char detail[120];
        int code;

        apr_dbm_geterror(dbm, &code, detail, sizeof(detail));
        return hostmap_fail(q->why, dbm_is_young(q->file) ? HOSTMAP_EBUSY
                            : HOSTMAP_EFORMAT, "the %s library cannot look "
                            "up: %s (%d)", q->file->provider->name, detail,
                            code);
    }
    if (!v.dptr) {
        return APR_NOTFOUND;
    }
    value->ptr = apr_pstrmemdup(q->pool, v.dptr, v.dsize);
    value->len = v.dsize;
    apr_dbm_freedatum(dbm, v);
    return APR_SUCCESS;
}

static apr_status_t dbm_fetch_from_file(const dbm_question *q,
                                        hostmap_str *value)
{
    apr_pool_t *scratch;
    apr_dbm_t *dbm;
    apr_file_t *lock;
    apr_status_t rv;

    apr_pool_create(&scratch, q->pool);
    for (;;) {
        rv = dbm_try(q->file, &dbm, &lock, scratch, q->why);
        if (rv == APR_SUCCESS) {
            rv = dbm_fetch_opened(q, value, dbm);
            dbm_close_all(dbm, lock);
        }
        if (rv != HOSTMAP_EBUSY || apr_time_now() + BUSY_POLL >= q->deadline) {
            break;
        }
        apr_sleep(BUSY_POLL);
    }
    apr_pool_destroy(scratch);
    return rv;
}

static apr_status_t dbm_fetch(hostmap_file *file, hostmap_str *value,
                              hostmap_str key, apr_pool_t *pool,
                              hostmap_reason *why)
{
    dbm_question q = { file, key, apr_time_now() + hostmap_busy_wait, pool,
                       why };
    dbm_ctx *ctx = file->ctx;
    apr_status_t rv;

    rv = hostmap_cache_get(ctx->cache, value, key, pool);
    if (rv != APR_INCOMPLETE) {
        return rv;
    }
    rv = dbm_turn_take(ctx, q.deadline, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = dbm_fetch_from_file(&q, value);
    dbm_turn_give(ctx);
    if ((rv == APR_SUCCESS || rv == APR_NOTFOUND) && !dbm_is_young(file)) {
        hostmap_cache_put(ctx->cache, key, rv == APR_SUCCESS ? value : NULL);
    }
    return rv;
}

static apr_status_t dbm_recall(hostmap_file *file, hostmap_str *value,
                               hostmap_str key, apr_pool_t *pool,
                               hostmap_reason *why)
{
    dbm_ctx *ctx = file->ctx;
    apr_status_t rv;

    rv = hostmap_cache_get(ctx->cache, value, key, pool);
    if (rv == APR_INCOMPLETE) {
        return hostmap_fail(why, HOSTMAP_ESTALE, "not known from before");
    }
    return rv;
}

/* ---- lifecycle --------------------------------------------------------- */

static apr_status_t dbm_open(hostmap_file *file, hostmap_reason *why)
{
    dbm_ctx *ctx = apr_pcalloc(file->pool, sizeof(*ctx));
    apr_pool_t *scratch;
    apr_dbm_t *dbm;
    apr_file_t *lock;
    apr_status_t rv;

    rv = hostmap_cache_create(&ctx->cache, file->pool);
    if (rv == APR_SUCCESS) {
        rv = apr_thread_mutex_create(&ctx->mutex, APR_THREAD_MUTEX_DEFAULT,
                                     file->pool);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_thread_cond_create(&ctx->given, file->pool);
    }
    if (rv != APR_SUCCESS) {
        return hostmap_fail(why, rv, "cannot create a cache");
    }
    file->ctx = ctx;
    /* Can the library open it?  Without waiting: look-ups are served from the
     * old file, and a later one tries again. */
    apr_pool_create(&scratch, file->pool);
    rv = dbm_try(file, &dbm, &lock, scratch, why);
    if (rv == APR_SUCCESS) {
        dbm_close_all(dbm, lock);
        ctx->checked = 1;
    }
    apr_pool_destroy(scratch);
    return rv;
}

static void dbm_close(hostmap_file *file)
{
    (void)file;                 /* all of it is in the file's pool */
}

static void dbm_stat(hostmap_file *file, hostmap_stat *stat)
{
    (void)file;
    stat->entries = -1;
}

/* ---- listing ----------------------------------------------------------- */

static apr_status_t dbm_each_opened(apr_dbm_t *dbm, hostmap_each_fn *fn,
                                    void *baton, hostmap_reason *why)
{
    apr_datum_t k, v;
    apr_status_t rv;

    rv = apr_dbm_firstkey(dbm, &k);
    if (APR_STATUS_IS_EOF(rv)) {
        /* an sdbm without a page */
        return APR_SUCCESS;
    }
    while (rv == APR_SUCCESS && k.dptr) {
        apr_datum_t last = k;

        v.dptr = NULL;
        rv = apr_dbm_fetch(dbm, k, &v);
        if (rv == APR_SUCCESS && !v.dptr) {
            rv = APR_EGENERAL;
        }
        if (rv != APR_SUCCESS) {
            return hostmap_fail(why, HOSTMAP_EFORMAT, "it lists a key "
                                "whose entry cannot be found");
        }
        rv = fn(baton, hostmap_str_of(k.dptr, k.dsize),
                hostmap_str_of(v.dptr, v.dsize));
        apr_dbm_freedatum(dbm, v);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        rv = apr_dbm_nextkey(dbm, &k);
        apr_dbm_freedatum(dbm, last);
    }
    if (rv != APR_SUCCESS) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, "cannot list the keys");
    }
    return APR_SUCCESS;
}

static apr_status_t dbm_each(hostmap_file *file, hostmap_each_fn *fn,
                             void *baton, apr_pool_t *pool,
                             hostmap_reason *why)
{
    apr_pool_t *scratch;
    apr_dbm_t *dbm;
    apr_file_t *lock;
    apr_status_t rv;

    apr_pool_create(&scratch, pool);
    rv = dbm_open_wait(file, &dbm, &lock, scratch, why);
    if (rv == APR_SUCCESS) {
        rv = dbm_each_opened(dbm, fn, baton, why);
        dbm_close_all(dbm, lock);
    }
    apr_pool_destroy(scratch);
    return rv;
}

/* ---- writing ----------------------------------------------------------- */

static apr_status_t dbm_hold(const hostmap_file *file, apr_file_t **lock,
                             apr_pool_t *pool, hostmap_reason *why)
{
    apr_time_t deadline = apr_time_now() + hostmap_busy_wait;
    apr_status_t rv;

    while ((rv = dbm_lock_try(file, lock, pool, why)) == HOSTMAP_EBUSY
           && apr_time_now() + BUSY_POLL < deadline) {
        apr_sleep(BUSY_POLL);
    }
    return rv;
}

/* sdbm: PAIRMAX of APR; the limits of key and value bound the other types. */
#define SDBM_PAIR_MAX 1008

typedef struct dbm_out {
    const hostmap_provider *provider;
    const char *path;
    apr_pool_t *pool;
    apr_dbm_t *dbm;
    apr_int64_t entries;
    /* the value that get() returned */
    apr_datum_t given;
    unsigned puts;
    /* sdbm: its .dir, and the size that it had */
    const char *dir;
    off_t dir_size;
} dbm_out;

static apr_status_t dbm_count_entry(void *baton, hostmap_str key,
                                    hostmap_str value)
{
    (void)key;
    (void)value;
    ++*(apr_int64_t *)baton;
    return APR_SUCCESS;
}

static apr_status_t dbm_out_open(dbm_out *out, apr_int32_t mode,
                                 hostmap_reason *why)
{
    apr_status_t rv;

    rv = apr_dbm_open_ex(&out->dbm, out->provider->name, out->path, mode,
                         APR_FPROT_UREAD | APR_FPROT_UWRITE, out->pool);
    if (rv != APR_SUCCESS) {
        out->dbm = NULL;
        return hostmap_fail(why, rv, "the %s library cannot open %s",
                            out->provider->name, out->path);
    }
    return APR_SUCCESS;
}

/* APR's sdbm keeps the number of bits of the .dir in memory, and gets it wrong
 * when a split sets a bit more than one block after the end: later pages are
 * then not found, and entries are stored in wrong places.  Opening corrects it,
 * so reopen it each time the .dir has grown. */
static apr_status_t dbm_refresh_sdbm(dbm_out *out, hostmap_reason *why)
{
    struct stat st;

    if (!out->dir || stat(out->dir, &st) != 0 || st.st_size == out->dir_size) {
        return APR_SUCCESS;
    }
    out->dir_size = st.st_size;
    apr_dbm_close(out->dbm);
    return dbm_out_open(out, APR_DBM_READWRITE, why);
}

static dbm_out *dbm_out_create(const hostmap_spec *spec, apr_pool_t *pool)
{
    dbm_out *out = apr_pcalloc(pool, sizeof(*out));

    out->provider = spec->provider;
    out->path = spec->path;
    out->pool = pool;
    if (spec->provider->format == HOSTMAP_SDBM) {
        out->dir = apr_pstrcat(pool, spec->path, ".dir", NULL);
    }
    return out;
}

static apr_status_t dbm_create(void **result, const hostmap_spec *spec,
                               apr_pool_t *pool, hostmap_reason *why)
{
    dbm_out *out = dbm_out_create(spec, pool);

    *result = out;
    return dbm_out_open(out, APR_DBM_RWTRUNC, why);
}

static apr_status_t dbm_each_key(void *baton, hostmap_str from,
                                 hostmap_key_fn *fn, void *fn_baton,
                                 hostmap_reason *why)
{
    dbm_out *out = baton;
    apr_datum_t k;
    apr_status_t rv;
    int enough = 0;

    (void)from;
    rv = apr_dbm_firstkey(out->dbm, &k);
    if (APR_STATUS_IS_EOF(rv)) {
        /* an sdbm without a page */
        return APR_SUCCESS;
    }
    while (rv == APR_SUCCESS && k.dptr && !enough) {
        apr_datum_t last = k;

        enough = fn(fn_baton, hostmap_str_of(k.dptr, k.dsize));
        rv = apr_dbm_nextkey(out->dbm, &k);
        apr_dbm_freedatum(out->dbm, last);
    }
    if (rv != APR_SUCCESS) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, "cannot list the keys");
    }
    if (k.dptr) {
        apr_dbm_freedatum(out->dbm, k);
    }
    return APR_SUCCESS;
}

/* hostmap_key_fn */
static int dbm_count_key(void *baton, hostmap_str key)
{
    dbm_out *out = baton;

    (void)key;
    out->entries++;
    return 0;
}

/* Counts the entries, so that dbm_finish() can tell whether all are on the
 * disk. */
static apr_status_t dbm_change(void **result, const hostmap_spec *spec,
                               apr_pool_t *pool, hostmap_reason *why)
{
    dbm_out *out = dbm_out_create(spec, pool);
    struct stat st;
    apr_status_t rv;

    *result = out;
    if (out->dir && stat(out->dir, &st) == 0) {
        out->dir_size = st.st_size;
    }
    rv = dbm_out_open(out, APR_DBM_READWRITE, why);
    if (rv == APR_SUCCESS) {
        rv = dbm_each_key(out, hostmap_str_of(NULL, 0), dbm_count_key, out,
                          why);
        if (rv != APR_SUCCESS) {
            apr_dbm_close(out->dbm);
        }
    }
    return rv;
}

static void dbm_given_free(dbm_out *out)
{
    if (out->given.dptr) {
        apr_dbm_freedatum(out->dbm, out->given);
        out->given.dptr = NULL;
    }
}

static apr_status_t dbm_get(void *baton, hostmap_str *value, hostmap_str key,
                            hostmap_reason *why)
{
    dbm_out *out = baton;
    apr_status_t rv;

    dbm_given_free(out);
    rv = apr_dbm_fetch(out->dbm, dbm_datum(key), &out->given);
    if (rv != APR_SUCCESS) {
        out->given.dptr = NULL;
        return hostmap_fail(why, rv, "cannot look up");
    }
    if (!out->given.dptr) {
        return APR_NOTFOUND;
    }
    *value = hostmap_str_of(out->given.dptr, out->given.dsize);
    return APR_SUCCESS;
}

static apr_status_t dbm_remove(void *baton, hostmap_str key,
                               hostmap_reason *why)
{
    dbm_out *out = baton;
    apr_datum_t k = dbm_datum(key);
    apr_status_t rv;

    dbm_given_free(out);
    if (!apr_dbm_exists(out->dbm, k)) {
        return APR_NOTFOUND;
    }
    out->entries--;
    rv = apr_dbm_delete(out->dbm, k);
    return rv == APR_SUCCESS ? rv : hostmap_fail(why, rv, "cannot remove");
}

static apr_status_t dbm_put(void *baton, hostmap_str key, hostmap_str value,
                            hostmap_reason *why)
{
    dbm_out *out = baton;
    apr_datum_t k = dbm_datum(key);
    apr_status_t rv;

    dbm_given_free(out);
    if (out->provider->format == HOSTMAP_DB
        && ++out->puts % DB_LOOK_AFTER == 0
        && hostmap_disk_has_less(out->path, DB_ROOM)) {
        return hostmap_fail(why, APR_ENOSPC, "cannot write %s", out->path);
    }
    if (!apr_dbm_exists(out->dbm, k)) {
        out->entries++;
    }
    rv = apr_dbm_store(out->dbm, k, dbm_datum(value));
    if (rv != APR_SUCCESS) {
        return hostmap_fail(why, rv, "cannot store");
    }
    return dbm_refresh_sdbm(out, why);
}

/* apr_dbm_close() has no result, and gdbm and db write there what they have
 * kept in memory: to detect a full disk, read back what was written. */
static apr_status_t dbm_finish(void *baton, int keep, hostmap_reason *why)
{
    dbm_out *out = baton;
    apr_int64_t entries = 0;
    apr_status_t rv;

    if (out->dbm) {
        dbm_given_free(out);
        apr_dbm_close(out->dbm);
    }
    if (!keep) {
        return APR_SUCCESS;
    }
    rv = dbm_out_open(out, APR_DBM_READONLY, why);
    if (rv == APR_SUCCESS) {
        rv = dbm_each_opened(out->dbm, dbm_count_entry, &entries, why);
        apr_dbm_close(out->dbm);
    }
    if (rv == APR_SUCCESS && entries != out->entries) {
        rv = hostmap_fail(why, HOSTMAP_EFORMAT, "%" APR_INT64_T_FMT
                          " entries can be read back of %" APR_INT64_T_FMT
                          " stored (disk full?)", entries, out->entries);
    }
    return rv;
}

#define DBM_PROVIDER(type, format, pair_max) \
const hostmap_provider hostmap_provider_##type = { \
    #type, \
    format, \
    0, \
    pair_max, \
    dbm_open, \
    dbm_fetch, \
    dbm_each, \
    dbm_stat, \
    dbm_close, \
    dbm_recall, \
    NULL, \
    NULL, \
    NULL, \
    NULL, \
    dbm_hold, \
    dbm_create, \
    dbm_change, \
    dbm_put, \
    dbm_get, \
    dbm_each_key, \
    dbm_remove, \
    dbm_finish \
}

DBM_PROVIDER(sdbm, HOSTMAP_SDBM, SDBM_PAIR_MAX);
DBM_PROVIDER(gdbm, HOSTMAP_GDBM, 0);
DBM_PROVIDER(ndbm, HOSTMAP_NDBM, SDBM_PAIR_MAX);
DBM_PROVIDER(db, HOSTMAP_DB, 0);
