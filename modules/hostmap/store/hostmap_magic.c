/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file hostmap_magic.c
 * @brief How files tell their type, and the faults that can be seen without
 *        reading them: the bytes at their beginning, and their lengths.
 */

#include "hostmap_provider.h"

#include <string.h>

#define SDBM_PAGE_SIZE 1024

/* ---- magic bytes ------------------------------------------------------- */

static apr_uint32_t magic_u32_at(const unsigned char *bytes, apr_size_t at)
{
    apr_uint32_t value;

    memcpy(&value, bytes + at, sizeof(value));
    return value;
}

static apr_uint32_t magic_swap32(apr_uint32_t v)
{
    return (v >> 24) | ((v >> 8) & 0xff00) | ((v << 8) & 0xff0000)
           | (v << 24);
}

/* gdbm: the first word; Berkeley DB: the fourth; LMDB: the first of the meta
 * data, after the page header of 16 bytes (12 on 32-bit systems). */
static hostmap_format magic_of(const unsigned char *head)
{
    static const apr_uint32_t gdbm_magic[] = {
        0x13579acd, 0x13579ace, 0x13579acf, 0x13579ad0, 0x13579ad1, 0
    };
    static const apr_uint32_t db_magic[] = {
        0x00061561 /* hash */, 0x00053162 /* btree */, 0x00042253, 0
    };
    apr_uint32_t word;
    int i;

    if (magic_u32_at(head, 16) == 0xbeefc0de
        || magic_u32_at(head, 12) == 0xbeefc0de) {
        return HOSTMAP_LMDB;
    }
    word = magic_u32_at(head, 0);
    for (i = 0; gdbm_magic[i]; i++) {
        if (word == gdbm_magic[i] || magic_swap32(word) == gdbm_magic[i]) {
            return HOSTMAP_GDBM;
        }
    }
    word = magic_u32_at(head, 12);
    for (i = 0; db_magic[i]; i++) {
        if (word == db_magic[i] || magic_swap32(word) == db_magic[i]) {
            return HOSTMAP_DB;
        }
    }
    return HOSTMAP_NO_FORMAT;
}

static apr_status_t magic_read_head(unsigned char head[64], apr_size_t *len,
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

apr_status_t hostmap_magic_read(hostmap_format *format, const char *name,
                                apr_pool_t *pool, hostmap_reason *why)
{
    unsigned char head[64];
    apr_size_t len;
    apr_status_t rv;

    rv = magic_read_head(head, &len, name, pool, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *format = magic_of(head);
    if (*format == HOSTMAP_NO_FORMAT) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, len ? "not a map: no magic "
                            "bytes of lmdb, gdbm or db, no .pag and .dir of "
                            "sdbm" : "not a map: an empty file");
    }
    return APR_SUCCESS;
}

/* ---- faults ------------------------------------------------------------ */

/* The number of pages that the .pag needs according to the .dir, which has a
 * bit for every split page, in heap order: the page that it was split into has
 * to exist.  A look-up in a file that was cut before that page would be a
 * miss. */
static apr_off_t magic_sdbm_pages(const unsigned char *bits, apr_size_t len)
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

static apr_status_t magic_check_sdbm(const hostmap_names *names,
                                    apr_pool_t *pool, hostmap_reason *why)
{
    apr_finfo_t pag, dir;
    apr_file_t *file;
    unsigned char *bits;
    apr_size_t len;
    apr_status_t rv;

    rv = hostmap_stat_regular(&pag, names->main, pool, why);
    if (rv == APR_SUCCESS) {
        rv = hostmap_stat_regular(&dir, names->second, pool, why);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (hostmap_is_half_seen(names, pool)) {
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
    if (magic_sdbm_pages(bits, len) * SDBM_PAGE_SIZE > pag.size) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, "%s is cut short, or does "
                            "not belong to %s", names->main, names->second);
    }
    return APR_SUCCESS;
}

static apr_status_t magic_check_length(const char *name, apr_off_t size,
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
static apr_status_t magic_check_head(const hostmap_provider *provider,
                                    const hostmap_names *names,
                                    const hostmap_id *id, apr_pool_t *pool,
                                    hostmap_reason *why)
{
    unsigned char head[64];
    apr_uint64_t end;
    apr_size_t len;
    apr_status_t rv;

    rv = magic_read_head(head, &len, names->main, pool, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (magic_of(head) != provider->format) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, len ? "not of type %s"
                            : "not of type %s: an empty file",
                            provider->name);
    }
    if (provider->format == HOSTMAP_GDBM
        && magic_u32_at(head, 0) == 0x13579acf) {
        memcpy(&end, head + 32, sizeof(end));
        return magic_check_length(names->main, id->size, end, why);
    }
    if (provider->format == HOSTMAP_DB
        && magic_u32_at(head, 12) < 0x01000000) {
        end = ((apr_uint64_t)magic_u32_at(head, 32) + 1)
              * magic_u32_at(head, 20);
        return magic_check_length(names->main, id->size, end, why);
    }
    return APR_SUCCESS;
}

apr_status_t hostmap_magic_check(const hostmap_file *file, apr_pool_t *pool,
                                 hostmap_reason *why)
{
    if (file->provider->format == HOSTMAP_SDBM) {
        return magic_check_sdbm(&file->names, pool, why);
    }
    if (file->provider->format == HOSTMAP_NDBM) {
        return APR_SUCCESS;
    }
    return magic_check_head(file->provider, &file->names, &file->id, pool, why);
}
