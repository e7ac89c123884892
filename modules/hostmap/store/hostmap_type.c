/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_type.c
 * @brief The types of maps, the names of their files, how to detect a type, and
 *        the faults that can be seen without reading a file.
 */

#include "hostmap_provider.h"

#include "apr_cstr.h"
#include "apr_dbm.h"
#include "apr_file_io.h"
#include "apr_strings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SDBM_PAGE_SIZE 1024

const hostmap_provider *const hostmap_providers[] = {
    &hostmap_provider_lmdb,
    &hostmap_provider_sdbm,
    &hostmap_provider_gdbm,
    &hostmap_provider_ndbm,
    &hostmap_provider_db,
    NULL
};

const char *const hostmap_type_names[] = {
    "lmdb", "sdbm", "gdbm", "ndbm", "db", NULL
};

apr_status_t hostmap_fail(hostmap_reason *why, apr_status_t rv,
                          const char *format, ...)
{
    va_list ap;
    apr_size_t len;

    if (!why) {
        return rv;
    }
    va_start(ap, format);
    apr_vsnprintf(why->text, sizeof(why->text), format, ap);
    va_end(ap);
    if (rv < APR_OS_START_USERERR || rv >= APR_OS_START_EAIERR) {
        len = strlen(why->text);
        if (len + 3 < sizeof(why->text)) {
            memcpy(why->text + len, ": ", 3);
            apr_strerror(rv, why->text + len + 2,
                         sizeof(why->text) - len - 2);
        }
    }
    return rv;
}

static const hostmap_provider *type_find(const char *name)
{
    int i;

    for (i = 0; hostmap_providers[i]; i++) {
        if (apr_cstr_casecmp(hostmap_providers[i]->name, name) == 0) {
            return hostmap_providers[i];
        }
    }
    return NULL;
}

apr_size_t hostmap_type_pair_max(const char *type)
{
    const hostmap_provider *provider = type_find(type);

    return provider ? provider->pair_max : 0;
}

apr_status_t hostmap_names_of(hostmap_names *names,
                              const hostmap_provider *provider,
                              const char *path, apr_pool_t *pool,
                              hostmap_reason *why)
{
    const char *first = path, *second = NULL;
    apr_status_t rv;

    if (provider != &hostmap_provider_lmdb) {
        rv = apr_dbm_get_usednames_ex(pool, provider->name, path,
                                      &first, &second);
        if (rv != APR_SUCCESS) {
            return hostmap_fail(why, HOSTMAP_ENODRIVER, "this system's "
                                "APR-util has no driver for type %s "
                                "(it may be in another package)",
                                provider->name);
        }
    }
    /* APR names the .dir first, but the .pag holds the entries. */
    names->main = second ? second : first;
    names->second = second ? first : NULL;
    return APR_SUCCESS;
}

static apr_status_t type_stat_regular(apr_finfo_t *info, const char *name,
                                      apr_pool_t *pool, hostmap_reason *why)
{
    apr_status_t rv;

    rv = apr_stat(info, name, APR_FINFO_TYPE | APR_FINFO_IDENT
                  | APR_FINFO_MTIME | APR_FINFO_SIZE, pool);
    if (rv != APR_SUCCESS && rv != APR_INCOMPLETE) {
        return hostmap_fail(why, rv, "cannot open %s", name);
    }
    if (info->filetype != APR_REG) {
        return hostmap_fail(why, HOSTMAP_EFORMAT,
                            "%s is not a regular file", name);
    }
    return APR_SUCCESS;
}

apr_status_t hostmap_id_of(hostmap_id *id, const hostmap_names *names,
                           apr_pool_t *pool, hostmap_reason *why)
{
    apr_finfo_t info;
    apr_status_t rv;

    rv = type_stat_regular(&info, names->main, pool, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    id->device = info.device;
    id->inode = info.inode;
    id->inode2 = 0;
    id->mtime = info.mtime;
    id->size = info.size;
    if (names->second) {
        rv = type_stat_regular(&info, names->second, pool, why);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        id->inode2 = info.inode;
        id->size += info.size;
        if (info.mtime > id->mtime) {
            id->mtime = info.mtime;
        }
    }
    return APR_SUCCESS;
}

int hostmap_id_equal(const hostmap_id *a, const hostmap_id *b)
{
    return a->device == b->device && a->inode == b->inode
           && a->inode2 == b->inode2 && a->mtime == b->mtime
           && a->size == b->size;
}

/* ---- magic bytes ------------------------------------------------------- */

static apr_uint32_t type_u32_at(const unsigned char *bytes, apr_size_t at)
{
    apr_uint32_t value;

    memcpy(&value, bytes + at, sizeof(value));
    return value;
}

static apr_uint32_t type_swap32(apr_uint32_t v)
{
    return (v >> 24) | ((v >> 8) & 0xff00) | ((v << 8) & 0xff0000)
           | (v << 24);
}

/* gdbm: the first word; Berkeley DB: the fourth; LMDB: the first of the meta
 * data, after the page header of 16 bytes (12 on 32-bit systems). */
static const hostmap_provider *type_of_magic(const unsigned char *head)
{
    static const apr_uint32_t gdbm_magic[] = {
        0x13579acd, 0x13579ace, 0x13579acf, 0x13579ad0, 0x13579ad1, 0
    };
    static const apr_uint32_t db_magic[] = {
        0x00061561 /* hash */, 0x00053162 /* btree */, 0x00042253, 0
    };
    apr_uint32_t word;
    int i;

    if (type_u32_at(head, 16) == 0xbeefc0de
        || type_u32_at(head, 12) == 0xbeefc0de) {
        return &hostmap_provider_lmdb;
    }
    word = type_u32_at(head, 0);
    for (i = 0; gdbm_magic[i]; i++) {
        if (word == gdbm_magic[i] || type_swap32(word) == gdbm_magic[i]) {
            return &hostmap_provider_gdbm;
        }
    }
    word = type_u32_at(head, 12);
    for (i = 0; db_magic[i]; i++) {
        if (word == db_magic[i] || type_swap32(word) == db_magic[i]) {
            return &hostmap_provider_db;
        }
    }
    return NULL;
}

static apr_status_t type_read_head(unsigned char head[64], apr_size_t *len,
                                   const char *name, apr_pool_t *pool,
                                   hostmap_reason *why)
{
    apr_file_t *file;
    apr_status_t rv;

    memset(head, 0, 64);
    *len = 0;
    rv = apr_file_open(&file, name, APR_FOPEN_READ | APR_FOPEN_BINARY,
                       APR_OS_DEFAULT, pool);
    if (rv != APR_SUCCESS) {
        return hostmap_fail(why, rv, "cannot open %s", name);
    }
    rv = apr_file_read_full(file, head, 64, len);
    apr_file_close(file);
    if (rv != APR_SUCCESS && !APR_STATUS_IS_EOF(rv)) {
        return hostmap_fail(why, rv, "cannot read %s", name);
    }
    return APR_SUCCESS;
}

static int type_has_sdbm_files(const char *path, apr_pool_t *pool)
{
    apr_finfo_t info;

    return apr_stat(&info, apr_pstrcat(pool, path, ".pag", NULL),
                    APR_FINFO_TYPE, pool) == APR_SUCCESS
           || apr_stat(&info, apr_pstrcat(pool, path, ".dir", NULL),
                       APR_FINFO_TYPE, pool) == APR_SUCCESS;
}

/* Detects the type of the file. */
static apr_status_t type_seen(const hostmap_provider **provider,
                              const char *path, apr_pool_t *pool,
                              hostmap_reason *why)
{
    unsigned char head[64];
    apr_finfo_t info;
    apr_size_t len;
    apr_status_t rv;

    rv = type_stat_regular(&info, path, pool, why);
    if (APR_STATUS_IS_ENOENT(rv) && type_has_sdbm_files(path, pool)) {
        *provider = &hostmap_provider_sdbm;
        return APR_SUCCESS;
    }
    if (rv == APR_SUCCESS) {
        rv = type_read_head(head, &len, path, pool, why);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *provider = type_of_magic(head);
    if (!*provider) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, len ? "not a map: no magic "
                            "bytes of lmdb, gdbm or db, no .pag and .dir of "
                            "sdbm"
                            : "not a map: an empty file");
    }
    return APR_SUCCESS;
}

apr_status_t hostmap_provider_of(const hostmap_provider **provider,
                                 const char *path, const char *wanted,
                                 apr_pool_t *pool, hostmap_reason *why)
{
    if (!wanted || apr_cstr_casecmp(wanted, "default") == 0) {
        return type_seen(provider, path, pool, why);
    }
    *provider = type_find(wanted);
    if (!*provider) {
        return hostmap_fail(why, HOSTMAP_ETYPE, "no map type `%.64s`: "
                            "expected lmdb, sdbm, gdbm, ndbm, db or "
                            "default", wanted);
    }
    return APR_SUCCESS;
}

apr_status_t hostmap_type_of(const char **type, const char *path,
                             const char *wanted, apr_pool_t *pool,
                             hostmap_reason *why)
{
    const hostmap_provider *provider;
    hostmap_names names;
    apr_status_t rv;

    rv = hostmap_provider_of(&provider, path, wanted, pool, why);
    if (rv == APR_SUCCESS) {
        rv = hostmap_names_of(&names, provider, path, pool, why);
    }
    if (rv == APR_SUCCESS) {
        *type = provider->name;
    }
    return rv;
}

static apr_status_t type_default_in(const hostmap_provider **provider,
                                    const char *folder, apr_pool_t *pool,
                                    hostmap_reason *why)
{
    const char *path = apr_pstrcat(pool, folder, "/map", NULL);
    const char *first, *second = NULL;
    apr_dbm_t *dbm;
    apr_status_t rv;

    rv = apr_dbm_open_ex(&dbm, "default", path, APR_DBM_RWCREATE,
                         APR_FPROT_UREAD | APR_FPROT_UWRITE, pool);
    if (rv != APR_SUCCESS) {
        return hostmap_fail(why, rv,
                            "cannot create a map of APR's default type");
    }
    apr_dbm_close(dbm);
    rv = type_seen(provider, path, pool, why);
    if (apr_dbm_get_usednames_ex(pool, "default", path, &first, &second)
        == APR_SUCCESS) {
        apr_file_remove(first, pool);
        if (second) {
            apr_file_remove(second, pool);
        }
    }
    return rv;
}

apr_status_t hostmap_type_default(const char **type, apr_pool_t *pool,
                                  hostmap_reason *why)
{
    const hostmap_provider *provider;
    const char *tmp;
    char *folder;
    apr_status_t rv;

    rv = apr_temp_dir_get(&tmp, pool);
    if (rv != APR_SUCCESS) {
        return hostmap_fail(why, rv,
                            "cannot find the folder for temporary files");
    }
    folder = apr_pstrcat(pool, tmp, "/hostmap-XXXXXX", NULL);
    if (!mkdtemp(folder)) {
        return hostmap_fail(why, apr_get_os_error(),
                            "cannot create a folder in %s", tmp);
    }
    rv = type_default_in(&provider, folder, pool, why);
    apr_dir_remove(folder, pool);
    if (rv == APR_SUCCESS) {
        *type = provider->name;
    }
    return rv;
}

/* ---- cheap checks ------------------------------------------------------ */

/* The number of pages that the .pag needs according to the .dir, which has a
 * bit for every split page, in heap order: the page that it was split into has
 * to exist.  A look-up in a file that was cut before that page would be a
 * miss. */
static apr_off_t type_sdbm_pages(const unsigned char *bits, apr_size_t len)
{
    apr_off_t pages = 0;
    apr_size_t i;

    for (i = 0; i < len * 8; i++) {
        apr_off_t page, at;
        int depth = 0, level;

        if (!(bits[i / 8] & (1 << (i % 8)))) {
            continue;
        }
        while (((apr_size_t)2 << depth) - 1 <= i) {
            depth++;
        }
        at = i - (((apr_size_t)1 << depth) - 1);
        page = (apr_off_t)1 << depth;
        for (level = 0; level < depth; level++) {
            page |= ((at >> (depth - 1 - level)) & 1) << level;
        }
        if (page >= pages) {
            pages = page + 1;
        }
    }
    return pages;
}

int hostmap_is_half_placed(const hostmap_names *names,
                           const hostmap_names *made)
{
    struct stat pag, dir, in_place;

    /* A writer sets the rights of the .dir after those of the .pag: files that
     * others left, or of which they removed one, have other times. */
    return names->second && lstat(made->main, &pag) == 0
           && S_ISREG(pag.st_mode) && pag.st_size > 0
           && lstat(made->second, &dir) != 0 && errno == ENOENT
           && stat(names->second, &in_place) == 0
           && (in_place.st_ctim.tv_sec > pag.st_ctim.tv_sec
               || (in_place.st_ctim.tv_sec == pag.st_ctim.tv_sec
                   && in_place.st_ctim.tv_nsec >= pag.st_ctim.tv_nsec));
}

/* The same for a reader, which knows only the names of the map. */
static int type_is_half_placed(const hostmap_names *names, apr_pool_t *pool)
{
    char *real = realpath(names->main, NULL);
    hostmap_names made;
    char *end = real ? strrchr(real, '.') : NULL;

    if (!end) {
        free(real);
        return 0;
    }
    *end = '\0';
    made.main = apr_pstrcat(pool, real, HOSTMAP_NEW ".pag", NULL);
    made.second = apr_pstrcat(pool, real, HOSTMAP_NEW ".dir", NULL);
    free(real);
    return hostmap_is_half_placed(names, &made);
}

static apr_status_t type_check_sdbm(const hostmap_names *names,
                                    apr_pool_t *pool, hostmap_reason *why)
{
    apr_finfo_t pag, dir;
    apr_file_t *file;
    unsigned char *bits;
    apr_size_t len;
    apr_status_t rv;

    rv = type_stat_regular(&pag, names->main, pool, why);
    if (rv == APR_SUCCESS) {
        rv = type_stat_regular(&dir, names->second, pool, why);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (type_is_half_placed(names, pool)) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, "%s does not belong to "
                            "%s: hostmap was killed while it replaced them; "
                            "its next build or change completes that",
                            names->main, names->second);
    }
    if (pag.size % SDBM_PAGE_SIZE != 0) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, "%s is cut short or not "
                            "sdbm: %" APR_OFF_T_FMT " bytes, expected a "
                            "multiple of %d", names->main, pag.size,
                            SDBM_PAGE_SIZE);
    }
    rv = apr_file_open(&file, names->second, APR_FOPEN_READ, APR_OS_DEFAULT,
                       pool);
    if (rv != APR_SUCCESS) {
        return hostmap_fail(why, rv, "cannot open %s", names->second);
    }
    bits = apr_palloc(pool, (apr_size_t)dir.size + 1);
    rv = apr_file_read_full(file, bits, (apr_size_t)dir.size, &len);
    apr_file_close(file);
    if (rv != APR_SUCCESS && !APR_STATUS_IS_EOF(rv)) {
        return hostmap_fail(why, rv, "cannot read %s", names->second);
    }
    if (type_sdbm_pages(bits, len) * SDBM_PAGE_SIZE > pag.size) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, "%s is cut short, or does "
                            "not belong to %s", names->main, names->second);
    }
    return APR_SUCCESS;
}

static apr_status_t type_check_length(const char *name, apr_off_t size,
                                      apr_uint64_t expected,
                                      hostmap_reason *why)
{
    if ((apr_uint64_t)size < expected) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, "%s is cut short: %"
                            APR_OFF_T_FMT " bytes, expected %"
                            APR_UINT64_T_FMT, name, size, expected);
    }
    return APR_SUCCESS;
}

/* gdbm and db have the length of the file in their first page.  Files of the
 * other byte order are left to the library that reads them. */
static apr_status_t type_check_head(const hostmap_provider *provider,
                                    const hostmap_names *names,
                                    const hostmap_id *id, apr_pool_t *pool,
                                    hostmap_reason *why)
{
    unsigned char head[64];
    apr_uint64_t end;
    apr_size_t len;
    apr_status_t rv;

    rv = type_read_head(head, &len, names->main, pool, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (type_of_magic(head) != provider) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, len ? "not of type %s"
                            : "not of type %s: an empty file",
                            provider->name);
    }
    if (provider == &hostmap_provider_gdbm
        && type_u32_at(head, 0) == 0x13579acf) {
        memcpy(&end, head + 32, sizeof(end));
        return type_check_length(names->main, id->size, end, why);
    }
    if (provider == &hostmap_provider_db
        && type_u32_at(head, 12) < 0x01000000) {
        end = ((apr_uint64_t)type_u32_at(head, 32) + 1) * type_u32_at(head, 20);
        return type_check_length(names->main, id->size, end, why);
    }
    return APR_SUCCESS;
}

apr_status_t hostmap_magic_check(const hostmap_file *file, apr_pool_t *pool,
                                 hostmap_reason *why)
{
    if (file->provider == &hostmap_provider_sdbm) {
        return type_check_sdbm(&file->names, pool, why);
    }
    if (file->provider == &hostmap_provider_ndbm) {
        return APR_SUCCESS;
    }
    return type_check_head(file->provider, &file->names, &file->id, pool, why);
}
